//! Requests on their way into windows.

use std::sync::Arc;

use bytes::Bytes;

use super::{Core, RETRY_AFTER};
use crate::model::{Batch, Encoding, Entry, Origin, Permit, Record, Signal, Timestamp};
use crate::receiver::{Incoming, Refusal, RefusalReason};
use crate::sampling::Sampler;
use crate::window::{self, Appended, Mark, Ticket};

impl Core {
    /// Takes in a request whole, or not at all. It may be acknowledged once the ticket, if there is one, says so.
    ///
    /// # Errors
    /// If the byte budget is used up, or the request cannot be written to the log: the client is to come again.
    pub fn admit(&self, now: Timestamp, incoming: Incoming) -> Result<Option<Ticket>, Refusal> {
        let Incoming { signal, bytes, wire, entries, .. } = incoming;
        let refusal = |reason| Refusal { reason, retry_after: RETRY_AFTER };
        let permit = self.take(self.cost(&bytes, &entries)).ok_or_else(|| refusal(RefusalReason::MemoryFull))?;
        let appended = self.log.as_ref().map(|log| {
            let (encoding, body) =
                wire.as_ref().map_or((Encoding::Identity, &bytes), |(encoding, body)| (*encoding, body));
            log.append(now, signal, encoding, body)
        });
        let appended = appended.transpose().map_err(|_| refusal(RefusalReason::StorageFailed))?;
        let (origin, ticket) = appended.map_or((None, None), |Appended { origin, ticket }| (Some(origin), ticket));
        let batch = Arc::new(Batch { signal, bytes, permit, origin });
        self.admit_entries(now, &batch, &entries);
        Ok(ticket)
    }

    /// Takes in records of a request that was admitted before, whether or not there is room for them.
    pub(in crate::pipeline) fn admit_again(
        &self,
        now: Timestamp,
        signal: Signal,
        bytes: Bytes,
        origin: Origin,
        entries: &[Entry],
    ) {
        let permit = self.stages.budget.take_anyway(self.cost(&bytes, entries));
        let batch = Arc::new(Batch { signal, bytes, permit, origin: Some(origin) });
        self.admit_entries(now, &batch, entries);
    }

    /// Takes in a request that its origin keeps until its records have had their outcome. One that is larger than the whole budget
    /// is taken all the same: it would never fit.
    ///
    /// # Errors
    /// The request, if there is no room for it now.
    pub(in crate::pipeline) fn admit_read(
        &self,
        now: Timestamp,
        incoming: Incoming,
        origin: Option<Origin>,
    ) -> Result<(), Incoming> {
        let cost = self.cost(&incoming.bytes, &incoming.entries);
        let budget = &self.stages.budget;
        let permit = if cost > budget.limit() { Some(budget.take_anyway(cost)) } else { self.take(cost) };
        let Some(permit) = permit else { return Err(incoming) };
        let Incoming { signal, bytes, entries, .. } = incoming;
        let batch = Arc::new(Batch { signal, bytes, permit, origin });
        self.admit_entries(now, &batch, &entries);
        Ok(())
    }

    /// Takes in records of a batch that is within the budget already.
    pub fn admit_entries(&self, now: Timestamp, batch: &Arc<Batch>, entries: &[Entry]) {
        let mut accepted = self.stages.ledger.accept(entries.len() as u64);
        let orphans = entries.iter().filter(|entry| entry.head.trace_id.is_zero()).count() as u64;
        if orphans > 0 {
            let entries = entries.iter().filter(|entry| entry.head.trace_id.is_zero());
            for window::Late { trace_id, record, tracked } in
                self.loose.admit(now, batch, entries, accepted.split(orphans))
            {
                if let Some(window) = self.windows.get(self.window_of(trace_id)) {
                    window.lock().admit_late(now, record, tracked);
                }
            }
        }
        let local = self.local();
        if self.by_trigger
            && let Some(window) = self.windows.first()
        {
            let mark = |entry: &Entry| mark(&local.sampler, batch, entry);
            window.lock().admit_request(now, batch, entries, accepted, mark);
            self.measure(now, batch, entries);
            return;
        }
        // One lock a shard and request: each shard takes its own records out of the request.
        for (index, window) in self.windows.iter().enumerate() {
            let mine = |entry: &&Entry| !entry.head.trace_id.is_zero() && self.window_of(entry.head.trace_id) == index;
            let mut entries = entries.iter().filter(mine).peekable();
            if entries.peek().is_none() {
                continue;
            }
            let mut window = window.lock();
            for entry in entries {
                let record = Record { batch: Arc::clone(batch), entry: *entry };
                let tracked = accepted.split(1);
                match mark(&local.sampler, batch, entry) {
                    Mark::Late => window.admit_late(now, record, tracked),
                    mark => window.admit(now, record, tracked, mark == Mark::Trigger),
                }
            }
        }
    }

    /// Takes durations from the records of a request: of traces that nothing triggers, nobody will be asked to judge any.
    fn measure(&self, now: Timestamp, batch: &Arc<Batch>, entries: &[Entry]) {
        let record = |entry: &Entry| Record { batch: Arc::clone(batch), entry: *entry };
        self.stages.normals.add(now, self.stages.normals.read(now, entries.iter().map(record)));
    }

    /// Takes a part of the byte budget. Log records without a trace id, the oldest first, give way to it.
    fn take(&self, cost: usize) -> Option<Permit> {
        loop {
            let permit = self.stages.budget.take(cost);
            if permit.is_some() || cost > self.stages.budget.limit() || !self.loose.forget_oldest() {
                return permit;
            }
        }
    }

    /// What a request takes of the byte budget.
    fn cost(&self, bytes: &Bytes, entries: &[Entry]) -> usize {
        let record = if self.by_trigger { window::WAITING_COST } else { window::OPEN_COST };
        bytes.len() + entries.len() * record
    }
}

/// What a record says about whether its trace is worth deciding. To be asked under the lock of its window: a decision that
/// falls meanwhile looks for what it missed.
fn mark(sampler: &Sampler, batch: &Arc<Batch>, entry: &Entry) -> Mark {
    let record = || Record { batch: Arc::clone(batch), entry: *entry };
    if sampler.sampled_before(entry.head.trace_id) {
        Mark::Late
    } else if sampler.may_trigger(batch.signal, &entry.head) && sampler.triggers(&record()) {
        Mark::Trigger
    } else {
        Mark::None
    }
}
