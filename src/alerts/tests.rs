//! Payloads as the tools send them, shortened and of our own making.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;
use serde_json::json;

use super::*;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// An event of Python, whose second exception surfaced.
fn event() -> Value {
    json!({
        "event_id": "fc6d8c0c43fc4630ad850ee518f1b9d0", "platform": "python", "level": "error", "timestamp": 1_751_371_380.25,
        "release": "checkout@2.1.0", "environment": "production", "server_name": "web-1", "transaction": "checkout.pay",
        "tags": [["service", "checkout"], ["customer", "acme"]],
        "contexts": {"trace": {"trace_id": TRACE, "span_id": "00f067aa0ba902b7"}, "runtime": {"name": "CPython", "version": "3.12.3"}},
        "user": {"email": "ada.byron@example.org", "id": "u-1"},
        "request": {"method": "POST", "url": "https://shop.example/pay", "headers": [["User-Agent", "curl/8"]],
            "data": {"amount": 3}, "query_string": [["a", "1"], ["b", "2"]]},
        "breadcrumbs": {"values": [
            {"timestamp": "2025-07-01T12:02:59.500Z", "category": "http", "type": "http", "level": "info",
                "data": {"method": "GET", "url": "https://rates.example/eur", "status_code": 503}},
            {"timestamp": 1_751_371_379.75, "category": "app", "level": "warning", "message": "no rate, trying again"}]},
        "exception": {"values": [
            {"type": "KeyError", "value": "'eur'", "module": "builtins", "stacktrace": {"frames": [
                {"filename": "shop/rates.py", "function": "rate", "lineno": 9, "in_app": true}]}},
            {"type": "ValueError", "value": "no rate: eur", "mechanism": {"type": "flask", "handled": false}, "stacktrace": {"frames": [
                {"filename": "flask/app.py", "function": "full_dispatch_request", "lineno": 1820, "in_app": false},
                {"filename": "shop/cart.py", "abs_path": "/srv/shop/cart.py", "function": "total", "lineno": 7, "in_app": true,
                    "vars": {"currency": "'eur'"}, "pre_context": ["def total(items, currency):"],
                    "context_line": "    raise ValueError(f\"no rate: {currency}\")", "post_context": []}]}}]},
    })
}

fn records(alert: Alert) -> (Vec<LogRecord>, Resource) {
    let mut request = ExportLogsServiceRequest::decode(alert.request().as_slice()).unwrap();
    let mut resource = request.resource_logs.remove(0);
    (resource.scope_logs.remove(0).log_records, resource.resource.unwrap())
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_ref()?.value.clone());
    match found {
        Some(Any::StringValue(text)) => text,
        Some(Any::ArrayValue(list)) => format!("{:?}", list.values.iter().map(string_of).collect::<Vec<_>>()),
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::BoolValue(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

fn string_of(value: &AnyValue) -> String {
    match &value.value {
        Some(Any::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn body(record: &LogRecord) -> String {
    string_of(record.body.as_ref().unwrap())
}

#[test]
fn an_event_becomes_an_error_and_a_record_for_each_breadcrumb() {
    let alert = sentry(event().to_string().as_bytes()).unwrap();
    assert_eq!(alert.trace_id.to_string(), TRACE);
    let (records, resource) = records(alert);
    let [http, app, error] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((http.time_unix_nano, http.severity_text.as_str()), (1_751_371_379_500_000_000, "INFO"));
    assert_eq!(body(http), "GET https://rates.example/eur [503]");
    assert_eq!(attribute(&http.attributes, "http.response.status_code"), "503");
    assert_eq!((body(app).as_str(), app.severity_text.as_str()), ("no rate, trying again", "WARN"));
    assert_eq!(attribute(&app.attributes, "sentry.breadcrumb.category"), "app");

    assert_eq!((error.time_unix_nano, error.severity_number), (1_751_371_380_250_000_000, 17));
    assert_eq!(error.span_id, [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
    let of = |key: &str| attribute(&error.attributes, key);
    assert_eq!((of("exception.type").as_str(), of("exception.message").as_str()), ("ValueError", "no rate: eur"));
    assert_eq!(of("exception.escaped"), "true");
    let stack = of("exception.stacktrace");
    let order = [
        "shop/rates.py\", line 9",
        "KeyError: 'eur'",
        "direct cause",
        "flask/app.py",
        "shop/cart.py\", line 7",
        "ValueError: no rate",
    ];
    let found: Vec<_> =
        order.iter().map(|text| stack.find(text).unwrap_or_else(|| panic!("{text}: {stack}"))).collect();
    assert!(found.is_sorted(), "{stack}");
    let frames: Value = serde_json::from_str(&of(FRAMES_KEY)).unwrap();
    assert_eq!(frames[1]["vars"], json!({"currency": "'eur'"}));
    assert_eq!(frames[1]["context_line"], "    raise ValueError(f\"no rate: {currency}\")");
    assert_eq!((of("http.request.method").as_str(), of("url.query").as_str()), ("POST", "a=1&b=2"));
    assert_eq!(
        (of("http.request.header.user-agent").as_str(), of("user.email").as_str()),
        ("[\"curl/8\"]", "ada.byron@example.org")
    );
    let of = |key: &str| attribute(&resource.attributes, key);
    assert_eq!((of("service.name").as_str(), of("service.version").as_str()), ("checkout", "2.1.0"));
    assert_eq!((of("telemetry.sdk.language").as_str(), of("process.runtime.version").as_str()), ("python", "3.12.3"));
}

#[test]
fn each_form_of_webhook_gives_the_same_error() {
    let plain = records(sentry(event().to_string().as_bytes()).unwrap()).0;
    let forms = [
        json!({"action": "triggered", "installation": {}, "data": {"event": event()}}),
        json!({"action": "created", "data": {"error": event()}}),
        json!({"id": "1", "event": event()}),
    ];
    for form in forms {
        assert_eq!(records(sentry(form.to_string().as_bytes()).unwrap()).0, plain, "{form}");
    }
}

#[test]
fn the_form_of_the_api_is_read_too() {
    let event = json!({
        "eventID": "fc6d8c0c43fc4630ad850ee518f1b9d0", "title": "TypeError: x", "platform": "javascript", "dateCreated": "2025-07-01T12:03:00Z",
        "contexts": {"trace": {"trace_id": TRACE}}, "tags": [{"key": "environment", "value": "prod"}],
        "entries": [
            {"type": "exception", "data": {"values": [{"type": "TypeError", "value": "x", "stacktrace": {"frames": [
                {"absPath": "https://shop.example/app.js", "filename": "/app.js", "function": "pay", "lineNo": 3, "colNo": 14, "inApp": true,
                    "context": [[2, "function pay() {"], [3, "  total.x()"], [4, "}"]]}]}}]}},
            {"type": "breadcrumbs", "data": {"values": [{"timestamp": "2025-07-01T12:02:59Z", "category": "ui.click", "message": "button"}]}}],
    });
    let (records, resource) = records(sentry(json!({"data": {"event": event}}).to_string().as_bytes()).unwrap());
    let [crumb, error] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(body(crumb), "button");
    assert_eq!(attribute(&error.attributes, "exception.stacktrace"), "TypeError: x\n    at pay (/app.js:3:14)\n");
    let frames: Value = serde_json::from_str(&attribute(&error.attributes, FRAMES_KEY)).unwrap();
    assert_eq!((&frames[0]["lineno"], &frames[0]["in_app"]), (&json!(3), &json!(true)));
    assert_eq!(
        (&frames[0]["pre_context"], &frames[0]["context_line"]),
        (&json!(["function pay() {"]), &json!("  total.x()"))
    );
    assert_eq!(attribute(&resource.attributes, "deployment.environment.name"), "prod");
}

#[test]
fn an_event_without_a_trace_is_its_own_and_always_the_same() {
    let mut without = event();
    without["contexts"] = json!({});
    let first = sentry(without.to_string().as_bytes()).unwrap();
    assert_eq!(first.trace_id.to_string(), "fc6d8c0c43fc4630ad850ee518f1b9d0", "the event's id");
    let again = sentry(json!({"data": {"event": without}}).to_string().as_bytes()).unwrap();
    assert_eq!(first, again);
}

#[test]
fn an_issue_tells_what_it_knows_and_what_is_no_error_is_none() {
    let issue = json!({"id": "42", "shortId": "SHOP-1", "title": "ValueError: no rate", "culprit": "shop.cart in total", "platform": "python",
        "metadata": {"type": "ValueError", "value": "no rate", "filename": "shop/cart.py", "function": "total"},
        "lastSeen": "2025-07-01T12:03:00Z", "project": {"slug": "checkout"}});
    let (records, resource) =
        records(sentry(json!({"action": "created", "data": {"issue": issue}}).to_string().as_bytes()).unwrap());
    assert_eq!(attribute(&records[0].attributes, "exception.type"), "ValueError");
    assert_eq!(attribute(&resource.attributes, "service.name"), "checkout");
    for payload in [
        json!({"action": "resolved", "data": {"issue": issue}}),
        json!({"action": "created", "data": {"installation": {"uuid": "x"}}}),
    ] {
        assert!(matches!(sentry(payload.to_string().as_bytes()), Err(AlertError::NoError(_))), "{payload}");
    }
    for wrong in ["", "[]", "{}", "{\"x\": 1}", "no json"] {
        assert!(matches!(sentry(wrong.as_bytes()), Err(AlertError::Malformed(_))), "{wrong}");
        assert!(matches!(datadog(wrong.as_bytes()), Err(AlertError::Malformed(_))), "{wrong}");
    }
}

#[test]
fn a_monitor_becomes_an_error_with_what_its_tags_tell() {
    let payload = json!({
        "id": "7890", "title": "[Triggered] checkout: error rate", "body": "Traceback (most recent call last):\n  …",
        "date": "1751371380250", "event_type": "query_alert_monitor", "alert_id": "123", "alert_transition": "Triggered", "alert_type": "error",
        "hostname": "web-1", "tags": "service:checkout,env:prod,version:2.1.0,git.commit.sha:abcdef1234,team:pay", "priority": "P1",
        "link": "$LINK", "dd.trace_id": "6593921364528283148", "dd.span_id": "67667974448284343",
        "logs_sample": {"columns": ["Time", "Message"], "label": "Sample Logs", "items": [["11:00:10 UTC", "no rate"]]},
    });
    let alert = datadog(payload.to_string().as_bytes()).unwrap();
    assert_eq!(alert.trace_id.to_string(), format!("{:032x}", 6_593_921_364_528_283_148_u64));
    let (records, resource) = records(alert);
    let [sample, error] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(body(sample), "Time: 11:00:10 UTC, Message: no rate");
    assert_eq!(body(error), "[Triggered] checkout: error rate\n\nTraceback (most recent call last):\n  …");
    assert_eq!((error.severity_number, error.time_unix_nano), (17, 1_751_371_380_250_000_000));
    assert_eq!(error.span_id, 67_667_974_448_284_343_u64.to_be_bytes());
    assert_eq!(attribute(&error.attributes, "datadog.link"), "", "a variable that was not filled is none");
    assert_eq!(attribute(&error.attributes, "datadog.tag.team"), "pay");
    for (key, value) in [("service.name", "checkout"), ("vcs.ref.head.revision", "abcdef1234"), ("host.name", "web-1")]
    {
        assert_eq!(attribute(&resource.attributes, key), value);
    }
}

#[test]
fn datadogs_traces_are_found_in_each_of_their_forms() {
    for (payload, trace) in [
        (json!({"title": "x", "trace_id": TRACE}), TRACE),
        (json!({"title": "x", "dd": {"trace_id": "18446744073709551615"}}), "0000000000000000ffffffffffffffff"),
        (json!({"title": "x", "tags": ["dd.trace_id:10"]}), "0000000000000000000000000000000a"),
        (json!({"title": "x", "body": "failed dd.trace_id=12 dd.span_id=13"}), "0000000000000000000000000000000c"),
        (json!({"title": "x", "trace_id": "00f067aa0ba902b7"}), "000000000000000000f067aa0ba902b7"),
        (json!({"title": "x", "trace_id": "$TRACE", "id": "5b8efff7-9803-8103-d269-b633813fc60c"}), TRACE),
    ] {
        assert_eq!(datadog(payload.to_string().as_bytes()).unwrap().trace_id.to_string(), trace, "{payload}");
    }
    let form = b"title=down&tags=service%3Acheckout&trace_id=10";
    assert_eq!(datadog(form).unwrap().trace_id, TraceId(10_u128.to_be_bytes()));
    let without = json!({"title": "x", "alert_id": "1", "date": "1751371380250"}).to_string();
    let (first, again) = (datadog(without.as_bytes()).unwrap(), datadog(without.as_bytes()).unwrap());
    assert_eq!(first, again);
    assert!(!first.trace_id.is_zero());
}

#[test]
fn an_alert_that_recovered_or_only_warns_is_no_error() {
    for (payload, severity) in [
        (json!({"title": "x", "alert_transition": "Recovered", "alert_type": "success"}), 9),
        (json!({"title": "x", "alert_transition": "Warn", "alert_type": "warning"}), 13),
        (json!({"title": "x", "alert_transition": "Re-Triggered"}), 17),
        (json!({"title": "x", "alert_transition": "$ALERT_TRANSITION"}), 17),
    ] {
        let (records, _) = records(datadog(payload.to_string().as_bytes()).unwrap());
        assert_eq!(records[0].severity_number, severity, "{payload}");
    }
}

#[test]
fn signatures_and_tokens_fit_or_do_not() {
    // RFC 4231, test case 2.
    let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert!(is_signed(b"what do ya want for nothing?", signature, "Jefe"));
    for (body, signature, secret) in [
        (b"what do ya want for nothing!".as_slice(), signature, "Jefe"),
        (b"what do ya want for nothing?", signature, "Jefo"),
        (b"what do ya want for nothing?", "", "Jefe"),
        (b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7", "Jefe"),
        (b"what do ya want for nothing?", "no hex", "Jefe"),
    ] {
        assert!(!is_signed(body, signature, secret), "{signature}");
    }
    assert!(is_same("token", "token"));
    assert!(!is_same("", "token") && !is_same("tokens", "token") && !is_same("token", "tokens"));
}

proptest::proptest! {
    #[test]
    fn no_payload_is_a_fault(text: String, bytes: Vec<u8>, number: f64) {
        let odd = json!({"event_id": text, "timestamp": number, "exception": [{"stacktrace": {"frames": [text, {"lineno": number}]}}],
            "breadcrumbs": [text, {"timestamp": text}], "tags": {"a": text}, "request": {"headers": text}, "title": text, "date": number});
        for body in [odd.to_string().into_bytes(), bytes] {
            proptest::prop_assert_eq!(sentry(&body), sentry(&body));
            proptest::prop_assert_eq!(datadog(&body), datadog(&body));
        }
    }
}
