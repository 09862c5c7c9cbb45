//! Whole traces in, bundles out.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;

use super::world::*;
use crate::model::{DropReason, Outcome, Record, Signal};

const STACK: &str = "Traceback (most recent call last):\n  File \"/srv/venv/lib/python3.12/site-packages/flask/app.py\", line 880, in full_dispatch_request\n    rv = self.dispatch_request()\n         ^^^^^^^^^^^^^^^^^^^^^^^\n  File \"app/handlers/report.py\", line 214, in parse_report\n    return datetime.strptime(ts, FORMAT)\nValueError: time data '2025-07-01 12:03' does not match format '%Y'\n";
const MESSAGE: &str = "time data '2025-07-01 12:03' does not match format '%Y'";

fn failing_report() -> Vec<Record> {
    let mut entry = failed(span(1, 0, "GET /report", 0, 30));
    entry.kind = 2;
    entry.attributes = vec![
        text("http.request.method", "GET"),
        text("url.path", "/report"),
        text("url.query", "ts=2025-07-01%2012%3A03"),
        text("http.route", "/report"),
        kv("http.response.status_code", Any::IntValue(500)),
        text("http.request.header.accept", "text/html"),
    ];
    let entry = thrown(entry, 21, "ValueError", MESSAGE, STACK);
    let mut parse = thrown(failed(span(2, 1, "report.parse", 10, 20)), 19, "ValueError", MESSAGE, STACK);
    parse.attributes = vec![kv("app.rows", Any::IntValue(1 << 60)), kv("app.ratio", Any::DoubleValue(f64::NAN))];
    let mut all = spans(vec![entry, parse, span(3, 1, "auth", 1, 5)]);
    all.extend(logs(vec![
        log(1, 0, 9, "request start"),
        log(2, 11, 5, "parsing"),
        log(2, 12, 5, "parsing"),
        log(1, 25, 17, "request failed"),
    ]));
    all
}

#[test]
fn a_failed_request_becomes_one_whole_bundle() {
    let (case, totals) = assemble(failing_report());
    assert_eq!((totals.accepted, totals.bundled, totals.undecided), (7, 7, 0));
    assert_eq!(case.failed_at.0, T0 + 19 * MS);
    assert!(case.records.is_sorted() && case.records.len() == 7);
    insta::assert_json_snapshot!(case.bundle);
}

#[test]
fn fault_32_records_delivered_twice_count_once_and_are_settled_as_duplicates() {
    let mut twice = failing_report();
    twice.extend(failing_report());
    let (case, ledger) = try_assemble(twice);
    let case = case.unwrap();
    assert_eq!(ledger.dropped(DropReason::Duplicate), 7);
    assert_eq!(case.tracked.records(), 7);
    assert_eq!(case.bundle, bundle(failing_report()));
    case.tracked.settle(Outcome::Bundled);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn fault_33_any_order_batching_and_repetition_gives_equal_bytes(
        order in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
        again in proptest::collection::vec(0..7_usize, 0..5),
    ) {
        let (one, other) = (failing_report(), failing_report());
        let shuffled = order.iter().map(|at| one[*at].clone()).chain(again.iter().map(|at| other[*at].clone())).collect();
        let (case, _) = assemble(shuffled);
        let (expected, _) = assemble(failing_report());
        prop_assert_eq!(serde_json::to_vec(&case.bundle).unwrap(), serde_json::to_vec(&expected.bundle).unwrap());
        prop_assert_eq!(case.records, expected.records);
    }
}

#[test]
fn an_exception_that_both_an_event_and_a_log_record_is_one() {
    let mut bare = thrown(failed(span(1, 0, "work", 0, 9)), 5, "ValueError", MESSAGE, "");
    bare.events[0].attributes.pop();
    let mut record = log(1, 6, 17, "failed");
    record.attributes = vec![
        text("exception.type", "ValueError"),
        text("exception.message", MESSAGE),
        text("exception.stacktrace", STACK),
    ];
    let mut all = spans(vec![bare]);
    all.extend(logs(vec![record]));
    let found = bundle(all).exception.unwrap();
    assert_eq!(found.frames[0].func, "parse_report");
    assert_eq!((found.kind.as_deref(), found.causes.len()), (Some("ValueError"), 0));
}

#[test]
fn an_exception_log_without_any_span_is_a_crash_without_a_path() {
    let mut record = log(0, 6, 17, "failed");
    record.attributes = vec![text("exception.stacktrace", STACK)];
    let found = bundle(logs(vec![record]));
    assert_eq!(found.incident.class, "crash");
    assert!(found.trace.span_path.is_empty());
    assert_eq!(found.exception.unwrap().kind.as_deref(), Some("ValueError"));
    assert_eq!(found.incident.summary, format!("ValueError in parse_report (checkout): {MESSAGE}"));
    assert_eq!(found.trace.root, "missing");
}

#[test]
fn an_error_log_alone_makes_its_span_critical() {
    let mut all = spans(vec![span(1, 0, "a", 0, 9), span(2, 1, "b", 1, 8)]);
    all.extend(logs(vec![log(2, 4, 17, "disk 7 is full")]));
    let found = bundle(all);
    assert_eq!(found.incident.class, "error");
    assert_eq!(found.incident.summary, "Error in b (checkout): disk 7 is full");
    assert_eq!(found.trace.span_path.len(), 2);
}

#[test]
fn a_slow_trace_without_a_failure_is_performance_and_points_to_where_the_time_went() {
    let found = bundle(spans(vec![span(1, 0, "all", 0, 100), span(2, 1, "quick", 1, 5), span(3, 1, "slow", 10, 95)]));
    assert_eq!(found.incident.class, "performance");
    assert_eq!(found.trace.span_path.last().unwrap().name, "slow");
    assert!(found.exception.is_none());
}

fn path_names(all: Vec<Span>) -> Vec<String> {
    bundle(spans(all)).trace.span_path.into_iter().map(|span| span.name).collect()
}

#[test]
fn the_deepest_failed_span_is_critical_and_not_those_that_passed_it_on() {
    let all = vec![
        failed(span(1, 0, "a", 0, 30)),
        failed(span(2, 1, "b", 1, 20)),
        failed(span(3, 2, "c", 2, 10)),
        span(4, 3, "d", 3, 5),
    ];
    assert_eq!(path_names(all), ["a", "b", "c"]);
}

#[test]
fn a_failure_that_its_parent_bore_is_less_critical_than_one_that_reached_the_top() {
    let all = vec![
        failed(span(1, 0, "a", 0, 30)),
        span(2, 1, "tolerant", 1, 9),
        failed(span(3, 2, "probe", 2, 3)),
        failed(span(4, 1, "save", 10, 20)),
    ];
    assert_eq!(path_names(all), ["a", "save"]);
}

#[test]
fn a_call_that_succeeded_when_repeated_does_not_explain_its_parents_failure() {
    let all = vec![
        failed(span(1, 0, "a", 0, 30)),
        failed(span(2, 1, "get", 1, 2)),
        span(3, 1, "get", 3, 4),
        failed(span(4, 1, "write", 10, 20)),
    ];
    assert_eq!(path_names(all), ["a", "write"]);
}

#[test]
fn a_borne_call_does_not_explain_an_exception_that_its_parent_threw_later() {
    let all = vec![
        thrown(failed(span(1, 0, "a", 0, 30)), 20, "ValueError", "v", ""),
        failed(span(2, 1, "GET cache", 1, 2)),
        span(3, 1, "SELECT", 3, 4),
    ];
    assert_eq!(path_names(all), ["a"]);
}

#[test]
fn an_exception_recorded_in_a_child_without_a_status_is_where_the_parents_failure_began() {
    let child = thrown(span(2, 1, "b", 1, 9), 5, "KeyError", "'x'", "");
    assert_eq!(path_names(vec![failed(span(1, 0, "a", 0, 30)), child]), ["a", "b"]);
}

#[test]
fn an_exception_above_a_failed_call_is_kept_where_the_call_recorded_none() {
    let found = bundle(spans(vec![
        thrown(failed(span(1, 0, "a", 0, 30)), 20, "HTTPError", "502", STACK),
        failed(span(2, 1, "GET", 1, 19)),
    ]));
    assert_eq!(found.trace.span_path.last().unwrap().name, "GET");
    assert_eq!(found.exception.unwrap().kind.as_deref(), Some("HTTPError"));
}

#[test]
fn another_exception_of_a_shown_span_stays_among_its_events() {
    let two = thrown(thrown(failed(span(1, 0, "a", 0, 30)), 2, "KeyError", "'k'", ""), 20, "ValueError", "v", STACK);
    let found = bundle(spans(vec![two]));
    assert_eq!(found.exception.unwrap().kind.as_deref(), Some("ValueError"));
    let events: Vec<_> =
        found.trace.spans[0].events.iter().map(|event| event.attrs["exception.type"].clone()).collect();
    assert_eq!(events, [json!("KeyError")]);
}

#[test]
fn input_28_a_circle_of_parents_is_cut_and_said() {
    let found = bundle(spans(vec![
        failed(span(1, 3, "a", 0, 9)),
        failed(span(2, 1, "b", 1, 8)),
        failed(span(3, 2, "c", 2, 7)),
    ]));
    let names: Vec<_> = found.trace.span_path.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(found.completeness.missing.iter().any(|line| line.contains("1 circles")));
    assert_eq!(found.trace.root, "missing");
}

#[test]
fn input_29_a_span_that_is_its_own_parent_is_a_top() {
    let found = bundle(spans(vec![failed(span(1, 1, "a", 0, 9))]));
    assert_eq!(found.trace.span_path.len(), 1);
    assert!(found.completeness.missing.iter().any(|line| line.contains("1 circles")));
}

#[test]
fn input_30_of_a_span_id_with_two_contents_the_failed_one_is_shown_and_both_are_listed() {
    let (case, totals) = assemble(spans(vec![span(1, 0, "later", 0, 99), failed(span(1, 0, "failed", 0, 9))]));
    assert_eq!(case.records.len(), 2);
    assert_eq!(totals.bundled, 2);
    assert_eq!(case.bundle.trace.spans.len(), 1);
    assert_eq!(case.bundle.trace.spans[0].name, "failed");
    assert!(case.bundle.completeness.truncated.iter().any(|line| line.contains("share their id")));
}

#[test]
fn input_31_32_33_impossible_times_are_kept_and_give_no_duration_where_there_is_none() {
    let mut zero = failed(span(2, 1, "zero", 0, 0));
    (zero.start_time_unix_nano, zero.end_time_unix_nano) = (0, u64::MAX);
    let found = bundle(spans(vec![span(1, 0, "backwards", 9, 3), zero]));
    let by_name = |name: &str| found.trace.spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(by_name("backwards").duration_ms, None);
    assert_eq!(by_name("zero").start, "1970-01-01T00:00:00.000000000Z");
}

#[test]
fn input_35_otlp_63_of_duplicate_keys_the_last_value_counts() {
    let mut many = failed(span(1, 0, "a", 0, 9));
    many.attributes = (0..10_000).map(|number| kv("app.k", Any::IntValue(number))).collect();
    let found = bundle(spans(vec![many]));
    assert_eq!(found.trace.spans[0].attrs["app.k"], json!(9_999));
}

#[test]
fn input_36_fault_28_a_huge_trace_shows_the_error_and_its_path_and_says_what_was_cut() {
    let mut all = vec![failed(span(1, 0, "top", 0, 9_000))];
    for number in 1..5_000_u64 {
        let mut child = span(2, 1, "child", number, number + 1);
        child.span_id = (number << 16).to_be_bytes().to_vec();
        all.push(if number == 4_000 { failed(child) } else { child });
    }
    let found = bundle(spans(all));
    assert_eq!(found.trace.span_count, 5_000);
    assert_eq!(found.trace.spans.len(), 200);
    assert_eq!(found.trace.span_path.len(), 2);
    let critical = found.trace.span_path[1].span_id;
    assert!(found.trace.spans.iter().any(|span| span.span_id == critical));
    assert!(found.completeness.truncated.iter().any(|line| line == "trace.spans: 200 of 5000 are shown"));
}

#[test]
fn a_path_too_long_keeps_its_top_and_the_spans_next_to_the_error() {
    let all = (1..=250_u8).map(|own| failed(span(own, own - 1, &own.to_string(), u64::from(own), 900))).collect();
    let names = path_names(all);
    assert_eq!(names.len(), 100);
    assert_eq!((names[0].as_str(), names[1].as_str(), names[99].as_str()), ("1", "152", "250"));
}

#[test]
fn fault_34_a_missing_root_is_said() {
    let found = bundle(spans(vec![failed(span(2, 9, "b", 0, 9))]));
    assert_eq!(found.trace.root, "missing");
    assert!(found.completeness.missing.iter().any(|line| line.contains("0909090909090909")));
}

#[test]
fn a_record_that_cannot_be_decoded_is_listed_and_said() {
    let mut all = failing_report();
    let mut broken = spans(vec![span(5, 1, "broken", 0, 1)]).remove(0);
    broken.entry.body.end -= 1;
    all.push(broken);
    let (case, totals) = assemble(all);
    assert_eq!((case.records.len(), totals.bundled), (8, 8));
    assert!(case.bundle.completeness.missing.contains(&"records: 1 could not be decoded".to_owned()));
}

#[test]
fn a_trace_of_undecodable_records_is_an_error_that_still_owes_their_outcome() {
    let mut broken = records(Signal::Traces, span_request(resource("s"), vec![span(5, 1, "broken", 0, 1)]));
    broken[0].entry.body.end -= 1;
    let (case, _) = try_assemble(broken);
    let error = case.unwrap_err();
    assert_eq!(error.tracked.records(), 1);
    error.tracked.settle(Outcome::Dropped(DropReason::EvidenceFailed));
}

#[test]
fn a_stack_in_the_body_of_an_error_is_read_where_none_was_recorded() {
    let body = format!("cannot report\n{STACK}");
    let mut all = spans(vec![failed(span(1, 0, "GET /report", 0, 30))]);
    all.extend(logs(vec![log(1, 5, 9, &body), log(1, 6, 17, "one line"), log(1, 7, 17, &body)]));
    let found = bundle(all);
    let exception = found.exception.unwrap();
    assert_eq!(exception.kind.as_deref(), Some("ValueError"));
    assert_eq!(exception.frames[0].func, "parse_report");
    assert_eq!(exception.stacktrace.as_deref(), Some(body.as_str()));
    assert_eq!(found.incident.class, "crash");
    // Of an exception that was recorded without its stack, the body's belongs to it if it says the same type.
    for (kind, frames) in [("ValueError", 2), ("KeyError", 0)] {
        let mut all = spans(vec![thrown(failed(span(1, 0, "GET /report", 0, 30)), 5, kind, "recorded", "")]);
        all.extend(logs(vec![log(1, 7, 17, &body)]));
        let exception = bundle(all).exception.unwrap();
        assert_eq!((exception.message.as_deref(), exception.frames.len()), (Some("recorded"), frames), "{kind}");
    }
    let lines = bundle(spans(vec![failed(span(1, 0, "GET /report", 0, 30))]));
    assert_eq!(lines.exception, None);
}

#[test]
fn where_there_is_no_stack_the_code_attributes_are_the_frame() {
    let mut failing = failed(span(1, 0, "GET /report", 0, 30));
    failing = thrown(failing, 5, "ValueError", "bad", "");
    failing.events[0].attributes.extend([
        text("code.function.name", "shop.report.parse"),
        text("code.file.path", "/app/shop/report.py"),
        kv("code.line.number", Any::IntValue(12)),
    ]);
    let found = bundle(spans(vec![failing]));
    let frames = found.exception.unwrap().frames;
    assert_eq!(frames.len(), 1);
    let frame = &frames[0];
    assert_eq!(
        (frame.func.as_str(), frame.file.as_deref(), frame.line),
        ("shop.report.parse", Some("/app/shop/report.py"), Some(12))
    );
    assert!(frame.in_app);
    assert!(
        found.completeness.missing.contains(&"exception.frames: no stack trace was recorded, only code.*".to_owned())
    );
}

#[test]
fn the_span_that_failed_says_what_recorded_it() {
    let scope = InstrumentationScope { name: "flask".to_owned(), version: "0.49b0".to_owned(), ..Default::default() };
    let spans = vec![span(1, 0, "GET /", 0, 90), failed(span(2, 1, "parse", 10, 80))];
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let envelope = ResourceSpans { resource: Some(resource("checkout")), scope_spans, ..ResourceSpans::default() };
    let request = ExportTraceServiceRequest { resource_spans: vec![envelope] }.encode_to_vec();
    let path = bundle(records(Signal::Traces, request)).trace.span_path;
    assert_eq!(
        (&path[1].attrs["otel.scope.name"], &path[1].attrs["otel.scope.version"]),
        (&"flask".into(), &"0.49b0".into())
    );
    assert!(!path[0].attrs.contains_key("otel.scope.name"));
}
