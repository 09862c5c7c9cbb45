//! Spans a second.

use parking_lot::Mutex;

use crate::model::Timestamp;

/// Lets so many spans pass in a second of the decision clock. A trace passes whole or not at all.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u64,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    second: u64,
    spans: u64,
}

impl Rate {
    pub(super) fn new(per_second: u64) -> Self {
        Self { per_second, current: Mutex::new(Current::default()) }
    }

    /// Whether `spans` more may pass at `now`; if so, they have passed.
    pub(super) fn admit(&self, now: Timestamp, spans: u64) -> bool {
        let second = now.0 / 1_000_000_000;
        let mut current = self.current.lock();
        // Shards that decide at the turn of a second may come in the wrong order; any other step begins a second.
        if second != current.second && second + 1 != current.second {
            *current = Current { second, spans: 0 };
        }
        let after = current.spans.saturating_add(spans);
        let passes = after <= self.per_second;
        if passes {
            current.spans = after;
        }
        passes
    }
}
