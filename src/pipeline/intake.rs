//! The receivers' way into the windows, and of files for incidents into the stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::tenants::{TenantPipeline, Tenants};
use crate::exporter::{ErrorKind, ExportError};
use crate::model::{Budget, DropReason, Outcome, Tenant, Timestamp, TraceId};
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
    tenants: Tenants,
    clock: Arc<dyn Clock>,
    attaching: Arc<Semaphore>,
    closed: Arc<AtomicBool>,
    full: Fullness,
    in_flight: Option<Budget>,
}

/// When a request was last refused because this process is full, so that probes can tell for a while.
#[derive(Clone, Default)]
pub(super) struct Fullness(Arc<AtomicU64>);

impl Fullness {
    /// How long after a refusal the process is called full: whoever balances by probes is to see it.
    const LASTING: Duration = Duration::from_secs(3);

    fn note(&self, now: Timestamp, refusal: &Refusal) {
        if matches!(refusal.reason, RefusalReason::MemoryFull | RefusalReason::StorageFailed) {
            self.0.store(now.0, Ordering::Release);
        }
    }

    /// Whether a request was refused a moment ago.
    pub(super) fn is_full(&self, now: Timestamp) -> bool {
        let last = Timestamp(self.0.load(Ordering::Acquire));
        last.0 > 0 && now.since(last) < Self::LASTING
    }
}

impl WindowIntake {
    /// `in_flight` is what requests that are being read take their bytes from.
    pub(super) fn new(tenants: Tenants, clock: Arc<dyn Clock>, in_flight: Option<Budget>) -> Self {
        let attaching = Arc::new(Semaphore::new(ATTACHING));
        Self { tenants, clock, attaching, closed: Arc::default(), full: Fullness::default(), in_flight }
    }

    /// Tells whether requests are refused because this process is full.
    pub(super) fn fullness(&self) -> Fullness {
        self.full.clone()
    }

    /// From here on every request is refused, so that the windows can be drained.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The pipeline of a tenant. One that is not served was refused before it got here.
    fn of(&self, tenant: &Tenant) -> Result<&Arc<TenantPipeline>, AdmitError> {
        self.tenants.get(tenant).ok_or(AdmitError::Bug)
    }

    fn open(&self) -> Result<(), Refusal> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Refusal { reason: RefusalReason::ShuttingDown, retry_after: Duration::from_secs(1) });
        }
        Ok(())
    }
}

impl Intake for WindowIntake {
    fn in_flight(&self) -> Option<Budget> {
        self.in_flight.clone()
    }

    async fn admit(&self, incoming: Incoming) -> Result<Admitted, AdmitError> {
        self.open()?;
        let pipeline = self.of(&incoming.tenant)?;
        let (now, records) = (self.clock.now(), incoming.entries.len());
        let admitted = pipeline.allow(now, records).and_then(|()| pipeline.core.admit(now, incoming));
        let ticket = admitted.map_err(|refusal| {
            let refusal = pipeline.refused(refusal);
            self.full.note(now, &refusal);
            refusal
        })?;
        if let Some(ticket) = ticket {
            // The records are in the window already. If the client sends them again, their digests tell.
            let failed = |_| Refusal { reason: RefusalReason::StorageFailed, retry_after: RETRY_AFTER };
            ticket.synced().await.map_err(failed)?;
        }
        pipeline.count_accepted(records);
        Ok(Admitted::default())
    }

    fn serves(&self, tenant: &Tenant) -> bool {
        self.tenants.get(tenant).is_some()
    }

    fn attachment_digest(&self, tenant: &Tenant, content: &[u8]) -> Option<String> {
        self.tenants.get(tenant).map(|pipeline| pipeline.core.attachment_digest(content))
    }

    async fn expect(&self, tenant: &Tenant, trace_id: TraceId) -> Result<(), Refusal> {
        let Some(pipeline) = self.tenants.get(tenant) else { return Ok(()) };
        // Decisions are remembered for a while, and by one process: a report of tests comes later, and to any.
        if pipeline.core.sampled_before(trace_id) {
            return Ok(());
        }
        let has_bundle = pipeline.attachments().has_bundle(tenant.as_str(), trace_id).await;
        if has_bundle.map_err(|error| unavailable(&error))? {
            pipeline.core.keep(trace_id);
        }
        Ok(())
    }

    async fn attach(&self, tenant: &Tenant, incident: String, file: AttachedFile) -> Result<(), AttachError> {
        self.open()?;
        let pipeline = self.tenants.get(tenant).ok_or(AttachError::UnknownIncident)?;
        let Ok(_turn) = self.attaching.try_acquire() else {
            return Err(Refusal { reason: RefusalReason::Busy, retry_after: RETRY_AFTER }.into());
        };
        let attachments = pipeline.attachments();
        if !attachments.knows(&incident).await.map_err(|error| unavailable(&error))? {
            return Err(AttachError::UnknownIncident);
        }
        let (core, now) = (Arc::clone(&pipeline.core), self.clock.now());
        // Redaction waits for its own threads, and so must not hold up those that serve connections.
        let sealed = tokio::task::spawn_blocking(move || core.seal_attachment(now, &incident, file)).await;
        let outcome = match sealed.unwrap_or(Err(AttachError::HeldBack))? {
            None => Outcome::Dropped(DropReason::DryRun),
            Some(sealed) => {
                attachments.write(&sealed).await.map_err(|error| unavailable(&error))?;
                Outcome::Bundled
            }
        };
        pipeline.core.ledger().accept(1).settle(outcome);
        Ok(())
    }
}

/// What a client is told where a store fails. A failure for good is told the same way: it is the store's, and not the file's.
fn unavailable(error: &ExportError) -> Refusal {
    let is_permanent = error.kind() == ErrorKind::Permanent;
    tracing::warn!(error = error.chain(), is_permanent, "a file for an incident is not stored");
    Refusal { reason: RefusalReason::StoreUnavailable, retry_after: RETRY_AFTER }
}
