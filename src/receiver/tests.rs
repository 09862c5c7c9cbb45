//! What needs shorter times or smaller budgets than configuration gives. The rest is tested over sockets, in `tests/otlp`.

use std::future::pending;
use std::io::ErrorKind;
use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

use super::export::{Failure, Partial, Port, guarded, partial};
use super::held::Held;
use super::{AdmitError, Admitted, AttachError, Incoming, Intake, Refusal, bind, grpc};
use crate::model::{Budget, Signal, Tenant, TraceId};
use crate::otlp::{AttachedFile, Rejected};
use crate::transport::{Access, Security, Settings, StallGuard};

const SHORT: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes everything, or never answers.
#[derive(Clone)]
enum Stub {
    Open,
    Silent,
}

use Stub::{Open, Silent};

impl Intake for Stub {
    async fn admit(&self, _: Incoming) -> Result<Admitted, AdmitError> {
        match self {
            Open => Ok(Admitted::default()),
            Silent => pending().await,
        }
    }

    fn serves(&self, _: &Tenant) -> bool {
        true
    }

    fn attachment_digest(&self, _: &Tenant, _: &[u8]) -> Option<String> {
        None
    }

    async fn expect(&self, _: &Tenant, _: TraceId) -> Result<(), Refusal> {
        Ok(())
    }

    async fn attach(&self, _: &Tenant, _: String, _: AttachedFile) -> Result<(), AttachError> {
        pending().await
    }
}

async fn start<I: Intake>(port: Port<I>) -> (String, CancellationToken, JoinHandle<()>) {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let settings = Settings { drain_timeout: SHORT, ..Settings::default() };
    let token = stop.clone();
    let task = tokio::spawn(async move {
        grpc::serve(listener, port, &[Signal::Traces], settings, Security::default(), token).await
    });
    (address, stop, task)
}

/// One span with valid ids, in a gRPC frame whose length says `missing` bytes more than there are.
fn message(missing: u32) -> Bytes {
    let mut span = vec![0x0a, 16];
    span.extend([1; 16]);
    span.extend([0x12, 8]);
    span.extend([2; 8]);
    let mut request = span;
    for tag in [0x12, 0x12, 0x0a] {
        request.splice(0..0, [tag, u8::try_from(request.len()).unwrap()]);
    }
    let mut framed = vec![0];
    framed.put_u32(u32::try_from(request.len()).unwrap() + missing);
    framed.extend(request);
    framed.into()
}

async fn call(address: String, body: tonic::body::Body) -> Result<tonic::Status, tonic::transport::Error> {
    let mut channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect().await?;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let request = http::Request::post(path).header("content-type", "application/grpc").body(body).unwrap();
    let response = channel.ready().await?.call(request).await?;
    Ok(tonic::Status::from_header_map(response.headers()).unwrap_or_else(|| tonic::Status::ok("")))
}

#[tokio::test]
async fn input_48_a_slow_grpc_body_is_given_up_with_a_code_that_is_retried() {
    let (address, stop, _) = start(Port::new(Open, "grpc", 1024, SHORT, Access::default())).await;
    let first = futures::stream::iter([Ok::<_, tonic::Status>(http_body::Frame::data(message(10)))]);
    let slow = http_body_util::StreamBody::new(futures::StreamExt::chain(first, futures::stream::pending()));
    let status = timeout(PATIENCE, call(address, tonic::body::Body::new(slow))).await.unwrap().unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    stop.cancel();
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_time_is_cut_off() {
    let (address, stop, task) = start(Port::new(Silent, "grpc", 1024, PATIENCE, Access::default())).await;
    let waiting = tokio::spawn(call(address, tonic::body::Body::new(Full::new(message(0)))));
    tokio::time::sleep(SHORT).await;
    stop.cancel();
    timeout(PATIENCE, task).await.expect("the server ends").unwrap();
    let answer = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert!(answer.is_err(), "never acknowledged: {answer:?}");
}

#[tokio::test]
async fn otlp_19_too_many_bytes_being_read_at_once_are_refused_for_now() {
    let port = Port::new(Open, "grpc", 1024, PATIENCE, Access::default());
    let mut others = port.hold();
    while others.grow(16 * 1024) {}
    let (address, stop, _) = start(port).await;
    let refused = call(address.clone(), tonic::body::Body::new(Full::new(message(0)))).await.unwrap();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    drop(others);
    let taken = call(address, tonic::body::Body::new(Full::new(message(0)))).await.unwrap();
    assert_eq!(taken.code(), Code::Ok);
    stop.cancel();
}

#[test]
fn held_bytes_are_given_back_with_the_request() {
    let budget = Budget::new(64 * 1024);
    let mut held = Held::new(&budget);
    for _ in 0..64 {
        assert!(held.grow(1024));
    }
    assert!(!held.grow(1), "the budget is used up to the byte");
    drop(held);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn input_49_a_peer_that_does_not_read_is_given_up() {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut guarded = StallGuard::new(stream, SHORT);
    let large = vec![0; 64 * 1024 * 1024];
    let error = timeout(PATIENCE, guarded.write_all(&large)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(peer);
}

#[tokio::test]
async fn a_peer_that_reads_slowly_but_reads_is_served() {
    let (near, mut far) = tokio::io::duplex(16);
    let mut guarded = StallGuard::new(near, SHORT);
    let reading = tokio::spawn(async move {
        let mut piece = [0; 16];
        for _ in 0..8 {
            tokio::time::sleep(SHORT / 4).await;
            far.read_exact(&mut piece).await.unwrap();
        }
    });
    guarded.write_all(&[1; 128]).await.unwrap();
    reading.await.unwrap();
}

#[test]
fn a_panic_in_the_walk_fails_its_request_alone() {
    let outcome = guarded(|| -> Result<(), Failure> { panic!("a bug") });
    assert!(matches!(outcome, Err(Failure::Bug)));
}

#[test]
fn otlp_18_a_warning_rejects_nothing_and_says_something() {
    let rejected = Rejected { trace_id: 2, span_id: 0 };
    let Some(Partial { rejected, message }) = partial(Signal::Metrics, rejected, Admitted::default()) else {
        panic!("no warning")
    };
    assert_eq!(rejected, 0, "an exemplar is not a data point");
    assert!(message.starts_with("2 exemplars"), "{message}");
    assert_eq!(partial(Signal::Metrics, Rejected::default(), Admitted::default()), None);
}
