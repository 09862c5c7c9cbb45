//! Which traces are kept: the Collector's `tail_sampling` policies, compiled once at start.

use crate::config::{Problem, TailSampling};
use crate::model::{ClosedTrace, Decision, Record, Timestamp, TraceId};

/// The compiled policies and the memory of past decisions. Shared by all shards.
#[derive(Debug)]
pub struct Sampler {}

impl Sampler {
    /// Compiles the policies.
    ///
    /// # Errors
    /// Every problem found, with its path under `tail_sampling`.
    pub fn compile(config: &TailSampling) -> Result<Self, Vec<Problem>> {
        let _ = config;
        unimplemented!()
    }

    /// Whether some policy needs to see a trace whole before anything can be said of it.
    #[must_use]
    pub fn needs_whole_traces(&self) -> bool {
        false
    }

    /// Whether this record alone makes its trace one that a policy will keep (before `drop` and rate limits).
    #[must_use]
    pub fn triggers(&self, record: &Record) -> bool {
        let _ = record;
        unimplemented!()
    }

    /// Decides a closed trace, and remembers the decision.
    pub fn decide(&self, now: Timestamp, trace: &ClosedTrace) -> Decision {
        let _ = (now, trace);
        unimplemented!()
    }

    /// Whether this trace was sampled before: then a late record of it is a trigger.
    #[must_use]
    pub fn sampled_before(&self, trace_id: TraceId) -> bool {
        let _ = trace_id;
        false
    }
}
