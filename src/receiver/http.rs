//! OTLP/HTTP: protobuf and JSON on one port, HTTP/1.1 and HTTP/2, with and without TLS. Every refusal carries a `google.rpc.Status`
//! in the format of the request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use http_body::Body as _;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::alerts::Tool;
use super::body::{Reading, discard};
use super::encoding;
use super::export::{Accepted, Failure, Format, Port, Wire};
use super::held::Held;
use super::room::Room;
use super::{Intake, ReceiverError, RefusalReason, alerts, answer, evidence, profiles};
use crate::config::HttpServer;
use crate::model::{Encoding, Signal};
use crate::transport::{self, Security, Settings};

/// Of a refused HTTP/1.1 request at least so many bytes are read on.
const DISCARD_AT_LEAST: usize = 64 * 1024;
/// How long a refused HTTP/1.1 request is read on, so that its client gets to the answer.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves OTLP/HTTP on `listener` until `stop`, then finishes the requests in progress. Paths of signals that are not in
/// `signals` answer 404.
///
/// # Errors
/// If a path or another setting cannot be used.
pub async fn serve_http<I: Intake>(
    listener: TcpListener,
    config: &HttpServer,
    signals: &[Signal],
    intake: I,
    security: Security,
    stop: CancellationToken,
) -> Result<(), ReceiverError> {
    let paths = paths(config, signals)?;
    let port = Arc::new(Port::new(
        intake.clone(),
        "http",
        limit("max_request_body_size", config.max_request_body_size)?,
        config.read_timeout.0,
        security.access.clone(),
    ));
    let mut router = Router::new().fallback(not_found);
    for (path, signal) in paths {
        let port = Arc::clone(&port);
        router = router.route(path, axum::routing::any(move |request| call(port, signal, request)));
    }
    if signals.contains(&Signal::Logs) {
        let [evidence_path, sentry_path, datadog_path, profiles_path] = own_paths(config)?;
        let of_profiles = Arc::clone(&port);
        let call = move |request| call_profiles(of_profiles, request);
        router = router.route(profiles_path, axum::routing::any(call));
        let limit = limit("max_attachment_size", config.max_attachment_size)?;
        let files = Arc::new(Port::new(intake, "http", limit, config.read_timeout.0, security.access.clone()));
        router = router.route(evidence_path, axum::routing::any(move |request| evidence::call(files, request)));
        for (path, tool) in [(sentry_path, Tool::Sentry), (datadog_path, Tool::Datadog)] {
            let (port, webhooks) = (Arc::clone(&port), config.alerts.clone());
            let call = move |request| alerts::call(port, tool, webhooks, request);
            router = router.route(path, axum::routing::any(call));
        }
    }
    let settings = Settings { header_timeout: config.read_header_timeout.0, http1: true, ..Default::default() };
    transport::serve(listener, router, settings, security, stop).await;
    Ok(())
}

/// The paths to serve, each a plain one and unlike the others.
fn paths<'a>(config: &'a HttpServer, signals: &[Signal]) -> Result<Vec<(&'a str, Signal)>, ReceiverError> {
    let mut paths: Vec<(&str, Signal)> = Vec::new();
    for signal in signals.iter().copied().collect::<BTreeSet<_>>() {
        let path = match signal {
            Signal::Traces => config.traces_url_path.as_str(),
            Signal::Logs => config.logs_url_path.as_str(),
            Signal::Metrics => config.metrics_url_path.as_str(),
        };
        let path = plain_path(path)?;
        if paths.iter().any(|(other, _)| *other == path) {
            return Err(ReceiverError::Path { path: path.to_owned(), why: "used for two signals" });
        }
        paths.push((path, signal));
    }
    Ok(paths)
}

/// The paths of what is no signal of its own here: attachments, alerts and profiles. Each is unlike all others.
fn own_paths(config: &HttpServer) -> Result<[&str; 4], ReceiverError> {
    let alerts = &config.alerts;
    let own = [&config.evidence_url_path, &alerts.sentry.url_path, &alerts.datadog.url_path, &config.profiles_url_path];
    let mut taken = vec![&config.traces_url_path, &config.logs_url_path, &config.metrics_url_path];
    for path in own {
        if taken.contains(&path) {
            return Err(ReceiverError::Path { path: path.clone(), why: "used for two signals" });
        }
        taken.push(path);
    }
    let [evidence, sentry, datadog, profiles] = own;
    Ok([plain_path(evidence)?, plain_path(sentry)?, plain_path(datadog)?, plain_path(profiles)?])
}

/// A path that means itself to the router.
fn plain_path(path: &str) -> Result<&str, ReceiverError> {
    let plain = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && !b"{}*?#".contains(&b));
    if !plain || path.split('/').any(|part| part.starts_with(':')) {
        return Err(ReceiverError::Path { path: path.to_owned(), why: "not a path that begins with `/`" });
    }
    Ok(path)
}

/// A limit on bytes of a request. Offsets into a request are 32 bits wide.
fn limit(setting: &'static str, value: u64) -> Result<usize, ReceiverError> {
    Some(value)
        .filter(|bytes| (1..=u64::from(u32::MAX)).contains(bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or(ReceiverError::Limit { setting, value })
}

async fn not_found(request: Request) -> Response {
    refuse_unread(Failure::NoSuchPath, request, 0).await
}

async fn call<I: Intake>(port: Arc<Port<I>>, signal: Signal, mut request: Request) -> Response {
    match export(&port, signal, &mut request).await {
        Ok((accepted, format)) => {
            port.acknowledged(signal);
            success(signal, accepted, format)
        }
        Err(failure) => {
            let (status, _) = codes(&failure);
            port.answered(signal.as_str(), status_label(status), Some(&failure));
            refuse_unread(failure, request, port.limit).await
        }
    }
}

async fn export<I: Intake>(
    port: &Port<I>,
    signal: Signal,
    request: &mut Request,
) -> Result<(Accepted, Format), Failure> {
    if request.method() != Method::POST {
        return Err(Failure::Method);
    }
    let tenant = port.whose(request)?;
    let format = format(request.headers()).ok_or(Failure::MediaType)?;
    let encoding = encoding(request.headers())?;
    let mut held = port.hold();
    let bytes = body(port, request, &mut held).await?;
    let accepted = port.export(tenant, signal, Wire { bytes, start: 0, encoding, format }, held).await?;
    Ok((accepted, format))
}

async fn call_profiles<I: Intake>(port: Arc<Port<I>>, mut request: Request) -> Response {
    match take_profiles(&port, &mut request).await {
        Ok(answer) => {
            port.answered(profiles::LABEL, "200", None);
            ([(header::CONTENT_TYPE, content_type(Format::Protobuf))], Body::from(answer)).into_response()
        }
        Err(failure) => {
            port.answered(profiles::LABEL, label_of(&failure), Some(&failure));
            refuse_unread(failure, request, port.limit).await
        }
    }
}

async fn take_profiles<I: Intake>(port: &Port<I>, request: &mut Request) -> Result<Vec<u8>, Failure> {
    if request.method() != Method::POST {
        return Err(Failure::Method);
    }
    let tenant = port.whose(request)?;
    let format = format(request.headers()).filter(|format| *format == Format::Protobuf);
    let Some(format) = format else { return Err(Failure::Media(profiles::MEDIA_TYPE.to_owned())) };
    let encoding = encoding(request.headers())?;
    let mut held = port.hold();
    let bytes = body(port, request, &mut held).await?;
    profiles::take(port, tenant, Wire { bytes, start: 0, encoding, format }, held).await
}

/// The body as it came, within the port's limits.
pub(super) async fn body<I: Intake>(port: &Port<I>, request: &mut Request, held: &mut Held) -> Result<Room, Failure> {
    let limit = port.limit;
    if request.body().size_hint().lower() > limit as u64 {
        return Err(Failure::TooLarge { limit });
    }
    let reading = Reading { limit, patience: port.read_timeout, held };
    let announced = request.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    reading.collect(request.body_mut(), |_| Ok(announced)).await
}

/// The format that the request's `Content-Type` names, whatever its parameters.
fn format(headers: &HeaderMap) -> Option<Format> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next()?.trim();
    [("application/x-protobuf", Format::Protobuf), ("application/json", Format::Json)]
        .into_iter()
        .find_map(|(known, format)| media_type.eq_ignore_ascii_case(known).then_some(format))
}

/// One encoding at most: a body compressed twice is a way to hide its size, and no client sends it.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    let mut values =
        headers.get_all(header::CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let Some(name) = values.next() else { return Ok(Encoding::Identity) };
    match (encoding::named(&name), values.next()) {
        (Some(encoding), None) => Ok(encoding),
        (_, Some(second)) => Err(Failure::Encoding(format!("{name}, {second}"))),
        (None, None) => Err(Failure::Encoding(name.into_owned())),
    }
}

/// The response is never compressed: it is a few bytes long.
fn success(signal: Signal, accepted: Accepted, format: Format) -> Response {
    let body = match format {
        Format::Protobuf => Body::from(answer::protobuf(signal, accepted)),
        Format::Json => Body::from(answer::json(signal, accepted).to_string()),
    };
    ([(header::CONTENT_TYPE, content_type(format))], body).into_response()
}

/// Refuses a request whose body may still be on its way.
pub(super) async fn refuse_unread(failure: Failure, request: Request, most: usize) -> Response {
    // What a client that names no type of ours can read nobody knows: people can read JSON.
    let format = format(request.headers()).unwrap_or(Format::Json);
    let is_http1 = request.version() <= Version::HTTP_11;
    let is_gone = matches!(failure, Failure::Slow(_) | Failure::Aborted);
    let waits = request.headers().contains_key(header::EXPECT);
    if is_http1 && !is_gone && !waits {
        discard(request.into_body(), most.max(DISCARD_AT_LEAST), DISCARD_TIMEOUT).await;
    }
    let mut response = refusal(&failure, format);
    if is_http1 && is_gone {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn refusal(failure: &Failure, format: Format) -> Response {
    let (status, code) = codes(failure);
    let body = match format {
        Format::Protobuf => Body::from(answer::status(failure, code).encode_to_vec()),
        Format::Json => Body::from(answer::status_json(failure, code).to_string()),
    };
    let mut response = (status, [(header::CONTENT_TYPE, content_type(format))], body).into_response();
    let headers = response.headers_mut();
    match failure {
        Failure::Refused(_) | Failure::Slow(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_seconds(failure)));
        }
        Failure::Method => {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        Failure::Denied(denial) if !denial.is_forbidden() => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Failure::Encoding(_) => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding::ACCEPTED));
        }
        _ => {}
    }
    response
}

/// Whole seconds, rounded up: a client must not come back too early, nor at once.
fn retry_seconds(failure: &Failure) -> u64 {
    let Failure::Refused(refusal) = failure else { return 1 };
    let wait = refusal.retry_after;
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// What a failure is in HTTP, and in the `Status` of its body. Clients retry 429, 502, 503 and 504 and nothing else.
fn codes(failure: &Failure) -> (StatusCode, Code) {
    match failure {
        Failure::TooLarge { .. } | Failure::TooLong { .. } | Failure::TooMany(_) | Failure::Unsendable => {
            (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted)
        }
        Failure::Undecodable(_) | Failure::Framing(_) | Failure::Form(_) => {
            (StatusCode::BAD_REQUEST, Code::InvalidArgument)
        }
        Failure::Encoding(_) | Failure::MediaType | Failure::Media(_) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument)
        }
        Failure::Method => (StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
        Failure::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        Failure::Denied(denial) if denial.is_forbidden() => (StatusCode::FORBIDDEN, Code::PermissionDenied),
        Failure::Denied(_) => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        Failure::NoSuchPath | Failure::NotFound(_) => (StatusCode::NOT_FOUND, Code::NotFound),
        Failure::Refused(refusal) if refusal.reason == RefusalReason::Busy => {
            (StatusCode::TOO_MANY_REQUESTS, Code::Unavailable)
        }
        Failure::Refused(refusal) if refusal.reason.is_quota() => {
            (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted)
        }
        Failure::Refused(_) | Failure::Slow(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        Failure::Aborted => (StatusCode::BAD_REQUEST, Code::Cancelled),
        Failure::Bug => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
    }
}

/// The value of the `code` label of a failure.
pub(super) fn label_of(failure: &Failure) -> &'static str {
    status_label(codes(failure).0)
}

/// The value of the `code` label.
fn status_label(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "400",
        StatusCode::UNAUTHORIZED => "401",
        StatusCode::FORBIDDEN => "403",
        StatusCode::NOT_FOUND => "404",
        StatusCode::METHOD_NOT_ALLOWED => "405",
        StatusCode::PAYLOAD_TOO_LARGE => "413",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "415",
        StatusCode::TOO_MANY_REQUESTS => "429",
        StatusCode::SERVICE_UNAVAILABLE => "503",
        _ => "500",
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    }
}
