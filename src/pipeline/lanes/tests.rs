//! A lane over partitions that are read in any interleaving, taken away at any moment and read again by somebody else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;

use super::lane::{Lane, Ran, Sink};
use crate::bundle::Sealed;
use crate::config;
use crate::model::{DropReason, Outcome, RecordDigest, Signal, Timestamp, Totals, TraceId};
use crate::pipeline::Core;
use crate::receiver::kafka::{LaneStart, Offsets, Place, Progress, Restart, test_message};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_750_000_000 * SECOND;

/// One message of a partition: its time in milliseconds after the start, and its request.
#[derive(Debug, Clone)]
struct Written {
    at: u64,
    payload: Vec<u8>,
}

/// Partition 0 has spans, partition 1 log records.
type Partitions = [Vec<Written>; 2];

fn core(sets: &[&str]) -> Arc<Core> {
    let sets: Vec<String> =
        ["connectors.incident.incidents.max_bundles=0"].iter().chain(sets).map(ToString::to_string).collect();
    let config = config::embedded(&"5a".repeat(32), Some("not used here"), "/nowhere", &sets).unwrap();
    Arc::new(Core::build(&config, 1, 1 << 26).unwrap())
}

fn span(trace: u8, id: u8, failed: bool) -> Vec<u8> {
    let span = Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id: vec![99; 8],
        name: "work".to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1,
        status: Some(Status { code: if failed { 2 } else { 0 }, message: String::new() }),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn log(trace: u8, number: u8) -> Vec<u8> {
    let record = LogRecord {
        trace_id: vec![trace; 16],
        time_unix_nano: START,
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(format!("step {number}"))) }),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// What a store holds of a trace: the documents in the order they came, each with the records that it lists.
type Stored = BTreeMap<TraceId, Vec<(String, BTreeSet<RecordDigest>)>>;

/// Bundles that are made and not stored yet, and the store.
#[derive(Default)]
struct Store {
    waiting: RefCell<Vec<Sealed>>,
    stored: RefCell<Stored>,
}

impl Sink for Store {
    fn send(&self, sealed: Sealed) {
        self.waiting.borrow_mut().push(sealed);
    }

    fn is_stopping(&self) -> bool {
        false
    }
}

impl Store {
    /// Stores one of those that wait, as the exporter does: what lists nothing new is no object.
    fn store(&self, which: usize) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return;
        }
        let at = which % waiting.len();
        // Those of one trace come in their order.
        let trace_id = waiting[at].trace_id();
        let at = waiting.iter().position(|sealed| sealed.trace_id() == trace_id).unwrap();
        let sealed = waiting.remove(at);
        let records: BTreeSet<RecordDigest> = sealed.records().iter().copied().collect();
        let mut stored = self.stored.borrow_mut();
        let objects = stored.entry(sealed.trace_id()).or_default();
        let listed: BTreeSet<RecordDigest> = objects.iter().flat_map(|(_, records)| records).copied().collect();
        let new: BTreeSet<RecordDigest> = records.difference(&listed).copied().collect();
        if !new.is_empty() {
            objects.push((sealed.document_digest().to_owned(), new));
        }
        sealed.into_tracked().settle(Outcome::Bundled);
    }

    /// The process is gone, and with it what was not stored.
    fn lose(&self) {
        for sealed in self.waiting.borrow_mut().drain(..) {
            sealed.into_tracked().settle(Outcome::Carried);
        }
    }
}

/// A member that reads the lane from where the group is.
struct Member {
    lane: Lane,
    progress: Arc<Progress>,
    offsets: [Arc<Offsets>; 2],
    committed: [i64; 2],
    next: [usize; 2],
}

impl Member {
    fn start(core: &Core, group: &[(i64, Restart); 2]) -> Self {
        let committed = group.map(|(committed, _)| committed);
        let offsets = committed.map(|committed| Arc::new(Offsets::from(committed)));
        let progress = Arc::new(Progress::new(offsets.to_vec(), core.reach()));
        let start =
            LaneStart { lane: 0, parts: vec![Signal::Traces, Signal::Logs], progress: Arc::clone(&progress), lanes: 1 };
        let lane = Lane::new(core.apart(1).unwrap(), start);
        let next = [0, 1].map(|part| usize::try_from(group[part].1.offset).unwrap());
        Self { lane, progress, offsets, committed, next }
    }

    /// Reads the next message of a partition; whether there was one.
    fn read(&mut self, partitions: &Partitions, part: usize) -> bool {
        let Some(written) = partitions[part].get(self.next[part]) else { return false };
        let offset = i64::try_from(self.next[part]).unwrap();
        self.next[part] += 1;
        let at = Timestamp(START + written.at * 1_000_000);
        let place = Place { offset, at, stamp: i64::try_from(written.at).unwrap() };
        let origin = if offset < self.committed[part] {
            self.offsets[part].reread(place);
            None
        } else {
            Some(self.offsets[part].take(place))
        };
        let signal = [Signal::Traces, Signal::Logs][part];
        self.lane.put(test_message(signal, part, at, origin, Bytes::from(written.payload.clone())));
        true
    }

    fn commit(&self, group: &mut [(i64, Restart); 2]) {
        let (commits, _) = self.progress.commits();
        for (place, commit) in group.iter_mut().zip(commits) {
            if commit.offset > place.0 {
                *place = (commit.offset, commit.from);
            }
        }
    }
}

/// A policy that has to see every trace whole, beside the one for errors, and windows that no trace is longer than: where one is, what its
/// pieces are depends on where reading began.
const WHOLE: &[&str] = &[
    "connectors.incident.tail_sampling.policies=[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
     {name: slow, type: latency, latency: {threshold_ms: 60000}}]",
    "connectors.incident.tail_sampling.decision_wait=700s",
    "connectors.incident.window.retention=700s",
];

const BEGIN: [(i64, Restart); 2] = [(0, Restart { offset: 0, stamp: None }); 2];

/// Reads everything by `steps`, each a choice of what happens next, and then to the end. What is stored by then, and where the
/// group is.
fn run(core: &Core, partitions: &Partitions, steps: &[u16]) -> (Stored, [(i64, Restart); 2]) {
    let store = Store::default();
    let mut group = BEGIN;
    let mut member = Member::start(core, &group);
    for step in steps {
        match step % 16 {
            0 => {
                // Killed: nothing is committed, and what waits is lost.
                member.progress.freeze();
                store.lose();
                member.lane.let_go();
                member = Member::start(core, &group);
            }
            1 => {
                // Given to somebody else, while what waits is still stored by this one.
                member.commit(&mut group);
                member.progress.freeze();
                member.lane.let_go();
                member = Member::start(core, &group);
            }
            2 | 3 => member.commit(&mut group),
            4..=6 => store.store(usize::from(step / 16)),
            7..=11 => {
                member.read(partitions, 0);
            }
            _ => {
                member.read(partitions, 1);
            }
        }
        assert_eq!(member.lane.run(&store), Ran::Waiting);
    }
    while member.read(partitions, 0) | member.read(partitions, 1) {
        member.lane.run(&store);
    }
    let end = Timestamp(START + 100_000 * SECOND);
    (0..2).for_each(|part| member.lane.known_through(part, end));
    member.lane.run(&store);
    while !store.waiting.borrow().is_empty() {
        store.store(0);
    }
    member.commit(&mut group);
    member.lane.let_go();
    (store.stored.into_inner(), group)
}

/// Spans and log records of a few traces over some minutes; of each message the seconds since the one before, its trace, and
/// whether it fails.
fn partitions() -> impl Strategy<Value = Partitions> {
    let message = || (0_u64..15_000, 1_u8..12, prop::bool::weighted(0.3));
    let spans = prop::collection::vec(message(), 0..40);
    let logs = prop::collection::vec(message(), 0..40);
    (spans, logs).prop_map(|(spans, logs)| {
        let written = |messages: Vec<(u64, u8, bool)>, payload: &dyn Fn(u8, u8, bool) -> Vec<u8>| {
            let mut at = 0;
            let numbered = messages.into_iter().zip(0_u8..);
            numbered
                .map(|((since, trace, failed), number)| {
                    at += since;
                    Written { at, payload: payload(trace, number + 1, failed) }
                })
                .collect()
        };
        [written(spans, &span), written(logs, &|trace, number, _| log(trace, number))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// fault-1, fault-9, fault-32: killed, moved and read again at any moment, the same objects come out, and no others.
    #[test]
    fn whatever_happens_to_its_readers_a_lane_gives_the_same_objects(
        partitions in partitions(),
        steps in prop::collection::vec(any::<u16>(), 0..300),
        // Whether a trace is open only if a record of it triggers, or each is.
        is_judged_whole in any::<bool>(),
    ) {
        let core = core(if is_judged_whole { WHOLE } else { &[] });
        let (undisturbed, _) = run(&core, &partitions, &[]);
        let (disturbed, group) = run(&core, &partitions, &steps);
        prop_assert_eq!(disturbed, undisturbed);
        // At the end there is nothing that was not committed.
        let lengths = [0, 1].map(|part| i64::try_from(partitions[part].len()).unwrap());
        prop_assert_eq!(group.map(|(committed, _)| committed), lengths);
        let totals = core.ledger().totals();
        prop_assert_eq!((totals.pending(), totals.undecided), (0, 0));
        prop_assert_eq!(core.budget().used(), 0);
    }
}

#[test]
fn fault_37_logs_that_are_ahead_wait_for_their_spans() {
    let core = core(&[]);
    let partitions = [
        vec![Written { at: 1_000, payload: span(1, 1, true) }],
        vec![Written { at: 500, payload: log(1, 1) }, Written { at: 900_000, payload: log(2, 1) }],
    ];
    let store = Store::default();
    let mut member = Member::start(&core, &BEGIN);
    while member.read(&partitions, 1) {
        member.lane.run(&store);
    }
    assert_eq!(member.lane.open_traces(), 0, "nothing is said of the spans of that time");
    member.read(&partitions, 0);
    member.lane.run(&store);
    assert_eq!(member.lane.open_traces(), 1, "the second log record is later than what is known of the spans");
    member.lane.known_through(0, Timestamp(START + 2_000 * SECOND));
    member.lane.run(&store);
    assert_eq!(store.waiting.borrow().len(), 1);
    assert_eq!(store.waiting.borrow()[0].records().len(), 2, "the log record before the span is in its bundle");
    store.lose();
    member.lane.let_go();
}

#[test]
fn fault_36_windows_close_when_a_partition_is_idle() {
    let core = core(&[]);
    let partitions = [vec![Written { at: 0, payload: span(1, 1, true) }], vec![]];
    let store = Store::default();
    let mut member = Member::start(&core, &BEGIN);
    member.read(&partitions, 0);
    member.lane.run(&store);
    assert!(store.waiting.borrow().is_empty());
    for seconds in [5, 11] {
        (0..2).for_each(|part| member.lane.known_through(part, Timestamp(START + seconds * SECOND)));
        member.lane.run(&store);
    }
    assert_eq!(store.waiting.borrow().len(), 1, "decision_wait has passed at the broker");
    assert_eq!(member.progress.commits().0[0].offset, 0, "the bundle is not stored");
    store.store(0);
    assert_eq!(member.progress.commits().0[0].offset, 1);
    member.lane.let_go();
}

/// As after a panic of its thread: nobody has said that the lane is another member's.
#[test]
fn what_a_lane_has_not_taken_in_when_it_ends_is_not_committed() {
    let core = core(&[]);
    let store = Store::default();
    let mut member = Member::start(&core, &BEGIN);
    let partitions = [vec![Written { at: 0, payload: span(1, 1, false) }; 2], vec![]];
    let all = core.budget().take(core.budget().limit()).unwrap();
    member.lane.known_through(1, Timestamp(START + SECOND));
    (0..2).for_each(|_| assert!(member.read(&partitions, 0)));
    assert_eq!(member.lane.run(&store), Ran::Full, "one waits for room, one behind it");
    let Member { lane, progress, .. } = member;
    lane.let_go();
    drop(all);
    assert_eq!(progress.commits().0[0].offset, 0);
}

#[test]
fn what_is_larger_than_the_room_that_is_left_waits() {
    let core = core(&[]);
    let store = Store::default();
    let mut member = Member::start(&core, &BEGIN);
    let all = core.budget().take(core.budget().limit()).unwrap();
    let partitions = [vec![Written { at: 0, payload: span(1, 1, false) }], vec![]];
    member.read(&partitions, 0);
    member.lane.known_through(1, Timestamp(START + SECOND));
    assert_eq!(member.lane.run(&store), Ran::Full);
    assert_eq!(member.progress.commits().0[0].offset, 0);
    drop(all);
    assert_eq!(member.lane.run(&store), Ran::Waiting);
    assert_eq!(core.ledger().totals().pending(), 1);
    member.lane.let_go();
    let totals = core.ledger().totals();
    assert_eq!(totals, Totals { accepted: 1, carried: 1, ..Totals::default() });
    assert_eq!(core.ledger().dropped(DropReason::NoTraceId), 0);
    assert_eq!(core.reach(), Duration::from_secs(70));
}
