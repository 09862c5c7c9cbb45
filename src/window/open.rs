//! One open trace: its records, and when it closes.

use std::time::Duration;

use crate::model::{CloseReason, Head, Record, Signal, Timestamp, TraceId};

use super::extent::Extent;
use super::{Settings, Unpacker};

/// When a trace closes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) at: Timestamp,
    pub(super) reason: CloseReason,
}

/// Whether a record is of a trace's root, which has ended.
pub(super) fn ends_root(signal: Signal, head: &Head) -> bool {
    signal == Signal::Traces && head.parent_span_id.is_zero() && head.end > Timestamp::default()
}

/// An open trace. Times are the window's own, but for `opened_outside`.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) records: Vec<Record>,
    /// When the first record came, as the caller told it.
    pub(super) opened_outside: Timestamp,
    pub(super) deadline: Deadline,
    /// Whether it was sampled before.
    pub(super) late: bool,
    /// Whether records of it had been let go when it opened.
    pub(super) missed: bool,
    /// Of so many records it was asked whether their bytes are at hand.
    asked: usize,
    opened: Timestamp,
    extent: Extent,
    triggered: Option<Timestamp>,
    root_ended: Option<Timestamp>,
}

impl Open {
    pub(super) fn new(now: Timestamp, outside: Timestamp, settings: &Settings) -> Self {
        let mut open = Self {
            // Most traces of one record stay so; a plain `Vec` would begin with room for four.
            records: Vec::with_capacity(1),
            opened_outside: outside,
            deadline: Deadline { at: Timestamp::MAX, reason: CloseReason::Retention },
            late: false,
            missed: false,
            asked: 0,
            opened: now,
            extent: Extent::default(),
            triggered: None,
            root_ended: None,
        };
        open.deadline = open.due(settings);
        open
    }

    /// Notes a trigger; only the first one counts, so that a trace that fails over and over does close.
    pub(super) fn trigger(&mut self, now: Timestamp) {
        self.triggered.get_or_insert(now);
    }

    /// Adds a record, and notes when it is the ended root's.
    pub(super) fn take(&mut self, now: Timestamp, record: Record, ends_root: bool) {
        if record.signal() == Signal::Traces {
            self.extent.add(&record.entry.head);
        }
        if ends_root {
            self.root_ended.get_or_insert(now);
        }
        self.records.push(record);
    }

    /// Gives records that came since this was last asked bytes of their own, where those are at hand: [`Unpacker::unpack_at_hand`].
    pub(super) fn unpack(&mut self, trace_id: TraceId, unpacker: &Unpacker) -> u64 {
        let others = unpacker.unpack_at_hand(trace_id, &mut self.records, self.asked);
        self.asked = self.records.len();
        others
    }

    /// Whether its spans take longer than this.
    pub(super) fn is_longer(&self, most: Duration) -> bool {
        self.extent.is_longer(most)
    }

    /// When its first record came.
    pub(super) fn opened(&self) -> Timestamp {
        self.opened
    }

    /// When it closes by what is known of it now.
    pub(super) fn due(&self, settings: &Settings) -> Deadline {
        if self.triggered.is_some() && self.records.len() >= settings.max_records {
            return Deadline {
                at: self.opened,
                reason: if self.late { CloseReason::Late } else { CloseReason::TraceLimit },
            };
        }
        let begin = if settings.whole_traces { Some(self.opened) } else { self.triggered };
        let deadline = match begin {
            None => Deadline { at: self.opened.after(settings.retention), reason: CloseReason::Retention },
            Some(begin) => self
                .after_root(begin, settings)
                .unwrap_or(Deadline { at: begin.after(settings.decision_wait), reason: CloseReason::DecisionWait }),
        };
        if self.late { Deadline { reason: CloseReason::Late, ..deadline } } else { deadline }
    }

    /// The sooner deadline that the end of the root brings, if it brings one. A trigger that comes after the root starts
    /// the short wait anew: the rest of what it is about is still on its way.
    fn after_root(&self, begin: Timestamp, settings: &Settings) -> Option<Deadline> {
        let wait = settings.decision_wait_after_root;
        let at = self.root_ended?.max(begin).after(wait);
        (!wait.is_zero() && at < begin.after(settings.decision_wait))
            .then_some(Deadline { at, reason: CloseReason::RootReceived })
    }
}
