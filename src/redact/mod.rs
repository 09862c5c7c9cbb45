//! Nothing leaves before it has been here: [`RedactedCase`] can be made by [`Redactor::redact`] only.

use crate::config::{Problem, RedactionProcessor};
use crate::model::{Bundle, Case, RecordDigest, RootKey, Timestamp, TraceId, Tracked};

/// The compiled rules and keys. Shared by all shards.
#[derive(Debug)]
pub struct Redactor {}

/// A case in which every field has been redacted. Its fields are private: no other module can make or change one.
#[derive(Debug)]
pub struct RedactedCase {
    tenant: String,
    trace_id: TraceId,
    bundle: Bundle,
    records: Vec<RecordDigest>,
    failed_at: Timestamp,
    tracked: Tracked,
}

/// The parts of a [`RedactedCase`], given up for good when it is sealed.
#[derive(Debug)]
pub struct Parts {
    /// Tenant.
    pub tenant: String,
    /// Trace.
    pub trace_id: TraceId,
    /// The redacted document.
    pub bundle: Bundle,
    /// Digests of every record.
    pub records: Vec<RecordDigest>,
    /// The instant the failure counts for.
    pub failed_at: Timestamp,
    /// The records, which are owed an outcome.
    pub tracked: Tracked,
}

/// Why a case is held back. Says where, never what.
#[derive(Debug, thiserror::Error)]
#[error("redaction failed, so the bundle is held back: {reason}")]
pub struct RedactError {
    /// Why.
    pub reason: String,
    /// The records.
    pub tracked: Tracked,
}

impl RedactedCase {
    /// Takes it apart, to be sealed.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let Self { tenant, trace_id, bundle, records, failed_at, tracked } = self;
        Parts { tenant, trace_id, bundle, records, failed_at, tracked }
    }
}

impl Redactor {
    /// Compiles the rules.
    ///
    /// # Errors
    /// Every problem found, with its path under the processor.
    pub fn compile(config: &RedactionProcessor, root: &RootKey) -> Result<Self, Vec<Problem>> {
        let _ = (config, root);
        unimplemented!()
    }

    /// Redacts every field, keys included.
    ///
    /// # Errors
    /// If any field could not be redacted: the case is not released.
    pub fn redact(&self, case: Case) -> Result<RedactedCase, RedactError> {
        let _ = case;
        unimplemented!()
    }
}
