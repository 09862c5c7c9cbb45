//! What stands between a store and us: TLS with authorities of one's own, encryption at rest, tags, and the parts of tenants.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use casefile::config::{BundleExporter, ClientTls, EncryptionKind, RawExporter, Secret, ServerSideEncryption};
use casefile::exporter::{Created, Store};
use casefile::model::Tenant;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::certificates::Authority;
use crate::servers::S3;

fn exporter(url: &str, endpoint: &str, access: &str, secret: &str) -> BundleExporter {
    let options = [
        ("aws_endpoint", endpoint),
        ("aws_access_key_id", access),
        ("aws_secret_access_key", secret),
        ("aws_region", "us-east-1"),
        ("aws_allow_http", "true"),
    ];
    let options = options.into_iter().map(|(key, value)| (key.to_owned(), Secret::new(value))).collect();
    BundleExporter { url: url.to_owned(), options, ..BundleExporter::default() }
}

fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([("team".to_owned(), "repair agents".to_owned()), ("cost".to_owned(), "42".to_owned())])
}

/// Whether a file under `folder` holds `text`.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holds(&path, text)
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text)
        }
    })
}

#[tokio::test]
async fn an_s3_server_behind_tls_is_trusted_by_its_authority_and_keeps_tags() {
    let authority = Authority::new();
    let pair = authority.sign("127.0.0.1");
    let server = S3::start_behind(Some((&pair.certificate, &pair.key)));
    let url = format!("s3://{}/prefix", server.bucket);
    let mut config = exporter(&url, &server.endpoint, &server.access_key, &server.secret_key);
    config.tags = tags();
    config.tls = Some(ClientTls { ca_pem: Some(Secret::new(authority.certificate())), ..ClientTls::default() });
    let store = Store::open(&url, config.client()).unwrap();
    let body = Bytes::from_static(b"one");
    assert_eq!(store.create("a/one.json", body.clone()).await.unwrap(), Created::Stored);
    store.replace("a/two.json", body.clone()).await.unwrap();
    assert_eq!(store.get("a/two.json").await.unwrap(), Some(body));
    assert!(holds(&server.sidecar(), "repair agents"), "the tags are stored");

    config.tls = Some(ClientTls { ca_pem: Some(Secret::new(Authority::new().certificate())), ..ClientTls::default() });
    let store = Store::open(&url, config.client()).unwrap();
    assert!(store.get("a/one.json").await.is_err(), "another authority vouches for nothing");
    config.tls = Some(ClientTls { insecure_skip_verify: true, ..ClientTls::default() });
    assert!(Store::open(&url, config.client()).unwrap().get("a/one.json").await.unwrap().is_some());
    let named = ClientTls {
        ca_pem: Some(Secret::new(authority.certificate())),
        server_name_override: Some("somebody.else".to_owned()),
        ..ClientTls::default()
    };
    config.tls = Some(named);
    let store = Store::open(&url, config.client()).unwrap();
    assert!(store.get("a/one.json").await.is_err(), "the certificate is for another name");
}

#[tokio::test]
async fn every_object_asks_for_its_key_and_carries_its_tags() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(header("x-amz-server-side-encryption", "aws:kms"))
        .and(header("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu:1:key/7"))
        .and(header("x-amz-server-side-encryption-bucket-key-enabled", "true"))
        .and(header("x-amz-tagging", "cost=42&team=repair+agents"))
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"e\""))
        .expect(3)
        .mount(&server)
        .await;
    let mut config = exporter("s3://b/prefix", &server.uri(), "x", "y");
    config.tags = tags();
    config.sse = Some(ServerSideEncryption {
        kind: EncryptionKind::Kms,
        kms_key_id: Some("arn:aws:kms:eu:1:key/7".to_owned()),
        bucket_key_enabled: true,
    });
    let store = Store::open(&config.url, config.client()).unwrap();
    store.create("a/one.json", Bytes::from_static(b"one")).await.unwrap();
    store.replace("a/two.json", Bytes::from_static(b"two")).await.unwrap();
    let raw = RawExporter {
        options: config.options.clone(),
        tags: tags(),
        sse: config.sse.clone(),
        ..RawExporter::default()
    };
    let store = Store::open("s3://b/raw", raw.client()).unwrap();
    store.create("a/raw", Bytes::from_static(b"raw")).await.unwrap();
}

#[tokio::test]
async fn a_tenants_part_is_its_own() {
    let store = Store::in_memory();
    let (acme, globex) = (store.of_tenant(&Tenant::new("acme")), store.of_tenant(&Tenant::new("globex")));
    acme.create("a/one.json", Bytes::from_static(b"acme")).await.unwrap();
    assert_eq!(globex.create("a/one.json", Bytes::from_static(b"globex")).await.unwrap(), Created::Stored);
    assert_eq!(acme.get("a/one.json").await.unwrap(), Some(Bytes::from_static(b"acme")));
    assert_eq!(store.get("a/one.json").await.unwrap(), None);
    let whole = store.get("tenants/globex/a/one.json").await.unwrap();
    assert_eq!(whole, Some(Bytes::from_static(b"globex")), "where rules of buckets can tell them apart");
    let default = store.of_tenant(&Tenant::default());
    assert_eq!(default.create("a/one.json", Bytes::from_static(b"default")).await.unwrap(), Created::Stored);
    assert!(store.get("a/one.json").await.unwrap().is_some(), "the default tenant's is where it always was");
}
