//! Traces are built as OTLP messages and read off the wire by the same walk as in production.

mod compiling;
mod deciding;
mod ottl;
mod policies;

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData, span::Event};
use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::model::{Batch, Budget, CloseReason, Ledger, Outcome, Signal};
use crate::otlp::{Limits, scan};

/// The decision clock of tests that do not care.
const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

/// Compiles policies written as JSON.
fn sampler(policies: Value) -> Sampler {
    Sampler::compile(&config(policies)).unwrap()
}

fn config(policies: Value) -> TailSampling {
    serde_json::from_value(json!({"policies": policies})).unwrap()
}

/// Compiles a policy `p` of this type and block.
fn single(kind: &str, block: Value) -> Sampler {
    sampler(json!([{"name": "p", "type": kind, kind: block}]))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.into()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(value))
}

/// A span of trace 1 that took from second 100 to second 101.
fn span() -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        start_time_unix_nano: 100_000_000_000,
        end_time_unix_nano: 101_000_000_000,
        ..Span::default()
    }
}

fn span_with(attributes: Vec<KeyValue>) -> Span {
    Span { attributes, ..span() }
}

fn span_of_status(code: i32) -> Span {
    Span { status: Some(Status { code, ..Status::default() }), ..span() }
}

fn failed() -> Span {
    span_of_status(2)
}

fn span_with_event(name: &str) -> Span {
    Span { events: vec![Event { name: name.into(), ..Event::default() }], ..span() }
}

fn log(severity_number: i32) -> LogRecord {
    LogRecord { trace_id: vec![1; 16], time_unix_nano: 100, severity_number, ..LogRecord::default() }
}

/// One request, read off the wire.
fn records(signal: Signal, request: Vec<u8>) -> Vec<Record> {
    let entries = scan(signal, &request, &Limits::default()).unwrap().entries;
    let permit = Budget::new(1 << 20).take(request.len()).unwrap();
    let batch = Arc::new(Batch { signal, bytes: Bytes::from(request), packed: None, permit, origin: None });
    entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect()
}

fn spans_of(resource: Vec<KeyValue>, spans: Vec<Span>) -> Vec<Record> {
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let data = TracesData { resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }] };
    records(Signal::Traces, data.encode_to_vec())
}

fn spans(spans: Vec<Span>) -> Vec<Record> {
    spans_of(vec![], spans)
}

fn logs(log_records: Vec<LogRecord>) -> Vec<Record> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let data = LogsData { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    records(Signal::Logs, data.encode_to_vec())
}

/// Decides a trace of these records (id 1 where there is none).
fn decide_at(sampler: &Sampler, now: Timestamp, records: Vec<Record>) -> Decision {
    let trace_id = records.first().map_or(TraceId([1; 16]), |record| record.entry.head.trace_id);
    let tracked = Arc::<Ledger>::default().accept(records.len() as u64);
    let trace = ClosedTrace {
        trace_id,
        records,
        tracked,
        missed: false,
        reason: CloseReason::DecisionWait,
        opened: now,
        closed: now,
    };
    let decision = sampler.decide(now, &trace);
    trace.tracked.settle(Outcome::NotSampled);
    decision
}

fn decide(sampler: &Sampler, records: Vec<Record>) -> Decision {
    decide_at(sampler, NOW, records)
}

fn sampled_by(policy: &str) -> Decision {
    Decision::Sampled { policy: policy.into() }
}

/// Whether a fresh sampler keeps a trace of these records.
fn keeps(sampler: &Sampler, records: Vec<Record>) -> bool {
    match decide(sampler, records) {
        Decision::Sampled { .. } => true,
        Decision::NotSampled | Decision::Dropped { .. } => false,
    }
}
