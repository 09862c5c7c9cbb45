//! Time as a value. Nothing in the synchronous core reads a clock: `now` is an argument.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch, as OTLP carries them (`fixed64 time_unix_nano`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The end of time: later than every deadline.
    pub const MAX: Self = Self(u64::MAX);

    /// This instant moved later by `by`; stops at [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// This instant moved earlier by `by`; stops at the epoch.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// How much later this is than `earlier`; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with all nine digits of the fraction, so that equal instants are equal text.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let nanos = i128::from(self.0);
        jiff::Timestamp::from_nanosecond(nanos).map_or_else(|_| self.0.to_string(), |at| format!("{at:.9}"))
    }

    /// Reads RFC 3339; `None` if it is none, or before the epoch.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(at.as_nanosecond()).ok().map(Self)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
