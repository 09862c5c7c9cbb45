//! Which traces are kept: the Collector's `tail_sampling` policies, compiled once at start.
//!
//! # What a policy sees
//!
//! As in the Collector, policies judge *spans* and the resources of spans. Log records and exemplars are kept with the trace
//! that they belong to, but only the default policy looks at logs. Of a trace without any span, `always_sample`,
//! `probabilistic` and the default policy can ask; the other types have nothing to judge and do not ask for it.
//!
//! Without policies there is one, named `errors`: a span with status ERROR or an event `exception`, or a log record with an
//! `exception.*` attribute or a severity of ERROR and above, or either with `test.case.result.status` = `fail`.
//!
//! # How policies are weighed
//!
//! As in the Collector (of 0.161 and later, in which an inverted decision is one like any other):
//!
//! 1. a `drop` policy matches: dropped;
//! 2. a policy samples: sampled, in the name of the first that does, in the order of the configuration.
//!
//! `invert_match` and `not` are plain negations. Where no `drop` policy matches every other is asked, whatever the others said, so that a
//! `rate_limiting` policy counts what passes it. What differs from the Collector is in `docs/sampling.md`, and none of it makes a trace
//! depend on the order of its spans. `tests/sampling` asks the Collector's processor the same questions.
//!
//! # Traces that were decided before
//!
//! A decision goes once from not sampled to sampled, never back. A sampled trace stays sampled by the same policy; a dropped
//! one stays so. Late records of one that was merely not wanted can still get it kept, but only through a policy
//! that can tell from a record: the others would take a fragment for the trace.

mod compile;
mod composite;
mod filter;
mod memory;
mod ottl;
mod policy;
mod probability;
mod rate;
mod size;
#[cfg(test)]
mod tests;
mod trace_state;

use std::sync::Arc;
use std::time::Duration;

use crate::config::{DecisionCache, Problem, TailSampling};
use crate::model::{ClosedTrace, Decision, Head, Record, SEVERITY_ERROR, Signal, Timestamp, TraceId};

use memory::{Memory, Past, Sampled};
use policy::{Policy, Verdict};

/// The name of the policy that is in force where none is configured.
pub const DEFAULT_POLICY: &str = "errors";

/// The name reported for traces that were asked for by id ([`Sampler::keep`]).
pub const KEEP_POLICY: &str = "keep";

/// The compiled policies and the memory of past decisions. Shared by all shards.
#[derive(Debug)]
pub struct Sampler {
    /// `drop` policies first, otherwise in the order of the configuration.
    policies: Arc<[Policy]>,
    needs_whole_traces: bool,
    harmless: Harmless,
    memory: Arc<Memory>,
    /// How much is to be remembered.
    cache: DecisionCache,
}

/// Records that trigger in no trace, by what nearly all have: no sign of an error, and one of these statuses.
#[derive(Debug, Clone, Copy)]
struct Harmless([[bool; 3]; Signal::ALL.len()]);

impl Harmless {
    fn of(policies: &[Policy]) -> Self {
        let none = |signal, head: Head| !policies.iter().any(|policy| policy.may_trigger_in_some(signal, &head));
        // The statuses that OTLP has.
        let of_signal = |signal| [0, 1, 2].map(|status| none(signal, Head { status, ..Head::default() }));
        Self(Signal::ALL.map(of_signal))
    }

    fn has(self, signal: Signal, head: &Head) -> bool {
        let is_told = head.exception_event | head.exception_attributes | head.failed_test;
        let status = usize::try_from(head.status).unwrap_or(usize::MAX);
        let known = self.0.get(signal as usize).and_then(|statuses| statuses.get(status));
        !is_told && head.severity < SEVERITY_ERROR && known.copied().unwrap_or(false)
    }
}

/// What is decided about a trace, and what had been before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// Whether it had been decided before that no policy asked for it.
    pub was_unwanted: bool,
}

impl Sampler {
    /// Compiles the policies.
    ///
    /// # Errors
    /// Every problem found, with its path under `tail_sampling`.
    pub fn compile(config: &TailSampling) -> Result<Self, Vec<Problem>> {
        let mut policies = compile::policies(&config.policies)?;
        policies.sort_by_key(|policy| !policy.drops());
        Ok(Self {
            needs_whole_traces: policies.iter().any(Policy::needs_whole),
            harmless: Harmless::of(&policies),
            policies: policies.into(),
            memory: Arc::new(Memory::new(&config.decision_cache)),
            cache: config.decision_cache.clone(),
        })
    }

    /// The same policies (with what they have counted) and a memory of its own, an `n`-th as large as configured.
    #[must_use]
    pub fn with_own_memory(&self, n: u64) -> Self {
        let share = |size: u64| size.div_ceil(n.max(1));
        let cache = DecisionCache {
            sampled_cache_size: share(self.cache.sampled_cache_size),
            non_sampled_cache_size: share(self.cache.non_sampled_cache_size),
        };
        Self {
            policies: Arc::clone(&self.policies),
            needs_whole_traces: self.needs_whole_traces,
            harmless: self.harmless,
            memory: Arc::new(Memory::new(&cache)),
            cache,
        }
    }

    /// The same policies with the memory of another: what that one has decided stays so.
    #[must_use]
    pub fn with_memory_of(&self, other: &Self) -> Self {
        Self {
            policies: Arc::clone(&self.policies),
            needs_whole_traces: self.needs_whole_traces,
            harmless: self.harmless,
            memory: Arc::clone(&other.memory),
            cache: other.cache.clone(),
        }
    }

    /// Whether some policy needs to see a trace whole before anything can be said of it.
    #[must_use]
    pub fn needs_whole_traces(&self) -> bool {
        self.needs_whole_traces
    }

    /// A trace that takes longer is one that a policy may keep by that, though no record of it triggers. `None` where no policy asks, or
    /// all traces are decided anyway.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let asked = self.policies.iter().filter_map(Policy::longer_than).min();
        asked.filter(|_| !self.needs_whole_traces).map(Duration::from_millis)
    }

    /// Whether a trace without a record that triggers, and not longer than [`Sampler::longest`], is not sampled, and nothing else follows
    /// from it: so that nobody has to ask about it.
    #[must_use]
    pub fn needs_triggers(&self) -> bool {
        self.policies.iter().all(Policy::needs_trigger)
    }

    /// Whether these facts of a record leave it open that it triggers: nearly all records say no by them.
    #[must_use]
    pub fn may_trigger(&self, signal: Signal, head: &Head) -> bool {
        !self.harmless.has(signal, head) && self.policies.iter().any(|policy| policy.may_trigger(signal, head))
    }

    /// Whether this record makes its trace one that a policy may keep, so that it has to be decided.
    #[must_use]
    pub fn triggers(&self, record: &Record) -> bool {
        self.policies.iter().any(|policy| policy.triggers(record))
    }

    /// Decides a closed trace, and remembers the decision.
    pub fn decide(&self, now: Timestamp, trace: &ClosedTrace) -> Decision {
        self.judge(now, trace).decision
    }

    /// The same, with what is remembered of it.
    pub fn judge(&self, now: Timestamp, trace: &ClosedTrace) -> Judgement {
        let as_before = |decision| Judgement { decision, was_unwanted: false };
        if let Some(Sampled { policy, .. }) = self.memory.sampled(trace.trace_id) {
            return as_before(Decision::Sampled { policy });
        }
        let was_unwanted = match self.memory.not_sampled(trace.trace_id) {
            Some(Past::Dropped(policy)) => return as_before(Decision::Dropped { policy }),
            past => past == Some(Past::Unwanted),
        };
        let (decision, past) = self.weigh(now, trace, was_unwanted);
        match &decision {
            Decision::Sampled { policy } => self.memory.remember_sampled(trace.trace_id, policy),
            Decision::NotSampled | Decision::Dropped { .. } => self.memory.remember_not_sampled(trace.trace_id, past),
        }
        Judgement { decision, was_unwanted }
    }

    /// Whether this trace was sampled before: then a late record of it is a trigger.
    #[must_use]
    pub fn sampled_before(&self, trace_id: TraceId) -> bool {
        self.memory.sampled(trace_id).is_some()
    }

    /// For which of these traces [`Sampler::sampled_before`] has to be asked: the others were not.
    #[must_use]
    pub fn perhaps_sampled_before(&self, ids: impl Iterator<Item = TraceId>) -> Vec<bool> {
        self.memory.perhaps_sampled(ids)
    }

    /// Grows with every trace that is sampled, before anything is looked for that its decision missed: where it has not grown, what was
    /// asked about the past still holds.
    #[must_use]
    pub fn times_sampled(&self) -> u64 {
        self.memory.times_sampled()
    }

    /// Remembers that a trace was sampled and has no bundle, because its incident has as many as it may.
    pub fn remember_over_limit(&self, trace_id: TraceId) {
        self.memory.remember_over_limit(trace_id);
    }

    /// Whether that was so: then there is nothing that a late record of it could amend.
    #[must_use]
    pub fn was_over_limit(&self, trace_id: TraceId) -> bool {
        self.memory.sampled(trace_id).is_some_and(|sampled| sampled.over_limit)
    }

    /// Samples a trace in advance, whatever the policies will say of it ("keep this id"), in the name of [`KEEP_POLICY`].
    pub fn keep(&self, trace_id: TraceId) {
        if !self.sampled_before(trace_id) {
            self.memory.remember_sampled(trace_id, &Arc::from(KEEP_POLICY));
        }
    }

    /// Takes up a decision of an earlier process.
    pub fn recall(&self, trace_id: TraceId, decision: &Decision) {
        match decision {
            Decision::Sampled { policy } => self.memory.remember_sampled(trace_id, policy),
            Decision::NotSampled => self.memory.remember_not_sampled(trace_id, Past::Unwanted),
            Decision::Dropped { policy } => {
                self.memory.remember_not_sampled(trace_id, Past::Dropped(Arc::clone(policy)));
            }
        }
    }

    /// Asks the policies, and weighs what they say. A `fragment` is what came late of a trace that nobody wanted.
    fn weigh(&self, now: Timestamp, trace: &ClosedTrace, fragment: bool) -> (Decision, Past) {
        let mut sampled = None;
        for policy in self.policies.iter() {
            match policy.evaluate(now, trace) {
                Verdict::Dropped => {
                    let policy = Arc::clone(&policy.name);
                    return (Decision::Dropped { policy: Arc::clone(&policy) }, Past::Dropped(policy));
                }
                Verdict::Sampled if fragment && !policy.by_record() => {}
                Verdict::Sampled => sampled = sampled.or(Some(&policy.name)),
                Verdict::NotSampled => {}
            }
        }
        let decision = sampled.map_or(Decision::NotSampled, |policy| Decision::Sampled { policy: Arc::clone(policy) });
        (decision, Past::Unwanted)
    }
}
