//! Secrets by name and chance: a text that looks random behind the name of a service or a word that tells a credential.
//!
//! Looking random is not enough: ids of blocks, commits and traces do. What stands before the text decides.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use super::services::SERVICES;
use crate::redact::detect::{Detector, Finding};
use crate::redact::detectors::text::{run_start, slice};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token;

/// Shortest text that is looked at, and longest.
const LENGTH: std::ops::RangeInclusive<usize> = 15..=512;
/// Longest name of a class of tokens, and its colon.
const LONGEST_CLASS: usize = 16;
/// How far back a name counts.
const LOOK_BACK: usize = 64;

#[derive(Debug)]
pub(crate) struct Named {
    services: AhoCorasick,
    /// A credential's name with a sign that gives it this value.
    credential: Regex,
    /// Any name with a sign that gives it this value.
    assigned: Regex,
    /// Names of what looks random and is no secret.
    harmless: Regex,
}

impl Named {
    pub(crate) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| {
            regex::RegexBuilder::new(pattern).size_limit(16 << 20).build().map_err(|error| error.to_string())
        };
        const GIVEN: &str = r#"["'\])}\\]{0,4}[\s,]{0,3}(?:[:=]{1,3}>?|=>|->|\bis\b|>|\()[\s]{0,3}(?:[A-Za-z]{1,12}[ ])?[@"'`(\[{\\]{0,4}$"#;
        Ok(Self {
            services: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostFirst)
                .build(SERVICES)
                .map_err(|error| error.to_string())?,
            credential: compile(&format!(
                r"(?i)(?:key|token|secret|passw|passwd|pwd|pass|auth|cred|\bpat\b|signature|\bsig\b|bearer|webhook|licen[cs]e[ _-]?key|client|account|jwt|cookie|session|salt|nonce)[a-z0-9_.-]{{0,24}}{GIVEN}"
            ))?,
            assigned: compile(&format!(r"[A-Za-z0-9_.-]{GIVEN}"))?,
            harmless: compile(
                r"(?i)(?:commit|revision|\brev\b|sha-?\d*|digest|etag|checksum|md5|crc|hash|trace|span|request|correlation|transaction|version|build|blk|block|public[_ -]?key|fingerprint|uuid|guid|thread|task|attempt|container|\bpod\b|instance|message[_-]?id)[a-z_ .-]{0,12}[^A-Za-z0-9]{0,6}$",
            )?,
        })
    }

    fn is_secret(&self, text: &str, start: usize, value: &str) -> bool {
        if !looks_random(value) {
            return false;
        }
        let head = slice(text, run_start(text, start, LOOK_BACK, |_| true), start);
        if self.harmless.is_match(head) {
            return false;
        }
        if self.credential.is_match(head) {
            return true;
        }
        // A service's name is no more than a hint: its id of an object looks as random as its key.
        let is_given = self.assigned.is_match(head) || head.ends_with(['"', '\'', '`']);
        self.services.is_match(head) && (is_given && !is_uuid(value) || self.is_given_uuid(head, value))
    }

    fn is_given_uuid(&self, head: &str, value: &str) -> bool {
        is_uuid(value) && self.assigned.is_match(head)
    }
}

impl Detector for Named {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for run in &survey.runs {
            let whole = slice(text, run.start, run.end);
            let whole = whole.trim_start_matches(|char: char| !char.is_ascii_alphanumeric());
            // A name and its value are one run where `=` stands between them; a host and its path where `/` does.
            let given =
                whole.rsplit_once('=').map(|(_, value)| value).filter(|value| !value.is_empty()).unwrap_or(whole);
            let start = run.end - given.len();
            let value = given.trim_end_matches(['.', '!', '~', '-']);
            let is_ours = || {
                let is_class = |char: char| char.is_ascii_lowercase() || matches!(char, '_' | ':');
                text.get(run_start(text, start, LONGEST_CLASS, is_class)..).and_then(token::shape).is_some()
            };
            if LENGTH.contains(&value.len()) && self.is_secret(text, start, value) && !is_ours() {
                found.push(super::secret(start, start + value.len(), "named_secret", value));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Run
    }
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Letters and digits, not in words, and as many different ones as chance would bring.
pub(crate) fn looks_random(value: &str) -> bool {
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_mixed = value.len() >= 20 && has_both_cases_scattered(value);
    if !(has_letter && (has_digit || is_mixed)) || is_wordy(value) || begins_with_date(value) {
        return false;
    }
    entropy(value) >= if value.len() < 20 { 2.8 } else { 2.9 }
}

/// Shannon entropy of the bytes, in bits a byte.
pub(crate) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Words, numbers and words with a number behind them, between signs: `part-00012`, `rdd_2_17`, `workers2.properties`.
fn is_wordy(value: &str) -> bool {
    let parts = value.split(['-', '_', '.', '/', '+', '=', '~', '!']).filter(|part| !part.is_empty());
    let (mut words, mut all) = (0_usize, 0_usize);
    for part in parts {
        all += part.len();
        let letters = part.trim_end_matches(|char: char| char.is_ascii_digit());
        let is_number = letters.is_empty();
        let is_word = !letters.is_empty()
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
            && part.len() - letters.len() <= 5
            && !has_both_cases_scattered(letters);
        if is_number || is_word {
            words += part.len();
        }
    }
    words * 10 >= all * 7
}

/// Whether capitals and small letters change more often than words in camel case do.
fn has_both_cases_scattered(letters: &str) -> bool {
    let changes = letters
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && a.is_ascii_uppercase() != b.is_ascii_uppercase()))
        .count();
    changes * 5 >= letters.len() * 2
}

fn begins_with_date(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
}
