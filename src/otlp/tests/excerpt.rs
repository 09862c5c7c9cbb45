//! Excerpts: each record once, in one order, readable again.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
};
use proptest::prelude::*;
use prost::Message as _;

use super::properties::{WIDE, generate, signals};
use super::{Decoded, decode};
use super::{records, span, text, traces, value};
use crate::model::{Record, Signal};
use crate::otlp::{Limits, excerpts, read_recording, scan};

fn parts(records: &[Record], max_bytes: usize) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    excerpts(records, max_bytes, |part| {
        parts.push(part.to_vec());
        Ok::<_, ()>(())
    })
    .unwrap();
    parts
}

fn scanned(signal: Signal, request: &[u8]) -> Vec<Record> {
    records(signal, request, &scan(signal, request, &WIDE).unwrap().entries)
}

/// The decoded records of a recording.
fn read(recording: &[u8]) -> Vec<Decoded> {
    let limits = Limits::default();
    let requests = read_recording(recording, &limits).map(Result::unwrap);
    let records = requests.flat_map(|(signal, request)| scanned(signal, &request));
    records.map(|record| decode(&record).unwrap()).collect()
}

#[test]
fn records_come_back_once_with_resource_scope_and_metric_and_without_their_neighbours() {
    let spans = traces(vec![span("mine"), span("another's"), span("mine")]).encode_to_vec();
    let mine: Vec<Record> = scanned(Signal::Traces, &spans).into_iter().step_by(2).collect();
    let exemplar = Exemplar { time_unix_nano: 7, trace_id: vec![1; 16], span_id: vec![2; 8], ..Exemplar::default() };
    let points = vec![NumberDataPoint {
        attributes: vec![text("customer", "another's")],
        exemplars: vec![Exemplar { filtered_attributes: vec![text("mine", "too")], ..exemplar.clone() }],
        ..NumberDataPoint::default()
    }];
    let metrics = vec![Metric {
        name: "requests".to_owned(),
        unit: "1".to_owned(),
        data: Some(metric::Data::Sum(Sum { data_points: points, ..Sum::default() })),
        ..Metric::default()
    }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    let metrics = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    let all: Vec<Record> = mine.into_iter().chain(scanned(Signal::Metrics, &metrics)).collect();

    let [part] = &parts(&all, 1 << 20)[..] else { panic!("one part") };
    let expected: Vec<Decoded> = all[1..].iter().map(|record| decode(record).unwrap()).collect();
    assert_eq!(read(part), expected);
    assert!(!part.windows(9).any(|window| window == b"another's"), "of others nothing");
}

#[test]
fn many_and_large_records_are_split_so_that_each_part_can_be_read_by_itself() {
    let long = |index: u64| {
        let key = KeyValue {
            key: "n".to_owned(),
            value: Some(value(any_value::Value::BytesValue(vec![7; 900]))),
            ..KeyValue::default()
        };
        let mut span = span("long");
        span.start_time_unix_nano = index;
        span.attributes.push(key);
        span
    };
    let request = traces((0..2500).map(long).collect()).encode_to_vec();
    let all = scanned(Signal::Traces, &request);
    let whole = parts(&all, usize::MAX);
    assert_eq!(whole.len(), 1);
    assert_eq!(read_recording(&whole[0], &Limits::default()).count(), 3, "a thousand records a request at most");
    let split = parts(&all, 100_000);
    assert!(split.len() > 20 && split.iter().all(|part| part.len() <= 100_000), "{} parts", split.len());
    let back: Vec<Decoded> = split.iter().flat_map(|part| read(part)).collect();
    assert_eq!(back, all.iter().map(|record| decode(record).unwrap()).collect::<Vec<_>>());
    assert_eq!(parts(&all, 1).len(), all.len(), "a record at least");
    assert!(parts(&[], 1).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any request, its records in any order and several times. Guarantees: the same bytes, which decode to the
    /// same records.
    #[test]
    fn excerpts_hold_what_was_decoded_whatever_the_order(signal in signals(), seed: u64, turn: usize, max in 1usize..4000) {
        let Ok(found) = scan(signal, &generate(signal, seed), &WIDE) else { return Ok(()) };
        let mut all = records(signal, &generate(signal, seed), &found.entries);
        let expected: BTreeSet<String> = all.iter().map(|record| format!("{:?}", decode(record).unwrap())).collect();
        let straight = parts(&all, max);
        let turn = turn % all.len().max(1);
        all.rotate_left(turn);
        all.extend_from_within(..turn);
        prop_assert_eq!(&parts(&all, max), &straight);
        let mut found = BTreeSet::new();
        for mut part in straight.iter().map(Vec::as_slice) {
            while !part.is_empty() {
                let length = prost::decode_length_delimiter(&mut part).unwrap();
                let (request, rest) = part.split_at(length);
                found.extend(scanned(signal, request).iter().map(|record| format!("{:?}", decode(record).unwrap())));
                part = rest;
            }
        }
        prop_assert_eq!(found, expected);
    }
}
