//! "Nothing vanishes", as a type: records that are owed an outcome.

use std::sync::Arc;

use super::origin::Lease;
use super::sync::{AtomicU64, Ordering};
use super::{Decision, DropReason, Outcome, Record, TraceId};

/// Exact counts of records by outcome, shared by every [`Tracked`] of a process.
///
/// `accepted = bundled + not_sampled + Σ dropped + carried + reread + pending` holds whenever no call is in progress.
#[derive(Debug, Default)]
pub struct Ledger {
    accepted: AtomicU64,
    bundled: AtomicU64,
    not_sampled: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    carried: AtomicU64,
    reread: AtomicU64,
    undecided: AtomicU64,
}

/// The counts of a [`Ledger`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Totals {
    /// Records admitted.
    pub accepted: u64,
    /// Records listed in stored manifests.
    pub bundled: u64,
    /// Records no policy wanted.
    pub not_sampled: u64,
    /// Records dropped for a counted reason.
    pub dropped: u64,
    /// Records that the next start takes up.
    pub carried: u64,
    /// Records that were read once more, and had their outcome before.
    pub reread: u64,
    /// Records dropped without an outcome: always zero, or there is a bug.
    pub undecided: u64,
}

impl Totals {
    /// These and others together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            bundled: self.bundled + other.bundled,
            not_sampled: self.not_sampled + other.not_sampled,
            dropped: self.dropped + other.dropped,
            carried: self.carried + other.carried,
            reread: self.reread + other.reread,
            undecided: self.undecided + other.undecided,
        }
    }

    /// Records that still wait for an outcome.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.accepted - self.bundled - self.not_sampled - self.dropped - self.carried - self.reread - self.undecided
    }
}

impl Ledger {
    /// Counts `records` as accepted and returns the handle that owes them an outcome.
    pub fn accept(self: &Arc<Self>, records: u64) -> Tracked {
        self.accepted.fetch_add(records, Ordering::Relaxed);
        Tracked { ledger: Arc::clone(self), records, lease: None }
    }

    /// Records dropped for `reason` so far.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// All counts.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        // Outcomes before `accepted`, so that a record counted between the reads cannot make `pending` negative: who sees an outcome has to
        // see that its record was accepted, too.
        let totals = Totals {
            accepted: 0,
            bundled: read(&self.bundled),
            not_sampled: read(&self.not_sampled),
            dropped: self.dropped.iter().map(read).sum(),
            carried: read(&self.carried),
            reread: read(&self.reread),
            undecided: read(&self.undecided),
        };
        Totals { accepted: read(&self.accepted), ..totals }
    }

    fn settle(&self, records: u64, outcome: Outcome) {
        let count = match outcome {
            Outcome::Bundled => &self.bundled,
            Outcome::NotSampled => &self.not_sampled,
            Outcome::Dropped(reason) => &self.dropped[reason as usize],
            Outcome::Carried => &self.carried,
            Outcome::Reread => &self.reread,
        };
        count.fetch_add(records, Ordering::Release);
    }
}

/// A number of accepted records that are owed an outcome. Dropping it while it still owes one is a bug: counted as
/// `undecided`, and a panic in a debug build.
#[derive(Debug)]
#[must_use = "accepted records are owed an outcome"]
pub struct Tracked {
    ledger: Arc<Ledger>,
    records: u64,
    /// Of the records of one closed trace: what keeps them until then. What is split off has none.
    lease: Option<Box<Lease>>,
}

impl Tracked {
    /// How many records still wait.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Takes over what `other` owes.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert!(other.lease.is_none(), "records of a closed trace are not mixed with others");
        self.records += std::mem::take(&mut other.records);
    }

    /// Splits `records` of them off (at most as many as there are), to be decided apart.
    pub fn split(&mut self, records: u64) -> Self {
        let records = records.min(self.records);
        self.records -= records;
        Self { ledger: Arc::clone(&self.ledger), records, lease: None }
    }

    /// From here on these are the records of one closed trace: what keeps them beside memory does so until they are settled.
    pub fn of_trace(mut self, trace_id: TraceId, records: &[Record]) -> Self {
        self.lease = Lease::on(trace_id, records);
        self
    }

    /// Notes what was decided about the trace, so that the next start need not decide it again.
    pub fn decided(&mut self, decision: &Decision) {
        if let Some(lease) = &mut self.lease {
            lease.decided(decision);
        }
    }

    /// Gives all of them this outcome.
    pub fn settle(mut self, outcome: Outcome) {
        let lease = self.lease.take();
        let outcome = if lease.is_some() { Lease::outcome(outcome) } else { outcome };
        self.ledger.settle(std::mem::take(&mut self.records), outcome);
        if let Some(lease) = lease {
            lease.settle(outcome);
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.records > 0 {
            self.ledger.undecided.fetch_add(self.records, Ordering::Release);
            debug_assert!(std::thread::panicking(), "{} records dropped without an outcome", self.records);
        }
    }
}
