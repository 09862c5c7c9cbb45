//! Traces as a test writes them: values in, closed traces out, over the wire bytes that a client would send.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::config::{LogJoin, ServiceFacts};
use crate::evidence::{AppRules, Assembler, Beside, EvidenceError, Settings};
use crate::model::{
    Batch, Budget, Case, CloseReason, ClosedTrace, Ledger, LooseSet, Outcome, Record, RootKey, Signal, Timestamp,
    Totals, TraceId,
};
use crate::otlp::{Limits, scan};
use crate::symbols::Symbols;

pub(super) const TRACE: TraceId = TraceId([7; 16]);
/// 2025-07-01T12:03:00Z.
pub(super) const T0: u64 = 1_751_371_380_000_000_000;
pub(super) const MS: u64 = 1_000_000;

pub(super) fn any(value: impl Into<Any>) -> AnyValue {
    AnyValue { value: Some(value.into()) }
}

pub(super) fn kv(key: &str, value: impl Into<Any>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), key_strindex: 0 }
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    kv(key, Any::StringValue(value.to_owned()))
}

pub(super) fn id(byte: u8) -> Vec<u8> {
    if byte == 0 { Vec::new() } else { vec![byte; 8] }
}

/// A span of `name`, from `from` to `to` milliseconds after [`T0`].
pub(super) fn span(own: u8, parent: u8, name: &str, from: u64, to: u64) -> Span {
    Span {
        trace_id: TRACE.0.to_vec(),
        span_id: id(own),
        parent_span_id: id(parent),
        name: name.to_owned(),
        kind: 1,
        start_time_unix_nano: T0 + from * MS,
        end_time_unix_nano: T0 + to * MS,
        ..Span::default()
    }
}

pub(super) fn failed(mut span: Span) -> Span {
    span.status = Some(Status { message: String::new(), code: 2 });
    span
}

pub(super) fn thrown(mut span: Span, at: u64, kind: &str, message: &str, stack: &str) -> Span {
    span.events.push(Event {
        time_unix_nano: T0 + at * MS,
        name: "exception".to_owned(),
        attributes: vec![
            text("exception.type", kind),
            text("exception.message", message),
            text("exception.stacktrace", stack),
        ],
        dropped_attributes_count: 0,
    });
    span
}

pub(super) fn log(span: u8, at: u64, severity: i32, body: &str) -> LogRecord {
    LogRecord {
        trace_id: TRACE.0.to_vec(),
        span_id: id(span),
        time_unix_nano: T0 + at * MS,
        severity_number: severity,
        body: Some(any(Any::StringValue(body.to_owned()))),
        ..LogRecord::default()
    }
}

pub(super) fn resource(service: &str) -> Resource {
    Resource {
        attributes: vec![
            text("service.name", service),
            text("telemetry.sdk.language", "python"),
            text("process.runtime.name", "cpython"),
            text("process.environment_variable.TZ", "UTC"),
            text("vcs.ref.head.revision", "abcdef1234"),
            text("k8s.pod.name", "checkout-0"),
        ],
        ..Resource::default()
    }
}

pub(super) fn span_request(resource: Resource, spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let envelope = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![envelope] }.encode_to_vec()
}

pub(super) fn log_request(resource: Resource, log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let envelope = ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![envelope] }.encode_to_vec()
}

/// The records of a request.
pub(super) fn records(signal: Signal, request: Vec<u8>) -> Vec<Record> {
    let entries = scan(signal, &request, &Limits::default()).unwrap().entries;
    let permit = Budget::new(usize::MAX).take(request.len()).unwrap();
    let batch = Arc::new(Batch { signal, bytes: Bytes::from(request), packed: None, permit, origin: None });
    entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect()
}

pub(super) fn spans(spans: Vec<Span>) -> Vec<Record> {
    spans_of("checkout", spans)
}

pub(super) fn spans_of(service: &str, spans: Vec<Span>) -> Vec<Record> {
    records(Signal::Traces, span_request(resource(service), spans))
}

pub(super) fn logs(logs: Vec<LogRecord>) -> Vec<Record> {
    records(Signal::Logs, log_request(resource("checkout"), logs))
}

pub(super) fn assembler() -> Assembler {
    assembler_with(None)
}

/// An assembler that has these symbols.
pub(super) fn assembler_with(symbols: Option<Arc<Symbols>>) -> Assembler {
    let facts = ServiceFacts {
        build: Some("pip install -e .".to_owned()),
        test_cmd: Some("pytest -q".to_owned()),
        ..ServiceFacts::default()
    };
    let settings = Settings {
        tenant: "default".to_owned(),
        logs: LogJoin::default(),
        services: [("checkout".to_owned(), facts)].into(),
        in_app: AppRules::default(),
        config_digest: "sha256:00".to_owned(),
        symbols,
    };
    Assembler::new(settings, &RootKey::parse(&"5a".repeat(32)).unwrap())
}

/// Assembles the records; answers the case and the ledger's totals after it was stored.
pub(super) fn try_assemble(records: Vec<Record>) -> (Result<Case, EvidenceError>, Arc<Ledger>) {
    try_assemble_by(&assembler(), records)
}

/// The same, by this assembler.
pub(super) fn try_assemble_by(
    assembler: &Assembler,
    records: Vec<Record>,
) -> (Result<Case, EvidenceError>, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::default());
    let tracked = ledger.accept(records.len() as u64);
    let trace = ClosedTrace {
        trace_id: TRACE,
        records,
        tracked,
        missed: false,
        reason: CloseReason::DecisionWait,
        opened: Timestamp(1),
        closed: Timestamp(2),
    };
    let beside = Beside { sharing: LooseSet::default(), around: &|_, _| LooseSet::default() };
    (assembler.assemble(trace, &beside, "errors"), ledger)
}

/// As [`try_assemble`], with every outcome settled.
pub(super) fn assemble(records: Vec<Record>) -> (Case, Totals) {
    assemble_by(&assembler(), records)
}

/// The same, by this assembler.
pub(super) fn assemble_by(assembler: &Assembler, records: Vec<Record>) -> (Case, Totals) {
    let (case, ledger) = try_assemble_by(assembler, records);
    let mut case = case.unwrap();
    case.tracked.split(u64::MAX).settle(Outcome::Bundled);
    (case, ledger.totals())
}

/// The bundle alone.
pub(super) fn bundle(records: Vec<Record>) -> crate::model::Bundle {
    assemble(records).0.bundle
}
