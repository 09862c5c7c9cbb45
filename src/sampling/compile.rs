//! From the configuration's policies to ones that can be asked. Everything wrong is found at start, and all of it at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::Regex;

use crate::config::{self, Problem};

use super::DEFAULT_POLICY;
use super::composite::{Composite, Part};
use super::ottl::{Conditions, Context, parse};
use super::policy::{Condition, Policy, Rule, Test, ValueTest};
use super::probability::Share;
use super::rate::Rate;

/// Types that stand by themselves and inside others.
const SINGLE: [&str; 13] = [
    "always_sample",
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
    "trace_flags",
    "ottl_condition",
];
/// Types that combine others.
const COMBINING: [&str; 4] = ["and", "not", "drop", "composite"];

type Compiled<T> = Result<T, Vec<Problem>>;

/// Compiles all policies; the default where there is none.
pub(super) fn policies(configured: &[config::Policy]) -> Compiled<Vec<Policy>> {
    if configured.is_empty() {
        let rule = Rule::One(Condition { test: Test::Error, inverted: false });
        return Ok(vec![Policy::new(DEFAULT_POLICY.into(), rule)]);
    }
    let mut problems = names(configured);
    let compiled = each(configured, "policies", |policy| {
        rule(policy).map(|rule| Policy::new(Arc::from(policy.name.as_str()), rule))
    });
    match compiled {
        Ok(policies) if problems.is_empty() => Ok(policies),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

fn names(configured: &[config::Policy]) -> Vec<Problem> {
    let mut first = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, policy) in configured.iter().enumerate() {
        let path = format!("policies[{index}].name");
        if policy.name.is_empty() {
            problems.push(Problem::new(path, "a policy needs a name"));
        } else if let Some(other) = first.insert(policy.name.as_str(), index) {
            let message = format!("the name `{}` is taken by policies[{other}]", policy.name);
            problems.push(Problem::new(path, message).instead("give each policy a name of its own"));
        }
    }
    problems
}

/// Compiles the elements of a list, and collects the problems of all of them under `path[index]`.
fn each<T, U>(items: &[T], path: &str, compile: impl Fn(&T) -> Compiled<U>) -> Compiled<Vec<U>> {
    let (mut compiled, mut problems) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        match compile(item) {
            Ok(done) => compiled.push(done),
            Err(found) => problems.extend(found.into_iter().map(|problem| problem.under(&format!("{path}[{index}]")))),
        }
    }
    if problems.is_empty() { Ok(compiled) } else { Err(problems) }
}

fn rule(policy: &config::Policy) -> Compiled<Rule> {
    match policy.kind.as_str() {
        "and" => {
            only_own_block(policy)?;
            let block = required(policy.and.as_ref(), "and")?;
            conditions(&block.and_sub_policy, "and.and_sub_policy").map(Rule::And)
        }
        "drop" => {
            only_own_block(policy)?;
            let block = required(policy.drop.as_ref(), "drop")?;
            conditions(&block.drop_sub_policy, "drop.drop_sub_policy").map(Rule::Drop)
        }
        "not" => inverse(policy).map(Rule::One),
        "composite" => {
            only_own_block(policy)?;
            let block = required(policy.composite.as_ref(), "composite")?;
            composite(block).map(Rule::Composite).map_err(|problems| under(problems, "composite"))
        }
        _ => {
            let supported: Vec<&str> = SINGLE.into_iter().chain(COMBINING).collect();
            condition(policy, &supported).map(Rule::One)
        }
    }
}

fn conditions(policies: &[config::Policy], path: &str) -> Compiled<Vec<Condition>> {
    if policies.is_empty() {
        return one(Problem::new(path, "at least one policy is needed"));
    }
    each(policies, path, |policy| if policy.kind == "not" { inverse(policy) } else { condition(policy, &SINGLE) })
}

/// The opposite of what the policy in a `not` says.
fn inverse(policy: &config::Policy) -> Compiled<Condition> {
    only_own_block(policy)?;
    let block = required(policy.not.as_ref(), "not")?;
    let Condition { test, inverted } =
        condition(&block.not_sub_policy, &SINGLE).map_err(|problems| under(problems, "not.not_sub_policy"))?;
    Ok(Condition { test, inverted: !inverted })
}

fn composite(block: &config::CompositePolicy) -> Compiled<Composite> {
    let most = natural(block.max_total_spans_per_second, "max_total_spans_per_second")?;
    if most == 0 {
        return one(Problem::new("max_total_spans_per_second", "a limit of 0 would keep nothing"));
    }
    if block.composite_sub_policy.is_empty() {
        return one(Problem::new("composite_sub_policy", "at least one policy is needed"));
    }
    let known = |name: &str| block.composite_sub_policy.iter().any(|policy| policy.name == name);
    if let Some((index, name)) = block.policy_order.iter().enumerate().find(|(_, name)| !known(name)) {
        let message = format!("no policy of `composite_sub_policy` is named `{name}`");
        return one(Problem::new(format!("policy_order[{index}]"), message));
    }
    for (index, share) in block.rate_allocation.iter().enumerate() {
        let path = format!("rate_allocation[{index}]");
        if !known(&share.policy) {
            let message = format!("no policy of `composite_sub_policy` is named `{}`", share.policy);
            return one(Problem::new(format!("{path}.policy"), message));
        }
        natural(share.percent, &format!("{path}.percent"))?;
    }
    let equal = most / block.composite_sub_policy.len() as u64;
    let share = |name: &str| {
        // The last of a name counts, and 0 stands for an equal share.
        let found = block.rate_allocation.iter().rev().find(|share| share.policy == name);
        found.and_then(|share| u64::try_from(share.percent).ok()).filter(|percent| *percent > 0)
    };
    let parts = each(&block.composite_sub_policy, "composite_sub_policy", |policy| {
        let conditions = match policy.kind.as_str() {
            "and" => {
                only_own_block(policy)?;
                conditions(&required(policy.and.as_ref(), "and")?.and_sub_policy, "and.and_sub_policy")?
            }
            _ => vec![condition(policy, &SINGLE)?],
        };
        Ok(Part { conditions, spans_per_second: share(&policy.name).map_or(equal, |percent| portion(most, percent)) })
    })?;
    Ok(Composite::new(parts, most))
}

/// So many percent of a number, as the Collector reckons it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and not negative"
)]
fn portion(of: u64, percent: u64) -> u64 {
    (percent as f64 / 100.0 * of as f64) as u64
}

fn under(problems: Vec<Problem>, path: &str) -> Vec<Problem> {
    problems.into_iter().map(|problem| problem.under(path)).collect()
}

fn condition(policy: &config::Policy, supported: &[&str]) -> Compiled<Condition> {
    let (test, inverted) = match policy.kind.as_str() {
        "always_sample" => (only_own_block(policy).map(|()| Test::Always)?, false),
        "status_code" => (block(policy, policy.status_code.as_ref(), status_code)?, false),
        "latency" => (block(policy, policy.latency.as_ref(), latency)?, false),
        "string_attribute" => {
            let inverted = policy.string_attribute.as_ref().is_some_and(|block| block.invert_match);
            (block(policy, policy.string_attribute.as_ref(), string_attribute)?, inverted)
        }
        "numeric_attribute" => {
            let inverted = policy.numeric_attribute.as_ref().is_some_and(|block| block.invert_match);
            (block(policy, policy.numeric_attribute.as_ref(), numeric_attribute)?, inverted)
        }
        "boolean_attribute" => {
            let inverted = policy.boolean_attribute.as_ref().is_some_and(|block| block.invert_match);
            (block(policy, policy.boolean_attribute.as_ref(), boolean_attribute)?, inverted)
        }
        "probabilistic" => (block(policy, policy.probabilistic.as_ref(), probabilistic)?, false),
        "rate_limiting" => (block(policy, policy.rate_limiting.as_ref(), rate_limiting)?, false),
        "bytes_limiting" => (block(policy, policy.bytes_limiting.as_ref(), bytes_limiting)?, false),
        "span_count" => (block(policy, policy.span_count.as_ref(), span_count)?, false),
        "trace_state" => (block(policy, policy.trace_state.as_ref(), trace_state)?, false),
        "trace_flags" => (only_own_block(policy).map(|()| Test::TraceFlags)?, false),
        "ottl_condition" => (block(policy, policy.ottl_condition.as_ref(), ottl_condition)?, false),
        kind => return one(unsupported(kind, supported)),
    };
    Ok(Condition { test, inverted })
}

fn unsupported(kind: &str, supported: &[&str]) -> Problem {
    let message = match kind {
        "" => "a policy needs a type".to_owned(),
        kind if COMBINING.contains(&kind) => format!("a policy of type `{kind}` cannot stand inside another"),
        kind => format!("policies of type `{kind}` are not supported"),
    };
    Problem::new("type", message).instead(format!("use one of {}", supported.join(", ")))
}

/// Compiles the block of a policy's type, and puts its name before the paths of what is wrong in it.
fn block<B>(policy: &config::Policy, found: Option<&B>, compile: impl Fn(&B) -> Compiled<Test>) -> Compiled<Test> {
    only_own_block(policy)?;
    let found = required(found, &policy.kind)?;
    compile(found).map_err(|problems| problems.into_iter().map(|problem| problem.under(&policy.kind)).collect())
}

fn required<'a, B>(block: Option<&'a B>, kind: &str) -> Compiled<&'a B> {
    let missing = || vec![Problem::new("", format!("a policy of type `{kind}` needs a block `{kind}:`"))];
    block.ok_or_else(missing)
}

/// Refuses the blocks of other types: one of the two is a mistake, and which one cannot be guessed.
fn only_own_block(policy: &config::Policy) -> Compiled<()> {
    let blocks = [
        ("status_code", policy.status_code.is_some()),
        ("latency", policy.latency.is_some()),
        ("string_attribute", policy.string_attribute.is_some()),
        ("numeric_attribute", policy.numeric_attribute.is_some()),
        ("boolean_attribute", policy.boolean_attribute.is_some()),
        ("probabilistic", policy.probabilistic.is_some()),
        ("rate_limiting", policy.rate_limiting.is_some()),
        ("bytes_limiting", policy.bytes_limiting.is_some()),
        ("span_count", policy.span_count.is_some()),
        ("trace_state", policy.trace_state.is_some()),
        ("ottl_condition", policy.ottl_condition.is_some()),
        ("composite", policy.composite.is_some()),
        ("and", policy.and.is_some()),
        ("not", policy.not.is_some()),
        ("drop", policy.drop.is_some()),
    ];
    let problems: Vec<Problem> = blocks
        .into_iter()
        .filter(|(name, present)| *present && *name != policy.kind)
        .map(|(name, _)| {
            Problem::new(name, format!("the policy is of type `{}` and has a block `{name}:`", policy.kind))
                .instead(format!("remove the block, or write `type: {name}`"))
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn status_code(block: &config::StatusCodePolicy) -> Compiled<Test> {
    if block.status_codes.is_empty() {
        return one(Problem::new("status_codes", "at least one status is needed").instead("use OK, ERROR or UNSET"));
    }
    each(&block.status_codes, "status_codes", |code| match code.as_str() {
        "UNSET" => Ok(0),
        "OK" => Ok(1),
        "ERROR" => Ok(crate::model::STATUS_ERROR),
        other => one(Problem::new("", format!("`{other}` is not a status")).instead("use OK, ERROR or UNSET")),
    })
    .map(Test::Status)
}

fn latency(block: &config::LatencyPolicy) -> Compiled<Test> {
    let threshold = natural(block.threshold_ms, "threshold_ms")?;
    let upper = bound(block.upper_threshold_ms, "upper_threshold_ms")?;
    if upper.is_some_and(|upper| upper <= threshold) {
        return one(Problem::new("upper_threshold_ms", "the upper threshold must be above `threshold_ms`"));
    }
    Ok(Test::Latency { threshold, upper })
}

fn string_attribute(block: &config::StringAttributePolicy) -> Compiled<Test> {
    let key = key(&block.key)?;
    if block.values.is_empty() {
        return one(Problem::new("values", "at least one value is needed"));
    }
    let value = if block.enabled_regex_matching {
        ValueTest::Matches(each(&block.values, "values", |pattern| {
            Regex::new(pattern).map_err(|error| {
                vec![Problem::new("", format!("`{pattern}` is not a regular expression: {}", summary(&error)))]
            })
        })?)
    } else {
        ValueTest::OneOf(block.values.clone())
    };
    Ok(Test::Attribute { key, value })
}

/// The last line of a regex error, which says what is wrong; the ones before it draw the pattern.
fn summary(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn numeric_attribute(block: &config::NumericAttributePolicy) -> Compiled<Test> {
    let key = key(&block.key)?;
    // In the Collector, a bound of 0 is none.
    let bound = |bound: Option<i64>| bound.filter(|bound| *bound != 0);
    if bound(block.min_value).is_none() && bound(block.max_value).is_none() {
        return one(Problem::new("", "`min_value`, `max_value` or both are needed; 0 stands for none"));
    }
    let (min, max) = (bound(block.min_value).unwrap_or(i64::MIN), bound(block.max_value).unwrap_or(i64::MAX));
    if min > max {
        return one(Problem::new("max_value", "`max_value` must not be below `min_value`"));
    }
    Ok(Test::Attribute { key, value: ValueTest::Within { min, max } })
}

fn boolean_attribute(block: &config::BooleanAttributePolicy) -> Compiled<Test> {
    Ok(Test::Attribute { key: key(&block.key)?, value: ValueTest::Is(block.value) })
}

fn probabilistic(block: &config::ProbabilisticPolicy) -> Compiled<Test> {
    if !(0.0..=100.0).contains(&block.sampling_percentage) {
        let message = format!("{} is not a percentage", block.sampling_percentage);
        return one(Problem::new("sampling_percentage", message).instead("use a number from 0 to 100"));
    }
    Ok(Test::Share(Share::new(&block.hash_salt, block.sampling_percentage)))
}

fn rate_limiting(block: &config::RateLimitingPolicy) -> Compiled<Test> {
    rate(block.spans_per_second, "spans_per_second", block.burst_capacity).map(Test::Rate)
}

fn bytes_limiting(block: &config::BytesLimitingPolicy) -> Compiled<Test> {
    rate(block.bytes_per_second, "bytes_per_second", block.burst_capacity).map(Test::Bytes)
}

fn rate(per_second: i64, path: &str, burst: i64) -> Compiled<Rate> {
    let burst = natural(burst, "burst_capacity")?;
    match natural(per_second, path)? {
        0 => one(Problem::new(path, "a limit of 0 would keep nothing")),
        per_second => Ok(Rate::new(per_second, burst)),
    }
}

fn trace_state(block: &config::TraceStatePolicy) -> Compiled<Test> {
    let key = key(&block.key)?;
    if block.values.is_empty() {
        return one(Problem::new("values", "at least one value is needed"));
    }
    Ok(Test::TraceState { key, values: block.values.clone() })
}

fn ottl_condition(block: &config::OttlConditionPolicy) -> Compiled<Test> {
    if block.span.is_empty() && block.spanevent.is_empty() {
        return one(Problem::new("", "`span`, `spanevent` or both are needed"));
    }
    if !["", "ignore", "silent", "propagate"].contains(&block.error_mode.as_str()) {
        let message = format!("`{}` is not an error mode", block.error_mode);
        return one(Problem::new("error_mode", message).instead("use ignore, silent or propagate"));
    }
    let compile = |texts: &[String], path: &str, context| {
        each(texts, path, |text| parse(text, context).map_err(|message| vec![Problem::new("", message)]))
    };
    let (span, event) =
        (compile(&block.span, "span", Context::Span), compile(&block.spanevent, "spanevent", Context::Event));
    match (span, event) {
        (Ok(span), Ok(event)) => Ok(Test::Ottl(Conditions { span, event })),
        (span, event) => Err([span.err(), event.err()].into_iter().flatten().flatten().collect()),
    }
}

fn span_count(block: &config::SpanCountPolicy) -> Compiled<Test> {
    let min = natural(block.min_spans, "min_spans")?;
    let max = bound(block.max_spans, "max_spans")?;
    if max.is_some_and(|max| max < min) {
        return one(Problem::new("max_spans", "`max_spans` must not be below `min_spans`"));
    }
    Ok(Test::SpanCount { min, max })
}

fn key(key: &str) -> Compiled<String> {
    if key.is_empty() { one(Problem::new("key", "an attribute's key is needed")) } else { Ok(key.to_owned()) }
}

/// An upper bound, of which 0 means that there is none.
fn bound(value: i64, path: &str) -> Compiled<Option<u64>> {
    natural(value, path).map(|value| (value > 0).then_some(value))
}

fn natural(value: i64, path: &str) -> Compiled<u64> {
    u64::try_from(value).map_err(|_| vec![Problem::new(path, format!("{value} is negative"))])
}

fn one<T>(problem: Problem) -> Compiled<T> {
    Err(vec![problem])
}
