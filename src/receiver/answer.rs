//! The messages that answers are made of, in protobuf and JSON: export responses and `google.rpc.Status`.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt as _, pb};

use super::export::{Accepted, Failure, capped};
use crate::model::Signal;

/// The response message of `signal`'s service. Full success is the empty message: `partial_success` must not be set.
pub(super) fn protobuf(signal: Signal, accepted: Accepted) -> Bytes {
    let Some(partial) = accepted.partial else { return Bytes::new() };
    let (rejected, error_message) = (partial.rejected, partial.message);
    let encoded = match signal {
        Signal::Traces => {
            let partial_success = Some(ExportTracePartialSuccess { rejected_spans: rejected, error_message });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
        Signal::Logs => {
            let partial_success = Some(ExportLogsPartialSuccess { rejected_log_records: rejected, error_message });
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
        Signal::Metrics => {
            let partial_success = Some(ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message });
            ExportMetricsServiceResponse { partial_success }.encode_to_vec()
        }
    };
    Bytes::from(encoded)
}

/// The same in OTLP/JSON, whose 64-bit integers are strings.
pub(super) fn json(signal: Signal, accepted: Accepted) -> Value {
    let Some(partial) = accepted.partial else { return json!({}) };
    let count = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
        Signal::Metrics => "rejectedDataPoints",
    };
    json!({"partialSuccess": {count: partial.rejected.to_string(), "errorMessage": partial.message}})
}

/// What a client needs to know beyond code and message.
enum Detail {
    BadRequest { description: String },
    RetryInfo { delay: Duration },
}

/// A `RetryInfo` is a promise that the same request may succeed later: only a refusal for now carries one.
fn detail(failure: &Failure) -> Option<Detail> {
    match failure {
        Failure::Undecodable(what) => Some(Detail::BadRequest { description: capped(what.clone()) }),
        Failure::Refused(refusal) => {
            Some(Detail::RetryInfo { delay: refusal.retry_after.max(Duration::from_millis(1)) })
        }
        _ => None,
    }
}

/// The field that a `BadRequest` names: the walk over a request knows bytes, not fields.
const FIELD: &str = "request";

/// `google.rpc.Status` of a failure.
pub(super) fn status(failure: &Failure, code: Code) -> pb::Status {
    let message = failure.message();
    let details = match detail(failure) {
        None => return pb::Status { code: code as i32, message, details: Vec::new() },
        Some(Detail::BadRequest { description }) => ErrorDetails::with_bad_request_violation(FIELD, description),
        Some(Detail::RetryInfo { delay }) => ErrorDetails::with_retry_info(Some(delay)),
    };
    let status = tonic::Status::with_error_details(code, message, details);
    pb::Status::decode(status.details()).unwrap_or_default()
}

/// The same in protobuf's JSON mapping.
pub(super) fn status_json(failure: &Failure, code: Code) -> Value {
    let details: Vec<Value> = detail(failure)
        .map(|detail| match detail {
            Detail::BadRequest { description } => json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": FIELD, "description": description}],
            }),
            Detail::RetryInfo { delay } => json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}.{:09}s", delay.as_secs(), delay.subsec_nanos()),
            }),
        })
        .into_iter()
        .collect();
    let mut status = json!({"code": code as i32, "message": failure.message()});
    if !details.is_empty() {
        status["details"] = Value::Array(details);
    }
    status
}
