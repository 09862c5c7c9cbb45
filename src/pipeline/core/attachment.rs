//! Files that belong to an incident and to no trace.

use std::sync::Arc;

use bytes::Bytes;

use super::{Core, RETRY_AFTER};
use crate::bundle::{SealedAttachment, seal_attachment};
use crate::evidence::Beside;
use crate::model::{Batch, CloseReason, ClosedTrace, LooseSet, Record, Signal, Timestamp, TraceId};
use crate::otlp::{AttachedFile, Limits, scan, write_attachment};
use crate::pipeline::counts::report_dry_run;
use crate::receiver::{AttachError, Refusal, RefusalReason};

impl Core {
    /// How the content of an attachment is called.
    #[must_use]
    pub fn attachment_digest(&self, content: &[u8]) -> String {
        self.stages.rules.load().assembler.attachment_digest(content)
    }

    /// Reads, redacts and seals a file that belongs to an incident. `Ok(None)` in a dry run, in which nothing is to be written.
    ///
    /// # Errors
    /// If the byte budget is used up, or the file could not be redacted.
    pub fn seal_attachment(
        &self,
        now: Timestamp,
        incident: &str,
        file: AttachedFile,
    ) -> Result<Option<SealedAttachment>, AttachError> {
        let rules = self.stages.rules.load_full();
        let bytes = Bytes::from(write_attachment(file, false));
        let Some(permit) = self.stages.budget.take(bytes.len()) else {
            return Err(Refusal { reason: RefusalReason::MemoryFull, retry_after: RETRY_AFTER }.into());
        };
        let scan = scan(Signal::Logs, &bytes, &Limits::default()).map_err(|_| AttachError::HeldBack)?;
        let batch = Arc::new(Batch { signal: Signal::Logs, bytes, packed: None, permit, origin: None });
        let records =
            scan.entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect::<Vec<_>>();
        // The file is counted when it is stored, so its case owes nothing.
        // No document has a trace id of zeros; this one is not written.
        let trace = ClosedTrace {
            trace_id: TraceId([0xff; 16]),
            records,
            tracked: self.stages.ledger.accept(0),
            reason: CloseReason::Late,
            missed: false,
            opened: now,
            closed: now,
        };
        let held_back = |reason: &str| {
            tracing::error!(%incident, reason, "an attachment is held back");
            AttachError::HeldBack
        };
        let beside = Beside { sharing: LooseSet::default(), around: &|_, _| LooseSet::default() };
        let case = rules.assembler.assemble(trace, &beside, "").map_err(|error| held_back(&error.reason))?;
        let redacted = rules.redactor.redact(case).map_err(|error| held_back(&error.reason))?;
        if rules.redactor.is_dry_run() {
            report_dry_run(redacted);
            return Ok(None);
        }
        seal_attachment(redacted, incident).map_err(|error| held_back(&error.to_string()))
    }
}
