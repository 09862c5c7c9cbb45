//! References from days and incidents to bundles. Small, and made of manifests alone, so that they can be made again.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ErrorKind, ExportError};
use super::store::Store;
use crate::bundle::{names, to_canonical};
use crate::model::{Manifest, Timestamp, TraceId};

/// A reference to a bundle, as it lies under `index/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexRef {
    /// The bundle's id.
    pub bundle_id: String,
    /// The trace.
    pub trace_id: TraceId,
    /// The tenant.
    pub tenant: String,
    /// The incident.
    pub incident_id: String,
    /// Name of the object.
    pub object: String,
    /// Name of its manifest.
    pub manifest: String,
    /// RFC 3339: the instant that the failure counts for.
    pub failed_at: String,
    /// Tokens of the document (`o200k_base`), where its manifest says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// One line for a person (redacted).
    pub summary: String,
    /// Services on the span path (redacted).
    pub services: Vec<String>,
}

impl IndexRef {
    /// The reference to what a manifest describes.
    #[must_use]
    pub fn of(manifest: &Manifest, manifest_name: &str, failed_at: Timestamp) -> Self {
        Self {
            bundle_id: manifest.bundle_id.clone(),
            trace_id: manifest.trace_id,
            tenant: manifest.tenant.clone(),
            incident_id: manifest.incident.id.clone(),
            object: manifest.object.name.clone(),
            manifest: manifest_name.to_owned(),
            failed_at: failed_at.to_rfc3339(),
            tokens: manifest.tokens,
            summary: manifest.incident.summary.clone(),
            services: manifest.incident.services.clone(),
        }
    }

    /// Writes it by day and by incident. A reference that is there already stays.
    pub(crate) async fn write(&self, store: &Store, failed_at: Timestamp) -> Result<(), ExportError> {
        let bytes =
            Bytes::from(to_canonical(self).map_err(|error| {
                ExportError::new(ErrorKind::Permanent, "could not encode a reference").because(error)
            })?);
        let place = names::Place {
            trace_id: self.trace_id,
            failed_at,
            bundle_id: self.bundle_id.clone(),
            is_amendment: names::is_amendment(&self.manifest),
        };
        let (by_day, by_incident) = (names::by_day(&place), names::by_incident(&self.incident_id, &place));
        let both = format!("{by_day}` and `{by_incident}");
        let create = |store: Store| async move {
            store.create(&by_day, bytes.clone()).await?;
            store.create(&by_incident, bytes).await.map(drop)
        };
        store.at_once("create", &both, create).await
    }
}
