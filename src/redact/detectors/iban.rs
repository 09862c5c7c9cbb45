//! International bank account numbers (ISO 13616-1), compact or in groups, with a right check number (ISO/IEC 7064, mod 97-10).

use super::text::{after, before, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

/// Lengths by country: the SWIFT IBAN registry, release 99, and the countries that use the form without being in it.
#[rustfmt::skip]
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AO", 25), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BF", 28), ("BG", 22),
    ("BH", 22), ("BI", 27), ("BJ", 28), ("BR", 29), ("BY", 28), ("CF", 27), ("CG", 27), ("CH", 21), ("CI", 28), ("CM", 27),
    ("CR", 22), ("CV", 25), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28), ("DZ", 26), ("EE", 20),
    ("EG", 29), ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27), ("GA", 27), ("GB", 22), ("GE", 22), ("GI", 23),
    ("GL", 18), ("GQ", 27), ("GR", 27), ("GT", 28), ("GW", 25), ("HN", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23),
    ("IQ", 23), ("IR", 26), ("IS", 26), ("IT", 27), ("JO", 30), ("KM", 27), ("KW", 30), ("KZ", 20), ("LB", 28), ("LC", 32),
    ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21), ("LY", 25), ("MA", 28), ("MC", 27), ("MD", 24), ("ME", 22), ("MG", 27),
    ("MK", 19), ("ML", 28), ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("MZ", 25), ("NE", 28), ("NI", 28), ("NL", 18),
    ("NO", 15), ("OM", 23), ("PK", 24), ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33),
    ("SA", 24), ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SN", 28), ("SO", 23), ("ST", 25),
    ("SV", 28), ("TD", 27), ("TG", 28), ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20),
    ("YE", 30),
];

/// Countries whose account numbers have digits alone, by the same registry: what has letters there is something else, mostly hex.
#[rustfmt::skip]
const DIGITS_ONLY: &[&str] = &[
    "AE", "AT", "BA", "BE", "BI", "CR", "CZ", "DE", "DJ", "DK", "EE", "EG", "ES", "FI", "FO", "GL", "HR", "HU", "IL", "IS", "LT",
    "LY", "ME", "MN", "MR", "NO", "PL", "PT", "RS", "SD", "SE", "SI", "SK", "SO", "ST", "TL", "TN", "VA", "XK",
];

#[derive(Debug)]
pub(super) struct Iban;

impl Detector for Iban {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let bytes = text.as_bytes();
        let mut done = 0;
        // The check number is what is rare: two digits behind the two letters of a country.
        for group in survey.groups().iter().filter(|group| group.len() >= 2) {
            let Some(at) = group.start.checked_sub(2).filter(|at| *at >= done) else { continue };
            let has_country = bytes.get(at..group.start).is_some_and(|code| code.iter().all(u8::is_ascii_alphabetic));
            if !has_country || before(text, at).is_some_and(|char| char.is_alphanumeric() || char == '_') {
                continue;
            }
            if let Some((end, canonical)) = number(text, at).filter(|(end, _)| !is_hex_group(text, at, *end)) {
                found.push(Finding::token(at, end, "iban", Class::Iban, canonical));
                done = end;
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Digit
    }
}

/// Whether it is groups of hex digits behind others: the rest of a UUID.
fn is_hex_group(text: &str, start: usize, end: usize) -> bool {
    let is_hex = |char: char| char.is_ascii_hexdigit() || char == '-';
    let goes_on =
        before(text, start) == Some('-') && before(text, start - 1).is_some_and(|char| char.is_ascii_hexdigit());
    goes_on && slice(text, start, end).chars().all(is_hex)
}

/// The number that begins at `start`: where it ends, and its compact form in capitals.
fn number(text: &str, start: usize) -> Option<(usize, String)> {
    let country = slice(text, start, start + 2);
    let (_, length) = LENGTHS.iter().find(|(code, _)| code.eq_ignore_ascii_case(country))?;
    let mut compact = String::with_capacity(*length);
    let mut gap = false;
    let mut end = start;
    for (offset, char) in text.get(start..)?.char_indices() {
        if compact.len() == *length {
            break;
        }
        match char {
            _ if char.is_ascii_alphanumeric() => {
                compact.push(char.to_ascii_uppercase());
                gap = false;
                end = start + offset + 1;
            }
            ' ' | '-' | '.' | '\u{a0}' if !gap => gap = true,
            _ => return None,
        }
    }
    let ends = compact.len() == *length && !after(text, end).is_some_and(|char| char.is_alphanumeric());
    let has_letters = compact.bytes().skip(2).any(|byte| !byte.is_ascii_digit());
    let is_form = !has_letters || !DIGITS_ONLY.iter().any(|code| code.eq_ignore_ascii_case(country));
    (ends && is_form && is_right(&compact)).then_some((end, compact))
}

/// The first four characters moved to the end and letters written as 10 to 35, the number leaves 1 when divided by 97.
fn is_right(compact: &str) -> bool {
    let Some((head, tail)) = compact.split_at_checked(4) else { return false };
    let rest = tail
        .chars()
        .chain(head.chars())
        .filter_map(|char| char.to_digit(36))
        .fold(0_u32, |rest, value| if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 });
    rest == 1
}
