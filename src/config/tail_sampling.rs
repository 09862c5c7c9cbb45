//! `tail_sampling:` — a block of the Collector's processor of that name, pasted.
//!
//! Source: opentelemetry-collector-contrib, `processor/tailsamplingprocessor/config.go` and its README.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// Which traces are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TailSampling {
    /// From a trace's first trigger to its decision (from its first span, if a policy needs the whole trace).
    pub decision_wait: Duration,
    /// From the end of the root span to the decision, if that is sooner; `0s` (the default) turns it off.
    pub decision_wait_after_root_received: Duration,
    /// Accepted for compatibility and without effect: windows are bounded in bytes (`window.max_bytes`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_traces: Option<u64>,
    /// Accepted for compatibility and without effect: nothing is allocated ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_new_traces_per_sec: Option<u64>,
    /// How many decisions are remembered.
    pub decision_cache: DecisionCache,
    /// The policies; a trace is kept if any of them samples it and no `drop` policy matches. Without any: errors.
    pub policies: Vec<Policy>,
}

impl Default for TailSampling {
    fn default() -> Self {
        Self {
            decision_wait: Duration::seconds(10),
            decision_wait_after_root_received: Duration::seconds(0),
            num_traces: None,
            expected_new_traces_per_sec: None,
            decision_cache: DecisionCache::default(),
            policies: Vec::new(),
        }
    }
}

/// How many decisions are remembered, for records that come late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionCache {
    /// Sampled traces.
    pub sampled_cache_size: u64,
    /// Traces not sampled.
    pub non_sampled_cache_size: u64,
}

impl Default for DecisionCache {
    fn default() -> Self {
        Self { sampled_cache_size: 100_000, non_sampled_cache_size: 100_000 }
    }
}

/// A policy: a name, a type, and the block of that type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Its name, unique among the policies.
    pub name: String,
    /// Its type: `always_sample`, `status_code`, `latency`, `string_attribute`, `numeric_attribute`, `boolean_attribute`,
    /// `probabilistic`, `rate_limiting`, `bytes_limiting`, `span_count`, `trace_state`, `trace_flags`, `ottl_condition`, `and`, `not`,
    /// `drop` or `composite`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For `status_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<StatusCodePolicy>,
    /// For `latency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyPolicy>,
    /// For `string_attribute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_attribute: Option<StringAttributePolicy>,
    /// For `numeric_attribute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeric_attribute: Option<NumericAttributePolicy>,
    /// For `boolean_attribute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boolean_attribute: Option<BooleanAttributePolicy>,
    /// For `probabilistic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilistic: Option<ProbabilisticPolicy>,
    /// For `rate_limiting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limiting: Option<RateLimitingPolicy>,
    /// For `bytes_limiting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_limiting: Option<BytesLimitingPolicy>,
    /// For `span_count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_count: Option<SpanCountPolicy>,
    /// For `trace_state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_state: Option<TraceStatePolicy>,
    /// For `ottl_condition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ottl_condition: Option<OttlConditionPolicy>,
    /// For `and`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub and: Option<AndPolicy>,
    /// For `not`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<NotPolicy>,
    /// For `drop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropPolicy>,
    /// For `composite`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite: Option<CompositePolicy>,
}

/// Keeps a trace with a span of one of these statuses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StatusCodePolicy {
    /// `OK`, `ERROR`, `UNSET`.
    pub status_codes: Vec<String>,
}

/// Keeps a trace by its duration, from the earliest start to the latest end of its spans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyPolicy {
    /// More than this many milliseconds.
    pub threshold_ms: i64,
    /// At most this many; 0 means no bound.
    pub upper_threshold_ms: i64,
}

/// Keeps a trace by a string attribute of a span or its resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StringAttributePolicy {
    /// The key.
    pub key: String,
    /// Values, or regexes of them.
    pub values: Vec<String>,
    /// Whether `values` are regexes.
    pub enabled_regex_matching: bool,
    /// Accepted for compatibility and without effect: regexes are not cached here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_max_size: Option<u64>,
    /// Keep the traces that do *not* match.
    pub invert_match: bool,
}

/// Keeps a trace by an integer attribute of a span or its resource. As in the Collector, a value of another type counts as 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NumericAttributePolicy {
    /// The key.
    pub key: String,
    /// At least this; no bound where absent or 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<i64>,
    /// At most this; no bound where absent or 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<i64>,
    /// Keep the traces that do *not* match.
    pub invert_match: bool,
}

/// Keeps a trace by a boolean attribute of a span or its resource. As in the Collector, a value of another type counts as `false`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BooleanAttributePolicy {
    /// The key.
    pub key: String,
    /// The value.
    pub value: bool,
    /// Keep the traces that do *not* match.
    pub invert_match: bool,
}

/// Keeps a share of traces by a hash of their id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProbabilisticPolicy {
    /// Salt of the hash, so that two tiers of sampling decide independently.
    pub hash_salt: String,
    /// 0 to 100.
    pub sampling_percentage: f64,
}

/// Keeps traces while their spans stay under a rate: a token bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitingPolicy {
    /// Spans a second.
    pub spans_per_second: i64,
    /// Most spans at once, and of one trace; 0 means twice `spans_per_second`.
    pub burst_capacity: i64,
}

/// Keeps traces while their bytes stay under a rate: a token bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BytesLimitingPolicy {
    /// Bytes a second, of spans with their resources and scopes in protobuf.
    pub bytes_per_second: i64,
    /// Most bytes at once, and of one trace; 0 means twice `bytes_per_second`.
    pub burst_capacity: i64,
}

/// Keeps a trace by its W3C `tracestate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraceStatePolicy {
    /// The key.
    pub key: String,
    /// Its values.
    pub values: Vec<String>,
}

/// Keeps a trace with a span, or an event of one, that meets one of these conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OttlConditionPolicy {
    /// `ignore`, `silent` or `propagate`, without effect: no condition fails that has compiled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error_mode: String,
    /// Conditions on spans: `span.attributes["http.route"] == "/pay" and span.status.code == STATUS_CODE_ERROR`.
    pub span: Vec<String>,
    /// Conditions on events of spans: `spanevent.name == "exception"`.
    pub spanevent: Vec<String>,
}

/// Keeps traces by their number of spans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpanCountPolicy {
    /// At least this many.
    pub min_spans: i64,
    /// At most this many; 0 means no bound.
    pub max_spans: i64,
}

/// Keeps a trace that all of these policies keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AndPolicy {
    /// The policies (not `and`, `drop` or `composite`). A `rate_limiting` policy counts what those before it let pass.
    pub and_sub_policy: Vec<Policy>,
}

/// Keeps a trace that this policy does not keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotPolicy {
    /// The policy (not one that combines others).
    pub not_sub_policy: Box<Policy>,
}

/// Drops a trace that all of these policies keep, whatever the others say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DropPolicy {
    /// The policies (not `and`, `drop` or `composite`).
    pub drop_sub_policy: Vec<Policy>,
}

/// Keeps a trace by the first of its policies that asks for it, while that one's spans stay under its share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompositePolicy {
    /// Spans a second of all shares; none of them is larger.
    pub max_total_spans_per_second: i64,
    /// Accepted for compatibility and without effect, as in the Collector: policies are asked in the order in which they stand.
    pub policy_order: Vec<String>,
    /// The policies (single ones, or `and`).
    pub composite_sub_policy: Vec<Policy>,
    /// Shares; a policy without one has an equal part of the whole.
    pub rate_allocation: Vec<RateAllocation>,
}

/// A share of a `composite` policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateAllocation {
    /// The name of the policy.
    pub policy: String,
    /// Percent of `max_total_spans_per_second`.
    pub percent: i64,
}
