//! What is wrong with policies is refused at start, all of it at once, with its place.

use super::*;

/// The problems of these policies, as (path, message and advice).
fn problems(policies: Value) -> Vec<(String, String)> {
    let problems = Sampler::compile(&config(policies)).unwrap_err();
    problems
        .into_iter()
        .map(|problem| (problem.path.clone(), problem.to_string().trim_start_matches(&problem.path).to_owned()))
        .collect()
}

#[track_caller]
fn refused(policy: Value, path: &str, says: &str) {
    let found = problems(json!([policy.clone()]));
    assert_eq!(found.len(), 1, "{policy}: {found:?}");
    assert_eq!(found[0].0, path, "{policy}");
    assert!(found[0].1.contains(says), "{policy}: {}", found[0].1);
}

#[test]
fn unknown_types_are_refused_by_name_with_the_supported_ones() {
    refused(
        json!({"name": "p", "type": "my_extension"}),
        "policies[0].type",
        "policies of type `my_extension` are not supported; use one of always_sample, status_code, latency, \
         string_attribute, numeric_attribute, boolean_attribute, probabilistic, rate_limiting, bytes_limiting, span_count, \
         trace_state, trace_flags, ottl_condition, and, not, drop, composite",
    );
    refused(json!({"name": "p"}), "policies[0].type", "needs a type");
}

#[test]
fn a_type_needs_its_own_block_and_no_other() {
    for kind in [
        "status_code",
        "latency",
        "string_attribute",
        "numeric_attribute",
        "boolean_attribute",
        "probabilistic",
        "rate_limiting",
        "bytes_limiting",
        "span_count",
        "trace_state",
        "ottl_condition",
        "composite",
        "and",
        "not",
        "drop",
    ] {
        refused(json!({"name": "p", "type": kind}), "policies[0]", &format!("needs a block `{kind}:`"));
        let both = json!({"name": "p", "type": "always_sample", kind: {}});
        refused(both, &format!("policies[0].{kind}"), &format!("of type `always_sample` and has a block `{kind}:`"));
    }
    let other = json!({"name": "p", "type": "and", "latency": {"threshold_ms": 1}});
    refused(other, "policies[0].latency", "write `type: latency`");
}

#[test]
fn names_are_needed_and_unique() {
    refused(json!({"type": "always_sample"}), "policies[0].name", "needs a name");
    let always = json!({"name": "p", "type": "always_sample"});
    let found = problems(json!([always, {"name": "q", "type": "always_sample"}, always]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "policies[2].name");
    assert!(found[0].1.contains("`p` is taken by policies[0]"));
}

#[test]
fn values_out_of_range_are_refused_where_they_stand() {
    let case = |kind: &str, block: Value, path: &str, says: &str| {
        let path = format!("policies[0].{kind}{path}");
        refused(json!({"name": "p", "type": kind, kind: block}), &path, says);
    };
    case("status_code", json!({}), ".status_codes", "at least one");
    case(
        "status_code",
        json!({"status_codes": ["OK", "error"]}),
        ".status_codes[1]",
        "`error` is not a status; use OK",
    );
    case("latency", json!({"threshold_ms": -1}), ".threshold_ms", "negative");
    case("latency", json!({"threshold_ms": 5, "upper_threshold_ms": 5}), ".upper_threshold_ms", "above");
    case("string_attribute", json!({"values": ["a"]}), ".key", "key is needed");
    case("string_attribute", json!({"key": "k"}), ".values", "at least one");
    case("numeric_attribute", json!({"key": "k"}), "", "`min_value`, `max_value` or both");
    case("numeric_attribute", json!({"key": "k", "min_value": 0}), "", "0 stands for none");
    case("numeric_attribute", json!({"key": "k", "min_value": 2, "max_value": 1}), ".max_value", "below");
    case("numeric_attribute", json!({"min_value": 2}), ".key", "key is needed");
    case("boolean_attribute", json!({"value": true}), ".key", "key is needed");
    case("probabilistic", json!({"sampling_percentage": 100.5}), ".sampling_percentage", "0 to 100");
    case("probabilistic", json!({"sampling_percentage": -1}), ".sampling_percentage", "0 to 100");
    case("rate_limiting", json!({}), ".spans_per_second", "keep nothing");
    case("rate_limiting", json!({"spans_per_second": -5}), ".spans_per_second", "negative");
    case("rate_limiting", json!({"spans_per_second": 5, "burst_capacity": -1}), ".burst_capacity", "negative");
    case("bytes_limiting", json!({}), ".bytes_per_second", "keep nothing");
    case("trace_state", json!({"values": ["a"]}), ".key", "key is needed");
    case("trace_state", json!({"key": "a"}), ".values", "at least one");
    case("ottl_condition", json!({}), "", "`span`, `spanevent` or both");
    case("ottl_condition", json!({"span": ["true"], "error_mode": "loud"}), ".error_mode", "not an error mode");
    let always = json!({"name": "a", "type": "always_sample"});
    let composite = |with: Value| {
        let mut block = json!({"max_total_spans_per_second": 9, "composite_sub_policy": [always]});
        block.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        block
    };
    case(
        "composite",
        composite(json!({"max_total_spans_per_second": 0})),
        ".max_total_spans_per_second",
        "keep nothing",
    );
    case("composite", composite(json!({"composite_sub_policy": []})), ".composite_sub_policy", "at least one");
    case("composite", composite(json!({"policy_order": ["b"]})), ".policy_order[0]", "is named `b`");
    let share = json!({"rate_allocation": [{"policy": "b", "percent": 5}]});
    case("composite", composite(share), ".rate_allocation[0].policy", "is named `b`");
    case("span_count", json!({"min_spans": -1}), ".min_spans", "negative");
    case("span_count", json!({"min_spans": 3, "max_spans": 2}), ".max_spans", "below");
}

#[test]
fn a_bad_regex_is_refused_with_its_place_and_reason() {
    let block = json!({"key": "k", "values": ["ok", "(open"], "enabled_regex_matching": true});
    refused(
        json!({"name": "p", "type": "string_attribute", "string_attribute": block}),
        "policies[0].string_attribute.values[1]",
        "`(open` is not a regular expression: unclosed group",
    );
    let plain = json!({"key": "k", "values": ["(open"]});
    assert!(
        Sampler::compile(&config(json!([{"name": "p", "type": "string_attribute", "string_attribute": plain}])))
            .is_ok()
    );
}

#[test]
fn combining_policies_name_the_place_inside_and_do_not_nest() {
    let bad = json!({"name": "x", "type": "and", "and": {"and_sub_policy": []}});
    let latency = json!({"name": "l", "type": "latency", "latency": {"threshold_ms": -1}});
    refused(bad.clone(), "policies[0].and.and_sub_policy", "at least one");
    refused(
        json!({"name": "p", "type": "drop", "drop": {"drop_sub_policy": [{"type": "always_sample"}, bad]}}),
        "policies[0].drop.drop_sub_policy[1].type",
        "`and` cannot stand inside another",
    );
    refused(
        json!({"name": "p", "type": "not", "not": {"not_sub_policy": latency}}),
        "policies[0].not.not_sub_policy.latency.threshold_ms",
        "negative",
    );
    refused(json!({"name": "p", "type": "not", "not": {}}), "policies[0].not.not_sub_policy.type", "needs a type");
}

#[test]
fn all_problems_are_told_at_once() {
    let found = problems(json!([
        {"name": "", "type": "compound"},
        {"name": "ok", "type": "always_sample"},
        {"name": "p", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1000}},
    ]));
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["policies[0].name", "policies[0].type", "policies[2].probabilistic.sampling_percentage"]);
}

#[test]
fn the_collectors_own_example_compiles() {
    let policies = json!([
        {"name": "1", "type": "always_sample"},
        {"name": "2", "type": "latency", "latency": {"threshold_ms": 5000, "upper_threshold_ms": 10000}},
        {"name": "3", "type": "numeric_attribute", "numeric_attribute": {"key": "key1", "min_value": 50, "max_value": 100}},
        {"name": "4", "type": "probabilistic", "probabilistic": {"sampling_percentage": 10}},
        {"name": "5", "type": "status_code", "status_code": {"status_codes": ["ERROR", "UNSET"]}},
        {"name": "7", "type": "string_attribute", "string_attribute":
            {"key": "key2", "values": ["value1", "val*"], "enabled_regex_matching": true, "cache_max_size": 10}},
        {"name": "6", "type": "trace_state", "trace_state": {"key": "key3", "values": ["value1", "value2"]}},
        {"name": "9", "type": "bytes_limiting", "bytes_limiting": {"bytes_per_second": 1024, "burst_capacity": 2048}},
        {"name": "11", "type": "ottl_condition", "ottl_condition": {"error_mode": "ignore",
            "span": ["attributes[\"test_attr_key_1\"] == \"test_attr_val_1\"", "attributes[\"test_attr_key_2\"] != \"test_attr_val_1\""],
            "spanevent": ["name != \"test_span_event_name\"", "attributes[\"test_event_attr_key_2\"] != \"test_event_attr_val_1\""]}},
        {"name": "flags", "type": "trace_flags"},
        {"name": "composite", "type": "composite", "composite": {
            "max_total_spans_per_second": 1000, "policy_order": ["c1", "c2", "c3"],
            "composite_sub_policy": [
                {"name": "c1", "type": "numeric_attribute", "numeric_attribute": {"key": "key1", "min_value": 50}},
                {"name": "c2", "type": "string_attribute", "string_attribute": {"key": "key2", "values": ["value1"]}},
                {"name": "c3", "type": "always_sample"}],
            "rate_allocation": [{"policy": "c1", "percent": 50}, {"policy": "c2", "percent": 25}]}},
        {"name": "8", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 35}},
        {"name": "10", "type": "span_count", "span_count": {"min_spans": 2, "max_spans": 20}},
        {"name": "12", "type": "boolean_attribute", "boolean_attribute": {"key": "key4", "value": true}},
        {"name": "and", "type": "and", "and": {"and_sub_policy": [
            {"name": "a", "type": "numeric_attribute", "numeric_attribute": {"key": "key1", "min_value": 50}},
            {"name": "b", "type": "string_attribute", "string_attribute": {"key": "key2", "values": ["value1"]}}]}},
        {"name": "drop", "type": "drop", "drop": {"drop_sub_policy": [
            {"name": "c", "type": "string_attribute", "string_attribute":
                {"key": "url.path", "values": ["\\/health", "\\/metrics"], "enabled_regex_matching": true}}]}},
    ]);
    assert!(sampler(policies).needs_whole_traces());
}
