//! Requests that are held as they came, compressed.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::*;
use crate::model::{Batch, Budget, ClosedTrace, Decision, Encoding, Keeper, Origin, TraceId};
use crate::window::{OPEN_COST, Unpacker, WAITING_COST};

/// A budget of which nothing is spent on keeping inflated requests at hand.
const LITTLE: usize = 1 << 17;

/// The same request as a client that compresses sends it.
fn compressed(incoming: Incoming) -> Incoming {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(&incoming.bytes).unwrap();
    Incoming { wire: Some((Encoding::Gzip, encoder.finish().unwrap().into())), ..incoming }
}

fn of_service(name: &str, spans: Vec<Span>) -> ResourceSpans {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(name.to_owned())) });
    let attributes = vec![KeyValue { key: "service.name".to_owned(), value, ..KeyValue::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    ResourceSpans {
        resource,
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn request(resource_spans: Vec<ResourceSpans>) -> Incoming {
    incoming(Signal::Traces, ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}

/// Traces 1 to 50 in two requests of two services each; the first and the third fail, in the second one.
fn failures() -> [Incoming; 2] {
    [1, 2].map(|half| {
        let spans =
            |id: u8| (1..=50).map(move |trace| span(trace, half * 10 + id, half == 2 && [1, 3].contains(&trace)));
        request(
            ["checkout", "stock"]
                .into_iter()
                .zip(1..)
                .map(|(name, id)| of_service(name, spans(id).collect()))
                .collect(),
        )
    })
}

fn documents(core: &Core, now: Timestamp) -> Vec<Bytes> {
    let mut documents = Vec::new();
    for trace in core.close_due(now, 0, 100) {
        documents.extend(core.judge(now, trace).map(|sealed| {
            let document = sealed.document().clone();
            sealed.into_tracked().settle(Outcome::Bundled);
            document
        }));
    }
    documents.sort();
    documents
}

#[test]
fn a_bundle_is_the_same_to_the_byte_however_its_requests_were_held() {
    let forms = [(failures(), LITTLE), (failures().map(compressed), LITTLE), (failures().map(compressed), 1 << 30)];
    let bundles = forms.map(|(requests, budget)| {
        let core = core(&["connectors.incident.incidents={max_bundles: 0, per: 1h}"], budget);
        for (request, second) in requests.into_iter().zip(0..) {
            core.admit(at(second), request).unwrap();
        }
        let bundles = documents(&core, at(20));
        assert!(documents(&core, at(100)).is_empty());
        assert_reconciled(&core, Totals { accepted: 200, bundled: 8, not_sampled: 192, ..Totals::default() });
        bundles
    });
    assert_eq!(bundles[0].len(), 2);
    assert!(bundles[0] == bundles[1] && bundles[0] == bundles[2]);
}

#[test]
fn what_is_held_of_a_compressed_request_is_what_came() {
    let core = core(&[], LITTLE);
    let [first, second] = failures().map(compressed);
    let came = |request: &Incoming| request.wire.as_ref().unwrap().1.len() + request.entries.len() * WAITING_COST;
    let [first_cost, second_cost] = [came(&first), came(&second)];
    assert!(first_cost < first.bytes.len());
    core.admit(at(0), first).unwrap();
    assert_eq!(core.budget().used(), first_cost);
    core.admit(at(1), second).unwrap();
    assert_eq!(core.budget().used(), first_cost + second_cost + 2 * 4 * OPEN_COST, "two traces are open");
    let mut closed = core.close_due(at(20), 0, 100);
    let plenty = Budget::new(1 << 30);
    let unpacker = Unpacker::new(&plenty);
    let at_hand: usize = failures().map(|request| request.bytes.len()).iter().sum();
    let trace = closed.first_mut().unwrap();
    unpacker.unpack(trace);
    let bytes: usize = trace.records.iter().map(|record| record.body().len()).sum();
    let own = plenty.used() - at_hand;
    assert!((bytes..2 * bytes).contains(&own), "{own} bytes for records of {bytes}");
    assert!(trace.records.iter().all(|record| record.entry.head.trace_id == trace.trace_id));
    let other = closed.last_mut().unwrap();
    let requests: Vec<_> = other.records.iter().map(|record| Arc::clone(&record.batch)).collect();
    unpacker.unpack(other);
    let once = |batch: &Arc<Batch>| batch.packed.as_ref().unwrap().inflations.load(Ordering::Relaxed) == 1;
    assert!(requests.iter().all(once), "the traces share what was inflated");
    drop(requests);
    closed.into_iter().for_each(|trace| trace.tracked.settle(Outcome::NotSampled));
    judge(&core, at(100));
    assert_reconciled(&core, Totals { accepted: 200, not_sampled: 200, ..Totals::default() });
}

#[test]
fn records_of_a_trace_that_fails_are_copied_out_while_their_requests_are_at_hand() {
    let core = core(&["connectors.incident.incidents={max_bundles: 0, per: 1h}"], 1 << 30);
    let [first, second] = failures().map(compressed);
    let packed: usize = [&first, &second].iter().map(|it| it.wire.as_ref().unwrap().1.len() + 100 * WAITING_COST).sum();
    let at_hand = first.bytes.len() + second.bytes.len();
    core.admit(at(0), first).unwrap();
    core.admit(at(1), second).unwrap();
    let copies = core.budget().used() - packed - at_hand - 2 * 4 * OPEN_COST;
    assert!((1..at_hand / 10).contains(&copies), "{copies}");
    // More comes than is at hand: what came before is not.
    for trace in 51..=200 {
        let spans = (0..250)
            .map(|id| Span {
                name: (0..300).map(|n| (n * n * u32::from(id)).to_string()).collect(),
                ..span(trace, id, false)
            })
            .collect();
        core.admit(at(2), compressed(traces(spans))).unwrap();
    }
    let late = Span { name: "late".to_owned(), ..span(2, 30, true) };
    core.admit(at(3), compressed(traces(vec![late; 20]))).unwrap();
    let closed = core.close_due(at(20), 0, 100);
    let is_packed = |trace: &ClosedTrace| trace.records.iter().map(|it| it.batch.packed.is_some()).collect::<Vec<_>>();
    assert_eq!(
        closed.iter().map(is_packed).collect::<Vec<_>>(),
        [vec![false; 4], vec![false; 4], [vec![true; 4], vec![false; 20]].concat()]
    );
    closed.into_iter().for_each(|trace| trace.tracked.settle(Outcome::NotSampled));
    judge(&core, at(100));
    assert_eq!(core.budget().used(), 0, "nothing is at hand of what has gone");
}

#[derive(Debug)]
struct Disk;

impl Keeper for Disk {
    fn settled(&self, _: TraceId, _: &Decision, _: &[u64]) {}

    fn carried(&self) {}
}

#[test]
fn what_an_earlier_process_left_is_held_as_it_came_too() {
    let [_, second] = failures().map(compressed);
    let came = second.wire.as_ref().unwrap().1.len() + second.entries.len() * WAITING_COST;
    let core = core(&[], LITTLE);
    core.admit_again(at(0), second, Origin { number: 1, keeper: Arc::new(Disk) });
    assert_eq!(core.budget().used(), came + 2 * 2 * OPEN_COST);
    assert_eq!(documents(&core, at(20)).len(), 2);
    judge(&core, at(100));
    assert_reconciled(&core, Totals { accepted: 100, bundled: 4, not_sampled: 96, ..Totals::default() });
}

#[test]
fn a_request_that_trace_after_trace_asks_for_is_held_inflated_as_well() {
    let core = core(&[], LITTLE);
    let [first, _] = failures().map(compressed);
    let bytes = first.bytes.clone();
    core.admit(at(0), first).unwrap();
    core.admit(at(1), traces((1..=10).map(|trace| span(trace, 99, true)).collect())).unwrap();
    let closed = core.close_due(at(20), 0, 100);
    let request = Arc::clone(&closed[0].records[0].batch);
    let packed = request.packed.as_ref().unwrap();
    assert_eq!(closed.len(), 10);
    for mut trace in closed {
        // None of them knows what the others inflated.
        Unpacker::new(core.budget()).unpack(&mut trace);
        assert_eq!(trace.records.len(), 3);
        trace.tracked.settle(Outcome::NotSampled);
    }
    assert_eq!(packed.inflations.load(Ordering::Relaxed), 3);
    assert_eq!(packed.inflated.get().unwrap().0, bytes);
    assert!(core.budget().used() > bytes.len());
    drop(request);
    judge(&core, at(100));
    assert_reconciled(&core, Totals { accepted: 110, not_sampled: 110, ..Totals::default() });
}

#[test]
fn what_somebody_looks_at_or_barely_shrinks_is_held_by_its_bytes() {
    let line = |trace: u8| LogRecord { trace_id: vec![trace; 16], ..untraced(&"a line ".repeat(100), None) };
    let small = compressed(traces(vec![span(1, 1, false)]));
    let whole =
        "connectors.incident.tail_sampling.policies=[{name: many, type: span_count, span_count: {min_spans: 60}}]";
    for (sets, request) in [
        (vec![], small),
        (vec![whole], compressed(request(vec![of_service("shop", (1..50).map(|id| span(1, id, false)).collect())]))),
        (vec![], compressed(logs(vec![line(1), untraced("a line", None)]))),
    ] {
        let core = core(&sets, LITTLE);
        let bytes = request.bytes.len();
        core.admit(at(0), request).unwrap();
        assert!(core.budget().used() >= bytes, "{sets:?}");
        judge(&core, at(200));
        core.end();
        assert_eq!(core.budget().used(), 0);
    }
    let packed = compressed(logs(vec![line(1), line(2)]));
    let core = core(&[], LITTLE);
    let bytes = packed.bytes.len();
    core.admit(at(0), packed).unwrap();
    assert!(core.budget().used() < bytes / 2);
    judge(&core, at(200));
    assert_eq!(core.budget().used(), 0);
}

#[test]
fn a_request_that_cannot_be_inflated_again_is_counted_and_fails_no_other() {
    let core = core(&[], LITTLE);
    let [first, second] = failures().map(compressed);
    let cut = |request: Incoming| {
        let wire = request.wire.map(|(encoding, wire)| (encoding, wire.slice(..wire.len() / 2)));
        Incoming { wire, ..request }
    };
    core.admit(at(0), cut(first)).unwrap();
    core.admit(at(1), second).unwrap();
    assert_eq!(documents(&core, at(20)).len(), 2);
    judge(&core, at(100));
    assert_reconciled(&core, Totals { accepted: 200, bundled: 4, not_sampled: 192, dropped: 4, ..Totals::default() });
}

#[test]
fn a_root_that_has_ended_is_known_though_its_request_is_held_as_it_came() {
    let core = core(&["connectors.incident.tail_sampling.decision_wait_after_root_received=2s"], LITTLE);
    let roots = (1..=50).map(|trace| span(trace, 1, false)).collect();
    core.admit(at(0), compressed(traces(roots))).unwrap();
    let child = Span { parent_span_id: vec![1; 8], ..span(1, 2, true) };
    core.admit(at(1), compressed(traces(vec![child]))).unwrap();
    assert!(documents(&core, Timestamp(at(3).0 - 1)).is_empty());
    assert_eq!(documents(&core, at(3)).len(), 1);
    judge(&core, at(100));
    assert_reconciled(&core, Totals { accepted: 51, bundled: 2, not_sampled: 49, ..Totals::default() });
}
