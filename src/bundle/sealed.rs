//! The sealed document and what its manifest says of it.

use std::sync::OnceLock;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::canonical::CanonicalError;
use super::fit::fitted;
use super::ran::Ran;
use super::raw::SealedRaw;
use crate::config::BundleSize;
use crate::model::{
    CloseFacts, CloseReason, Incident, IncidentFacts, IncidentNumbers, Manifest, ManifestKind, NormalLatency,
    ObjectRef, RawRef, RecordDigest, SealFacts, Timestamp, TraceId, Tracked,
};
use crate::redact::{Parts, RedactedCase};

/// How a trace was closed, for its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// When its first record was admitted.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
}

/// A redacted document in its final bytes. Only [`seal`] makes one.
#[derive(Debug)]
pub struct Sealed {
    document: Bytes,
    document_digest: String,
    tokens: OnceLock<Option<u64>>,
    tenant: String,
    trace_id: TraceId,
    bundle_id: String,
    incident: Incident,
    commit_sha: Option<String>,
    ran: Ran,
    records: Vec<RecordDigest>,
    failed_at: Timestamp,
    closed: Closed,
    normal_latencies: Vec<NormalLatency>,
    raw: Vec<SealedRaw>,
    raw_stored: Vec<RawRef>,
    tracked: Tracked,
}

/// Why a case could not be sealed; its records are still owed an outcome.
#[derive(Debug, thiserror::Error)]
#[error("the bundle could not be sealed")]
pub struct SealError {
    /// Why.
    #[source]
    pub source: CanonicalError,
    /// The records.
    pub tracked: Tracked,
}

/// Seals a case, after what is over `size` has been cut out of its document. What its log records without a trace id are owed is
/// the case's from here on, where no other case came first.
///
/// # Errors
/// If the document holds a number that canonical JSON cannot (an integer beyond ±2^53).
pub fn seal(case: RedactedCase, closed: Closed, size: &BundleSize) -> Result<Sealed, SealError> {
    seal_parts(case.into_parts(), closed, size)
}

/// Seals the parts of a case. Apart from [`seal`], which alone proves that they are redacted, for tests only.
pub(crate) fn seal_parts(parts: Parts, closed: Closed, size: &BundleSize) -> Result<Sealed, SealError> {
    let Parts { tenant, trace_id, mut bundle, mut records, loose, failed_at, mut tracked } = parts;
    let (document, counted) = match fitted(&mut bundle, failed_at, size) {
        Ok((document, counted)) => (Bytes::from(document), counted),
        Err(source) => return Err(SealError { source, tracked }),
    };
    records.sort_unstable();
    records.dedup();
    loose.iter().filter_map(|loose| loose.claim()).for_each(|owed| tracked.merge(owed));
    Ok(Sealed {
        document_digest: digest_of(&document),
        ran: Ran::of(&bundle),
        document,
        tokens: counted.map_or_else(OnceLock::new, |counted| OnceLock::from(Some(counted))),
        tenant,
        trace_id,
        bundle_id: bundle.bundle_id,
        incident: bundle.incident,
        commit_sha: bundle.commit_sha,
        records,
        failed_at,
        closed,
        normal_latencies: Vec::new(),
        raw: Vec::new(),
        raw_stored: Vec::new(),
        tracked,
    })
}

/// `sha256:` and the hex digest of `bytes`, as manifests write it.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))
}

impl Sealed {
    /// The document: canonical JSON (RFC 8785).
    #[must_use]
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// `sha256:` of the document.
    #[must_use]
    pub fn document_digest(&self) -> &str {
        &self.document_digest
    }

    /// The document's tokens. Where they are not known yet, `count` counts them.
    pub(crate) async fn tokens(&self, count: impl AsyncFnOnce(Bytes) -> Option<u64>) -> Option<u64> {
        match self.tokens.get() {
            Some(known) => *known,
            None => {
                let counted = count(self.document.clone()).await;
                *self.tokens.get_or_init(|| counted)
            }
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The hash of tenant and trace id.
    #[must_use]
    pub fn bundle_id(&self) -> &str {
        &self.bundle_id
    }

    /// Its incident, redacted.
    #[must_use]
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// What ran where it failed, redacted.
    pub(crate) fn ran(&self) -> &Ran {
        &self.ran
    }

    /// The sorted digests of every record of the trace.
    #[must_use]
    pub fn records(&self) -> &[RecordDigest] {
        &self.records
    }

    /// Whether it is what came of a trace after its bundle.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.closed.reason == CloseReason::Late
    }

    /// The instant that the failure counts for.
    #[must_use]
    pub fn failed_at(&self) -> Timestamp {
        self.failed_at
    }

    /// Adds what is normal for its spans, for its manifest.
    #[must_use]
    pub(crate) fn with_normal_latencies(mut self, latencies: Vec<NormalLatency>) -> Self {
        self.normal_latencies = latencies;
        self
    }

    /// Adds its records, encrypted.
    #[must_use]
    pub(crate) fn with_raw(mut self, raw: Vec<SealedRaw>) -> Self {
        self.raw = raw;
        self
    }

    /// Takes out its encrypted records, where they are to be kept, so that they are stored before it is.
    #[must_use]
    pub(crate) fn take_raw(&mut self) -> Vec<SealedRaw> {
        std::mem::take(&mut self.raw)
    }

    /// They are stored: from now on its manifest says where.
    pub(crate) fn promise_raw(&mut self, stored: Vec<RawRef>) {
        self.raw_stored = stored;
    }

    /// The manifest of an object that holds this document, which has so many `tokens`.
    #[must_use]
    pub fn manifest(
        &self,
        kind: ManifestKind,
        object: ObjectRef,
        tokens: Option<u64>,
        numbers: IncidentNumbers,
        sealed: SealFacts,
    ) -> Manifest {
        let Incident { id, fingerprint, class, summary, services } = self.incident.clone();
        let lateness = self.closed.closed.since(self.failed_at).as_millis();
        Manifest {
            version: 1,
            kind,
            bundle_id: self.bundle_id.clone(),
            tenant: self.tenant.clone(),
            trace_id: self.trace_id,
            object,
            tokens,
            incident: IncidentFacts { id, fingerprint, class, summary, services, numbers },
            closed: CloseFacts {
                reason: self.closed.reason,
                opened_at: self.closed.opened.to_rfc3339(),
                closed_at: self.closed.closed.to_rfc3339(),
                lateness_ms: u64::try_from(lateness).unwrap_or(u64::MAX),
            },
            records: self.records.clone(),
            raw: self.raw_stored.clone(),
            normal_latencies: self.normal_latencies.clone(),
            commit_sha: self.commit_sha.clone(),
            sealed,
        }
    }

    /// Ends its life in the pipeline: the records' outcome is the caller's to give.
    pub fn into_tracked(self) -> Tracked {
        self.tracked
    }
}
