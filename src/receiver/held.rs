//! Bytes of requests that are being read: bounded over all connections of a server, so that many large requests at once
//! are told to come again instead of taking all memory before the windows' budget is even asked.

use crate::model::{Budget, Permit};

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    permit: Permit,
    free: usize,
}

/// Taken at a time, so that a request in small pieces does not ask for each.
const STEP: usize = 16 * 1024;

impl Held {
    pub(super) fn new(budget: &Budget) -> Self {
        Self { permit: budget.take_anyway(0), free: 0 }
    }

    /// Holds `bytes` more. `false` if the server has not so many left.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        if let Some(free) = self.free.checked_sub(bytes) {
            self.free = free;
            return true;
        }
        let missing = (bytes - self.free).max(STEP);
        let is_taken = self.permit.grow(missing);
        self.free = if is_taken { self.free + missing - bytes } else { self.free };
        is_taken
    }
}
