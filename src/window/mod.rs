//! Holds the records of every trace until the trace can be decided. Synchronous: time is an argument.

use std::time::Duration;

use crate::model::{CloseReason, ClosedTrace, Record, Timestamp, TraceId, Tracked};

/// How long a shard holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// From a trace's first trigger to its close.
    pub decision_wait: Duration,
    /// From the end of its root, if that is sooner; zero turns it off.
    pub decision_wait_after_root: Duration,
    /// From the first record of an untriggered trace to its expiry.
    pub retention: Duration,
    /// Whether every trace is decided (`decision_wait` after its first record), because a policy needs whole traces.
    pub whole_traces: bool,
}

/// One shard of the window.
#[derive(Debug)]
pub struct Window {
    settings: Settings,
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes in a record. `triggered` says that it alone makes its trace worth deciding.
    pub fn admit(&mut self, now: Timestamp, record: Record, tracked: Tracked, triggered: bool) {
        let _ = (now, record, tracked, triggered, self.settings);
        unimplemented!()
    }

    /// Marks a trace as one to keep, whether its records are here already or not ("keep this id"): as if one of its
    /// records had triggered at `now`.
    pub fn keep(&mut self, now: Timestamp, trace_id: TraceId) {
        let _ = (now, trace_id);
        unimplemented!()
    }

    /// The records of a trace that are here ("the pieces of this id"), without closing it.
    #[must_use]
    pub fn pieces(&self, trace_id: TraceId) -> &[Record] {
        let _ = trace_id;
        &[]
    }

    /// Closes at most `limit` traces whose deadline has come, in the order (deadline, trace id).
    pub fn advance(&mut self, now: Timestamp, limit: usize) -> Vec<ClosedTrace> {
        let _ = (now, limit);
        unimplemented!()
    }

    /// Closes at most `limit` traces whatever their deadline, in the order (deadline, trace id).
    pub fn drain(&mut self, now: Timestamp, reason: CloseReason, limit: usize) -> Vec<ClosedTrace> {
        let _ = (now, reason, limit);
        unimplemented!()
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }
}
