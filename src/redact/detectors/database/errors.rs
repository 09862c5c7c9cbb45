//! Values behind the phrases of errors and of statements' parameters.

use super::phrases::Shape;
use super::{Sink, is_withheld};
use crate::redact::detect::Finding;
use crate::redact::detectors::text::{run_end, slice};
use crate::redact::literals::{self, BareWords, bracket_end};
use crate::redact::sql::{self, is_keyword};
use crate::redact::structured::is_ours;
use crate::redact::token::Class;

/// What PostgreSQL says of a key.
const OF_A_KEY: &[&str] =
    &[") already exists", ") is not present", ") is still referenced", ") conflicts with", ") is duplicated"];

/// Longest list of columns, and of words between a phrase and its value.
const MAX_COLUMNS: usize = 512;

/// How much of a part of a statement is looked at to know it for one.
const MAX_SOURCE: usize = 256;

/// The line that was looked for last: a long one has many phrases, and is looked through once.
#[derive(Debug, Default)]
pub(super) struct Line {
    start: usize,
    end: usize,
}

impl Line {
    /// Where the line of `at` ends.
    fn end(&mut self, text: &str, at: usize) -> usize {
        if !(self.start..=self.end).contains(&at) || self.end == 0 {
            let rest = text.as_bytes().get(at..).unwrap_or_default();
            let end = memchr::memchr2(b'\n', b'\r', rest).map_or(text.len(), |end| at + end);
            *self = Self { start: at, end };
        }
        self.end
    }
}

/// The values behind the phrase that ends at `at`, and where they end.
pub(super) fn at(text: &str, at: usize, shape: Shape, line: &mut Line, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let line_end = line.end(text, at);
    let line = slice(text, at, line_end);
    match shape {
        Shape::Columns => columns(text, at, line, sink),
        Shape::Parenthesis => {
            // One that is cut off ends with its line.
            let end = at + line.rfind(')').unwrap_or(line.len());
            sink.value(at, end);
            Some(end)
        }
        Shape::Quoted(mark, behind) => {
            let end = at + quoted_end(line, mark, behind)?;
            sink.value(at, end);
            Some(end)
        }
        Shape::Entry => entry(text, at, line, sink),
        Shape::Behind(sign, mark) => {
            let start = near(line).find(sign)? + sign.len();
            let value = line.get(start..)?;
            let end = if mark == '\n' { value.len() } else { quoted_end(value, mark, "' to ")? };
            sink.value(at + start, at + start + end);
            Some(at + start + end)
        }
        Shape::Near(mark, behind) => {
            let end = quoted_end(line, mark, behind)?;
            let near = line.get(..end)?;
            let says_nothing = is_keyword(near) || !near.chars().any(char::is_alphanumeric);
            if !says_nothing {
                sink.value(at, at + end);
            }
            Some(at + end)
        }
        Shape::Account(mark) => {
            let end = line.find(mark)?;
            let user = line.get(..end)?;
            if !is_ours(user.trim()) {
                sink.found.push(Finding::token(at, at + end, "user_key", Class::User, user.trim()).by_name());
            }
            Some(at + end)
        }
        Shape::Bracket => bracket(text, at - 1, sink),
        Shape::Braces => bracket(text, at + near(line).find('{')?, sink),
        Shape::Line => {
            sink.literals(&literals::values(text, at, line_end, BareWords::Stay));
            Some(line_end)
        }
        Shape::Bound => {
            let start = near(line).find("- [")? + 3;
            let end = line.rfind(']').filter(|end| *end >= start).unwrap_or(line.len());
            if !is_withheld(text, at + start - 1) {
                sink.value(at + start, at + end);
            }
            Some(at + end)
        }
        Shape::Typed => Some(typed(at, line, sink)),
        Shape::Row => {
            sink.literals(&literals::values(text, at, line_end, BareWords::Go));
            Some(line_end)
        }
        Shape::Source => {
            let head = slice(line, 0, line.floor_char_boundary(MAX_SOURCE));
            let is_sql =
                head.split(|char: char| !char.is_alphanumeric()).any(|word| word.len() > 1 && is_keyword(word))
                    && text.get(line_end..).is_some_and(|rest| rest.trim_start().starts_with('^'));
            let (cuts, end) = if is_sql { sql::embedded(line, None) } else { return None };
            cuts.iter().for_each(|cut| super::statements::cut(text, at, *cut, sink));
            Some(at + end)
        }
        Shape::Statement | Shape::Shell | Shape::Search | Shape::GraphQl | Shape::Command => None,
    }
}

/// As much of a line as stands between a phrase and its value at most.
fn near(line: &str) -> &str {
    slice(line, 0, line.floor_char_boundary(MAX_COLUMNS))
}

/// `email)=(x) already exists.`
fn columns(text: &str, at: usize, line: &str, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let names_end = near(line).find(")=(")?;
    let start = names_end + 3;
    let rest = line.get(start..)?;
    let closes = |end: &usize| OF_A_KEY.iter().any(|said| slice(rest, *end, rest.len()).starts_with(said));
    let end = memchr::memchr_iter(b')', rest.as_bytes()).find(closes).or_else(|| rest.rfind(')'))?;
    let (names, values) = (line.get(..names_end)?, rest.get(..end)?);
    let names: Vec<&str> = names.split(", ").map(|name| name.trim_matches('"')).collect();
    let parts: Vec<&str> = values.split(", ").collect();
    if names.len() == parts.len() {
        let mut from = at + start;
        for (name, part) in names.iter().zip(parts) {
            sink.named(name, from, from + part.len());
            from += part.len() + 2;
        }
    } else if !is_withheld(text, at + start) {
        sink.value(at + start, at + start + end);
    }
    Some(at + start + end)
}

/// `x' for key 'users.email'`
fn entry(text: &str, at: usize, line: &str, sink: &mut Sink<'_, '_>) -> Option<usize> {
    const KEY: &str = "' for key '";
    let Some(end) = line.find(KEY) else {
        let end = quoted_end(line, '\'', "' for key")?;
        sink.value(at, at + end);
        return Some(at + end);
    };
    let key = line.get(end + KEY.len()..)?;
    let key = key.get(..key.find('\'').unwrap_or(key.len()))?;
    let column = key.rsplit('.').next().unwrap_or(key);
    sink.named(column, at, at + end);
    // The key's name is no value.
    Some(run_end(text, at + end + KEY.len(), key.len() + 1, |_| true))
}

/// Where a value in quotes ends: before `behind`, or at the last quote of the line. One that is cut off ends with its line.
fn quoted_end(line: &str, mark: char, behind: &str) -> Option<usize> {
    let named = Some(behind).filter(|behind| !behind.is_empty()).and_then(|behind| line.find(behind));
    named.or_else(|| line.rfind(mark)).or(Some(line.len()))
}

/// The literals between the bracket at `open` and the one that closes it.
fn bracket(text: &str, open: usize, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let open = if text.as_bytes().get(open).is_some_and(|byte| matches!(byte, b'{' | b'[' | b'(')) {
        open
    } else {
        // `[parameters: `: the bracket stands before the word.
        slice(text, 0, open).rfind('[')?
    };
    let end = bracket_end(text, open, text.len());
    let is_listed = slice(text, open, open + 12) != "[parameters:" && !slice(text, open, end).contains(['"', '\'']);
    let bare = if is_listed { BareWords::Go } else { BareWords::Stay };
    sink.literals(&literals::values(text, open, end, bare));
    Some(end)
}

/// `Ann(String), 3(Integer)`: a value ends before its type.
fn typed(at: usize, line: &str, sink: &mut Sink<'_, '_>) -> usize {
    let mut from = 0;
    for part in line.split_inclusive("), ") {
        let value_end = part.rfind('(').unwrap_or(part.len());
        sink.value(at + from, at + from + value_end);
        from += part.len();
    }
    at + line.len()
}
