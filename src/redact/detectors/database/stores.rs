//! Statements of stores that speak no SQL, inside messages: shells of document stores, queries of search engines, GraphQL, commands of
//! stores of keys and values.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::Sink;
use crate::redact::detect::WITHHELD;
use crate::redact::detectors::text::{after, before, run_end, run_start, slice};
use crate::redact::literals::{self, BareWords, bracket_end};

/// How far before a part of a query its document may begin.
const LOOK_BACK: usize = 2048;

/// How long the list of a document's variables is at most.
const VARIABLES_WITHIN: usize = 1024;

/// How far behind a store's name its commands are looked for.
const COMMANDS_WITHIN: usize = 512;

/// `{email: "x"}` behind `.find(` that ends at `at`.
pub(super) fn shell(text: &str, at: usize, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let argument = run_end(text, at, 8, char::is_whitespace);
    // `.distinct("email", {…})`
    let is_document = matches!(after(text, argument), Some('{' | '['))
        || matches!(after(text, argument), Some('"' | '\''))
            && slice(text, at - 10, at).eq_ignore_ascii_case(".distinct(");
    if !is_document {
        return None;
    }
    let end = bracket_end(text, at - 1, text.len());
    sink.literals(&literals::values(text, argument, end, BareWords::Stay));
    Some(end)
}

/// Words of a query language that no other document has.
#[rustfmt::skip]
const HINTS: &[&str] = &[
    "\"match", "\"term", "\"bool\"", "\"range\"", "\"must", "\"should\"", "\"wildcard\"", "\"prefix\"", "\"ids\"", "\"query_string\"",
    "\"multi_match\"", "\"$", "\"find\"", "\"aggregate\"", "\"update\"", "\"delete\"", "find:", "update:", "aggregate:", "delete:",
    "$eq", "$in", "$set", "\"_index\"",
];

/// Finds [`HINTS`].
pub(super) fn finder_of_hints() -> Result<AhoCorasick, String> {
    AhoCorasick::new(HINTS).map_err(|error| error.to_string())
}

/// Where [`HINTS`] stand in a text: it is looked through once, however many parts of queries it has.
#[derive(Debug)]
pub(super) struct Hints<'d> {
    finder: &'d AhoCorasick,
    found: Option<Vec<Range<usize>>>,
}

impl<'d> Hints<'d> {
    pub(super) fn new(finder: &'d AhoCorasick) -> Self {
        Self { finder, found: None }
    }

    /// Whether one stands all within `start..end`.
    fn any_within(&mut self, text: &str, start: usize, end: usize) -> bool {
        let found = self.found.get_or_insert_with(|| self.finder.find_iter(text).map(|hint| hint.range()).collect());
        let first = found.partition_point(|hint| hint.start < start);
        found.get(first).is_some_and(|hint| hint.end <= end)
    }
}

/// The document around a part of a query at `at`: names stay, the values of its leaves go.
pub(super) fn search(text: &str, at: usize, hints: &mut Hints<'_>, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let head = slice(text, text.floor_char_boundary(at.saturating_sub(LOOK_BACK)), at);
    let line = memchr::memrchr2(b'\n', b'\r', head.as_bytes()).map_or(0, |end| end + 1);
    let head = head.get(line..)?;
    let open = at - head.len()
        + head.find('{').or_else(|| slice(text, at, at + 10).find('{').map(|offset| head.len() + offset))?;
    let document = slice(text, open, text.floor_char_boundary(open + LOOK_BACK));
    if !hints.any_within(text, open, open + document.len()) {
        return None;
    }
    let end = bracket_end(text, open, text.len());
    if end <= at {
        return None;
    }
    let literals = literals::values(text, open, end, BareWords::Stay);
    literals
        .iter()
        .filter(|literal| !is_collection(text, literal.start))
        .for_each(|literal| sink.value(literal.start, literal.end));
    // A bulk request has the document on the next line.
    let next = run_end(text, end, 2, |char| matches!(char, '\n' | '\r'));
    if next > end && document.contains("\"_index\"") && after(text, next) == Some('{') {
        let next_end = bracket_end(text, next, text.len());
        sink.literals(&literals::values(text, next, next_end, BareWords::Stay));
        return Some(next_end);
    }
    Some(end)
}

/// Whether what begins at `start` is the name of an index or collection.
fn is_collection(text: &str, start: usize) -> bool {
    const NAMES: [&str; 9] =
        ["_index", "_type", "$db", "find", "aggregate", "insert", "update", "delete", "collection"];
    let head = slice(text, run_start(text, start, 32, |char| !matches!(char, '{' | ',')), start);
    let is_quote = |char: char| matches!(char, '"' | '\'' | '\\' | ' ');
    let name = head.trim_end_matches(is_quote).strip_suffix(':').map(|name| name.trim_matches(is_quote));
    name.is_some_and(|name| NAMES.contains(&name))
}

/// The literals of the GraphQL document that begins at `start`.
pub(super) fn graphql(text: &str, start: usize, end: usize, sink: &mut Sink<'_, '_>) -> Option<usize> {
    if before(text, start).is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-')) {
        return None;
    }
    // `mutation CreateUser($name: String = "x") {`
    let head = run_end(text, end, 128, |char| char.is_alphanumeric() || matches!(char, '_' | ' '));
    if slice(text, end, head).split_whitespace().count() > 1 {
        return None;
    }
    let open = if slice(text, start, end).ends_with(['{', '(']) { end - 1 } else { head };
    let body = match after(text, open)? {
        '(' => {
            let close = bracket_end(text, open, text.len().min(open + VARIABLES_WITHIN));
            run_end(text, close, 8, char::is_whitespace)
        }
        '{' => open,
        _ => return None,
    };
    if after(text, body) != Some('{') {
        return None;
    }
    let end = bracket_end(text, body, text.len());
    sink.literals(&literals::values(text, open, end, BareWords::Stay));
    Some(end)
}

/// Commands that hold values (<https://redis.io/docs/latest/commands/>, <https://docs.memcached.org/protocols/basic/>).
#[rustfmt::skip]
const COMMANDS: &[&str] = &[
    "APPEND", "AUTH", "EXISTS", "DEL", "GET", "GETDEL", "GETEX", "GETSET", "HDEL", "HGET", "HGETALL", "HMGET", "HMSET", "HSET", "HSETNX", "INCRBY",
    "LPUSH", "LREM", "LSET", "MGET", "MSET", "MSETNX", "PFADD", "PSETEX", "PUBLISH", "RPUSH", "SADD", "SET", "SETEX", "SETNX", "SISMEMBER",
    "SREM", "XADD", "ZADD", "ZREM", "ZSCORE",
];

/// The arguments of a command behind the name of its store, up to `limit`.
pub(super) fn command(text: &str, at: usize, limit: usize, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let within = COMMANDS_WITHIN.min(limit.saturating_sub(at));
    let line_end = run_end(text, at, within, |char| !matches!(char, '\n' | '\r'));
    let line = slice(text, at, line_end);
    let mut offset = 0;
    for word in line.split_inclusive(|char: char| !char.is_ascii_alphanumeric()) {
        let name = word.trim_end_matches(|char: char| !char.is_ascii_alphanumeric());
        let start = at + offset;
        offset += word.len();
        let is_in_quotes = matches!(before(text, start), Some('"' | '\'' | '`'));
        let is_command =
            COMMANDS.contains(&name) || is_in_quotes && COMMANDS.contains(&name.to_ascii_uppercase().as_str());
        if is_command && let Some(end) = arguments(text, start + name.len(), is_in_quotes, sink) {
            return Some(end);
        }
    }
    None
}

/// `"user:1" "x"`, `user:1 x`: up to the end of the line, or of the quotes that the command is in.
fn arguments(text: &str, at: usize, is_in_quotes: bool, sink: &mut Sink<'_, '_>) -> Option<usize> {
    let is_monitor = is_in_quotes && matches!(after(text, at), Some('"' | '\''));
    let start = at + usize::from(is_monitor);
    // A key is no word of a sentence: `redis GET failed`.
    let near = slice(text, start, text.floor_char_boundary(start + COMMANDS_WITHIN)).lines().next().unwrap_or_default();
    let first = near.split_whitespace().next()?.trim_matches(['"', '\'', ',']);
    let is_key = first.contains([':', '_', '/'])
        || first.bytes().any(|byte| byte.is_ascii_digit())
        || near.trim_start_matches([' ', ',']).starts_with(['"', '\'']);
    if !is_key || !near.starts_with([' ', ',']) {
        return None;
    }
    let bytes = text.as_bytes().get(start..).unwrap_or_default();
    let ends = |(at, byte): (usize, &u8)| match byte {
        b'\n' | b'\r' => true,
        // What stands where a value was has a bracket of its own.
        b']' if bytes.get(..=at).is_some_and(|head| head.ends_with(WITHHELD.as_bytes())) => false,
        b')' | b']' | b'`' => !is_monitor,
        // An error follows its command.
        b':' => !is_monitor && bytes.get(at + 1) == Some(&b' '),
        _ => false,
    };
    let rest = slice(text, start, start + bytes.iter().enumerate().position(ends).unwrap_or(bytes.len()));
    let is_closed = is_in_quotes && !is_monitor;
    let rest = if is_closed { slice(rest, 0, rest.rfind(['"', '\'']).unwrap_or(rest.len())) } else { rest };
    let mut from = start;
    for word in rest.split_inclusive(char::is_whitespace) {
        let value = word.trim().trim_matches(['"', '\'', ',']);
        let offset = word.find(value).unwrap_or_default();
        sink.value(from + offset, from + offset + value.len());
        from += word.len();
    }
    Some(run_start(text, start + rest.len(), 1, char::is_whitespace))
}
