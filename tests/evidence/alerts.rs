//! Alerts of Sentry and Datadog become bundles, joined with the spans of their trace.

use std::fs;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::support::casefile::{Casefile, Home, Settings};
use super::support::otlp::{TRACE_ID, failing_trace};
use super::support::{http, schema, store};
use super::{EMAIL, assert_no_leak, bundle};

const SECRET: &str = "a client secret of the tests";
const TOKEN: &str = "a token of the tests";

/// A process whose webhooks have secrets.
fn home(folder: &std::path::Path) -> Home {
    let home = Home::new(folder, &Settings::default());
    fs::write(folder.join("sentry.secret"), SECRET).unwrap();
    let text = fs::read_to_string(home.config()).unwrap();
    let endpoint = format!("http: {{endpoint: \"127.0.0.1:{}\"", home.http);
    assert!(text.contains(&endpoint));
    let secret = folder.join("sentry.secret").display().to_string();
    let alerts = format!(
        "{endpoint}, alerts: {{sentry: {{client_secret: \"${{file:{secret}}}\"}}, datadog: {{token: \"{TOKEN}\"}}}}"
    );
    fs::write(home.config(), text.replace(&endpoint, &alerts)).unwrap();
    home
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// An issue alert, with an address in a breadcrumb, in the message and in a local variable.
fn issue_alert() -> Vec<u8> {
    let frame = |file: &str, function: &str, line: u32, in_app: bool| {
        json!({"filename": file, "abs_path": format!("/srv/{file}"), "function": function, "lineno": line, "in_app": in_app,
            "vars": {"customer": format!("'{EMAIL}'")}, "context_line": "    charge(customer)"})
    };
    let event = json!({
        "event_id": "fc6d8c0c43fc4630ad850ee518f1b9d0", "platform": "python", "level": "error", "timestamp": 1_751_371_380.01,
        "release": "checkout@2.1.0", "environment": "production", "tags": [["service", "checkout"]],
        "contexts": {"trace": {"trace_id": TRACE_ID, "span_id": "00f067aa0ba902b7"}},
        "request": {"url": "https://shop.example/pay", "method": "POST", "headers": [["Authorization", "Bearer c4n4ryT0kenOfTheTest1234567890"]]},
        "breadcrumbs": {"values": [
            {"timestamp": 1_751_371_380.002, "category": "auth", "level": "info", "message": format!("signed in as {EMAIL}")},
            {"timestamp": 1_751_371_380.005, "category": "http", "type": "http", "level": "info",
                "data": {"method": "POST", "url": "https://bank.example/charge", "status_code": 502}}]},
        "exception": {"values": [{"type": "PaymentError", "value": format!("refused for {EMAIL}"), "mechanism": {"handled": false},
            "stacktrace": {"frames": [frame("flask/app.py", "dispatch_request", 1799, false), frame("shop/pay.py", "pay", 31, true)]}}]},
    });
    serde_json::to_vec(&json!({"action": "triggered", "data": {"event": event, "triggered_rule": "errors"}})).unwrap()
}

fn post_signed(home: &Home, body: &[u8]) -> http::Answer {
    let signature = signature(body);
    let headers = [
        ("Content-Type", "application/json"),
        ("Sentry-Hook-Resource", "event_alert"),
        ("Sentry-Hook-Signature", &signature),
    ];
    http::post(home.http, "/v1/alerts/sentry", &headers, body).unwrap()
}

fn refused(casefile: &Casefile<'_>, signal: &str) -> u64 {
    let labels = [("signal", signal), ("code", "401")];
    casefile.metrics().sum(::casefile::telemetry::names::RECEIVER_REQUESTS, &labels)
}

fn json_of(answer: &http::Answer) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn an_alert_of_sentry_joins_the_spans_of_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let mut casefile = home.start();
    casefile.send("traces", &failing_trace(TRACE_ID, 10));
    let answer = json_of(&post_signed(&home, &issue_alert()));
    assert_eq!(answer, json!({"accepted": true, "trace_id": TRACE_ID, "records": 3}));
    let again = json_of(&post_signed(&home, &issue_alert()));
    assert_eq!(again, answer, "Sentry may deliver it twice");
    let totals = casefile.settled();
    assert_eq!((totals.bundled, totals.reasons.get("duplicate")), (4, Some(&3)), "{totals:?}");

    let found = bundle(&home, folder.path(), TRACE_ID);
    assert_eq!(found["trace"]["span_path"][0]["name"], "GET /pay");
    assert_eq!(found["exception"]["type"], "PaymentError");
    let message = found["exception"]["message"].as_str().unwrap();
    assert!(message.starts_with("refused for email:E-"), "{message}");
    let innermost = &found["exception"]["frames"][0];
    assert_eq!(
        (&innermost["func"], &innermost["line"], &innermost["in_app"]),
        (&json!("pay"), &json!(31), &json!(true))
    );
    let lines: Vec<_> =
        found["logs"]["window"].as_array().unwrap().iter().map(|line| line["msg"].as_str().unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("signed in as email:E-") && lines[1].starts_with("POST https://bank.example"),
        "{lines:?}"
    );
    assert_eq!(found["logs"]["window"][1]["attrs"]["http.response.status_code"], 502);
    assert_eq!(found["incident"]["class"], "crash");
    schema::assert_all_valid(&home.store());
    assert_no_leak(&home.store());
    for path in store::files(&home.store()) {
        assert!(!String::from_utf8_lossy(&store::content(&path)).contains("c4n4ryT0ken"), "{}", path.display());
    }
    assert!(!casefile.said().contains(EMAIL));
}

#[test]
fn an_alert_that_is_not_signed_is_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let casefile = home.start();
    let body = issue_alert();
    let wrong = signature(b"another body");
    for headers in [vec![], vec![("Sentry-Hook-Signature", "")], vec![("Sentry-Hook-Signature", wrong.as_str())]] {
        let answer = http::post(home.http, "/v1/alerts/sentry", &headers, &body).unwrap();
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.text().contains("Sentry-Hook-Signature"));
    }
    let monitor = json!({"title": "down"}).to_string();
    for headers in [vec![], vec![("X-Casefile-Token", "a token of the test")]] {
        assert_eq!(http::post(home.http, "/v1/alerts/datadog", &headers, monitor.as_bytes()).unwrap().status, 401);
    }
    assert_eq!((refused(&casefile, "alerts/sentry"), refused(&casefile, "alerts/datadog")), (3, 2));
    assert_eq!(casefile.metrics().sum(::casefile::telemetry::names::RECEIVER_ACCEPTED_RECORDS, &[]), 0);
}

#[test]
fn a_monitor_of_datadog_is_a_bundle_of_the_trace_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let mut casefile = home.start();
    let body = json!({
        "id": "7890", "title": "[Triggered] checkout: payments fail", "date": "1751371380250", "alert_id": "123",
        "body": format!("Traceback (most recent call last):\n  File \"shop/pay.py\", line 31, in pay\n    charge(customer)\nPaymentError: refused for {EMAIL}\n"),
        "alert_transition": "Triggered", "alert_type": "error", "tags": "service:checkout,env:prod", "dd.trace_id": "6593921364528283148",
    });
    let body = body.to_string();
    let answer = http::post(home.http, "/v1/alerts/datadog", &[("x-casefile-token", TOKEN)], body.as_bytes()).unwrap();
    let trace = json_of(&answer)["trace_id"].as_str().unwrap().to_owned();
    assert_eq!(trace, format!("{:032x}", 6_593_921_364_528_283_148_u64));
    casefile.settled();
    let found = bundle(&home, folder.path(), &trace);
    assert_eq!(found["incident"]["services"], json!(["checkout"]));
    assert_eq!(found["exception"]["type"], "PaymentError", "the stack in the text is read");
    assert_eq!(found["exception"]["frames"][0]["func"], "pay");
    assert_no_leak(&home.store());
}

#[test]
fn what_is_no_alert_is_told_and_what_is_none_for_us_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let casefile = home.start();
    let installed = json!({"action": "created", "data": {"installation": {"uuid": "x"}}}).to_string();
    let answer = json_of(&post_signed(&home, installed.as_bytes()));
    assert_eq!(answer["accepted"], false);
    for body in ["not json", "[]", "{}"] {
        assert_eq!(post_signed(&home, body.as_bytes()).status, 400, "{body}");
    }
    assert_eq!(casefile.metrics().sum(::casefile::telemetry::names::RECEIVER_ACCEPTED_RECORDS, &[]), 0);
}
