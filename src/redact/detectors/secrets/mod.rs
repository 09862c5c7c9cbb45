//! Secrets that show by their form: PEM blocks, JWTs, keys of well-known issuers, `Authorization` credentials.

mod chance;
mod issuers;
mod named;
mod services;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

pub(super) use self::chance::entropy;
pub(crate) use self::issuers::ISSUERS;
pub(super) use self::named::Named;
pub(crate) use self::services::{SERVICES, WORDS};

use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::gate::Anchor;
use crate::redact::token::{self, Class};

/// A secret shorter than this gets no token: it could be guessed, and its token compared.
const MIN_TOKEN_LEN: usize = 16;

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

/// How far around its mark a key may reach.
const BEFORE: usize = 96;
const BEHIND: usize = 512;

/// The compiled formats, which never change. ASCII word boundaries: keys are ASCII, and Unicode boundaries would take the fast
/// engine away.
static FORMATS: LazyLock<Result<Vec<Regex>, String>> =
    LazyLock::new(|| ISSUERS.iter().map(|issuer| regex(&format!("(?-u){}", issuer.pattern))).collect());

/// Keys whose form tells their issuer.
#[derive(Debug)]
pub(super) struct Issuers {
    marks: AhoCorasick,
    formats: Vec<Regex>,
    /// Whether a key may stand apart from its mark.
    loose: Vec<bool>,
}

impl Issuers {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            marks: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::DFA))
                .build(ISSUERS.iter().map(|issuer| issuer.mark))
                .map_err(|error| error.to_string())?,
            formats: FORMATS.clone()?,
            loose: ISSUERS
                .iter()
                .map(|issuer| issuer.pattern.contains(' ') || issuer.pattern.contains(r"\s"))
                .collect(),
        })
    }

    /// The parts of a text that each format is looked for in, in order; what overlaps is one part.
    fn regions(&self, text: &str) -> BTreeMap<usize, Vec<(usize, usize)>> {
        let mut regions: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for mark in self.marks.find_overlapping_iter(text) {
            let is_loose = self.loose.get(mark.pattern().as_usize()).copied().unwrap_or(true);
            if !is_loose && !in_long_run(text.as_bytes(), mark.start(), mark.end()) {
                continue;
            }
            let start = text.floor_char_boundary(mark.start().saturating_sub(BEFORE));
            let end = text.ceil_char_boundary(mark.end().saturating_add(BEHIND));
            let parts = regions.entry(mark.pattern().as_usize()).or_default();
            match parts.last_mut() {
                Some(last) if start <= last.1 => last.1 = end.max(last.1),
                _ => parts.push((start, end)),
            }
        }
        regions
    }
}

/// Whether a mark stands in a run of signs as long as the shortest key: in most texts it is a part of a word.
fn in_long_run(text: &[u8], start: usize, end: usize) -> bool {
    const SHORTEST: usize = 13;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+=~:%!$*@?&#^".contains(byte);
    let behind = text.get(end..).unwrap_or_default().iter().take(SHORTEST).take_while(|byte| is_part(byte)).count();
    let before =
        text.get(..start).unwrap_or_default().iter().rev().take(SHORTEST).take_while(|byte| is_part(byte)).count();
    before + (end - start) + behind >= SHORTEST
}

impl Detector for Issuers {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        for (format, parts) in self.regions(text) {
            let Some(regex) = self.formats.get(format) else { continue };
            for (start, end) in parts {
                for captures in regex.captures_iter(text.get(start..end).unwrap_or_default()) {
                    let Some(one) = captures.get(1).or_else(|| captures.get(0)) else { continue };
                    found.push(secret(start + one.start(), start + one.end(), "issuer_key", one.as_str()));
                }
            }
        }
    }

    fn anchor(&self) -> Anchor {
        // No key is shorter.
        Anchor::Run(10)
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
