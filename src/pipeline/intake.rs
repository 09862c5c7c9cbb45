//! The receivers' way into the windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Core;
use crate::receiver::{Incoming, Intake, Refusal, RefusalReason};
use crate::telemetry::Clock;

/// Admits requests to the windows until the service is asked to stop.
#[derive(Clone)]
pub(super) struct WindowIntake {
    core: Arc<Core>,
    clock: Arc<dyn Clock>,
    closed: Arc<AtomicBool>,
}

impl WindowIntake {
    pub(super) fn new(core: Arc<Core>, clock: Arc<dyn Clock>) -> Self {
        Self { core, clock, closed: Arc::default() }
    }

    /// From here on every request is refused, so that the windows can be drained.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl Intake for WindowIntake {
    async fn admit(&self, incoming: Incoming) -> Result<(), Refusal> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Refusal { reason: RefusalReason::ShuttingDown, retry_after: Duration::from_secs(1) });
        }
        let Some(ticket) = self.core.admit(self.clock.now(), incoming)? else { return Ok(()) };
        // The records are in the window already. If the client sends them again, their digests tell.
        ticket
            .synced()
            .await
            .map_err(|_| Refusal { reason: RefusalReason::StorageFailed, retry_after: Duration::from_secs(1) })
    }
}
