use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::{Batch, Budget, ByteRange, Entry, Head, Ledger, Outcome, Signal, SpanId};

const WAIT: Duration = Duration::from_secs(10);
const AFTER_ROOT: Duration = Duration::from_secs(2);
const RETENTION: Duration = Duration::from_secs(60);
const SETTINGS: Settings = Settings {
    decision_wait: WAIT,
    decision_wait_after_root: AFTER_ROOT,
    retention: RETENTION,
    max_records: 1000,
    longest: None,
    whole_traces: false,
    remembered: 0,
};
const WITHOUT_ROOT: Settings = Settings { decision_wait_after_root: Duration::ZERO, ..SETTINGS };
const WHOLE: Settings = Settings { whole_traces: true, ..SETTINGS };

/// A window and the ledger of what is in it.
struct Shard {
    window: Window,
    ledger: Arc<Ledger>,
    batch: [Arc<Batch>; 2],
}

impl Shard {
    fn new(settings: Settings) -> Self {
        let budget = Budget::new(2);
        let batch = |signal| {
            Arc::new(Batch { signal, bytes: Bytes::new(), packed: None, permit: budget.take(1).unwrap(), origin: None })
        };
        Self {
            window: Window::new(settings),
            ledger: Arc::default(),
            batch: [batch(Signal::Traces), batch(Signal::Logs)],
        }
    }

    fn record(&self, signal: Signal, trace: u8, parent: u8, end: u64) -> Record {
        let head = Head {
            trace_id: id(trace),
            span_id: SpanId([9; 8]),
            parent_span_id: SpanId([parent; 8]),
            end: Timestamp(end),
            ..Head::default()
        };
        let none = ByteRange::default();
        let entry = Entry { head, resource: none, scope: none, metric: none, body: none };
        Record { batch: Arc::clone(&self.batch[usize::from(signal == Signal::Logs)]), entry }
    }

    fn admit(&mut self, at_ms: u64, record: Record, triggered: bool) {
        let tracked = self.ledger.accept(1);
        self.window.admit(ms(at_ms), record, tracked, triggered);
    }

    fn span(&mut self, at_ms: u64, trace: u8, triggered: bool) {
        let record = self.record(Signal::Traces, trace, 1, 5);
        self.admit(at_ms, record, triggered);
    }

    fn log(&mut self, at_ms: u64, trace: u8, triggered: bool) {
        let record = self.record(Signal::Logs, trace, 0, 5);
        self.admit(at_ms, record, triggered);
    }

    fn root(&mut self, at_ms: u64, trace: u8, triggered: bool) {
        let record = self.record(Signal::Traces, trace, 0, 5);
        self.admit(at_ms, record, triggered);
    }

    fn late(&mut self, at_ms: u64, trace: u8) {
        let (record, tracked) = (self.record(Signal::Traces, trace, 1, 5), self.ledger.accept(1));
        self.window.admit_late(ms(at_ms), record, tracked);
    }

    /// Closes what is due, and settles it.
    fn advance(&mut self, at_ms: u64) -> Vec<Closed> {
        self.advance_by(at_ms, usize::MAX)
    }

    fn advance_by(&mut self, at_ms: u64, limit: usize) -> Vec<Closed> {
        self.window.advance(ms(at_ms), limit).into_iter().map(settle).collect()
    }

    fn drain(&mut self, at_ms: u64, limit: usize) -> Vec<Closed> {
        self.window.drain(ms(at_ms), CloseReason::Shutdown, limit).into_iter().map(settle).collect()
    }

    /// The moment at which the only open trace closes, and why.
    fn only_close(mut self, settings: Settings) -> (u64, CloseReason) {
        let due = next_deadline(&self.window).unwrap().0 / 1_000_000;
        assert_eq!(self.advance(due - 1), [], "{settings:?}: closed before its deadline");
        let closed = self.advance(due);
        assert_eq!(closed.len(), 1, "{settings:?}");
        assert_eq!(self.ledger.totals().pending(), 0);
        (due, closed[0].reason)
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.drain(u64::MAX / 1_000_000, usize::MAX);
        }
    }
}

/// A closed trace, settled.
#[derive(Debug, PartialEq, Eq)]
struct Closed {
    trace: u8,
    records: usize,
    reason: CloseReason,
}

fn settle(closed: ClosedTrace) -> Closed {
    assert_eq!(closed.tracked.records(), closed.records.len() as u64, "a trace owes what its records owe");
    assert!(closed.records.iter().all(|record| record.entry.head.trace_id == closed.trace_id));
    closed.tracked.settle(Outcome::NotSampled);
    Closed { trace: closed.trace_id.0[15], records: closed.records.len(), reason: closed.reason }
}

fn id(trace: u8) -> TraceId {
    TraceId([[0; 15].as_slice(), &[trace]].concat().try_into().unwrap())
}

fn ms(at: u64) -> Timestamp {
    Timestamp(at * 1_000_000)
}

/// The earliest deadline, in the caller's time.
fn next_deadline(window: &Window) -> Option<Timestamp> {
    let opened = window.order.first().map(|(deadline, _)| *deadline);
    let deadline = opened.into_iter().chain(window.runs.as_ref().and_then(Runs::deadline)).min();
    deadline.map(|deadline| window.clock.outside(deadline))
}

#[test]
fn a_trace_without_trigger_expires_by_the_age_of_its_first_record() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, false);
    shard.root(30_000, 1, false);
    assert_eq!(shard.only_close(SETTINGS), (61_000, CloseReason::Retention));
}

#[test]
fn a_triggered_trace_closes_after_its_first_trigger_however_often_it_triggers() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, false);
    shard.span(5_000, 1, true);
    shard.span(9_000, 1, true);
    assert_eq!(shard.only_close(SETTINGS), (15_000, CloseReason::DecisionWait));
}

#[test]
fn a_root_that_ends_after_the_trigger_brings_the_close_nearer() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, true);
    shard.root(4_000, 1, false);
    assert_eq!(shard.only_close(SETTINGS), (6_000, CloseReason::RootReceived));
}

#[test]
fn a_root_that_ends_too_late_to_be_sooner_changes_nothing() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, true);
    shard.root(9_500, 1, false);
    assert_eq!(shard.only_close(SETTINGS), (11_000, CloseReason::DecisionWait));
}

#[test]
fn a_trigger_after_the_root_waits_the_short_wait_from_the_trigger() {
    let mut shard = Shard::new(SETTINGS);
    shard.root(1_000, 1, false);
    shard.log(20_000, 1, true);
    assert_eq!(shard.only_close(SETTINGS), (22_000, CloseReason::RootReceived));
}

#[test]
fn a_root_that_has_not_ended_and_a_log_without_parent_are_no_end_of_the_root() {
    let mut shard = Shard::new(SETTINGS);
    let open = shard.record(Signal::Traces, 1, 0, 0);
    shard.admit(1_000, open, true);
    shard.log(1_500, 1, false);
    assert_eq!(shard.only_close(SETTINGS), (11_000, CloseReason::DecisionWait));
}

#[test]
fn the_wait_after_the_root_can_be_off() {
    let mut shard = Shard::new(WITHOUT_ROOT);
    shard.root(1_000, 1, true);
    assert_eq!(shard.only_close(WITHOUT_ROOT), (11_000, CloseReason::DecisionWait));
}

#[test]
fn a_trace_that_takes_longer_than_it_may_is_triggered_by_the_span_that_shows_it() {
    let mut shard = Shard::new(Settings { longest: Some(Duration::from_millis(500)), ..SETTINGS });
    let mut span = |at_ms, trace, from_ms: u64, to_ms: u64| {
        let mut record = shard.record(Signal::Traces, trace, 1, to_ms * 1_000_000);
        record.entry.head.start = ms(from_ms);
        shard.admit(at_ms, record, false);
    };
    span(0, 1, 1_000, 1_200);
    span(0, 2, 1_000, 1_200);
    span(3_000, 1, 1_300, 1_501);
    span(4_000, 2, 1_300, 1_500);
    span(5_000, 1, 1_300, 1_900);
    let closed: Vec<_> = shard
        .window
        .advance(ms(13_000), 10)
        .into_iter()
        .map(|trace| {
            trace.tracked.settle(Outcome::NotSampled);
            (trace.trace_id, trace.reason, trace.records.len())
        })
        .collect();
    assert_eq!(closed, [(id(1), CloseReason::DecisionWait, 3)], "decision_wait after the span that made it too long");
    let rest = shard.window.advance(ms(60_000), 10).remove(0);
    rest.tracked.settle(Outcome::NotSampled);
    assert_eq!((rest.trace_id, rest.reason), (id(2), CloseReason::Retention));
}

#[test]
fn with_whole_traces_every_trace_is_decided_after_its_first_record_or_its_root() {
    let mut shard = Shard::new(WHOLE);
    shard.span(1_000, 1, false);
    shard.span(6_000, 1, true);
    assert_eq!(shard.only_close(WHOLE), (11_000, CloseReason::DecisionWait));

    let mut shard = Shard::new(WHOLE);
    shard.span(1_000, 1, false);
    shard.root(3_000, 1, false);
    assert_eq!(shard.only_close(WHOLE), (5_000, CloseReason::RootReceived));
}

#[test]
fn fault_35_a_record_of_a_sampled_trace_closes_as_late() {
    for settings in [SETTINGS, WHOLE] {
        let mut shard = Shard::new(settings);
        shard.span(1_000, 1, true);
        assert_eq!(shard.advance(11_000).len(), 1);
        shard.late(12_000, 1);
        assert_eq!(shard.only_close(settings), (22_000, CloseReason::Late));
    }
}

#[test]
fn a_late_record_joins_and_triggers_what_opened_before_the_decision() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, false);
    shard.late(3_000, 1);
    assert_eq!(shard.only_close(SETTINGS), (13_000, CloseReason::Late));
}

#[test]
fn logs_and_spans_join_whichever_comes_first() {
    for logs_first in [true, false] {
        let mut shard = Shard::new(SETTINGS);
        if logs_first {
            shard.log(1_000, 1, false);
            shard.span(2_000, 1, true);
        } else {
            shard.span(1_000, 1, true);
            shard.log(2_000, 1, false);
        }
        let closed = shard.advance(12_000);
        assert_eq!(closed, [Closed { trace: 1, records: 2, reason: CloseReason::DecisionWait }]);
    }
}

#[test]
fn traces_close_by_deadline_and_never_more_than_the_limit() {
    let mut shard = Shard::new(SETTINGS);
    for (at, trace) in [(1_000, 9), (2_000, 7), (3_000, 1), (4_000, 5)] {
        shard.span(at, trace, false);
    }
    assert_eq!((shard.window.traces(), shard.window.records()), (4, 4));
    let traces = |closed: Vec<Closed>| closed.into_iter().map(|closed| closed.trace).collect::<Vec<_>>();
    assert_eq!(traces(shard.advance_by(70_000, 0)), [0; 0]);
    assert_eq!(traces(shard.advance_by(70_000, 3)), [9, 7, 1]);
    assert_eq!(traces(shard.advance_by(70_000, 3)), [5]);
    assert_eq!(next_deadline(&shard.window), None);
    assert_eq!((shard.window.traces(), shard.window.records()), (0, 0));
}

#[test]
fn equal_deadlines_close_in_the_order_of_their_ids() {
    let mut shard = Shard::new(SETTINGS);
    for trace in [7, 3, 9, 1] {
        shard.span(1_000, trace, false);
    }
    shard.span(1_500, 8, true);
    let closed: Vec<u8> = shard.advance(61_000).into_iter().map(|closed| closed.trace).collect();
    assert_eq!(closed, [8, 1, 3, 7, 9]);
}

#[test]
fn draining_closes_everything_in_order_with_the_given_reason() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, false);
    shard.span(1_000, 2, true);
    shard.late(1_000, 3);
    assert_eq!(shard.drain(1_000, 2).iter().map(|closed| closed.trace).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(shard.drain(1_000, 2), [Closed { trace: 1, records: 1, reason: CloseReason::Shutdown }]);
    assert_eq!(shard.ledger.totals().pending(), 0);
}

#[test]
fn keeping_an_open_trace_triggers_it_and_its_pieces_stay() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, false);
    shard.window.keep(ms(5_000), id(1));
    assert_eq!(shard.window.pieces(id(1)).len(), 1);
    assert_eq!(shard.window.pieces(id(2)).len(), 0);
    assert_eq!(shard.only_close(SETTINGS), (15_000, CloseReason::DecisionWait));
}

#[test]
fn keeping_a_trace_before_its_records_makes_the_first_one_trigger() {
    let mut shard = Shard::new(SETTINGS);
    shard.window.keep(ms(1_000), id(1));
    assert_eq!((shard.window.traces(), next_deadline(&shard.window)), (0, None), "an id alone holds no trace open");
    shard.span(50_000, 1, false);
    assert_eq!(shard.only_close(SETTINGS), (60_000, CloseReason::DecisionWait));
}

#[test]
fn an_id_to_keep_is_forgotten_after_the_retention() {
    let mut shard = Shard::new(SETTINGS);
    shard.window.keep(ms(1_000), id(1));
    shard.span(61_001, 1, false);
    assert_eq!(shard.only_close(SETTINGS), (121_001, CloseReason::Retention));
}

#[test]
fn ids_to_keep_are_bounded_and_the_newest_survive() {
    let mut kept = kept::Kept::default();
    let wide = |n: u64| TraceId([n.to_be_bytes(), [1; 8]].concat().try_into().unwrap());
    let count = kept::MAX_KEPT as u64 + 10;
    for n in 0..count {
        kept.remember(ms(0), wide(n), ms(1_000));
    }
    assert!(!kept.take(ms(0), wide(9)), "the oldest are forgotten");
    assert!(kept.take(ms(0), wide(10)));
    assert!(kept.take(ms(0), wide(count - 1)));
    assert!(!kept.take(ms(0), wide(count - 1)), "taken once");
}

#[test]
fn fault_26_a_clock_set_back_by_an_hour_closes_nothing_early_and_holds_nothing_back() {
    const HOUR: u64 = 3_600_000;
    let mut shard = Shard::new(SETTINGS);
    shard.span(HOUR, 1, true);
    assert_eq!(shard.advance(HOUR + 4_000), []);
    // The clock goes back; six seconds of the wait are left.
    assert_eq!(shard.advance(4_000), []);
    assert_eq!(next_deadline(&shard.window), Some(ms(10_000)), "the deadline is told in the caller's time");
    shard.span(5_000, 2, true);
    assert_eq!(shard.advance(9_999), []);
    assert_eq!(shard.advance(10_000).len(), 1);
    assert_eq!(shard.advance(15_000).len(), 1);
}

#[test]
fn callers_that_overtake_each_other_do_not_move_the_windows_time() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, true);
    for round in 0..1_000 {
        shard.span(2_000 + round, 2, false);
        shard.span(1_500 + round, 2, false);
    }
    assert_eq!(next_deadline(&shard.window), Some(ms(11_000)));
    assert_eq!(shard.advance(10_999), []);
    assert_eq!(shard.advance(11_000).len(), 1);
}

#[test]
fn a_window_dropped_with_records_inside_is_counted_and_a_panic_in_a_debug_build() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(1_000, 1, false);
    shard.span(1_000, 2, false);
    let window = std::mem::replace(&mut shard.window, Window::new(SETTINGS));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(window)));
    assert_eq!(dropped.is_err(), cfg!(debug_assertions));
    assert_eq!(shard.ledger.totals().undecided, 2);
}

#[test]
fn a_hundred_thousand_traces_of_one_record_cost_one_place_each() {
    const TRACES: u32 = 100_000;
    let mut shard = Shard::new(SETTINGS);
    for n in 0..TRACES {
        let mut record = shard.record(Signal::Traces, 0, 1, 5);
        record.entry.head.trace_id = TraceId([n.to_be_bytes(); 4].concat().try_into().unwrap());
        let tracked = shard.ledger.accept(1);
        shard.window.admit(ms(1_000), record, tracked, false);
    }
    assert_eq!(shard.window.order.len(), TRACES as usize);
    assert!(shard.window.traces.values().all(|open| open.records.capacity() == 1));
    let mut closed = 0;
    loop {
        let some = shard.window.advance(ms(61_000), 1_000);
        assert!(some.len() <= 1_000);
        if some.is_empty() {
            break;
        }
        closed += some.len();
        some.into_iter().for_each(|trace| trace.tracked.settle(Outcome::NotSampled));
    }
    assert_eq!(closed, TRACES as usize);
    assert!(shard.window.order.is_empty() && shard.window.traces.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Span(u8, bool),
    Root(u8),
    Late(u8),
    Keep(u8),
    Advance(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, any::<bool>()).prop_map(|(trace, triggered)| Step::Span(trace, triggered)),
        1 => (0..6_u8).prop_map(Step::Root),
        1 => (0..6_u8).prop_map(Step::Late),
        1 => (0..6_u8).prop_map(Step::Keep),
        3 => (0..30_000_u64, 0..4_usize).prop_map(|(by, limit)| Step::Advance(by, limit)),
    ]
}

proptest! {
    /// Whatever happens in whatever order, every record comes out once, the order of deadlines holds one place for each
    /// open trace, and nothing stays past its deadline.
    #[test]
    fn every_record_comes_out_once(steps in proptest::collection::vec(step(), 0..60), whole in any::<bool>()) {
        let mut shard = Shard::new(Settings { whole_traces: whole, ..SETTINGS });
        let (mut now, mut admitted, mut closed) = (1_000, 0, 0);
        for step in steps {
            match step {
                Step::Span(trace, triggered) => { shard.span(now, trace, triggered); admitted += 1; }
                Step::Root(trace) => { shard.root(now, trace, false); admitted += 1; }
                Step::Late(trace) => { shard.late(now, trace); admitted += 1; }
                Step::Keep(trace) => shard.window.keep(ms(now), id(trace)),
                Step::Advance(by, limit) => {
                    now += by;
                    let some = shard.advance_by(now, limit);
                    prop_assert!(some.len() <= limit);
                    prop_assert!(some.len() == limit || next_deadline(&shard.window).is_none_or(|due| due > ms(now)));
                    closed += some.iter().map(|closed| closed.records).sum::<usize>();
                }
            }
            prop_assert_eq!(shard.window.order.len(), shard.window.traces());
            prop_assert_eq!(shard.window.records(), (admitted - closed) as u64);
        }
        closed += shard.drain(now, usize::MAX).iter().map(|closed| closed.records).sum::<usize>();
        prop_assert_eq!(closed, admitted);
        prop_assert_eq!(shard.ledger.totals().pending(), 0);
    }
}

#[test]
fn fault_25_when_memory_runs_short_the_oldest_that_nothing_triggered_go_first() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(0, 1, false);
    shard.span(0, 2, true);
    shard.span(1_500, 3, false);
    shard.span(5_000, 4, false);
    let mut relieve = |at_ms, urgent, limit| -> Vec<_> {
        let closed = shard.window.relieve(ms(at_ms), urgent, limit).into_iter().map(settle);
        closed.map(|closed| (closed.trace, closed.reason)).collect()
    };
    assert_eq!(relieve(9_999, false, 9), [], "an error could still come for the oldest");
    assert_eq!(relieve(12_000, false, 1), [(1, CloseReason::Pressure)]);
    assert_eq!(relieve(12_000, false, 9), [(3, CloseReason::Pressure)], "one that failed waits its time");
    assert_eq!(relieve(12_000, true, 9), [(2, CloseReason::Pressure), (4, CloseReason::Pressure)]);
    assert_eq!(shard.advance(100_000), []);
}

#[test]
fn fault_28_a_failed_trace_that_is_too_large_is_decided_at_once_and_the_rest_of_it_later() {
    let mut shard = Shard::new(Settings { max_records: 3, ..SETTINGS });
    for _ in 0..3 {
        shard.span(0, 1, false);
    }
    assert_eq!(shard.advance(0), [], "nothing has triggered");
    shard.span(1, 1, true);
    let closed = shard.advance(1);
    assert_eq!(
        closed.iter().map(|closed| (closed.trace, closed.reason)).collect::<Vec<_>>(),
        [(1, CloseReason::TraceLimit)]
    );
    for _ in 0..3 {
        shard.late(2, 1);
    }
    assert_eq!(shard.advance(2)[0].reason, CloseReason::Late);
}

#[test]
fn what_came_while_its_trace_was_decided_does_not_wait_until_it_would_expire() {
    let mut shard = Shard::new(SETTINGS);
    shard.span(0, 1, false);
    shard.window.keep_open(ms(100), id(1), ms(100));
    shard.window.keep_open(ms(100), id(2), ms(100));
    shard.span(200, 2, false);
    let closed = shard.advance(10_100);
    assert_eq!(closed.iter().map(|closed| closed.trace).collect::<Vec<_>>(), [1], "and only what was open by then");
}
