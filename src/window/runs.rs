//! Records whose traces have no trigger: 16 bytes each beside the request that they stand in, and nothing for their traces.
//!
//! Nearly all traces end so, and an entry in a map for each would cost more than everything else that is done for a span. Where
//! a trace must have a record that triggers to be kept, the others need not be told apart: records stand in *runs* in the order
//! of their arrival, and a run goes as a whole when the last record in it has been held long enough.
//!
//! When a trace gets a trigger its records are gathered. A run is a hash table with chains, made as records are appended, so that
//! this is one look a run, and in nearly all runs that hold nothing of the trace it ends with a byte. A chain knows a part of the hash of
//! a trace id and where the record stands: what else is to be known of a record is read off its bytes once more.

mod run;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use super::gone::{Gone, LetGo};
use super::hasher::Hasher;
use super::ready::{Ready, Row};
use crate::model::{Batch, Record, Timestamp, TraceId};
pub(super) use run::{Run, tag};

/// Runs that one retention is spread over, if they do not fill up before: a record is held so much longer at most.
const RUNS_A_RETENTION: u32 = 64;

/// Runs that the byte budget is spread over, if it is large: when memory runs short, little more goes than needs to.
const RUNS_A_BUDGET: usize = 64;
/// Bytes of requests that a run has in any case: its own tables are small beside them.
const MIN_BYTES: usize = 1 << 20;

/// The records of traces that have no trigger.
#[derive(Debug)]
pub(super) struct Runs {
    retention: Duration,
    /// A run with so many bytes is full.
    bytes_a_run: usize,
    hasher: Hasher,
    /// The oldest first.
    runs: VecDeque<Run>,
    records: u64,
    /// Traces of those that have gone, not sampled.
    gone: Gone,
}

/// Runs that have gone, and where their traces are to be remembered.
#[derive(Debug)]
pub(super) struct LeftRuns {
    runs: Vec<Arc<Run>>,
    hasher: Hasher,
    gone: Gone,
}

/// What is held of a trace.
#[derive(Debug)]
pub(super) struct Gathered {
    /// In the order of their arrival.
    pub(super) pieces: Vec<Piece>,
    /// Whether records of it have gone, or are too old and go.
    pub(super) missed: bool,
}

/// A record that was held, and when it came.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) record: Record,
    pub(super) ends_root: bool,
    pub(super) arrived: Timestamp,
    pub(super) outside: Timestamp,
}

impl Runs {
    /// None, of a window that may hold `budget` bytes. Of so many traces at least it is remembered that records of them have gone.
    pub(super) fn new(retention: Duration, remembered: usize, budget: usize, hasher: Hasher) -> Self {
        let bytes_a_run = (budget / RUNS_A_BUDGET).max(MIN_BYTES);
        Self { retention, bytes_a_run, hasher, runs: VecDeque::new(), records: 0, gone: Gone::new(remembered) }
    }

    /// Records held.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Appends records of a request. Times do not decrease; records of a request come in the order of its bytes.
    pub(super) fn put(&mut self, arrived: Timestamp, outside: Timestamp, ready: &Ready<'_>, mut rows: &[Row]) {
        self.records += rows.len() as u64;
        while !rows.is_empty() {
            let has_room = |run: &&mut Run| run.has_room(arrived, self.bytes_a_run);
            if let Some(run) = self.runs.back_mut().filter(has_room) {
                rows = run.put(arrived, outside, ready, rows);
            } else {
                // Traffic is much the same as a moment ago: what grows is copied.
                let records = self.runs.back().map_or(0, |last| last.len().next_power_of_two());
                self.runs.push_back(Run::new(arrived.after(self.retention / RUNS_A_RETENTION), records));
            }
        }
    }

    /// Takes out the records of a trace that have come since `since` and are not too old.
    pub(super) fn gather(&mut self, now: Timestamp, since: Timestamp, trace_id: TraceId) -> Gathered {
        let hash = self.hasher.hash(trace_id);
        fetch(self.runs.iter().map(|run| u16::from(run.signs(hash))));
        let mut pieces = Vec::new();
        let mut missed = self.gone.contains(hash);
        for run in self.runs.iter_mut().filter(|run| run.may_hold(hash) && run.last >= since) {
            let found = pieces.len();
            run.each(hash, |request, slot| {
                let is_held = request.arrived.after(self.retention) > now;
                missed |= !is_held;
                let is_wanted = request.arrived >= since && is_held;
                let Some(piece) = is_wanted.then(|| request.piece(*slot, trace_id)).flatten() else { return };
                slot.len = 0;
                pieces.push(piece);
            });
            let pieces = &mut pieces[found..];
            run.records -= pieces.len() as u64;
            run.unkept -= pieces.iter().filter(|piece| piece.record.batch.origin.is_none()).count() as u64;
            pieces.reverse();
        }
        self.records -= pieces.len() as u64;
        Gathered { pieces, missed }
    }

    /// The records of a trace, which stay.
    pub(super) fn pieces(&self, trace_id: TraceId) -> Vec<Record> {
        let hash = self.hasher.hash(trace_id);
        let mut pieces = Vec::new();
        for run in self.runs.iter().filter(|run| run.may_hold(hash)) {
            pieces.extend(run.pieces(hash, trace_id).into_iter().rev().map(|piece| piece.record));
        }
        pieces
    }

    /// When the oldest run goes.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.runs.front().map(|run| run.last.after(self.retention))
    }

    /// When the last record of the oldest run came.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.runs.front().map(|run| run.last)
    }

    /// Takes out the requests of records that are too old and whose run is still held for others: a run is a part of all that is held, and
    /// nearly all of that are requests.
    pub(super) fn trim(&mut self, now: Timestamp) -> impl Iterator<Item = Arc<Batch>> {
        let retention = self.retention;
        let oldest = self.runs.front_mut().into_iter();
        oldest.flat_map(move |run| run.trim(move |arrived| arrived.after(retention) <= now))
    }

    /// Lets go of the oldest run.
    pub(super) fn pop(&mut self) -> Option<Run> {
        let run = self.runs.pop_front()?;
        self.records -= run.records;
        Some(run)
    }

    /// Remembers the traces of a run that goes, not sampled: by the run, until [`LeftRuns::remember`] has noted them.
    pub(super) fn leave(&mut self, run: Run) -> Arc<Run> {
        let run = Arc::new(run);
        self.gone.leave(Arc::clone(&run));
        run
    }

    /// Those that [`Runs::leave`] answered with, to be noted.
    pub(super) fn left(&self, runs: Vec<Arc<Run>>) -> LeftRuns {
        LeftRuns { runs, hasher: self.hasher.clone(), gone: self.gone.clone() }
    }

    /// Takes up what an earlier process remembered. That is nothing where ids were hashed already, by another seed.
    pub(super) fn recall(&mut self, notes: &[LetGo]) {
        // The last one's: each process takes over the seed of the one before.
        notes.iter().rev().for_each(|note| self.hasher.take_over(note));
        let hasher = self.hasher.seeded();
        notes.iter().filter(|note| hasher.is_of(note)).for_each(|note| self.gone.add(&note.tags));
    }
}

impl LeftRuns {
    /// Remembers the traces that they hold, without the lock of the window: that goes through all of their records.
    pub(super) fn remember(&self) -> Vec<LetGo> {
        let note = |run: &Arc<Run>| {
            let tags = run.tags();
            self.gone.noted(run, &tags);
            self.hasher.seeded().note(tags)
        };
        self.runs.iter().map(note).collect()
    }
}

/// Reads these for nobody. They lie anywhere, out of the nearest caches by now; so they come together, and not one after the other when
/// each is needed.
fn fetch(values: impl Iterator<Item = u16>) {
    black_box(values.fold(0, |all, value| all ^ value));
}
