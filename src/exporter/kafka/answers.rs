//! How many answers a request still waits for, from whatever threads they come.

use crate::model::sync::{AtomicU64, Ordering};

/// Counts the answers to the messages of one request.
#[derive(Debug)]
pub(super) struct Answers {
    /// Messages without an answer, and one for the sender until it has sent all.
    waiting: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
}

/// The answers of a request, once it has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) delivered: u64,
    pub(super) failed: u64,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self { waiting: AtomicU64::new(1), delivered: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    /// One message more is being sent.
    pub(super) fn expect(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// A message has its answer. All of them are known to whoever brings the last one.
    pub(super) fn answer(&self, is_delivered: bool) -> Option<Answered> {
        let count = if is_delivered { &self.delivered } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        self.settle()
    }

    /// No more messages will be sent.
    pub(super) fn sent(&self) -> Option<Answered> {
        self.settle()
    }

    fn settle(&self) -> Option<Answered> {
        if self.waiting.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Some(Answered { delivered: read(&self.delivered), failed: read(&self.failed) })
    }
}
