//! From a redacted case to bytes: canonical JSON, manifest, signature, object names.

use bytes::Bytes;

use crate::config::Problem;
use crate::model::{CloseReason, Manifest, Timestamp, TraceId, Tracked};
use crate::redact::RedactedCase;

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
    /// Canonical JSON (RFC 8785).
    document: Bytes,
    trace_id: TraceId,
    tracked: Tracked,
}

/// Signs manifests.
#[derive(Debug)]
pub struct Signer {}

impl Signer {
    /// Reads an ed25519 private key in PKCS#8 PEM.
    ///
    /// # Errors
    /// If it is not one.
    pub fn from_pem(pem: &str) -> Result<Self, Problem> {
        let _ = pem;
        unimplemented!()
    }
}

/// Seals a case.
pub fn seal(case: RedactedCase, closed: Closed) -> Sealed {
    let _ = (case, closed);
    unimplemented!()
}

impl Sealed {
    /// The document.
    #[must_use]
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// The trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Ends its life in the pipeline: the records' outcome is the caller's to give.
    #[must_use]
    pub fn into_tracked(self) -> Tracked {
        self.tracked
    }
}

/// Name of the manifest's DSSE payload type.
pub const PAYLOAD_TYPE: &str = "application/vnd.casefile.manifest.v1+json";

/// A manifest in its envelope.
pub fn envelope(manifest: &Manifest, signer: Option<&Signer>) -> Vec<u8> {
    let _ = (manifest, signer);
    unimplemented!()
}
