//! One suite for every store that bundles are written to: memory, a folder, a real S3 server, a real GCS server.
//!
//! Guarantees: a created object is never changed by a second creation; a look back tells "mine" from "another's"; names
//! come back from listings as they were given; and a case that is written, written again and followed by a late record
//! ends as one bundle and one amendment, counted once, and goes whole when its time is over.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod case;
#[path = "../support/certificates.rs"]
mod certificates;
mod edges;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support"]
mod support {
    pub(crate) mod ports;
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casefile::bundle::{Envelope, Signer, Verifier, digest_of, names, unpack};
use casefile::config::{BundleExporter, Compression, Secret, StoreClient};
use casefile::exporter::{BundleWriter, Collected, Created, Listed, Retention, Store, Written, collect};
use casefile::model::{ManifestKind, Timestamp};
use casefile::telemetry::Clock;
use futures::TryStreamExt;

use crate::servers::{Gcs, S3};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn memory_keeps_the_contract() {
    store_conformance(Store::in_memory()).await;
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}/new/store", folder.path().display());
    store_conformance(Store::open(&url, StoreClient::plain(&BTreeMap::new(), TIMEOUT)).unwrap()).await;
}

#[tokio::test]
async fn an_s3_server_keeps_the_contract() {
    let server = S3::start();
    let options = [
        ("aws_endpoint", server.endpoint.as_str()),
        ("aws_access_key_id", &server.access_key),
        ("aws_secret_access_key", &server.secret_key),
        ("aws_region", "us-east-1"),
        ("aws_allow_http", "true"),
    ];
    store_conformance(open(&format!("s3://{}/some/prefix", server.bucket), &options)).await;
}

#[tokio::test]
async fn a_gcs_server_keeps_the_contract() {
    let server = Gcs::start();
    let account = server.service_account_json.display().to_string();
    let options = [("google_service_account", account.as_str())];
    store_conformance(open(&format!("gs://{}/some/prefix", server.bucket), &options)).await;
}

fn open(url: &str, options: &[(&str, &str)]) -> Store {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), Secret::new(*value))).collect();
    Store::open(url, StoreClient::plain(&options, TIMEOUT)).unwrap()
}

/// What every store must do.
async fn store_conformance(store: Store) {
    objects(&store).await;
    cases(&store, Compression::Zstd, "acme").await;
    cases(&store, Compression::None, "../%2e%2e/é\u{0}").await;
    retention(&store).await;
}

async fn objects(store: &Store) {
    let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
    assert_eq!(store.get("a/one.json").await.unwrap(), None);
    assert_eq!(store.create("a/one.json", first.clone()).await.unwrap(), Created::Stored);
    assert_eq!(store.create("a/one.json", first.clone()).await.unwrap(), Created::Stored);
    assert_eq!(store.create("a/one.json", second.clone()).await.unwrap(), Created::Differs(first.clone()));
    assert_eq!(store.get("a/one.json").await.unwrap(), Some(first));
    store.replace("a/one.json", second.clone()).await.unwrap();
    assert_eq!(store.get("a/one.json").await.unwrap(), Some(second.clone()));
    assert_eq!(store.modified("a/none.json").await.unwrap(), None);

    let odd = format!("a/{}.json", names::part("../ =%2e\n"));
    for name in ["a/one.more.json", "a/oneandmore.json", "b/one.json", odd.as_str()] {
        assert_eq!(store.create(name, second.clone()).await.unwrap(), Created::Stored);
    }
    let listed: BTreeSet<String> = store.list("a").try_collect().await.unwrap();
    let expected = ["a/one.json", "a/one.more.json", "a/oneandmore.json", odd.as_str()];
    assert_eq!(listed, expected.into_iter().map(str::to_owned).collect());
    assert_eq!(store.list_stem("a", "a/one.").await.unwrap(), ["a/one.json", "a/one.more.json"]);
    let asked = ["a/oneandmore.json", "a/none.json", "b/one.json", "a/one.json", odd.as_str()];
    let found: Vec<(String, Bytes)> = store.get_each(asked.map(str::to_owned).to_vec()).try_collect().await.unwrap();
    let expected = ["a/oneandmore.json", "b/one.json", "a/one.json", odd.as_str()];
    assert_eq!(found, expected.map(|name| (name.to_owned(), second.clone())), "in the order that was asked for");
    let nothing: Vec<String> = store.list("nowhere").try_collect().await.unwrap();
    assert!(nothing.is_empty(), "{nothing:?}");
}

async fn cases(store: &Store, compression: Compression, tenant: &str) {
    let signer = Arc::new(Signer::from_pem(case::PRIVATE_KEY).unwrap());
    let verifier = Verifier::from_pem(&signer.public_pem().unwrap()).unwrap();
    let config = BundleExporter { compression: Some(compression), ..BundleExporter::default() };
    let writer = |name: &str| {
        BundleWriter::new("bundle", store.clone(), &config, Some(Arc::clone(&signer)), name, Arc::new(Noon))
    };

    let one = writer("one");
    let stored = one.write(&case::sealed(tenant, 1, &[1, 2])).await.unwrap();
    assert_eq!((stored.outcome, stored.manifest.kind), (Written::Stored, ManifestKind::Bundle));
    assert_eq!(stored.manifest.incident.numbers.count_24h, case::count_before(tenant) + 1);
    let bytes = store.get(&stored.object).await.unwrap().unwrap();
    assert_eq!(digest_of(&bytes), stored.manifest.object.digest);
    let document = unpack(&stored.object, &bytes, 1 << 20).unwrap();
    assert_eq!(digest_of(&document), stored.manifest.object.document);
    let envelope = Envelope::read(&store.get(&stored.manifest_name).await.unwrap().unwrap()).unwrap();
    verifier.verify(&envelope).unwrap();
    assert_eq!(envelope.manifest().unwrap(), stored.manifest);

    // Another process that knows only what the store says.
    let two = writer("two");
    let again = two.write(&case::sealed(tenant, 1, &[1, 2])).await.unwrap();
    assert_eq!((again.outcome, &again.manifest), (Written::Unchanged, &stored.manifest));
    let late = two.write(&case::sealed(tenant, 1, &[2, 3])).await.unwrap();
    assert_eq!((late.outcome, late.manifest.kind), (Written::Amended, ManifestKind::Amendment));
    assert_eq!(late.manifest.incident.numbers.count_24h, case::count_before(tenant) + 1);
    let late_again = one.write(&case::sealed(tenant, 1, &[3])).await.unwrap();
    assert_eq!(late_again.outcome, Written::Unchanged);
    let next = two.write(&case::sealed(tenant, 2, &[9])).await.unwrap();
    let numbers = next.manifest.incident.numbers;
    assert_eq!(numbers.count_24h, case::count_before(tenant) + 2);
    let versions = numbers.history.unwrap().versions;
    assert_eq!((versions[0].version.as_deref(), versions[0].count), (Some("2.4.1"), numbers.count_24h));

    let folder = format!("{}/{}", names::BUNDLES, names::part(tenant));
    let listed: Vec<String> = store.list(&folder).try_collect().await.unwrap();
    assert_eq!(listed.len(), 6, "bundle, amendment, bundle, and a manifest each: {listed:?}");
    assert_eq!(store.get(&stored.object).await.unwrap().unwrap(), bytes, "nothing is rewritten");
    for folder in [names::INDEX_INCIDENT, names::INDEX_DAY] {
        let index: Vec<String> = store.list(folder).try_collect().await.unwrap();
        let places = index.iter().filter_map(|name| names::Place::of(name));
        let of_it: Vec<names::Place> = places.filter(|place| place.bundle_id == stored.manifest.bundle_id).collect();
        let amendments = of_it.iter().filter(|place| place.is_amendment).count();
        assert_eq!((of_it.len(), amendments), (2, 1), "one of the bundle, one of its amendment: {index:?}");
        assert!(of_it.iter().all(|place| place.trace_id == stored.manifest.trace_id), "{of_it:?}");
    }
}

/// What is past its retention goes, whatever the tenant is called; counters and what is not ours stay.
async fn retention(store: &Store) {
    let all: Vec<Listed> = store.objects("").try_collect().await.unwrap();
    let bundles = all.iter().filter(|object| object.name.starts_with("bundles/")).count();
    assert_eq!(bundles, 12, "of two tenants: {all:?}");
    // 2020-01-01 and 2100-01-01: the store's clock is read as what it is.
    let now = all.iter().map(|object| object.modified).max().unwrap();
    let second = |at: Timestamp| at.0 / 1_000_000_000;
    let told = store.modified(&all[0].name).await.unwrap().unwrap();
    assert_eq!(second(told), second(all[0].modified), "a listing and a look agree");
    assert!((1_577_836_800_000_000_000..4_102_444_800_000_000_000).contains(&now.0), "{now:?}");

    let kept = Retention { bundles: Some(Duration::from_secs(7200)), raw: Some(Duration::from_secs(7200)) };
    assert_eq!(collect(store, &kept, now, false).await.unwrap(), Collected::default());
    let later = now.after(Duration::from_secs(7200 + 60));
    let collected = collect(store, &kept, later, false).await.unwrap();
    assert_eq!((collected.bundles, collected.amendments), (4, 2));
    let left: BTreeSet<String> = store.list("").try_collect().await.unwrap();
    assert_eq!(left.len(), all.len() - collected.names.len());
    assert!(
        left.iter().all(|name| ["a/", "b/", "incidents/", "services/"].iter().any(|folder| name.starts_with(folder))),
        "{left:?}"
    );
    assert!(left.iter().any(|name| name.starts_with("incidents/")), "{left:?}");
    store.remove(&collected.names).await.expect("what is not there is as good as removed");
}

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(case::FAILED_AT + 60_000_000_000)
    }
}
