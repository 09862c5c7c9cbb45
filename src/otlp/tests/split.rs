//! Requests split by trace: every record once, in one part, in the envelope it came in.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;

use super::properties::{WIDE, generate, signals};
use super::{Decoded, decode, records, span, text, traces};
use crate::model::partition::{Partitioner, murmur2, sarama};
use crate::model::{Signal, TraceId};
use crate::otlp::{Group, Grouping, Part, scan, split};

/// The requests of all parts, with what they share.
fn parts(signal: Signal, request: &[u8], grouping: Grouping) -> Vec<(Group, Vec<u8>)> {
    let found = scan(signal, request, &WIDE).unwrap();
    let split = split(signal, request, &found.entries, grouping);
    split.parts().map(|part| (part.group, written(&part))).collect()
}

/// The group of a trace where each is one.
fn group_of(trace_id: TraceId) -> Group {
    if trace_id.is_zero() { Group::Loose } else { Group::Trace(trace_id) }
}

fn written(part: &Part<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    part.write(&mut out);
    assert!(out.len() <= part.size(), "{} bytes, and {} were reckoned", out.len(), part.size());
    out
}

fn of_trace(trace: u8, name: &str) -> Span {
    Span { trace_id: vec![trace; 16], ..span(name) }
}

/// What prost decodes of the request, with the schemas around each span: resource, scope, span.
fn with_schemas(request: &[u8]) -> Vec<(String, String, Span)> {
    let decoded = ExportTraceServiceRequest::decode(request).unwrap();
    let scopes = decoded
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans.into_iter().map(move |scope| (resource.schema_url.clone(), scope)));
    scopes
        .flat_map(|(url, scope)| scope.spans.into_iter().map(move |span| (url.clone(), scope.schema_url.clone(), span)))
        .collect()
}

#[test]
fn each_trace_becomes_one_request_with_what_stands_around_its_spans() {
    let scope = |url: &str, spans| ScopeSpans { spans, schema_url: url.to_owned(), ..ScopeSpans::default() };
    let resource = |service: &str, url: &str, scope_spans| ResourceSpans {
        resource: Some(Resource { attributes: vec![text("service.name", service)], ..Resource::default() }),
        scope_spans,
        schema_url: url.to_owned(),
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![
            resource(
                "a",
                "https://r/1",
                vec![
                    scope("https://s/1", vec![of_trace(1, "one"), of_trace(2, "two"), of_trace(1, "three")]),
                    scope("", vec![of_trace(1, "four")]),
                ],
            ),
            resource("b", "", vec![scope("https://s/2", vec![of_trace(2, "five"), of_trace(1, "six")])]),
        ],
    };
    let request = request.encode_to_vec();
    let parts = parts(Signal::Traces, &request, Grouping::Traces);
    assert_eq!(parts.len(), 2);
    for ((group, part), trace) in parts.iter().zip([[1; 16], [2; 16]]) {
        assert_eq!(*group, Group::Trace(TraceId(trace)));
        let expected: Vec<_> =
            with_schemas(&request).into_iter().filter(|(_, _, span)| span.trace_id == trace).collect();
        assert_eq!(with_schemas(part), expected);
    }
    let first = ExportTraceServiceRequest::decode(parts[0].1.as_slice()).unwrap();
    let services: Vec<_> = first.resource_spans.iter().map(|it| it.resource.clone().unwrap().attributes).collect();
    assert_eq!(
        services,
        [vec![text("service.name", "a")], vec![text("service.name", "a")], vec![text("service.name", "b")]]
    );
}

/// Scenario: a newer version of OTLP. Guarantee: what this version does not know of a record comes through.
#[test]
fn fields_of_a_record_that_nobody_knows_here_are_kept() {
    let mut body = span("new").encode_to_vec();
    body.extend([0xfa, 0x3e, 3, b'n', b'e', b'w']); // field 1007
    let nested = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
    let request = nested(1, &nested(2, &nested(2, &body)));
    let parts = parts(Signal::Traces, &request, Grouping::Traces);
    assert_eq!(parts, [(Group::Trace(TraceId([1; 16])), request)], "byte for byte");
}

#[test]
fn the_schema_of_a_scope_may_stand_anywhere_in_it() {
    let nested = |number: u8, content: &[u8]| {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut field);
        [field.as_slice(), content].concat()
    };
    let record = nested(2, &span("x").encode_to_vec());
    let (url, other) = (nested(3, b"u"), nested(3, b"o"));
    let none = nested(2, &[]);
    for fields in [
        vec![&url, &record, &record, &record],
        vec![&record, &url, &record, &record],
        vec![&record, &record, &url, &record],
        vec![&record, &record, &record, &url],
        vec![&record, &other, &record, &url, &none, &record],
    ] {
        let scope = nested(2, &fields.into_iter().flatten().copied().collect::<Vec<u8>>());
        let alone = nested(2, &record);
        let request = [nested(1, &alone), nested(1, &[scope, alone].concat())].concat();
        let parts = parts(Signal::Traces, &request, Grouping::Traces);
        let found: Vec<String> = with_schemas(&parts[0].1).into_iter().map(|(_, url, _)| url).collect();
        assert_eq!(found, ["", "u", "u", "u", ""]);
    }
}

#[test]
fn logs_without_a_trace_are_one_part_and_without_splitting_all_are() {
    let log = |trace: Vec<u8>, time| LogRecord { trace_id: trace, time_unix_nano: time, ..LogRecord::default() };
    let log_records = vec![log(vec![], 1), log(vec![7; 16], 2), log(vec![0; 16], 3)];
    let resource_logs = vec![ResourceLogs {
        scope_logs: vec![ScopeLogs { log_records, ..ScopeLogs::default() }],
        ..ResourceLogs::default()
    }];
    let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let times = |part: &[u8]| -> Vec<u64> {
        let decoded = ExportLogsServiceRequest::decode(part).unwrap();
        decoded.resource_logs.iter().flat_map(|it| &it.scope_logs[0].log_records).map(|it| it.time_unix_nano).collect()
    };
    let found = |grouping| -> Vec<_> {
        parts(Signal::Logs, &request, grouping).iter().map(|(group, part)| (*group, times(part))).collect()
    };
    let seven = TraceId([7; 16]);
    assert_eq!(found(Grouping::Traces), [(Group::Loose, vec![1, 3]), (Group::Trace(seven), vec![2])]);
    assert_eq!(found(Grouping::Whole), [(Group::Loose, vec![1, 2, 3])]);
    let partitioner = Partitioner { hash: murmur2, partitions: 12 };
    let expected = [(Group::Partition(partitioner.of(&seven)), vec![2]), (Group::Loose, vec![1, 3])];
    assert_eq!(found(Grouping::Partitions(partitioner)), expected);
}

/// Scenario: a trace too large for one message. Guarantee: pieces of at most so many bytes, or of one record, hold each of its records once.
#[test]
fn a_part_is_cut_into_pieces_that_fit() {
    let names: Vec<String> = (0..40).map(|number| format!("span {number} {}", "x".repeat(number * 10))).collect();
    let request = traces(names.iter().map(|name| span(name)).collect()).encode_to_vec();
    let entries = scan(Signal::Traces, &request, &WIDE).unwrap().entries;
    let split = split(Signal::Traces, &request, &entries, Grouping::Traces);
    let whole = split.parts().next().unwrap();
    assert_eq!(whole.cut(usize::MAX).count(), 1);
    for max in [1, 300, 500, 2000] {
        let cut: Vec<Part<'_>> = whole.cut(max).collect();
        assert!(cut.iter().all(|part| part.records() == 1 || part.size() <= max));
        let pairs = cut.windows(2).filter(|pair| pair[0].size() + pair[1].size() <= max).count();
        assert_eq!(pairs, 0, "no two neighbours would have fitted together");
        let back = cut.iter().flat_map(|part| with_schemas(&written(part))).map(|(_, _, span)| span.name);
        assert_eq!(back.collect::<Vec<_>>(), names);
    }
    let halves = whole.halves().unwrap();
    assert_eq!(halves.map(|half| half.records()), [20, 20]);
    let single = halves[0].cut(1).next().unwrap();
    assert!(single.halves().is_none());
}

/// The schema URLs that prost finds around each record.
fn schema_urls(signal: Signal, request: &[u8]) -> Vec<(String, String)> {
    let mut urls: Vec<(String, String)> = match signal {
        Signal::Traces => with_schemas(request).into_iter().map(|(resource, scope, _)| (resource, scope)).collect(),
        Signal::Logs => ExportLogsServiceRequest::decode(request)
            .unwrap()
            .resource_logs
            .into_iter()
            .flat_map(|it| it.scope_logs.into_iter().map(move |scope| (it.schema_url.clone(), scope)))
            .flat_map(|(url, scope)| {
                scope.log_records.into_iter().map(move |_| (url.clone(), scope.schema_url.clone()))
            })
            .collect(),
        // As many as there are traces in a metric.
        Signal::Metrics => Vec::new(),
    };
    urls.sort();
    urls
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any request. Guarantee: split and taken together again it has the same records, each in the same envelope and
    /// in a part of its trace, or of its partition, alone; invalid records are in no part.
    #[test]
    fn the_parts_of_a_request_are_its_records(signal in signals(), seed: u64) {
        let request = generate(signal, seed);
        let Ok(found) = scan(signal, &request, &WIDE) else { return Ok(()) };
        let sorted = |mut records: Vec<(TraceId, String)>| { records.sort(); records };
        let show = |decoded: Decoded| format!("{decoded:?}");
        let expected = records(signal, &request, &found.entries).into_iter()
            .map(|record| (record.entry.head.trace_id, show(decode(&record).unwrap()))).collect();
        let expected = sorted(expected);
        let partitioner = Partitioner { hash: sarama, partitions: 1 + (seed % 7) as i32 };
        let of_partition = |id: TraceId| {
            if id.is_zero() { Group::Loose } else { Group::Partition(partitioner.of(&id)) }
        };
        let ways: [(Grouping, &dyn Fn(TraceId) -> Group); 2] =
            [(Grouping::Traces, &group_of), (Grouping::Partitions(partitioner), &of_partition)];
        for (grouping, group_of) in ways {
            let parts = parts(signal, &request, grouping);
            let groups: Vec<Group> = parts.iter().map(|(group, _)| *group).collect();
            prop_assert!(groups.iter().enumerate().all(|(at, group)| !groups[..at].contains(group)), "one part each");
            let mut together = Vec::new();
            for (group, part) in &parts {
                let entries = scan(signal, part, &WIDE).map_err(|error| TestCaseError::fail(error.to_string()))?.entries;
                for record in records(signal, part, &entries) {
                    let trace_id = record.entry.head.trace_id;
                    prop_assert_eq!(group_of(trace_id), *group);
                    together.push((trace_id, show(decode(&record).unwrap())));
                }
            }
            prop_assert_eq!(&sorted(together), &expected);
            if found.rejected == Default::default() {
                let whole: Vec<u8> = parts.into_iter().flat_map(|(_, part)| part).collect();
                prop_assert_eq!(schema_urls(signal, &whole), schema_urls(signal, &request));
            }
        }
    }
}
