//! OTLP/HTTP, lines 29 to 51.

use std::time::Duration;

use casefile::config::HttpServer;
use casefile::model::Signal;
use casefile::receiver::{ReceiverError, RefusalReason, bind, serve_http};
use casefile::transport::Security;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tonic_types::pb;

use crate::support::*;

const TRACES: &str = "/v1/traces";

fn one_span() -> Vec<u8> {
    traces(vec![span(1)]).encode_to_vec()
}

/// An error answer must be a `google.rpc.Status` in the format asked for, and say something.
fn assert_status(answer: &HttpAnswer, format: (&str, &str), code: i32) {
    assert_eq!(answer.header("content-type"), format.1);
    let (found, message) = if format == JSON {
        let body = answer.json();
        (body["code"].as_i64().unwrap(), body["message"].as_str().unwrap().to_owned())
    } else {
        let status = pb::Status::decode(answer.body.clone()).unwrap();
        (i64::from(status.code), status.message)
    };
    assert_eq!(found, i64::from(code));
    assert!(!message.is_empty());
}

#[test]
fn otlp_29_default_port_is_4318() {
    assert!(HttpServer::default().endpoint.ends_with(":4318"));
    assert_eq!(HttpServer::default().max_request_body_size, 64 * MIB as u64);
}

#[tokio::test]
async fn otlp_30_31_32_each_signal_has_its_path() {
    let server = http(Recorder::default()).await;
    let bodies = [
        ("/v1/traces", one_span()),
        ("/v1/logs", logs(vec![LogRecord::default()]).encode_to_vec()),
        ("/v1/metrics", metrics(vec![exemplar()]).encode_to_vec()),
    ];
    for (path, body) in bodies {
        assert_eq!(post(&server, path, &[PROTOBUF], body).await.status, 200, "{path}");
    }
    assert_eq!(server.intake.seen(), ALL.map(|signal| (signal, 1)));
    assert_eq!(server.intake.bytes()[0], one_span());
}

#[tokio::test]
async fn otlp_33_profiles_are_taken_as_protobuf() {
    let server = http(Recorder::default()).await;
    let answer = post(&server, "/v1development/profiles", &[PROTOBUF], profiles(7)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(server.intake.seen(), [(Signal::Logs, 1)]);
    for (body, status) in [(b"\x0a\xff".to_vec(), 400), ([0x0a, 0].repeat(1_100_000), 413)] {
        assert_eq!(post(&server, "/v1development/profiles", &[PROTOBUF], body).await.status, status);
    }
    assert_eq!(post(&server, "/v1development/profiles", &[JSON], "{}").await.status, 415, "otlp-51");
}

#[tokio::test]
async fn otlp_33_profiles_and_signals_without_a_pipeline_are_not_found() {
    let server = http_with(HttpServer::default(), &[Signal::Traces, Signal::Traces], Recorder::default()).await;
    for path in ["/v1development/profiles", "/v1/logs", "/"] {
        let answer = post(&server, path, &[PROTOBUF], "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert_status(&answer, PROTOBUF, 5);
    }
}

#[tokio::test]
async fn otlp_34_paths_are_configurable() {
    let config = HttpServer { traces_url_path: "/ingest/spans".to_owned(), ..HttpServer::default() };
    let server = http_with(config, &ALL, Recorder::default()).await;
    assert_eq!(post(&server, "/ingest/spans", &[PROTOBUF], one_span()).await.status, 200);
    assert_eq!(post(&server, TRACES, &[PROTOBUF], one_span()).await.status, 404);
}

#[tokio::test]
async fn otlp_34_a_path_that_cannot_be_served_is_an_error_at_start() {
    for (logs_url_path, why) in [("v1/logs", "begins with `/`"), ("/{x}", "begins with"), (TRACES, "two signals")] {
        let config = HttpServer { logs_url_path: logs_url_path.to_owned(), ..HttpServer::default() };
        let listener = bind("127.0.0.1:0").await.unwrap();
        let served =
            serve_http(listener, &config, &ALL, Recorder::default(), Security::default(), CancellationToken::new())
                .await;
        let error = served.unwrap_err();
        assert!(matches!(error, ReceiverError::Path { .. }) && error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn otlp_35_http_1_1_works_and_so_does_http_2_without_tls() {
    let server = http(Recorder::default()).await;
    assert_eq!(post(&server, TRACES, &[PROTOBUF], one_span()).await.status, 200);
    client();
    let h2c = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let url = format!("http://{}{TRACES}", server.address);
    let response = h2c.post(url).header(PROTOBUF.0, PROTOBUF.1).body(one_span()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(server.intake.seen().len(), 2);
}

#[tokio::test]
async fn otlp_36_37_42_both_formats_on_one_port_and_each_answered_in_its_own() {
    let server = http(Recorder::default()).await;
    let answer = post(&server, TRACES, &[PROTOBUF], one_span()).await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body.len()), (200, PROTOBUF.1, 0));
    let answer = post(&server, TRACES, &[JSON], "{}").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, JSON.1));
    assert_eq!(answer.body, "{}");
    let parameter = ("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(post(&server, TRACES, &[parameter], "{}").await.body, "{}");
}

#[tokio::test]
async fn otlp_38_44_45_46_undecodable_is_400_with_bad_request_in_the_format_of_the_request() {
    let server = http(Recorder::default()).await;
    let answer = post(&server, TRACES, &[PROTOBUF], "not protobuf").await;
    assert_eq!(answer.status, 400);
    assert_status(&answer, PROTOBUF, 3);
    let status = pb::Status::decode(answer.body).unwrap();
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");
    let details = pb::BadRequest::decode(&status.details[0].value[..]).unwrap();
    assert!(!details.field_violations[0].description.is_empty());

    let answer = post(&server, TRACES, &[JSON], "not json").await;
    assert_eq!(answer.status, 400);
    assert_status(&answer, JSON, 3);
    let detail = &answer.json()["details"][0];
    assert_eq!(detail["@type"], "type.googleapis.com/google.rpc.BadRequest");
    assert!(!detail["fieldViolations"][0]["description"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn otlp_39_gzip_and_zstd_are_taken() {
    let server = http(Recorder::default()).await;
    let bodies = [("gzip", gzip(&one_span())), ("zstd", zstd(&one_span())), ("identity", one_span())];
    for (encoding, body) in bodies {
        let answer = post(&server, TRACES, &[PROTOBUF, ("content-encoding", encoding)], body).await;
        assert_eq!(answer.status, 200, "{encoding}");
    }
    assert_eq!(server.intake.bytes(), [one_span(), one_span(), one_span()]);
}

#[tokio::test]
async fn otlp_40_over_the_limit_before_or_after_inflation_is_413() {
    let server = small_http().await;
    let large = vec![0_u8; MIB + 1];
    let bodies = [("identity", large.clone()), ("gzip", gzip(&large)), ("zstd", zstd(&large))];
    for (encoding, body) in bodies {
        for format in [PROTOBUF, JSON] {
            let answer = post(&server, TRACES, &[format, ("content-encoding", encoding)], body.clone()).await;
            assert_eq!(answer.status, 413, "{encoding}");
            assert_status(&answer, format, 8);
            assert_eq!(answer.header("retry-after"), "", "for good");
        }
    }
}

#[tokio::test]
async fn otlp_40_a_body_of_unknown_length_is_cut_off_at_the_limit() {
    let server = small_http().await;
    let pieces = futures::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 64 * 1024])));
    let answer = post(&server, TRACES, &[PROTOBUF], reqwest::Body::wrap_stream(pieces)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn otlp_41_and_50_answers_are_small_and_never_compressed() {
    let server = http(Recorder::default()).await;
    let bad = traces(vec![Span::default(); 10_000]).encode_to_vec();
    let answer = post(&server, TRACES, &[PROTOBUF, ("accept-encoding", "gzip, zstd")], bad).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-encoding"), "");
    assert!(answer.body.len() < 1100);
}

#[tokio::test]
async fn otlp_43_partial_success_is_200_with_the_exact_count() {
    let server = http(Recorder::default()).await;
    let bad = Span { trace_id: vec![0; 16], ..span(1) };
    let body = traces(vec![bad, span(1)]).encode_to_vec();
    let answer = post(&server, TRACES, &[PROTOBUF], body).await;
    assert_eq!(answer.status, 200);
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
}

#[tokio::test]
async fn otlp_46_every_refusal_is_a_status_and_says_what_to_do() {
    let server = http(Recorder::default()).await;
    for format in [PROTOBUF, JSON] {
        assert_status(&post(&server, "/nowhere", &[format], "").await, format, 5);
        assert_status(&http_request("PUT", &server, TRACES, &[format], "").await, format, 12);
        let snappy = post(&server, TRACES, &[format, ("content-encoding", "snappy")], "x").await;
        assert_eq!(snappy.status, 415);
        assert_status(&snappy, format, 3);
        assert_eq!(snappy.header("accept-encoding"), "gzip, zstd, identity");
    }
}

#[tokio::test]
async fn otlp_47_48_49_overload_is_503_with_whole_seconds_to_wait() {
    let cases = [(Duration::from_secs(7), "7"), (Duration::from_millis(1200), "2"), (Duration::ZERO, "1")];
    for (retry_after, expected) in cases {
        let server = http(Recorder::refusing(RefusalReason::MemoryFull, retry_after)).await;
        let answer = post(&server, TRACES, &[PROTOBUF], one_span()).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), expected);
        assert_status(&answer, PROTOBUF, 14);
        let status = pb::Status::decode(answer.body).unwrap();
        assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    }
}

#[tokio::test]
async fn otlp_51_wrong_method_is_405_and_wrong_type_415() {
    let server = http(Recorder::default()).await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = http_request(method, &server, TRACES, &[PROTOBUF], "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method}");
    }
    for content_type in ["text/plain", "application/xml", "application/jsonp", ""] {
        let answer = post(&server, TRACES, &[("content-type", content_type)], one_span()).await;
        assert_eq!(answer.status, 415, "{content_type}");
        assert_status(&answer, JSON, 3);
    }
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_told_at_once_that_its_body_is_too_large() {
    let server = small_http().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 99999999\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let error = bind(&endpoint).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on `{endpoint}`"));
    assert!(matches!(error, ReceiverError::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse));
}

#[tokio::test]
async fn a_limit_of_nothing_or_of_4_gib_is_an_error_at_start() {
    for max_request_body_size in [0, 1 << 32] {
        let config = HttpServer { max_request_body_size, ..HttpServer::default() };
        let listener = bind("127.0.0.1:0").await.unwrap();
        let served =
            serve_http(listener, &config, &ALL, Recorder::default(), Security::default(), CancellationToken::new())
                .await;
        assert!(matches!(served.unwrap_err(), ReceiverError::Limit { .. }));
    }
}
