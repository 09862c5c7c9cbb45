//! The only place that reads the system's clocks. Everything else is handed `now`.

use std::time::{Instant, SystemTime};

use crate::model::Timestamp;

/// A source of time for the async edges.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's wall clock, which may be set forward or back: for what people read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the module that the lint points to")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// The wall clock as it was when this was made, carried on by the monotonic clock: for deadlines, which no change of the
/// wall clock may disturb.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    origin: Timestamp,
    since: Instant,
}

impl SteadyClock {
    /// A clock that starts with the wall clock's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the module that the lint points to")]
    pub fn start() -> Self {
        Self { origin: SystemClock.now(), since: Instant::now() }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.origin.after(self.since.elapsed())
    }
}
