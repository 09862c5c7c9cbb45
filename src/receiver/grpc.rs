//! OTLP/gRPC. The services are unary and their one message is wanted as raw bytes, so the five bytes of gRPC's framing are
//! read here: that way the limits hold before anything is allocated, and every failure has the code that the OTLP
//! specification asks for (tonic's own codec answers an oversize message with `OUT_OF_RANGE`, which clients retry for ever).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_health::ServingStatus;

use super::body::Reading;
use super::encoding;
use super::export::{Accepted, Failure, Format, Port, Wire};
use super::held::Held;
use super::{Intake, ReceiverError, answer, profiles};
use crate::config::GrpcServer;
use crate::model::{Encoding, Signal};
use crate::transport::{self, Security, Settings};

/// Time for a request's body.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// One byte that says whether the message is compressed, four bytes of length.
const FRAME_HEADER: usize = 5;

/// The full name of the service that takes `signal`.
fn service_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "opentelemetry.proto.collector.trace.v1.TraceService",
        Signal::Logs => "opentelemetry.proto.collector.logs.v1.LogsService",
        Signal::Metrics => "opentelemetry.proto.collector.metrics.v1.MetricsService",
    }
}

/// Serves OTLP/gRPC and `grpc.health.v1.Health` on `listener` until `stop`, then finishes the requests in progress.
/// Services of signals that are not in `signals` answer `UNIMPLEMENTED`.
///
/// # Errors
/// If a setting cannot be used.
pub async fn serve_grpc<I: Intake>(
    listener: TcpListener,
    config: &GrpcServer,
    signals: &[Signal],
    intake: I,
    security: Security,
    stop: CancellationToken,
) -> Result<(), ReceiverError> {
    let settings = Settings { max_concurrent_streams: config.max_concurrent_streams, ..Default::default() };
    let limit = limit(config)?;
    let port = Port::new(intake, "grpc", limit, READ_TIMEOUT, security.access.clone());
    serve(listener, port, signals, settings, security, stop).await;
    Ok(())
}

/// The largest request in bytes. Offsets into a request are 32 bits wide.
fn limit(config: &GrpcServer) -> Result<usize, ReceiverError> {
    let bytes = config.max_recv_msg_size_mib.checked_mul(1024 * 1024);
    bytes
        .filter(|bytes| (1..=u64::from(u32::MAX)).contains(bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or(ReceiverError::Limit { setting: "max_recv_msg_size_mib", value: config.max_recv_msg_size_mib })
}

pub(super) async fn serve<I: Intake>(
    listener: TcpListener,
    port: Port<I>,
    signals: &[Signal],
    settings: Settings,
    security: Security,
    stop: CancellationToken,
) {
    let (health, health_service) = tonic_health::server::health_reporter();
    let (mut router, port) = (Router::new().fallback(unknown_method), Arc::new(port));
    let signals: BTreeSet<Signal> = signals.iter().copied().collect();
    for &signal in &signals {
        health.set_service_status(service_name(signal), ServingStatus::Serving).await;
    }
    // What belongs to traces becomes log records.
    if signals.contains(&Signal::Logs) {
        let port = Arc::clone(&port);
        let path = format!("/{}/Export", profiles::SERVICE);
        router = router.route(&path, axum::routing::any(move |request| call_profiles(port, request)));
        health.set_service_status(profiles::SERVICE, ServingStatus::Serving).await;
    }
    let router = tonic::service::Routes::from(router).add_service(health_service).into_axum_router();
    let exports: Arc<[(Signal, String)]> =
        signals.iter().map(|signal| (*signal, format!("/{}/Export", service_name(*signal)))).collect();
    // Nearly all calls are these: a router does for each what some forty spans cost.
    let answer = move |request: Request| {
        let export = exports.iter().find(|(_, path)| request.uri().path() == path).map(|(signal, _)| *signal);
        let (port, router) = (Arc::clone(&port), router.clone());
        async move {
            match export {
                Some(signal) => call(port, signal, request).await,
                None => transport::routed(router, request).await,
            }
        }
    };

    let draining = async {
        stop.cancelled().await;
        health.set_service_status("", ServingStatus::NotServing).await;
        for &signal in &signals {
            health.set_service_status(service_name(signal), ServingStatus::NotServing).await;
        }
    };
    tokio::join!(transport::serve_with(listener, answer, settings, security, stop.clone()), draining);
}

async fn unknown_method() -> Response {
    Status::unimplemented("no such method, or no pipeline takes this signal").into_http::<Body>()
}

async fn call<I: Intake>(port: Arc<Port<I>>, signal: Signal, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match export(&port, signal, request).await {
        Ok(accepted) => {
            port.acknowledged(signal);
            success(signal, accepted)
        }
        Err(failure) => {
            port.answered(signal.as_str(), code_name(code(&failure)), Some(&failure));
            refusal(&failure)
        }
    }
}

/// `application/grpc` and `application/grpc+proto`, with or without parameters.
fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    ["application/grpc", "application/grpc+proto"].iter().any(|known| media_type.eq_ignore_ascii_case(known))
}

async fn call_profiles<I: Intake>(port: Arc<Port<I>>, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let taken = async {
        let tenant = port.whose(&request)?;
        let (wire, held) = message(&port, request).await?;
        profiles::take(&port, tenant, wire, held).await
    };
    match taken.await {
        Ok(answer) => {
            port.answered(profiles::LABEL, code_name(Code::Ok), None);
            framed(&answer)
        }
        Err(failure) => {
            port.answered(profiles::LABEL, code_name(code(&failure)), Some(&failure));
            refusal(&failure)
        }
    }
}

async fn export<I: Intake>(port: &Port<I>, signal: Signal, request: Request) -> Result<Accepted, Failure> {
    let tenant = port.whose(&request)?;
    let (wire, held) = message(port, request).await?;
    port.export(tenant, signal, wire, held).await
}

/// The one message of a call.
async fn message<I: Intake>(port: &Port<I>, mut request: Request) -> Result<(Wire, Held), Failure> {
    let encoding = encoding(request.headers())?;
    let mut held = port.hold();
    let limit = port.limit;
    let reading = Reading { limit: limit.saturating_add(FRAME_HEADER), patience: port.read_timeout, held: &mut held };
    let bytes = reading
        .collect(request.body_mut(), |so_far| Ok(frame(so_far, limit)?.map(|frame| FRAME_HEADER + frame.length)))
        .await?;
    let compressed = match frame(&bytes, limit)? {
        Some(frame) if bytes.len() == FRAME_HEADER + frame.length => frame.compressed,
        Some(_) => return Err(Failure::Undecodable("the message is cut short".to_owned())),
        None => return Err(Failure::Undecodable("the call carries no message".to_owned())),
    };
    let encoding = match (compressed, encoding) {
        (true, Encoding::Identity) => return Err(Failure::Framing("a compressed message without grpc-encoding")),
        (true, encoding) => encoding,
        (false, _) => Encoding::Identity,
    };
    Ok((Wire { bytes, start: FRAME_HEADER, encoding, format: Format::Protobuf }, held))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    let Some(value) = headers.get("grpc-encoding") else { return Ok(Encoding::Identity) };
    let name = String::from_utf8_lossy(value.as_bytes());
    encoding::named(&name).ok_or_else(|| Failure::Encoding(name.into_owned()))
}

/// The head of a message.
struct FrameHead {
    compressed: bool,
    length: usize,
}

/// The head of the only message of a call, once it is there. An error if what has come so far cannot become one.
fn frame(so_far: &[u8], limit: usize) -> Result<Option<FrameHead>, Failure> {
    let Some((&[flag, length @ ..], message)) = so_far.split_first_chunk::<FRAME_HEADER>() else { return Ok(None) };
    let compressed = match flag {
        0 => false,
        1 => true,
        _ => return Err(Failure::Framing("the compressed flag of a message is neither 0 nor 1")),
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(Failure::TooLarge { limit });
    }
    if message.len() > length {
        return Err(Failure::Undecodable("more than one message in a unary call".to_owned()));
    }
    Ok(Some(FrameHead { compressed, length }))
}

/// The code that clients of the OTLP specification read right: permanent ones they do not retry, transient ones they do.
fn code(failure: &Failure) -> Code {
    match failure {
        Failure::TooLarge { .. } | Failure::TooLong { .. } | Failure::TooMany(_) | Failure::Unsendable => {
            Code::ResourceExhausted
        }
        Failure::Undecodable(_) | Failure::Form(_) | Failure::Media(_) => Code::InvalidArgument,
        Failure::Unauthenticated(_) => Code::Unauthenticated,
        Failure::Denied(denial) if denial.is_forbidden() => Code::PermissionDenied,
        Failure::Denied(_) => Code::Unauthenticated,
        Failure::NotFound(_) => Code::NotFound,
        Failure::Encoding(_) | Failure::MediaType | Failure::Method | Failure::NoSuchPath => Code::Unimplemented,
        Failure::Framing(_) | Failure::Bug => Code::Internal,
        // With RetryInfo, which tells clients that it is for now.
        Failure::Refused(refusal) if refusal.reason.is_quota() => Code::ResourceExhausted,
        Failure::Refused(_) => Code::Unavailable,
        Failure::Slow(_) => Code::DeadlineExceeded,
        Failure::Aborted => Code::Cancelled,
    }
}

fn refusal(failure: &Failure) -> Response {
    let status = answer::status(failure, code(failure));
    let details = if status.details.is_empty() { Bytes::new() } else { Bytes::from(status.encode_to_vec()) };
    let mut response = Status::with_details(code(failure), status.message, details).into_http::<Body>();
    if matches!(failure, Failure::Encoding(_)) {
        response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(encoding::ACCEPTED));
    }
    response
}

fn success(signal: Signal, accepted: Accepted) -> Response {
    framed(&answer::protobuf(signal, accepted))
}

/// A message as the answer of a call that went well.
fn framed(message: &[u8]) -> Response {
    let mut framed = BytesMut::with_capacity(FRAME_HEADER + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    ([(header::CONTENT_TYPE, "application/grpc")], Body::new(body)).into_response()
}

/// The value of the `code` label.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        _ => "UNKNOWN",
    }
}
