//! Where the value behind a name begins and ends, in each notation.

use regex::Regex;

use super::likely::{is_place, is_value, most_words};
use super::{MAX_NAME, Mark, Name, Sign};
use crate::redact::detect::WITHHELD;
use crate::redact::detectors::text::{after, before, line_before, run_end, slice};
use crate::redact::keys::KeyClass;
use crate::redact::literals::{self, bracket_end, quoted};
use crate::redact::token::{self, Class};

/// Longest value without quotes.
const MAX_BARE: usize = 256;

/// Longest value in quotes behind a bare name.
const MAX_QUOTED: usize = 4096;

/// How far back an open brace counts.
const LOOK_BACK: usize = 512;

/// A value, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it may be written as in a form.
    pub(super) is_form: bool,
}

#[derive(Debug)]
pub(super) struct Values {
    /// What a value may stand in: its type and length in PHP, an option.
    wrapped: Regex,
}

impl Values {
    pub(super) fn new() -> Result<Self, String> {
        let wrapped = r"^(?:(?:string|int|float)\s?\(\d{1,20}\)\s?|(?:Some|Just|Ok|String|Optional)[(\[])";
        Ok(Self { wrapped: Regex::new(wrapped).map_err(|error| error.to_string())? })
    }

    /// Where a value begins that is to stand at `at`, behind what it stands in.
    fn unwrapped(&self, text: &str, at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        if !rest.starts_with(['s', 'i', 'f', 'S', 'J', 'O']) {
            return at;
        }
        at + self.wrapped.find(rest.get(..64).unwrap_or(rest)).map_or(0, |found| found.end())
    }

    /// What stands behind a name and its sign, and how far it was read, if farther than its last value.
    pub(super) fn behind(
        &self,
        text: &str,
        name: &Name,
        sign: Sign,
        class: KeyClass,
        push: &mut impl FnMut(Value),
    ) -> Option<usize> {
        let rest = text.get(sign.end..).unwrap_or_default();
        let start = self.unwrapped(text, sign.end);
        let is_plain = |start, end| Value { start, end, is_form: false };
        if let Some((inner, end)) = quoted_value(text, start, name) {
            let is_pair = sign.mark != Mark::Comma || matches!(after(text, end), Some(']' | ')'));
            let is_code = name.quote.is_none() && is_place(slice(text, name.start, name.end), inner.of(text));
            if is_pair && !is_code {
                push(is_plain(inner.start, inner.end));
            }
            return None;
        }
        if sign.mark == Mark::Comma {
            return None;
        }
        if let Mark::Apart { is_line } = sign.mark {
            if rest.starts_with(WITHHELD) {
                return None;
            }
            let end = run_end(text, start, MAX_BARE * 4, |char| {
                !matches!(char, '\r' | '\n') && (is_line || !matches!(char, ' ' | '\t' | ',' | '}' | ']' | ')' | '"'))
            });
            push(is_plain(start, end));
            return None;
        }
        if sign.mark == Mark::Element {
            let end = run_end(text, start, MAX_BARE * 4, |char| char != '<');
            if slice(text, end, end + 2) == "</" {
                let trimmed = slice(text, start, end).trim();
                let from = start + slice(text, start, end).find(trimmed).unwrap_or_default();
                push(is_plain(from, from + trimmed.len()));
            }
            return None;
        }
        if name.quote.is_some() {
            return Self::behind_quoted(text, start, class, push);
        }
        bare(text, name, Sign { end: start, ..sign }, class, push);
        None
    }

    /// Behind a name in quotes: a number, a list of texts, an object that goes as a whole. Where the latter ends: nothing in it is looked at
    /// twice.
    fn behind_quoted(text: &str, start: usize, class: KeyClass, push: &mut impl FnMut(Value)) -> Option<usize> {
        let is_number = |char: char| char.is_ascii_digit() || matches!(char, '-' | '+' | '.' | 'e' | 'E');
        let rest = text.get(start..).unwrap_or_default();
        match rest.chars().next() {
            // What is secret, `pairs` takes whole; what is of a user, has names of its own.
            Some('{') if class == KeyClass::Personal(Class::User) => {}
            Some('[')
                if class == KeyClass::Personal(Class::User)
                    && rest.get(1..).is_some_and(|list| list.trim_start().starts_with('{')) => {}
            Some('{' | '[') if class == KeyClass::Blocked || rest.starts_with(WITHHELD) => {}
            Some('{' | '[') => {
                let end = bracket_end(text, start, text.len());
                for literal in literals::values(text, start, end, literals::BareWords::Stay) {
                    push(Value { start: literal.start, end: literal.end, is_form: false });
                }
                return Some(end);
            }
            Some('0'..='9' | '-' | '+' | '.') => {
                let end = run_end(text, start, MAX_BARE, is_number);
                push(Value { start, end, is_form: false });
            }
            _ => {}
        }
        None
    }
}

/// Behind a bare name: what looks like such a value, to its end.
fn bare(text: &str, name: &Name, sign: Sign, class: KeyClass, push: &mut impl FnMut(Value)) {
    let start = sign.end;
    if let Some(end) = form_end(text, name, sign) {
        if !literals::is_constant(slice(text, start, end)) && end > start {
            push(Value { start, end, is_form: true });
        }
        return;
    }
    if is_ours(text, start, class) {
        return;
    }
    let head = line_before(text, name.start, LOOK_BACK);
    let begins_line = head.chars().all(|char| matches!(char, ' ' | '\t' | '-' | '>' | '|' | '*' | '+'));
    let in_braces =
        || memchr::memrchr2(b'{', b'}', head.as_bytes()).is_some_and(|at| head.as_bytes().get(at) == Some(&b'{'));
    let given = slice(text, name.start, name.end);
    let is_compound = || given.contains(['_', '-', ' ']) || given.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    let is_given = match sign.mark {
        // `self.first_name = first_name` is code.
        Mark::Equals { is_spaced } => !is_spaced,
        Mark::Colon { is_spaced: true } => begins_line || is_compound() || in_braces(),
        Mark::Colon { is_spaced: false } => in_braces(),
        _ => true,
    };
    if !is_given {
        return;
    }
    let is_line = begins_line && matches!(sign.mark, Mark::Colon { is_spaced: true });
    let (line, whole) = if is_line {
        let line = slice(text, start, hard_end(text, start, usize::MAX));
        (line, line.split(" #").next())
    } else {
        // More words than a value has tell as much as all of them.
        let most = most_words(class);
        let line = slice(text, start, hard_end(text, start, most));
        (line, whole_value(line, most))
    };
    let word = first_word(line).trim_end_matches(['.', ',', ';', ':', '!', '?']);
    let whole = whole.map(|whole| whole.trim_end_matches(['.', ',', ';', ' ', '\t', '\r']));
    let value = whole.into_iter().chain([word]).find(|value| is_value(class, given, value));
    if let Some(value) = value {
        push(Value { start, end: start + value.len(), is_form: false });
    }
}

/// Whether a token of ours is all that a value of this class, which begins at `start`, could be.
fn is_ours(text: &str, start: usize, class: KeyClass) -> bool {
    let behind = || {
        let length = text.get(start..).and_then(token::shape)?;
        Some(after(text, start + length))
    };
    most_words(class) == 1 && behind().is_some_and(|behind| matches!(behind, None | Some(' ')))
}

/// Where the value of a form's field ends, if the name is that of one.
fn form_end(text: &str, name: &Name, sign: Sign) -> Option<usize> {
    let start = sign.end;
    if !matches!(sign.mark, Mark::Equals { is_spaced: false }) {
        return None;
    }
    let is_form = matches!(before(text, name.start), Some('&' | '?'));
    let within = text.as_bytes().get(start..).unwrap_or_default();
    let within = within.get(..=MAX_BARE).unwrap_or(within);
    if memchr::memchr(b'&', within).is_none() {
        return is_form.then(|| start + first_word(slice(text, start, hard_end(text, start, usize::MAX))).len());
    }
    let stop = hard_end(text, start, usize::MAX);
    let goes_on = after(text, stop) == Some('&');
    let line = slice(text, start, stop);
    (is_form || goes_on).then(|| start + if goes_on { line.len() } else { first_word(line).len() })
}

/// The text in quotes at `start`, whatever letters of a literal stand before it, and where it ends.
fn quoted_value(text: &str, start: usize, name: &Name) -> Option<(literals::Literal, usize)> {
    let prefix = usize::from(matches!(after(text, start), Some('b' | 'u' | 'r' | 'N' | '@' | '&')));
    // A bare name's text is short.
    let limit = if name.quote.is_some() { text.len() } else { text.floor_char_boundary(start + MAX_QUOTED) };
    let found = [start, start + prefix].into_iter().find_map(|at| quoted(text, at, limit))?;
    // A bare name's text is on its line; what has no end there is a lone apostrophe.
    let inner = found.inner.of(text);
    (name.quote.is_some() || found.is_closed && !inner.contains('\n')).then_some((found.inner, found.end))
}

/// What a byte is to [`hard_end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Other,
    Blank,
    End,
    Apostrophe,
    Open,
    Close,
}

static BYTES: [Byte; 256] = {
    let mut table = [Byte::Other; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'\n' | b'\r' | b'"' | b'`' | b'&' | b'<' | b'>' | b'|' | b';' | b'\\' | b'\t' => Byte::End,
            b'\'' => Byte::Apostrophe,
            b'(' | b'[' | b'{' => Byte::Open,
            b')' | b']' | b'}' => Byte::Close,
            b' ' => Byte::Blank,
            _ => Byte::Other,
        };
        byte += 1;
    }
    table
};

/// Where a value without quotes ends at the latest: a line, a quote, what separates fields of a form, a bracket that was open before; or so
/// far behind more than `most` words that it shows what name comes next.
fn hard_end(text: &str, start: usize, most: usize) -> usize {
    let mut limit = text.floor_char_boundary(start + MAX_BARE);
    let (mut depth, mut words, mut is_word) = (0_usize, 0_usize, false);
    let mut at = start;
    while at < limit {
        let Some(byte) = text.as_bytes().get(at) else { break };
        let kind = BYTES[usize::from(*byte)];
        match kind {
            Byte::Other => {}
            Byte::Blank => {
                words += usize::from(is_word);
                if is_word && words == most.saturating_add(1) {
                    limit = limit.min(text.floor_char_boundary(at - 1 + MAX_NAME));
                }
            }
            Byte::End => return at,
            // `O'Brien`
            Byte::Apostrophe
                if !(before(text, at).is_some_and(char::is_alphabetic)
                    && after(text, at + 1).is_some_and(char::is_alphabetic)) =>
            {
                return at;
            }
            Byte::Apostrophe => {}
            Byte::Open => depth += 1,
            Byte::Close if depth == 0 => return at,
            Byte::Close => depth -= 1,
        }
        is_word = kind != Byte::Blank;
        at += 1;
    }
    limit
}

/// What may be the whole of a value: up to the name and sign of the next one. `None` if it has more words than a value.
fn whole_value(line: &str, most: usize) -> Option<&str> {
    let is_end = |blank: &usize| {
        blank.checked_sub(1).and_then(|last| line.as_bytes().get(last)).is_some_and(|last| *last != b' ')
    };
    let mut ends = memchr::memchr_iter(b' ', line.as_bytes()).filter(is_end);
    let limit = ends.nth(most).map_or(line.len(), |blank| blank - 1);
    // What only says that a sentence goes on is no word.
    let says_more = || {
        let last = line.get(..=limit).and_then(|head| head.rsplit(' ').next());
        last.is_some_and(|last| !last.trim_end_matches(['.', ',', ';', '\r']).is_empty())
    };
    match next_name(line) {
        Some(next) if next <= limit => line.get(..next),
        _ if limit < line.len() && says_more() => None,
        Some(next) => line.get(..next),
        None => Some(line),
    }
}

/// Where the name and sign of the next value begin, with what separates them from the last: `, "name": `.
fn next_name(line: &str) -> Option<usize> {
    const LONGEST: usize = 64;
    let bytes = line.as_bytes();
    let is_at = |at: usize, accept: fn(u8) -> bool| bytes.get(at).is_some_and(|byte| accept(*byte));
    let is_space = |byte: u8| byte.is_ascii_whitespace() || byte == b'\x0b';
    // Nearly always a space is all the white space there is on a line.
    let is_odd =
        memchr::memchr3(b'\x0b', b'\x0c', b'\t', bytes).is_some() || memchr::memchr2(b'\n', b'\r', bytes).is_some();
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let start = from
            + if is_odd {
                rest.iter().position(|byte| matches!(byte, b',' | b';') || is_space(*byte))?
            } else {
                memchr::memchr3(b',', b';', b' ', rest)?
            };
        let behind = |mut at: usize| {
            while is_at(at, is_space) {
                at += 1;
            }
            at
        };
        let opened = behind(start + 1);
        let name = opened + usize::from(is_at(opened, |byte| matches!(byte, b'"' | b'\'' | b'@' | b':')));
        if is_at(name, |byte| byte.is_ascii_alphabetic() || byte == b'_') {
            let mut end = name;
            while is_at(end, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
                end += 1;
            }
            let mut sign = end + usize::from(is_at(end, |byte| matches!(byte, b'"' | b'\'')));
            sign += usize::from(is_at(sign, is_space));
            if end - name <= LONGEST && is_at(sign, |byte| matches!(byte, b'=' | b':')) {
                return Some(start);
            }
        }
        // What begins behind the spaces was seen to be no name.
        from = opened;
    }
}

/// Up to white space or a comma before it.
fn first_word(line: &str) -> &str {
    // Most words are of ASCII, where a space is a byte.
    let may_end = |byte: u8| !byte.is_ascii() || byte.is_ascii_whitespace() || byte == b'\x0b';
    let end = match line.bytes().position(may_end) {
        Some(at) if line.as_bytes().get(at).is_some_and(u8::is_ascii) => at,
        Some(_) => line.find(char::is_whitespace).unwrap_or(line.len()),
        None => line.len(),
    };
    let word = line.get(..end).unwrap_or_default();
    word.find(',').and_then(|comma| word.get(..comma)).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_name_is_where_its_regex_finds_it(line in "([,; \t\x0b]{0,3}[\"'@:]?[A-Za-z_.0-9-]{0,4}[\"']?[ \t]?[=:é]?|x{60,66}){0,6}") {
            let regex = Regex::new(r#"(?-u)[,;\s]\s*["'@:]?[A-Za-z_][\w.-]{0,63}["']?\s?(?:=|:)"#).unwrap();
            prop_assert_eq!(next_name(&line), regex.find(&line).map(|found| found.start()));
        }

        #[test]
        fn more_words_than_a_value_has_tell_as_much_as_all_of_them(
            line in "([ ]{1,3}([A-Za-z.,]{1,9}|[a-z]{1,3}[=:]|é|[.,]|'|[(){}]|&)){0,40}", most in 1..6_usize,
        ) {
            let trimmed = |whole: &str| whole.trim_end_matches(['.', ',', ';', ' ', '\t', '\r']).to_owned();
            let words = |whole: &str| whole.split(' ').filter(|word| !word.is_empty()).count();
            let all = line.get(..hard_end(&line, 0, usize::MAX)).unwrap();
            let expected = trimmed(all.get(..next_name(all).unwrap_or(all.len())).unwrap());
            let some = line.get(..hard_end(&line, 0, most)).unwrap();
            match whole_value(some, most).map(trimmed).filter(|whole| words(whole) <= most) {
                Some(whole) => prop_assert_eq!(whole, expected),
                None => prop_assert!(words(&expected) > most, "{expected}"),
            }
        }
    }
}
