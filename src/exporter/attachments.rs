//! Files that were sent for an incident: one object each, in every store of bundles.

use futures::TryStreamExt as _;

use super::error::ExportError;
use super::store::{Created, Store};
use crate::bundle::{SealedAttachment, names};
use crate::model::TraceId;
use crate::telemetry::names as metric;

/// Writes such files.
#[derive(Debug, Clone)]
pub struct AttachmentWriter {
    /// Exporters and their stores; the first one is asked what is known.
    stores: Vec<(String, Store)>,
}

impl AttachmentWriter {
    /// A writer to these stores, each with the id of its exporter.
    #[must_use]
    pub fn new(stores: Vec<(String, Store)>) -> Self {
        Self { stores }
    }

    /// Whether an incident is known: whether one of its failures was ever counted.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn knows(&self, incident: &str) -> Result<bool, ExportError> {
        let Some((_, store)) = self.stores.first() else { return Ok(false) };
        Ok(store.list(&names::counters_folder(incident)).try_next().await?.is_some())
    }

    /// Whether there is a bundle of a trace.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn has_bundle(&self, tenant: &str, trace_id: TraceId) -> Result<bool, ExportError> {
        let Some((_, store)) = self.stores.first() else { return Ok(false) };
        Ok(store.modified(&names::TraceNames::new(tenant, trace_id).manifest()).await?.is_some())
    }

    /// Creates the object in every store. One that is there already stays as it is: the same content, perhaps read by
    /// another version.
    ///
    /// # Errors
    /// The first that a store answers with; it may be written again at any time.
    pub async fn write(&self, sealed: &SealedAttachment) -> Result<(), ExportError> {
        for (exporter, store) in &self.stores {
            let created = store.create(sealed.name(), sealed.document().clone()).await;
            let result = match &created {
                Ok(Created::Stored) => "stored",
                Ok(Created::Differs(_)) => "unchanged",
                Err(_) => "failed",
            };
            metrics::counter!(metric::EXPORTER_ATTACHMENTS, "exporter" => exporter.clone(), "result" => result)
                .increment(1);
            created?;
        }
        Ok(())
    }
}
