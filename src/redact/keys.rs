//! What the value of an attribute is, by its key.
//!
//! The user's rules come first, then the table of [`super::registry`], then patterns of names that tell what they hold. A key
//! that none of them knows is withheld.

use std::collections::BTreeSet;

use regex::RegexSet;

pub(crate) use super::registry::KeyClass;
use super::registry::{self, Fit, header, registered};
use super::token::Class;

/// Environment variables that steer a program and name nobody.
const VARIABLES: &[&str] = &[
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "DEBUG",
    "LOG_LEVEL",
    "ENV",
    "ENVIRONMENT",
    "APP_ENV",
    "NODE_ENV",
    "RAILS_ENV",
    "RACK_ENV",
    "FLASK_ENV",
    "DJANGO_SETTINGS_MODULE",
    "ASPNETCORE_ENVIRONMENT",
    "DOTNET_ENVIRONMENT",
    "SPRING_PROFILES_ACTIVE",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "PYTHONOPTIMIZE",
    "PYTHONUTF8",
    "PYTHONIOENCODING",
    "NODE_OPTIONS",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "GOMAXPROCS",
    "GOGC",
    "GODEBUG",
    "GOMEMLIMIT",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "PATH",
    "SHELL",
    "TERM",
    "PORT",
    "CI",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_PROPAGATORS",
];

/// Keys whose values are withheld, whoever sends them. The user's patterns come beside them.
const BLOCKED: &str = r"(?i)token|secret|passw|passphrase|pwd|authorization|cookie|api[-_.]?key|access[-_.]?key|credential|private[-_.]?key|session|\bcvv|\bcvc|\bpin\b|\botp\b|\bssn\b";

/// Keys of health identifiers (45 CFR 164.514(b)(2)(i)).
const HEALTH: &str = r"(?i)(?:^|\.)insurance[._-]?(?:id|number|no)|(?:^|[._-])(?:mrn|medical[._-]?record|patient[._-]?(?:id|number|no)|health[._-]?insurance[._-]?(?:id|number|no)|health[._-]?plan|medicare|medicaid|nhs[._-]?number)";

/// Keys that tell what of a person they hold. Words may be joined by capitals, hyphens, dots or underscores.
const PERSONAL: &[(Class, &str)] = &[
    (Class::Email, r"(?i)(?:^|[._-])(?:e[._-]?mail(?:[._-]?address)?)$|[a-z]E[Mm]ail(?:Address)?$"),
    (
        Class::Phone,
        r"(?i)(?:^|[._-])(?:phone|mobile|telephone|msisdn|fax)(?:[._-]?(?:number|no))?$|[a-z]Phone(?:Number)?$",
    ),
    (Class::BirthDate, r"(?i)(?:^|[._-])(?:dob|birth[._-]?(?:date|day)|date[._-]?of[._-]?birth|born[._-]?on)$"),
    (
        Class::Address,
        r"(?i)(?:^|[._-])(?:street(?:[._-]?(?:address|name))?|address[._-]?line[._-]?\d?|(?:home|billing|shipping|mailing|postal|delivery|street)[._-]?address|post(?:al)?[._-]?code|zip(?:[._-]?code)?)$",
    ),
    (
        Class::NationalId,
        r"(?i)(?:^|[._-])(?:national[._-]?(?:id|number)|passport(?:[._-]?(?:id|number|no))?|tax[._-]?(?:id|number)|driver'?s?[._-]?licen[cs]e(?:[._-]?(?:id|number|no))?|citizen[._-]?id)$",
    ),
    (Class::Iban, r"(?i)(?:^|[._-])(?:iban|bank[._-]?account(?:[._-]?(?:number|no))?|account[._-]?number)$"),
    (Class::Mac, r"(?i)(?:^|[._-])mac[._-]?addr(?:ess)?$"),
    (Class::Imei, r"(?i)(?:^|[._-])imei(?:sv)?$"),
    (Class::Ip, r"(?i)(?:^|[._-])(?:client|remote|user|source|peer)?[._-]?ip(?:[._-]?addr(?:ess)?)?$"),
    (
        Class::Name,
        r"(?i)(?:^|[._-])(?:(?:first|last|full|given|family|middle|maiden|sur|display|legal|real|nick|preferred)[._-]?name|(?:customer|contact|person|patient|employee|recipient|sender|cardholder|holder|owner|author|billing|shipping)[._-]?name|card[._-]?holder)$",
    ),
    (
        Class::User,
        r"(?i)(?:^|[._-])(?:user[._-]?name|login(?:[._-]?name)?|user[._-]?id|(?:customer|member|account|person|employee|subscriber|profile|visitor)[._-]?id|screen[._-]?name|principal)$|^(?:uid|user)$",
    ),
];

/// The user's patterns of keys.
#[derive(Debug)]
pub(crate) struct KeyPatterns {
    /// Their values pass.
    pub(crate) ignored: RegexSet,
    /// Their values are withheld.
    pub(crate) blocked: RegexSet,
}

/// The rules of keys, the user's among them.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) allow_all: bool,
    pub(crate) allowed: BTreeSet<String>,
    pub(crate) ignored: BTreeSet<String>,
    pub(crate) patterns: KeyPatterns,
    /// The patterns that are always there: blocked, health.
    defaults: RegexSet,
    health: bool,
    /// The patterns of [`PERSONAL`], unless people are not to be hidden.
    personal: Option<RegexSet>,
}

impl Keys {
    pub(crate) fn new(
        allow_all: bool,
        allowed: &[String],
        ignored: &[String],
        patterns: KeyPatterns,
        health: bool,
        pii: bool,
    ) -> Result<Self, String> {
        Ok(Self {
            allow_all,
            allowed: allowed.iter().cloned().collect(),
            ignored: ignored.iter().cloned().collect(),
            patterns,
            defaults: RegexSet::new([BLOCKED, HEALTH]).map_err(|error| error.to_string())?,
            health,
            personal: pii
                .then(|| RegexSet::new(PERSONAL.iter().map(|(_, pattern)| pattern)))
                .transpose()
                .map_err(|error| error.to_string())?,
        })
    }

    /// The class of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> KeyClass {
        self.named(key).unwrap_or_else(|| match registered(key) {
            Some((KeyClass::Unknown, _)) | None => self.unregistered(key),
            // A namespace takes in keys that are made up as one goes: `k8s.pod.label.api-token`.
            Some((_, Fit::Namespace)) if self.defaults.matches(key).matched(0) => KeyClass::Blocked,
            Some((class, _)) => class,
        })
    }

    /// The class of an attribute whose namespace was cut off.
    pub(crate) fn environment(&self, key: &str, namespaces: &[&str]) -> KeyClass {
        if let Some(class) = self.named(key) {
            return class;
        }
        let full = namespaces.iter().map(|namespace| format!("{namespace}{key}"));
        std::iter::once(key.to_owned())
            .chain(full)
            .map(|key| self.attribute(&key))
            .find(|class| *class != KeyClass::Unknown)
            .unwrap_or(KeyClass::Unknown)
    }

    /// The class of a header.
    pub(crate) fn header(&self, name: &str) -> KeyClass {
        self.named(name).unwrap_or_else(|| match header(name) {
            Some(class) => class,
            None => self.attribute(name),
        })
    }

    /// The class of an environment variable.
    pub(crate) fn variable(&self, name: &str) -> KeyClass {
        let is_known = || {
            VARIABLES.iter().any(|known| match known.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == *known,
            })
        };
        self.named(name).unwrap_or_else(|| if is_known() { KeyClass::Content } else { self.unregistered(name) })
    }

    /// The class of a name that the program or its user gave: content, unless it tells what it holds.
    pub(crate) fn content(&self, name: &str) -> KeyClass {
        self.named(name).unwrap_or_else(|| match self.unregistered(name) {
            KeyClass::Unknown => KeyClass::Content,
            class => class,
        })
    }

    /// What the user says about a key. A key that is allowed by its whole name is meant, whatever a pattern says.
    fn named(&self, key: &str) -> Option<KeyClass> {
        if self.ignored.contains(key) || self.patterns.ignored.is_match(key) {
            Some(KeyClass::Raw)
        } else if self.patterns.blocked.is_match(key) {
            Some(KeyClass::Blocked)
        } else if self.allowed.contains(key) {
            Some(KeyClass::Content)
        } else {
            None
        }
    }

    fn unregistered(&self, key: &str) -> KeyClass {
        let matched = self.defaults.matches(key);
        if matched.matched(0) {
            KeyClass::Blocked
        } else if self.health && matched.matched(1) {
            KeyClass::Health
        } else if let Some(class) = self.personal(key) {
            KeyClass::Personal(class)
        } else if self.allow_all {
            KeyClass::Content
        } else {
            KeyClass::Unknown
        }
    }
}

impl Keys {
    /// What of a person a key tells that it holds.
    fn personal(&self, key: &str) -> Option<Class> {
        let first = self.personal.as_ref()?.matches(key).into_iter().next()?;
        PERSONAL.get(first).map(|(class, _)| *class)
    }
}

/// The tables as text, for the digest of the rules in force.
pub(crate) fn tables() -> String {
    format!("{}{VARIABLES:?}{BLOCKED}{HEALTH}{PERSONAL:?}", registry::tables())
}
