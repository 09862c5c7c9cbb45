//! Secrets that show by their form: PEM blocks, JWTs, keys of well-known issuers, `Authorization` credentials.

use regex::Regex;

use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::gate::Anchor;
use crate::redact::token::{self, Class};

/// A secret shorter than this gets no token: it could be guessed, and its token compared.
pub(super) const MIN_TOKEN_LEN: usize = 16;

/// A secret: a token where it is long enough to be unguessable, else withheld.
pub(super) fn secret(start: usize, end: usize, rule: &'static str, value: &str) -> Finding {
    if value.len() >= MIN_TOKEN_LEN {
        Finding::token(start, end, rule, Class::Secret, value)
    } else {
        Finding::withhold(start, end, rule)
    }
}

/// PEM blocks (RFC 7468). One without an end reaches to the end of the text.
#[derive(Debug)]
pub(super) struct Pem;

impl Detector for Pem {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        const BEGIN: &str = "-----BEGIN ";
        const END: &str = "-----END ";
        const DASHES: &str = "-----";
        let mut from = 0;
        while let Some(start) = text.get(from..).and_then(|rest| rest.find(BEGIN)).map(|at| from + at) {
            let body = start + BEGIN.len();
            let end = text
                .get(body..)
                .and_then(|rest| rest.find(END))
                .map(|at| body + at + END.len())
                .and_then(|label| {
                    text.get(label..).and_then(|rest| rest.find(DASHES)).map(|at| label + at + DASHES.len())
                })
                .unwrap_or(text.len());
            let block = text.get(start..end).unwrap_or_default();
            let canonical: String = block.chars().filter(|char| !char.is_whitespace()).collect();
            found.push(secret(start, end, "pem", &canonical));
            from = end;
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::words(["-----begin "])
    }
}

/// JSON Web Tokens (RFC 7519 in the compact forms of RFC 7515 and RFC 7516).
#[derive(Debug)]
pub(super) struct Jwt(Regex);

impl Jwt {
    pub(super) fn new() -> Result<Self, String> {
        regex(r"(?-u:\b)ey[IJ][A-Za-z0-9_=-]{4,}\.[A-Za-z0-9_=-]{2,}(?:\.[A-Za-z0-9_=-]*){0,3}").map(Self)
    }
}

impl Detector for Jwt {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        if text.contains("ey") {
            found.extend(self.0.find_iter(text).map(|one| secret(one.start(), one.end(), "jwt", one.as_str())));
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::words(["eyi", "eyj"])
    }
}

/// Keys that their issuers give a prefix. Each pattern is the issuer's documented format.
pub(super) const ISSUERS: &[(&str, &str)] = &[
    ("aws", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("github", r"\bgh[pousr]_[A-Za-z0-9]{20,255}\b"),
    ("github", r"\bgithub_pat_[A-Za-z0-9_]{20,255}\b"),
    ("gitlab", r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_-]{16,}"),
    ("stripe", r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}\b"),
    ("stripe", r"\bwhsec_[A-Za-z0-9+/=]{16,}"),
    ("slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("slack", r"\bxapp-[0-9]-[A-Za-z0-9-]{10,}"),
    ("slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{16,}"),
    ("google", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("google", r"\bGOCSPX-[A-Za-z0-9_-]{20,}"),
    ("google", r"\bya29\.[A-Za-z0-9_-]{20,}"),
    ("npm", r"\bnpm_[A-Za-z0-9]{30,}\b"),
    ("pypi", r"\bpypi-[A-Za-z0-9_-]{32,}"),
    ("huggingface", r"\b(?:hf|api_org)_[A-Za-z0-9]{20,}\b"),
    ("anthropic", r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
    ("openai", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
    ("sendgrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("twilio", r"\b(?:SK|AC)[0-9a-f]{32}\b"),
    ("digitalocean", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    ("shopify", r"\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}\b"),
    ("mailgun", r"\bkey-[0-9a-f]{32}\b"),
    ("telegram", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    ("databricks", r"\bdapi[a-f0-9]{32}\b"),
    ("hashicorp", r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("docker", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("age", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b"),
    ("azure_storage", r"\bAccountKey=[A-Za-z0-9+/=]{40,}"),
    ("grafana", r"\bgl(?:c|sa)_[A-Za-z0-9+/=_]{32,}"),
    ("linear", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}\b"),
    ("new_relic", r"\bNRAK-[A-Z0-9]{27}\b"),
    ("square", r"\b(?:EAAA|sq0atp-|sq0csp-)[A-Za-z0-9_-]{22,}"),
];

#[derive(Debug)]
pub(super) struct Issuers(Regex);

impl Issuers {
    pub(super) fn new() -> Result<Self, String> {
        let all: Vec<String> = ISSUERS.iter().map(|(_, pattern)| format!("(?:{pattern})")).collect();
        // ASCII word boundaries: keys are ASCII, and Unicode boundaries would take the fast engine away.
        regex(&format!("(?-u){}", all.join("|"))).map(Self)
    }
}

impl Detector for Issuers {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        found.extend(self.0.find_iter(text).map(|one| secret(one.start(), one.end(), "issuer_key", one.as_str())));
    }
}

/// `Bearer`, `Basic` and the like (RFC 9110 §11.4) wherever they stand in a text.
#[derive(Debug)]
pub(super) struct Authorization {
    bearer: Regex,
    basic: Regex,
}

impl Authorization {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            bearer: regex(r"(?i-u:\bbearer)[ :=\t]{1,4}([A-Za-z0-9._~+/:\-]{8,}=*)")?,
            basic: regex(r"(?i-u:\bbasic)[ \t]{1,4}([A-Za-z0-9+/_-]{4,}=*)")?,
        })
    }
}

impl Detector for Authorization {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        for one in self.bearer.captures_iter(text).filter_map(|captures| captures.get(1)) {
            let value = one.as_str();
            // `bearer authentication failed` speaks of tokens and holds none.
            let is_word = value.len() < 20 && !value.bytes().any(|byte| byte.is_ascii_digit());
            if !is_word && token::shape(value) != Some(value.len()) {
                found.push(secret(one.start(), one.end(), "bearer", value));
            }
        }
        for one in self.basic.captures_iter(text).filter_map(|captures| captures.get(1)) {
            let credentials = data_encoding::BASE64_NOPAD.decode(one.as_str().trim_end_matches('=').as_bytes());
            if one.as_str() != WITHHELD && credentials.is_ok_and(|bytes| bytes.contains(&b':')) {
                found.push(Finding::withhold(one.start(), one.end(), "basic"));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::words(["bearer", "basic"])
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(16 << 20).build().map_err(|error| error.to_string())
}
