//! Every view against prost: on generated requests whose fields were shuffled, doubled and mixed with unknown ones, and
//! on requests with bytes broken at random.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message as _;

use super::records;
use super::{Decoded, decode};
use crate::model::{Head, Signal, SpanId, Timestamp, TraceId};
use crate::otlp::schema::{self, Kind, Message};
use crate::otlp::wire::{put_bytes, put_key, put_nested, put_varint};
use crate::otlp::{Body, Limits, Origin, from_json, scan, to_json};

/// Limits as wide as prost's own.
pub(super) const WIDE: Limits =
    Limits { max_records: usize::MAX, max_envelopes: usize::MAX, max_depth: 100, max_elements: usize::MAX };

/// A source of choices: splitmix64.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Sometimes a small number, sometimes any.
    fn number(&mut self) -> u64 {
        let bits = self.below(65) as u32;
        self.next().checked_shr(bits).unwrap_or(0)
    }

    fn text(&mut self) -> &'static str {
        const TEXTS: [&str; 8] = [
            "",
            "exception",
            "exception.type",
            "service.name",
            "Ünïcode \u{1f980}",
            "a\"b\\\n\0\u{7f}",
            "k",
            "exceptio",
        ];
        TEXTS[self.below(8) as usize]
    }

    /// Mostly the right length, mostly not zero.
    fn id(&mut self, length: usize) -> Vec<u8> {
        let length = [length, length, length, length, length, length, 0, 15][self.below(8) as usize];
        let byte = [0, 1, 2, 3, 1, 2, 3, 4][self.below(8) as usize];
        vec![byte; length]
    }
}

/// The way from a request to its records: always there, so that there are records.
const WAY: [&str; 13] = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resourceLogs",
    "scopeLogs",
    "logRecords",
    "resourceMetrics",
    "scopeMetrics",
    "metrics",
    "dataPoints",
    "exemplars",
    "traceId",
    "spanId",
];

/// Writes a random message of this schema: fields in the order of their numbers, as encoders do, or in any, any number of times, with unknown
/// ones between them.
fn write(message: &'static Message, choices: &mut Choices, out: &mut Vec<u8>, depth: usize) {
    // Enough fields for records to be valid often, fewer as it gets deeper.
    let mut fields: Vec<_> = message
        .fields
        .iter()
        .flat_map(|field| {
            let envelope = matches!(field.json, "resource" | "scope");
            let most = match (field.repeated, depth) {
                (true, 0..=5) => 3,
                (true, _) => 2,
                (false, _) if envelope => 2,
                _ => 3,
            };
            let times = choices.below(most) + u64::from(WAY.contains(&field.json));
            std::iter::repeat_n(field, if depth > 12 { 0 } else { times as usize })
        })
        .collect();
    fields.sort_by_key(|field| field.number);
    let is_usual = choices.below(2) == 0;
    for at in (1..if is_usual { 0 } else { fields.len() }).rev() {
        fields.swap(at, choices.below(at as u64 + 1) as usize);
    }
    for field in fields {
        if choices.below(if is_usual { 30 } else { 8 }) == 0 {
            unknown(choices, out);
        }
        let number = field.number;
        match field.kind {
            Kind::Bool | Kind::Int(_) | Kind::Sint32 | Kind::Enum if field.repeated => {
                let (a, b) = (choices.number(), choices.number());
                put_nested(out, number, |out| {
                    put_varint(out, a);
                    put_varint(out, b);
                    Ok::<_, ()>(())
                })
                .unwrap();
            }
            Kind::Bool | Kind::Int(_) | Kind::Sint32 | Kind::Enum => {
                put_key(out, number, 0);
                put_varint(out, choices.number());
            }
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
                put_key(out, number, 1);
                // As a double always a number, so that equal is equal.
                out.extend_from_slice(&(choices.number() >> 12).to_le_bytes());
            }
            Kind::Fixed32 => {
                put_key(out, number, 5);
                out.extend_from_slice(&(choices.number() as u32).to_le_bytes());
            }
            Kind::String => put_bytes(out, number, choices.text().as_bytes()),
            Kind::Bytes | Kind::Id => {
                let length = if field.json == "traceId" { 16 } else { 8 };
                put_bytes(out, number, &choices.id(length));
            }
            Kind::Message(inner) => {
                put_nested(out, number, |out| {
                    write(inner, choices, out, depth + 1);
                    Ok::<_, ()>(())
                })
                .unwrap();
            }
        }
    }
}

fn unknown(choices: &mut Choices, out: &mut Vec<u8>) {
    match choices.below(4) {
        0 => {
            put_key(out, 1000, 0);
            put_varint(out, choices.number());
        }
        1 => put_bytes(out, 77, b"\xff\xfe"),
        2 => {
            put_key(out, 18, 5);
            out.extend_from_slice(&[1, 2, 3, 4]);
        }
        _ => {
            put_key(out, 40, 3);
            put_bytes(out, 1, b"inside");
            put_key(out, 40, 4);
        }
    }
}

pub(super) fn generate(signal: Signal, seed: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write(schema::request(signal), &mut Choices(seed), &mut out, 0);
    out
}

pub(super) fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![Just(Signal::Traces), Just(Signal::Logs), Just(Signal::Metrics)]
}

/// What a walk must find, told from prost's decode: the valid records with their heads, and how many were rejected.
fn expected(signal: Signal, request: &[u8]) -> Option<(Vec<(Head, Decoded)>, u64)> {
    let mut found = Vec::new();
    let mut rejected = 0;
    let mut take = |head: Option<Head>, resource: &Option<Resource>, scope: &Option<InstrumentationScope>, body| {
        let (resource, scope) = (resource.clone().unwrap_or_default(), scope.clone().unwrap_or_default());
        match head {
            Some(head) => found.push((head, Decoded { origin: Origin { resource, scope }, body })),
            None => rejected += 1,
        }
    };
    match signal {
        Signal::Traces => {
            for envelope in &ExportTraceServiceRequest::decode(request).ok()?.resource_spans {
                for inner in &envelope.scope_spans {
                    for span in &inner.spans {
                        take(span_head(span), &envelope.resource, &inner.scope, Body::Span(span.clone()));
                    }
                }
            }
        }
        Signal::Logs => {
            for envelope in &ExportLogsServiceRequest::decode(request).ok()?.resource_logs {
                for inner in &envelope.scope_logs {
                    for log in &inner.log_records {
                        take(log_head(log), &envelope.resource, &inner.scope, Body::Log(log.clone()));
                    }
                }
            }
        }
        Signal::Metrics => {
            for envelope in &ExportMetricsServiceRequest::decode(request).ok()?.resource_metrics {
                for inner in &envelope.scope_metrics {
                    for metric in &inner.metrics {
                        for exemplar in exemplars(metric) {
                            let Some(head) = exemplar_head(&exemplar) else { continue };
                            let (name, unit) = (metric.name.clone(), metric.unit.clone());
                            let body = Body::Exemplar { exemplar, metric: name, unit };
                            take(Some(head), &envelope.resource, &inner.scope, body);
                        }
                    }
                }
            }
        }
    }
    Some((found, rejected))
}

fn absent_or<T: Default>(bytes: &[u8], length: usize, id: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    (bytes.is_empty() || bytes.len() == length).then(|| id(bytes).unwrap_or_default())
}

fn span_head(span: &Span) -> Option<Head> {
    Some(Head {
        trace_id: TraceId::from_wire(&span.trace_id)?,
        span_id: SpanId::from_wire(&span.span_id)?,
        parent_span_id: absent_or(&span.parent_span_id, 8, SpanId::from_wire)?,
        start: Timestamp(span.start_time_unix_nano),
        end: Timestamp(span.end_time_unix_nano),
        status: span.status.as_ref().map_or(0, |status| status.code),
        severity: 0,
        exception_event: span.events.iter().any(|event| event.name == "exception"),
        exception_attributes: span.attributes.iter().any(|pair| pair.key.starts_with("exception.")),
        failed_test: false,
    })
}

fn log_head(log: &LogRecord) -> Option<Head> {
    let time = if log.time_unix_nano == 0 { log.observed_time_unix_nano } else { log.time_unix_nano };
    Some(Head {
        trace_id: absent_or(&log.trace_id, 16, TraceId::from_wire)?,
        span_id: absent_or(&log.span_id, 8, SpanId::from_wire)?,
        start: Timestamp(time),
        end: Timestamp(time),
        severity: log.severity_number,
        exception_attributes: log.attributes.iter().any(|pair| pair.key.starts_with("exception.")),
        ..Head::default()
    })
}

fn exemplar_head(exemplar: &Exemplar) -> Option<Head> {
    let time = Timestamp(exemplar.time_unix_nano);
    let trace_id = TraceId::from_wire(&exemplar.trace_id)?;
    let span_id = SpanId::from_wire(&exemplar.span_id).unwrap_or_default();
    Some(Head { trace_id, span_id, start: time, end: time, ..Head::default() })
}

fn exemplars(metric: &Metric) -> Vec<Exemplar> {
    match metric.data.clone() {
        Some(metric::Data::Gauge(data)) => data.data_points.into_iter().flat_map(|point| point.exemplars).collect(),
        Some(metric::Data::Sum(data)) => data.data_points.into_iter().flat_map(|point| point.exemplars).collect(),
        Some(metric::Data::Histogram(data)) => data.data_points.into_iter().flat_map(|point| point.exemplars).collect(),
        Some(metric::Data::ExponentialHistogram(data)) => {
            data.data_points.into_iter().flat_map(|point| point.exemplars).collect()
        }
        _ => Vec::new(),
    }
}

/// Holds a walk against prost on these bytes; whether prost could decode them.
fn compare(signal: Signal, request: &[u8]) -> Result<bool, TestCaseError> {
    let found = scan(signal, request, &WIDE);
    if let Ok(found) = &found {
        // Whatever a walk yields can be decoded, invalid UTF-8 included.
        for record in records(signal, request, &found.entries) {
            prop_assert!(decode(&record).is_ok());
        }
    }
    let Some((expected, rejected)) = expected(signal, request) else { return Ok(false) };
    if found.as_ref().is_err_and(|error| error.to_string().ends_with("occurs twice")) {
        return Ok(true);
    }
    let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(found.rejected.trace_id + found.rejected.span_id, rejected);
    prop_assert_eq!(found.entries.len(), expected.len());
    for (record, (head, decoded)) in records(signal, request, &found.entries).iter().zip(expected) {
        prop_assert_eq!(record.entry.head, head);
        // Debug text: a broken byte may have made a NaN, which is not equal to itself.
        prop_assert_eq!(format!("{:?}", decode(record).unwrap()), format!("{decoded:?}"));
    }
    Ok(true)
}

/// Holds the generator itself to account: properties of requests without records would prove nothing.
#[test]
fn generated_requests_hold_valid_and_rejected_records_of_every_signal() {
    for signal in Signal::ALL {
        let scans: Vec<_> = (0..300).filter_map(|seed| scan(signal, &generate(signal, seed), &WIDE).ok()).collect();
        let kept: usize = scans.iter().map(|found| found.entries.len()).sum();
        let rejected: u64 = scans.iter().map(|found| found.rejected.trace_id + found.rejected.span_id).sum();
        assert!(scans.len() >= 100 && kept >= 100, "{signal:?}: {} requests, {kept} records", scans.len());
        assert!(rejected > 0 || signal == Signal::Metrics, "{signal:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any request. Guarantee: heads, resource, scope and body are what prost decodes.
    #[test]
    fn a_walk_finds_what_prost_decodes(signal in signals(), seed: u64) {
        let request = generate(signal, seed);
        prop_assert!(compare(signal, &request)?, "prost refuses a generated request");
    }

    /// Scenario: bytes broken or cut off. Guarantee: an error or the same as prost, never a panic.
    #[test]
    fn a_walk_over_broken_bytes_agrees_with_prost(
        signal in signals(), seed: u64, edits in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..4), cut: u32,
    ) {
        let mut request = generate(signal, seed);
        for (at, byte) in edits {
            let length = request.len().max(1);
            if let Some(place) = request.get_mut(at as usize % length) {
                *place = byte;
            }
        }
        compare(signal, &request)?;
        request.truncate(cut as usize % (request.len() + 1));
        compare(signal, &request)?;
    }

    /// Scenario: bytes that are no request. Guarantee: no panic, in any direction.
    #[test]
    fn arbitrary_bytes_never_panic(signal in signals(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        compare(signal, &bytes)?;
        drop(to_json(signal, &bytes));
        drop(from_json(signal, &bytes, &WIDE));
        prop_assert!(crate::otlp::read_recording(&bytes, &WIDE).count() <= bytes.len());
    }

    /// Scenario: any request. Guarantee: through JSON and back it decodes to the same.
    #[test]
    fn json_carries_every_field(signal in signals(), seed: u64) {
        let request = generate(signal, seed);
        let json = to_json(signal, &request).unwrap();
        let back = from_json(signal, &json, &WIDE).map_err(|error| TestCaseError::fail(error.to_string()))?;
        match signal {
            Signal::Traces => prop_assert_eq!(
                ExportTraceServiceRequest::decode(back.as_slice()).unwrap(),
                ExportTraceServiceRequest::decode(request.as_slice()).unwrap()
            ),
            Signal::Logs => prop_assert_eq!(
                ExportLogsServiceRequest::decode(back.as_slice()).unwrap(),
                ExportLogsServiceRequest::decode(request.as_slice()).unwrap()
            ),
            Signal::Metrics => prop_assert_eq!(
                ExportMetricsServiceRequest::decode(back.as_slice()).unwrap(),
                ExportMetricsServiceRequest::decode(request.as_slice()).unwrap()
            ),
        }
    }
}
