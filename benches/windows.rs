//! What holding a span costs: however many traces are live, with one core and with two, and in memory beside its bytes.
//!
//! `cargo bench --bench windows`; items are spans. The requests' bytes are shared, so that only what windows do with them is measured. So many
//! live traces are as many spans a second. Of each second 2,000 spans are read once more, for how long operations take (`pipeline/normals.rs`):
//! of 10,000 live traces that is every fourth request, which takes ten times as long then; of more it is hardly seen.

#![expect(clippy::print_stdout, reason = "a command for a person at a terminal")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use casefile::config;
use casefile::model::{Batch, CloseReason, Entry, Signal, Timestamp, TraceId};
use casefile::otlp::{Limits, scan};
use casefile::pipeline::Core;
use divan::Bencher;
use divan::counter::ItemsCount;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// Spans of a request, and of a trace in it.
const SPANS: usize = 512;
const SPANS_PER_TRACE: usize = 8;
const TRACES: usize = SPANS / SPANS_PER_TRACE;
/// How long windows hold a span, in nanoseconds.
const RETENTION: u64 = 10_000_000_000;
/// Traces that are live at once. As a test runs benchmarks, once and without optimisation, a few.
const LIVE: &[usize] = if cfg!(debug_assertions) { &[1_000, 2_000] } else { &[10_000, 100_000, 1_000_000, 2_000_000] };
/// Beside the policy for errors: how long does every trace take?
const LATENCY: &str = "connectors.incident.tail_sampling.policies=[{name: errors, type: status_code, status_code: {status_codes: \
                       [ERROR]}}, {name: slow, type: latency, latency: {threshold_ms: 60000}}]";

fn main() {
    if let (Some(few), Some(many)) = (LIVE.first(), LIVE.last()) {
        let bytes = bytes_per_span(*few, *many);
        println!("{bytes:.1} B beside its bytes for each span held (from {few} to {many} live traces)");
    }
    divan::main();
}

/// A request, its spans those of interleaved traces.
fn request() -> Bytes {
    let text = |key: &str, value: &str| {
        let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    };
    let span = |at: usize| Span {
        trace_id: (at as u128 % TRACES as u128 + 1).to_be_bytes().to_vec(),
        span_id: (at as u64 + 1).to_be_bytes().to_vec(),
        parent_span_id: (at as u64 + 2).to_be_bytes().to_vec(),
        name: "GET /api/v1/orders/{order_id}".to_owned(),
        kind: 3,
        start_time_unix_nano: 1_750_000_000_000_000_000 + at as u64,
        end_time_unix_nano: 1_750_000_000_012_000_000 + at as u64,
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.path", "/api/v1/orders/8412-77-1"),
            text("http.route", "/api/v1/orders/{order_id}"),
            text("server.address", "orders.internal.example"),
            text("user_agent.original", "python-requests/2.32.3"),
        ],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: (0..SPANS).map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}

/// Windows that hold so many traces all the time: what comes pushes what is too old out.
struct Held {
    core: Core,
    bytes: Bytes,
    entries: Vec<Entry>,
    /// Nanoseconds from one request to the next.
    pause: u64,
    requests: AtomicU64,
}

impl Held {
    fn new(live: usize, sets: &[&str]) -> Self {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let config =
            config::embedded(&"5a".repeat(32), Some("not used here"), "/nowhere", &sets).expect("a configuration");
        let bytes = request();
        let entries = scan(Signal::Traces, &bytes, &Limits::default()).expect("a valid request").entries;
        let requests = live.div_ceil(TRACES) as u64;
        let core = Core::build(&config, 2, usize::MAX).expect("a core");
        let held = Self { core, bytes, entries, pause: RETENTION / requests, requests: AtomicU64::new(0) };
        for _ in 0..requests + requests / 16 {
            held.admit(held.next());
        }
        held
    }

    /// The spans of the next request: of traces that nobody has seen.
    fn next(&self) -> (u64, Vec<Entry>) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries.clone();
        for (at, entry) in entries.iter_mut().enumerate() {
            let trace = number * TRACES as u64 + (at % TRACES) as u64 + 1;
            entry.head.trace_id =
                TraceId(u128::from(trace).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
        }
        (number, entries)
    }

    fn admit(&self, (number, entries): (u64, Vec<Entry>)) {
        let now = Timestamp(1_750_000_000_000_000_000 + number * self.pause);
        let permit = self.core.budget().take_anyway(0);
        let batch = Batch { signal: Signal::Traces, bytes: self.bytes.clone(), packed: None, permit, origin: None };
        self.core.admit_entries(now, &Arc::new(batch), &entries);
        assert!(self.core.close_due(now, 0, usize::MAX).is_empty(), "nothing triggers");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let now = Timestamp(u64::MAX);
        assert!(self.core.close_all(now, 0, CloseReason::Shutdown, usize::MAX).is_empty(), "nothing triggered");
        self.core.end();
    }
}

const RETAINED: &str = "connectors.incident.window.retention=10s";

/// What resident memory grows by for each span that more traces bring.
fn bytes_per_span(few: usize, many: usize) -> f64 {
    let small = Held::new(few, &[RETAINED]);
    let before = resident();
    let large = Held::new(many, &[RETAINED]);
    let grown = resident().saturating_sub(before) as f64;
    drop((small, large));
    grown / (many * SPANS_PER_TRACE) as f64
}

/// Resident bytes of this process, where `/proc` tells.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok()).unwrap_or_default() << 10
}

#[divan::bench(args = LIVE)]
fn live_traces(bencher: Bencher, live: usize) {
    let held = Held::new(live, &[RETAINED]);
    bencher
        .counter(ItemsCount::new(SPANS))
        .with_inputs(|| held.next())
        .bench_local_values(|request| held.admit(request));
}

#[divan::bench(args = LIVE)]
fn live_traces_with_latency(bencher: Bencher, live: usize) {
    let held = Held::new(live, &[RETAINED, LATENCY]);
    bencher
        .counter(ItemsCount::new(SPANS))
        .with_inputs(|| held.next())
        .bench_local_values(|request| held.admit(request));
}

/// What a core that receives does with a request once it has its bytes: the walk, and the window, which all share.
#[divan::bench(threads = [1, 2])]
fn walked_and_held(bencher: Bencher) {
    let held = Held::new(LIVE.get(1).copied().unwrap_or_default(), &[RETAINED]);
    bencher.counter(ItemsCount::new(SPANS)).with_inputs(|| held.next()).bench_values(|request| {
        let scanned = scan(Signal::Traces, &held.bytes, &Limits::default()).expect("a valid request");
        held.admit(request);
        scanned
    });
}
