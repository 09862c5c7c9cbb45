//! Log records out of messages that are not OTLP: a body, and where it comes from.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;

use crate::model::{SpanId, Timestamp, TraceId};

/// The body of a log record.
#[derive(Debug, Clone, PartialEq)]
pub enum LogBody {
    /// As it is.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A structure.
    Json(serde_json::Value),
}

/// What a message says of its record beside the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogContext {
    /// Its trace; all zero for none.
    pub trace_id: TraceId,
    /// Its span; all zero for none.
    pub span_id: SpanId,
    /// When it was seen.
    pub observed: Timestamp,
}

/// The request that brings one log record.
#[must_use]
pub fn write_log(body: LogBody, context: &LogContext) -> Vec<u8> {
    let LogContext { trace_id, span_id, observed } = context;
    let record = LogRecord {
        observed_time_unix_nano: observed.0,
        trace_id: if trace_id.is_zero() { Vec::new() } else { trace_id.0.to_vec() },
        span_id: if span_id.is_zero() { Vec::new() } else { span_id.0.to_vec() },
        body: Some(match body {
            LogBody::Bytes(bytes) => AnyValue { value: Some(Value::BytesValue(bytes)) },
            LogBody::Text(text) => AnyValue { value: Some(Value::StringValue(text)) },
            LogBody::Json(value) => any(value),
        }),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
        .encode_to_vec()
}

/// The context that the header `traceparent` tells: `00-<trace id>-<span id>-<flags>` (W3C Trace Context, 3.2). Later versions may
/// append more.
#[must_use]
pub fn traceparent(header: &[u8]) -> Option<(TraceId, SpanId)> {
    let header = std::str::from_utf8(header).ok()?.trim();
    let mut parts = header.split('-');
    let version = parts.next()?;
    if version.len() != 2 || version == "ff" {
        return None;
    }
    let (trace, span) = (parts.next()?, parts.next()?);
    let decode = |text: &str, bytes: &mut [u8]| {
        let written = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        (written.len() == bytes.len()).then(|| bytes.copy_from_slice(&written))
    };
    let (mut trace_id, mut span_id) = (TraceId([0; 16]), SpanId([0; 8]));
    decode(trace, &mut trace_id.0)?;
    decode(span, &mut span_id.0)?;
    (!trace_id.is_zero() && !span_id.is_zero()).then_some((trace_id, span_id))
}

fn any(value: serde_json::Value) -> AnyValue {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => None,
        Json::Bool(truth) => Some(Value::BoolValue(truth)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(integer) => Value::IntValue(integer),
            None => Value::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Array(values) => Some(Value::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })),
        Json::Object(fields) => Some(Value::KvlistValue(KeyValueList {
            values: fields
                .into_iter()
                .map(|(key, value)| KeyValue { key, value: Some(any(value)), key_strindex: 0 })
                .collect(),
        })),
    };
    AnyValue { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_tells_the_trace_and_the_span() {
        let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (trace_id, span_id) = traceparent(header).unwrap();
        assert_eq!(trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span_id.to_string(), "b7ad6b7169203331");
        let later = b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-will-be-like";
        assert_eq!(traceparent(later), Some((trace_id, span_id)));
        for wrong in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
        ] {
            assert_eq!(traceparent(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_body_of_json_keeps_its_structure() {
        let body = serde_json::json!({"msg": "paid", "n": 3, "ratio": 0.5, "ok": true, "tags": ["a", null]});
        let context = LogContext { trace_id: TraceId([1; 16]), span_id: SpanId([2; 8]), observed: Timestamp(7) };
        let request = ExportLogsServiceRequest::decode(write_log(LogBody::Json(body), &context).as_slice()).unwrap();
        let record = &request.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!((record.trace_id.as_slice(), record.observed_time_unix_nano), ([1; 16].as_slice(), 7));
        let Some(Value::KvlistValue(fields)) = record.body.clone().unwrap().value else { panic!("no structure") };
        assert_eq!(fields.values.len(), 5);
    }
}
