//! Where the value behind a name begins and ends, in each notation.

use regex::Regex;

use super::likely::{is_place, is_value, most_words};
use super::{MAX_NAME, Mark, Name, Sign};
use crate::redact::detect::WITHHELD;
use crate::redact::detectors::text::{after, before, line_before, run_end, slice};
use crate::redact::keys::KeyClass;
use crate::redact::literals::{self, bracket_end, quoted};
use crate::redact::token::Class;

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
    /// The name and sign of the next value.
    next: Regex,
    /// What a value may stand in: its type and length in PHP, an option.
    wrapped: Regex,
}

impl Values {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            next: compile(r#"(?-u)[,;\s]\s*["'@:]?[A-Za-z_][\w.-]{0,63}["']?\s?(?:=|:)"#)?,
            wrapped: compile(r"^(?:(?:string|int|float)\s?\(\d{1,20}\)\s?|(?:Some|Just|Ok|String|Optional)[(\[])")?,
        })
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
        let start = sign.end + self.wrapped.find(rest.get(..64).unwrap_or(rest)).map_or(0, |found| found.end());
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
        self.bare(text, name, Sign { end: start, ..sign }, class, push);
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

    /// Behind a bare name: what looks like such a value, to its end.
    fn bare(&self, text: &str, name: &Name, sign: Sign, class: KeyClass, push: &mut impl FnMut(Value)) {
        let start = sign.end;
        let head = line_before(text, name.start, LOOK_BACK);
        let is_form = matches!(before(text, name.start), Some('&' | '?'));
        let stop = hard_end(text, start);
        let line = slice(text, start, stop);
        let is_in_form =
            (is_form || after(text, stop) == Some('&')) && matches!(sign.mark, Mark::Equals { is_spaced: false });
        if is_in_form {
            let end = start + if after(text, stop) == Some('&') { line.len() } else { first_word(line).len() };
            if !literals::is_constant(slice(text, start, end)) && end > start {
                push(Value { start, end, is_form: true });
            }
            return;
        }
        let begins_line = head.chars().all(|char| matches!(char, ' ' | '\t' | '-' | '>' | '|' | '*' | '+'));
        let in_braces =
            memchr::memrchr2(b'{', b'}', head.as_bytes()).is_some_and(|at| head.as_bytes().get(at) == Some(&b'{'));
        let is_compound = slice(text, name.start, name.end).contains(['_', '-', ' '])
            || slice(text, name.start, name.end).bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
        let is_given = match sign.mark {
            // `self.first_name = first_name` is code.
            Mark::Equals { is_spaced } => !is_spaced,
            Mark::Colon { is_spaced: true } => begins_line || in_braces || is_compound,
            Mark::Colon { is_spaced: false } => in_braces,
            _ => true,
        };
        if !is_given {
            return;
        }
        let is_line = begins_line && matches!(sign.mark, Mark::Colon { is_spaced: true });
        let whole = if is_line {
            line.split(" #").next().unwrap_or_default()
        } else {
            let line = words_of(line, most_words(class));
            slice(line, 0, self.next.find(line).map_or(line.len(), |next| next.start()))
        };
        let word = first_word(line).trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let given = slice(text, name.start, name.end);
        for value in [whole.trim_end_matches(['.', ',', ';', ' ', '\t', '\r']), word] {
            if is_value(class, given, value) {
                push(Value { start, end: start + value.len(), is_form: false });
                return;
            }
        }
    }
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

/// Where a value without quotes ends at the latest: a line, a quote, what separates fields of a form, a bracket that was open before.
fn hard_end(text: &str, start: usize) -> usize {
    let line = slice(text, start, text.floor_char_boundary(start + MAX_BARE));
    let mut depth = 0_usize;
    for (at, byte) in (start..).zip(line.bytes()) {
        match byte {
            b'\n' | b'\r' | b'\t' | b'"' | b'`' | b'&' | b'<' | b'>' | b'|' | b';' | b'\\' => return at,
            // `O'Brien`
            b'\''
                if !(before(text, at).is_some_and(char::is_alphabetic)
                    && after(text, at + 1).is_some_and(char::is_alphabetic)) =>
            {
                return at;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return at,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    start + line.len()
}

/// As much of a line as tells that it has more words than a value, and what the name behind a value of so many is.
fn words_of(line: &str, most: usize) -> &str {
    let mut words = 0;
    for (at, bytes) in line.as_bytes().windows(2).enumerate() {
        words += usize::from(!is_blank(bytes[0]) && is_blank(bytes[1]));
        if words > most {
            return slice(line, 0, line.floor_char_boundary(at + MAX_NAME));
        }
    }
    line
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Up to white space or a comma before it.
fn first_word(line: &str) -> &str {
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let word = line.get(..end).unwrap_or_default();
    word.find(',').and_then(|comma| word.get(..comma)).unwrap_or(word)
}
