//! Policies that share a number of spans a second: the first that keeps a trace pays for it, or nobody does.
//!
//! Source: opentelemetry-collector-contrib, `processor/tailsamplingprocessor/internal/sampling/composite.go`. There, too, policies are asked
//! in the order in which they stand; `policy_order` has no effect.

use parking_lot::Mutex;

use crate::model::{ClosedTrace, Timestamp};

use super::policy::{Condition, span_count};

/// Policies with a share of spans each.
#[derive(Debug)]
pub(super) struct Composite {
    parts: Vec<Part>,
    /// Most spans a second of any one part.
    most: u64,
    spent: Mutex<Spent>,
}

/// One of its policies.
#[derive(Debug)]
pub(super) struct Part {
    /// All of these must hold.
    pub(super) conditions: Vec<Condition>,
    /// Spans that it may keep in a second.
    pub(super) spans_per_second: u64,
}

/// What was kept in this second, by part.
#[derive(Debug, Default)]
struct Spent {
    second: u64,
    spans: Vec<u64>,
}

impl Composite {
    pub(super) fn new(parts: Vec<Part>, most: u64) -> Self {
        Self { parts, most, spent: Mutex::default() }
    }

    /// The conditions of each part.
    pub(super) fn choices(&self) -> impl Iterator<Item = &[Condition]> {
        self.parts.iter().map(|part| part.conditions.as_slice())
    }

    /// Whether the trace is kept; if so, its spans are counted.
    pub(super) fn keeps(&self, now: Timestamp, trace: &ClosedTrace) -> bool {
        let second = now.0 / 1_000_000_000;
        let asked = |part: &Part| part.conditions.iter().all(|condition| condition.holds(now, trace));
        let Some((index, part)) = self.parts.iter().enumerate().find(|(_, part)| asked(part)) else { return false };
        let mut spent = self.spent.lock();
        if spent.second != second || spent.spans.len() != self.parts.len() {
            *spent = Spent { second, spans: vec![0; self.parts.len()] };
        }
        let Some(kept) = spent.spans.get_mut(index) else { return false };
        let after = kept.saturating_add(span_count(trace));
        let passes = after <= part.spans_per_second && after <= self.most;
        if passes {
            *kept = after;
        }
        passes
    }
}
