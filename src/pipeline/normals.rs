//! What is normal: how long the spans of each operation take, against which a slow one is shown.
//!
//! Durations are taken from traces as they are judged, whatever becomes of them. Where nobody judges a trace that nothing triggers, they
//! are taken from requests instead, so that a trace may count among what it is shown beside. Of many, a part is enough: the process reads so
//! many spans a second and no more, which costs less than a thousandth of a core. Whether a trace is taken depends on those before it, not on itself, so that long traces and slow
//! ones count as often as others. Sketches (DDSketch, Masson et al., VLDB 2019) forget within two hours, and when the process ends.
//!
//! None of this reaches a bundle: it depends on when and where it was measured, so it stands in the manifest.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use sketches_ddsketch::{Config, DDSketch};

use crate::model::{Bundle, NormalLatency, Record, STATUS_ERROR, Signal, SpanEvidence, SpanId, Timestamp};
use crate::otlp::operation;

/// Relative error of a quantile.
const ACCURACY: f64 = 0.02;
/// Most buckets of a sketch, of 8 bytes: more than eight decades, from a microsecond to a quarter of an hour.
const MAX_BUCKETS: u32 = 512;
/// Durations of less count as none, in milliseconds.
const SHORTEST: f64 = 0.001;
/// Most operations of an hour. Those that were seen once make room for others: names that hold an id are no operations.
const MAX_OPERATIONS: usize = 1000;
/// Half of the time after which a duration is forgotten.
const AGE: Duration = Duration::from_secs(3600);
/// Spans that are read a second, on average.
const SPANS_A_SECOND: i64 = 2000;
/// Most spans that are read of one trace.
const MAX_SPANS: usize = 500;
/// Spans from which on there is something to call normal.
const MIN_COUNT: usize = 20;
/// Most spans of a bundle that are told of.
const MAX_SHOWN: usize = 50;

type Sketches = HashMap<u64, DDSketch, RandomState>;

/// Latencies by operation.
#[derive(Default)]
pub(super) struct Normals {
    operations: RandomState,
    state: Mutex<State>,
}

impl fmt::Debug for Normals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Normals").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    /// Spans that may be read; below zero what a trace took beyond it.
    allowance: i64,
    allowed: Timestamp,
    since: Timestamp,
    now: Sketches,
    before: Sketches,
}

/// Durations that were read of a trace, by operation, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Durations(Vec<(u64, f64)>);

impl Normals {
    /// Reads the durations of a trace that is being judged, or of a request, if it is its turn.
    pub(super) fn read(&self, now: Timestamp, records: impl Iterator<Item = Record> + Clone) -> Durations {
        let is_measured =
            |record: &Record| record.signal() == Signal::Traces && record.entry.head.status != STATUS_ERROR;
        let spans = || records.clone().filter(is_measured).take(MAX_SPANS);
        if !self.state.lock().allows(now, || spans().count()) {
            return Durations::default();
        }
        let read = spans().filter_map(|record| {
            let head = &record.entry.head;
            let nanos = head.end.0.checked_sub(head.start.0)?;
            let operation = operation(&record);
            Some((self.operation(&operation.service, &operation.name, operation.kind), milliseconds(nanos)))
        });
        Durations(read.collect())
    }

    /// Counts what was read of a trace.
    pub(super) fn add(&self, now: Timestamp, durations: Durations) {
        if durations.0.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.turn(now);
        for (operation, duration) in durations.0 {
            if let Some(sketch) = state.sketch(operation) {
                sketch.add(duration);
            }
        }
    }

    /// What is normal for the spans of a bundle: where it is about time, for all on its path and on its critical path; elsewhere for those
    /// that took longer than 99 % do. Of many, those that took longest.
    pub(super) fn of(&self, now: Timestamp, bundle: &Bundle) -> Vec<NormalLatency> {
        let trace = &bundle.trace;
        let steps = trace.critical_path.iter().map(|step| step.span_id);
        let wanted: Vec<SpanId> = steps.chain(trace.span_path.iter().map(|span| span.span_id)).collect();
        let mut spans: Vec<&SpanEvidence> = trace.spans.iter().chain(&trace.span_path).collect();
        spans.retain(|span| wanted.contains(&span.span_id));
        spans.sort_by_key(|span| span.span_id);
        spans.dedup_by_key(|span| span.span_id);
        let took = |span: &SpanEvidence| span.duration_ms.unwrap_or_default();
        spans.sort_by(|a, b| took(b).total_cmp(&took(a)));
        let mut state = self.state.lock();
        state.turn(now);
        let known = spans.into_iter().filter_map(|span| {
            let normal = state.normal(self.operation(&span.service, &span.name, &span.kind), span.span_id)?;
            (bundle.incident.class == "performance" || took(span) > normal.p99_ms).then_some(normal)
        });
        known.take(MAX_SHOWN).collect()
    }

    fn operation(&self, service: &str, name: &str, kind: &str) -> u64 {
        self.operations.hash_one((service, name, kind))
    }
}

impl State {
    /// Whether the next trace may be read; its spans are counted only if it may.
    fn allows(&mut self, now: Timestamp, spans: impl FnOnce() -> usize) -> bool {
        let passed = i64::try_from(now.since(self.allowed).as_millis()).unwrap_or(i64::MAX);
        let earned = passed.saturating_mul(SPANS_A_SECOND) / 1000;
        if earned > 0 {
            self.allowance = self.allowance.saturating_add(earned).min(SPANS_A_SECOND);
            self.allowed = now;
        }
        if self.allowance <= 0 {
            return false;
        }
        self.allowance -= i64::try_from(spans()).unwrap_or(i64::MAX);
        true
    }

    /// Forgets what is too old.
    fn turn(&mut self, now: Timestamp) {
        let age = now.since(self.since);
        if age >= AGE {
            let last = std::mem::take(&mut self.now);
            self.before = if age < 2 * AGE { last } else { Sketches::default() };
            self.since = now;
        }
    }

    fn sketch(&mut self, operation: u64) -> Option<&mut DDSketch> {
        if self.now.len() >= MAX_OPERATIONS && !self.now.contains_key(&operation) {
            self.now.retain(|_, sketch| sketch.count() > 1);
            if self.now.len() >= MAX_OPERATIONS {
                return None;
            }
        }
        let new = || DDSketch::new(Config::new(ACCURACY, MAX_BUCKETS, SHORTEST));
        Some(self.now.entry(operation).or_insert_with(new))
    }

    fn normal(&self, operation: u64, span_id: SpanId) -> Option<NormalLatency> {
        let merged = match (self.now.get(&operation), self.before.get(&operation)) {
            (Some(now), Some(before)) => {
                let mut merged = now.clone();
                merged.merge(before).ok()?;
                merged
            }
            (one, other) => one.or(other)?.clone(),
        };
        let at = |quantile| merged.quantile(quantile).ok().flatten();
        let enough = merged.count() >= MIN_COUNT;
        let count = merged.count() as u64;
        enough.then_some(NormalLatency { span_id, count, p50_ms: at(0.5)?, p95_ms: at(0.95)?, p99_ms: at(0.99)? })
    }
}

#[expect(clippy::cast_precision_loss, reason = "past 2^53 ns (104 days) a double still holds microseconds")]
fn milliseconds(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
