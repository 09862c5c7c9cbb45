//! Stores raw evidence: the encrypted records of a case, before its manifest, so that a manifest that names them is true.
//!
//! An object of raw evidence is named by the records in it. So every step can be repeated: what a process that was killed
//! between this and the manifest left behind is found by the next one that has the same records, and of two processes
//! that store the same records one finds the other's object. What is never named by a manifest is removed by age.

use std::sync::Arc;

use bytes::Bytes;

use super::error::{ErrorKind, ExportError};
use super::health::{Health, OnHealth};
use super::retry::retry;
use super::store::{Created, Store};
use crate::bundle::{SealedRaw, digest_of, recipients_of};
use crate::config::{Duration, RawExporter, RetryOnFailure};
use crate::model::{RawRef, Timestamp};
use crate::telemetry::{Clock, names as metric};

/// Writes raw evidence to one store.
pub struct RawWriter {
    id: String,
    store: Store,
    retries: RetryOnFailure,
    retention: Option<Duration>,
    clock: Arc<dyn Clock>,
    health: Health,
}

impl std::fmt::Debug for RawWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawWriter").field("id", &self.id).field("store", &self.store).finish_non_exhaustive()
    }
}

impl RawWriter {
    /// A writer for the exporter `id`.
    #[must_use]
    pub fn new(id: impl Into<String>, store: Store, config: &RawExporter, clock: Arc<dyn Clock>) -> Self {
        let id = id.into();
        Self {
            health: Health::of(&id),
            id,
            store,
            retries: config.retry_on_failure.clone(),
            retention: config.retention,
            clock,
        }
    }

    /// Tells `on_health` when the store begins to fail and when it works again.
    #[must_use]
    pub fn with_health(mut self, on_health: OnHealth) -> Self {
        self.health.tell(on_health);
        self
    }

    /// The exporter's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Stores the objects of one case, trying again as configured, and says where they are. May be called again for the
    /// same records at any time.
    ///
    /// # Errors
    /// If one is not known to be stored when patience has run out.
    pub async fn write(&self, objects: &[SealedRaw]) -> Result<Vec<RawRef>, ExportError> {
        let mut stored = Vec::new();
        for object in objects {
            let begun = self.clock.now();
            let written = retry(&self.retries, &self.health, || self.stored(object, begun)).await;
            let result = written.as_ref().map_or("failed", |(_, result)| result);
            metrics::counter!(metric::EXPORTER_BUNDLES, "exporter" => self.id.clone(), "result" => result).increment(1);
            stored.push(written?.0);
        }
        Ok(stored)
    }

    /// Stores one object, which was not there before `begun` unless it is another process's.
    async fn stored(&self, object: &SealedRaw, begun: Timestamp) -> Result<(RawRef, &'static str), ExportError> {
        for name in [object.name(), object.spare_name()] {
            match self.store.create(name, object.ciphertext().clone()).await? {
                Created::Stored => return Ok((self.reference(name, object.ciphertext(), begun), "stored")),
                // Not these bytes, since no two encryptions are equal, but by its name these records.
                Created::Differs(found) if recipients_of(&found).is_some() => {
                    let Some(written) = self.store.modified(name).await? else {
                        let message = format!("`{name}` was removed by another process");
                        return Err(ExportError::new(ErrorKind::Retryable, message));
                    };
                    return Ok((self.reference(name, &found, written), "unchanged"));
                }
                Created::Differs(_) => {
                    tracing::error!(exporter = self.id, object = name, "not raw evidence, and not overwritten");
                }
            }
        }
        Err(ExportError::new(ErrorKind::Permanent, format!("raw evidence has no name left beside `{}`", object.name())))
    }

    fn reference(&self, name: &str, stored: &Bytes, written: Timestamp) -> RawRef {
        RawRef {
            url: self.store.url_of(name),
            digest: digest_of(stored),
            size: stored.len() as u64,
            recipients: recipients_of(stored).unwrap_or_default() as u64,
            kept_until: self.retention.map(|retention| written.after(retention.0).to_rfc3339()),
        }
    }
}
