//! What was said besides, as a bundle shows it: log records and metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Attributes, SpanId};

/// Log records of the trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogEvidence {
    /// Before and around the error, by time.
    pub window: Vec<LogLine>,
    /// How often what was said, the most frequent first: templates of two or more records of the window.
    #[serde(default)]
    pub templates: Vec<LogTemplate>,
    /// Log records of the trace, those included that joined it by a value of `correlate_by`.
    pub total: u64,
    /// How many of them are not shown as a line of their own.
    pub collapsed: u64,
    /// What the instance that failed wrote around the failure without any id, by time. Nothing says that it belongs to this trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<LogLine>,
}

/// What several records of a service say in the same words, at the same level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogTemplate {
    /// Its number in this bundle, from 1.
    pub id: u64,
    /// Their words, with `<*>` where they differ or a value stands.
    pub template: String,
    /// Severity text, else the name of the severity number.
    pub level: String,
    /// `service.name` of their resource.
    pub service: String,
    /// Records of the window.
    pub count: u64,
    /// When the first of them was written: RFC 3339 with nanoseconds.
    pub first: String,
    /// When the last of them was.
    pub last: String,
}

/// A log record, or several that say the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// Severity text, else the name of the severity number.
    pub level: String,
    /// Body: a string as it is, other values as JSON.
    pub msg: String,
    /// `service.name` of its resource.
    pub service: String,
    /// The span it was written in.
    pub span_id: Option<SpanId>,
    /// Its attributes.
    pub attrs: Attributes,
    /// How many records this line stands for: itself, equal ones right behind it, and later ones of its template that have no
    /// line of their own.
    pub count: u64,
    /// Its template among `templates`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<u64>,
    /// Whether it has no trace id, and joined the trace by an attribute of `correlate_by`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correlated: bool,
    /// Messages of records that it stands for and that differ from its own: some of them, first and last among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// Metric evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricEvidence {
    /// Exemplars that point to this trace, by time.
    pub exemplars: Vec<ExemplarEvidence>,
}

/// A metric exemplar that carries the trace's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExemplarEvidence {
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// Name of the metric.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The measured value.
    pub value: Value,
    /// The span it was measured in.
    pub span_id: Option<SpanId>,
    /// `service.name` of its resource.
    pub service: String,
    /// The attributes that were filtered from the data point.
    pub attrs: Attributes,
}
