//! Whether this process can do its work now, and if not, why.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

/// Shared by everything that can say "not now". Ready while no component has a reason against it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    reasons: Arc<RwLock<BTreeMap<String, String>>>,
}

impl Readiness {
    /// Not ready, because `component` is being started.
    #[must_use]
    pub fn starting(component: &str) -> Self {
        let readiness = Self::default();
        readiness.set_not_ready(component, "starting");
        readiness
    }

    /// `component` can work.
    pub fn set_ready(&self, component: &str) {
        self.reasons.write().remove(component);
    }

    /// `component` cannot work. The reason is shown to whoever probes.
    pub fn set_not_ready(&self, component: &str, reason: impl Into<String>) {
        self.reasons.write().insert(component.to_owned(), reason.into());
    }

    /// Whether all can work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons.read().is_empty()
    }

    /// What is against it, by component.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<String, String> {
        self.reasons.read().clone()
    }
}
