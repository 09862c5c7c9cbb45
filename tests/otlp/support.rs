//! Servers on free ports with an intake that records, and clients that can send anything.

use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use casefile::config::{GrpcServer, HttpServer};
use casefile::model::{DEFAULT_TENANT, Signal, Tenant, TraceId};
use casefile::otlp::AttachedFile;
use casefile::receiver::{
    AdmitError, Admitted, AttachError, Incoming, Intake, Refusal, RefusalReason, bind, serve_grpc, serve_http,
};
use casefile::transport::Security;
use http_body_util::{BodyExt as _, Full};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tower::{Service as _, ServiceExt as _};

pub(crate) const ALL: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];
/// The only incident that a [`Recorder`] knows.
pub(crate) const KNOWN_INCIDENT: &str = "INC-7K2M9Q4T1X";
pub(crate) const MIB: usize = 1024 * 1024;

/// Keeps what it takes. May be told to refuse, or to wait at a gate.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    pub(crate) taken: Arc<Mutex<Vec<Incoming>>>,
    pub(crate) attached: Arc<Mutex<Vec<AttachedFile>>>,
    pub(crate) refusal: Option<Refusal>,
    /// Records of each request that it finds too large.
    pub(crate) too_large: u64,
    pub(crate) gate: Option<Arc<Semaphore>>,
}

impl Recorder {
    pub(crate) fn refusing(reason: RefusalReason, retry_after: Duration) -> Self {
        Self { refusal: Some(Refusal { reason, retry_after }), ..Self::default() }
    }

    /// Signal and number of records of each request taken.
    pub(crate) fn seen(&self) -> Vec<(Signal, usize)> {
        self.taken.lock().iter().map(|incoming| (incoming.signal, incoming.entries.len())).collect()
    }

    /// Whose each of them was.
    pub(crate) fn tenants(&self) -> Vec<String> {
        self.taken.lock().iter().map(|incoming| incoming.tenant.to_string()).collect()
    }

    pub(crate) fn bytes(&self) -> Vec<Bytes> {
        self.taken.lock().iter().map(|incoming| incoming.bytes.clone()).collect()
    }
}

impl Intake for Recorder {
    async fn admit(&self, incoming: Incoming) -> Result<Admitted, AdmitError> {
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        match &self.refusal {
            Some(refusal) => Err(refusal.clone().into()),
            None => {
                self.taken.lock().push(incoming);
                Ok(Admitted { too_large: self.too_large })
            }
        }
    }

    fn serves(&self, tenant: &Tenant) -> bool {
        [DEFAULT_TENANT, "acme", "globex"].contains(&tenant.as_str())
    }

    fn attachment_digest(&self, _: &Tenant, content: &[u8]) -> Option<String> {
        Some(format!("digest of {} bytes", content.len()))
    }

    async fn expect(&self, _: &Tenant, _: TraceId) -> Result<(), Refusal> {
        Ok(())
    }

    async fn attach(&self, _: &Tenant, incident: String, file: AttachedFile) -> Result<(), AttachError> {
        match &self.refusal {
            Some(refusal) => Err(refusal.clone().into()),
            None if incident == KNOWN_INCIDENT => {
                self.attached.lock().push(file);
                Ok(())
            }
            None => Err(AttachError::UnknownIncident),
        }
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) intake: Recorder,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn grpc_with(config: GrpcServer, signals: &'static [Signal], intake: Recorder) -> Server {
    grpc_behind(Security::default(), config, signals, intake).await
}

pub(crate) async fn grpc_behind(
    security: Security,
    config: GrpcServer,
    signals: &'static [Signal],
    intake: Recorder,
) -> Server {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (inner, token) = (intake.clone(), stop.clone());
    let task =
        tokio::spawn(async move { serve_grpc(listener, &config, signals, inner, security, token).await.unwrap() });
    Server { address, intake, stop, task }
}

pub(crate) async fn grpc(intake: Recorder) -> Server {
    grpc_with(GrpcServer::default(), &ALL, intake).await
}

/// A gRPC server that takes requests of at most 1 MiB.
pub(crate) async fn small_grpc() -> Server {
    grpc_with(GrpcServer { max_recv_msg_size_mib: 1, ..GrpcServer::default() }, &ALL, Recorder::default()).await
}

pub(crate) async fn http_with(config: HttpServer, signals: &'static [Signal], intake: Recorder) -> Server {
    http_behind(Security::default(), config, signals, intake).await
}

pub(crate) async fn http_behind(
    security: Security,
    config: HttpServer,
    signals: &'static [Signal],
    intake: Recorder,
) -> Server {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (inner, token) = (intake.clone(), stop.clone());
    let task =
        tokio::spawn(async move { serve_http(listener, &config, signals, inner, security, token).await.unwrap() });
    Server { address, intake, stop, task }
}

pub(crate) async fn http(intake: Recorder) -> Server {
    http_with(HttpServer::default(), &ALL, intake).await
}

/// An HTTP server that takes requests of at most 1 MiB.
pub(crate) async fn small_http() -> Server {
    http_with(HttpServer { max_request_body_size: MIB as u64, ..HttpServer::default() }, &ALL, Recorder::default())
        .await
}

pub(crate) fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// What a gRPC call was answered.
#[derive(Debug)]
pub(crate) struct GrpcAnswer {
    pub(crate) status: tonic::Status,
    pub(crate) headers: ::http::HeaderMap,
    /// The response message, without its frame.
    pub(crate) message: Bytes,
}

pub(crate) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(flag);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

/// Sends `body` as it is.
pub(crate) async fn grpc_raw(mut channel: Channel, path: &str, headers: &[(&str, &str)], body: Bytes) -> GrpcAnswer {
    let mut request = ::http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(tonic::body::Body::new(Full::new(body))).unwrap();
    let response = channel.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let (parts, body) = response.into_parts();
    if let Some(status) = tonic::Status::from_header_map(&parts.headers) {
        return GrpcAnswer { status, headers: parts.headers, message: Bytes::new() };
    }
    let collected = body.collect().await.unwrap();
    let status = tonic::Status::from_header_map(collected.trailers().unwrap()).unwrap();
    let bytes = collected.to_bytes();
    assert_eq!(bytes[0], 0, "answers are not compressed");
    assert_eq!(u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize, bytes.len() - 5);
    GrpcAnswer { status, headers: parts.headers, message: bytes.slice(5..) }
}

/// One uncompressed message to the service of `signal`.
pub(crate) async fn grpc_send(server: &Server, signal: Signal, message: &[u8]) -> GrpcAnswer {
    grpc_raw(channel(server.address).await, path(signal), &[], framed(0, message)).await
}

/// One message, compressed as `encoding` says.
pub(crate) async fn grpc_compressed(server: &Server, encoding: &str, compressed: &[u8]) -> GrpcAnswer {
    let channel = channel(server.address).await;
    grpc_raw(channel, path(Signal::Traces), &[("grpc-encoding", encoding)], framed(1, compressed)).await
}

/// What an HTTP request was answered.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: ::http::HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpAnswer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) async fn http_request(
    method: &str,
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> HttpAnswer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = client().request(method, format!("http://{}{path}", server.address)).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    HttpAnswer { status, headers, body: response.bytes().await.unwrap() }
}

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

pub(crate) async fn post(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> HttpAnswer {
    http_request("POST", server, path, headers, body).await
}

pub(crate) fn span(number: u8) -> Span {
    Span { trace_id: vec![7; 16], span_id: vec![number.max(1); 8], name: format!("span {number}"), ..Span::default() }
}

pub(crate) fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

pub(crate) fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

/// A gauge with one data point for each exemplar.
pub(crate) fn metrics(exemplars: Vec<Exemplar>) -> ExportMetricsServiceRequest {
    let point = |exemplar| NumberDataPoint { exemplars: vec![exemplar], ..NumberDataPoint::default() };
    let data_points = exemplars.into_iter().map(point).collect();
    let data = Some(metric::Data::Gauge(Gauge { data_points }));
    let metrics = vec![Metric { name: "load".to_owned(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

pub(crate) fn exemplar() -> Exemplar {
    Exemplar { trace_id: vec![7; 16], span_id: vec![8; 8], ..Exemplar::default() }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).unwrap()
}

pub(crate) const PROFILES: &str = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

/// A request with one profile, whose only sample belongs to this trace.
pub(crate) fn profiles(trace: u8) -> Vec<u8> {
    use opentelemetry_proto::tonic::profiles::v1development::{
        Function, Line, Link, Location, Profile, ProfilesDictionary, ResourceProfiles, Sample, ScopeProfiles, Stack,
    };
    let strings = ["", "parse", "app.py"].map(str::to_owned).to_vec();
    let dictionary = ProfilesDictionary {
        link_table: vec![Link::default(), Link { trace_id: vec![trace; 16], span_id: vec![trace; 8] }],
        string_table: strings,
        function_table: vec![
            Function::default(),
            Function { name_strindex: 1, filename_strindex: 2, ..Function::default() },
        ],
        location_table: vec![
            Location::default(),
            Location { lines: vec![Line { function_index: 1, line: 12, column: 0 }], ..Location::default() },
        ],
        stack_table: vec![Stack::default(), Stack { location_indices: vec![1] }],
        ..ProfilesDictionary::default()
    };
    let sample = Sample { stack_index: 1, link_index: 1, values: vec![10], ..Sample::default() };
    let profile = Profile { samples: vec![sample], ..Profile::default() };
    let scope_profiles = vec![ScopeProfiles { profiles: vec![profile], ..ScopeProfiles::default() }];
    let resource_profiles = vec![ResourceProfiles { scope_profiles, ..ResourceProfiles::default() }];
    ExportProfilesServiceRequest { resource_profiles, dictionary: Some(dictionary) }.encode_to_vec()
}
