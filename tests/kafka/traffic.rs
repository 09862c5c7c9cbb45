//! Traces and their logs, as producers put them on topics.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

/// When all of it happened, in nanoseconds.
const START: u64 = 1_750_000_000_000_000_000;

/// The trace of this number: its id has it in its first bytes and is scattered beyond, as ids of SDKs are.
pub(crate) fn trace_id(number: u32) -> [u8; 16] {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let scattered = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id[8..].copy_from_slice(&scattered.to_be_bytes());
    id
}

/// The id as keys and names have it.
pub(crate) fn hex(number: u32) -> String {
    data_encoding::HEXLOWER.encode(&trace_id(number))
}

/// A request of `count` spans of a trace, from the one of number `first` on. The first of a failing trace's request has failed.
pub(crate) fn spans(trace: u32, first: u8, count: u8, failed: bool) -> Vec<u8> {
    let span = |number: u8| Span {
        trace_id: trace_id(trace).to_vec(),
        span_id: vec![number + 1; 8],
        parent_span_id: vec![250; 8],
        name: "charge card".to_owned(),
        start_time_unix_nano: START + u64::from(number),
        end_time_unix_nano: START + 1_000_000,
        status: Some(Status { code: if failed && number == first { 2 } else { 0 }, message: String::new() }),
        ..Span::default()
    };
    let spans = (first..first + count).map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: Some(service()), scope_spans, ..ResourceSpans::default() }],
    }
    .encode_to_vec()
}

/// A request of one span that has failed, with so many bytes beside.
pub(crate) fn padded(trace: u32, bytes: usize) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::decode(spans(trace, 0, 1, true).as_slice()).unwrap();
    let value = Some(AnyValue { value: Some(Value::StringValue("x".repeat(bytes))) });
    let padding = KeyValue { key: "app.padding".to_owned(), value, key_strindex: 0 };
    request.resource_spans[0].scope_spans[0].spans[0].attributes.push(padding);
    request.encode_to_vec()
}

/// A request of one log record of a trace.
pub(crate) fn log(trace: u32, number: u8) -> Vec<u8> {
    let body = format!("step {number} of the payment");
    let record = LogRecord {
        trace_id: trace_id(trace).to_vec(),
        time_unix_nano: START + u64::from(number),
        severity_number: 9,
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource: Some(service()), scope_logs, ..ResourceLogs::default() }],
    }
    .encode_to_vec()
}

fn service() -> Resource {
    let name = Some(AnyValue { value: Some(Value::StringValue("checkout".to_owned())) });
    Resource {
        attributes: vec![KeyValue { key: "service.name".to_owned(), value: name, key_strindex: 0 }],
        ..Resource::default()
    }
}
