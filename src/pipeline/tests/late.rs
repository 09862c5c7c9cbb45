//! Traces that fail after records of them were let go, not sampled.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tempfile::TempDir;

use super::*;
use crate::model::RootKey;
use crate::pipeline::recover::recover;
use crate::window::{LogSettings, WindowLog};

/// Bundles that were made: why their traces closed, the spans they show, and their bytes.
type Made = Vec<(&'static str, u64, Bytes)>;

const DROPPING: &str = "connectors.incident.tail_sampling.policies=[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
     {name: probes, type: drop, drop: {drop_sub_policy: [{name: of, type: string_attribute, string_attribute: {key: probe, values: [yes]}}]}}]";
const WHOLE: &str = "connectors.incident.tail_sampling.policies=[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
     {name: many, type: span_count, span_count: {min_spans: 60}}]";

fn made(sealed: Sealed) -> (&'static str, u64, Bytes) {
    let reason = manifest(&sealed).closed.reason.as_str();
    let document = sealed.document().clone();
    let records = sealed.records().len() as u64;
    sealed.into_tracked().settle(Outcome::Bundled);
    (reason, records, document)
}

fn due(core: &Core, now: Timestamp) -> Made {
    let close = |shard| core.close_due(now, shard, 100);
    (0..core.shards()).flat_map(close).filter_map(|trace| core.judge(now, trace)).map(made).collect()
}

fn admit(core: &Core, second: u64, id: u8, failed: bool) -> Made {
    let made = due(core, at(second));
    core.admit(at(second), traces(vec![span(1, id, failed)])).unwrap();
    made
}

fn short(made: &Made) -> Vec<(&'static str, u64)> {
    made.iter().map(|(reason, records, _)| (*reason, *records)).collect()
}

/// Scenario: of a trace's spans one has gone, one is still held, and then one fails. Guarantee: a bundle of what is there, marked `late`;
/// what comes after it amends it, and never is it let go again.
#[test]
fn fault_35_an_error_of_a_trace_that_was_not_sampled_is_kept_with_what_is_there_and_marked_late() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counts = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let core = core(&[], 1 << 20);
        admit(&core, 0, 1, false);
        admit(&core, 50, 2, false);
        assert!(due(&core, at(64)).is_empty());
        assert_eq!(core.ledger().totals().not_sampled, 1, "the first span has gone");
        admit(&core, 65, 3, true);
        assert_eq!(short(&due(&core, at(75))), [("late", 2)]);
        // It is an amendment from then on, whatever comes.
        admit(&core, 80, 4, false);
        assert_eq!(short(&due(&core, at(90))), [("late", 1)]);
        admit(&core, 400, 5, false);
        assert_eq!(short(&due(&core, at(410))), [("late", 1)]);
        assert_eq!(due(&core, at(1_000)), []);
        assert_reconciled(&core, Totals { accepted: 5, bundled: 4, not_sampled: 1, ..Totals::default() });
    });
    let counts = counts.render();
    let count = |name: &str| counts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    assert_eq!(count("casefile_window_late_failures_total"), Some("1"), "{counts}");
    assert_eq!(count("casefile_window_late_records_total"), Some("2"), "what came late of a sampled trace");
    assert_eq!(count("casefile_window_closed_traces_total{reason=\"late\"}"), Some("3"));
}

#[test]
fn all_of_a_trace_may_have_gone_before_it_fails() {
    let core = core(&[], 1 << 20);
    admit(&core, 0, 1, false);
    admit(&core, 300, 2, true);
    assert_eq!(short(&due(&core, at(310))), [("late", 1)]);
    // Of another trace nothing went.
    core.admit(at(310), traces(vec![span(2, 1, true)])).unwrap();
    assert_eq!(short(&due(&core, at(320))), [("decision_wait", 1)]);
}

#[test]
fn a_record_that_is_too_old_has_gone_whether_or_not_its_run_has() {
    // Both spans stand in one run, which goes with the second.
    let core = core(&[], 1 << 20);
    admit(&core, 0, 1, false);
    admit(&core, 1, 2, false);
    core.admit(Timestamp(at(60).0 + SECOND / 2), traces(vec![span(1, 3, true)])).unwrap();
    assert_eq!(core.ledger().totals().not_sampled, 0);
    assert_eq!(short(&due(&core, at(71))), [("late", 2)]);
    assert_eq!(due(&core, at(200)), []);
    assert_reconciled(&core, Totals { accepted: 3, bundled: 2, not_sampled: 1, ..Totals::default() });
}

/// Guarantee: the mark outlasts that the end of the input, or a stop, closes the trace.
#[test]
fn whatever_closes_it_the_bundle_is_marked_late() {
    for reason in [CloseReason::EndOfInput, CloseReason::Shutdown, CloseReason::Pressure] {
        let core = core(&[], 1 << 20);
        admit(&core, 0, 1, false);
        admit(&core, 300, 2, true);
        let closed = (0..core.shards()).flat_map(|shard| core.close_all(at(301), shard, reason, 100));
        let made: Made = closed.filter_map(|trace| core.judge(at(301), trace)).map(made).collect();
        assert_eq!(short(&made), [("late", 1)], "{reason:?}");
    }
}

#[test]
fn where_every_trace_is_told_apart_it_is_the_same() {
    for policies in [DROPPING, WHOLE] {
        let core = core(&[policies], 1 << 20);
        admit(&core, 0, 1, false);
        admit(&core, 300, 2, true);
        assert_eq!(core.ledger().totals().not_sampled, 1);
        assert_eq!(short(&due(&core, at(310))), [("late", 1)], "{policies}");
        admit(&core, 320, 3, false);
        assert_eq!(short(&due(&core, at(330))), [("late", 1)]);
        assert_reconciled(&core, Totals { accepted: 3, bundled: 2, not_sampled: 1, ..Totals::default() });
    }
}

#[test]
fn a_late_failure_counts_against_its_incidents_limit_as_any_other() {
    let core = core(&["connectors.incident.incidents={max_bundles: 1, per: 24h}"], 1 << 20);
    core.admit(at(0), traces(vec![span(2, 1, true)])).unwrap();
    assert_eq!(due(&core, at(10)).len(), 1);
    admit(&core, 20, 1, false);
    admit(&core, 300, 2, true);
    assert_eq!(due(&core, at(310)), []);
    assert_eq!(core.ledger().dropped(DropReason::IncidentLimit), 1);
}

#[test]
fn nothing_is_remembered_where_that_is_turned_off() {
    let core = core(&["connectors.incident.tail_sampling.decision_cache={non_sampled_cache_size: 0}"], 1 << 20);
    admit(&core, 0, 1, false);
    admit(&core, 300, 2, true);
    assert_eq!(short(&due(&core, at(310))), [("decision_wait", 1)]);
}

fn on_disk(folder: &Path, policies: &[&str]) -> (Core, crate::window::Recovery, Arc<WindowLog>) {
    let settings = LogSettings { directory: folder.to_owned(), fsync: false, retention: Duration::from_secs(60) };
    let (log, recovery) = WindowLog::open(settings, vec![RootKey::parse(&"5a".repeat(32)).unwrap()]).unwrap();
    let log = Arc::new(log);
    (core(policies, 1 << 20).with_log(Arc::clone(&log)), recovery, log)
}

/// Scenario: a kill between the moment at which a trace was let go and that at which it fails. Guarantee: the same bytes, and the same
/// mark, as without the kill; and the mark is not lost with the file that the records stood in.
#[test]
fn fault_3_33_a_late_failure_is_known_after_a_kill_and_gives_the_same_bytes() {
    // Whole traces are decided by then, others go with their age.
    for (policies, seconds) in
        [(&[] as &[_], [0, 30, 50, 61, 62]), (&[DROPPING], [0, 30, 50, 61, 62]), (&[WHOLE], [0, 9, 10, 11, 12])]
    {
        let run = |kill: bool| {
            let folder = TempDir::new().unwrap();
            let (mut core, _, mut log) = on_disk(folder.path(), policies);
            for second in seconds {
                drop(due(&core, at(second)));
                // Other traces come, too, so that there are files which are younger.
                let trace = if second == 0 { 1 } else { 7 };
                core.admit(at(second), traces(vec![span(trace, 1 + second as u8, false)])).unwrap();
                log.tidy(at(second));
            }
            let now = at(seconds[4]);
            assert_eq!(core.ledger().totals().not_sampled, 1);
            if kill {
                core.let_go(now);
                drop((core, log));
                let (again, recovery, of) = on_disk(folder.path(), policies);
                let taken = recover(&again, now, recovery, |_| panic!("nothing has failed")).unwrap();
                assert_eq!(taken.records, 4, "the first is not taken up again");
                (core, log) = (again, of);
            }
            core.admit(now.after(Duration::from_secs(1)), traces(vec![span(1, 99, true)])).unwrap();
            let made = due(&core, now.after(Duration::from_secs(15)));
            core.let_go(now);
            drop(log);
            made
        };
        let (whole, killed) = (run(false), run(true));
        assert_eq!(short(&whole), [("late", 1)], "{policies:?}");
        assert_eq!(whole, killed, "{policies:?}");
    }
}

/// Guarantee: what a stop leaves to the next start is there then, however old its file, and is decided as without the stop.
#[test]
fn fault_30_a_stop_leaves_what_is_open_to_the_next_start_however_old_its_file() {
    let folder = TempDir::new().unwrap();
    let (core, _, log) = on_disk(folder.path(), &["connectors.incident.tail_sampling.decision_wait=40s"]);
    core.admit(at(0), traces(vec![span(2, 1, false)])).unwrap();
    core.admit(at(1), traces(vec![span(1, 1, true)])).unwrap();
    for second in [15, 30] {
        core.admit(at(second), traces(vec![span(1, second as u8, false)])).unwrap();
        log.tidy(at(second));
    }
    for shard in 0..core.shards() {
        for trace in core.close_all(at(31), shard, CloseReason::Shutdown, 100) {
            trace.tracked.settle(Outcome::Carried);
        }
    }
    core.end();
    drop(core);
    log.tidy(at(31));
    log.close(at(31));
    drop(log);

    let (core, recovery, _log) = on_disk(folder.path(), &["connectors.incident.tail_sampling.decision_wait=40s"]);
    let taken = recover(&core, at(31), recovery, |_| panic!("it is not due")).unwrap();
    assert_eq!(taken.records, 4);
    core.admit(at(35), traces(vec![span(2, 2, true)])).unwrap();
    assert_eq!(short(&due(&core, at(45))), [("decision_wait", 3)]);
    assert_eq!(short(&due(&core, at(75))), [("decision_wait", 2)]);
}

/// Guarantee: what comes late of a failure that had no bundle, because its incident had as many as it may, gets none either.
#[test]
fn what_comes_late_of_a_failure_over_the_limit_gets_no_bundle() {
    let core = core(&["connectors.incident.incidents={max_bundles: 1, per: 24h}"], 1 << 20);
    core.admit(at(0), traces(vec![span(2, 1, true)])).unwrap();
    assert_eq!(due(&core, at(10)).len(), 1);
    // The second is told by its evidence, the third by its shape.
    for (second, trace) in [(11, 1), (22, 3)] {
        core.admit(at(second), traces(vec![span(trace, 1, true)])).unwrap();
        assert_eq!(due(&core, at(second + 10)), [], "over the limit");
    }
    core.admit(at(40), traces(vec![span(1, 2, false), span(2, 2, false), span(3, 2, true)])).unwrap();
    assert_eq!(short(&due(&core, at(50))), [("late", 1)], "of the first, which has a bundle");
    core.admit(at(60), traces(vec![span(1, 3, true)])).unwrap();
    assert_eq!(due(&core, at(70)), [], "and so it stays");
    assert_reconciled(&core, Totals { accepted: 7, bundled: 2, dropped: 5, ..Totals::default() });
    assert_eq!(core.ledger().dropped(DropReason::IncidentLimit), 5);
}

/// Scenario: a span comes while its trace is being decided, before so many others that the decision falls between the first look at the
/// request and when it is in. Guarantee: the span is gathered for its trace, and not let go.
#[test]
fn what_comes_while_a_decision_falls_is_found_by_one_of_them() {
    const ROUNDS: u64 = 50;
    const OTHERS: u64 = 2000;
    let core = core(&[], 1 << 30);
    let spans = |round: u64, failed| {
        let of = |trace: u64| Span {
            trace_id: u128::from(trace).to_be_bytes().to_vec(),
            ..span(0, 1, failed && trace == round)
        };
        let others = if failed { 0 } else { OTHERS };
        traces([round].into_iter().chain((1..=others).map(|other| round << 32 | other)).map(of).collect())
    };
    let (first, both) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                let request = spans(round, false);
                first.wait();
                core.admit(at(round * 100 + 20), request).unwrap();
                both.wait();
            }
        });
        for round in 1..=ROUNDS {
            core.admit(at(round * 100), spans(round, true)).unwrap();
            let [closed] = core.close_due(at(round * 100 + 20), 0, 100).try_into().unwrap();
            first.wait();
            // At another moment each time.
            thread::sleep(Duration::from_micros(round * 20));
            core.judge(at(round * 100 + 20), closed).map(made);
            both.wait();
            due(&core, at(round * 100 + 60));
        }
    });
    due(&core, at(ROUNDS * 200));
    assert_eq!((core.ledger().totals().not_sampled, core.ledger().totals().pending()), (ROUNDS * OTHERS, 0));
}
