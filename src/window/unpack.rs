//! Bytes for the records of closed traces whose requests are held as they came.
//!
//! Of such a request no record is looked at while it waits, and of nearly all none ever is. Once a trace is to be judged its requests
//! are inflated, outside of any lock, and its records are copied out: so no trace keeps the inflated form of anything else.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::model::{Batch, Budget, ByteRange, ClosedTrace, DropReason, Entry, Outcome, Packed, Record, TraceId};
use crate::otlp;

/// Bytes of inflated requests that are kept for the traces which close next: most traces that share a request fail, if they do, at about
/// the same time. Room for two of the largest that the Collector sends unless told otherwise (8,192 spans).
const RECENT: usize = 16 * 1024 * 1024;

/// A request that was inflated again so often is held inflated, too, if there is room for it: so none costs much more, however many of
/// its traces fail.
const OFTEN: u32 = 3;

/// Gives records their bytes.
#[derive(Debug)]
pub struct Unpacker {
    budget: Budget,
    recent: Mutex<Recent>,
}

/// What was inflated last, the oldest first.
#[derive(Debug, Default)]
struct Recent {
    requests: VecDeque<(Weak<Batch>, Bytes)>,
    bytes: usize,
}

impl Unpacker {
    /// One that takes what records get from `budget`.
    #[must_use]
    pub fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), recent: Mutex::default() }
    }

    /// Gives those records of `trace` bytes of their own whose requests are held as they came; to be called before anything else is
    /// asked of the trace. Records that turn out not to be of this trace, one in a hundred million, are none of it from then on.
    pub fn unpack(&self, trace: &mut ClosedTrace) {
        if trace.records.iter().all(|record| record.batch.packed.is_none()) {
            return;
        }
        let records = std::mem::take(&mut trace.records);
        for group in records.chunk_by(|one, next| Arc::ptr_eq(&one.batch, &next.batch)) {
            let Some(batch) = group.first().map(|first| &first.batch) else { continue };
            let Some(packed) = &batch.packed else {
                trace.records.extend_from_slice(group);
                continue;
            };
            let _permit = self.budget.take_anyway(packed.len);
            let (own, outcome_of_others) = match self.inflated(batch, packed) {
                Ok(bytes) => (excerpt(batch, &bytes, group, trace.trace_id, &self.budget), Outcome::NotSampled),
                Err(error) => {
                    // It was inflated when it came.
                    tracing::error!(%error, "a request cannot be inflated again");
                    (Vec::new(), Outcome::Dropped(DropReason::EvidenceFailed))
                }
            };
            let others = group.len().saturating_sub(own.len());
            trace.tracked.split(others as u64).settle(outcome_of_others);
            trace.records.extend(own);
        }
    }

    fn inflated(&self, batch: &Arc<Batch>, packed: &Packed) -> io::Result<Bytes> {
        let held = packed.inflated.get().map(|(bytes, _)| bytes.clone());
        if let Some(bytes) = held.or_else(|| self.recent.lock().get(batch)) {
            return Ok(bytes);
        }
        let bytes = otlp::inflate_again(packed.encoding, &packed.wire, packed.len)?;
        let is_often = packed.inflations.fetch_add(1, Ordering::Relaxed) + 1 >= OFTEN;
        match is_often.then(|| self.budget.take(packed.len)).flatten() {
            Some(permit) => drop(packed.inflated.set((Bytes::copy_from_slice(&bytes), permit))),
            None => self.recent.lock().put(batch, &bytes),
        }
        Ok(bytes)
    }
}

impl Recent {
    fn get(&self, batch: &Arc<Batch>) -> Option<Bytes> {
        let is_it = |(request, _): &&(Weak<Batch>, Bytes)| request.as_ptr() == Arc::as_ptr(batch);
        self.requests.iter().rev().find(is_it).map(|(_, bytes)| bytes.clone())
    }

    /// Keeps a copy: `bytes` are lent.
    fn put(&mut self, batch: &Arc<Batch>, bytes: &Bytes) {
        if bytes.len() > RECENT / 2 {
            return;
        }
        self.bytes += bytes.len();
        self.requests.push_back((Arc::downgrade(batch), Bytes::copy_from_slice(bytes)));
        while self.bytes > RECENT {
            let Some((_, bytes)) = self.requests.pop_front() else { break };
            self.bytes -= bytes.len();
        }
    }
}

/// The records of a group, all of one request, in a request of their own: what they share there they share here. Those of another
/// trace are left out.
fn excerpt(batch: &Batch, bytes: &[u8], group: &[Record], trace_id: TraceId, budget: &Budget) -> Vec<Record> {
    let mut copied = Copied { from: bytes, to: Vec::new() };
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
