//! A window's own time: what callers tell it, without the steps backwards.

use crate::model::Timestamp;

/// A step back that is only callers overtaking each other between reading the clock and locking the shard.
const JITTER_NANOS: u64 = 1_000_000_000;

/// Time that stands still where the caller's steps backwards, and goes on from there.
///
/// The greatest `now` seen would not do: after a clock is set back by an hour, deadlines would not come nearer for an hour.
/// So a step back by a second or more moves the origin, and smaller ones are waited out.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The window's time; never decreases.
    now: Timestamp,
    /// How far the window's time is ahead of the caller's.
    ahead_nanos: u64,
}

impl Clock {
    /// The window's time at the caller's `now`.
    pub(super) fn observe(&mut self, now: Timestamp) -> Timestamp {
        let told = now.0.saturating_add(self.ahead_nanos);
        let back = self.now.0.saturating_sub(told);
        if back >= JITTER_NANOS {
            self.ahead_nanos = self.ahead_nanos.saturating_add(back);
        }
        self.now = self.now.max(Timestamp(told));
        self.now
    }

    /// The window's time as it was observed last.
    pub(super) fn observed(&self) -> Timestamp {
        self.now
    }

    /// The window's time at the caller's `at`, which has been observed before.
    pub(super) fn inside(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(self.ahead_nanos))
    }

    /// The caller's time at the window's `at`.
    pub(super) fn outside(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_sub(self.ahead_nanos))
    }
}
