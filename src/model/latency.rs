//! What is normal: how long spans of an operation take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpanId;

/// How long spans of the same operation (service, span name, kind) took, as one process saw in the last one to two hours. Each value is
/// within 2 % of a duration that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NormalLatency {
    /// The span whose operation it is.
    pub span_id: SpanId,
    /// Spans that were measured: without those that failed, and of many a part.
    pub count: u64,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: f64,
    /// 95 % took no longer.
    pub p95_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
}
