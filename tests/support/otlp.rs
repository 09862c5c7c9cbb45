//! Small OTLP/JSON requests.

use serde_json::{Value, json};

/// The recorded failure of `tests/e2e/fixtures`, one request a line.
pub(crate) const FAILURE: &str = include_str!("../e2e/fixtures/failure.jsonl");

/// The trace id in [`FAILURE`].
pub(crate) const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";

/// The email address in [`FAILURE`].
pub(crate) const EMAIL: &str = "ada.byron@example.org";

/// The signal of a line of a recording, as it stands in the path of a request.
pub(crate) fn signal(line: &str) -> &'static str {
    let request: Value = serde_json::from_str(line).unwrap();
    ["resourceSpans", "resourceLogs", "resourceMetrics"]
        .into_iter()
        .zip(["traces", "logs", "metrics"])
        .find(|(key, _)| request.get(key).is_some())
        .map_or_else(|| panic!("not a request: {line}"), |(_, signal)| signal)
}

/// A trace of one failed span whose payload is `padding` bytes long.
pub(crate) fn failing_trace(trace_id: &str, padding: usize) -> Vec<u8> {
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]},
        "scopeSpans": [{"scope": {"name": "test"}, "spans": [{
            "traceId": trace_id, "spanId": "00f067aa0ba902b7", "name": "GET /pay", "kind": 2,
            "startTimeUnixNano": "1751371380000000000", "endTimeUnixNano": "1751371380012000000",
            "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}},
                           {"key": "app.padding", "value": {"stringValue": "x".repeat(padding)}}],
            "status": {"code": 2, "message": "payment refused"},
        }]}],
    }]});
    serde_json::to_vec(&request).unwrap()
}

/// A recording with every record in a request of its own, in an order that `seed` chooses.
pub(crate) fn shuffle(recording: &str, seed: u64) -> String {
    let mut lines: Vec<String> = recording.lines().filter(|line| !line.is_empty()).flat_map(split).collect();
    let mut state = seed;
    for last in (1..lines.len()).rev() {
        // Knuth's MMIX generator: what matters is that the order is another one each time, and the same for a seed.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        lines.swap(last, usize::try_from(state >> 33).unwrap() % (last + 1));
    }
    lines.join("\n") + "\n"
}

fn split(line: &str) -> Vec<String> {
    let request: Value = serde_json::from_str(line).unwrap();
    let (outer, inner, leaf) = match signal(line) {
        "traces" => ("resourceSpans", "scopeSpans", "spans"),
        "logs" => ("resourceLogs", "scopeLogs", "logRecords"),
        _ => return vec![line.to_owned()],
    };
    let mut single = Vec::new();
    for resource in request[outer].as_array().unwrap() {
        for scope in resource[inner].as_array().unwrap() {
            for record in scope[leaf].as_array().unwrap() {
                let mut scope = scope.clone();
                scope[leaf] = json!([record]);
                let mut resource = resource.clone();
                resource[inner] = json!([scope]);
                single.push(json!({outer: [resource]}).to_string());
            }
        }
    }
    single
}
