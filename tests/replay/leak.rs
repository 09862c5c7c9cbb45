//! A value that must not get out, in every field of a trace at once: nothing that was written holds it.

use std::fs;

use serde_json::{Value, json};

use super::{replay, store};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

/// Values of several classes in several spellings, in one text that is longer than a summary.
const CANARY: &str = "leaky.person@corp-example.com 4111 1111 1111 1111 password=Sup3rS3cretValue \
    eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl AKIAIOSFODNN7EXAMPLE Bearer abcdef0123456789abcdef0123 \
    leaky.person%40corp-example.com bGVha3kucGVyc29uQGNvcnAtZXhhbXBsZS5jb20= \
    https://bob:hunter2secret@db.example/x?token=tok3nvalue123 203.0.113.77";

/// What would tell that one of them got through, whole or in part.
const TRACES_OF_IT: &[&str] = &[
    "leaky.person",
    "4111 1111",
    "4111111111111111",
    "Sup3rS3cret",
    "eyJhbGci",
    "eyJzdWIi",
    "AKIAIOSF",
    "abcdef0123456789",
    "bGVha3kucGVy",
    "hunter2secret",
    "tok3nvalue",
    "203.0.113.77",
    "leakyuser",
    "987654321987",
];

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(key: &str) -> Value {
    attribute(key, json!({"stringValue": CANARY}))
}

fn attributes() -> Value {
    json!([
        text("http.route"),
        text("url.full"),
        text("custom.attribute"),
        text("user.email"),
        text("exception.note"),
        text("http.request.header.authorization"),
        text("leaky.person@corp-example.com"),
        attribute(
            "db.query.text",
            json!({"stringValue": "select 1 from u where email='leaky.person@corp-example.com' and pin=987654321987"})
        ),
        attribute("code.function.name", json!({"kvlistValue": {"values": [text("leaky.person@corp-example.com")]}})),
        attribute("messaging.message.body", json!({"arrayValue": {"values": [{"stringValue": CANARY}]}})),
        attribute("rpc.service", json!({"bytesValue": data_encoding::BASE64.encode(CANARY.as_bytes())})),
    ])
}

fn resource() -> Value {
    let keys = [
        "service.name",
        "service.version",
        "vcs.ref.head.revision",
        "vcs.repository.url.full",
        "process.command_line",
        "process.environment_variable.TZ",
        "process.runtime.name",
        "k8s.pod.name",
        "os.description",
        "container.image.name",
        "telemetry.sdk.language",
        "deployment.environment.name",
        "unknown.key",
    ];
    json!({"attributes": keys.map(text)})
}

fn recording() -> String {
    let at = 1_750_000_000_000_000_000_u64;
    let stack = format!(
        "Traceback (most recent call last):\n  File \"/home/leakyuser/app.py\", line 3, in f\n    x = '{CANARY}'\nValueError: {CANARY}"
    );
    let exception = json!([
        attribute("exception.type", json!({"stringValue": "ValueError"})),
        text("exception.message"),
        attribute("exception.stacktrace", json!({"stringValue": stack})),
    ]);
    let flag = json!([text("feature_flag.key"), text("feature_flag.result.variant")]);
    let span = json!({
        "traceId": TRACE, "spanId": SPAN, "name": CANARY, "kind": 2, "startTimeUnixNano": at.to_string(),
        "endTimeUnixNano": (at + 1_000_000).to_string(), "traceState": format!("a={CANARY}"), "attributes": attributes(),
        "status": {"code": 2, "message": CANARY},
        "events": [
            {"timeUnixNano": at.to_string(), "name": "exception", "attributes": exception},
            {"timeUnixNano": at.to_string(), "name": CANARY, "attributes": attributes()},
            {"timeUnixNano": at.to_string(), "name": "feature_flag.evaluation", "attributes": flag},
        ],
        "links": [{"traceId": TRACE, "spanId": SPAN, "attributes": attributes()}],
    });
    let log = |after: u64, body: Value| {
        json!({"timeUnixNano": (at + after).to_string(), "severityNumber": 17, "severityText": CANARY, "eventName": CANARY,
            "traceId": TRACE, "spanId": SPAN, "body": body, "attributes": attributes()})
    };
    let logs = [log(1, json!({"stringValue": CANARY})), log(2, json!({"kvlistValue": {"values": [text(CANARY)]}}))];
    let scope = json!({"name": CANARY, "version": CANARY, "attributes": attributes()});
    let spans = json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": scope, "spans": [span]}]}]});
    let logs = json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"scope": scope, "logRecords": logs}]}]});
    format!("{spans}\n{logs}\n")
}

#[test]
fn no_value_from_any_field_is_in_anything_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("recording.jsonl"), folder.path().join("out"));
    fs::write(&input, recording()).unwrap();
    replay(&input, &out, &[]);
    assert_eq!(store::bundles(&out).len(), 1);
    super::assert_all_valid(&out);
    store::assert_nowhere(&out, TRACES_OF_IT);
}
