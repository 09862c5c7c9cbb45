//! Raw evidence against a store that misbehaves, a process that dies, and another one.

use prost::Message as _;

use super::*;
use crate::bundle::{Envelope, RawSealer};
use crate::config::RawExporter;
use crate::exporter::RawWriter;
use crate::model::{Batch, Budget, Manifest, Record, Signal};
use crate::otlp::{Limits, scan};

fn exporter(patience: Duration) -> RawExporter {
    let recipients = vec![age::x25519::Identity::generate().to_public().to_string()];
    let retry_on_failure = config(patience).retry_on_failure;
    let retention = Some(crate::config::Duration::seconds(3600));
    RawExporter { recipients, retry_on_failure, retention, ..RawExporter::default() }
}

fn raw_writer(store: Store) -> RawWriter {
    RawWriter::new("raw", store, &exporter(Duration::from_secs(5)), Arc::new(Noon))
}

/// A case of the trace `number` with these records and their encryption.
fn with_raw(ledger: &Arc<Ledger>, number: u8, records: &[u8]) -> Sealed {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    let spans = records.iter().map(|id| Span { trace_id: vec![number; 16], span_id: vec![*id; 8], ..Span::default() });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let bytes = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
    let entries = scan(Signal::Traces, &bytes, &Limits::default()).unwrap().entries;
    let budget = Budget::new(usize::MAX);
    let batch =
        Arc::new(Batch { signal: Signal::Traces, bytes, packed: None, permit: budget.take_anyway(0), origin: None });
    let records_of: Vec<_> = entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect();
    let case = sealed(ledger, number, records);
    let sealer = RawSealer::compile(&exporter(Duration::ZERO)).unwrap();
    let raw = sealer.seal(&case, &records_of, &budget).unwrap();
    case.with_raw(raw)
}

async fn raw_objects(store: &Store) -> Vec<String> {
    store.list("raw").try_collect().await.unwrap()
}

async fn committed(store: &Store, trace: u8) -> Manifest {
    let names = names::TraceNames::new("default", TraceId([trace; 16]));
    let stored = store.get(&names.manifest()).await.unwrap().unwrap();
    Envelope::read(&stored).unwrap().manifest().unwrap()
}

/// Whether the manifest says of the one object of raw evidence what is true of it.
async fn assert_promise_kept(bundles: &Store, raw: &Store, trace: u8) {
    let [name] = &raw_objects(raw).await[..] else { panic!("one object") };
    let stored = raw.get(name).await.unwrap().unwrap();
    let [promise] = &committed(bundles, trace).await.raw[..] else { panic!("one promise") };
    assert_eq!(promise.url, raw.url_of(name));
    assert_eq!((&promise.digest, promise.size), (&digest_of(&stored), stored.len() as u64));
    assert_eq!(promise.recipients, 1);
    // An hour from the writer's now, or from when the store got what another one had written.
    let modified = raw.modified(name).await.unwrap().unwrap();
    let kept = [Timestamp(NOON), modified].map(|from| from.after(Duration::from_secs(3600)).to_rfc3339());
    assert!(kept.contains(promise.kept_until.as_ref().unwrap()), "{:?} of {kept:?}", promise.kept_until);
}

#[tokio::test]
async fn whatever_the_store_answers_the_manifest_names_what_is_stored() {
    let faults = [
        Fault::Unavailable,
        Fault::UnavailableAfterStoring,
        Fault::Conflict,
        Fault::Hang,
        Fault::HangAfterStoring,
        Fault::Denied,
    ];
    for fault in faults {
        let (bundles, raw, ledger) = (Store::in_memory(), Faulty::default(), Arc::new(Ledger::default()));
        raw.meet(".otlp.age", &[fault]);
        let writers = vec![writer_named("one", bundles.clone())];
        let queue = ExportQueue::spawn(Some(raw_writer(raw.store())), writers, Vec::new(), &SendingQueue::default());
        queue.send(with_raw(&ledger, 1, &[1, 2])).await.unwrap();
        assert_eq!(queue.drain(Duration::from_secs(60)).await, 0);
        assert_eq!((raw.unmet(), ledger.totals().bundled), (0, 2), "{fault:?}");
        assert_promise_kept(&bundles, &raw.store(), 1).await;
    }
}

#[tokio::test]
async fn without_its_raw_evidence_a_bundle_is_not_stored_and_its_records_do_not_count_as_bundled() {
    let (bundles, raw, ledger) = (Store::in_memory(), Faulty::default(), Arc::new(Ledger::default()));
    raw.meet(".otlp.age", &[Fault::Gone]);
    let writer = RawWriter::new("raw", raw.store(), &exporter(Duration::from_millis(50)), Arc::new(Noon));
    let writers = vec![writer_named("one", bundles.clone())];
    let queue = ExportQueue::spawn(Some(writer), writers, Vec::new(), &SendingQueue::default());
    queue.send(with_raw(&ledger, 1, &[1, 2])).await.unwrap();
    queue.drain(Duration::from_secs(60)).await;
    assert_eq!(ledger.totals(), Totals { accepted: 2, dropped: 2, ..Totals::default() });
    assert_eq!(ledger.dropped(DropReason::ExportFailed), 2);
    assert!(objects(&bundles).await.is_empty());
}

#[tokio::test]
async fn a_process_killed_before_the_bundle_leaves_what_the_next_one_finds() {
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    // The first process stores the raw evidence and is gone.
    let mut first = with_raw(&ledger, 1, &[1, 2]);
    raw_writer(store.clone()).write(&first.take_raw()).await.unwrap();
    first.into_tracked().settle(Outcome::Dropped(DropReason::ShutdownDeadline));
    let left = raw_objects(&store).await;

    let writers = vec![writer_named("two", store.clone())];
    let queue = ExportQueue::spawn(Some(raw_writer(store.clone())), writers, Vec::new(), &SendingQueue::default());
    queue.send(with_raw(&ledger, 1, &[1, 2])).await.unwrap();
    queue.drain(Duration::from_secs(60)).await;
    assert_eq!(ledger.totals().bundled, 2);
    assert_eq!(raw_objects(&store).await, left, "nothing beside it, nothing rewritten");
    let stored = store.modified(&left[0]).await.unwrap().unwrap();
    let until = stored.after(Duration::from_secs(3600)).to_rfc3339();
    assert_eq!(committed(&store, 1).await.raw[0].kept_until, Some(until), "from when it was stored, not found");
    assert_promise_kept(&store, &store, 1).await;
}

#[tokio::test]
async fn two_processes_with_the_same_records_share_one_object() {
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    let (mut one, mut two) = (with_raw(&ledger, 1, &[1, 2]), with_raw(&ledger, 1, &[1, 2]));
    let (raw_one, raw_two) = (one.take_raw(), two.take_raw());
    let (first, second) = (raw_writer(store.clone()), raw_writer(store.clone()));
    let (first, second) = tokio::join!(first.write(&raw_one), second.write(&raw_two));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((&first[0].url, &first[0].digest), (&second[0].url, &second[0].digest));
    assert_eq!(raw_objects(&store).await.len(), 1);
    one.into_tracked().settle(Outcome::Bundled);
    two.into_tracked().settle(Outcome::Bundled);
}

#[tokio::test]
async fn something_else_in_its_place_is_neither_overwritten_nor_taken_for_it() {
    let (store, ledger) = (Store::in_memory(), Arc::new(Ledger::default()));
    let mut case = with_raw(&ledger, 1, &[1, 2]);
    let raw = case.take_raw();
    let junk = Bytes::from_static(b"junk");
    store.create(raw[0].name(), junk.clone()).await.unwrap();
    let stored = raw_writer(store.clone()).write(&raw).await.unwrap();
    assert_eq!(stored[0].url, store.url_of(raw[0].spare_name()));
    assert_eq!(store.get(raw[0].spare_name()).await.unwrap().as_ref(), Some(raw[0].ciphertext()));
    assert_eq!(store.get(raw[0].name()).await.unwrap(), Some(junk));
    case.into_tracked().settle(Outcome::Bundled);
}
