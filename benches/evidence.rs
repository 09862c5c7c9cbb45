//! What a failed trace costs from its records to the bytes that are stored: 50 spans of three services and 200 log records.
//!
//! `cargo bench --bench evidence`; items are traces. The baseline decodes the same requests with prost and does nothing with
//! them.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use casefile::bundle::{Closed, Sealed, seal};
use casefile::config::{LogJoin, RedactionProcessor};
use casefile::evidence::{AppRules, Assembler, Beside, Settings};
use casefile::model::{
    Batch, Budget, Case, CloseReason, ClosedTrace, Ledger, LooseSet, Outcome, Record, RootKey, Signal, Timestamp,
    TraceId,
};
use casefile::otlp::{Limits, scan};
use casefile::redact::{RedactedCase, Redactor};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

const TRACE: TraceId = TraceId([7; 16]);
const SPANS: u64 = 50;
const LOGS: u64 = 200;
const T0: u64 = 1_751_371_380_000_000_000;
const MS: u64 = 1_000_000;
const SERVICES: [&str; 3] = ["gateway", "checkout", "inventory"];

const STACK: &str = r#"Traceback (most recent call last):
  File "/srv/venv/lib/python3.12/site-packages/flask/app.py", line 1511, in wsgi_app
    response = self.full_dispatch_request()
  File "/srv/venv/lib/python3.12/site-packages/flask/app.py", line 919, in full_dispatch_request
    rv = self.handle_user_exception(e)
  File "/srv/venv/lib/python3.12/site-packages/flask/app.py", line 902, in dispatch_request
    return self.ensure_sync(self.view_functions[rule.endpoint])(**view_args)
  File "/srv/app/handlers/report.py", line 31, in report
    rows = load(parse_report(request.args["ts"]))
  File "/srv/app/handlers/report.py", line 18, in parse_report
    return datetime.strptime(value, "%Y-%m-%dT%H:%M")
  File "/usr/local/lib/python3.12/_strptime.py", line 554, in _strptime_datetime
    tt, fraction, gmtoff_fraction = _strptime(data_string, format)
ValueError: time data '2025-07-01 12:03' does not match format '%Y-%m-%dT%H:%M'
"#;

fn main() {
    divan::main();
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, key_strindex: 0 }
}

fn resource(service: &str) -> Option<Resource> {
    let attributes = vec![
        text("service.name", service),
        text("service.version", "2.4.1"),
        text("telemetry.sdk.language", "python"),
        text("process.runtime.name", "cpython"),
        text("vcs.ref.head.revision", "3f1c9a7be0d24586a1f7c02d9e83b45c6d70e1fa"),
        text("k8s.pod.name", "checkout-6f7d9c-x2x4z"),
        text("deployment.environment.name", "production"),
    ];
    Some(Resource { attributes, ..Resource::default() })
}

fn id(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A span of the trace of this `order`.
fn span(order: u64, number: u64) -> Span {
    let failed = number == SPANS;
    let mut span = Span {
        trace_id: TRACE.0.to_vec(),
        span_id: id(number),
        parent_span_id: if number == 1 { Vec::new() } else { id(number / 3 + 1) },
        name: format!("{} /orders/{{id}}/items", if number.is_multiple_of(2) { "GET" } else { "POST" }),
        kind: if number <= 3 { 2 } else { 3 },
        start_time_unix_nano: T0 + number * MS,
        end_time_unix_nano: T0 + (2 * SPANS - number + 60) * MS,
        attributes: vec![
            text("http.request.method", "GET"),
            text(
                "url.full",
                &format!(
                    "https://checkout.example/orders/{order}{number}/items?email=ann{order}%40corp.example&page=2"
                ),
            ),
            text("http.route", "/orders/{id}/items"),
            text("server.address", "10.4.7.21"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
            text("db.query.text", "SELECT id, total FROM orders WHERE customer = 'ann' AND total > 30"),
        ],
        ..Span::default()
    };
    if failed {
        span.status = Some(Status { message: "report failed".to_owned(), code: 2 });
        span.events.push(Event {
            time_unix_nano: T0 + 70 * MS,
            name: "exception".to_owned(),
            attributes: vec![
                text("exception.type", "ValueError"),
                text("exception.message", "time data '2025-07-01 12:03' does not match format '%Y-%m-%dT%H:%M'"),
                text("exception.stacktrace", STACK),
            ],
            dropped_attributes_count: 0,
        });
    }
    span
}

fn log(order: u64, number: u64) -> LogRecord {
    let body = match number % 8 {
        0 => format!("order {order}{number} of ann{order}@corp.example accepted, total 31.50 EUR"),
        1 => format!("GET /orders/{order}{number}/items took {number} ms, 12 rows"),
        2 => format!("cache miss for key orders:{order}{number}:items, falling back to the database"),
        3 => format!("retrying inventory call, attempt {} of 5, waiting 200 ms", number % 5),
        4 => format!("connection 10.4.7.{} opened by pool worker-{number}", number % 250),
        5 => "feature new_pricing evaluated to on for tenant acme".to_owned(),
        6 => format!("published event order.updated offset={order}{number} partition=3 topic=orders"),
        _ => "loaded configuration from /etc/checkout/config.yaml".to_owned(),
    };
    LogRecord {
        trace_id: TRACE.0.to_vec(),
        span_id: id(number % SPANS + 1),
        time_unix_nano: T0 + number * MS / 3,
        severity_number: if number == LOGS { 17 } else { 9 },
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue { value: Some(Any::StringValue(body)) }),
        attributes: vec![text("code.function.name", "orders.items"), text("thread.name", "worker-3")],
        ..LogRecord::default()
    }
}

/// The requests of the trace of an order, a few for each service.
fn requests(order: u64) -> Vec<(Signal, Bytes)> {
    let mut requests = Vec::new();
    for (index, service) in (0..).zip(SERVICES) {
        let spans = (1..=SPANS).filter(|number| number % 3 == index).map(|number| span(order, number)).collect();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let envelope = ResourceSpans { resource: resource(service), scope_spans, ..ResourceSpans::default() };
        let request = ExportTraceServiceRequest { resource_spans: vec![envelope] };
        requests.push((Signal::Traces, Bytes::from(request.encode_to_vec())));
        let log_records = (1..=LOGS).filter(|number| number % 3 == index).map(|number| log(order, number)).collect();
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        let envelope = ResourceLogs { resource: resource(service), scope_logs, ..ResourceLogs::default() };
        let request = ExportLogsServiceRequest { resource_logs: vec![envelope] };
        requests.push((Signal::Logs, Bytes::from(request.encode_to_vec())));
    }
    requests
}

/// Everything that takes records to a sealed bundle.
struct Line {
    assembler: Assembler,
    redactor: Redactor,
    budget: Budget,
    ledger: Arc<Ledger>,
    orders: Cell<u64>,
}

impl Line {
    fn new() -> Self {
        let root = RootKey::parse(&"5a".repeat(32)).expect("a key of 32 bytes");
        let settings = Settings {
            tenant: "default".to_owned(),
            logs: LogJoin::default(),
            services: std::collections::BTreeMap::new(),
            in_app: AppRules::default(),
            config_digest: "sha256:00".to_owned(),
            symbols: None,
        };
        Self {
            assembler: Assembler::new(settings, &root),
            redactor: Redactor::compile(&RedactionProcessor::default(), "default", &root).expect("rules that compile"),
            budget: Budget::new(usize::MAX),
            ledger: Arc::new(Ledger::default()),
            orders: Cell::new(1_000_000),
        }
    }

    /// The trace of the next order: what is remembered of the last one's texts is of no use where they differ.
    fn closed(&self) -> ClosedTrace {
        self.orders.set(self.orders.get() + 1);
        let records: Vec<Record> = requests(self.orders.get())
            .into_iter()
            .flat_map(|(signal, bytes)| {
                let permit = self.budget.take(bytes.len()).expect("a budget without end");
                let batch = Arc::new(Batch { signal, bytes, packed: None, permit, origin: None });
                let scanned = scan(signal, &batch.bytes, &Limits::default()).expect("a valid request");
                scanned.entries.into_iter().map(move |entry| Record { batch: Arc::clone(&batch), entry })
            })
            .collect();
        ClosedTrace {
            trace_id: TRACE,
            tracked: self.ledger.accept(records.len() as u64),
            records,
            missed: false,
            reason: CloseReason::DecisionWait,
            opened: Timestamp(T0),
            closed: Timestamp(T0 + 100 * MS),
        }
    }

    fn assembled(&self, trace: ClosedTrace) -> Case {
        let beside = Beside { sharing: LooseSet::default(), around: &|_, _| LooseSet::default() };
        self.assembler.assemble(trace, &beside, "errors").expect("records that decode")
    }

    fn redacted(&self, case: Case) -> RedactedCase {
        self.redactor.redact(case).expect("redaction that ends")
    }
}

fn sealed(case: RedactedCase) -> Sealed {
    let closed = Closed { reason: CloseReason::DecisionWait, opened: Timestamp(T0), closed: Timestamp(T0 + 100 * MS) };
    seal(case, closed, &casefile::config::BundleSize::default()).expect("a case that can be sealed")
}

fn end(sealed: Sealed) {
    black_box(sealed.document());
    sealed.into_tracked().settle(Outcome::Bundled);
}

#[divan::bench]
fn whole(bencher: Bencher) {
    let line = Line::new();
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| line.closed())
        .bench_local_values(|trace| end(sealed(line.redacted(line.assembled(trace)))));
}

#[divan::bench]
fn assemble(bencher: Bencher) {
    let line = Line::new();
    bencher.counter(ItemsCount::new(1_u32)).with_inputs(|| line.closed()).bench_local_values(|trace| {
        let mut case = line.assembled(trace);
        case.tracked.split(u64::MAX).settle(Outcome::Bundled);
        case
    });
}

#[divan::bench]
fn redact(bencher: Bencher) {
    let line = Line::new();
    bencher.counter(ItemsCount::new(1_u32)).with_inputs(|| line.assembled(line.closed())).bench_local_values(|case| {
        let parts = line.redacted(case).into_parts();
        parts.tracked.settle(Outcome::Bundled);
    });
}

#[divan::bench]
fn seal_only(bencher: Bencher) {
    let line = Line::new();
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| line.redacted(line.assembled(line.closed())))
        .bench_local_values(|case| end(sealed(case)));
}

#[divan::bench]
fn baseline_prost_decode(bencher: Bencher) {
    let requests = requests(1_000_000);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        for (signal, bytes) in &requests {
            match signal {
                Signal::Traces => drop(black_box(ExportTraceServiceRequest::decode(bytes.clone()))),
                Signal::Logs | Signal::Metrics => drop(black_box(ExportLogsServiceRequest::decode(bytes.clone()))),
            }
        }
    });
}
