//! What records may look like, lines 60 to 65, over gRPC.

use casefile::model::Signal;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tonic::Code;

use crate::support::*;

/// Sends spans; returns how many were taken.
async fn taken(request: &ExportTraceServiceRequest) -> usize {
    let server = grpc(Recorder::default()).await;
    let answer = grpc_send(&server, Signal::Traces, &request.encode_to_vec()).await;
    assert_eq!(answer.status.code(), Code::Ok);
    server.intake.seen().iter().map(|(_, records)| records).sum()
}

#[tokio::test]
async fn otlp_60_a_bad_id_rejects_its_record_and_not_the_batch() {
    let bad = [
        Span { trace_id: vec![0; 16], ..span(1) },
        Span { trace_id: vec![1; 8], ..span(1) },
        Span { span_id: vec![0; 8], ..span(1) },
        Span { span_id: vec![1; 16], ..span(1) },
    ];
    for bad in bad {
        assert_eq!(taken(&traces(vec![span(1), bad, span(2)])).await, 2);
    }
}

#[tokio::test]
async fn otlp_61_log_records_without_trace_id_are_taken() {
    let server = grpc(Recorder::default()).await;
    let records = vec![LogRecord::default(), LogRecord { trace_id: vec![0; 16], ..LogRecord::default() }];
    let answer = grpc_send(&server, Signal::Logs, &logs(records).encode_to_vec()).await;
    assert!(answer.status.code() == Code::Ok && answer.message.is_empty());
    assert_eq!(server.intake.seen(), [(Signal::Logs, 2)]);
}

#[tokio::test]
async fn otlp_62_flag_bits_that_are_not_defined_yet_are_no_fault() {
    assert_eq!(taken(&traces(vec![Span { flags: u32::MAX, ..span(1) }])).await, 1);
}

#[tokio::test]
async fn otlp_63_duplicate_attribute_keys_are_taken() {
    let attribute = KeyValue { key: "twice".to_owned(), ..KeyValue::default() };
    assert_eq!(taken(&traces(vec![Span { attributes: vec![attribute; 10_000], ..span(1) }])).await, 1);
}

#[tokio::test]
async fn otlp_64_empty_envelopes_are_tolerated() {
    let mut request = traces(vec![span(1)]);
    request.resource_spans.insert(0, ResourceSpans::default());
    request.resource_spans.push(ResourceSpans { scope_spans: vec![ScopeSpans::default()], ..ResourceSpans::default() });
    assert_eq!(taken(&request).await, 1);
}

#[tokio::test]
async fn otlp_65_a_request_sent_twice_is_acknowledged_twice() {
    let server = grpc(Recorder::default()).await;
    let message = traces(vec![span(1)]).encode_to_vec();
    for _ in 0..2 {
        assert_eq!(grpc_send(&server, Signal::Traces, &message).await.status.code(), Code::Ok);
    }
    // That no record counts twice in a bundle is the window's to hold.
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1), (Signal::Traces, 1)]);
}
