//! Log window, request, incident and values, each by itself.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, exemplar, metric,
};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use prost::Message;
use serde_json::json;

use super::world::*;
use crate::evidence::{incident, values};
use crate::model::Signal;

#[test]
fn input_34_values_that_json_has_no_number_for_are_strings() {
    let attrs = values::attributes(&[
        kv("nan", Any::DoubleValue(f64::NAN)),
        kv("inf", Any::DoubleValue(f64::NEG_INFINITY)),
        kv("exact", Any::IntValue(-(1 << 53))),
        kv("big", Any::IntValue((1 << 53) + 1)),
        kv("bytes", Any::BytesValue(vec![0, 255])),
        kv("list", Any::ArrayValue(ArrayValue { values: vec![any(Any::BoolValue(true))] })),
        kv("map", Any::KvlistValue(KeyValueList { values: vec![kv("k", Any::IntValue(1))] })),
    ]);
    assert_eq!(
        json!(attrs),
        json!({"nan": "NaN", "inf": "-Infinity", "exact": -9_007_199_254_740_992_i64, "big": "9007199254740993",
               "bytes": "AP8=", "list": [true], "map": {"k": 1}})
    );
}

#[test]
fn exemplars_of_the_trace_are_shown_with_their_metric_and_service() {
    let exemplar = Exemplar {
        time_unix_nano: T0,
        trace_id: TRACE.0.to_vec(),
        span_id: id(1),
        value: Some(exemplar::Value::AsDouble(0.25)),
        filtered_attributes: vec![text("app.shard", "s-1")],
    };
    let point = NumberDataPoint { exemplars: vec![exemplar], ..NumberDataPoint::default() };
    let data = metric::Data::Gauge(Gauge { data_points: vec![point] });
    let found = Metric { name: "latency".to_owned(), unit: "s".to_owned(), data: Some(data), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![found], ..ScopeMetrics::default() }];
    let envelope =
        ResourceMetrics { resource: Some(resource("checkout")), scope_metrics, ..ResourceMetrics::default() };
    let request = ExportMetricsServiceRequest { resource_metrics: vec![envelope] }.encode_to_vec();
    let mut all = spans(vec![failed(span(1, 0, "a", 0, 9))]);
    all.extend(records(Signal::Metrics, request));
    let shown = bundle(all).metrics.exemplars;
    assert_eq!(
        json!(shown),
        json!([{"time": "2025-07-01T12:03:00.000000000Z", "metric": "latency", "unit": "s", "value": 0.25,
                "span_id": "0101010101010101", "service": "checkout", "attrs": {"app.shard": "s-1"}}])
    );
}

#[test]
fn the_last_evaluation_of_a_feature_flag_counts() {
    let mut flagged = failed(span(1, 0, "a", 0, 9));
    flagged.events = [(2, "on"), (1, "off")]
        .map(|(at, variant)| Event {
            time_unix_nano: T0 + at * MS,
            name: "feature_flag.evaluation".to_owned(),
            attributes: vec![text("feature_flag.key", "new-parser"), text("feature_flag.result.variant", variant)],
            dropped_attributes_count: 0,
        })
        .to_vec();
    assert_eq!(json!(bundle(spans(vec![flagged])).environment.feature_flags), json!({"new-parser": "on"}));
}

#[test]
fn logs_before_the_lookback_are_counted_and_not_shown() {
    let mut all = spans(vec![failed(span(1, 0, "a", 0, 100_000))]);
    all.extend(logs(vec![log(1, 0, 9, "old"), log(1, 80_000, 9, "near"), log(1, 100_500, 9, "after")]));
    let found = bundle(all);
    let shown: Vec<_> = found.logs.window.iter().map(|line| line.msg.as_str()).collect();
    assert_eq!(shown, ["near", "after"]);
    assert_eq!((found.logs.total, found.logs.collapsed), (3, 1));
    assert_eq!(found.completeness.truncated, ["logs.window: 1 records lie more than 30s before the error"]);
}

#[test]
fn levels_without_a_text_are_named_by_their_number() {
    let mut all = spans(vec![failed(span(1, 0, "a", 0, 10))]);
    all.extend(logs(
        [0, 1, 10, 24, 99].into_iter().map(|severity| log(1, 1, severity, &severity.to_string())).collect(),
    ));
    let mut levels: Vec<_> = bundle(all).logs.window.into_iter().map(|line| line.level).collect();
    levels.sort();
    assert_eq!(levels, ["", "99", "FATAL4", "INFO2", "TRACE"]);
}

#[test]
fn of_logs_of_one_time_the_worst_comes_last() {
    let bodies = ["refused", "asked", "warned"];
    let mut all = spans(vec![failed(span(1, 0, "a", 0, 10))]);
    all.extend(logs(bodies.iter().zip([17, 9, 13]).map(|(body, severity)| log(1, 1, severity, body)).collect()));
    let window = bundle(all).logs.window;
    assert_eq!(window.iter().map(|line| line.msg.as_str()).collect::<Vec<_>>(), ["asked", "warned", "refused"]);
}

#[test]
fn a_requests_body_may_stand_on_the_handlers_span_and_not_on_a_calls() {
    let chain = |handlers: Option<&str>| {
        let mut all = vec![span(1, 0, "entry", 0, 10), span(2, 1, "handler", 1, 9), failed(span(3, 2, "call", 2, 8))];
        (all[0].kind, all[2].kind) = (2, 3);
        all[0].attributes = vec![text("http.request.method", "POST")];
        all[1].attributes = handlers.map(|body| text("http.request.body.content", body)).into_iter().collect();
        all[2].attributes = vec![text("http.request.method", "PUT"), text("http.request.body.content", "sent on")];
        bundle(spans(all)).repro.request.unwrap().body
    };
    assert_eq!(chain(Some("received")), Some(json!("received")));
    assert_eq!(chain(None), None);
}

#[test]
fn requests_of_old_http_rpc_and_messaging_conventions_are_read() {
    let request = |pairs: Vec<(&str, &str)>| {
        let mut entry = failed(span(1, 0, "a", 0, 10));
        entry.kind = 2;
        entry.attributes = pairs.into_iter().map(|(key, value)| text(key, value)).collect();
        let found = bundle(spans(vec![entry])).repro;
        (found.request.unwrap(), found.inputs)
    };
    let (old, inputs) = request(vec![
        ("http.method", "POST"),
        ("http.scheme", "https"),
        ("http.host", "shop:8443"),
        ("http.target", "/buy?id=1&id=2&q=a+b"),
        ("http.status_code", "500"),
    ]);
    assert_eq!(old.url.as_deref(), Some("https://shop:8443/buy?id=1&id=2&q=a+b"));
    assert_eq!(old.status_code, Some(500));
    assert_eq!(json!(inputs), json!({"id": ["1", "2"], "q": "a b"}));
    let (rpc, _) = request(vec![("rpc.system", "grpc"), ("rpc.service", "shop.Cart"), ("rpc.method", "Add")]);
    assert_eq!((rpc.protocol.as_str(), rpc.url.as_deref()), ("rpc", Some("shop.Cart")));
    let (queue, inputs) = request(vec![
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "orders"),
        ("messaging.operation.type", "process"),
        ("messaging.message.body", "{}"),
        ("order", "o-1"),
    ]);
    assert_eq!((queue.method.as_deref(), queue.url.as_deref()), (Some("process"), Some("orders")));
    assert_eq!(json!(inputs), json!({"messaging.message.body": "{}", "order": "o-1"}));
}

#[test]
fn failures_that_differ_in_variable_parts_only_are_one_incident() {
    let with = |message: &str| {
        let mut failing = failed(span(1, 0, "pay", 0, 10));
        failing.status.as_mut().unwrap().message = message.to_owned();
        bundle(spans(vec![failing])).incident
    };
    let one = with("user 17 (a@example.com) at 2025-07-01 12:03 has no '/var/x/y' 0xff 9f86d081884c7d65");
    let other =
        with("user 4242 (bob.c@mail.example.org) at 2026-01-02 01:02:03 has no '/tmp/z/q' 0x1 1b4f0e9851971998");
    assert_eq!(one.fingerprint, other.fingerprint);
    assert_ne!(one.fingerprint, with("user 17 has no card").fingerprint);
    assert!(one.id.len() == 14 && one.id.starts_with("INC-"), "{}", one.id);
}

#[test]
fn no_variable_part_survives_normalisation() {
    let text = incident::normalise(
        r#"a@b.example 550e8400-e29b-41d4-a716-446655440000 2025-07-01T12:03:00Z https://h/x?t=1 C:\a\b /home/al/x "se'cret" 'pw' 12,5 deadbeef99"#,
    );
    assert_eq!(text, "<email> <uuid> <time> <url> <path> <path> <str><str> <n> <n>");
}

#[test]
fn a_summary_holds_the_first_line_whole_for_the_redactor_to_see() {
    let line = format!("{} alice@example.com", "word ".repeat(99));
    let mut failing = failed(span(1, 0, "pay", 0, 10));
    failing.status.as_mut().unwrap().message = format!("\n{line}\nmore");
    let summary = bundle(spans(vec![failing])).incident.summary;
    assert!(summary.ends_with(&line), "{summary}");
}

#[test]
fn a_summary_is_one_line_without_control_characters() {
    let summary = bundle(spans(vec![failed(span(1, 0, "a\u{1b}[31m\nb", 0, 9))])).incident.summary;
    assert!(!summary.chars().any(char::is_control), "{summary:?}");
}
