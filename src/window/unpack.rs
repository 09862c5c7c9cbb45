//! Bytes for the records of traces whose requests are held as they came.
//!
//! Of such a request no record is looked at while it waits, and of nearly all none ever is. Once a trace fails its records are copied out
//! of requests that are still at hand, inflated: those that came last, which is where most of them are. What is elsewhere is inflated again
//! when the trace is to be judged, outside of any lock. So no trace keeps the inflated form of anything else.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::model::{Batch, Budget, ByteRange, ClosedTrace, DropReason, Entry, Outcome, Packed, Record, TraceId};
use crate::otlp;

/// Bytes of inflated requests that are at hand at most: two of the largest that the Collector sends unless told otherwise (8,192 spans),
/// and what a few hundred thousand spans a second bring in some hundredths of a second. Where records of a trace lie close together, more
/// gains nothing.
const AT_HAND: usize = 8 * 1024 * 1024;
/// And no more than this part of the budget.
const SHARE: usize = 64;
/// With so much of the budget in use nothing is at hand any more: room is wanted for what came compressed.
const SHORT_PERCENT: usize = 50;

/// A request that was inflated again so often is held inflated, too, if there is room for it: so none costs much more, however many of
/// its traces fail.
const OFTEN: u32 = 3;

/// Gives records their bytes.
#[derive(Debug)]
pub struct Unpacker {
    budget: Budget,
    recent: Mutex<Recent>,
}

/// Requests that are at hand, the oldest first, and how many bytes each has inflated.
#[derive(Debug, Default)]
struct Recent {
    requests: VecDeque<(Weak<Batch>, usize)>,
    bytes: usize,
}

/// Records that have no bytes.
#[derive(Debug, Default)]
struct Without {
    /// Since they are of another trace: one in a hundred million, where only a hash told them.
    others: u64,
    /// Since their request cannot be inflated.
    lost: u64,
}

impl Unpacker {
    /// One that takes what records get from `budget`.
    #[must_use]
    pub fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), recent: Mutex::default() }
    }

    /// Keeps the bytes of a request that is held as it came at hand for a while.
    pub fn keep_at_hand(&self, batch: &Arc<Batch>, bytes: &Bytes) {
        let Some(packed) = &batch.packed else { return };
        let most = AT_HAND.min(self.budget.limit() / SHARE);
        let is_short = self.budget.is_short(SHORT_PERCENT);
        let permit = if is_short || bytes.len() > most / 2 { None } else { self.budget.take(bytes.len()) };
        let mut recent = self.recent.lock();
        let gone = recent.shrink(if is_short { 0 } else { most - permit.as_ref().map_or(0, |_| bytes.len()) });
        if let Some(permit) = permit {
            *packed.at_hand.lock() = Some((bytes.clone(), permit));
            recent.requests.push_back((Arc::downgrade(batch), bytes.len()));
            recent.bytes += bytes.len();
        }
        drop(recent);
        for request in gone.iter().filter_map(Weak::upgrade) {
            request.packed.iter().for_each(|packed| drop(packed.at_hand.lock().take()));
        }
    }

    /// Gives those records from `from` on, all of one trace, bytes of their own whose requests are at hand. Answers how many turned out to
    /// be of another trace, and are gone.
    pub(super) fn unpack_at_hand(&self, trace_id: TraceId, records: &mut Vec<Record>, from: usize) -> u64 {
        self.replace(trace_id, records, from, |_, packed| Ok(packed.bytes())).others
    }

    /// Gives those records of `trace` bytes of their own whose requests are held as they came; to be called before anything else is
    /// asked of the trace. Records that turn out not to be of this trace are none of it from then on.
    pub fn unpack(&self, trace: &mut ClosedTrace) {
        let packed = trace.records.iter().filter_map(|record| record.batch.packed.as_ref());
        let Some(largest) = packed.map(|packed| packed.len).max() else { return };
        // Of one request after the other.
        let _permit = self.budget.take_anyway(largest);
        let inflated = |batch: &_, packed: &_| self.inflated(batch, packed).map(Some);
        let Without { others, lost } = self.replace(trace.trace_id, &mut trace.records, 0, inflated);
        trace.tracked.split(others).settle(Outcome::NotSampled);
        trace.tracked.split(lost).settle(Outcome::Dropped(DropReason::EvidenceFailed));
    }

    /// Gives records from `from` on bytes of their own, where `inflated` has their request's.
    fn replace(
        &self,
        trace_id: TraceId,
        records: &mut Vec<Record>,
        from: usize,
        inflated: impl Fn(&Arc<Batch>, &Packed) -> io::Result<Option<Bytes>>,
    ) -> Without {
        let mut without = Without::default();
        for group in records.split_off(from).chunk_by(|one, next| Arc::ptr_eq(&one.batch, &next.batch)) {
            let Some(batch) = group.first().map(|first| &first.batch) else { continue };
            match batch.packed.as_ref().map(|packed| inflated(batch, packed)) {
                None | Some(Ok(None)) => records.extend_from_slice(group),
                Some(Ok(Some(bytes))) => {
                    let own = excerpt(batch, &bytes, group, trace_id, &self.budget);
                    without.others += group.len().saturating_sub(own.len()) as u64;
                    records.extend(own);
                }
                Some(Err(error)) => {
                    // It was inflated when it came.
                    tracing::error!(%error, "a request cannot be inflated again");
                    without.lost += group.len() as u64;
                }
            }
        }
        without
    }

    fn inflated(&self, batch: &Arc<Batch>, packed: &Packed) -> io::Result<Bytes> {
        if let Some(bytes) = packed.bytes() {
            return Ok(bytes);
        }
        let bytes = otlp::inflate_again(packed.encoding, &packed.wire, packed.len)?;
        let is_often = packed.inflations.fetch_add(1, Ordering::Relaxed) + 1 >= OFTEN;
        match is_often.then(|| self.budget.take(packed.len)).flatten() {
            Some(permit) => drop(packed.inflated.set((Bytes::copy_from_slice(&bytes), permit))),
            None => self.keep_at_hand(batch, &bytes),
        }
        Ok(bytes)
    }
}

impl Recent {
    /// Lets go of the oldest, until these are no more than `bytes`.
    fn shrink(&mut self, bytes: usize) -> Vec<Weak<Batch>> {
        let mut gone = Vec::new();
        while self.bytes > bytes {
            let Some((request, bytes)) = self.requests.pop_front() else { break };
            self.bytes -= bytes;
            gone.push(request);
        }
        gone
    }
}

/// The records of a group, all of one request, in a request of their own: what they share there they share here. Those of another
/// trace are left out.
fn excerpt(batch: &Batch, bytes: &[u8], group: &[Record], trace_id: TraceId, budget: &Budget) -> Vec<Record> {
    // Most records share what is around the first one.
    let surroundings = group.first().map_or(0, |first| first.entry.resource.len() + first.entry.scope.len());
    let size = group.iter().map(|record| record.entry.body.len()).sum::<usize>() + surroundings;
    let mut copied = Copied { from: bytes, to: Vec::with_capacity(size) };
    let mut last = [(ByteRange::default(), ByteRange::default()); 3];
    let entries: Vec<Entry> = group
        .iter()
        .filter_map(|record| {
            let Entry { resource, scope, metric, body, .. } = record.entry;
            let head = otlp::head(batch.signal, bytes, body).filter(|head| head.trace_id == trace_id)?;
            for (last, range) in last.iter_mut().zip([resource, scope, metric]) {
                // Records that share one follow one another.
                if last.0 != range {
                    *last = (range, copied.range(range));
                }
            }
            let [(_, resource), (_, scope), (_, metric)] = last;
            Some(Entry { head, resource, scope, metric, body: copied.range(body) })
        })
        .collect();
    let bytes = Bytes::from(copied.to.into_boxed_slice());
    let permit = budget.take_anyway(bytes.len());
    let own = Batch { signal: batch.signal, bytes, packed: None, permit, origin: batch.origin.clone() };
    let own = Arc::new(own);
    entries.into_iter().map(|entry| Record { batch: Arc::clone(&own), entry }).collect()
}

/// Ranges of a request, one after the other.
struct Copied<'r> {
    from: &'r [u8],
    to: Vec<u8>,
}

impl Copied<'_> {
    /// Copies a range. One that holds nothing stays: it is told from others by where it stands.
    fn range(&mut self, range: ByteRange) -> ByteRange {
        if range.is_empty() {
            return range;
        }
        let start = self.to.len() as u32;
        self.to.extend_from_slice(range.of(self.from));
        ByteRange { start, end: self.to.len() as u32 }
    }
}
