//! The rules, for people: what each finds, by which form, and who defines that form.

use serde::Serialize;

use super::detectors::{ISSUERS, ids};

/// A rule, and one of the forms that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RuleForm {
    /// Name of the rule, as in remarks and metrics.
    pub rule: &'static str,
    /// Class of the tokens that it makes, or `withheld`.
    pub class: &'static str,
    /// What it finds.
    pub finds: &'static str,
    /// The document of the issuer or standard.
    pub source: &'static str,
}

/// Rules of one form: name, class, what it finds, source.
const SINGLE: &[(&str, &str, &str, &str)] = &[
    ("basic", "withheld", "credentials behind an authentication scheme", "RFC 7617"),
    ("bearer", "secret", "credentials behind an authentication scheme", "RFC 6750"),
    ("birth_date", "birth_date", "a date behind a word that tells a birth", "45 CFR 164.514(b)(2)(i)(C)"),
    ("blocked_key", "withheld", "the value of a key that tells a secret", "configuration, keys of this version"),
    ("blocked_value", "withheld", "what a regex of `blocked_values` matches", "configuration"),
    ("card", "card", "digits of a card's length and issuer with a right check digit", "ISO/IEC 7812-1"),
    ("command_line", "withheld", "a user and password in the short options of a command", "the commands' manuals"),
    (
        "database_value",
        "withheld",
        "a value that a message of a database quotes: of a statement, a parameter, a row, a key",
        "the databases' lists of messages",
    ),
    ("email", "email", "an address", "RFC 5321, RFC 6531"),
    ("health_id", "health", "a number that its name tells to be of the health system", "45 CFR 164.514(b)(2)(i)"),
    ("health_key", "health", "the value of a key of the health system", "45 CFR 164.514(b)(2)(i)"),
    ("home_folder", "user", "the user's name in the path of a home folder", "FHS 3.0, Windows known folders"),
    ("iban", "iban", "an account number with a right check number", "ISO 13616-1"),
    ("imei", "imei", "an equipment identity behind its name, with a right check digit", "3GPP TS 23.003"),
    ("ip", "ip", "an address; the first half of its token tells its network", "RFC 791, RFC 4291"),
    ("issuer_key", "secret", "the form of an issuer's keys", "the issuer"),
    ("jwt", "secret", "a JSON Web Token", "RFC 7519"),
    ("known_value", "as found", "a value that was found elsewhere in the bundle", "this version"),
    (
        "link_key",
        "secret",
        "the random part of a link that opens something for whoever has it",
        "words of this version",
    ),
    ("mac", "mac", "the address of a network card", "IEEE 802"),
    ("name_key", "name", "the value of a key that names somebody", "keys of this version"),
    (
        "named_secret",
        "secret",
        "a text that looks random behind a service's or a credential's name",
        "names of this version",
    ),
    ("national_id", "national_id", "a national number beside its name, with right check digits", "the issuer"),
    ("opaque_key", "opaque", "the value of a key that identifies something", "OpenTelemetry semantic conventions"),
    ("pem", "secret", "a PEM block", "RFC 7468"),
    ("personal_key", "by key", "the value of a key that tells what of a person it holds", "keys of this version"),
    ("phone", "phone", "a telephone number by code, layout or name", "ITU-T E.164, E.123"),
    ("secret_pair", "withheld", "a value behind a name that tells a secret", "names of this version"),
    ("statement_literal", "withheld", "a literal of a database statement", "ISO/IEC 9075-2"),
    ("ssn", "ssn", "a social security number by layout, name or place", "ssa.gov"),
    ("token_lookalike", "opaque", "what is written like one of our tokens and is none", "this version"),
    ("unexpected_shape", "withheld", "a field that does not hold what it should", "bundle schema"),
    ("unknown_field", "withheld", "a field that has no class", "bundle schema"),
    ("unknown_key", "withheld", "the value of a key that nobody has classed", "configuration"),
    ("unsettled", "withheld", "a text whose redaction does not come to an end", "this version"),
    ("url_credential", "withheld", "user and password before the host of a URL", "RFC 3986 §3.2.1"),
    ("withheld_class", "withheld", "the value of a key whose class is to be withheld", "configuration"),
    ("user_key", "user", "the value of a key that tells who somebody is", "OpenTelemetry semantic conventions"),
    ("wallet", "wallet", "a wallet's address by its checksum", "BIP 13, BIP 173, EIP-55"),
];

/// Why a rule replaces what it finds.
#[must_use]
pub fn why(rule: &str) -> &'static str {
    SINGLE.iter().find(|(name, ..)| *name == rule).map_or("a rule of the configuration", |(_, _, finds, _)| finds)
}

/// Every form of every rule: one line for each issuer's and each country's.
#[must_use]
pub fn catalogue() -> Vec<RuleForm> {
    let single = SINGLE
        .iter()
        .filter(|(rule, ..)| !matches!(*rule, "issuer_key" | "national_id"))
        .map(|(rule, class, finds, source)| RuleForm { rule, class, finds, source });
    let issuers = ISSUERS.iter().map(|issuer| RuleForm {
        rule: "issuer_key",
        class: "secret",
        finds: issuer.name,
        source: issuer.source,
    });
    let ids =
        ids().map(|id| RuleForm { rule: "national_id", class: id.class.name(), finds: id.name, source: id.source });
    let mut forms: Vec<RuleForm> = single.chain(issuers).chain(ids).collect();
    forms.sort_unstable();
    forms
}
