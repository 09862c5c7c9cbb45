//! Recorded OTLP through the same [`Core`] in virtual time: offline, deterministic, as fast as the machine can.
//!
//! Records are taken in the order (timestamp, digest), whatever their order in the files, and a record's timestamp (a
//! span's end, a log's time) is the clock. The whole recording is held in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::Core;
use crate::bundle::Sealed;
use crate::model::{Batch, CloseReason, Entry, Record, Signal, Timestamp, Totals, TraceId};
use crate::otlp::{self, Limits, WireError};
use crate::telemetry::Clock;

/// Traces that one pass closes.
const PASS: usize = 512;

/// The clock of a replay: the timestamp of the record that was taken last.
#[derive(Debug, Default)]
pub struct VirtualClock(Mutex<Timestamp>);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

impl VirtualClock {
    fn set(&self, now: Timestamp) {
        *self.0.lock() = now;
    }
}

/// Requests of a recording, to be replayed.
#[derive(Debug, Default)]
pub struct Recording {
    records: Vec<Recorded>,
    refused: u64,
}

#[derive(Debug)]
struct Recorded {
    at: Timestamp,
    digest: [u8; 32],
    batch: Arc<Batch>,
    entry: Entry,
}

impl Recording {
    /// Adds the records of one protobuf request; those with invalid ids are counted and left out.
    ///
    /// # Errors
    /// If the request is malformed.
    pub fn push(&mut self, core: &Core, signal: Signal, request: Vec<u8>) -> Result<(), WireError> {
        let scan = otlp::scan(signal, &request, &Limits::default())?;
        self.refused += scan.rejected.trace_id + scan.rejected.span_id;
        // A recording is in memory whole, so its records hold nothing of the windows' budget.
        let Some(permit) = core.budget().take(0) else { return Ok(()) };
        let batch = Arc::new(Batch { signal, bytes: Bytes::from(request), packed: None, permit, origin: None });
        self.records.extend(scan.entries.into_iter().map(|entry| Recorded::new(&batch, entry)));
        Ok(())
    }

    /// Records that will be replayed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is nothing to replay.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Records left out because of invalid ids.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Replays the recording; `store` is handed each bundle and owes its records their outcome, `progress` the number of
    /// records taken so far. Returns how the records ended.
    pub fn replay(
        mut self,
        core: &Core,
        clock: &VirtualClock,
        mut store: impl FnMut(Sealed),
        mut progress: impl FnMut(usize),
    ) -> Totals {
        self.date_the_undated();
        self.records.sort_unstable_by_key(|record| (record.at, record.digest));
        for (taken, record) in self.records.into_iter().enumerate() {
            clock.set(record.at);
            pass(core, record.at, None, &mut store);
            core.admit_entries(record.at, &record.batch, &[record.entry]);
            progress(taken + 1);
        }
        pass(core, clock.now(), Some(CloseReason::EndOfInput), &mut store);
        core.end();
        core.ledger().totals()
    }
}

impl Recording {
    /// A record without a time (an attachment, most often) is taken with the last of its trace, else with the last of all: it
    /// came while its trace was known.
    fn date_the_undated(&mut self) {
        let mut last: BTreeMap<TraceId, Timestamp> = BTreeMap::new();
        for record in &self.records {
            let of_trace = last.entry(record.entry.head.trace_id).or_default();
            *of_trace = record.at.max(*of_trace);
        }
        let end = last.values().max().copied().unwrap_or_default();
        for record in self.records.iter_mut().filter(|record| record.at == Timestamp::default()) {
            let of_trace = last.get(&record.entry.head.trace_id).copied().unwrap_or_default();
            record.at = if of_trace == Timestamp::default() { end } else { of_trace };
        }
    }
}

impl Recorded {
    fn new(batch: &Arc<Batch>, entry: Entry) -> Self {
        let record = Record { batch: Arc::clone(batch), entry };
        let mut hash = Sha256::new();
        for part in [record.resource(), record.scope(), record.metric(), record.body()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self { at: entry.head.end, digest: hash.finalize().into(), batch: Arc::clone(batch), entry }
    }
}

/// Closes and judges what is due in every shard (or everything, for `reason`).
pub(super) fn pass(core: &Core, now: Timestamp, reason: Option<CloseReason>, store: &mut impl FnMut(Sealed)) {
    for shard in 0..core.shards() {
        loop {
            let closed = match reason {
                None => core.close_due(now, shard, PASS),
                Some(reason) => core.close_all(now, shard, reason, PASS),
            };
            let full = closed.len() == PASS;
            for trace in closed {
                if let Some(sealed) = core.judge(now, trace) {
                    store(sealed);
                }
            }
            if !full {
                break;
            }
        }
    }
}
