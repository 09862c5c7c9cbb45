//! Requests on their way into windows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;

use super::{Core, RETRY_AFTER};
use crate::model::{Batch, Encoding, Entry, Origin, Packed, Permit, Record, Timestamp};
use crate::receiver::{Incoming, Refusal, RefusalReason};
use crate::sampling::Sampler;
use crate::window::{self, Appended, Mark, Ready, Ticket};

/// A request is held as it came if that is so many times less: below it hardly anything is saved, above it little traffic could ask for
/// much work.
const PACKED: RangeInclusive<usize> = 2..=64;

impl Core {
    /// Takes in a request whole, or not at all. It may be acknowledged once the ticket, if there is one, says so.
    ///
    /// # Errors
    /// If the byte budget is used up, or the request cannot be written to the log: the client is to come again.
    pub fn admit(&self, now: Timestamp, incoming: Incoming) -> Result<Option<Ticket>, Refusal> {
        let Incoming { signal, bytes, wire, entries, .. } = incoming;
        let refusal = |reason| Refusal { reason, retry_after: RETRY_AFTER };
        let form = self.form(&bytes, wire.as_ref(), &entries);
        let permit =
            self.take(self.cost(form.len(&bytes), &entries)).ok_or_else(|| refusal(RefusalReason::MemoryFull))?;
        let appended = self.log.as_ref().map(|log| {
            let (encoding, body) =
                wire.as_ref().map_or((Encoding::Identity, &bytes), |(encoding, body)| (*encoding, body));
            log.append(now, signal, encoding, body)
        });
        let appended = appended.transpose().map_err(|_| refusal(RefusalReason::StorageFailed))?;
        let (origin, ticket) = appended.map_or((None, None), |Appended { origin, ticket }| (Some(origin), ticket));
        self.admit_as(now, form, Batch { signal, bytes, packed: None, permit, origin }, &entries);
        Ok(ticket)
    }

    /// Takes in a request that was admitted before, whether or not there is room for it.
    pub(in crate::pipeline) fn admit_again(&self, now: Timestamp, incoming: Incoming, origin: Origin) {
        let Incoming { signal, bytes, wire, entries, .. } = incoming;
        let form = self.form(&bytes, wire.as_ref(), &entries);
        let permit = self.stages.budget.take_anyway(self.cost(form.len(&bytes), &entries));
        self.admit_as(now, form, Batch { signal, bytes, packed: None, permit, origin: Some(origin) }, &entries);
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
        let cost = self.cost(incoming.bytes.len(), &incoming.entries);
        let budget = &self.stages.budget;
        let permit = if cost > budget.limit() { Some(budget.take_anyway(cost)) } else { self.take(cost) };
        let Some(permit) = permit else { return Err(incoming) };
        let Incoming { signal, bytes, entries, .. } = incoming;
        let batch = Arc::new(Batch { signal, bytes, packed: None, permit, origin });
        self.admit_entries(now, &batch, &entries);
        Ok(())
    }

    /// Takes in records of a batch that is within the budget already.
    pub fn admit_entries(&self, now: Timestamp, batch: &Arc<Batch>, entries: &[Entry]) {
        self.admit_held(now, batch, batch, entries);
    }

    /// Takes in the records of a request, to be held in this form.
    fn admit_as(&self, now: Timestamp, form: Form, batch: Batch, entries: &[Entry]) {
        match form {
            Form::Own => self.admit_entries(now, &Arc::new(batch), entries),
            Form::Copy => {
                let bytes = Bytes::copy_from_slice(&batch.bytes);
                self.admit_entries(now, &Arc::new(Batch { bytes, ..batch }), entries);
            }
            Form::Packed(packed) => {
                let Batch { signal, bytes, permit, origin, .. } = batch;
                let held = Arc::new(Batch { signal, bytes: Bytes::new(), packed: Some(packed), permit, origin });
                self.stages.unpacker.keep_at_hand(&held, &bytes);
                let permit = self.stages.budget.take_anyway(0);
                let read = Arc::new(Batch { signal, bytes, packed: None, permit, origin: None });
                self.admit_held(now, &read, &held, entries);
            }
        }
    }

    /// Takes in records that are read in one batch and held in another, or the same.
    fn admit_held(&self, now: Timestamp, batch: &Arc<Batch>, held: &Arc<Batch>, entries: &[Entry]) {
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
            let ready = Ready::new(&self.ids, held, entries);
            let ask = || marks(&local.sampler, batch, entries);
            let known = local.sampler.times_sampled();
            let mut marks = ask();
            let mut window = window.lock();
            if local.sampler.times_sampled() != known {
                // A decision fell, and may have looked already for what it missed: from here on none does.
                marks = ask();
            }
            window.admit_request(now, &ready, accepted, &marks, &self.stages.unpacker);
            drop(window);
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
                match mark(&local.sampler, batch, entry, true) {
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

    /// What a request of which `len` bytes are held takes of the byte budget.
    fn cost(&self, len: usize, entries: &[Entry]) -> usize {
        let record = if self.by_trigger { window::WAITING_COST } else { window::OPEN_COST };
        len + entries.len() * record
    }

    /// How a request is to be held.
    fn form(&self, bytes: &Bytes, wire: Option<&(Encoding, Bytes)>, entries: &[Entry]) -> Form {
        let Some((encoding, wire)) = wire else { return Form::Own };
        // Where traces are open from their first record on, and of records without a trace, somebody looks at the records.
        let are_left_alone = self.by_trigger && entries.iter().all(|entry| !entry.head.trace_id.is_zero());
        if are_left_alone && PACKED.contains(&(bytes.len() / wire.len().max(1))) {
            return Form::Packed(Packed::new(*encoding, wire.clone(), bytes.len()));
        }
        Form::Copy
    }
}

/// How a request is held.
enum Form {
    /// By the bytes that it has.
    Own,
    /// By a copy of them: they are lent.
    Copy,
    /// As it came.
    Packed(Packed),
}

impl Form {
    /// Bytes held of a request that has these.
    fn len(&self, bytes: &Bytes) -> usize {
        match self {
            Self::Own | Self::Copy => bytes.len(),
            Self::Packed(packed) => packed.wire.len(),
        }
    }
}

/// What each record of a request says: [`mark`].
fn marks(sampler: &Sampler, batch: &Arc<Batch>, entries: &[Entry]) -> Vec<Mark> {
    let perhaps = sampler.perhaps_sampled_before(entries.iter().map(|entry| entry.head.trace_id));
    entries.iter().zip(perhaps).map(|(entry, perhaps)| mark(sampler, batch, entry, perhaps)).collect()
}

/// What a record says about whether its trace is worth deciding. It holds as long as no decision falls (which looks for what it missed
/// under the lock of its window), so it is to be asked under that lock, or to be held against [`Sampler::times_sampled`] there.
/// `perhaps_sampled`: whether its trace may have been sampled before.
fn mark(sampler: &Sampler, batch: &Arc<Batch>, entry: &Entry, perhaps_sampled: bool) -> Mark {
    let record = || Record { batch: Arc::clone(batch), entry: *entry };
    if perhaps_sampled && sampler.sampled_before(entry.head.trace_id) {
        Mark::Late
    } else if sampler.may_trigger(batch.signal, &entry.head) && sampler.triggers(&record()) {
        Mark::Trigger
    } else {
        Mark::None
    }
}
