//! What a window is told of a request, made ready before its lock is taken: under it only that is left to do which depends on what else
//! is there.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::hasher::Hasher;
use super::open::ends_root;
use crate::model::{Batch, ByteRange, Entry};

/// The records of a request.
#[derive(Debug)]
pub struct Ready<'r> {
    pub(super) batch: &'r Arc<Batch>,
    pub(super) entries: &'r [Entry],
    rows: Vec<Row>,
    /// By where they begin.
    pub(super) surroundings: SmallVec<[Surroundings; 1]>,
}

/// A record, as a run is told of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Of the trace.
    pub(super) hash: u64,
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) ends_root: bool,
}

/// What the records from a place of a request on have around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) from: u32,
    pub(super) resource: ByteRange,
    pub(super) scope: ByteRange,
    pub(super) metric: ByteRange,
}

impl<'r> Ready<'r> {
    /// Of these records, which stand in the order of the request's bytes, for the window with this hasher.
    #[must_use]
    pub fn new(hasher: &Hasher, batch: &'r Arc<Batch>, entries: &'r [Entry]) -> Self {
        let hasher = hasher.seeded();
        let row = |entry: &Entry| Row {
            hash: hasher.hash(entry.head.trace_id),
            start: entry.body.start,
            len: entry.body.len() as u32,
            ends_root: ends_root(batch.signal, &entry.head),
        };
        let mut surroundings: SmallVec<[Surroundings; 1]> = SmallVec::new();
        for Entry { resource, scope, metric, body, .. } in entries {
            let is_within = |it: &Surroundings| (it.resource, it.scope, it.metric) == (*resource, *scope, *metric);
            if !surroundings.last().is_some_and(is_within) {
                surroundings.push(Surroundings {
                    from: body.start,
                    resource: *resource,
                    scope: *scope,
                    metric: *metric,
                });
            }
        }
        Self { batch, entries, rows: entries.iter().map(row).collect(), surroundings }
    }

    pub(super) fn rows(&self, range: Range<usize>) -> &[Row] {
        self.rows.get(range).unwrap_or_default()
    }
}
