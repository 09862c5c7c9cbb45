//! Payment card numbers: 13 to 19 digits, alone or in the groups cards are printed in, of an issuer's range and length, with a
//! right check digit (ISO/IEC 7812-1, annex B).

use super::text::{after, before, run_start, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

#[derive(Debug)]
pub(super) struct Card;

/// Fewest digits of a number.
const MIN_DIGITS: usize = 13;

/// Layouts in which numbers are printed, as group lengths; of two that begin alike the longer one first.
const LAYOUTS: &[&[usize]] = &[
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 3],
    &[4, 4, 4, 2],
    &[4, 4, 4, 1],
    &[4, 3, 3, 3],
    &[4, 4, 5],
    &[4, 5, 6],
    &[6, 13],
    &[8, 8],
];

impl Detector for Card {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let mut done = 0;
        for group in survey.chains(MIN_DIGITS).flatten() {
            let begins_one = matches!(group.len(), 4 | 6 | 8 | 13..=19) && group.start >= done;
            if begins_one && let Some((end, canonical)) = number(text, group.start) {
                found.push(Finding::token(group.start, end, "card", Class::Card, canonical));
                done = end;
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Chain(MIN_DIGITS)
    }
}

/// The card number that begins with the digit run at `start`.
fn number(text: &str, start: usize) -> Option<(usize, String)> {
    if !begins(text, start) {
        return None;
    }
    let (groups, ends) = groups(text, start);
    let single = groups.first().copied().filter(|length| (13..=19).contains(length)).map(|_| 1);
    let layouts = LAYOUTS.iter().filter(|layout| groups.starts_with(layout)).map(|layout| layout.len());
    single.into_iter().chain(layouts).find_map(|count| {
        let end = *ends.get(count - 1)?;
        let digits: String = slice(text, start, end).chars().filter(char::is_ascii_digit).collect();
        (ends_there(text, end)
            && is_issued(&digits)
            && luhn(&digits)
            && (count > 1 || !is_named_otherwise(text, start)))
        .then_some((end, digits))
    })
}

/// Lengths and ends of the digit groups from `start`, split by one space, hyphen or dot, the same throughout.
fn groups(text: &str, start: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut groups, mut ends) = (Vec::new(), Vec::new());
    let mut at = start;
    let mut separator = None;
    while groups.len() < 5 {
        let length = text.bytes().skip(at).take(20).take_while(u8::is_ascii_digit).count();
        if length == 0 {
            break;
        }
        at += length;
        groups.push(length);
        ends.push(at);
        match after(text, at) {
            Some(char @ (' ' | '-' | '.' | '\u{a0}')) if separator.is_none_or(|one| one == char) => {
                separator = Some(char);
                at += char.len_utf8();
            }
            _ => break,
        }
    }
    (groups, ends)
}

/// Not inside a word, a decimal number or a longer number.
fn begins(text: &str, start: usize) -> bool {
    let Some(char) = before(text, start) else { return true };
    let further = || before(text, start - char.len_utf8());
    match char {
        '.' => !further().is_some_and(|char| char.is_ascii_digit()),
        '-' => !further().is_some_and(|char| char.is_alphanumeric() || char == '_'),
        '_' => false,
        char => !char.is_alphanumeric(),
    }
}

/// Whether what stands right before a number without groups says that it is a number of something else: one in ten has a right check digit.
fn is_named_otherwise(text: &str, start: usize) -> bool {
    const NAMES: &[&str] = &[
        "order",
        "order_id",
        "orderid",
        "order no",
        "order number",
        "order_number",
        "invoice",
        "invoice_id",
        "invoice no",
        "invoice number",
        "invoice_number",
        "tracking",
        "tracking_id",
        "tracking no",
        "tracking number",
        "tracking_number",
        "sku",
        "ean",
        "isbn",
        "gtin",
        "upc",
        "tid",
        "pid",
        "query_id",
        "queryid",
        "serial",
        "offset",
        "lsn",
        "xid",
        "zxid",
        "seq",
        "sequence",
        "inode",
        "block",
        "blk",
        "epoch",
        "timestamp",
        "nanos",
        "micros",
        "millis",
        "bytes",
        "address",
        "addr",
        "pointer",
        "snowflake",
        "seed",
        "nonce",
    ];
    let head = slice(text, run_start(text, start, 24, |char| char != '\n'), start).to_ascii_lowercase();
    let head = head.trim_end_matches([' ', ':', '=', '"', '\'', '#', '_', '-', '>', '\\', '(', '[', '{']);
    NAMES.iter().any(|name| {
        head.strip_suffix(name).is_some_and(|rest| !rest.ends_with(|char: char| char.is_ascii_alphanumeric()))
    })
}

fn ends_there(text: &str, end: usize) -> bool {
    let Some(char) = after(text, end) else { return true };
    let further = after(text, end + char.len_utf8()).is_some_and(|char| char.is_alphanumeric());
    match char {
        '.' => !after(text, end + 1).is_some_and(|char| char.is_ascii_digit()),
        '-' => !further,
        '_' => false,
        char => !char.is_alphanumeric(),
    }
}

/// Whether an issuer gives out numbers of this prefix and length. Ranges: ISO/IEC 7812 register as published by the networks
/// (Visa, Mastercard, American Express, Discover, Diners Club, JCB, UATP, UnionPay, Maestro, Mir, RuPay, Elo, Verve, Troy).
fn is_issued(digits: &str) -> bool {
    let prefix = |length: usize| digits.get(..length).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    let length = digits.len();
    let (two, three, four, six) = (prefix(2), prefix(3), prefix(4), prefix(6));
    match digits.as_bytes().first() {
        Some(b'1') => length == 15,
        Some(b'4') => matches!(length, 13 | 16 | 19),
        Some(b'2') => length == 16 && ((2221..=2720).contains(&four) || (2200..=2204).contains(&four)),
        Some(b'3') if matches!(two, 34 | 37) => length == 15,
        Some(b'3') if (300..=305).contains(&three) || matches!(two, 36 | 38 | 39) => matches!(length, 14 | 16),
        Some(b'3') => (3528..=3589).contains(&four) && (16..=19).contains(&length),
        Some(b'5') if (51..=55).contains(&two) || matches!(six, 504_175 | 509_000..=509_999) => length == 16,
        Some(b'5') => {
            matches!(four, 5018 | 5020 | 5038 | 5893 | 5019 | 5067 | 5066 | 5610) && (13..=19).contains(&length)
                || (506_099..=506_198).contains(&six) && matches!(length, 16 | 18 | 19)
        }
        Some(b'6') if matches!(six, 627_780 | 636_297 | 636_368) => length == 16,
        Some(b'6') => {
            (four == 6011 || (644..=649).contains(&three) || matches!(two, 60 | 62 | 65)) && (16..=19).contains(&length)
                || matches!(four, 6304 | 6759 | 6761 | 6762 | 6763 | 6390) && (13..=19).contains(&length)
        }
        Some(b'9') => four == 9792 && length == 16,
        Some(b'8') => two == 81 && (16..=19).contains(&length),
        _ => false,
    }
}

/// Whether the last digit is right (ISO/IEC 7812-1, annex B), and not all digits are the same.
pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10) && digits.bytes().any(|digit| Some(digit) != digits.bytes().next())
}
