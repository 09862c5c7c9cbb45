//! `processors:`

use std::collections::BTreeMap;

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

/// Bounds the memory of the process. Open windows hold at most what `limit_mib` leaves beside `spike_limit_mib` and 128 MiB for the process itself (or
/// `window.max_bytes`, if that is less; a quarter of the limit in any case). Input beyond that, or beyond the spike, is refused with a retryable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryLimiter {
    /// Limit in MiB: the process exceeds it by no more than 15 %.
    pub limit_mib: u64,
    /// Room for requests that are being read, in MiB, over all OTLP servers. At least what the largest request that one takes needs: twice its size and up
    /// to 32 MiB.
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
    /// What becomes of each class, where it is not to be its default: `token` (but `withhold` for passwords).
    pub actions: BTreeMap<RedactionClass, ClassAction>,
    /// What is different for single services, by `service.name`. The lists come beside those above.
    pub services: BTreeMap<String, ServiceRedaction>,
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
            actions: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }
}

/// What is different for a service. It holds for the service's spans, log records and exemplars; the rest of a bundle (exception,
/// environment, reproduction) is the failing span's service's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceRedaction {
    /// In place of the processor's `allow_all_keys`.
    pub allow_all_keys: Option<bool>,
    /// Attribute keys that pass beside those of the processor (detectors still run on them).
    pub allowed_keys: Vec<String>,
    /// Attribute keys whose values pass without any detector, beside those of the processor.
    pub ignored_keys: Vec<String>,
    /// Regexes of attribute keys whose values pass without any detector, beside those of the processor.
    pub ignored_key_patterns: Vec<String>,
    /// Regexes of attribute keys whose values are always withheld, beside those of the processor.
    pub blocked_key_patterns: Vec<String>,
    /// What becomes of each class, where the processor says something else.
    pub actions: BTreeMap<RedactionClass, ClassAction>,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassAction {
    /// It becomes a stable token: the same value, the same token.
    #[default]
    Token,
    /// It becomes `[withheld]`.
    Withhold,
    /// It stays as it is. Of an attribute's class: it is not replaced for its key alone, detectors run.
    Keep,
}

impl ClassAction {
    /// The word that stands for it in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Withhold => "withhold",
            Self::Keep => "keep",
        }
    }
}

macro_rules! classes {
    ($($(#[$doc:meta])+ $class:ident = $name:literal,)+) => {
        /// A class of values (those of tokens), or of attributes (the last four).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum RedactionClass {
            $($(#[$doc])+ #[serde(rename = $name)] $class,)+
        }

        impl RedactionClass {
            /// Every class.
            pub const ALL: &[Self] = &[$(Self::$class),+];

            /// The word that stands for it in a configuration.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)+
                }
            }
        }
    };
}

classes! {
    /// Addresses of electronic mail.
    Email = "email",
    /// Telephone numbers.
    Phone = "phone",
    /// Numbers of payment cards.
    Card = "card",
    /// Bank accounts.
    Iban = "iban",
    /// Social security numbers.
    Ssn = "ssn",
    /// National numbers.
    NationalId = "national_id",
    /// Addresses of IPv4 and IPv6.
    Ip = "ip",
    /// Addresses of network cards.
    Mac = "mac",
    /// Equipment identities.
    Imei = "imei",
    /// Wallets of currencies.
    Wallet = "wallet",
    /// Who somebody is to a system.
    User = "user",
    /// What somebody is called.
    Name = "name",
    /// Where somebody lives.
    Address = "address",
    /// When somebody was born.
    BirthDate = "birth_date",
    /// Numbers of the health system.
    Health = "health",
    /// Keys of an issuer's form, and texts that only chance makes: `token` or `withhold`.
    Secret = "secret",
    /// What stands before the host of a URL: `withhold`.
    UrlCredential = "url_credential",
    /// Ids that could be used or followed.
    Opaque = "opaque",
    /// All of the above but the secrets.
    Identifiers = "identifiers",
    /// `secret`, `url_credential` and attributes that hold a secret: `withhold`.
    Secrets = "secrets",
    /// Attributes that hold anybody's text: `keep`, so that detectors run, or `withhold`.
    Content = "content",
    /// Attributes that name or measure a part of the system: `keep`, so that detectors run, or `withhold`.
    Metadata = "metadata",
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
