//! TLS: real certificates, real clients, and what does not speak it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use casefile::config::{GrpcServer, HttpServer, ServerTls, TenantOf, TenantSource, TlsVersion};
use casefile::model::Signal;
use casefile::transport::{Demands, Protocols, Security};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::certificates::{Authority, Pair};
use crate::support::*;

/// How often a condition is looked at, and how many times.
const TICK: Duration = Duration::from_millis(50);
const TICKS: usize = 600;

/// Certificates in a folder, as a server is configured with them.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    pub(crate) authority: Authority,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
        this.install(&this.authority.sign("localhost"));
        this.write("ca.pem", &this.authority.certificate());
        this
    }

    fn write(&self, name: &str, text: &str) {
        // As a rename: nobody reads half of it.
        let path = self.path(name);
        fs::write(format!("{path}.new"), text).unwrap();
        fs::rename(format!("{path}.new"), path).unwrap();
    }

    fn install(&self, pair: &Pair) {
        self.write("cert.pem", &pair.certificate);
        self.write("key.pem", &pair.key);
    }

    fn path(&self, name: &str) -> String {
        Path::join(self.folder.path(), name).to_str().unwrap().to_owned()
    }

    pub(crate) fn tls(&self) -> ServerTls {
        ServerTls {
            cert_file: Some(self.path("cert.pem")),
            key_file: Some(self.path("key.pem")),
            reload_interval: casefile::config::Duration(TICK),
            ..ServerTls::default()
        }
    }

    pub(crate) fn mutual(&self) -> ServerTls {
        ServerTls { client_ca_file: Some(self.path("ca.pem")), ..self.tls() }
    }
}

fn grpc_demands(tls: &ServerTls) -> Demands<'_> {
    Demands { server: "grpc", protocols: Protocols::H2, tls: Some(tls), tokens: None, tenants: None }
}

async fn grpc_with_tls(tls: &ServerTls) -> Server {
    grpc_behind(Security::open(grpc_demands(tls)).unwrap(), GrpcServer::default(), &ALL, Recorder::default()).await
}

async fn http_with_tls(tls: &ServerTls) -> Server {
    let demands = Demands { server: "http", protocols: Protocols::H2AndHttp1, ..grpc_demands(tls) };
    http_behind(Security::open(demands).unwrap(), HttpServer::default(), &ALL, Recorder::default()).await
}

pub(crate) async fn tls_channel(
    server: &Server,
    authority: &str,
    identity: Option<&Pair>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
    if let Some(pair) = identity {
        tls = tls.identity(Identity::from_pem(&pair.certificate, &pair.key));
    }
    let uri = format!("https://localhost:{}", server.address.port());
    Endpoint::from_shared(uri).unwrap().tls_config(tls).unwrap().connect().await
}

/// The code of an export over a channel; `None` where no answer came.
async fn send(channel: Channel) -> Option<Code> {
    use http_body_util::Full;
    use tower::{Service as _, ServiceExt as _};
    let message = framed(0, &traces(vec![span(1)]).encode_to_vec());
    let request = ::http::Request::post(path(Signal::Traces))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(Full::new(message)))
        .unwrap();
    let mut channel = channel;
    let response = channel.ready().await.ok()?.call(request).await.ok()?;
    let (parts, body) = response.into_parts();
    if let Some(status) = tonic::Status::from_header_map(&parts.headers) {
        return Some(status.code());
    }
    let collected = http_body_util::BodyExt::collect(body).await.ok()?;
    tonic::Status::from_header_map(collected.trailers()?).map(|status| status.code())
}

/// Whether a client with this certificate gets an export through.
async fn gets_in(server: &Server, authority: &str, identity: Option<&Pair>) -> bool {
    // With TLS 1.3 a client learns that it is refused only when it reads.
    match tls_channel(server, authority, identity).await {
        Ok(channel) => send(channel).await == Some(Code::Ok),
        Err(_) => false,
    }
}

fn https(authority: &str) -> reqwest::ClientBuilder {
    drop(client());
    let certificate = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([certificate])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tonic_client_exports_over_tls_and_a_plain_one_does_not() {
    let folder = Folder::new();
    let server = grpc_with_tls(&folder.tls()).await;
    let channel = tls_channel(&server, &folder.authority.certificate(), None).await.unwrap();
    assert_eq!(send(channel).await, Some(Code::Ok));
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
    let plain = Endpoint::from_shared(format!("http://{}", server.address)).unwrap().connect_lazy();
    assert_eq!(send(plain).await, None);
    assert!(tls_channel(&server, &Authority::new().certificate(), None).await.is_err(), "the client checks the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_over_tls_speaks_both_versions() {
    let folder = Folder::new();
    let server = http_with_tls(&folder.tls()).await;
    let url = format!("https://localhost:{}/v1/traces", server.address.port());
    let authority = folder.authority.certificate();
    for (client, version) in [
        (https(&authority).http1_only().build().unwrap(), ::http::Version::HTTP_11),
        (https(&authority).build().unwrap(), ::http::Version::HTTP_2),
    ] {
        let body = traces(vec![span(1)]).encode_to_vec();
        let answer = client.post(&url).header(PROTOBUF.0, PROTOBUF.1).body(body).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
    }
    assert_eq!(server.intake.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_as_configured() {
    let folder = Folder::new();
    let only = |min: TlsVersion, max| ServerTls { min_version: min, max_version: max, ..folder.tls() };
    let authority = folder.authority.certificate();
    for (server, gets_in) in [
        (http_with_tls(&only(TlsVersion::Tls13, None)).await, [false, true]),
        (http_with_tls(&only(TlsVersion::Tls12, Some(TlsVersion::Tls12))).await, [true, false]),
        (http_with_tls(&only(TlsVersion::Tls12, None)).await, [true, true]),
    ] {
        let url = format!("https://localhost:{}/v1/traces", server.address.port());
        let versions = [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3];
        for (version, gets_in) in versions.into_iter().zip(gets_in) {
            let client = https(&authority).tls_version_min(version).tls_version_max(version).build().unwrap();
            let answer = client.post(&url).header(PROTOBUF.0, PROTOBUF.1).body("").send().await;
            assert_eq!(answer.is_ok(), gets_in, "{version:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_50_garbage_at_a_tls_port_ends_its_connection_and_no_other() {
    let folder = Folder::new();
    let server = grpc_with_tls(&folder.tls()).await;
    let authority = folder.authority.certificate();
    let before = tls_channel(&server, &authority, None).await.unwrap();
    for garbage in
        [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 4096], b"\x16\x03\x01\xff\xff", b"GET / HTTP/1.1\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Reset or closed, but never kept.
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{garbage:?}");
    }
    assert_eq!(send(before).await, Some(Code::Ok));
    assert!(gets_in(&server, &authority, None).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_51_a_client_without_a_good_certificate_is_refused() {
    let folder = Folder::new();
    let server = grpc_with_tls(&folder.mutual()).await;
    let authority = folder.authority.certificate();
    assert!(gets_in(&server, &authority, Some(&folder.authority.sign("client"))).await);
    assert!(!gets_in(&server, &authority, None).await, "no certificate");
    assert!(!gets_in(&server, &authority, Some(&folder.authority.sign_expired("client"))).await, "expired");
    assert!(!gets_in(&server, &authority, Some(&Authority::new().sign("client"))).await, "of another authority");
    assert_eq!(server.intake.seen().len(), 1, "nothing of the others was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenant_is_told_by_the_certificate_and_by_no_header() {
    let folder = Folder::new();
    let authority = folder.authority.certificate();
    for (from, acme) in [
        (TenantOf::CertificateCommonName, folder.authority.sign("acme")),
        (TenantOf::CertificateOrganization, folder.authority.sign_of("whoever", "acme")),
    ] {
        let tls = folder.mutual();
        let demands = Demands { tenants: Some(TenantSource { from }), ..grpc_demands(&tls) };
        let security = Security::open(demands).unwrap();
        let server = grpc_behind(security, GrpcServer::default(), &ALL, Recorder::default()).await;
        let message = framed(0, &traces(vec![span(1)]).encode_to_vec());
        // input-53: forged names of tenants.
        let forged = [("x-scope-orgid", "globex"), ("tenant", "globex"), ("x-casefile-tenant", "globex")];
        let channel = tls_channel(&server, &authority, Some(&acme)).await.unwrap();
        let answer = grpc_raw(channel, path(Signal::Traces), &forged, message.clone()).await;
        assert_eq!(answer.status.code(), Code::Ok);
        assert_eq!(server.intake.tenants(), ["acme"]);
        let stranger = folder.authority.sign_of("stranger", "strangers");
        let channel = tls_channel(&server, &authority, Some(&stranger)).await.unwrap();
        let answer = grpc_raw(channel, path(Signal::Traces), &[], message).await;
        assert_eq!(answer.status.code(), Code::PermissionDenied, "otlp-26: a tenant that is not declared");
        assert_eq!(server.intake.tenants(), ["acme"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_change_hold_for_new_connections_and_bad_ones_never() {
    let folder = Folder::new();
    let server = grpc_with_tls(&folder.tls()).await;
    let old = folder.authority.certificate();
    let kept = tls_channel(&server, &old, None).await.unwrap();
    assert_eq!(send(kept.clone()).await, Some(Code::Ok));

    // A key that is none, and one of another certificate: the old ones stay.
    let next = Authority::new();
    let pair = next.sign("localhost");
    folder.write("key.pem", "no key");
    tokio::time::sleep(TICK * 4).await;
    assert!(gets_in(&server, &old, None).await, "an unreadable key");
    folder.write("key.pem", &pair.key);
    tokio::time::sleep(TICK * 4).await;
    assert!(gets_in(&server, &old, None).await, "a key that does not fit");

    folder.install(&pair);
    let mut ticks = 0;
    while !gets_in(&server, &next.certificate(), None).await {
        assert!(ticks < TICKS, "the new certificate is not used");
        ticks += 1;
        tokio::time::sleep(TICK).await;
    }
    assert!(!gets_in(&server, &old, None).await);
    assert_eq!(send(kept).await, Some(Code::Ok), "a connection from before goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorities_of_clients_are_read_again_unless_that_is_turned_off() {
    let folder = Folder::new();
    let authority = folder.authority.certificate();
    let server = grpc_with_tls(&folder.mutual()).await;
    let fixed = grpc_with_tls(&ServerTls { client_ca_file_reload: false, ..folder.mutual() }).await;
    let (old, next) = (folder.authority.sign("client"), Authority::new());
    let new = next.sign("client");
    folder.write("ca.pem", &next.certificate());
    let mut ticks = 0;
    while !gets_in(&server, &authority, Some(&new)).await {
        assert!(ticks < TICKS, "the new authority is not used");
        ticks += 1;
        tokio::time::sleep(TICK).await;
    }
    assert!(!gets_in(&server, &authority, Some(&old)).await);
    assert!(gets_in(&fixed, &authority, Some(&old)).await && !gets_in(&fixed, &authority, Some(&new)).await);
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = Folder::new();
    let open = |tls: &ServerTls| {
        let problem = Security::open(grpc_demands(tls)).err().unwrap();
        (problem.path, problem.message)
    };
    let missing = ServerTls { cert_file: Some("/nowhere/cert.pem".to_owned()), ..folder.tls() };
    let (path, message) = open(&missing);
    assert!(path == "tls.cert_file" && message.contains("/nowhere/cert.pem"), "{path}: {message}");
    let other = casefile::config::Secret::new(Authority::new().sign("localhost").key);
    let (path, message) = open(&ServerTls { key_file: None, key_pem: Some(other), ..folder.tls() });
    assert!(path == "tls.key_pem" && !message.contains("PRIVATE"), "{path}: {message}");
    folder.write("ca.pem", "nothing");
    assert_eq!(open(&folder.mutual()).0, "tls.client_ca_file");
}
