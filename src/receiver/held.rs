//! Bytes of requests that are being read: bounded over all connections of a server, so that many large requests at once
//! are told to come again instead of taking all memory before the windows' budget is even asked.

use crate::model::{Budget, Permit};

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Budget,
    permits: Vec<Permit>,
    free: usize,
}

/// Taken at a time, so that a request in small pieces does not take a permit for each.
const STEP: usize = 16 * 1024;

impl Held {
    pub(super) fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), permits: Vec::new(), free: 0 }
    }

    /// Holds `bytes` more. `false` if the server has not so many left.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        if let Some(free) = self.free.checked_sub(bytes) {
            self.free = free;
            return true;
        }
        let missing = (bytes - self.free).max(STEP);
        let Some(permit) = self.budget.take(missing) else { return false };
        self.permits.push(permit);
        self.free = self.free + missing - bytes;
        true
    }
}
