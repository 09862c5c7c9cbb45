//! How policies are weighed against each other, what one record shows, and what is remembered.

use proptest::prelude::*;

use super::*;

fn errors() -> Value {
    json!({"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}})
}

fn gold(invert_match: bool) -> Value {
    json!({"name": "gold", "type": "string_attribute",
           "string_attribute": {"key": "tier", "values": ["gold"], "invert_match": invert_match}})
}

fn dropping() -> Value {
    json!({"name": "health", "type": "drop", "drop": {"drop_sub_policy": [
        {"name": "path", "type": "string_attribute", "string_attribute": {"key": "url.path", "values": ["/health"]}},
    ]}})
}

fn of_gold() -> Span {
    span_with(vec![text("tier", "gold")])
}

fn of_health() -> Span {
    Span { attributes: vec![text("url.path", "/health")], ..failed() }
}

fn dropped() -> Decision {
    Decision::Dropped { policy: "health".into() }
}

#[test]
fn the_first_policy_that_samples_is_named() {
    let policies =
        json!([{"name": "rest", "type": "latency", "latency": {"threshold_ms": 99_999}}, gold(false), errors()]);
    assert_eq!(decide(&sampler(policies.clone()), spans(vec![failed(), of_gold()])), sampled_by("gold"));
    assert_eq!(decide(&sampler(policies.clone()), spans(vec![failed()])), sampled_by("errors"));
    assert_eq!(decide(&sampler(policies), spans(vec![span()])), Decision::NotSampled);
}

#[test]
fn a_drop_policy_wins_wherever_it_stands() {
    let sampler = sampler(json!([errors(), dropping()]));
    assert!(!sampler.needs_whole_traces(), "it is asked when the trace is decided anyway");
    assert_eq!(decide(&sampler, spans(vec![of_health()])), dropped());
    let other = Span { trace_id: vec![2; 16], ..failed() };
    assert_eq!(decide(&sampler, spans(vec![other])), sampled_by("errors"), "and says nothing where it does not match");
}

#[test]
fn an_inverted_policy_samples_where_its_value_is_not_there_and_forbids_nothing() {
    assert_eq!(
        decide(&sampler(json!([errors(), gold(true)])), spans(vec![failed(), of_gold()])),
        sampled_by("errors"),
        "as the Collector since inverted decisions are no more"
    );
    assert_eq!(decide(&sampler(json!([gold(true), errors()])), spans(vec![failed()])), sampled_by("gold"));
    assert_eq!(decide(&sampler(json!([gold(true)])), spans(vec![span()])), sampled_by("gold"));
    assert_eq!(decide(&sampler(json!([gold(true)])), spans(vec![of_gold()])), Decision::NotSampled);
    assert_eq!(decide(&sampler(json!([gold(true)])), logs(vec![log(17)])), Decision::NotSampled);
}

#[test]
fn whole_traces_are_needed_exactly_where_no_record_and_no_length_tells_what_a_policy_may_keep() {
    let latency = json!({"name": "l", "type": "latency", "latency": {"threshold_ms": 1}});
    let composite = |parts: &[Value]| {
        json!({"name": "m", "type": "composite", "composite": {
            "max_total_spans_per_second": 1, "composite_sub_policy": parts}})
    };
    let rate = json!({"name": "r", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1}});
    let share = json!({"name": "s", "type": "probabilistic", "probabilistic": {"sampling_percentage": 10}});
    let and = |parts: &[Value]| json!({"name": "and", "type": "and", "and": {"and_sub_policy": parts}});
    let cases = [
        (errors(), false),
        (gold(false), false),
        (share.clone(), false),
        (json!({"name": "a", "type": "always_sample"}), false),
        (and(&[errors(), share.clone()]), false),
        (and(&[errors(), rate.clone()]), false),
        (gold(true), true),
        (rate.clone(), true),
        (json!({"name": "f", "type": "trace_flags"}), false),
        (json!({"name": "t", "type": "trace_state", "trace_state": {"key": "a", "values": ["b"]}}), false),
        (json!({"name": "o", "type": "ottl_condition", "ottl_condition": {"span": ["IsRootSpan()"]}}), false),
        (json!({"name": "b", "type": "bytes_limiting", "bytes_limiting": {"bytes_per_second": 1}}), true),
        (composite(&[errors(), latency.clone()]), false),
        (composite(&[errors(), gold(true)]), true),
        (composite(&[errors(), rate.clone()]), true),
        (and(std::slice::from_ref(&rate)), true),
        (and(&[rate.clone(), errors()]), true),
        (and(&[share.clone(), rate.clone(), errors()]), true),
        (and(&[errors(), gold(false)]), false),
        (and(&[errors(), gold(true)]), false),
        (and(&[gold(true), json!({"name": "c", "type": "span_count", "span_count": {"min_spans": 2}})]), true),
        (latency.clone(), false),
        (and(&[errors(), latency.clone()]), false),
        (and(&[latency.clone(), rate.clone()]), false),
        (and(&[errors(), rate.clone(), latency.clone()]), true),
        (and(&[rate.clone(), latency.clone()]), true),
        (json!({"name": "c", "type": "span_count", "span_count": {"min_spans": 2}}), true),
        (json!({"name": "n", "type": "not", "not": {"not_sub_policy": errors()}}), true),
    ];
    for (policy, whole) in cases {
        assert_eq!(sampler(json!([policy])).needs_whole_traces(), whole, "{policy}");
        assert_eq!(sampler(json!([policy, dropping()])).needs_whole_traces(), whole, "{policy}, and a drop policy");
    }
}

#[test]
fn fault_35_a_sampled_trace_stays_sampled_by_the_same_policy_whatever_comes_late() {
    let sampler = sampler(json!([errors(), gold(true), dropping()]));
    assert!(!sampler.sampled_before(TraceId([1; 16])));
    assert_eq!(decide(&sampler, spans(vec![failed()])), sampled_by("errors"));
    assert!(sampler.sampled_before(TraceId([1; 16])));
    for late in [span(), of_gold(), of_health()] {
        assert_eq!(decide(&sampler, spans(vec![late])), sampled_by("errors"));
    }
    assert_eq!(decide(&sampler, logs(vec![log(9)])), sampled_by("errors"));
}

#[test]
fn fault_35_late_evidence_gets_an_unwanted_trace_kept() {
    let sampler = sampler(json!([errors()]));
    assert_eq!(decide(&sampler, spans(vec![span()])), Decision::NotSampled);
    assert_eq!(decide(&sampler, spans(vec![failed()])), sampled_by("errors"));
    assert_eq!(decide(&sampler, spans(vec![span()])), sampled_by("errors"));
}

#[test]
fn a_late_fragment_is_not_taken_for_the_trace() {
    let fine = json!({"name": "fine", "type": "not", "not": {"not_sub_policy": errors()}});
    let sampler = sampler(json!([fine, gold(false)]));
    assert_eq!(decide(&sampler, spans(vec![failed()])), Decision::NotSampled);
    assert_eq!(decide(&sampler, spans(vec![span()])), Decision::NotSampled, "the error came before");
    assert_eq!(decide(&sampler, spans(vec![of_gold()])), sampled_by("gold"));
}

#[test]
fn dropped_traces_stay_so() {
    let sampler = sampler(json!([dropping(), errors()]));
    assert_eq!(decide(&sampler, spans(vec![of_health()])), dropped());
    assert_eq!(decide(&sampler, spans(vec![failed()])), dropped());
}

#[test]
fn a_trace_that_was_asked_for_by_id_is_sampled_whatever_the_policies_say() {
    let sampler = sampler(json!([errors()]));
    sampler.keep(TraceId([1; 16]));
    assert_eq!(decide(&sampler, spans(vec![span()])), sampled_by(KEEP_POLICY));
    assert_eq!(decide(&sampler, spans(vec![Span { trace_id: vec![2; 16], ..failed() }])), sampled_by("errors"));
    sampler.keep(TraceId([2; 16]));
    assert_eq!(decide(&sampler, spans(vec![Span { trace_id: vec![2; 16], ..span() }])), sampled_by("errors"));
}

#[test]
fn memory_is_bounded_and_forgets_the_oldest_or_is_off() {
    let with = |size: u64| {
        let cache = json!({"sampled_cache_size": size, "non_sampled_cache_size": size});
        let config = json!({"decision_cache": cache, "policies": [errors()]});
        Sampler::compile(&serde_json::from_value(config).unwrap()).unwrap()
    };
    let small = with(10);
    let id = |n: u8| TraceId([n; 16]);
    for n in 1..=200 {
        decide(&small, spans(vec![Span { trace_id: vec![n; 16], ..failed() }]));
        assert!(small.sampled_before(id(n)), "the newest decision is remembered");
    }
    small.memory.settle();
    let remembered: Vec<u8> = (1..=200).filter(|n| small.sampled_before(id(*n))).collect();
    assert_eq!(remembered, (191..=200).collect::<Vec<_>>());

    let off = with(0);
    assert_eq!(decide(&off, spans(vec![failed()])), sampled_by("errors"));
    assert!(!off.sampled_before(id(1)));
}

fn policies() -> impl Strategy<Value = Value> {
    let share = |percentage: u8| json!({"name": "s", "type": "probabilistic", "probabilistic": {"sampling_percentage": percentage}});
    let leaf = prop_oneof![
        Just(errors()),
        Just(gold(false)),
        Just(json!({"name": "always", "type": "always_sample"})),
        (0..=100_u8).prop_map(share),
        Just(json!({"name": "slow", "type": "latency", "latency": {"threshold_ms": 500}})),
        Just(json!({"name": "many", "type": "span_count", "span_count": {"min_spans": 2}})),
        Just(
            json!({"name": "code", "type": "numeric_attribute", "numeric_attribute": {"key": "code", "min_value": 5}})
        ),
    ];
    let and = proptest::collection::vec(leaf.clone(), 1..4)
        .prop_map(|parts| json!({"name": "and", "type": "and", "and": {"and_sub_policy": parts}}));
    let not = leaf.clone().prop_map(|part| json!({"name": "not", "type": "not", "not": {"not_sub_policy": part}}));
    let negative = prop_oneof![leaf.clone(), Just(gold(true))];
    let composite = proptest::collection::vec(negative, 1..3).prop_map(|parts| {
        json!({"name": "composite", "type": "composite", "composite": {
            "max_total_spans_per_second": 1000, "composite_sub_policy": parts}})
    });
    proptest::collection::vec(prop_oneof![3 => leaf, 1 => and, 1 => not, 1 => composite], 0..4).prop_map(
        |mut policies| {
            for (index, policy) in policies.iter_mut().enumerate() {
                policy["name"] = json!(format!("p{index}"));
            }
            Value::Array(policies)
        },
    )
}

fn any_span() -> impl Strategy<Value = Span> {
    (0..4_i32, any::<bool>(), proptest::option::of(0..10_i64), any::<bool>(), 1..900_u64).prop_map(
        |(status, gold, code, exception, from)| {
            let mut attributes = Vec::new();
            attributes.extend(gold.then(|| text("tier", "gold")));
            attributes.extend(code.map(|code| int("code", code)));
            let events = if exception { span_with_event("exception").events } else { vec![] };
            let [start_time_unix_nano, end_time_unix_nano] = [from, from + 300].map(|millis| millis * 1_000_000);
            Span { attributes, events, start_time_unix_nano, end_time_unix_nano, ..span_of_status(status) }
        },
    )
}

proptest! {
    /// Where no policy needs whole traces, one without a record that triggers is not sampled unless it takes long; where each policy is told by
    /// one record, one with such a record is; and the order of its records changes nothing.
    #[test]
    fn triggers_foretell_decisions(
        policies in policies(),
        some in proptest::collection::vec(any_span(), 0..4),
        severities in proptest::collection::vec(0..25_i32, 0..3),
        id in proptest::array::uniform16(1..=255_u8),
    ) {
        let spans = spans(some.into_iter().map(|span| Span { trace_id: id.to_vec(), ..span }).collect());
        let logs = logs(severities.into_iter().map(|severity| LogRecord { trace_id: id.to_vec(), ..log(severity) }).collect());
        let records: Vec<Record> = spans.into_iter().chain(logs).collect();
        prop_assume!(!records.is_empty());
        let reversed: Vec<Record> = records.iter().rev().cloned().collect();

        let first = sampler(policies.clone());
        let triggered = records.iter().any(|record| first.triggers(record));
        let times = |time: fn(&Head) -> Timestamp| {
            records.iter().filter(|record| record.signal() == Signal::Traces).map(move |record| time(&record.entry.head))
        };
        let (start, end) = (times(|head| head.start).min(), times(|head| head.end).max());
        let took = end.zip(start).map_or(Duration::ZERO, |(end, start)| end.since(start));
        let decision = decide(&first, records);
        let is_sampled = matches!(decision, Decision::Sampled { .. });
        let is_told = first.policies.iter().all(Policy::by_record);
        prop_assert!(!triggered || is_sampled || !is_told, "triggered, and {:?}", decision);
        let is_long = first.longest().is_some_and(|most| took.as_millis() > most.as_millis());
        prop_assert!(first.needs_whole_traces() || is_long || triggered || !is_sampled);
        prop_assert_eq!(decide(&sampler(policies), reversed), decision);
    }
}
