//! Hostile and broken request bodies (inputs 1 to 18 and 25 to 39, as far as a receiver meets them), over both transports.

use casefile::model::Signal;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tonic::Code;

use crate::support::*;

/// The same compressed body over both transports: gRPC code and HTTP status.
async fn compressed(encoding: &str, body: &[u8]) -> (Code, u16, usize) {
    let (grpc, http) = (small_grpc().await, small_http().await);
    let code = grpc_compressed(&grpc, encoding, body).await.status.code();
    let answer = post(&http, "/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], body.to_vec()).await;
    let taken = grpc.intake.seen().len();
    assert_eq!(taken, http.intake.seen().len());
    (code, answer.status, taken)
}

/// The same protobuf request over both transports.
async fn plain(signal: Signal, body: &[u8]) -> (Code, u16, usize) {
    let (grpc, http) = (grpc(Recorder::default()).await, http(Recorder::default()).await);
    let code = grpc_send(&grpc, signal, body).await.status.code();
    let answer = post(&http, &format!("/v1/{}", signal.as_str()), &[PROTOBUF], body.to_vec()).await;
    let taken = |server: &Server| server.intake.seen().iter().map(|(_, records)| records).sum::<usize>();
    assert_eq!(taken(&grpc), taken(&http));
    (code, answer.status, taken(&grpc))
}

const TOO_LARGE: (Code, u16, usize) = (Code::ResourceExhausted, 413, 0);
const UNDECODABLE: (Code, u16, usize) = (Code::InvalidArgument, 400, 0);

fn one_span() -> Vec<u8> {
    traces(vec![span(1)]).encode_to_vec()
}

#[tokio::test]
async fn input_1_a_gzip_bomb_is_too_large() {
    let bomb = gzip(&vec![0; 512 * MIB]);
    assert!(bomb.len() < MIB, "small on the wire: {}", bomb.len());
    assert_eq!(compressed("gzip", &bomb).await, TOO_LARGE);
}

#[tokio::test]
async fn input_2_concatenated_gzip_members_are_one_body_and_limited_together() {
    let body = one_span();
    let (left, right) = body.split_at(10);
    assert_eq!(compressed("gzip", &[gzip(left), gzip(right)].concat()).await, (Code::Ok, 200, 1));
    let half = gzip(&vec![0; MIB / 2 + 1]);
    assert_eq!(compressed("gzip", &[half.clone(), half].concat()).await, TOO_LARGE);
}

#[tokio::test]
async fn input_2_nested_gzip_is_not_unpacked_twice() {
    assert_eq!(compressed("gzip", &gzip(&gzip(&one_span()))).await, UNDECODABLE);
    let server = small_http().await;
    let body = gzip(&gzip(&one_span()));
    let answer = post(&server, "/v1/traces", &[PROTOBUF, ("content-encoding", "gzip, gzip")], body.clone()).await;
    assert_eq!(answer.status, 415);
    let twice = [PROTOBUF, ("content-encoding", "gzip"), ("content-encoding", "gzip")];
    assert_eq!(post(&server, "/v1/traces", &twice, body).await.status, 415);
}

#[tokio::test]
async fn input_3_truncated_gzip_and_zstd_are_undecodable() {
    for (encoding, body) in [("gzip", gzip(&one_span())), ("zstd", zstd(&one_span()))] {
        for length in [1, body.len() / 2, body.len() - 1] {
            assert_eq!(compressed(encoding, &body[..length]).await, UNDECODABLE, "{encoding} cut at {length}");
        }
    }
}

#[tokio::test]
async fn input_4_a_wrong_checksum_is_undecodable() {
    let mut body = gzip(&one_span());
    let crc = body.len() - 8;
    body[crc] ^= 1;
    assert_eq!(compressed("gzip", &body).await, UNDECODABLE);
}

#[tokio::test]
async fn input_5_a_mislabelled_encoding_is_undecodable() {
    assert_eq!(compressed("gzip", &zstd(&one_span())).await, UNDECODABLE);
    assert_eq!(compressed("zstd", &gzip(&one_span())).await, UNDECODABLE);
    assert_eq!(compressed("gzip", &one_span()).await, UNDECODABLE);
    assert_eq!(compressed("gzip", &[gzip(&one_span()), b"tail".to_vec()].concat()).await, UNDECODABLE);
}

#[tokio::test]
async fn input_6_a_zstd_bomb_is_too_large_however_it_is_cut() {
    let bomb = zstd(&vec![0; 512 * MIB]);
    assert!(bomb.len() < MIB, "small on the wire: {}", bomb.len());
    assert_eq!(compressed("zstd", &bomb).await, TOO_LARGE);
    let half = zstd(&vec![0; MIB / 2 + 1]);
    assert_eq!(compressed("zstd", &[half.clone(), half].concat()).await, TOO_LARGE);
}

#[tokio::test]
async fn input_6_a_zstd_window_beyond_all_use_is_refused() {
    // Magic, no content size, a window descriptor of 2^41 bytes, and one empty last block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00];
    assert_eq!(compressed("zstd", &frame).await, UNDECODABLE);
}

#[tokio::test]
async fn input_7_snappy_is_refused_before_its_length_is_read() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(compressed("snappy", &huge).await, (Code::Unimplemented, 415, 0));
}

#[tokio::test]
async fn input_8_and_9_a_million_empty_elements_are_counted_before_they_are_decoded() {
    // 0x12 0x00: an empty span; 0x0a 0x00: an empty ResourceSpans.
    let spans = [0x12, 0x00].repeat(1_000_000);
    let nest = |payload: &[u8], tag: u8| {
        let mut message = vec![tag];
        prost::encoding::encode_varint(payload.len() as u64, &mut message);
        message.extend_from_slice(payload);
        message
    };
    let request = nest(&nest(&spans, 0x12), 0x0a);
    assert_eq!(plain(Signal::Traces, &request).await, TOO_LARGE);
    assert_eq!(plain(Signal::Traces, &[0x0a, 0x00].repeat(1_000_000)).await, TOO_LARGE);
}

#[tokio::test]
async fn input_10_values_nested_too_deep_are_refused_for_good() {
    let mut value = AnyValue { value: Some(any_value::Value::IntValue(1)) };
    for _ in 0..200 {
        value = AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    let attribute = KeyValue { key: "deep".to_owned(), value: Some(value), ..KeyValue::default() };
    let span = Span { attributes: vec![attribute], ..span(1) };
    assert_eq!(plain(Signal::Traces, &traces(vec![span]).encode_to_vec()).await, TOO_LARGE);
}

#[tokio::test]
async fn input_12_to_16_malformed_protobuf_is_undecodable() {
    let whole = one_span();
    let cases: [(&str, Vec<u8>); 6] = [
        ("12 overlong varint", [0x0a].into_iter().chain([0xff; 11]).collect()),
        ("13 negative length", [0x0a].into_iter().chain([0xff; 9]).chain([0x01]).collect()),
        ("14 truncated", whole[..whole.len() - 3].to_vec()),
        ("15 wrong wire type", vec![0x08, 0x01]),
        ("16 group start", vec![0x0b, 0x0c, 0x0b]),
        ("16 field zero", vec![0x02, 0x00]),
    ];
    for (name, body) in cases {
        assert_eq!(plain(Signal::Traces, &body).await, UNDECODABLE, "{name}");
    }
}

#[tokio::test]
async fn input_17_and_18_invalid_utf8_costs_no_record() {
    let mut request =
        logs(vec![LogRecord { severity_text: "XXXX".to_owned(), ..LogRecord::default() }]).encode_to_vec();
    let at = request.windows(4).position(|window| window == b"XXXX").unwrap();
    request[at] = 0xff;
    assert_eq!(plain(Signal::Logs, &request).await, (Code::Ok, 200, 1));
}

#[tokio::test]
async fn input_19_to_24_odd_names_are_taken_as_they_are() {
    let names = ["nul\0", "\u{1b}[31m\n", "../../etc", "%2e%2e%2f", "сheckout", &"n".repeat(MIB)];
    for name in names {
        let request = traces(vec![Span { name: name.to_owned(), ..span(1) }]).encode_to_vec();
        assert_eq!(plain(Signal::Traces, &request).await, (Code::Ok, 200, 1));
    }
}

#[tokio::test]
async fn input_25_to_27_a_bad_trace_id_costs_its_record_alone() {
    for trace_id in [vec![0; 16], vec![1; 15], vec![1; 32]] {
        let request = traces(vec![Span { trace_id, ..span(1) }, span(2)]).encode_to_vec();
        assert_eq!(plain(Signal::Traces, &request).await, (Code::Ok, 200, 1));
    }
}

#[tokio::test]
async fn input_39_a_log_body_of_64_mib_is_over_the_default_limit_with_its_envelope() {
    let body = AnyValue { value: Some(any_value::Value::StringValue("x".repeat(64 * MIB))) };
    let request = logs(vec![LogRecord { body: Some(body), ..LogRecord::default() }]).encode_to_vec();
    assert_eq!(plain(Signal::Logs, &request).await, TOO_LARGE);
    let body = AnyValue { value: Some(any_value::Value::StringValue("x".repeat(63 * MIB))) };
    let request = logs(vec![LogRecord { body: Some(body), ..LogRecord::default() }]).encode_to_vec();
    assert_eq!(plain(Signal::Logs, &request).await, (Code::Ok, 200, 1));
}
