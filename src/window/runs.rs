//! Records whose traces have no trigger: 16 bytes each beside the request that they stand in, and nothing for their traces.
//!
//! Nearly all traces end so, and an entry in a map for each would cost more than everything else that is done for a span. Where
//! a trace must have a record that triggers to be kept, the others need not be told apart: records stand in *runs* in the order
//! of their arrival, and a run goes as a whole when the last record in it has been held long enough.
//!
//! When a trace gets a trigger its records are gathered. A run is a hash table with chains, made as records are appended, so that
//! this is one look a run, and in nearly all runs that hold nothing of the trace it ends with a byte. A chain knows a part of the hash of
//! a trace id and where the record stands: what else is to be known of a record is read off its bytes once more.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::gone::{Gone, Hasher, LetGo};
use super::open::ends_root;
use crate::model::{Batch, ByteRange, Entry, Head, Record, Timestamp, TraceId};
use crate::otlp;

/// Records of a run. Places in it, counted from one, fit into 16 bits.
const RUN: usize = 1 << 14;
/// Chains of a run.
const CHAINS: usize = RUN / 2;
/// Runs that one retention is spread over, if they do not fill up before: a record is held so much longer at most.
const RUNS_A_RETENTION: u32 = 64;

/// Runs that the byte budget is spread over, if it is large: when memory runs short, little more goes than needs to.
const RUNS_A_BUDGET: usize = 64;
/// Bytes of requests that a run has in any case: its own tables are small beside them.
const MIN_BYTES: usize = 1 << 20;

/// Tags that are looked at before one is noted once more.
const LAST_TAGS: usize = 1 << 12;

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

/// Records that came one after the other.
#[derive(Debug)]
pub(super) struct Run {
    /// When it takes no more.
    until: Timestamp,
    last: Timestamp,
    /// By [`sign`]: which traces it may have records of.
    signs: Box<[u8]>,
    /// The last record of each chain: its place in `slots` plus one, or zero.
    heads: Box<[u16]>,
    slots: Vec<Slot>,
    requests: Vec<Request>,
    /// What is held for these.
    bytes: usize,
    /// Records that have not been gathered.
    pub(super) records: u64,
    /// Those of them whose requests nothing keeps beside memory.
    pub(super) unkept: u64,
}

/// A record.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Of the trace id; its lowest bit says whether the record is of an ended root.
    hash: u32,
    /// Its place in `requests`.
    request: u16,
    /// The record before it in the chain, as in `heads`.
    before: u16,
    /// Where it stands in the request. A record that has been gathered has no length: others have an id at least.
    start: u32,
    len: u32,
}

/// A request that records of a run stand in.
#[derive(Debug)]
struct Request {
    batch: Arc<Batch>,
    arrived: Timestamp,
    /// The same as the caller told it.
    outside: Timestamp,
    surroundings: SmallVec<[Surroundings; 1]>,
}

/// What the records from a place of a request on have around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Surroundings {
    from: u32,
    resource: ByteRange,
    scope: ByteRange,
    metric: ByteRange,
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
    pub(super) fn new(retention: Duration, remembered: usize, budget: usize) -> Self {
        let (hasher, gone) = (Hasher::default(), Gone::new(remembered));
        let bytes_a_run = (budget / RUNS_A_BUDGET).max(MIN_BYTES);
        Self { retention, bytes_a_run, hasher, runs: VecDeque::new(), records: 0, gone }
    }

    /// Records held.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// The hashes of the traces of these records, which [`Runs::put`] is to be given.
    pub(super) fn hashes(&self, entries: &[Entry]) -> Vec<u64> {
        let hashes: Vec<u64> = entries.iter().map(|entry| self.hash(entry.head.trace_id)).collect();
        if let Some(run) = self.runs.back() {
            fetch(hashes.iter().map(|hash| run.head(*hash) ^ u16::from(run.signs(*hash))));
        }
        hashes
    }

    /// The hash of a trace.
    pub(super) fn hash(&self, trace_id: TraceId) -> u64 {
        self.hasher.hash(trace_id)
    }

    /// Appends a record, of whose trace this is the hash. Times do not decrease; records of a request come one after the other, in the order
    /// of its bytes.
    pub(super) fn put(&mut self, hash: u64, arrived: Timestamp, outside: Timestamp, batch: &Arc<Batch>, entry: &Entry) {
        let has_room = |run: &&mut Run| run.slots.len() < RUN && run.bytes < self.bytes_a_run && arrived <= run.until;
        if let Some(run) = self.runs.back_mut().filter(has_room) {
            run.put(hash, arrived, outside, batch, entry);
        } else {
            // Traffic is much the same as a moment ago: what grows is copied.
            let records = self.runs.back().map_or(0, |last| last.slots.len().next_power_of_two());
            let mut run = Run::new(arrived.after(self.retention / RUNS_A_RETENTION), records);
            run.put(hash, arrived, outside, batch, entry);
            self.runs.push_back(run);
        }
        self.records += 1;
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
            let found = pieces.len();
            let mut at = run.head(hash);
            while let Some(slot) = run.slot(at) {
                at = slot.before;
                if slot.is_of(hash)
                    && let Some(request) = run.requests.get(usize::from(slot.request))
                {
                    pieces.extend(request.piece(*slot, trace_id).map(|piece| piece.record));
                }
            }
            pieces[found..].reverse();
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

/// What is remembered of the hash of a trace: as much as a run knows of it.
pub(super) fn tag(hash: u64) -> u64 {
    (chain(hash) as u64) << 32 | u64::from(Slot::hash(hash))
}

/// The chain of a hash.
fn chain(hash: u64) -> usize {
    (hash >> 32) as usize & (CHAINS - 1)
}

/// Where a run notes that it has a record of a trace with this hash, and how. Of a trace that it has no record of, one in eight is taken
/// for one that it has, where each of its records is of another trace; of traces of many records, few are.
fn sign(hash: u64) -> (usize, u8) {
    ((hash >> 32) as usize & (RUN - 1), 1 << (hash >> 46 & 7))
}

impl Run {
    /// An empty one with room for so many records.
    fn new(until: Timestamp, records: usize) -> Self {
        Self {
            until,
            last: Timestamp::default(),
            signs: vec![0; RUN].into_boxed_slice(),
            heads: vec![0; CHAINS].into_boxed_slice(),
            slots: Vec::with_capacity(records),
            requests: Vec::new(),
            bytes: 0,
            records: 0,
            unkept: 0,
        }
    }

    /// What keeps its requests beside memory is told that whoever reads them next is to take them up.
    pub(super) fn carry(&self) {
        self.requests.iter().filter_map(|request| request.batch.origin.as_ref()).for_each(|it| it.keeper.carried());
    }

    fn signs(&self, hash: u64) -> u8 {
        self.signs.get(sign(hash).0).copied().unwrap_or(0)
    }

    /// Whether it may have records of a trace with this hash.
    fn may_hold(&self, hash: u64) -> bool {
        self.signs(hash) & sign(hash).1 != 0
    }

    /// Whether it has a record of a trace with this hash.
    pub(super) fn holds(&self, hash: u64) -> bool {
        let mut at = self.head(hash);
        while let Some(slot) = self.slot(at) {
            if slot.is_of(hash) && slot.len > 0 {
                return true;
            }
            at = slot.before;
        }
        false
    }

    fn head(&self, hash: u64) -> u16 {
        self.heads.get(chain(hash)).copied().unwrap_or(0)
    }

    /// The record that a head or another record points to.
    fn slot(&self, at: u16) -> Option<&Slot> {
        usize::from(at).checked_sub(1).and_then(|at| self.slots.get(at))
    }

    /// The tags of the traces of its records, some of them more than once. Records are gone through in their order, since a chain leads all
    /// over them: what is known of the last of a chain is told to the one before it.
    fn tags(&self) -> Vec<u64> {
        let place = |number: u16| usize::from(number).wrapping_sub(1);
        let mut chains = vec![0; self.slots.len()];
        for (chain, head) in (0..).zip(&self.heads) {
            if let Some(of) = chains.get_mut(place(*head)) {
                *of = chain;
            }
        }
        let mut tags = Vec::new();
        let mut last = [u64::MAX; LAST_TAGS];
        for (at, slot) in self.slots.iter().enumerate().rev() {
            let chain: u16 = chains.get(at).copied().unwrap_or_default();
            if let Some(of) = chains.get_mut(place(slot.before)) {
                *of = chain;
            }
            let tag = u64::from(chain) << 32 | u64::from(slot.hash & !1);
            if let Some(last) = last.get_mut((slot.hash >> 1) as usize % LAST_TAGS)
                && slot.len > 0
                && *last != tag
            {
                *last = tag;
                tags.push(tag);
            }
        }
        tags
    }

    fn put(&mut self, hash: u64, arrived: Timestamp, outside: Timestamp, batch: &Arc<Batch>, entry: &Entry) {
        let Entry { resource, scope, metric, body, .. } = *entry;
        let surroundings = Surroundings { from: body.start, resource, scope, metric };
        match self.requests.last_mut() {
            Some(last) if last.arrived == arrived && Arc::ptr_eq(&last.batch, batch) => {
                let differs = |it: &&mut Surroundings| Surroundings { from: it.from, ..surroundings } != **it;
                if last.surroundings.last_mut().filter(differs).is_some() {
                    last.surroundings.push(surroundings);
                }
            }
            _ => {
                let surroundings = SmallVec::from([surroundings]);
                self.requests.push(Request { batch: Arc::clone(batch), arrived, outside, surroundings });
                self.bytes += batch.permit.bytes();
            }
        }
        self.last = arrived;
        let before = self.head(hash);
        // Both are at most `RUN`.
        let request = (self.requests.len() - 1) as u16;
        let hash_and_root = Slot::hash(hash) | u32::from(ends_root(batch.signal, &entry.head));
        self.slots.push(Slot { hash: hash_and_root, request, before, start: body.start, len: body.len() as u32 });
        if let Some(head) = self.heads.get_mut(chain(hash)) {
            *head = self.slots.len() as u16;
        }
        let (at, sign) = sign(hash);
        if let Some(signs) = self.signs.get_mut(at) {
            *signs |= sign;
        }
        self.records += 1;
        self.unkept += u64::from(batch.origin.is_none());
    }

    /// Shows `see` every record that is there and has this hash, the last first.
    fn each(&mut self, hash: u64, mut see: impl FnMut(&Request, &mut Slot)) {
        let mut at = self.head(hash);
        while let Some(slot) = usize::from(at).checked_sub(1).and_then(|at| self.slots.get_mut(at)) {
            at = slot.before;
            if slot.is_of(hash)
                && slot.len > 0
                && let Some(request) = self.requests.get(usize::from(slot.request))
            {
                see(request, slot);
            }
        }
    }
}

impl Slot {
    /// What of a hash is in a slot.
    fn hash(hash: u64) -> u32 {
        hash as u32 & !1
    }

    fn is_of(self, hash: u64) -> bool {
        self.hash & !1 == Self::hash(hash)
    }
}

impl Request {
    /// The record of a slot, if it is of this trace. In a request that is held as it came only the hash tells, which [`super::Unpacker`]
    /// holds against its bytes.
    fn piece(&self, slot: Slot, trace_id: TraceId) -> Option<Piece> {
        let Self { batch, arrived, outside, surroundings } = self;
        let body = ByteRange { start: slot.start, end: slot.start + slot.len };
        let head = match &batch.packed {
            None => otlp::head(batch.signal, &batch.bytes, body).filter(|head| head.trace_id == trace_id)?,
            Some(_) => Head { trace_id, ..Head::default() },
        };
        let after = surroundings.partition_point(|it| it.from <= slot.start);
        let Surroundings { resource, scope, metric, .. } = *surroundings.get(after.checked_sub(1)?)?;
        let entry = Entry { head, resource, scope, metric, body };
        let record = Record { batch: Arc::clone(batch), entry };
        Some(Piece { record, ends_root: slot.hash & 1 == 1, arrived: *arrived, outside: *outside })
    }
}
