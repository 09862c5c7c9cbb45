//! Where records come in: OTLP over gRPC and HTTP. A receiver takes the raw request, inflates it within bounds, walks it
//! once ([`crate::otlp::scan`]) and offers it to the [`Intake`]. It answers the client only when the intake has answered.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::model::{Entry, Signal};

/// A request that has been read and walked.
#[derive(Debug)]
pub struct Incoming {
    /// Its signal.
    pub signal: Signal,
    /// The protobuf request, uncompressed.
    pub bytes: Bytes,
    /// Its valid records.
    pub entries: Vec<Entry>,
}

/// Why the intake does not take a request now. The client may send it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// For the client and for the `reason` label.
    pub reason: RefusalReason,
    /// How long the client should wait; more than zero.
    pub retry_after: Duration,
}

/// Reasons of a [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The byte budget of the windows is used up.
    #[error("the windows are full")]
    MemoryFull,
    /// The process is being stopped.
    #[error("shutting down")]
    ShuttingDown,
}

impl RefusalReason {
    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoryFull => "memory_full",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// Takes requests. `Ok` means acknowledged: all records are owed an outcome from then on.
pub trait Intake: Clone + Send + Sync + 'static {
    /// Offers a request.
    fn admit(&self, incoming: Incoming) -> impl Future<Output = Result<(), Refusal>> + Send;
}
