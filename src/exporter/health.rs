//! Whether a store works, told when it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{ErrorKind, ExportError};
use super::retry::Watch;
use crate::telemetry::names as metric;

/// Called when a store begins to fail (`false`, and why) and when it works again (`true`).
pub type OnHealth = Arc<dyn Fn(bool, &str) + Send + Sync>;

/// What one exporter's tries say about its store.
pub(crate) struct Health {
    id: String,
    on_health: Option<OnHealth>,
    failing: AtomicBool,
}

impl Health {
    /// The health of the store of the exporter `id`.
    pub(crate) fn of(id: &str) -> Self {
        // A first retry that is also the first sample would be no increase to Prometheus.
        metrics::counter!(metric::EXPORTER_RETRIES, "exporter" => id.to_owned()).increment(0);
        Self { id: id.to_owned(), on_health: None, failing: AtomicBool::new(false) }
    }

    /// Tells `on_health` of changes.
    pub(crate) fn tell(&mut self, on_health: OnHealth) {
        self.on_health = Some(on_health);
    }
}

impl Watch for Health {
    fn failed(&self, error: &ExportError) {
        metrics::counter!(metric::EXPORTER_RETRIES, "exporter" => self.id.clone()).increment(1);
        let reason = error.chain();
        tracing::warn!(exporter = self.id, kind = error.kind().as_str(), reason, "a bundle could not be written");
        if error.kind() != ErrorKind::Permanent
            && !self.failing.swap(true, Ordering::AcqRel)
            && let Some(on_health) = &self.on_health
        {
            on_health(false, &reason);
        }
    }

    fn succeeded(&self) {
        if self.failing.swap(false, Ordering::AcqRel) {
            tracing::info!(exporter = self.id, "the store works again");
            if let Some(on_health) = &self.on_health {
                on_health(true, "");
            }
        }
    }
}
