//! The spans of a failed trace, as a bundle shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Attributes, SpanId, TraceId};

/// The spans of the failed trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceEvidence {
    /// The trace.
    pub trace_id: TraceId,
    /// `present` or `missing`.
    pub root: String,
    /// From the root (or the highest span known) down to the critical error span.
    pub span_path: Vec<SpanEvidence>,
    /// The selected spans: path, siblings and children near the error, by start time.
    pub spans: Vec<SpanEvidence>,
    /// Spans of the trace, selected or not.
    pub span_count: u64,
    /// Where the time went: the spans of the critical path that took time of their own, by start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical_path: Vec<PathStep>,
    /// Calls that one span made five times or more, those that took longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<RepeatedCall>,
}

/// A span on the critical path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathStep {
    /// The span.
    pub span_id: SpanId,
    /// Milliseconds on the path in which none of its children ran.
    pub self_ms: f64,
}

/// Calls of one name that one span made over and over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatedCall {
    /// The span that called.
    pub parent_span_id: SpanId,
    /// `service.name` of the calls' resource.
    pub service: String,
    /// Name of the calls' spans.
    pub name: String,
    /// Calls.
    pub count: u64,
    /// What they took together, in milliseconds.
    pub total_ms: f64,
}

/// A span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpanEvidence {
    /// Its id.
    pub span_id: SpanId,
    /// Its parent; null for a root.
    pub parent_span_id: Option<SpanId>,
    /// `service.name` of its resource.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: String,
    /// `unset`, `ok` or `error`.
    pub status: String,
    /// Status message, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// RFC 3339 with nanoseconds.
    pub start: String,
    /// Duration in milliseconds; null where the end lies before the start.
    pub duration_ms: Option<f64>,
    /// Its attributes.
    pub attrs: Attributes,
    /// Its events in order of time, without those that `exception` already says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventEvidence>,
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventEvidence {
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attrs: Attributes,
}
