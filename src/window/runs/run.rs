//! One run: records in the order of their arrival, and a hash table with chains over them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Piece;
use crate::model::{Batch, ByteRange, Entry, Head, Record, Timestamp, TraceId};
use crate::otlp;
use crate::window::ready::{Ready, Row, Surroundings};

/// Records of a run. Places in it, counted from one, fit into 16 bits.
pub(super) const RUN: usize = 1 << 14;
/// Chains of a run.
const CHAINS: usize = RUN / 2;
/// Tags that are looked at before one is noted once more.
const LAST_TAGS: usize = 1 << 12;

/// Records that came one after the other.
#[derive(Debug)]
pub(in crate::window) struct Run {
    /// When it takes no more.
    until: Timestamp,
    pub(super) last: Timestamp,
    /// By [`sign`]: which traces it may have records of.
    signs: Box<[u8]>,
    /// The last record of each chain: its place in `slots` plus one, or zero.
    heads: Box<[u16]>,
    slots: Vec<Slot>,
    requests: Vec<Request>,
    /// The first of them that may be there still.
    trimmed: usize,
    /// What is held for these.
    bytes: usize,
    /// Records that have not been gathered.
    pub(in crate::window) records: u64,
    /// Those of them whose requests nothing keeps beside memory.
    pub(in crate::window) unkept: u64,
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Of the trace id; its lowest bit says whether the record is of an ended root.
    hash: u32,
    /// Its place in `requests`.
    request: u16,
    /// The record before it in the chain, as in `heads`.
    before: u16,
    /// Where it stands in the request. A record that has been gathered has no length: others have an id at least.
    start: u32,
    pub(super) len: u32,
}

/// A request that records of a run stand in.
#[derive(Debug)]
pub(super) struct Request {
    /// None once it is too old: [`Run::trim`].
    batch: Option<Arc<Batch>>,
    pub(super) arrived: Timestamp,
    /// The same as the caller told it.
    outside: Timestamp,
    surroundings: SmallVec<[Surroundings; 1]>,
}

/// What is remembered of the hash of a trace: as much as a run knows of it.
pub(in crate::window) fn tag(hash: u64) -> u64 {
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
    pub(super) fn new(until: Timestamp, records: usize) -> Self {
        Self {
            until,
            last: Timestamp::default(),
            signs: vec![0; RUN].into_boxed_slice(),
            heads: vec![0; CHAINS].into_boxed_slice(),
            slots: Vec::with_capacity(records),
            requests: Vec::new(),
            trimmed: 0,
            bytes: 0,
            records: 0,
            unkept: 0,
        }
    }

    /// What keeps its requests beside memory is told that whoever reads them next is to take them up.
    pub(in crate::window) fn carry(&self) {
        let batches = self.requests.iter().filter_map(|request| request.batch.as_ref());
        batches.filter_map(|batch| batch.origin.as_ref()).for_each(|it| it.keeper.carried());
    }

    pub(super) fn signs(&self, hash: u64) -> u8 {
        self.signs.get(sign(hash).0).copied().unwrap_or(0)
    }

    /// Whether it may have records of a trace with this hash.
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        self.signs(hash) & sign(hash).1 != 0
    }

    /// Whether it has a record of a trace with this hash.
    pub(in crate::window) fn holds(&self, hash: u64) -> bool {
        self.slots_of(hash).next().is_some()
    }

    /// The records that are there and have this hash, the last first.
    fn slots_of(&self, hash: u64) -> impl Iterator<Item = &Slot> {
        let chain = std::iter::successors(self.slot(self.head(hash)), |slot| self.slot(slot.before));
        chain.filter(move |slot| slot.is_of(hash) && slot.len > 0)
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
    pub(super) fn tags(&self) -> Vec<u64> {
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

    /// Takes out the first requests, as long as they are too old. Those that are kept beside memory stay until the run goes: what keeps them
    /// may be removed with them, and only then is it noted what they were of.
    pub(super) fn trim(&mut self, is_old: impl Fn(Timestamp) -> bool) -> impl Iterator<Item = Arc<Batch>> {
        let from = self.trimmed;
        let old = self.requests.get(from..).unwrap_or_default().partition_point(|request| is_old(request.arrived));
        self.trimmed += old;
        let old = self.requests.get_mut(from..from + old).unwrap_or_default().iter_mut();
        old.filter_map(|request| request.batch.take_if(|batch| batch.origin.is_none()))
    }

    /// Whether it takes more of what comes now, with less than `bytes` of requests.
    pub(super) fn has_room(&self, now: Timestamp, bytes: usize) -> bool {
        self.slots.len() < RUN && self.bytes < bytes && now <= self.until
    }

    /// Records that have come.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Appends as many of these records of a request as there is room for, and answers with the others. Times do not decrease.
    pub(super) fn put<'r>(
        &mut self,
        arrived: Timestamp,
        outside: Timestamp,
        ready: &Ready<'_>,
        rows: &'r [Row],
    ) -> &'r [Row] {
        let (rows, others) = rows.split_at_checked(RUN.saturating_sub(self.slots.len())).unwrap_or((rows, &[]));
        let Ready { batch, surroundings, .. } = ready;
        let is_this = |last: &Request| {
            last.arrived == arrived && last.batch.as_ref().is_some_and(|last| Arc::ptr_eq(last, batch))
        };
        if !self.requests.last().is_some_and(is_this) {
            let surroundings = surroundings.clone();
            self.requests.push(Request { batch: Some(Arc::clone(batch)), arrived, outside, surroundings });
            self.bytes += batch.permit.bytes();
        }
        self.last = arrived;
        // All of these are at most `RUN`.
        let request = (self.requests.len() - 1) as u16;
        let places = self.slots.len() as u16 + 1..;
        let (heads, signs) = (&mut self.heads, &mut self.signs);
        self.slots.extend(rows.iter().zip(places).map(|(row, place)| {
            let (at, sign) = sign(row.hash);
            if let Some(signs) = signs.get_mut(at) {
                *signs |= sign;
            }
            let before = heads.get_mut(chain(row.hash)).map_or(0, |head| std::mem::replace(head, place));
            let hash = Slot::hash(row.hash) | u32::from(row.ends_root);
            Slot { hash, request, before, start: row.start, len: row.len }
        }));
        self.records += rows.len() as u64;
        self.unkept += if batch.origin.is_none() { rows.len() as u64 } else { 0 };
        others
    }

    /// The records of a trace, which stay, the last first.
    pub(super) fn pieces(&self, hash: u64, trace_id: TraceId) -> Vec<Piece> {
        let piece = |slot: &Slot| self.requests.get(usize::from(slot.request))?.piece(*slot, trace_id);
        self.slots_of(hash).filter_map(piece).collect()
    }

    /// Shows `see` every record that is there and has this hash, the last first.
    pub(super) fn each(&mut self, hash: u64, mut see: impl FnMut(&Request, &mut Slot)) {
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
    /// The record of a slot, if it is of this trace. In a request that is held as it came only the hash tells, which [`super::super::Unpacker`]
    /// holds against its bytes.
    pub(super) fn piece(&self, slot: Slot, trace_id: TraceId) -> Option<Piece> {
        let Self { batch, arrived, outside, surroundings } = self;
        let batch = batch.as_ref()?;
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
