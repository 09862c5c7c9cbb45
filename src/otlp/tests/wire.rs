//! Bad inputs and data rules of the wire.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Summary, SummaryDataPoint, metric,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;

use super::decode;
use super::{records, span, text, traces, value};
use crate::model::{Signal, SpanId, Timestamp, TraceId};
use crate::otlp::{Body, Limits, Rejected, Scan, Value, WireError, attribute, scan};

fn scan_spans(spans: Vec<Span>) -> Result<Scan, WireError> {
    scan(Signal::Traces, &traces(spans).encode_to_vec(), &Limits::default())
}

fn logs(log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

/// A message in field `number`.
fn len(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    super::super::wire::put_bytes(&mut out, u32::from(number), content);
    out
}

fn refused(request: &[u8]) -> WireError {
    scan(Signal::Traces, request, &Limits::default()).unwrap_err()
}

#[test]
fn otlp_14_an_empty_request_has_no_records() {
    for signal in Signal::ALL {
        assert_eq!(scan(signal, &[], &Limits::default()), Ok(Scan::default()));
    }
}

#[test]
fn otlp_64_empty_envelopes_are_tolerated() {
    let request = [len(1, &[]), len(1, &len(2, &[]))].concat();
    assert_eq!(scan(Signal::Traces, &request, &Limits::default()), Ok(Scan::default()));
}

#[test]
fn otlp_28_unknown_fields_are_ignored_groups_included() {
    let known = len(2, &[len(1, &[1; 16]), len(2, &[2; 8]), vec![0xa3, 0x06, 0x08, 0x01, 0xa4, 0x06]].concat());
    let request = [vec![0xa0, 0x06, 0x01], len(1, &[len(2, &known), len(99, b"\xff")].concat())].concat();
    assert_eq!(scan(Signal::Traces, &request, &Limits::default()).unwrap().entries.len(), 1);
}

#[test]
fn otlp_60_a_bad_id_rejects_its_record_alone() {
    let with = |trace_id: Vec<u8>, span_id: Vec<u8>| Span { trace_id, span_id, ..span("x") };
    let found = scan_spans(vec![
        span("good"),
        with(vec![0; 16], vec![1; 8]),
        with(vec![1; 15], vec![1; 8]),
        with(vec![1; 32], vec![1; 8]),
        with(vec![], vec![1; 8]),
        with(vec![1; 16], vec![0; 8]),
        with(vec![1; 16], vec![1; 7]),
        Span { parent_span_id: vec![1; 9], ..span("x") },
        Span { parent_span_id: vec![0; 8], ..span("root") },
    ])
    .unwrap();
    assert_eq!(found.entries.len(), 2);
    assert_eq!(found.rejected, Rejected { trace_id: 4, span_id: 3 });
}

#[test]
fn otlp_61_logs_without_a_trace_id_are_accepted() {
    let request = logs(vec![
        LogRecord { observed_time_unix_nano: 7, ..LogRecord::default() },
        LogRecord { trace_id: vec![0; 16], span_id: vec![0; 8], time_unix_nano: 5, ..LogRecord::default() },
        LogRecord { trace_id: vec![1; 15], ..LogRecord::default() },
        LogRecord { trace_id: vec![1; 16], span_id: vec![1; 3], ..LogRecord::default() },
    ]);
    let found = scan(Signal::Logs, &request, &Limits::default()).unwrap();
    let starts: Vec<_> = found.entries.iter().map(|entry| (entry.head.trace_id, entry.head.start)).collect();
    assert_eq!(starts, [(TraceId::default(), Timestamp(7)), (TraceId::default(), Timestamp(5))]);
    assert_eq!(found.rejected, Rejected { trace_id: 1, span_id: 1 });
}

#[test]
fn otlp_63_duplicate_attribute_keys_yield_every_value_own_ones_first() {
    let span = Span { attributes: vec![text("k", "a"), text("other", "x"), text("k", "b")], ..span("x") };
    let mut request = traces(vec![span]);
    request.resource_spans[0].resource.as_mut().unwrap().attributes.push(text("k", "c"));
    let bytes = request.encode_to_vec();
    let found = scan(Signal::Traces, &bytes, &Limits::default()).unwrap();
    let record = &records(Signal::Traces, &bytes, &found.entries)[0];
    let values: Vec<_> = attribute(record, "k").collect();
    assert_eq!(values, [Value::String(b"a"), Value::String(b"b"), Value::String(b"c")]);
}

#[test]
fn input_08_a_million_empty_spans_are_refused_before_anything_is_kept() {
    let spans = [0x12, 0x00].repeat(1_000_000);
    assert!(matches!(refused(&len(1, &len(2, &spans))), WireError::TooMany { what: "records", .. }));
}

#[test]
fn input_09_a_million_empty_resources_are_refused() {
    let request = [0x0a, 0x00].repeat(1_000_000);
    assert!(matches!(refused(&request), WireError::TooMany { what: "resource and scope envelopes", .. }));
}

#[test]
fn a_million_empty_attributes_of_one_span_are_refused() {
    let attributes = [0x4a, 0x00].repeat(1_000_000);
    let error = refused(&len(1, &len(2, &len(2, &attributes))));
    assert!(matches!(error, WireError::TooMany { what: "attributes, events, links and values of a record", .. }));
}

#[test]
fn input_10_values_nested_too_deep_are_refused_and_the_rest_decodes() {
    for (depth, fits) in [(20, true), (48, false), (5_000, false)] {
        // Written by hand: prost's own encoder recurses.
        let value = (0..depth).fold(Vec::new(), |inner, _| len(5, &len(1, &inner)));
        let attribute = len(9, &[len(1, b"deep"), len(2, &value)].concat());
        let span = [len(1, &[1; 16]), len(2, &[2; 8]), attribute].concat();
        let request = len(1, &len(2, &len(2, &span)));
        match (scan(Signal::Traces, &request, &Limits::default()), fits) {
            (Ok(scan), true) => assert!(decode(&records(Signal::Traces, &request, &scan.entries)[0]).is_ok()),
            (Err(WireError::TooMany { what, .. }), false) => assert_eq!(what, "levels of nested messages"),
            other => panic!("{depth}: {other:?}"),
        }
        let deepest = scan(Signal::Traces, &request, &Limits { max_depth: usize::MAX, ..Limits::default() });
        assert_eq!(deepest.is_ok(), ExportTraceServiceRequest::decode(request.as_slice()).is_ok(), "{depth}");
    }
}

#[test]
fn input_12_to_16_malformed_bytes_are_errors_with_their_offset() {
    for (bytes, what) in [
        (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..], "varint of more than 64 bits"),
        (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "length beyond the end of the message"),
        (&[0x0a, 0x05, 0x00], "length beyond the end of the message"),
        (&[0x0a, 0x80], "truncated varint"),
        (&[0x08, 0x01], "wrong wire type"),
        (&[0x0b, 0x0c], "wrong wire type"),
        (&[0x0c], "group end without a start"),
        (&[0x9b, 0x06], "group without an end"),
        (&[0x9b, 0x06, 0x0c], "group end of another group"),
        (&[0x00], "field number 0"),
        (&[0x0e], "unknown wire type"),
    ] {
        match refused(bytes) {
            WireError::Malformed { what: found, .. } => assert_eq!(found, what, "{bytes:x?}"),
            other => panic!("{other:?}"),
        }
    }
    let groups = [0x9b, 0x06].repeat(100_000);
    assert!(matches!(refused(&groups), WireError::Malformed { what: "groups nested too deep", .. }));
}

#[test]
fn input_17_and_18_invalid_utf8_is_repaired_at_every_depth() {
    let marked = |spans: Vec<Span>| {
        let mut bytes = traces(spans).encode_to_vec();
        // A mark of the same length as what takes its place, so that lengths stay true.
        while let Some(at) = bytes.windows(2).position(|pair| pair == b"@@") {
            bytes[at..at + 2].copy_from_slice(&[0xff, 0xfe]);
        }
        bytes
    };
    let list = super::KeyValue {
        value: Some(value(any_value::Value::ArrayValue(super::ArrayValue {
            values: vec![value(any_value::Value::StringValue("in@@list".to_owned()))],
        }))),
        ..text("k@@", "")
    };
    let request = marked(vec![Span { attributes: vec![list], ..span("na@@me") }]);
    assert!(ExportTraceServiceRequest::decode(request.as_slice()).is_err());
    let found = scan(Signal::Traces, &request, &Limits::default()).unwrap();
    let decoded = decode(&records(Signal::Traces, &request, &found.entries)[0]).unwrap();
    let Body::Span(span) = decoded.body else { panic!() };
    assert_eq!(span.name, "na\u{fffd}\u{fffd}me");
    assert_eq!(span.attributes[0].key, "k\u{fffd}\u{fffd}");
    assert!(format!("{:?}", span.attributes[0].value).contains("in\u{fffd}\u{fffd}list"));
}

#[test]
fn input_35_ten_thousand_duplicate_keys_are_read() {
    let attributes = vec![text("k", "v"); 10_000];
    assert_eq!(scan_spans(vec![Span { attributes, ..span("x") }]).unwrap().entries.len(), 1);
}

#[test]
fn a_resource_after_its_spans_is_theirs() {
    let request = traces(vec![span("x")]);
    let envelope = &request.resource_spans[0];
    let scope = &envelope.scope_spans[0];
    let scope_spans =
        [len(2, &scope.spans[0].encode_to_vec()), len(1, &scope.scope.as_ref().unwrap().encode_to_vec())].concat();
    let resource = len(1, &envelope.resource.as_ref().unwrap().encode_to_vec());
    let other = ResourceSpans { resource: Some(super::Resource::default()), ..ResourceSpans::default() };
    let bytes = [len(1, &[len(2, &scope_spans), resource].concat()), len(1, &other.encode_to_vec())].concat();
    let found = scan(Signal::Traces, &bytes, &Limits::default()).unwrap();
    let decoded = decode(&records(Signal::Traces, &bytes, &found.entries)[0]).unwrap();
    assert_eq!(Some(decoded.origin.resource), envelope.resource);
    assert_eq!(Some(decoded.origin.scope), scope.scope);
}

#[test]
fn an_envelope_with_two_resources_is_refused() {
    let request = len(1, &[len(1, &[]), len(1, &[])].concat());
    assert!(matches!(refused(&request), WireError::Malformed { what: "resource occurs twice", .. }));
}

#[test]
fn a_status_in_two_pieces_is_merged() {
    let code = len(15, &[0x18, 0x02]);
    let message = len(15, &len(2, b"why"));
    let span = [len(1, &[1; 16]), len(2, &[2; 8]), code, message].concat();
    let bytes = len(1, &len(2, &len(2, &span)));
    let found = scan(Signal::Traces, &bytes, &Limits::default()).unwrap();
    assert_eq!(found.entries[0].head.status, 2);
}

#[test]
fn of_metrics_only_exemplars_with_a_trace_id_are_kept_and_nothing_is_rejected() {
    let exemplar = |trace_id: Vec<u8>| Exemplar { trace_id, span_id: vec![3; 8], ..Exemplar::default() };
    let exemplars = vec![exemplar(vec![]), exemplar(vec![1; 16]), exemplar(vec![0; 16]), exemplar(vec![1; 4])];
    let gauge = Gauge { data_points: vec![NumberDataPoint { exemplars, ..NumberDataPoint::default() }] };
    let summary = Summary { data_points: vec![SummaryDataPoint::default()] };
    let request = metrics(vec![
        Metric { data: Some(metric::Data::Summary(summary)), ..Metric::default() },
        Metric {
            name: "queue.wait".to_owned(),
            unit: "ms".to_owned(),
            data: Some(metric::Data::Gauge(gauge)),
            ..Metric::default()
        },
    ]);
    let found = scan(Signal::Metrics, &request, &Limits::default()).unwrap();
    assert_eq!(found.rejected, Rejected::default());
    assert_eq!(found.entries.len(), 1);
    assert_eq!(found.entries[0].head.span_id, SpanId([3; 8]));
    let decoded = decode(&records(Signal::Metrics, &request, &found.entries)[0]).unwrap();
    let Body::Exemplar { metric, unit, .. } = decoded.body else { panic!() };
    assert_eq!((metric.as_str(), unit.as_str()), ("queue.wait", "ms"));
}
