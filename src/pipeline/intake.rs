//! The receivers' way into the windows, and of files for incidents into the stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Core;
use crate::exporter::{AttachmentWriter, ErrorKind, ExportError};
use crate::model::{DEFAULT_TENANT, DropReason, Outcome, Tenant, TraceId};
use crate::otlp::AttachedFile;
use crate::receiver::{AdmitError, Admitted, AttachError, Incoming, Intake, Refusal, RefusalReason};
use crate::telemetry::Clock;

/// Files for incidents that are redacted and stored at the same time.
const ATTACHING: usize = 4;
/// The wait asked of a client whose file cannot be stored now.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Admits requests to the windows until the service is asked to stop.
#[derive(Clone)]
pub(super) struct WindowIntake {
    core: Arc<Core>,
    clock: Arc<dyn Clock>,
    attachments: AttachmentWriter,
    attaching: Arc<Semaphore>,
    closed: Arc<AtomicBool>,
}

impl WindowIntake {
    pub(super) fn new(core: Arc<Core>, clock: Arc<dyn Clock>, attachments: AttachmentWriter) -> Self {
        let attaching = Arc::new(Semaphore::new(ATTACHING));
        Self { core, clock, attachments, attaching, closed: Arc::default() }
    }

    /// From here on every request is refused, so that the windows can be drained.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn open(&self) -> Result<(), Refusal> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Refusal { reason: RefusalReason::ShuttingDown, retry_after: Duration::from_secs(1) });
        }
        Ok(())
    }
}

impl Intake for WindowIntake {
    async fn admit(&self, incoming: Incoming) -> Result<Admitted, AdmitError> {
        self.open()?;
        if let Some(ticket) = self.core.admit(self.clock.now(), incoming)? {
            // The records are in the window already. If the client sends them again, their digests tell.
            let failed = |_| Refusal { reason: RefusalReason::StorageFailed, retry_after: RETRY_AFTER };
            ticket.synced().await.map_err(failed)?;
        }
        Ok(Admitted::default())
    }

    fn serves(&self, tenant: &Tenant) -> bool {
        tenant.as_str() == DEFAULT_TENANT
    }

    fn attachment_digest(&self, _: &Tenant, content: &[u8]) -> Option<String> {
        Some(self.core.attachment_digest(content))
    }

    async fn expect(&self, _: &Tenant, trace_id: TraceId) -> Result<(), Refusal> {
        // Decisions are remembered for a while, and by one process: a report of tests comes later, and to any.
        if self.core.sampled_before(trace_id) {
            return Ok(());
        }
        let has_bundle = self.attachments.has_bundle(DEFAULT_TENANT, trace_id).await;
        if has_bundle.map_err(|error| unavailable(&error))? {
            self.core.keep(trace_id);
        }
        Ok(())
    }

    async fn attach(&self, _: &Tenant, incident: String, file: AttachedFile) -> Result<(), AttachError> {
        self.open()?;
        let Ok(_turn) = self.attaching.try_acquire() else {
            return Err(Refusal { reason: RefusalReason::Busy, retry_after: RETRY_AFTER }.into());
        };
        if !self.attachments.knows(&incident).await.map_err(|error| unavailable(&error))? {
            return Err(AttachError::UnknownIncident);
        }
        let (core, now) = (Arc::clone(&self.core), self.clock.now());
        // Redaction waits for its own threads, and so must not hold up those that serve connections.
        let sealed = tokio::task::spawn_blocking(move || core.seal_attachment(now, &incident, file)).await;
        let outcome = match sealed.unwrap_or(Err(AttachError::HeldBack))? {
            None => Outcome::Dropped(DropReason::DryRun),
            Some(sealed) => {
                self.attachments.write(&sealed).await.map_err(|error| unavailable(&error))?;
                Outcome::Bundled
            }
        };
        self.core.ledger().accept(1).settle(outcome);
        Ok(())
    }
}

/// What a client is told where a store fails. A failure for good is told the same way: it is the store's, and not the file's.
fn unavailable(error: &ExportError) -> Refusal {
    let is_permanent = error.kind() == ErrorKind::Permanent;
    tracing::warn!(error = error.chain(), is_permanent, "a file for an incident is not stored");
    Refusal { reason: RefusalReason::StoreUnavailable, retry_after: RETRY_AFTER }
}
