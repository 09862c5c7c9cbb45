//! Attachments over a real socket: what is taken, as what, and how each thing that is not is answered.

use std::io::Write as _;
use std::time::Duration;

use casefile::config::HttpServer;
use casefile::model::{SEVERITY_ERROR, Signal};
use casefile::otlp::{Body, attachment_in, decode};
use casefile::receiver::RefusalReason;

use crate::support::*;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const FAILED: &str = r#"<testsuite name="cart"><testcase name="totals"><failure message="no"/></testcase></testsuite>"#;
const PASSED: &str = r#"<testsuite name="cart"><testcase name="totals"/></testsuite>"#;

fn path(query: &str) -> String {
    format!("/v1/evidence?{query}")
}

/// Severity, name, kind and content of the only file that was admitted.
fn admitted(server: &Server) -> (i32, String, String, Vec<u8>) {
    let incoming = server.intake.taken.lock().pop().unwrap();
    assert_eq!((incoming.signal, incoming.entries.len()), (Signal::Logs, 1));
    let entry = incoming.entries[0];
    assert_eq!(entry.head.trace_id.to_string(), TRACE);
    let permit = casefile::model::Budget::new(0).take(0).unwrap();
    let batch =
        casefile::model::Batch { signal: Signal::Logs, bytes: incoming.bytes, packed: None, permit, origin: None };
    let record = casefile::model::Record { batch: batch.into(), entry };
    let Ok(Body::Log(log)) = decode(&record) else { panic!("not a log record") };
    let (name, kind, content) = attachment_in(&log).unwrap();
    (entry.head.severity, name.to_owned(), kind.to_owned(), content.to_vec())
}

#[tokio::test]
async fn a_file_for_a_trace_is_admitted_as_a_record_of_it() {
    let server = http(Recorder::default()).await;
    let answer = post(&server, &path(&format!("trace_id={TRACE}&name=unit%20tests.xml")), &[], FAILED).await;
    assert_eq!((answer.status, answer.header("content-type")), (202, "application/json"));
    let length = FAILED.len();
    assert_eq!(answer.json(), serde_json::json!({"attachment": format!("digest of {length} bytes"), "accepted": true}));
    let wanted = (SEVERITY_ERROR, "unit tests.xml".to_owned(), "junit".to_owned(), FAILED.as_bytes().to_vec());
    assert_eq!(admitted(&server), wanted, "tests that failed are an error");
    post(&server, &path(&format!("trace_id={TRACE}")), &[], PASSED).await;
    assert!(admitted(&server).0 < SEVERITY_ERROR, "tests that passed are none");
    post(&server, &path(&format!("trace_id={TRACE}&kind=text")), &[], FAILED).await;
    assert_eq!(admitted(&server).2, "text", "its sender knows best");
}

#[tokio::test]
async fn a_compressed_file_is_inflated() {
    let server = http(Recorder::default()).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(FAILED.as_bytes()).unwrap();
    let body = gzip.finish().unwrap();
    let answer = post(&server, &path(&format!("trace_id={TRACE}")), &[("content-encoding", "gzip")], body).await;
    assert_eq!(answer.status, 202);
    assert_eq!(admitted(&server).3, FAILED.as_bytes());
}

#[tokio::test]
async fn a_file_for_an_incident_is_handed_on_and_an_unknown_incident_is_not_found() {
    let server = http(Recorder::default()).await;
    let answer = post(&server, &path(&format!("incident={KNOWN_INCIDENT}&service=cart")), &[], FAILED).await;
    assert_eq!(answer.status, 202);
    let file = server.intake.attached.lock().pop().unwrap();
    assert_eq!((file.service.as_str(), file.kind.as_str()), ("cart", "junit"));
    let answer = post(&server, &path("incident=INC-0000000000"), &[], FAILED).await;
    assert_eq!(answer.status, 404);
    assert!(answer.json()["message"].as_str().unwrap().contains("no such incident"));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told() {
    let server = http(Recorder::default()).await;
    let trace = format!("trace_id={TRACE}");
    let both = format!("{trace}&incident={KNOWN_INCIDENT}");
    for (query, body, status, says) in [
        ("", FAILED, 400, "either `trace_id=` or `incident=`"),
        (both.as_str(), FAILED, 400, "either `trace_id=` or `incident=`"),
        ("trace_id=00000000000000000000000000000000", FAILED, 400, "32 hex digits"),
        ("trace_id=12", FAILED, 400, "32 hex digits"),
        ("incident=../../x", FAILED, 400, "INC-"),
        (&format!("{trace}&kind=junitt"), FAILED, 400, "known are junit"),
        (&format!("{trace}&nam=x"), FAILED, 400, "unknown parameter `nam`"),
        (&format!("{trace}&{trace}"), FAILED, 400, "given twice"),
        (&format!("{trace}&name={}", "x".repeat(256)), FAILED, 400, "longer than 255"),
        (&format!("incident={KNOWN_INCIDENT}&span_id=00f067aa0ba902b7"), FAILED, 400, "goes with a `trace_id`"),
        (&trace, "", 400, "empty"),
    ] {
        let answer = post(&server, &path(query), &[], body).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, status, "{query}: {message}");
        assert!(message.contains(says), "{query}: {message}");
    }
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let answer = post(&server, &path(&trace), &form, FAILED).await;
    assert_eq!(answer.status, 415);
    assert!(answer.json()["message"].as_str().unwrap().contains("--data-binary"));
    assert_eq!(post(&server, &path(&trace), &[("content-encoding", "br")], FAILED).await.status, 415);
    assert_eq!(post(&server, &path(&trace), &[("content-encoding", "gzip")], FAILED).await.status, 400);
    assert!(server.intake.taken.lock().is_empty() && server.intake.attached.lock().is_empty());
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_before_and_after_inflation() {
    let config = HttpServer { max_attachment_size: 1000, ..HttpServer::default() };
    let server = http_with(config, &ALL, Recorder::default()).await;
    let query = path(&format!("trace_id={TRACE}"));
    assert_eq!(post(&server, &query, &[], "x".repeat(1000)).await.status, 202);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&[b'x'; 1001]).unwrap();
    for (headers, body) in [(vec![], vec![b'x'; 1001]), (vec![("content-encoding", "gzip")], gzip.finish().unwrap())] {
        let answer = post(&server, &query, &headers, body).await;
        assert_eq!(answer.status, 413);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("larger than 1000 bytes") && message.contains("max_attachment_size"), "{message}");
    }
}

#[tokio::test]
async fn a_refusal_for_now_says_when_to_come_again() {
    for (reason, status) in [(RefusalReason::MemoryFull, 503), (RefusalReason::Busy, 429)] {
        let server = http(Recorder::refusing(reason, Duration::from_millis(1500))).await;
        for query in [format!("trace_id={TRACE}"), format!("incident={KNOWN_INCIDENT}")] {
            let answer = post(&server, &path(&query), &[], FAILED).await;
            assert_eq!((answer.status, answer.header("retry-after")), (status, "2"), "{query}");
        }
    }
}

#[tokio::test]
async fn the_path_is_configurable_and_served_only_where_logs_are_taken() {
    let query = format!("?trace_id={TRACE}");
    let server = http_with(HttpServer::default(), &[Signal::Traces], Recorder::default()).await;
    assert_eq!(post(&server, &path(&query[1..]), &[], FAILED).await.status, 404);
    let config = HttpServer { evidence_url_path: "/files".to_owned(), ..HttpServer::default() };
    let server = http_with(config, &ALL, Recorder::default()).await;
    assert_eq!(post(&server, &format!("/files{query}"), &[], FAILED).await.status, 202);
    assert_eq!(http_request("GET", &server, "/files", &[], "").await.status, 405);
}
