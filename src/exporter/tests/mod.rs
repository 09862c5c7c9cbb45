//! Writers and the queue against a store that misbehaves.

mod faults;
mod raw;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::json;

use self::faults::{Fault, Faulty};
use super::*;
use crate::bundle::{Closed, Sealed, digest_of, names, seal_parts};
use crate::config::{BundleExporter, BundleSize, Compression, RetryOnFailure, SendingQueue, StoreClient};
use crate::model::{
    CloseReason, DropReason, IncidentCounters, Ledger, ManifestKind, Outcome, RecordDigest, Timestamp, Totals, TraceId,
};
use crate::redact::Parts;
use crate::telemetry::Clock;

/// 2026-11-23T12:00:00Z.
pub(super) const NOON: u64 = 1_795_435_200_000_000_000;

#[derive(Debug)]
pub(super) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(NOON)
    }
}

/// A case of the trace `number` with these records, failed `hours_ago`, its records accepted by `ledger`.
pub(super) fn sealed_at(ledger: &Arc<Ledger>, number: u8, records: &[u8], hours_ago: u64) -> Sealed {
    sealed_as("INC-7K2M9Q4T1X", ledger, number, records, hours_ago)
}

fn sealed_as(incident: &str, ledger: &Arc<Ledger>, number: u8, records: &[u8], hours_ago: u64) -> Sealed {
    let trace_id = TraceId([number; 16]);
    let bundle = json!({
        "version": 1, "bundle_id": digest_of(&[number]), "commit_sha": "abcdef1234",
        "incident": {"id": incident, "fingerprint": "v1:0", "class": "crash", "summary": "ValueError", "services": ["checkout"]},
        "trace": {"trace_id": trace_id, "root": "present", "span_path": [], "spans": [], "span_count": 1},
        "exception": null, "logs": {"window": [], "total": 0, "collapsed": 0}, "metrics": {"exemplars": []},
        "environment": {"runtime": {}, "os": {}, "container": {}, "k8s": {}, "service": {"name": "checkout", "version": format!("2.4.{number}")}, "timezone": null, "feature_flags": {}},
        "repro": {"env": {}, "inputs": {}, "request": null}, "attachments": [],
        "redaction": {"policy": "", "key_id": "", "remarks": []},
        "completeness": {"records": records.len(), "shown": 0, "truncated": [], "missing": []},
        "provenance": {"policy": "errors", "config": "", "casefile": "0.1.0"},
    });
    let parts = Parts {
        tenant: "default".to_owned(),
        trace_id,
        bundle: serde_json::from_value(bundle).unwrap(),
        records: records.iter().map(|record| RecordDigest([*record; 16])).collect(),
        loose: Vec::new(),
        failed_at: Timestamp(NOON).before(Duration::from_secs(hours_ago * 3600)),
        tracked: ledger.accept(records.len() as u64),
    };
    let closed = Closed { reason: CloseReason::DecisionWait, opened: Timestamp(NOON), closed: Timestamp(NOON) };
    seal_parts(parts, closed, &BundleSize::default()).unwrap()
}

fn sealed(ledger: &Arc<Ledger>, number: u8, records: &[u8]) -> Sealed {
    sealed_at(ledger, number, records, 0)
}

fn config(patience: Duration) -> BundleExporter {
    let milliseconds = |milliseconds| crate::config::Duration(Duration::from_millis(milliseconds));
    BundleExporter {
        compression: Some(Compression::Zstd),
        retry_on_failure: RetryOnFailure {
            enabled: true,
            initial_interval: milliseconds(1),
            max_interval: milliseconds(5),
            max_elapsed_time: crate::config::Duration(patience),
        },
        ..BundleExporter::default()
    }
}

fn writer_named(name: &str, store: Store) -> BundleWriter {
    BundleWriter::new("bundle", store, &config(Duration::from_secs(5)), None, name, Arc::new(Noon))
}

fn writer(faulty: &Faulty) -> BundleWriter {
    writer_named("one", faulty.store())
}

async fn objects(store: &Store) -> Vec<String> {
    let mut names: Vec<String> = store.list("bundles").try_collect().await.unwrap();
    names.sort_unstable();
    names
}

async fn counted(store: &Store) -> u64 {
    let names: Vec<String> = store.list("incidents").try_collect().await.unwrap();
    let mut sum = 0;
    for name in names {
        let counters: IncidentCounters = serde_json::from_slice(&store.get(&name).await.unwrap().unwrap()).unwrap();
        let by_version = counters.versions.values().map(|version| version.count).sum::<u64>();
        assert_eq!(by_version, counters.hours.values().sum::<u64>(), "{name}: versions and hours tell the same");
        sum += by_version;
    }
    sum
}

/// Scenario: the store answers `faults` to puts whose names contain `name`. Guarantees: one whole bundle, counted once.
async fn survives(name: &'static str, faults: &[Fault]) {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    faulty.meet(name, faults);
    let case = sealed(&ledger, 1, &[1, 2]);
    let receipt = writer(&faulty).write(&case).await.unwrap();
    case.into_tracked().settle(Outcome::Bundled);
    assert_eq!(faulty.unmet(), 0, "every fault was met");
    assert_eq!((receipt.outcome, receipt.manifest.incident.numbers.count_24h), (Written::Stored, 1));
    assert_eq!(objects(&faulty.store()).await, [receipt.object, receipt.manifest_name]);
    assert_eq!(counted(&faulty.store()).await, 1);
}

const NAMES: [&str; 6] = [".json.zst", ".manifest.json", "incidents/", "services/", "index/day", "index/incident"];

#[tokio::test]
async fn fault_16_errors_of_the_store_are_retried() {
    for name in NAMES {
        survives(name, &[Fault::Unavailable, Fault::Unavailable]).await;
    }
}

#[tokio::test]
async fn fault_17_an_error_after_storing_is_a_success() {
    for name in NAMES {
        survives(name, &[Fault::UnavailableAfterStoring]).await;
        survives(name, &[Fault::Unavailable, Fault::UnavailableAfterStoring]).await;
    }
}

#[tokio::test]
async fn fault_18_a_conflict_with_nothing_stored_is_retried() {
    for name in [".json.zst", ".manifest.json", "index/day"] {
        survives(name, &[Fault::Conflict, Fault::Conflict]).await;
    }
}

#[tokio::test]
async fn fault_19_a_store_that_hangs_is_timed_out_and_asked_what_it_has() {
    for name in NAMES {
        survives(name, &[Fault::Hang, Fault::HangAfterStoring]).await;
    }
}

#[tokio::test]
async fn fault_16_patience_ends_as_configured_and_the_records_are_counted() {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    faulty.meet("", &[Fault::Gone]);
    let impatient = config(Duration::from_millis(50));
    let writer = BundleWriter::new("bundle", faulty.store(), &impatient, None, "one", Arc::new(Noon));
    let queue = ExportQueue::spawn(None, vec![writer], Vec::new(), &SendingQueue::default());
    queue.send(sealed(&ledger, 1, &[1, 2])).await.unwrap();
    assert_eq!(queue.drain(Duration::from_secs(60)).await, 0);
    assert_eq!(ledger.dropped(DropReason::ExportFailed), 2);
    assert_eq!(ledger.totals().pending(), 0);
}

#[tokio::test]
async fn fault_20_expired_credentials_lose_nothing_however_long_they_take() {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    faulty.meet("", &[Fault::Denied; 40]);
    let told: Arc<Mutex<Vec<bool>>> = Arc::default();
    let heard = Arc::clone(&told);
    // Forty refusals take longer than the patience with other errors.
    let impatient = config(Duration::from_millis(20));
    let writer = BundleWriter::new("bundle", faulty.store(), &impatient, None, "one", Arc::new(Noon));
    let writer = writer.with_health(Arc::new(move |healthy, _| heard.lock().push(healthy)));
    let case = sealed(&ledger, 1, &[1]);
    let receipt = writer.write(&case).await.unwrap();
    case.into_tracked().settle(Outcome::Bundled);
    assert_eq!(receipt.outcome, Written::Stored);
    assert_eq!(*told.lock(), [false, true], "not ready while it lasts, ready after");
}

/// Scenario: the process is killed before the put of each kind of object; another process meets the same trace.
/// Guarantees: nothing is half visible, the bundle is finished, and it counts once.
#[tokio::test]
async fn fault_22_a_write_cut_short_anywhere_is_finished_and_counts_once() {
    for (name, successor) in NAMES.into_iter().flat_map(|name| [(name, "one"), (name, "two")]) {
        let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
        let case = sealed(&ledger, 1, &[1, 2]);
        faulty.meet(name, &[Fault::Gone]);
        drop(tokio::time::timeout(Duration::from_millis(60), writer(&faulty).write(&case)).await);
        faulty.mend();

        let successor = writer_named(successor, faulty.store());
        let receipt = successor.write(&case).await.unwrap();
        assert_eq!(receipt.manifest.incident.numbers.count_24h, 1, "cut at {name}");
        assert_eq!(objects(&faulty.store()).await.len(), 2, "cut at {name}");
        assert_eq!(counted(&faulty.store()).await, 1, "cut at {name}");
        let index: Vec<String> = faulty.store().list("index").try_collect().await.unwrap();
        assert_eq!(index.len(), 2, "cut at {name}: {index:?}");
        case.into_tracked().settle(Outcome::Bundled);
    }
}

#[tokio::test]
async fn an_uncommitted_object_of_another_writer_is_committed_as_it_is_and_amended() {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    let (theirs, ours) = (sealed(&ledger, 1, &[1]), sealed(&ledger, 1, &[1, 2]));
    faulty.meet(".manifest.json", &[Fault::Gone]);
    drop(tokio::time::timeout(Duration::from_millis(100), writer(&faulty).write(&theirs)).await);
    faulty.mend();
    let left = faulty.store().get(&objects(&faulty.store()).await[0]).await.unwrap();

    let receipt = writer_named("two", faulty.store()).write(&ours).await.unwrap();
    assert_eq!((receipt.outcome, receipt.manifest.kind), (Written::Amended, ManifestKind::Amendment));
    assert_eq!(receipt.manifest.records, ours.records());
    let names = objects(&faulty.store()).await;
    assert_eq!(names.len(), 4, "bundle, amendment, and a manifest each: {names:?}");
    let bundle = names::TraceNames::new("default", theirs.trace_id()).bundle(Compression::Zstd);
    assert_eq!(faulty.store().get(&bundle).await.unwrap(), left, "not rewritten");
    assert_eq!(counted(&faulty.store()).await, 1);
    theirs.into_tracked().settle(Outcome::Bundled);
    ours.into_tracked().settle(Outcome::Bundled);
}

/// A late piece may be taken for another incident, and overtake the bundle that it amends.
#[tokio::test]
async fn what_a_kill_left_uncommitted_counts_for_the_incident_that_it_says_and_once() {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    let (piece, whole) = (sealed_as("INC-0000000000", &ledger, 1, &[1], 0), sealed(&ledger, 1, &[1, 2]));
    faulty.meet(".manifest.json", &[Fault::Gone]);
    drop(tokio::time::timeout(Duration::from_millis(100), writer(&faulty).write(&piece)).await);
    faulty.mend();
    assert_eq!(counted(&faulty.store()).await, 1, "counted, and killed before the manifest");

    // Started again, under the same name.
    let writer = writer(&faulty);
    writer.write(&whole).await.unwrap();
    assert_eq!(counted(&faulty.store()).await, 1);
    let committed = writer.manifest(&names::TraceNames::new("default", whole.trace_id()).manifest()).await.unwrap();
    assert_eq!(committed.unwrap().incident.id, "INC-0000000000");
    piece.into_tracked().settle(Outcome::Bundled);
    whole.into_tracked().settle(Outcome::Bundled);
}

#[tokio::test]
async fn a_foreign_object_under_the_name_is_left_alone_and_the_evidence_stands_beside_it() {
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    let case = sealed(&ledger, 1, &[1]);
    let name = names::TraceNames::new("default", case.trace_id()).bundle(Compression::Zstd);
    store.create(&name, Bytes::from_static(b"something else")).await.unwrap();
    let writer = writer_named("one", store.clone());
    assert_eq!(writer.write(&case).await.unwrap().outcome, Written::Amended);
    assert_eq!(writer.write(&case).await.unwrap().outcome, Written::Unchanged);
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "something else");
    case.into_tracked().settle(Outcome::Bundled);
}

#[tokio::test]
async fn a_damaged_manifest_is_never_overwritten() {
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    let case = sealed(&ledger, 1, &[1]);
    let name = names::TraceNames::new("default", case.trace_id()).manifest();
    store.create(&name, Bytes::from_static(b"{}")).await.unwrap();
    let error = writer_named("one", store.clone()).write(&case).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permanent);
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "{}");
    case.into_tracked().settle(Outcome::Dropped(DropReason::ExportFailed));
}

#[tokio::test]
async fn numbers_cover_24_hours_all_writers_and_restarts() {
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    let hours = [30, 23, 5, 1, 0];
    let mut last = None;
    for (number, hours_ago) in hours.into_iter().enumerate() {
        // Every case by a new process; two names take turns.
        let writer = writer_named(["one", "two"][number % 2], store.clone());
        let case = sealed_at(&ledger, u8::try_from(number).unwrap() + 1, &[1], hours_ago);
        last = Some(writer.write(&case).await.unwrap().manifest.incident.numbers);
        case.into_tracked().settle(Outcome::Bundled);
    }
    let numbers = last.unwrap();
    assert_eq!(numbers.count_24h, 4);
    assert_eq!(numbers.first_seen, "2026-11-22T06:00:00.000000000Z");
    assert_eq!(numbers.last_seen, "2026-11-23T12:00:00.000000000Z");
    let history = numbers.history.unwrap();
    let versions: Vec<_> = history.versions.iter().map(|one| (one.version.as_deref().unwrap(), one.count)).collect();
    assert_eq!(versions, [("2.4.1", 1), ("2.4.2", 1), ("2.4.3", 1), ("2.4.4", 1), ("2.4.5", 1)]);
    assert_eq!(history.new_in_version, Some(false));
}

#[tokio::test]
async fn two_writers_at_one_trace_at_the_same_time_leave_one_bundle_counted_once() {
    for _ in 0..20 {
        let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
        let case = sealed(&ledger, 1, &[1, 2]);
        let (one, two) = (writer_named("one", store.clone()), writer_named("two", store.clone()));
        let (first, second) = tokio::join!(one.write(&case), two.write(&case));
        let mut outcomes = [first.unwrap().outcome, second.unwrap().outcome];
        outcomes.sort_unstable_by_key(|outcome| outcome.as_str());
        assert_eq!(outcomes, [Written::Stored, Written::Unchanged]);
        assert_eq!((objects(&store).await.len(), counted(&store).await), (2, 1));
        case.into_tracked().settle(Outcome::Bundled);
    }
}

#[tokio::test]
async fn the_queue_is_bounded_and_a_drain_deadline_settles_what_is_left() {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    faulty.meet("", &[Fault::Denied; 100_000]);
    let sizes = SendingQueue { queue_size: 2, num_consumers: 1 };
    let queue = ExportQueue::spawn(None, vec![writer(&faulty)], Vec::new(), &sizes);
    for number in 1..=3 {
        queue.send(sealed(&ledger, number, &[1])).await.unwrap();
    }
    let full = queue.try_send(sealed(&ledger, 9, &[1])).unwrap_err();
    assert!(!full.closed);
    full.sealed.into_tracked().settle(Outcome::NotSampled);
    assert_eq!((queue.len(), queue.unfinished()), (2, 3));
    assert_eq!(queue.drain(Duration::from_millis(100)).await, 3);
    assert_eq!(ledger.dropped(DropReason::ShutdownDeadline), 3);
    let closed = queue.send(sealed(&ledger, 9, &[1])).await.unwrap_err();
    assert!(closed.closed);
    closed.sealed.into_tracked().settle(Outcome::NotSampled);
    assert_eq!(ledger.totals().pending(), 0);
}

/// Replicas behind something that ignores trace ids: each has a part of the trace, and both parts end in the store.
#[tokio::test]
async fn fault_40_a_trace_that_two_processes_had_a_part_of_is_told() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _counted = metrics::set_default_local_recorder(&recorder);
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    let (one, two) = (writer_named("one", store.clone()), writer_named("two", store.clone()));
    for (writer, records) in [(&one, [1, 2]), (&two, [3, 4]), (&two, [1, 2])] {
        let part = sealed(&ledger, 1, &records);
        writer.write(&part).await.unwrap();
        part.into_tracked().settle(Outcome::Bundled);
    }
    let split = |text: String| {
        text.lines()
            .find_map(|line| line.strip_prefix(crate::telemetry::names::EXPORTER_SPLIT_TRACES).map(ToOwned::to_owned))
    };
    assert_eq!(
        split(handle.render()).unwrap(),
        "{exporter=\"bundle\"} 1",
        "the second part; what is listed already is none"
    );
}

#[tokio::test]
async fn a_late_piece_does_not_overtake_the_bundle_that_it_amends() {
    let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
    // The first put waits; whoever comes second would be first.
    faulty.meet("bundles/", &[Fault::Hang]);
    let sizes = SendingQueue { queue_size: 8, num_consumers: 4 };
    let queue = ExportQueue::spawn(None, vec![writer(&faulty)], Vec::new(), &sizes);
    for records in [[1, 2], [1, 3], [3, 4]] {
        queue.send(sealed(&ledger, 1, &records)).await.unwrap();
    }
    assert_eq!(queue.drain(Duration::from_secs(10)).await, 0);
    let names = names::TraceNames::new("default", TraceId([1; 16]));
    let committed = writer(&faulty).manifest(&names.manifest()).await.unwrap().unwrap();
    assert_eq!(committed.records.iter().map(|record| record.0[0]).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(ledger.totals(), Totals { accepted: 6, bundled: 6, ..Totals::default() });
}

#[tokio::test]
async fn records_are_bundled_only_once_every_store_has_them() {
    let ledger = Arc::new(Ledger::default());
    let (sound, broken) = (Faulty::default(), Faulty::default());
    broken.meet("", &[Fault::Gone]);
    let impatient = config(Duration::from_millis(50));
    let writer = |store| BundleWriter::new("bundle", store, &impatient, None, "one", Arc::new(Noon));
    let writers = vec![writer(sound.store()), writer(broken.store())];
    let queue = ExportQueue::spawn(None, writers, Vec::new(), &SendingQueue::default());
    queue.send(sealed(&ledger, 1, &[1, 2])).await.unwrap();
    queue.drain(Duration::from_secs(10)).await;
    assert_eq!(ledger.totals(), Totals { accepted: 2, dropped: 2, ..Totals::default() });
    assert_eq!(objects(&sound.store()).await.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Scenario: traces in any order, repeated, with growing evidence and any faults. Guarantees: every record is listed
    /// in a manifest of its trace, nothing is rewritten, and each trace counts once.
    #[test]
    fn whatever_the_store_does_no_record_is_lost(
        cases in proptest::collection::vec((1u8..4, proptest::collection::vec(1u8..6, 1..4)), 1..8),
        faults in proptest::collection::vec((0usize..6, 0usize..4), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (faulty, ledger) = (Faulty::default(), Arc::new(Ledger::default()));
            for (name, fault) in faults {
                let kinds = [Fault::Unavailable, Fault::UnavailableAfterStoring, Fault::Conflict, Fault::HangAfterStoring];
                faulty.meet(NAMES[name], &[kinds[fault]]);
            }
            for (index, (number, records)) in cases.iter().enumerate() {
                let case = sealed(&ledger, *number, records);
                writer_named(["one", "two"][index % 2], faulty.store()).write(&case).await.unwrap();
                case.into_tracked().settle(Outcome::Bundled);
            }
            let mut listed = std::collections::BTreeSet::new();
            let store = faulty.store();
            for name in objects(&store).await.iter().filter(|name| names::is_manifest(name)) {
                let envelope = crate::bundle::Envelope::read(&store.get(name).await.unwrap().unwrap()).unwrap();
                let manifest = envelope.manifest().unwrap();
                let object = store.get(&manifest.object.name).await.unwrap().unwrap();
                assert_eq!(digest_of(&object), manifest.object.digest);
                listed.extend(manifest.records.iter().map(|record| (manifest.trace_id.0[0], record.0[0])));
            }
            for (number, records) in &cases {
                assert!(records.iter().all(|record| listed.contains(&(*number, *record))));
            }
            let traces: std::collections::BTreeSet<u8> = cases.iter().map(|(number, _)| *number).collect();
            assert_eq!(counted(&store).await, traces.len() as u64);
        });
    }
}

/// Guarantee: the steps of a request to a folder meet no runtime, so that none of them goes to a further thread, and what they answer is told.
#[tokio::test]
async fn the_steps_of_a_request_to_a_folder_are_done_on_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(
        &format!("file:{}", folder.path().display()),
        StoreClient::plain(&BTreeMap::new(), Duration::from_secs(10)),
    )
    .unwrap();
    let steps = |store: Store| async move {
        let created = store.create("a/b", Bytes::from_static(b"1")).await?;
        assert_eq!((created, tokio::runtime::Handle::try_current().is_err()), (Created::Stored, true));
        store.replace("a/c", Bytes::from_static(b"2")).await?;
        let mut names: Vec<_> = store.list("a").try_collect().await?;
        names.sort_unstable();
        Ok((names, store.get("a/c").await?, store.get("a/d").await?, store.create("a/b", Bytes::new()).await?))
    };
    let answer = store.at_once("try", "a", steps).await.unwrap();
    let one = Bytes::from_static(b"1");
    let names = vec!["a/b".to_owned(), "a/c".to_owned()];
    assert_eq!(answer, (names, Some(Bytes::from_static(b"2")), None, Created::Differs(one)));
    let waits = |_| async {
        tokio::task::yield_now().await;
        Ok(())
    };
    assert!(store.at_once("try", "a", waits).await.is_err(), "a request that waits is broken off");
}
