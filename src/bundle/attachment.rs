//! A file that was sent for an incident, in the bytes in which it is stored.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::canonical::{CanonicalError, to_canonical};
use super::names;
use crate::model::{Attachment, Provenance, RedactionReport, Remark};
use crate::redact::{Parts, RedactedCase};

/// The stored document. Version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentAttachment {
    /// Version of this document's shape: 1.
    pub version: u32,
    /// The incident: `INC-…`.
    pub incident: String,
    /// The file.
    pub attachment: Attachment,
    /// What was redacted in it.
    pub redaction: RedactionReport,
    /// What made the document.
    pub provenance: Provenance,
}

/// A redacted file in its final bytes. Only [`seal_attachment`] makes one.
#[derive(Debug)]
pub struct SealedAttachment {
    name: String,
    document: Bytes,
}

impl SealedAttachment {
    /// The name of its object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document: canonical JSON (RFC 8785).
    #[must_use]
    pub fn document(&self) -> &Bytes {
        &self.document
    }
}

/// Seals the one file of a case that holds nothing else; `None` if it holds none.
///
/// # Errors
/// If the document holds a number that canonical JSON cannot.
pub fn seal_attachment(case: RedactedCase, incident: &str) -> Result<Option<SealedAttachment>, CanonicalError> {
    const AT: &str = "/attachments/0";
    let Parts { bundle, tracked, .. } = case.into_parts();
    // The case was made for its file alone: it counts no records.
    debug_assert_eq!(tracked.records(), 0, "the records of a case are owed an outcome");
    let Some(attachment) = bundle.attachments.into_iter().next() else { return Ok(None) };
    let mut redaction = bundle.redaction;
    let own = |remark: Remark| {
        let below = remark.path.strip_prefix(AT).map(|below| format!("/attachment{below}"))?;
        Some(Remark { path: below, ..remark })
    };
    redaction.remarks = redaction.remarks.into_iter().filter_map(own).collect();
    let name = names::attachment(incident, &attachment.digest);
    let document = IncidentAttachment {
        version: 1,
        incident: incident.to_owned(),
        attachment,
        redaction,
        provenance: bundle.provenance,
    };
    Ok(Some(SealedAttachment { name, document: Bytes::from(to_canonical(&document)?) }))
}
