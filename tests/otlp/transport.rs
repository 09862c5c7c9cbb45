//! Misbehaving connections (inputs 44 to 49) and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use casefile::config::HttpServer;
use casefile::model::Signal;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::h2::{floods, hello};
use crate::support::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// An HTTP/2 connection that has said hello.
async fn h2(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&hello()).await.unwrap();
    stream
}

/// Writes `next()` until the server has had enough; returns how many times it took, at most `most`.
async fn flood(stream: TcpStream, most: usize, mut next: impl FnMut(usize) -> Vec<u8>) -> usize {
    let (mut reader, mut writer) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut sink = vec![0; 64 * 1024];
        while let Ok(1..) = reader.read(&mut sink).await {}
    });
    let mut written = 0;
    while written < most && !reading.is_finished() && writer.write_all(&next(written)).await.is_ok() {
        written += 1;
    }
    timeout(PATIENCE, reading).await.expect("the server ends the connection").unwrap();
    written
}

async fn assert_serves(server: &Server) {
    let answer = grpc_send(server, Signal::Traces, &traces(vec![span(1)]).encode_to_vec()).await;
    assert_eq!(answer.status.code(), Code::Ok, "other connections are served as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_44_rapid_reset_ends_the_connection_and_no_other() {
    let server = grpc(Recorder::default()).await;
    let pairs = flood(h2(&server).await, 1_000_000, |round| floods::rapid_reset(path(Signal::Traces), round)).await;
    assert!(pairs < 1_000_000, "{pairs}");
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_45_a_continuation_flood_ends_the_connection_and_no_other() {
    let server = grpc(Recorder::default()).await;
    let frames = flood(h2(&server).await, 100_000, |round| floods::continuation(path(Signal::Traces), round)).await;
    assert!(frames < 100_000, "{frames}");
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_46_an_empty_data_flood_ends_the_connection_and_no_other() {
    let server = grpc(Recorder::default()).await;
    let frames = flood(h2(&server).await, 1_000_000, |round| floods::empty_data(path(Signal::Traces), round)).await;
    assert!(frames < 1_000_000, "{frames}");
    assert_serves(&server).await;
}

/// Reads until the server closes; what it said.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end too.
    if let Err(error) =
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server ends the connection")
    {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

async fn impatient() -> Server {
    let millis = |millis| casefile::config::Duration(Duration::from_millis(millis));
    let config = HttpServer { read_header_timeout: millis(200), read_timeout: millis(200), ..HttpServer::default() };
    http_with(config, &ALL, Recorder::default()).await
}

#[tokio::test]
async fn input_47_slow_headers_end_the_connection() {
    let server = impatient().await;
    for start in ["", "P", "PRI * HT", "POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let answer = read_all(&mut stream).await;
        assert!(!answer.contains("200"), "{start:?}: {answer}");
    }
    // An HTTP/2 connection without a request is told to go away.
    let mut stream = h2(&server).await;
    read_all(&mut stream).await;
    assert_eq!(post(&server, "/v1/traces", &[PROTOBUF], "").await.status, 200);
}

#[tokio::test]
async fn input_48_a_slow_body_is_given_up_and_may_be_sent_again() {
    let server = impatient().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let answer = answer.to_lowercase();
    assert!(answer.contains("retry-after: 1\r\n") && answer.contains("connection: close"), "{answer}");
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn a_request_that_is_cut_off_is_not_admitted() {
    let server = http(Recorder::default()).await;
    let body = traces(vec![span(1)]).encode_to_vec();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len() + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    stream.shutdown().await.unwrap();
    read_all(&mut stream).await;
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn oversize_headers_are_refused() {
    let server = http(Recorder::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-large: {}", "x".repeat(256 * 1024));
    // The server may close while this is being sent.
    let sent = stream.write_all(head.as_bytes()).await;
    let answer = read_all(&mut stream).await;
    assert!(sent.is_err() || answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_requests_in_progress_finish_and_takes_no_new_connections() {
    for is_grpc in [true, false] {
        let gate = Arc::new(Semaphore::new(0));
        let recorder = Recorder { gate: Some(Arc::clone(&gate)), ..Recorder::default() };
        let mut server = if is_grpc { grpc(recorder).await } else { http(recorder).await };
        let message = traces(vec![span(1)]).encode_to_vec();
        let address = server.address;
        let call = tokio::spawn(async move {
            if is_grpc {
                let answer = grpc_raw(channel(address).await, path(Signal::Traces), &[], framed(0, &message)).await;
                assert_eq!(answer.status.code(), Code::Ok);
                assert_eq!(ExportTraceServiceResponse::decode(answer.message).unwrap().partial_success, None);
            } else {
                let request = client().post(format!("http://{address}/v1/traces")).header(PROTOBUF.0, PROTOBUF.1);
                assert_eq!(request.body(message).send().await.unwrap().status(), 200);
            }
        });
        sleep(Duration::from_millis(200)).await;
        server.stop.cancel();
        sleep(Duration::from_millis(200)).await;
        assert!(!server.task.is_finished(), "the server waits for the request");
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
        gate.add_permits(1);
        call.await.unwrap();
        timeout(PATIENCE, &mut server.task).await.expect("and then ends").unwrap();
        assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
    }
}

#[tokio::test]
async fn a_stop_ends_idle_connections_at_once() {
    let mut server = http(Recorder::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    let channel = channel(server.address).await;
    server.stop.cancel();
    timeout(Duration::from_secs(3), &mut server.task).await.expect("no waiting for idle peers").unwrap();
    drop(channel);
}

#[tokio::test]
async fn requests_and_records_are_counted_by_transport_signal_and_code() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();

    let server = grpc(Recorder::default()).await;
    let bad = opentelemetry_proto::tonic::trace::v1::Span { trace_id: vec![], ..span(1) };
    grpc_send(&server, Signal::Traces, &traces(vec![span(1), bad]).encode_to_vec()).await;
    grpc_send(&server, Signal::Traces, b"not protobuf").await;
    let refusing = http(Recorder::refusing(casefile::receiver::RefusalReason::MemoryFull, PATIENCE)).await;
    post(&refusing, "/v1/traces", &[PROTOBUF], traces(vec![span(1)]).encode_to_vec()).await;

    let page = handle.render();
    for line in [
        r#"casefile_receiver_requests_total{transport="grpc",signal="traces",code="OK"}"#,
        r#"casefile_receiver_requests_total{transport="grpc",signal="traces",code="INVALID_ARGUMENT"}"#,
        r#"casefile_receiver_requests_total{transport="http",signal="traces",code="503"}"#,
        r#"casefile_receiver_accepted_records_total{transport="grpc",signal="traces"}"#,
        r#"casefile_receiver_rejected_records_total{transport="grpc",signal="traces",reason="trace_id"}"#,
        r#"casefile_receiver_refused_requests_total{transport="http",signal="traces",reason="memory_full"}"#,
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}
