//! From the records of a failed trace to a case: what failed, where, with which inputs, after which logs.

use std::collections::BTreeMap;

use crate::config::{LogJoin, ServiceFacts};
use crate::model::{Case, ClosedTrace, RootKey, Tracked};

/// What the assembler knows besides the records.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tenant of the records.
    pub tenant: String,
    /// Which logs are shown.
    pub logs: LogJoin,
    /// Facts about services' code.
    pub services: BTreeMap<String, ServiceFacts>,
    /// Digest of the configuration, for `provenance`.
    pub config_digest: String,
}

/// Turns closed traces into cases.
#[derive(Debug)]
pub struct Assembler {
    settings: Settings,
}

/// Why no case could be made of a trace; its records are still owed an outcome.
#[derive(Debug, thiserror::Error)]
#[error("no evidence could be assembled: {reason}")]
pub struct EvidenceError {
    /// Why.
    pub reason: String,
    /// The records.
    pub tracked: Tracked,
}

impl Assembler {
    /// An assembler. Record digests are keyed with a key derived from `root`.
    #[must_use]
    pub fn new(settings: Settings, root: &RootKey) -> Self {
        let _ = root;
        Self { settings }
    }

    /// Decodes the records, drops repeated ones, and builds the case.
    ///
    /// # Errors
    /// If no record of the trace can be decoded.
    pub fn assemble(&self, trace: ClosedTrace, policy: &str) -> Result<Case, EvidenceError> {
        let _ = (trace, policy, &self.settings);
        unimplemented!()
    }
}
