//! Addresses of network cards (IEEE 802, EUI-48 and EUI-64) and equipment identities (3GPP TS 23.003 §6.2).

use regex::Regex;

use super::text::{after, before};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::Anchor;
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
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        if !may_hold_one(text.as_bytes()) {
            return;
        }
        for one in self.0.find_iter(text) {
            let is_joined = |char: char| char.is_alphanumeric() || matches!(char, ':' | '-' | '_');
            let joins_before = before(text, one.start()).is_some_and(is_joined)
                && before(text, one.start()).is_none_or(|char| {
                    char != ':' && char != '-' && char != '_'
                        || before(text, one.start() - 1).is_some_and(|char| char.is_ascii_hexdigit())
                });
            let joins_behind = after(text, one.end()).is_some_and(|char| char.is_alphanumeric())
                || after(text, one.end()).is_some_and(|char| matches!(char, ':' | '-'))
                    && after(text, one.end() + 1).is_some_and(|char| char.is_ascii_hexdigit());
            let hex: String =
                one.as_str().chars().filter(char::is_ascii_hexdigit).map(|char| char.to_ascii_lowercase()).collect();
            // Four hex digits with dots, all decimal, are a version or a sum of money.
            let is_number = one.as_str().contains('.') && hex.bytes().all(|byte| byte.is_ascii_digit());
            let is_nobodys = hex.bytes().all(|byte| byte == b'0') || hex.bytes().all(|byte| byte == b'f');
            if !(joins_before || joins_behind || is_number || is_nobodys) {
                found.push(Finding::token(one.start(), one.end(), "mac", Class::Mac, hex));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Bytes(b":-.")
    }
}

/// Whether separators stand at the distances of an address: most texts have colons and hyphens, and few have these.
fn may_hold_one(text: &[u8]) -> bool {
    let at = |index: usize| text.get(index).copied();
    memchr::memchr3_iter(b':', b'-', b'.', text).any(|index| {
        let mark = at(index);
        mark == at(index + 3) && mark == at(index + 6) && mark != Some(b'.')
            || mark == at(index + 5) && mark == Some(b'.')
    })
}

/// Fifteen digits with a right check digit, or the sixteen of a software version, behind their name.
#[derive(Debug)]
pub(super) struct Imei(Regex);

impl Imei {
    pub(super) fn new() -> Result<Self, String> {
        Regex::new(r"(?i)imei(?:sv)?(?:[ _-]?(?:number|no|is|[12]))*[^\p{L}\d]{0,8}(\d{2}[- /]?\d{6}[- /]?\d{6}(?:[- /]?\d{1,2}))")
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl Detector for Imei {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        for one in self.0.captures_iter(text).filter_map(|captures| captures.get(1)) {
            let digits: String = one.as_str().chars().filter(char::is_ascii_digit).collect();
            let is_right = digits.len() == 16 || super::card::luhn(&digits);
            if is_right && !after(text, one.end()).is_some_and(|char| char.is_alphanumeric()) {
                // The last digits are a check or a version: the device is the first fourteen.
                let device = digits.get(..14).unwrap_or_default().to_owned();
                found.push(Finding::token(one.start(), one.end(), "imei", Class::Imei, device));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::words(["imei"])
    }
}
