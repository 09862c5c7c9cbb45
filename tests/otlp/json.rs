//! OTLP/JSON over HTTP, lines 52 to 59, and hostile JSON.

use casefile::model::Signal;
use serde_json::{Value, json};

use crate::support::*;

const TRACE_ID: &str = "5B8EFFF798038103D269B633813FC60C";
const SPAN_ID: &str = "eee19b7ec3c1b174";

fn request(span: Value) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

fn span_with(name: &str, value: Value) -> Value {
    let mut span = json!({"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "n"});
    span[name] = value;
    span
}

/// Posts JSON; returns status, answer and the records that were taken.
async fn send(path: &str, body: &Value) -> (u16, HttpAnswer, Server) {
    let server = http(Recorder::default()).await;
    let answer = post(&server, path, &[JSON], body.to_string()).await;
    (answer.status, answer, server)
}

async fn assert_taken(span: Value) -> casefile::receiver::Incoming {
    let body = request(span);
    let (status, answer, server) = send("/v1/traces", &body).await;
    assert_eq!((status, answer.json()), (200, json!({})), "{body}");
    let incoming = server.intake.taken.lock().pop().unwrap();
    assert_eq!((incoming.signal, incoming.entries.len()), (Signal::Traces, 1));
    incoming
}

/// Refused for good: the request, or this one record in it.
async fn assert_refused(span: Value) {
    let (status, answer, server) = send("/v1/traces", &request(span)).await;
    let one = json!("1");
    assert!(status == 400 || answer.json()["partialSuccess"]["rejectedSpans"] == one, "{status} {}", answer.json());
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn otlp_52_ids_are_hex_of_either_case() {
    for trace_id in [TRACE_ID.to_owned(), TRACE_ID.to_lowercase()] {
        let incoming = assert_taken(span_with("traceId", json!(trace_id))).await;
        assert_eq!(incoming.entries[0].head.trace_id.to_string(), TRACE_ID.to_lowercase());
    }
}

#[tokio::test]
async fn otlp_53_base64_ids_are_refused() {
    assert_refused(span_with("traceId", json!("W47/95gDgQPSabYzgT/GDA=="))).await;
    assert_refused(span_with("spanId", json!("7uGbfsPBsXQ="))).await;
}

#[tokio::test]
async fn otlp_54_other_bytes_are_base64() {
    let attribute = json!([{"key": "raw", "value": {"bytesValue": "3q2+7w=="}}]);
    let incoming = assert_taken(span_with("attributes", attribute)).await;
    assert!(incoming.bytes.windows(4).any(|window| window == [0xde, 0xad, 0xbe, 0xef]));
}

#[tokio::test]
async fn otlp_55_enums_are_integers_and_names_are_refused() {
    let incoming = assert_taken(span_with("status", json!({"code": 2}))).await;
    assert_eq!(incoming.entries[0].head.status, 2);
    assert_refused(span_with("status", json!({"code": "STATUS_CODE_ERROR"}))).await;
    assert_refused(span_with("kind", json!("SPAN_KIND_SERVER"))).await;
}

#[tokio::test]
async fn otlp_56_unknown_fields_are_ignored_at_every_depth() {
    let body = json!({"new": 1, "resourceSpans": [{"new": {}, "resource": {"new": []}, "scopeSpans": [{"new": null,
        "scope": {"new": true}, "spans": [{"traceId": TRACE_ID, "spanId": SPAN_ID, "new": {"new": [{}]},
        "status": {"new": 1}, "attributes": [{"key": "k", "new": 1, "value": {"stringValue": "v", "new": 2}}]}]}]}]});
    let (status, answer, server) = send("/v1/traces", &body).await;
    assert_eq!((status, answer.json()), (200, json!({})));
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
}

#[tokio::test]
async fn otlp_57_snake_case_is_an_unknown_field() {
    let (status, _, server) =
        send("/v1/traces", &json!({"resource_spans": [{"scope_spans": [{"spans": [{}]}]}]})).await;
    assert_eq!((status, server.intake.seen()), (200, vec![]));
    let span = json!({"traceId": TRACE_ID, "spanId": SPAN_ID, "start_time_unix_nano": "5"});
    assert_eq!(assert_taken(span).await.entries[0].head.start.0, 0);
}

#[tokio::test]
async fn otlp_58_64_bit_integers_are_strings_or_numbers() {
    for nanos in [json!("1544712660000000000"), json!(1_544_712_660_000_000_000_u64)] {
        let incoming = assert_taken(span_with("startTimeUnixNano", nanos)).await;
        assert_eq!(incoming.entries[0].head.start.0, 1_544_712_660_000_000_000);
    }
}

#[tokio::test]
async fn otlp_59_and_60_a_bad_id_rejects_its_record_and_the_count_is_a_string() {
    let good = span_with("name", json!("good"));
    let zero = span_with("traceId", json!("0".repeat(32)));
    let short = span_with("traceId", json!("5b8eff"));
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [zero, good, short]}]}]});
    let (status, answer, server) = send("/v1/traces", &body).await;
    assert_eq!(status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "2");
    assert!(partial["errorMessage"].as_str().unwrap().starts_with("2 spans rejected"));
    assert_eq!(server.intake.seen(), [(Signal::Traces, 1)]);
}

#[tokio::test]
async fn otlp_61_json_logs_without_trace_id_are_taken() {
    let body =
        json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}, {"traceId": ""}]}]}]});
    let (status, answer, server) = send("/v1/logs", &body).await;
    assert_eq!((status, answer.json(), server.intake.seen()), (200, json!({}), vec![(Signal::Logs, 2)]));
}

#[tokio::test]
async fn otlp_32_json_metrics_keep_their_joined_exemplars() {
    let exemplar = json!({"traceId": TRACE_ID, "spanId": SPAN_ID, "asInt": "3"});
    let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "load", "gauge": {"dataPoints": [{"asDouble": 1.5, "exemplars": [exemplar, {}]}]}}]}]}]});
    let (status, answer, server) = send("/v1/metrics", &body).await;
    assert_eq!((status, answer.json(), server.intake.seen()), (200, json!({}), vec![(Signal::Metrics, 1)]));
}

#[tokio::test]
async fn otlp_64_empty_json_envelopes_are_tolerated() {
    for body in
        [json!({"resourceSpans": []}), json!({"resourceSpans": [{}]}), json!({"resourceSpans": [{"scopeSpans": [{}]}]})]
    {
        let (status, answer, _) = send("/v1/traces", &body).await;
        assert_eq!((status, answer.json()), (200, json!({})), "{body}");
    }
}

#[tokio::test]
async fn input_11_json_nested_ten_thousand_deep_is_refused_for_good() {
    let server = http(Recorder::default()).await;
    let open = r#"{"arrayValue":{"values":["#.repeat(10_000);
    let close = "]}}".repeat(10_000);
    let value = format!("{open}{{}}{close}");
    let attribute = format!(r#"{{"key":"k","value":{value}}}"#);
    let known = request(json!({"traceId": TRACE_ID, "spanId": SPAN_ID, "attributes": ["@"]})).to_string();
    let unknown = format!("{{\"new\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [known.replace("\"@\"", &attribute), unknown] {
        let answer = post(&server, "/v1/traces", &[JSON], body).await;
        assert!([400, 413].contains(&answer.status), "{}", answer.status);
    }
    assert!(server.intake.seen().is_empty());
}

#[tokio::test]
async fn malformed_json_is_400() {
    for body in ["", "{", "[]", "null", "{}{}", r#"{"resourceSpans": 5}"#, r#"{"resourceSpans": [5]}"#, "\u{feff}{}"] {
        let server = http(Recorder::default()).await;
        let answer = post(&server, "/v1/traces", &[JSON], body).await;
        let expected = if body.is_empty() { 200 } else { 400 };
        assert_eq!(answer.status, expected, "{body:?}: {:?}", answer.body);
    }
}
