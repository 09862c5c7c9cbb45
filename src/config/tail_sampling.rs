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
    /// Its type: `always_sample`, `status_code`, `latency`, `string_attribute`, `numeric_attribute`,
    /// `boolean_attribute`, `probabilistic`, `rate_limiting`, `span_count`, `and`, `not` or `drop`.
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
    /// For `span_count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_count: Option<SpanCountPolicy>,
    /// For `and`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub and: Option<AndPolicy>,
    /// For `not`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<NotPolicy>,
    /// For `drop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropPolicy>,
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
    /// At least this many milliseconds; more than it where there is an upper threshold (as in the Collector).
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

/// Keeps a trace by an integer attribute of a span or its resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NumericAttributePolicy {
    /// The key.
    pub key: String,
    /// At least this; no bound where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<i64>,
    /// At most this; no bound where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<i64>,
    /// Keep the traces that do *not* match.
    pub invert_match: bool,
}

/// Keeps a trace by a boolean attribute of a span or its resource.
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

/// Keeps traces while the spans kept in this second stay under a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitingPolicy {
    /// Spans a second.
    pub spans_per_second: i64,
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
    /// The policies (not `and`, `not` or `drop`). A `rate_limiting` policy counts what those before it let pass.
    pub and_sub_policy: Vec<Policy>,
}

/// Keeps a trace that this policy does not keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotPolicy {
    /// The policy (not `and`, `not` or `drop`).
    pub not_sub_policy: Box<Policy>,
}

/// Drops a trace that all of these policies keep, whatever the others say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DropPolicy {
    /// The policies (not `and`, `not` or `drop`).
    pub drop_sub_policy: Vec<Policy>,
}
