//! One lane: its partitions merged by time, its windows, its own time.
//!
//! A message is taken in when every partition of the lane has one that is as late, or is known to have none: so windows close
//! by the time that brokers stamped on messages and in one order, however fast each partition is read. A backlog closes them as live
//! traffic did, logs that are ahead of their spans wait for these, and another member that begins at the same place decides the same.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bundle::Sealed;
use crate::model::{ClosedTrace, Outcome, Timestamp};
use crate::pipeline::Core;
use crate::receiver::Incoming;
use crate::receiver::kafka::{LaneStart, Message, Progress};

/// Traces that one pass closes.
const PASS: usize = 512;
/// Traces that are closed before their time at once, when memory runs short.
const RELIEVED: usize = 64;

/// What a lane hands on what it has made to.
pub(super) trait Sink {
    /// Waits until there is room for a bundle.
    fn send(&self, sealed: Sealed);
    /// Whether nothing is to be decided any more.
    fn is_stopping(&self) -> bool;
}

/// How far [`Lane::run`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    /// All that can be said by what has come.
    Waiting,
    /// What is next has no room.
    Full,
}

/// One lane.
pub(super) struct Lane {
    core: Core,
    parts: Vec<Part>,
    progress: Arc<Progress>,
    now: Timestamp,
    /// Taken out of its partition, and without room in the windows yet.
    next: Option<(Message, Incoming)>,
}

/// One of its partitions.
#[derive(Default)]
struct Part {
    waiting: VecDeque<Message>,
    /// No message that comes is older.
    through: Timestamp,
}

impl Lane {
    /// A lane that begins.
    pub(super) fn new(core: Core, start: LaneStart) -> Self {
        let parts = start.parts.iter().map(|_| Part::default()).collect();
        Self { core, parts, progress: start.progress, now: Timestamp::default(), next: None }
    }

    /// Takes a message over, to be taken in when its time has come.
    pub(super) fn put(&mut self, message: Message) {
        if let Some(part) = self.parts.get_mut(message.part) {
            part.waiting.push_back(message);
        }
    }

    /// No message of a partition that comes is older than `at`.
    pub(super) fn known_through(&mut self, part: usize, at: Timestamp) {
        if let Some(part) = self.parts.get_mut(part) {
            part.through = part.through.max(at);
        }
    }

    /// Takes in what can be, and closes and judges what is due by that.
    pub(super) fn run(&mut self, sink: &impl Sink) -> Ran {
        while !sink.is_stopping() {
            let relieved = self.core.relieve(self.now, 0, RELIEVED);
            self.judge(relieved, sink);
            if let Some((mut message, incoming)) = self.next.take() {
                if let Err(incoming) = self.core.admit_read(self.now, incoming, message.claim.origin()) {
                    self.next = Some((message, incoming));
                    return Ran::Full;
                }
                message.claim.taken();
                continue;
            }
            let head =
                self.parts.iter().enumerate().filter_map(|(at, part)| Some((part.waiting.front()?.at, at))).min();
            let bound = self.parts.iter().filter(|part| part.waiting.is_empty()).map(|part| part.through).min();
            match (head, bound) {
                (Some((at, part)), bound) if bound.is_none_or(|bound| at <= bound) => {
                    self.advance(at, sink);
                    self.next = self.parts.get_mut(part).and_then(Part::take);
                }
                (_, Some(bound)) if bound > self.now => self.advance(bound, sink),
                _ => return Ran::Waiting,
            }
        }
        Ran::Waiting
    }

    /// Leaves everything that is open to whoever reads the lane next.
    pub(super) fn let_go(self) {
        self.core.let_go(self.now);
    }

    /// Traces in its windows.
    pub(super) fn open_traces(&self) -> usize {
        self.core.open_traces()
    }

    /// Lets the lane's time pass, and closes what is due by it.
    fn advance(&mut self, to: Timestamp, sink: &impl Sink) {
        self.now = self.now.max(to);
        loop {
            let closed = self.core.close_due(self.now, 0, PASS);
            let is_last = closed.len() < PASS;
            self.judge(closed, sink);
            if is_last {
                break;
            }
        }
        self.progress.advance(self.now);
    }

    fn judge(&self, closed: Vec<ClosedTrace>, sink: &impl Sink) {
        for trace in closed {
            if sink.is_stopping() {
                trace.tracked.settle(Outcome::Carried);
            } else if trace.records.iter().all(|record| record.batch.origin.is_none()) {
                // All of it was read once more: its outcome was committed.
                self.core.recall(self.now, trace);
            } else if let Some(sealed) = self.core.judge(self.now, trace) {
                sink.send(sealed);
            }
        }
    }
}

impl Part {
    /// The next message that has something in it; `None` if the first has not.
    fn take(&mut self) -> Option<(Message, Incoming)> {
        let mut message = self.waiting.pop_front()?;
        self.through = self.through.max(message.at);
        let Some(incoming) = message.read() else {
            message.claim.taken();
            return None;
        };
        Some((message, incoming))
    }
}
