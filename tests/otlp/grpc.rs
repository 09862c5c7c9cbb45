//! OTLP/gRPC, lines 1 to 28.

use std::sync::Arc;
use std::time::Duration;

use casefile::config::GrpcServer;
use casefile::model::Signal;
use casefile::receiver::RefusalReason;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Exemplar;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic_types::StatusExt as _;

use crate::support::*;

#[tokio::test]
async fn otlp_1_trace_service_takes_spans_as_raw_bytes() {
    let server = grpc(Recorder::default()).await;
    let message = traces(vec![span(1), span(2)]).encode_to_vec();
    let answer = grpc_send(&server, Signal::Traces, &message).await;
    assert_eq!(answer.status.code(), Code::Ok);
    assert_eq!(server.intake.seen(), [(Signal::Traces, 2)]);
    assert_eq!(server.intake.bytes(), [message], "the bytes are the client's, not a re-encoding");
}

#[tokio::test]
async fn otlp_2_logs_service_takes_log_records() {
    let server = grpc(Recorder::default()).await;
    let answer = grpc_send(&server, Signal::Logs, &logs(vec![LogRecord::default()]).encode_to_vec()).await;
    assert_eq!(answer.status.code(), Code::Ok);
    assert_eq!(server.intake.seen(), [(Signal::Logs, 1)]);
}

#[tokio::test]
async fn otlp_3_metrics_service_takes_exemplars_and_drops_the_rest_without_partial_success() {
    let server = grpc(Recorder::default()).await;
    let malformed = Exemplar { trace_id: vec![1; 15], ..exemplar() };
    let message = metrics(vec![exemplar(), Exemplar::default(), malformed]).encode_to_vec();
    let answer = grpc_send(&server, Signal::Metrics, &message).await;
    assert_eq!(answer.status.code(), Code::Ok);
    assert!(answer.message.is_empty(), "nothing of a metric but its joined exemplars is ever kept");
    assert_eq!(server.intake.seen(), [(Signal::Metrics, 1)]);
}

#[tokio::test]
async fn otlp_4_profiles_service_takes_samples_of_traces() {
    let server = grpc(Recorder::default()).await;
    let answer = grpc_raw(channel(server.address).await, PROFILES, &[], framed(0, &profiles(7))).await;
    assert_eq!(answer.status.code(), Code::Ok);
    assert!(answer.message.is_empty(), "otlp-15");
    assert_eq!(server.intake.seen(), [(Signal::Logs, 1)], "an attachment of its trace");

    let answer = grpc_raw(channel(server.address).await, PROFILES, &[], framed(0, &profiles(0))).await;
    let told = ExportProfilesServiceResponse::decode(&answer.message[..]).unwrap().partial_success.unwrap();
    assert_eq!(told.rejected_profiles, 0, "otlp-18");
    assert!(told.error_message.contains("1 of 1 profiles"), "{}", told.error_message);

    let malformed = grpc_raw(channel(server.address).await, PROFILES, &[], framed(0, b"\x0a\xff")).await;
    assert_eq!(malformed.status.code(), Code::InvalidArgument, "otlp-21");
    assert_eq!(server.intake.seen().len(), 1);
}

#[tokio::test]
async fn otlp_4_profiles_service_is_unimplemented_where_nothing_takes_logs() {
    let server = grpc_with(GrpcServer::default(), &[Signal::Traces, Signal::Traces], Recorder::default()).await;
    let answer = grpc_raw(channel(server.address).await, PROFILES, &[], framed(0, &profiles(7))).await;
    assert_eq!(answer.status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn otlp_4_a_signal_that_no_pipeline_takes_is_unimplemented() {
    let server = grpc_with(GrpcServer::default(), &[Signal::Traces, Signal::Traces], Recorder::default()).await;
    assert_eq!(grpc_send(&server, Signal::Logs, b"").await.status.code(), Code::Unimplemented);
    assert_eq!(grpc_send(&server, Signal::Traces, b"").await.status.code(), Code::Ok);
}

#[test]
fn otlp_5_and_11_default_port_is_4317_and_default_limit_64_mib() {
    let config = GrpcServer::default();
    assert!(config.endpoint.ends_with(":4317"), "{}", config.endpoint);
    assert_eq!(config.max_recv_msg_size_mib, 64);
}

/// A client of tonic's own, as an SDK uses it.
async fn typed(
    server: &Server,
    compression: Option<CompressionEncoding>,
) -> Result<ExportTraceServiceResponse, tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel(server.address).await);
    if let Some(encoding) = compression {
        client = client.send_compressed(encoding);
    }
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ExportTraceServiceRequest, ExportTraceServiceResponse>::default();
    let request = tonic::Request::new(traces(vec![span(1)]));
    client.unary(request, path(Signal::Traces).parse().unwrap(), codec).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn otlp_6_uncompressed_from_a_real_client_is_taken() {
    let server = grpc(Recorder::default()).await;
    assert_eq!(typed(&server, None).await.unwrap(), ExportTraceServiceResponse::default());
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
}

#[tokio::test]
async fn otlp_7_gzip_and_zstd_from_a_real_client_are_taken() {
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let server = grpc(Recorder::default()).await;
        assert_eq!(typed(&server, Some(encoding)).await.unwrap(), ExportTraceServiceResponse::default());
        assert_eq!(server.intake.bytes(), [traces(vec![span(1)]).encode_to_vec()], "{encoding:?}");
    }
}

#[tokio::test]
async fn otlp_8_unknown_encoding_is_unimplemented_and_says_what_is_known() {
    let server = grpc(Recorder::default()).await;
    for encoding in ["snappy", "deflate", "br", "GZIP, gzip"] {
        let answer = grpc_compressed(&server, encoding, b"anything").await;
        assert_eq!(answer.status.code(), Code::Unimplemented, "{encoding}");
        assert_eq!(answer.headers["grpc-accept-encoding"], "gzip, zstd, identity");
    }
}

#[tokio::test]
async fn otlp_9_the_limit_holds_on_the_wire_to_the_byte() {
    let server = small_grpc().await;
    // Field 15 is unknown to every message, and so is passed over: a request of exactly the size wanted.
    let sized = |bytes: usize| {
        let mut message = vec![0x7a];
        prost::encoding::encode_varint((bytes - 4) as u64, &mut message);
        message.resize(bytes, 0);
        message
    };
    assert_eq!(grpc_send(&server, Signal::Traces, &sized(MIB)).await.status.code(), Code::Ok);
    assert_eq!(grpc_send(&server, Signal::Traces, &sized(MIB + 1)).await.status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn otlp_9_an_oversize_message_is_refused_by_its_head_before_it_is_sent() {
    let server = small_grpc().await;
    let mut head = vec![0_u8];
    head.extend_from_slice(&u32::MAX.to_be_bytes());
    let answer = grpc_raw(channel(server.address).await, path(Signal::Traces), &[], head.into()).await;
    assert_eq!(answer.status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn otlp_10_the_limit_holds_after_decompression() {
    let server = small_grpc().await;
    let large = vec![0; MIB + 1];
    for (encoding, compressed) in [("gzip", gzip(&large)), ("zstd", zstd(&large))] {
        let answer = grpc_compressed(&server, encoding, &compressed).await;
        assert_eq!(answer.status.code(), Code::ResourceExhausted, "{encoding}");
    }
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn otlp_11_the_limit_is_configurable() {
    let config = GrpcServer { max_recv_msg_size_mib: 2, ..GrpcServer::default() };
    let server = grpc_with(config, &ALL, Recorder::default()).await;
    let large = Span { name: "n".repeat(MIB + 1), ..span(1) };
    let answer = grpc_send(&server, Signal::Traces, &traces(vec![large]).encode_to_vec()).await;
    assert_eq!(answer.status.code(), Code::Ok);
}

#[tokio::test]
async fn otlp_12_and_25_oversize_is_resource_exhausted_without_retry_info() {
    let server = small_grpc().await;
    let answer = grpc_send(&server, Signal::Traces, &vec![0; MIB + 1]).await;
    assert_eq!(answer.status.code(), Code::ResourceExhausted);
    assert!(answer.status.get_details_retry_info().is_none());
    assert!(answer.status.details().is_empty());
    assert!(answer.status.message().contains("1048576"), "{}", answer.status.message());
}

#[tokio::test]
async fn otlp_14_and_15_the_empty_request_is_ok_and_success_leaves_partial_success_unset() {
    let server = grpc(Recorder::default()).await;
    for signal in ALL {
        let answer = grpc_send(&server, signal, b"").await;
        assert_eq!(answer.status.code(), Code::Ok);
        assert!(answer.message.is_empty());
    }
    assert!(server.intake.seen().is_empty(), "there is nothing to admit");
    let answer = grpc_send(&server, Signal::Traces, &traces(vec![span(1)]).encode_to_vec()).await;
    assert_eq!(ExportTraceServiceResponse::decode(answer.message).unwrap().partial_success, None);
}

/// Scenario: an intake that cannot send a record on. Guarantee: that one is counted beside those that are invalid, and the rest is taken.
#[tokio::test]
async fn otlp_16_records_that_are_too_large_to_be_sent_on_are_counted() {
    let server = grpc(Recorder { too_large: 1, ..Recorder::default() }).await;
    let invalid = Span { trace_id: vec![0; 16], ..span(3) };
    let answer = grpc_send(&server, Signal::Traces, &traces(vec![span(1), span(2), invalid]).encode_to_vec()).await;
    assert_eq!(answer.status.code(), Code::Ok);
    let partial = ExportTraceServiceResponse::decode(answer.message).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert!(partial.error_message.contains("1 for being too large to be sent on"), "{}", partial.error_message);
}

#[tokio::test]
async fn otlp_16_and_17_partial_success_has_the_exact_count_and_an_english_message() {
    let server = grpc(Recorder::default()).await;
    let zero = Span { trace_id: vec![0; 16], ..span(1) };
    let long = Span { trace_id: vec![1; 32], ..span(1) };
    let no_span_id = Span { span_id: vec![], ..span(1) };
    let answer =
        grpc_send(&server, Signal::Traces, &traces(vec![zero, span(1), long, no_span_id]).encode_to_vec()).await;
    assert_eq!(answer.status.code(), Code::Ok);
    let partial = ExportTraceServiceResponse::decode(answer.message).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 3);
    assert!(partial.error_message.starts_with("3 spans rejected: 2 for a trace_id"), "{}", partial.error_message);
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)], "the rest of the batch is kept");

    let bad = LogRecord { trace_id: vec![1; 15], ..LogRecord::default() };
    let answer = grpc_send(&server, Signal::Logs, &logs(vec![bad]).encode_to_vec()).await;
    let partial = ExportLogsServiceResponse::decode(answer.message).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    assert!(partial.error_message.starts_with("1 log records rejected"), "{}", partial.error_message);
}

#[tokio::test]
async fn otlp_13_answers_stay_small_whatever_was_sent() {
    let server = grpc(Recorder::default()).await;
    let answer = grpc_compressed(&server, &"x".repeat(4000), b"").await;
    assert!(answer.status.message().len() <= 1024, "{}", answer.status.message().len());
    let bad = vec![Span::default(); 10_000];
    let answer = grpc_send(&server, Signal::Traces, &traces(bad).encode_to_vec()).await;
    assert!(answer.message.len() < 1100);
    assert_eq!(
        ExportTraceServiceResponse::decode(answer.message).unwrap().partial_success.unwrap().rejected_spans,
        10_000
    );
}

#[tokio::test]
async fn otlp_19_and_20_overload_is_unavailable_with_a_delay_of_more_than_nothing() {
    for (delay, expected) in
        [(Duration::from_secs(3), Duration::from_secs(3)), (Duration::ZERO, Duration::from_millis(1))]
    {
        for reason in [RefusalReason::MemoryFull, RefusalReason::ShuttingDown] {
            let server = grpc(Recorder::refusing(reason, delay)).await;
            let answer = grpc_send(&server, Signal::Traces, &traces(vec![span(1)]).encode_to_vec()).await;
            assert_eq!(answer.status.code(), Code::Unavailable);
            assert_eq!(answer.status.get_details_retry_info().unwrap().retry_delay, Some(expected));
        }
    }
}

#[tokio::test]
async fn otlp_21_and_22_undecodable_is_invalid_argument_with_bad_request() {
    let server = grpc(Recorder::default()).await;
    for message in [&b"\xff\xff\xff"[..], b"\x0a\x7f", b"not protobuf"] {
        let answer = grpc_send(&server, Signal::Traces, message).await;
        assert_eq!(answer.status.code(), Code::InvalidArgument, "{message:?}");
        let violations = answer.status.get_details_bad_request().unwrap().field_violations;
        assert!(!violations[0].description.is_empty());
    }
}

#[tokio::test]
async fn otlp_23_permanent_failures_never_look_transient() {
    let server = small_grpc().await;
    let retried =
        [Code::Cancelled, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange, Code::Unavailable, Code::DataLoss];
    let valid = traces(vec![span(1)]).encode_to_vec();
    let two = [framed(0, &valid), framed(0, &valid)].concat();
    let gzip_header = [("grpc-encoding", "gzip")];
    let none: &[(&str, &str)] = &[];
    let calls = [
        ("no message", none, vec![]),
        ("half a head", none, vec![0, 0]),
        ("cut short", none, framed(0, &valid)[..20].to_vec()),
        ("two messages", none, two),
        ("flag without encoding", none, framed(1, &gzip(&valid)).to_vec()),
        ("flag out of range", none, framed(9, &valid).to_vec()),
        ("not gzip", &gzip_header[..], framed(1, &valid).to_vec()),
        ("oversize", none, framed(0, &vec![0; MIB + 1]).to_vec()),
        ("garbage", none, framed(0, b"\xff\xff").to_vec()),
    ];
    for (name, headers, body) in calls {
        let answer = grpc_raw(channel(server.address).await, path(Signal::Traces), headers, body.into()).await;
        assert_ne!(answer.status.code(), Code::Ok, "{name}");
        assert!(!retried.contains(&answer.status.code()), "{name}: {:?}", answer.status);
        assert!(answer.status.get_details_retry_info().is_none(), "{name}");
    }
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn otlp_24_transient_failures_never_look_permanent() {
    for reason in [RefusalReason::MemoryFull, RefusalReason::ShuttingDown] {
        let server = grpc(Recorder::refusing(reason, Duration::from_secs(1))).await;
        let answer = grpc_send(&server, Signal::Traces, &traces(vec![span(1)]).encode_to_vec()).await;
        assert!(![Code::Internal, Code::Unknown, Code::InvalidArgument].contains(&answer.status.code()));
    }
}

#[tokio::test]
async fn otlp_27_calls_on_one_connection_are_answered_independently() {
    let gate = Arc::new(Semaphore::new(0));
    let server = grpc(Recorder { gate: Some(Arc::clone(&gate)), ..Recorder::default() }).await;
    let channel = channel(server.address).await;
    let blocked = tokio::spawn({
        let channel = channel.clone();
        let message = framed(0, &traces(vec![span(1)]).encode_to_vec());
        async move { grpc_raw(channel, path(Signal::Traces), &[], message).await }
    });
    for _ in 0..20 {
        let answer = grpc_raw(channel.clone(), path(Signal::Logs), &[], framed(0, b"")).await;
        assert_eq!(answer.status.code(), Code::Ok);
    }
    assert!(!blocked.is_finished(), "the first call still waits for the intake");
    gate.add_permits(1);
    assert_eq!(blocked.await.unwrap().status.code(), Code::Ok);
}

#[tokio::test]
async fn otlp_28_unknown_fields_are_ignored_at_every_level() {
    let server = grpc(Recorder::default()).await;
    // Field 100, length-delimited, in the request, its ResourceSpans, ScopeSpans and the span.
    let unknown = [0xa2, 0x06, 0x03, b'n', b'e', b'w'];
    let nest = |payload: Vec<u8>, tag: u8| {
        let mut message = vec![tag];
        prost::encoding::encode_varint(payload.len() as u64, &mut message);
        message.extend_from_slice(&payload);
        message.extend_from_slice(&unknown);
        message
    };
    let mut body = span(1).encode_to_vec();
    body.extend_from_slice(&unknown);
    let message = nest(nest(nest(body, 0x12), 0x12), 0x0a);
    let answer = grpc_send(&server, Signal::Traces, &message).await;
    assert_eq!(answer.status.code(), Code::Ok);
    assert!(answer.message.is_empty());
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
}

#[tokio::test]
async fn something_that_is_not_grpc_is_refused_in_http() {
    let server = grpc(Recorder::default()).await;
    for content_type in ["application/json", "application/grpc-web", "application/grpc+json"] {
        use tower::{Service as _, ServiceExt as _};
        let request = http::Request::post(path(Signal::Traces)).header("content-type", content_type);
        let mut channel = channel(server.address).await;
        let request = request.body(tonic::body::Body::empty()).unwrap();
        assert_eq!(channel.ready().await.unwrap().call(request).await.unwrap().status(), 415, "{content_type}");
    }
}

#[tokio::test]
async fn health_service_knows_the_services_that_are_served() {
    let server = grpc_with(GrpcServer::default(), &[Signal::Traces], Recorder::default()).await;
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel(server.address).await);
    let mut check = async |service: &str| {
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        client.check(request).await.map(|response| response.into_inner().status)
    };
    assert_eq!(check("").await.unwrap(), 1);
    assert_eq!(check("opentelemetry.proto.collector.trace.v1.TraceService").await.unwrap(), 1);
    let unknown = check("opentelemetry.proto.collector.logs.v1.LogsService").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}
