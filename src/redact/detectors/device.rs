//! Addresses of network cards (IEEE 802, EUI-48 and EUI-64) and equipment identities (3GPP TS 23.003 §6.2).

use regex::Regex;

use super::text::{Here, after, before, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

/// `00:1b:44:11:3a:b7`, `00-1B-44-11-3A-B7`, `001b.4411.3ab7`, and the same with eight bytes.
#[derive(Debug)]
pub(super) struct Mac(Regex);

impl Mac {
    pub(super) fn new() -> Result<Self, String> {
        const HEX: &str = "[0-9A-Fa-f]";
        Regex::new(&format!(
            "(?-u){HEX}{{2}}(?:(?:-{HEX}{{2}}){{7}}|(?::{HEX}{{2}}){{7}}|(?:-{HEX}{{2}}){{5}}|(?::{HEX}{{2}}){{5}})|{HEX}{{4}}(?:\\.{HEX}{{4}}){{2,3}}"
        ))
        .map(Self)
        .map_err(|error| error.to_string())
    }
}

impl Detector for Mac {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for run in &survey.addresses {
            let run_text = slice(text, run.start, run.end);
            if may_hold_one(run_text.as_bytes()) {
                let found_here = self.0.find_iter(run_text).map(|one| (run.start + one.start(), run.start + one.end()));
                found.extend(found_here.filter_map(|(start, end)| address(text, start, end)));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Address
    }
}

/// The address at `start..end`, unless it is a part of something else.
fn address(text: &str, start: usize, end: usize) -> Option<Finding> {
    let is_joined = |char: char| char.is_alphanumeric() || matches!(char, ':' | '-' | '_');
    let joins_before = before(text, start).is_some_and(is_joined)
        && before(text, start).is_none_or(|char| {
            char != ':' && char != '-' && char != '_'
                || before(text, start - 1).is_some_and(|char| char.is_ascii_hexdigit())
        });
    let joins_behind = after(text, end).is_some_and(|char| char.is_alphanumeric())
        || after(text, end).is_some_and(|char| matches!(char, ':' | '-'))
            && after(text, end + 1).is_some_and(|char| char.is_ascii_hexdigit());
    let written = slice(text, start, end);
    let hex: String = written.chars().filter(char::is_ascii_hexdigit).map(|char| char.to_ascii_lowercase()).collect();
    // Four hex digits with dots, all decimal, are a version or a sum of money.
    let is_number = written.contains('.') && hex.bytes().all(|byte| byte.is_ascii_digit());
    let is_nobodys = hex.bytes().all(|byte| byte == b'0') || hex.bytes().all(|byte| byte == b'f');
    (!(joins_before || joins_behind || is_number || is_nobodys))
        .then(|| Finding::token(start, end, "mac", Class::Mac, hex))
}

/// Whether separators stand at the distances of an address: most texts have colons and hyphens, and few have these.
fn may_hold_one(text: &[u8]) -> bool {
    // The shortest is `001b.4411.3ab7`.
    let at = |index: usize| text.get(index).copied();
    text.len() >= 14
        && memchr::memchr3_iter(b':', b'-', b'.', text).any(|index| {
            let mark = at(index);
            mark == at(index + 3) && mark == at(index + 6) && mark != Some(b'.')
                || mark == at(index + 5) && mark == Some(b'.')
        })
}

/// Fifteen digits with a right check digit, or the sixteen of a software version, behind their name.
#[derive(Debug)]
pub(super) struct Imei(Here);

/// How far behind the beginning of its name an identity may end.
const REACH: usize = 128;

impl Imei {
    pub(super) fn new() -> Result<Self, String> {
        Here::new(r"(?i)imei(?:sv)?(?:[ _-]?(?:number|no|is|[12]))*[^\p{L}\d]{0,8}(\d{2}[- /]?\d{6}[- /]?\d{6}(?:[- /]?\d{1,2}))")
            .map(Self)
    }
}

impl Detector for Imei {
    fn find(&self, Seen { text, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for word in words {
            let Some((_, one)) = self.0.find(text, word.start, word.start + REACH) else { continue };
            let digits: String = slice(text, one.start, one.end).chars().filter(char::is_ascii_digit).collect();
            let is_right = digits.len() == 16 || super::card::luhn(&digits);
            if is_right && !after(text, one.end).is_some_and(|char| char.is_alphanumeric()) {
                // The last digits are a check or a version: the device is the first fourteen.
                let device = digits.get(..14).unwrap_or_default().to_owned();
                found.push(Finding::token(one.start, one.end, "imei", Class::Imei, device));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        vec!["imei".to_owned()]
    }
}
