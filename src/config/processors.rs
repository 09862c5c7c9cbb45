//! `processors:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{Duration, Secret};

/// A processor.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "a configuration has few of them")]
pub enum Processor {
    /// Refuses input while memory is short.
    MemoryLimiter(MemoryLimiter),
    /// Redacts bundles before they are written.
    Redaction(RedactionProcessor),
}

components!(Processor, "processor", {
    "memory_limiter" => MemoryLimiter(MemoryLimiter),
    "redaction" => Redaction(RedactionProcessor),
});

/// Bounds the bytes that open windows may hold: the smaller of `limit_mib - spike_limit_mib` and `window.max_bytes`.
/// Input beyond it is refused with a retryable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryLimiter {
    /// Hard limit in MiB.
    pub limit_mib: u64,
    /// Room left for what is in flight, in MiB.
    pub spike_limit_mib: u64,
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        Self { limit_mib: 2048, spike_limit_mib: 256 }
    }
}

/// Redacts every field of a bundle, keys included. A `bundles` pipeline without it is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedactionProcessor {
    /// Root key: 32 bytes or more as 64 hex digits or base64. Tokens, record digests and writer keys derive from it.
    pub key: Secret,
    /// The key's id, which stands in every token: one digit or lower-case letter. A new key wants a new id.
    pub key_id: KeyId,
    /// Keys that were in force before: their tokens are known as ours and stay.
    pub previous_keys: Vec<PreviousKey>,
    /// Let attributes pass that no rule classes as safe (detectors still run on them).
    pub allow_all_keys: bool,
    /// Attribute keys that pass beside those classed as safe by semantic convention (detectors still run on them).
    pub allowed_keys: Vec<String>,
    /// Attribute keys whose values pass without any detector.
    pub ignored_keys: Vec<String>,
    /// Regexes of attribute keys whose values pass without any detector.
    pub ignored_key_patterns: Vec<String>,
    /// Regexes of values that stay where a detector or `blocked_values` finds them.
    pub allowed_values: Vec<String>,
    /// Regexes of attribute keys whose values are always withheld.
    pub blocked_key_patterns: Vec<String>,
    /// Regexes of values that are withheld wherever they occur.
    pub blocked_values: Vec<String>,
    /// The user's own patterns, each with a name that remarks and metrics show.
    pub custom_patterns: Vec<CustomPattern>,
    /// Files of rules in the format of gitleaks.
    pub rules: Vec<std::path::PathBuf>,
    /// Report what would be redacted, in logs and metrics, and write no bundle: for the first days in production.
    pub dry_run: bool,
    /// Longest time that redacting one bundle may take. A bundle that takes longer is held back.
    pub timeout: Duration,
    /// Sets of detectors: `pii`, `pci`, `phi`, `secrets`. All of them where none is named.
    pub presets: Vec<String>,
}

impl Default for RedactionProcessor {
    fn default() -> Self {
        Self {
            key: Secret::default(),
            key_id: KeyId::default(),
            previous_keys: Vec::new(),
            allow_all_keys: false,
            allowed_keys: Vec::new(),
            ignored_keys: Vec::new(),
            ignored_key_patterns: Vec::new(),
            allowed_values: Vec::new(),
            blocked_key_patterns: Vec::new(),
            blocked_values: Vec::new(),
            custom_patterns: Vec::new(),
            rules: Vec::new(),
            dry_run: false,
            timeout: Duration::seconds(30),
            presets: Vec::new(),
        }
    }
}

/// A pattern of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomPattern {
    /// Name of the rule.
    pub name: String,
    /// What it finds: the first group, or all of the match where there is none.
    pub regex: String,
    /// The class of the tokens that it makes. Without one the value is withheld.
    #[serde(default)]
    pub class: Option<String>,
}

/// A key that made tokens before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviousKey {
    /// The id in its tokens.
    pub id: KeyId,
    /// The key, as `key` was.
    pub key: Secret,
}

/// The id of a key: `a` where none is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct KeyId(pub String);

impl Default for KeyId {
    fn default() -> Self {
        Self("a".to_owned())
    }
}
