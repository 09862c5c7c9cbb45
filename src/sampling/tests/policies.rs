//! One table a policy type, with both outcomes.

use super::*;
use crate::sampling::probability::{Share, threshold};

/// Each case by a sampler of its own, so that no decision is remembered.
fn table(kind: &str, block: &Value, cases: Vec<(&str, Vec<Record>, bool)>) {
    for (case, records, kept) in cases {
        let sampler = single(kind, block.clone());
        records.iter().for_each(|record| agrees_with_its_head(&sampler, record));
        assert_eq!(keeps(&sampler, records), kept, "{kind} {block}: {case}");
    }
}

/// Guarantee: no record that triggers is passed over by its head.
fn agrees_with_its_head(sampler: &Sampler, record: &Record) {
    let may_trigger = sampler.may_trigger(record.signal(), &record.entry.head);
    assert!(may_trigger || !sampler.triggers(record), "{record:?}");
}

#[test]
fn the_default_keeps_errors_of_spans_and_logs_and_nothing_else() {
    let exception = LogRecord { attributes: vec![text("exception.type", "ValueError")], ..log(9) };
    let test = |status: &str| LogRecord { attributes: vec![text("test.case.result.status", status)], ..log(9) };
    let cases = [
        ("status ERROR", spans(vec![span(), failed()]), true),
        ("an exception event", spans(vec![span_with_event("exception")]), true),
        ("an exception as a log record", logs(vec![exception.clone()]), true),
        ("a log of severity ERROR", logs(vec![log(17)]), true),
        ("a log of severity FATAL4", logs(vec![log(24)]), true),
        ("a test case that failed", logs(vec![test("fail")]), true),
        ("a test case that passed", logs(vec![test("pass")]), false),
        ("status OK", spans(vec![span_of_status(1)]), false),
        ("another event", spans(vec![span_with_event("retry")]), false),
        ("a log of severity WARN4", logs(vec![log(16)]), false),
        ("a log of no severity", logs(vec![log(0)]), false),
    ];
    for (case, records, kept) in cases {
        let sampler = sampler(json!([]));
        assert!(!sampler.needs_whole_traces());
        records.iter().for_each(|record| agrees_with_its_head(&sampler, record));
        assert_eq!(records.iter().any(|record| sampler.triggers(record)), kept, "{case}");
        assert_eq!(decide(&sampler, records) == sampled_by(DEFAULT_POLICY), kept, "{case}");
    }
    let alone = LogRecord { trace_id: vec![], ..exception };
    assert!(!sampler(json!([])).triggers(&logs(vec![alone])[0]), "a log record without a trace id triggers nothing");
}

#[test]
fn always_sample_keeps_everything() {
    let policy = || sampler(json!([{"name": "p", "type": "always_sample"}]));
    assert!(keeps(&policy(), spans(vec![span()])));
    assert!(keeps(&policy(), logs(vec![log(0)])));
    spans(vec![span()]).iter().chain(&logs(vec![log(0)])).for_each(|record| agrees_with_its_head(&policy(), record));
}

#[test]
fn status_code_keeps_by_the_status_of_any_span() {
    table(
        "status_code",
        &json!({"status_codes": ["ERROR", "UNSET"]}),
        vec![
            ("error", spans(vec![span_of_status(1), failed()]), true),
            ("unset", spans(vec![span()]), true),
            ("ok", spans(vec![span_of_status(1)]), false),
            ("a status unknown to OTLP", spans(vec![span_of_status(7)]), false),
            ("a log has no status", logs(vec![log(17)]), false),
        ],
    );
}

#[test]
fn latency_keeps_from_the_earliest_start_to_the_latest_end() {
    let between = |start: u64, end: u64| Span {
        start_time_unix_nano: start * 1_000_000,
        end_time_unix_nano: end * 1_000_000,
        ..span()
    };
    table(
        "latency",
        &json!({"threshold_ms": 500}),
        vec![
            ("above the threshold", spans(vec![between(1_000, 1_501)]), true),
            ("at it", spans(vec![between(1_000, 1_500)]), false),
            ("over two spans", spans(vec![between(1_000, 1_100), between(1_400, 1_501)]), true),
            ("an end before the start", spans(vec![between(9_000, 1_000)]), false),
            ("a start that is not set is no start", spans(vec![between(0, 1_000)]), false),
            ("logs take no time", logs(vec![log(17)]), false),
        ],
    );
    table(
        "latency",
        &json!({"threshold_ms": 500, "upper_threshold_ms": 800}),
        vec![
            ("at the lower bound", spans(vec![between(1_000, 1_500)]), false),
            ("above it", spans(vec![between(1_000, 1_501)]), true),
            ("at the upper bound", spans(vec![between(1_000, 1_800)]), true),
            ("above the upper bound", spans(vec![between(1_000, 1_801)]), false),
            // The Collector, which measures while it goes over the spans, keeps this one in one of the two orders.
            ("long, with a span that is in between", spans(vec![between(1_000, 1_600), between(1_000, 3_000)]), false),
        ],
    );
}

#[test]
fn string_attribute_keeps_by_value_of_a_span_or_its_resource() {
    table(
        "string_attribute",
        &json!({"key": "tier", "values": ["gold", "silver"]}),
        vec![
            ("of a span", spans(vec![span(), span_with(vec![text("tier", "silver")])]), true),
            ("of the resource", spans_of(vec![text("tier", "gold")], vec![span()]), true),
            ("another value", spans(vec![span_with(vec![text("tier", "golden")])]), false),
            ("another key", spans(vec![span_with(vec![text("tiers", "gold")])]), false),
            ("another type", spans(vec![span_with(vec![int("tier", 1)])]), false),
            (
                "the first of a key counts",
                spans(vec![span_with(vec![text("tier", "tin"), text("tier", "gold")])]),
                false,
            ),
            ("of a log", logs(vec![LogRecord { attributes: vec![text("tier", "gold")], ..log(17) }]), false),
        ],
    );
}

#[test]
fn string_attribute_matches_regexes_anywhere_in_the_value() {
    let block = json!({"key": "url.path", "values": [r"\/health", "^/m.trics$"], "enabled_regex_matching": true});
    table(
        "string_attribute",
        &block,
        vec![
            ("inside", spans(vec![span_with(vec![text("url.path", "/v1/healthz")])]), true),
            ("anchored by itself", spans(vec![span_with(vec![text("url.path", "/metrics")])]), true),
            ("not anchored", spans(vec![span_with(vec![text("url.path", "/v1/metrics")])]), false),
        ],
    );
}

#[test]
fn numeric_attribute_keeps_integers_within_its_bounds() {
    let status = |value| spans(vec![span_with(vec![int("http.response.status_code", value)])]);
    let key = "http.response.status_code";
    table(
        "numeric_attribute",
        &json!({"key": key, "min_value": 500, "max_value": 599}),
        vec![
            ("at the lower bound", status(500), true),
            ("at the upper bound", status(599), true),
            ("below", status(499), false),
            ("above", status(600), false),
            ("a text counts as 0", spans(vec![span_with(vec![text(key, "500")])]), false),
            ("of the resource", spans_of(vec![int(key, 503)], vec![span()]), true),
        ],
    );
    table(
        "numeric_attribute",
        &json!({"key": key, "min_value": 1}),
        vec![("no upper bound", status(i64::MAX), true), ("below", status(0), false)],
    );
    table(
        "numeric_attribute",
        &json!({"key": key, "max_value": -1}),
        vec![
            ("no lower bound", status(i64::MIN), true),
            ("a text counts as 0", spans(vec![span_with(vec![text(key, "-5")])]), false),
            ("above", status(0), false),
        ],
    );
    table(
        "numeric_attribute",
        &json!({"key": key, "min_value": 0, "max_value": 10}),
        vec![("a bound of 0 is none", status(-1), true), ("above", status(11), false)],
    );
}

#[test]
fn boolean_attribute_keeps_by_value() {
    let flag = |value| spans(vec![span_with(vec![attribute("vip", any_value::Value::BoolValue(value))])]);
    table(
        "boolean_attribute",
        &json!({"key": "vip", "value": true}),
        vec![("true", flag(true), true), ("false", flag(false), false), ("absent", spans(vec![span()]), false)],
    );
    table(
        "boolean_attribute",
        &json!({"key": "vip", "value": false}),
        vec![
            ("false", flag(false), true),
            ("absent is not false", spans(vec![span()]), false),
            ("a text counts as false", spans(vec![span_with(vec![text("vip", "yes")])]), true),
        ],
    );
}

#[test]
fn span_count_keeps_by_the_number_of_spans_alone() {
    let mut mixed = spans(vec![span()]);
    mixed.extend(logs(vec![log(9), log(9)]));
    table(
        "span_count",
        &json!({"min_spans": 2, "max_spans": 3}),
        vec![
            ("fewer", spans(vec![span()]), false),
            ("least", spans(vec![span(); 2]), true),
            ("most", spans(vec![span(); 3]), true),
            ("more", spans(vec![span(); 4]), false),
            ("logs do not count", mixed, false),
        ],
    );
    table("span_count", &json!({"min_spans": 2}), vec![("no upper bound", spans(vec![span(); 50]), true)]);
    table("span_count", &json!({"max_spans": 3}), vec![("nothing to count", logs(vec![log(9)]), false)]);
}

#[test]
fn rate_limiting_is_a_bucket_of_spans_that_fills_again() {
    let sampler = single("rate_limiting", json!({"spans_per_second": 5}));
    let mut next = 0_u8;
    let mut ask = |millis: u64, count: usize| {
        next += 1;
        let trace = vec![Span { trace_id: vec![next; 16], ..span() }; count];
        let now = Timestamp(NOW.0 + millis * 1_000_000);
        matches!(decide_at(&sampler, now, spans(trace)), Decision::Sampled { .. })
    };
    assert!(!ask(0, 11), "more than the bucket ever holds: twice the rate");
    assert!(ask(0, 6) && ask(0, 3));
    assert!(!ask(0, 2), "a trace passes whole or not at all");
    assert!(ask(0, 1), "what did not pass was not counted");
    assert!(!ask(199, 1) && ask(200, 1), "five a second");
    assert!(ask(1_200, 5) && !ask(1_200, 1));
    assert!(!ask(1_100, 1), "a shard that is a little behind gets nothing");
    assert!(ask(3_600_000, 10) && !ask(3_600_000, 1), "and it overflows");

    let small = single("rate_limiting", json!({"spans_per_second": 5, "burst_capacity": 2}));
    assert!(!keeps(&small, spans(vec![span(); 3])));
}

#[test]
fn bytes_limiting_counts_a_request_of_the_traces_spans_alone() {
    let records = || spans_of(vec![text("service.name", "shop")], vec![failed(), failed()]);
    let request = records()[0].batch.bytes.len();
    // Each of the two has no parent, and both have no scope, which the Collector writes as empty ones.
    let size = request + 2 * 2 + 2;
    for (burst, kept) in [(size, true), (size - 1, false)] {
        table(
            "bytes_limiting",
            &json!({"bytes_per_second": 1, "burst_capacity": burst}),
            vec![("by its size", records(), kept)],
        );
    }
    table("bytes_limiting", &json!({"bytes_per_second": 1}), vec![("nothing to count", logs(vec![log(9)]), false)]);
}

#[test]
fn trace_flags_keeps_what_was_sampled_at_its_head() {
    let flags = |flags: u32| spans(vec![Span { flags, ..span() }]);
    let kept = |records| keeps(&sampler(json!([{"name": "p", "type": "trace_flags"}])), records);
    assert!(kept(flags(1)) && kept(flags(0x301)));
    assert!(!kept(flags(0)) && !kept(flags(0x300)) && !kept(logs(vec![log(17)])));
}

#[test]
fn trace_state_keeps_by_the_value_of_a_key_where_the_whole_is_valid() {
    let state = |text: &str| spans(vec![Span { trace_state: text.into(), ..span() }]);
    table(
        "trace_state",
        &json!({"key": "vendor", "values": ["a", "b"]}),
        vec![
            ("alone", state("vendor=a"), true),
            ("among others, with spaces", state("x=1, vendor=b ,t@s=2"), true),
            ("another value", state("vendor=c"), false),
            ("another key", state("vendors=a"), false),
            ("none", state(""), false),
            ("a key that is none makes all invalid", state("Upper=1,vendor=a"), false),
            ("so does one that comes twice", state("vendor=a,vendor=b"), false),
            ("and one without a value", state("vendor=a,x"), false),
            (
                "and too many",
                state(&format!("vendor=a,{}", (0..32).map(|n| format!("k{n}=1,")).collect::<String>())),
                false,
            ),
            (
                "no more than that",
                state(&format!("vendor=a,{}", (0..31).map(|n| format!("k{n}=1,")).collect::<String>())),
                true,
            ),
        ],
    );
}

#[test]
fn a_composite_gives_each_of_its_policies_a_share_of_spans() {
    let block = json!({
        "max_total_spans_per_second": 10,
        "policy_order": ["rest", "errors"],
        "composite_sub_policy": [
            {"name": "errors", "type": "and", "and": {"and_sub_policy": [
                {"name": "e", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]}},
            {"name": "rest", "type": "always_sample"},
        ],
        "rate_allocation": [{"policy": "errors", "percent": 30}],
    });
    let sampler = single("composite", block);
    let mut next = 0_u8;
    let mut ask = |second: u64, span: Span, count: usize| {
        next += 1;
        let trace = vec![Span { trace_id: vec![next; 16], ..span }; count];
        let now = Timestamp(NOW.0 + second * 1_000_000_000);
        matches!(decide_at(&sampler, now, spans(trace)), Decision::Sampled { .. })
    };
    assert!(ask(0, failed(), 2) && !ask(0, failed(), 2) && ask(0, failed(), 1), "30 % of ten");
    assert!(!ask(0, failed(), 1), "who is asked first pays, or nobody");
    assert!(ask(0, span(), 5) && !ask(0, span(), 1), "without a share of its own: half");
    assert!(ask(1, failed(), 3), "a second begins");
}

#[test]
fn probabilistic_takes_the_collectors_share_of_trace_ids() {
    // FNV-1a of `default-hash-seed` and sixteen bytes 01 is 0x3852e520beb1c84d: 22.0007 % of the range.
    for (percentage, kept) in [(0.0, false), (22.0, false), (22.1, true), (100.0, true)] {
        table(
            "probabilistic",
            &json!({"sampling_percentage": percentage}),
            vec![("a span", spans(vec![span()]), kept), ("a log", logs(vec![log(0)]), kept)],
        );
    }
    // FNV-1a of `salt` and the bytes 00 to 0f is 0x310a3aa47cd76831: 19.16 %.
    let id = TraceId(std::array::from_fn(|n| n as u8));
    assert!(!Share::new("salt", 19.0).contains(id) && Share::new("salt", 19.2).contains(id));
    assert_ne!(Share::new("", 19.2).contains(id), Share::new("salt", 19.2).contains(id), "salts hash apart");
}

#[test]
fn thresholds_are_those_of_gos_big_float() {
    let expected = [
        (0.0, 0),
        (1e-30, 0),
        (f64::MIN_POSITIVE / 4.0, 0),
        (0.1, 18_446_744_073_709_551),
        (1.0, 184_467_440_737_095_519),
        (10.0, 1_844_674_407_370_955_263),
        (33.3, 6_142_765_776_545_279_999),
        (50.0, 9_223_372_036_854_775_807),
        (99.9, 18_428_297_329_635_844_095),
        (100.0, u64::MAX),
    ];
    for (percentage, value) in expected {
        assert_eq!(threshold(percentage / 100.0), value, "{percentage} %");
    }
}

#[test]
fn and_keeps_what_all_of_its_policies_keep_even_by_different_spans() {
    let block = json!({"and_sub_policy": [
        {"name": "a", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "b", "type": "string_attribute", "string_attribute": {"key": "tier", "values": ["gold"]}},
    ]});
    table(
        "and",
        &block,
        vec![
            ("by one span", spans(vec![Span { attributes: vec![text("tier", "gold")], ..failed() }]), true),
            ("by two", spans(vec![failed(), span_with(vec![text("tier", "gold")])]), true),
            ("one is missing", spans(vec![failed()]), false),
            ("the other is missing", spans(vec![span_with(vec![text("tier", "gold")])]), false),
        ],
    );
    let inverted = json!({"and_sub_policy": [
        {"name": "a", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "b", "type": "string_attribute",
         "string_attribute": {"key": "tier", "values": ["test"], "invert_match": true}},
    ]});
    table(
        "and",
        &inverted,
        vec![
            ("the value is not there", spans(vec![failed()]), true),
            ("the value is there", spans(vec![failed(), span_with(vec![text("tier", "test")])]), false),
        ],
    );
}

#[test]
fn an_and_spends_its_rate_limit_only_on_what_the_policies_before_it_let_pass() {
    let block = json!({"and_sub_policy": [
        {"name": "a", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "b", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1, "burst_capacity": 1}},
    ]});
    let sampler = single("and", block);
    let of = |id: u8, span: Span| spans(vec![Span { trace_id: vec![id; 16], ..span }]);
    assert!(!keeps(&sampler, of(1, span())));
    assert!(keeps(&sampler, of(2, failed())));
    assert!(!keeps(&sampler, of(3, failed())));
}

#[test]
fn not_keeps_what_its_policy_does_not_keep() {
    let block = json!({"not_sub_policy": {"type": "status_code", "status_code": {"status_codes": ["ERROR"]}}});
    table(
        "not",
        &block,
        vec![
            ("no error", spans(vec![span()]), true),
            ("an error", spans(vec![span(), failed()]), false),
            ("nothing to judge", logs(vec![log(9)]), false),
        ],
    );
}
