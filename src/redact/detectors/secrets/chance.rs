//! Whether a text looks as if chance had made it.

use std::sync::LazyLock;

/// RFC 9562 in its usual form.
pub(super) fn is_uuid(value: &str) -> bool {
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
    let is_mixed = || value.len() >= 20 && has_both_cases_scattered(value.as_bytes());
    if !(has_letter && (has_digit || is_mixed())) || is_wordy(value) || begins_with_date(value) {
        return false;
    }
    entropy(value) >= if value.len() < 20 { 2.8 } else { 2.9 }
}

/// Shannon entropy of the bytes, in bits a byte.
pub(crate) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u16; 256];
    for byte in value.bytes() {
        let count = &mut counts[usize::from(byte)];
        *count = count.saturating_add(1);
    }
    // Most bytes stand there once, and add nothing to the sum.
    let logs: &[f64] = &LOGS;
    let mut repeated = 0.0;
    for byte in value.bytes() {
        let count = std::mem::take(&mut counts[usize::from(byte)]);
        if count > 1 {
            repeated += f64::from(count) * log2(logs, u32::from(count));
        }
    }
    let total = u32::try_from(value.len().max(1)).unwrap_or(u32::MAX);
    log2(logs, total) - repeated / f64::from(total)
}

/// Logarithms of the numbers of bytes that texts have: to look one up is cheaper than to make it.
static LOGS: LazyLock<Box<[f64]>> = LazyLock::new(|| (0..=512_u32).map(|number| f64::from(number).log2()).collect());

fn log2(known: &[f64], number: u32) -> f64 {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    known.get(index).copied().unwrap_or_else(|| f64::from(number).log2())
}

/// Words, numbers and words with a number behind them, between signs: `part-00012`, `rdd_2_17`, `workers2.properties`.
fn is_wordy(value: &str) -> bool {
    let (mut words, mut all) = (0_usize, 0_usize);
    for part in value.as_bytes().split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b'+' | b'=' | b'~' | b'!')) {
        all += part.len();
        let digits = part.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let letters = part.get(..part.len() - digits).unwrap_or_default();
        let is_word =
            || digits <= 5 && letters.iter().all(u8::is_ascii_alphabetic) && !has_both_cases_scattered(letters);
        // A number alone, or a word.
        if letters.is_empty() || is_word() {
            words += part.len();
        }
    }
    words * 10 >= all * 7
}

/// Whether capitals and small letters change more often than words in camel case do.
fn has_both_cases_scattered(letters: &[u8]) -> bool {
    let changes = letters.iter().zip(letters.iter().skip(1)).filter(|(a, b)| {
        let are_letters = a.is_ascii_alphabetic() & b.is_ascii_alphabetic();
        are_letters & (a.is_ascii_uppercase() != b.is_ascii_uppercase())
    });
    changes.count() * 5 >= letters.len() * 2
}

fn begins_with_date(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
}

/// How sure it is that chance made a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chance {
    /// It may be words or any number.
    None,
    /// Digits or letters alone, which only an explicit name makes a key.
    Poor,
    /// An identifier of RFC 9562: more often an object's than a key.
    Uuid,
    /// Letters and digits, short.
    Fair,
    /// Letters and digits, so many that it is no id that people or counters make.
    Good,
}

impl Chance {
    /// Shortest text that no counter makes.
    const LONG: usize = 20;

    pub(super) fn of(value: &str) -> Self {
        if is_uuid(value) {
            Self::Uuid
        } else if is_path(value) {
            Self::None
        } else if looks_random(value) {
            let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
            if value.len() >= Self::LONG && has_digit { Self::Good } else { Self::Fair }
        } else if is_poor(value) {
            Self::Poor
        } else {
            Self::None
        }
    }
}

/// Digits alone, or letters alone that are no words: those have a vowel within five letters.
fn is_poor(value: &str) -> bool {
    const CONSONANTS: usize = 5;
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return entropy(value) >= 2.5;
    }
    let is_vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let one_case =
        value.bytes().all(|byte| byte.is_ascii_lowercase()) || value.bytes().all(|byte| byte.is_ascii_uppercase());
    one_case && value.as_bytes().split(is_vowel).any(|run| run.len() >= CONSONANTS) && entropy(value) >= 3.0
}

/// Whether a word stands between the slashes of a text: base64 has slashes too, and no words.
fn is_path(value: &str) -> bool {
    const WORD: usize = 4;
    let is_word = |part: &[u8]| part.len() >= WORD && part.iter().all(u8::is_ascii_lowercase);
    let mut parts = value.as_bytes().split(|byte| matches!(byte, b'/' | b'.' | b'-' | b'_'));
    value.bytes().any(|byte| byte == b'/') && parts.any(is_word)
}
