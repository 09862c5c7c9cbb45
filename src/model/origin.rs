//! Where records are kept beside memory until they have had their outcome: so that none is lost with the process.

use std::fmt;
use std::sync::Arc;

use super::{Decision, DropReason, Outcome, Record, TraceId};

/// What keeps the bytes of requests beside memory, for as long as an [`Origin`] of it lives or its records wait for their outcome.
pub trait Keeper: fmt::Debug + Send + Sync {
    /// The records of `trace_id` in these requests have had their outcome, which followed from `decision`: they need not be
    /// kept, and are not to be decided again.
    fn settled(&self, trace_id: TraceId, decision: &Decision, requests: &[u64]);

    /// Records of it will have no outcome in this process: whoever reads it next is to take them up.
    fn carried(&self);
}

/// Where the bytes of one request are kept.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The number of the request, unique in what keeps it.
    pub number: u64,
    /// What keeps it.
    pub keeper: Arc<dyn Keeper>,
}

/// The requests that the records of one closed trace came in: kept until the records have had their outcome.
#[derive(Debug)]
pub(super) struct Lease {
    trace_id: TraceId,
    /// In ascending order.
    requests: Vec<u64>,
    keepers: Vec<Arc<dyn Keeper>>,
    decision: Option<Decision>,
    settled: bool,
}

impl Lease {
    /// On the requests of `records`; `None` where nothing keeps them.
    pub(super) fn on(trace_id: TraceId, records: &[Record]) -> Option<Box<Self>> {
        let mut lease = Self { trace_id, requests: Vec::new(), keepers: Vec::new(), decision: None, settled: false };
        for Origin { number, keeper } in records.iter().filter_map(|record| record.batch.origin.as_ref()) {
            lease.requests.push(*number);
            // Records of a request stand together.
            if !lease.keepers.last().is_some_and(|last| Arc::ptr_eq(last, keeper)) {
                lease.keepers.push(Arc::clone(keeper));
            }
        }
        lease.keepers.sort_by_key(|keeper| Arc::as_ptr(keeper).cast::<()>() as usize);
        lease.keepers.dedup_by(|a, b| Arc::ptr_eq(a, b));
        lease.requests.sort_unstable();
        lease.requests.dedup();
        (!lease.keepers.is_empty()).then(|| Box::new(lease))
    }

    pub(super) fn decided(&mut self, decision: &Decision) {
        self.decision = Some(decision.clone());
    }

    /// What the outcome is of records that something keeps: there is no deadline for what the next start takes up.
    pub(super) fn outcome(outcome: Outcome) -> Outcome {
        if outcome == Outcome::Dropped(DropReason::ShutdownDeadline) { Outcome::Carried } else { outcome }
    }

    /// Tells the keepers.
    pub(super) fn settle(mut self, outcome: Outcome) {
        // Otherwise it is dropped, which says so.
        if outcome == Outcome::Carried {
            return;
        }
        self.settled = true;
        if let (Some(keeper), Some(decision)) = (self.keepers.last(), &self.decision) {
            keeper.settled(self.trace_id, decision, &self.requests);
        }
    }
}

impl Drop for Lease {
    /// Without an outcome, as after a panic, its records are left to whoever comes next.
    fn drop(&mut self) {
        if !self.settled {
            self.keepers.iter().for_each(|keeper| keeper.carried());
        }
    }
}
