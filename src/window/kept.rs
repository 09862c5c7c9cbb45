//! Ids of traces to keep whose records have not come yet.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::model::{Timestamp, TraceId};

/// Most ids remembered by a shard. At 60 s of retention that is 1,600 ids a second.
pub(super) const MAX_KEPT: usize = 100_000;

/// A bounded memory of ids, the oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    until: HashMap<TraceId, Timestamp, RandomState>,
    /// Every id in the order it was remembered, perhaps taken or remembered again since.
    queue: VecDeque<(Timestamp, TraceId)>,
}

impl Kept {
    /// Remembers an id up to and including `until`.
    pub(super) fn remember(&mut self, now: Timestamp, trace_id: TraceId, until: Timestamp) {
        self.expire(now);
        if self.until.insert(trace_id, until) == Some(until) {
            return;
        }
        if self.queue.len() >= MAX_KEPT {
            self.forget_oldest();
        }
        self.queue.push_back((until, trace_id));
    }

    /// Whether this id is remembered; it is forgotten by that.
    pub(super) fn take(&mut self, now: Timestamp, trace_id: TraceId) -> bool {
        // Nearly always empty: a record costs no lookup here.
        !self.until.is_empty() && self.until.remove(&trace_id).is_some_and(|until| now <= until)
    }

    /// Forgets the ids whose time has passed.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self.queue.front().is_some_and(|(until, _)| *until < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((until, trace_id)) = self.queue.pop_front() else { return };
        if self.until.get(&trace_id) == Some(&until) {
            self.until.remove(&trace_id);
        }
    }
}
