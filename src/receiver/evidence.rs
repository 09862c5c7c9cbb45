//! Attachments: `POST /v1/evidence?trace_id=…` or `?incident=…`, one file a request.
//!
//! A file for a trace becomes a log record of its own (see [`crate::model::ATTACHMENT_EVENT`]) and goes the way of every record. A file for an
//! incident goes to the store at once: it belongs to no trace that could be decided.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode, header};
use serde_json::json;

use super::export::{Failure, Port, beside, guarded, plain};
use super::{AttachError, Intake, http as transport};
use crate::attachments::{self, Kind};
use crate::model::{Encoding, Signal, SpanId, TraceId};
use crate::otlp::{AttachedFile, write_attachment};

/// The value of the `signal` label.
const EVIDENCE: &str = "evidence";
/// Above this many bytes a file is not read between other requests, but beside them.
const OFFLOAD: usize = 64 * 1024;
/// Most bytes of a name.
const MAX_NAME: usize = 255;
/// What a request may say of its file.
const PARAMETERS: [&str; 6] = ["trace_id", "incident", "span_id", "service", "name", "kind"];

/// What the file belongs to.
enum Target {
    Trace(TraceId),
    Incident(String),
}

/// Answers one request.
pub(super) async fn call<I: Intake>(port: Arc<Port<I>>, mut request: Request) -> Response {
    match take(&port, &mut request).await {
        Ok(digest) => {
            port.answered(EVIDENCE, "202", None);
            let body = match digest {
                Some(digest) => json!({"attachment": digest, "accepted": true}),
                None => json!({"accepted": true}),
            };
            let body = body.to_string();
            (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(failure) => {
            let failure = match failure {
                Failure::TooLarge { limit } => Failure::TooLong { limit },
                failure => failure,
            };
            port.answered(EVIDENCE, transport::label_of(&failure), Some(&failure));
            transport::refuse_unread(failure, request, port.limit).await
        }
    }
}

async fn take<I: Intake>(port: &Port<I>, request: &mut Request) -> Result<Option<String>, Failure> {
    if request.method() != Method::POST {
        return Err(Failure::Method);
    }
    let tenant = port.whose(request)?;
    let (target, mut file) = described(request.uri().query().unwrap_or_default())?;
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    if media_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        let what = "send the file itself as the body, one a request: `curl --data-binary @FILE`";
        return Err(Failure::Media(what.to_owned()));
    }
    let encoding = transport::encoding(request.headers())?;
    let mut held = port.hold();
    let bytes = transport::body(port, request, &mut held).await?;
    let limit = port.limit;
    // How long a compressed file is shows only when it is inflated.
    let is_long = bytes.len() > OFFLOAD || encoding != Encoding::Identity;
    let work = move || {
        file.content = plain(encoding, bytes.into_vec(), limit, &mut held)?;
        if file.content.is_empty() {
            return Err(Failure::Form("the attachment is empty".to_owned()));
        }
        let kind = match file.kind.as_str() {
            "" => Kind::told(&media_type, &file.name, &file.content),
            name => Kind::named(name).map_err(|error| Failure::Form(error.to_string()))?,
        };
        kind.as_str().clone_into(&mut file.kind);
        let failed = attachments::read(kind, &file.content).tells_of_failure(kind);
        Ok((file, failed, held))
    };
    let (mut file, failed, held) = if is_long { beside(work).await } else { guarded(work) }?;
    let digest = port.intake.attachment_digest(&tenant, &file.content);
    match target {
        Target::Trace(trace_id) => {
            file.trace_id = trace_id;
            port.intake.expect(&tenant, trace_id).await.map_err(Failure::Refused)?;
            port.admit(tenant, Signal::Logs, write_attachment(file, failed)).await?;
        }
        Target::Incident(incident) => {
            port.intake.attach(&tenant, incident, file).await?;
            port.count_accepted(Signal::Logs, 1);
        }
    }
    drop(held);
    Ok(digest)
}

/// What the query says of the file.
fn described(query: &str) -> Result<(Target, AttachedFile), Failure> {
    let refuse = |what: String| Err(Failure::Form(what));
    let mut file = AttachedFile::default();
    let (mut trace, mut incident) = (None, None);
    let mut seen: Vec<String> = Vec::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if !PARAMETERS.contains(&&*key) {
            return refuse(format!("unknown parameter `{key}`; known are {}", PARAMETERS.join(", ")));
        }
        if seen.iter().any(|known| *known == key) {
            return refuse(format!("`{key}` is given twice"));
        }
        match &*key {
            "trace_id" => match value.parse::<TraceId>() {
                Ok(id) if !id.is_zero() => trace = Some(id),
                _ => return refuse("`trace_id` must be 32 hex digits, not all zero".to_owned()),
            },
            "span_id" => match value.parse::<SpanId>() {
                Ok(id) if !id.is_zero() => file.span_id = id,
                _ => return refuse("`span_id` must be 16 hex digits, not all zero".to_owned()),
            },
            "incident" if is_incident(&value) => incident = Some(value.into_owned()),
            "incident" => return refuse("`incident` must be the id of an incident: `INC-…`".to_owned()),
            _ if value.len() > MAX_NAME => return refuse(format!("`{key}` is longer than {MAX_NAME} bytes")),
            "service" => file.service = value.into_owned(),
            "name" => file.name = value.into_owned(),
            _ => match Kind::named(&value) {
                Ok(kind) => kind.as_str().clone_into(&mut file.kind),
                Err(error) => return refuse(format!("`kind`: {error}")),
            },
        }
        seen.push(key.into_owned());
    }
    match (trace, incident) {
        (Some(trace), None) => Ok((Target::Trace(trace), file)),
        (None, Some(_)) if !file.span_id.is_zero() => refuse("a `span_id` goes with a `trace_id`".to_owned()),
        (None, Some(incident)) => Ok((Target::Incident(incident), file)),
        _ => refuse("say what the file belongs to: either `trace_id=` or `incident=`".to_owned()),
    }
}

/// `INC-` and ten characters of Crockford's base32.
fn is_incident(id: &str) -> bool {
    id.strip_prefix("INC-").is_some_and(|rest| {
        rest.len() == 10 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    })
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Refused(refusal) => Self::Refused(refusal),
            AttachError::UnknownIncident | AttachError::NoStore => Self::NotFound(error.to_string()),
            AttachError::HeldBack => Self::Form(error.to_string()),
        }
    }
}
