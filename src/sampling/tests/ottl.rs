//! Conditions: what holds of a span, and what is refused. The Collector's own processor is asked the same by `tests/sampling`.

use super::*;

fn condition(place: &str, text: &str) -> Sampler {
    single("ottl_condition", json!({place: [text]}))
}

/// A failed client span, `GET /pay`, with attributes, an event, a scope and a resource.
fn of_payment() -> Vec<Record> {
    let span = Span {
        name: "GET /pay".into(),
        kind: 3,
        trace_state: "vendor=a".into(),
        attributes: vec![
            text("tier", "gold"),
            int("code", 503),
            attribute("share", any_value::Value::DoubleValue(0.5)),
            attribute("vip", any_value::Value::BoolValue(true)),
            attribute("raw", any_value::Value::BytesValue(vec![0xab, 1])),
        ],
        events: vec![Event { name: "exception".into(), attributes: vec![text("kind", "late")], ..Event::default() }],
        status: Some(Status { code: 2, message: "timed out".into() }),
        ..span()
    };
    spans_of(vec![text("service.name", "shop")], vec![span])
}

#[test]
fn conditions_on_spans_hold_as_they_read() {
    let holding = [
        r#"attributes["tier"] == "gold""#,
        r#"span.attributes["tier"] == "gold" and resource.attributes["service.name"] == "shop""#,
        r#"span.attributes["tier"] == "tin" or span.attributes["code"] >= 500"#,
        r#"span.attributes["code"] < 503.5 and span.attributes["share"] == 0.5 and span.attributes["vip"] == true"#,
        r#"not span.attributes["tier"] == "tin""#,
        r#"not (span.attributes["tier"] == "tin" or false)"#,
        // `and` binds closer than `or`.
        r"true or true and false",
        r#"span.attributes["none"] == nil and span.attributes["none"] != 1 and span.attributes["tier"] != nil"#,
        r#"span.attributes["tier"] != 1 and span.attributes["raw"] != "ab01""#,
        r#"IsMatch(span.name, "^GET ") and IsMatch(span.attributes["code"], "5\\d+") and IsMatch(attributes["raw"], "^ab01$")"#,
        r#"IsMatch(span.attributes["share"], "^0.5$") == true and IsMatch(span.attributes["vip"], "true")"#,
        r#"span.kind == SPAN_KIND_CLIENT and span.kind.string == "Client""#,
        r#"status.code == STATUS_CODE_ERROR and span.status.message == "timed out""#,
        r#"span.trace_state == "vendor=a" and IsRootSpan()"#,
        r#"span.trace_id.string == "01010101010101010101010101010101" and span.span_id.string == "0202020202020202""#,
        r#"span.parent_span_id.string == "0000000000000000" and span.end_time_unix_nano > span.start_time_unix_nano"#,
        r#"scope.name == "" and instrumentation_scope.version == "" and scope.attributes["a"] == nil"#,
        r"-1 < 0 and nil == nil",
    ];
    for text in holding {
        assert!(keeps(&condition("span", text), of_payment()), "{text}");
        let opposite = format!("not ({text})");
        assert!(!keeps(&condition("span", &opposite), of_payment()), "{opposite}");
    }
    for text in
        [r#"span.attributes["tier"] > 1"#, r#"span.attributes["none"] < 1"#, r#"IsMatch(attributes["none"], ".*")"#]
    {
        assert!(!keeps(&condition("span", text), of_payment()), "{text}");
    }
    assert!(!keeps(&condition("span", "true"), logs(vec![log(17)])), "a log record is no span");
}

#[test]
fn conditions_on_events_hold_of_some_event() {
    for text in [
        r#"name == "exception""#,
        r#"spanevent.attributes["kind"] == "late" and span.name == "GET /pay" and resource.attributes["service.name"] == "shop""#,
    ] {
        assert!(keeps(&condition("spanevent", text), of_payment()), "{text}");
        assert!(!keeps(&condition("spanevent", text), spans(vec![span()])), "no event: {text}");
    }
    assert!(!keeps(&condition("spanevent", r#"name == "retry""#), of_payment()));
}

#[test]
fn what_is_not_known_is_refused_by_its_name() {
    let refused = |place: &str, text: &str, says: &str| {
        let policy = json!({"name": "p", "type": "ottl_condition", "ottl_condition": {place: ["true", text]}});
        let problems = Sampler::compile(&config(json!([policy]))).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert_eq!(problems[0].path, format!("policies[0].ottl_condition.{place}[1]"));
        assert!(problems[0].to_string().contains(says), "{text}: {}", problems[0]);
    };
    refused("span", r#"Len(span.name) == 2"#, "the function `Len` is not supported; use IsMatch or IsRootSpan");
    refused("span", r#"span.nothing == 1"#, "the path `span.nothing` is not supported; known are");
    refused("span", r#"span.attributes == 1"#, "the path `span.attributes` is not supported");
    refused("span", r#"span.attributes["a"]["b"] == 1"#, "a key inside of a value");
    refused("span", r#"spanevent.name == "a""#, "belongs under `spanevent`");
    refused("spanevent", "IsRootSpan()", "belongs under `span`");
    refused("span", "span.kind == SPAN_KIND_OTHER", "`SPAN_KIND_OTHER` is not a constant");
    refused("span", r#"IsMatch(span.name, "(open")"#, "`(open` is not a regular expression: unclosed group");
    refused("span", r#"IsMatch(span.name, "\d")"#, r"write `\\d`");
    refused("span", r#"span.name == 'a'"#, "`'` is not understood");
    refused("span", r#"span.name == "a"#, "a text has no end");
    refused("span", "span.name", "a value alone is no condition");
    refused("span", r#"span.name == "a" xor true"#, "`xor` is not expected after a condition");
    refused("span", "span.end_time_unix_nano + 1 > 2", "a comparison is expected before `+`");
    refused("span", "(true", "`)` is expected before the end");
    refused("span", "", "a value is expected at the end");
    refused("span", "99999999999999999999 == 1", "is not a number");
    refused("span", &format!("{}true{}", "(".repeat(60), ")".repeat(60)), "nested more than 50 deep");
}
