//! What is normal is told beside what was slow, in the manifest alone, from a bounded part of the spans.

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::*;
use crate::bundle::Sealed;
use crate::model::{Batch, Budget, Outcome};
use crate::pipeline::tests::{START, at, core, manifest, traces};
use crate::receiver::Incoming;

const MILLISECOND: u64 = 1_000_000;
const SLOW: &str = "connectors.incident.tail_sampling.policies=\
    [{name: slow, type: latency, latency: {threshold_ms: 500}}, {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]";

fn took(trace: u8, name: &str, millis: u64) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![trace; 8],
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: START,
        end_time_unix_nano: START + millis * MILLISECOND,
        ..Span::default()
    }
}

fn judged(core: &crate::pipeline::Core, now: Timestamp) -> Vec<Sealed> {
    let closed = (0..core.shards()).flat_map(|shard| core.close_due(now, shard, 1000));
    closed.collect::<Vec<_>>().into_iter().filter_map(|trace| core.judge(now, trace)).collect()
}

fn settle(sealed: Vec<Sealed>) {
    sealed.into_iter().for_each(|sealed| sealed.into_tracked().settle(Outcome::Bundled));
}

/// Whether `measured` is within the sketch's error of `expected`.
fn near(measured: f64, expected: f64) -> bool {
    (measured - expected).abs() <= expected * 0.021
}

#[test]
fn a_slow_span_stands_beside_what_is_normal_for_its_operation() {
    let core = core(&[SLOW], 1 << 20);
    // 1 to 100 ms, one of which failed after a minute, and another operation.
    let mut usual: Vec<Span> = (1..=100).map(|n| took(n, "GET /report", u64::from(n))).collect();
    usual.push(took(101, "GET /health", 1));
    usual.push(Span { status: Some(Status { code: 2, ..Status::default() }), ..took(102, "GET /report", 60_000) });
    core.admit(at(0), traces(usual)).unwrap();
    settle(judged(&core, at(10)));
    core.admit(at(20), traces(vec![took(200, "GET /report", 900), took(201, "GET /health", 900)])).unwrap();
    let slow = judged(&core, at(30));

    let told: Vec<_> = slow.iter().flat_map(|sealed| manifest(sealed).normal_latencies).collect();
    assert_eq!(slow.len(), 2);
    let [normal] = told[..] else { panic!("one operation is known well enough: {told:?}") };
    assert_eq!((normal.span_id, normal.count), (SpanId([200; 8]), 101), "what failed does not count");
    assert!(near(normal.p50_ms, 51.0) && near(normal.p95_ms, 96.0) && near(normal.p99_ms, 100.0), "{normal:?}");
    let document = String::from_utf8(slow[0].document().to_vec()).unwrap();
    assert!(!document.contains("normal") && !document.contains("p95"), "a bundle does not depend on what came before");
    settle(slow);
    settle(judged(&core, at(1000)));
}

#[test]
fn where_it_is_not_about_time_only_unusual_spans_are_told_of() {
    let core = core(&[SLOW], 1 << 20);
    core.admit(at(0), traces((1..=100).map(|n| took(n, "GET /report", u64::from(n))).collect())).unwrap();
    settle(judged(&core, at(10)));
    let failed = |trace, millis| Span {
        status: Some(Status { code: 2, message: "boom".to_owned() }),
        ..took(trace, "GET /report", millis)
    };
    core.admit(at(20), traces(vec![failed(200, 50), failed(201, 400)])).unwrap();
    let bundles = judged(&core, at(30));
    let told: Vec<_> = bundles.iter().flat_map(|sealed| manifest(sealed).normal_latencies).collect();
    assert_eq!(told.iter().map(|normal| normal.span_id).collect::<Vec<_>>(), [SpanId([201; 8])]);
    settle(bundles);
    settle(judged(&core, at(1000)));
}

fn records(Incoming { signal, bytes, entries, .. }: Incoming) -> Vec<Record> {
    let permit = Budget::new(1 << 30).take(bytes.len()).unwrap();
    let batch = Arc::new(Batch { signal, bytes, packed: None, permit, origin: None });
    entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect()
}

#[test]
fn so_many_spans_are_read_a_second_and_no_more() {
    let normals = Normals::default();
    let trace = records(traces((0..100).map(|_| took(1, "work", 1)).collect()));
    let read = |now| (0..1000).map(|_| normals.read(now, trace.iter().cloned()).0.len()).sum::<usize>();
    assert_eq!([read(at(0)), read(at(0)), read(at(1))], [2000, 0, 2000]);
    // A trace that is larger than what is left is read all the same, and pays for it later.
    let large = records(traces((0..5000).map(|_| took(1, "work", 1)).collect()));
    assert_eq!(normals.read(at(10), large.iter().cloned()).0.len(), MAX_SPANS);
}

#[test]
fn operations_are_bounded_and_durations_forgotten() {
    let normals = Normals::default();
    let add = |now, operation: u64, times| normals.add(now, Durations(vec![(operation, 5.0); times]));
    let known = |now, operation| {
        let mut state = normals.state.lock();
        state.turn(now);
        state.normal(operation, SpanId([1; 8])).map(|normal| normal.count)
    };
    add(at(0), 0, 30);
    (1..10_000).for_each(|n| add(at(0), n, 1));
    assert!(normals.state.lock().now.len() <= MAX_OPERATIONS);
    assert_eq!(known(at(0), 0), Some(30), "names that were seen once gave way");
    (20_000..22_000).for_each(|n| add(at(0), n, 2));
    assert!(normals.state.lock().now.len() <= MAX_OPERATIONS);
    assert_eq!(known(at(0), 0), Some(30));

    add(at(3700), 0, 10);
    assert_eq!(known(at(3700), 0), Some(40), "the hour before counts");
    assert_eq!(known(at(7400), 0), None, "ten are too few to call it normal");
    add(at(7400), 0, 15);
    assert_eq!(known(at(7400), 0), Some(25));
    assert_eq!(known(at(7400 + 7300), 0), None);
}
