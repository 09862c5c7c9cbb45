use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;

use super::run::RUN;
use super::*;
use crate::model::{
    Batch, Budget, CloseReason, ClosedTrace, Decision, Entry, Keeper, Ledger, Origin, Outcome, Signal, Totals,
};
use crate::otlp::{Limits, scan};
use crate::window::{Mark, OPEN_COST, Settings, Unpacker, Window};

const SETTINGS: Settings = Settings {
    decision_wait: Duration::from_secs(10),
    decision_wait_after_root: Duration::from_secs(2),
    retention: Duration::from_secs(60),
    max_records: 5,
    longest: None,
    whole_traces: false,
    remembered: 1000,
};

fn at(ms: u64) -> Timestamp {
    Timestamp(ms * 1_000_000)
}

fn id(trace: u8) -> TraceId {
    TraceId([trace; 16])
}

/// A span of a trace: a root's if its parent is 0.
fn span(trace: u8, span: u8, parent: u8) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![span; 8],
        parent_span_id: vec![parent; 8],
        end_time_unix_nano: 5,
        ..Span::default()
    }
}

fn traces(spans: Vec<Span>) -> (Arc<Batch>, Vec<Entry>) {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    request(Signal::Traces, &ExportTraceServiceRequest { resource_spans })
}

fn request(signal: Signal, request: &impl Message) -> (Arc<Batch>, Vec<Entry>) {
    let bytes = Bytes::from(request.encode_to_vec());
    let entries = scan(signal, &bytes, &Limits::default()).unwrap().entries;
    (Arc::new(Batch { signal, bytes, packed: None, permit: Budget::new(0).take(0).unwrap(), origin: None }), entries)
}

struct Shard {
    window: Window,
    ledger: Arc<Ledger>,
    budget: Budget,
}

impl Shard {
    fn new() -> Self {
        let budget = Budget::new(1 << 30);
        Self { window: Window::by_trigger(SETTINGS, budget.take(0).unwrap()), ledger: Arc::default(), budget }
    }

    fn admit(&mut self, ms: u64, (batch, entries): &(Arc<Batch>, Vec<Entry>), mark: impl Fn(&Entry) -> Mark) {
        let tracked = self.ledger.accept(entries.len() as u64);
        let marks: Vec<Mark> = entries.iter().map(mark).collect();
        let ready = Ready::new(&self.window.hasher(), batch, entries);
        self.window.admit_request(at(ms), &ready, tracked, &marks, &Unpacker::new(&Budget::new(0)));
    }

    fn advance(&mut self, ms: u64) -> Vec<ClosedTrace> {
        self.window.advance(at(ms), 100)
    }

    fn totals(&self) -> Totals {
        self.ledger.totals()
    }
}

fn settle(closed: ClosedTrace) -> (TraceId, CloseReason, Timestamp, Timestamp, Vec<Entry>) {
    let ClosedTrace { trace_id, records, tracked, reason, opened, closed, .. } = closed;
    assert_eq!(tracked.records(), records.len() as u64);
    tracked.settle(Outcome::Bundled);
    (trace_id, reason, opened, closed, records.iter().map(|record| record.entry).collect())
}

#[test]
fn a_trigger_gathers_what_waits_as_it_was_scanned_and_in_order() {
    let resource = |name: &str| Some(Resource { attributes: vec![text(name)], ..Resource::default() });
    let scope = Some(InstrumentationScope { name: "scope".to_owned(), ..InstrumentationScope::default() });
    let spans = ExportTraceServiceRequest {
        resource_spans: vec![
            ResourceSpans {
                resource: resource("one"),
                scope_spans: vec![ScopeSpans {
                    scope: scope.clone(),
                    spans: vec![span(1, 1, 0), span(2, 2, 1)],
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            },
            ResourceSpans {
                resource: resource("two"),
                scope_spans: vec![ScopeSpans { spans: vec![span(1, 3, 1)], ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            },
        ],
    };
    let log = LogRecord { trace_id: vec![1; 16], time_unix_nano: 7, severity_number: 9, ..LogRecord::default() };
    let logs = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource("one"),
            scope_logs: vec![ScopeLogs { scope, log_records: vec![log], ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        }],
    };
    let exemplar = Exemplar { trace_id: vec![1; 16], span_id: vec![1; 8], time_unix_nano: 3, ..Exemplar::default() };
    let point = NumberDataPoint { exemplars: vec![exemplar], ..NumberDataPoint::default() };
    let metric = |name: &str| Metric {
        name: name.to_owned(),
        data: Some(Data::Gauge(Gauge { data_points: vec![point.clone()] })),
        ..Metric::default()
    };
    let metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics { metrics: vec![metric("a"), metric("b")], ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    };
    let mut shard = Shard::new();
    let requests = [request(Signal::Traces, &spans), request(Signal::Logs, &logs), request(Signal::Metrics, &metrics)];
    for (ms, request) in requests.iter().enumerate() {
        shard.admit(ms as u64, request, |_| Mark::None);
    }
    assert_eq!((shard.window.traces(), shard.window.records()), (0, 6));
    let expected: Vec<Entry> = requests
        .iter()
        .flat_map(|(_, entries)| entries)
        .filter(|entry| entry.head.trace_id == id(1))
        .copied()
        .collect();
    let pieces = shard.window.pieces(id(1));
    assert_eq!(pieces.iter().map(|record| record.entry).collect::<Vec<_>>(), expected);

    shard.window.keep(at(10), id(1));
    assert_eq!(shard.budget.used(), 5 * OPEN_COST, "open traces cost more");
    let closed: Vec<_> = shard.advance(2_010).into_iter().map(settle).collect();
    // Five records are as many as a trace may have before it closes at once.
    assert_eq!(closed, [(id(1), CloseReason::TraceLimit, at(0), at(2_010), expected)]);
    assert_eq!(shard.budget.used(), 0);
    assert!(shard.advance(60_000).is_empty());
    assert_eq!((shard.totals().not_sampled, shard.window.records()), (0, 1), "a run waits for its last record");
    assert!(shard.advance(60_002).is_empty());
    assert_eq!((shard.totals().not_sampled, shard.window.records()), (1, 0));
}

fn text(name: &str) -> opentelemetry_proto::tonic::common::v1::KeyValue {
    opentelemetry_proto::tonic::common::v1::KeyValue { key: name.to_owned(), ..Default::default() }
}

#[test]
fn what_is_older_than_the_retention_is_gathered_no_more_although_its_run_is_there() {
    let mut shard = Shard::new();
    shard.admit(0, &traces(vec![span(1, 1, 1)]), |_| Mark::None);
    shard.admit(1_000, &traces(vec![span(1, 2, 1)]), |_| Mark::None);
    shard.admit(60_500, &traces(vec![span(1, 3, 1)]), |_| Mark::Trigger);
    let [(_, reason, opened, _, entries)] =
        shard.advance(70_500).into_iter().map(settle).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((reason, opened, entries.len()), (CloseReason::DecisionWait, at(1_000), 2));
    assert_eq!(shard.totals().not_sampled, 1);
}

#[test]
fn a_trace_is_gathered_out_of_many_runs() {
    let mut shard = Shard::new();
    let requests = RUN * 2 / 500;
    for n in 0..requests {
        let request = traces((0..500).map(|at| span((at % 7) as u8 + 1, 1, 1)).collect());
        shard.admit(n as u64, &request, |_| Mark::None);
    }
    let of_seven = |records: usize| records.div_ceil(7);
    assert_eq!(shard.window.pieces(id(1)).len(), of_seven(500) * requests);
    shard.window.keep(at(1_000), id(1));
    let closed: Vec<_> = shard.advance(1_000).into_iter().map(|it| settle(it).4.len()).collect();
    assert_eq!(closed, [of_seven(500) * requests]);
    assert!(shard.window.pieces(id(1)).is_empty());
    assert_eq!(shard.window.pieces(id(7)).len(), 71 * requests);
    shard.window.let_go_waiting(Outcome::NotSampled);
    assert_eq!(shard.totals().not_sampled as usize, (500 - of_seven(500)) * requests);
}

#[test]
fn under_pressure_what_waits_goes_before_its_time_and_what_has_failed_does_not() {
    let mut shard = Shard::new();
    shard.admit(0, &traces(vec![span(1, 1, 1)]), |_| Mark::Trigger);
    shard.admit(0, &traces(vec![span(2, 1, 1)]), |_| Mark::None);
    assert!(!shard.window.relieve_waiting(at(9_999), false), "its error may still come");
    assert!(!shard.window.relieve_waiting(at(9_999), true), "the other trace is due before");
    assert!(shard.window.relieve_waiting(at(10_000), false));
    assert!(!shard.window.relieve_waiting(at(10_000), true), "there is no more");
    assert!(shard.window.relieve(at(10_000), false, 10).is_empty());
    assert_eq!(shard.totals().not_sampled, 1);
    let reasons: Vec<_> = shard.window.relieve(at(10_000), true, 10).into_iter().map(|it| settle(it).1).collect();
    assert_eq!(reasons, [CloseReason::Pressure]);
}

#[test]
fn under_pressure_little_more_goes_than_needs_to_however_large_requests_are() {
    let mut shard = Shard::new();
    let budget = Budget::new(64 << 20);
    shard.window = Window::by_trigger(SETTINGS, budget.take(0).unwrap());
    for n in 0..60 {
        let (batch, entries) = traces(vec![span(n + 1, 1, 1)]);
        let (bytes, permit) = (batch.bytes.clone(), budget.take(1 << 20).unwrap());
        let batch = Batch { signal: batch.signal, bytes, packed: None, permit, origin: None };
        shard.admit(0, &(Arc::new(batch), entries), |_| Mark::None);
    }
    while budget.is_short(80) && shard.window.relieve_waiting(at(0), true) {
        assert_eq!(shard.window.take_spent().remember().len(), 1);
    }
    assert!(!budget.is_short(80) && budget.is_short(75), "{}", budget.used());
    shard.window.let_go_waiting(Outcome::NotSampled);
}

/// Guarantees: a request goes when its records are too old, and not with the last of its run; their traces are told as gone. What is kept
/// beside memory stays with its run.
#[test]
fn what_is_too_old_takes_no_room_while_its_run_waits_for_others() {
    let (budget, mut shard) = (Budget::new(1 << 20), Shard::new());
    let of = |trace: u8, origin: Option<Origin>| {
        let (batch, entries) = traces(vec![span(trace, 1, 1)]);
        let (signal, bytes, permit) = (batch.signal, batch.bytes.clone(), budget.take(1000).unwrap());
        (Arc::new(Batch { signal, bytes, packed: None, permit, origin }), entries)
    };
    shard.admit(0, &of(1, None), |_| Mark::None);
    shard.admit(100, &of(2, Some(Origin { number: 7, keeper: Arc::new(Kept) })), |_| Mark::None);
    shard.admit(200, &of(3, None), |_| Mark::None);
    shard.admit(300, &of(4, None), |_| Mark::None);
    let mut held = |ms| {
        assert!(shard.advance(ms).is_empty());
        drop(shard.window.take_spent());
        (budget.used(), shard.totals().not_sampled)
    };
    assert_eq!([held(59_999), held(60_000), held(60_150), held(60_200)], [(4000, 0), (3000, 0), (3000, 0), (2000, 0)]);
    for trace in 1..=4 {
        shard.window.keep(at(60_200), id(trace));
    }
    assert_eq!(shard.window.traces(), 1, "the last");
    shard.admit(60_250, &traces(vec![span(3, 2, 1)]), |_| Mark::Trigger);
    let closed = shard.advance(80_000).into_iter().map(|closed| (closed.missed, settle(closed).0)).collect::<Vec<_>>();
    assert_eq!(closed, [(false, id(4)), (true, id(3))]);
    assert_eq!(shard.window.take_spent().remember().len(), 1);
    assert_eq!((budget.used(), shard.totals().not_sampled), (0, 3));
}

#[test]
fn what_comes_while_its_trace_is_decided_is_gathered_for_it() {
    let mut shard = Shard::new();
    shard.admit(0, &traces(vec![span(1, 1, 1)]), |_| Mark::Trigger);
    let closed = shard.advance(10_000).pop().unwrap();
    shard.admit(10_000, &traces(vec![span(1, 2, 1)]), |_| Mark::None);
    shard.window.keep_open(at(10_001), id(1), closed.closed);
    assert_eq!(shard.window.traces(), 1);
    settle(closed);
    shard.window.keep_open(at(10_001), id(2), at(10_000));
    assert_eq!(shard.window.traces(), 1, "of the other nothing came");
    assert_eq!(shard.advance(20_001).into_iter().map(|it| settle(it).4.len()).sum::<usize>(), 1);
}

proptest! {
    /// Guarantees: a trace with a trigger closes when, why and with what it would if every trace were open from its first record.
    #[test]
    fn traces_with_a_trigger_close_as_if_all_were_open(
        actions in prop::collection::vec((0..4_u8, 0..12_u8, 0..2_u8, 0..3_000_u64), 0..40)
    ) {
        let mut shard = Shard::new();
        let (mut all, all_ledger) = (Window::new(SETTINGS), Arc::<Ledger>::default());
        let (mut now, mut closed, mut closed_of_all) = (0, Vec::new(), Vec::new());
        for (n, (trace, what, parent, wait)) in actions.iter().enumerate() {
            // All that comes is younger than the retention.
            now = (now + wait).min(59_000);
            let trace = trace + 1;
            let mark = match what { 0 => Mark::Trigger, 1 => Mark::Late, _ => Mark::None };
            if *what == 2 {
                shard.window.keep(at(now), id(trace));
                all.keep(at(now), id(trace));
            } else {
                let request = traces(vec![span(trace, n as u8 + 1, *parent)]);
                shard.admit(now, &request, |_| mark);
                let (record, tracked) = (Record { batch: Arc::clone(&request.0), entry: request.1[0] }, all_ledger.accept(1));
                match mark {
                    Mark::Late => all.admit_late(at(now), record, tracked),
                    mark => all.admit(at(now), record, tracked, mark == Mark::Trigger),
                }
            }
            if what % 3 == 0 {
                closed.extend(shard.advance(now).into_iter().map(settle));
                closed_of_all.extend(all.advance(at(now), 100).into_iter().map(settle));
            }
        }
        // Before the retention of the first is over, and after the wait of the last.
        closed.extend(shard.advance(59_999).into_iter().map(settle));
        closed_of_all.extend(all.advance(at(59_999), 100).into_iter().map(settle));
        prop_assert_eq!(closed, closed_of_all);
        closed_of_all = all.drain(at(59_999), CloseReason::Shutdown, 100).into_iter().map(settle).collect();
        closed = shard.window.drain(at(59_999), CloseReason::Shutdown, 100).into_iter().map(settle).collect();
        // What is left without a trigger never comes out.
        let open: Vec<_> = closed.iter().map(|it| it.0).collect();
        closed_of_all.retain(|it| open.contains(&it.0));
        prop_assert_eq!(closed, closed_of_all);
        shard.window.let_go_waiting(Outcome::NotSampled);
        prop_assert_eq!((shard.totals().pending(), shard.window.records(), shard.budget.used()), (0, 0, 0));
    }
}

/// What is kept elsewhere, by nobody in particular.
#[derive(Debug)]
struct Kept;

impl Keeper for Kept {
    fn settled(&self, _: TraceId, _: &Decision, _: &[u64]) {}

    fn carried(&self) {}
}

/// Guarantees: where traces that nothing triggers are told apart by how long they take alone, one that takes too long is gathered whole, its
/// entry is counted in the room, and the others never come out.
#[test]
fn a_trace_that_takes_too_long_is_gathered_whole() {
    let mut shard = Shard::new();
    let settings =
        Settings { longest: Some(Duration::from_millis(500)), decision_wait_after_root: Duration::ZERO, ..SETTINGS };
    shard.window = Window::by_trigger(settings, shard.budget.take(0).unwrap());
    let took = |trace: u8, number: u8, from: u64, to: u64| {
        let [start_time_unix_nano, end_time_unix_nano] = [from, to].map(|ms| ms * 1_000_000);
        Span { start_time_unix_nano, end_time_unix_nano, ..span(trace, number, 1) }
    };
    shard.admit(0, &traces(vec![took(1, 1, 1_000, 1_100), took(2, 1, 1_000, 1_100), took(3, 1, 1_000, 1_900)]), |_| {
        Mark::None
    });
    assert_eq!(shard.window.traces(), 1, "the third alone");
    assert!(shard.budget.used() > OPEN_COST, "{}", shard.budget.used());
    shard.admit(2_000, &traces(vec![took(1, 2, 1_400, 1_600), took(2, 2, 1_400, 1_500)]), |_| Mark::None);
    shard.admit(2_500, &traces(vec![took(1, 3, 1_450, 1_460)]), |_| Mark::None);
    assert!(!shard.window.relieve_waiting(at(2_600), false), "records wait that it is about");
    let closed: Vec<_> = shard
        .advance(12_000)
        .into_iter()
        .map(settle)
        .map(|(id, reason, _, _, entries)| (id, reason, entries.len()))
        .collect();
    assert_eq!(closed, [(id(3), CloseReason::DecisionWait, 1), (id(1), CloseReason::DecisionWait, 3)]);
    let used = shard.budget.used();
    assert!(shard.advance(70_000).is_empty());
    assert_eq!((shard.totals().not_sampled, shard.window.records()), (2, 0));
    assert!(used > 0 && shard.window.relieve_waiting(at(70_000), false));
    assert_eq!(shard.budget.used(), 0);
    assert!(!shard.window.relieve_waiting(at(70_000), true));
}

/// Scenario: requests that are read once more have no origin. Guarantee: records of them that go without a trigger had their outcome before;
/// those of others are not sampled, and one that was gathered is counted with its trace alone.
#[test]
fn what_is_read_once_more_and_goes_had_its_outcome_before() {
    let (budget, mut shard) = (Budget::new(1 << 30), Shard::new());
    shard.window = Window::by_trigger_with_rereads(SETTINGS, budget.take(0).unwrap());
    let before = traces(vec![span(1, 1, 9), span(1, 2, 9), span(2, 3, 9)]);
    let (batch, entries) = traces(vec![span(3, 4, 9), span(2, 5, 9)]);
    let origin = Some(Origin { number: 7, keeper: Arc::new(Kept) });
    let Batch { signal, bytes, permit, .. } = Arc::into_inner(batch).unwrap();
    let now = (Arc::new(Batch { signal, bytes, packed: None, permit, origin }), entries);

    shard.admit(0, &before, |_| Mark::None);
    shard.admit(1, &now, |entry| if entry.head.trace_id == id(2) { Mark::Trigger } else { Mark::None });
    let [closed] = shard.advance(10_001).try_into().unwrap();
    assert_eq!((closed.trace_id, closed.records.len()), (id(2), 2));
    closed.tracked.settle(Outcome::Bundled);
    assert_eq!(shard.advance(200_000).len(), 0);
    assert_eq!(shard.totals(), Totals { accepted: 5, bundled: 2, reread: 2, not_sampled: 1, ..Totals::default() });
}

/// Guarantee: what is remembered of a run is each trace that has a record in it, and none whose records were all gathered.
#[test]
fn a_run_tells_which_traces_are_in_it() {
    let mut runs = Runs::new(SETTINGS.retention, 1_000, 0, Hasher::default());
    for round in 0..20 {
        let (batch, entries) = traces((1..=200).map(|trace| span(trace, round + 1, 1)).collect());
        let ready = Ready::new(&runs.hasher, &batch, &entries);
        runs.put(at(1), at(1), &ready, ready.rows(0..entries.len()));
    }
    for trace in 1..=50 {
        assert_eq!(runs.gather(at(2), at(0), id(trace)).pieces.len(), 20);
    }
    let run = runs.pop().unwrap();
    let tags = |traces: std::ops::RangeInclusive<u8>, runs: &Runs| -> Vec<u64> {
        let mut tags: Vec<u64> = traces.map(|trace| tag(runs.hasher.hash(id(trace)))).collect();
        tags.sort_unstable();
        tags
    };
    let mut told = run.tags();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, tags(51..=200, &runs));
    let run = runs.leave(run);
    let tells = |runs: &mut Runs, when: &str| {
        for trace in 1..=250 {
            assert_eq!(runs.gather(at(2), at(0), id(trace)).missed, (51..=200).contains(&trace), "{trace} {when}");
        }
    };
    tells(&mut runs, "by itself");
    let left = runs.left(vec![run]);
    let [note] = left.remember().try_into().unwrap();
    drop(left);
    tells(&mut runs, "by its tags");
    let mut next = Runs::new(SETTINGS.retention, 1_000, 0, Hasher::default());
    next.recall(&[note]);
    assert!(next.gather(at(2), at(0), id(51)).missed && !next.gather(at(2), at(0), id(50)).missed);
}
