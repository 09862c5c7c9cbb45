//! The forms in which a stack may arrive: as it is, behind a logger's prefix on each line, or as a string of JSON.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::line::pattern;

/// What terminals are told of colours.
static COLOUR: LazyLock<Regex> = LazyLock::new(|| pattern("\u{1b}\\[[0-9;]*[A-Za-z]"));

/// Prefixes of loggers and of what collects their lines, each whole.
static PREFIXES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // The Container Runtime Interface: time, stream, `F`ull or `P`artial.
        r"^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] ",
        // docker compose, foreman; kubectl logs --prefix.
        r"^[\w.-]+ +\| ?",
        r"^\[pod/[^\]\s]+\] ",
        // Android's logcat: threadtime, brief and tag forms.
        r"^\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ +\d+ [VDIWEF] [^:]+: ?",
        r"^[VDIWEF]/[^(:]+(?:\( *\d+\))?: ?",
        // syslog, journald.
        r"^(?:<\d+>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^\s:\[]+(?:\[\d+\])?: ",
        r"^(?:<\d+>1? ?)?\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) \S+ [^\s:\[]+(?:\[\d+\])?: ",
        // A time, and perhaps a level.
        r"^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?\]?:?(?: \[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL|trace|debug|info|warn|error|fatal)\]?:?)? ?",
        r"^\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\]?:? ",
    ]
    .into_iter()
    .map(pattern)
    .collect()
});

/// Deeper values of JSON are not looked into.
const MAX_DEPTH: usize = 8;

/// The forms of a text to try, the likeliest first.
pub(super) fn forms(text: &str) -> Vec<Cow<'_, str>> {
    let plain = COLOUR.replace_all(text, "");
    let mut forms = Vec::new();
    if plain.trim_start().starts_with(['{', '[', '"'])
        && let Ok(value) = serde_json::from_str::<Value>(&plain)
    {
        strings(&value, MAX_DEPTH, &mut forms);
    }
    forms.extend(without_prefix(&plain).map(Cow::Owned));
    let escaped = plain.contains("\\n").then(|| Cow::Owned(unescaped(&plain)));
    // As it is, a text of one line would be read as a line with all of the stack in it. Of a text with several, `\n` is
    // rather part of a path.
    let one_line = plain.trim_end().lines().count() < 2;
    let (first, last) = if one_line { (escaped, Some(plain)) } else { (Some(plain), escaped) };
    forms.extend(first);
    forms.extend(last);
    forms
}

/// The strings of a value that have more than one line, in their order.
fn strings(value: &Value, depth: usize, into: &mut Vec<Cow<'_, str>>) {
    match value {
        Value::String(text) if text.contains('\n') => into.push(Cow::Owned(text.clone())),
        Value::Array(items) if depth > 0 => items.iter().for_each(|item| strings(item, depth - 1, into)),
        Value::Object(fields) if depth > 0 => fields.values().for_each(|field| strings(field, depth - 1, into)),
        _ => {}
    }
}

/// The text without what most of its lines begin with, where that is a logger's prefix.
fn without_prefix(text: &str) -> Option<String> {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let total = lines().count();
    let prefix = PREFIXES.iter().find(|prefix| {
        let prefixed = lines().filter(|line| prefix.is_match(line)).count();
        prefixed > 1 && prefixed * 5 >= total * 3
    })?;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        out.push_str(&prefix.replace(line, ""));
    }
    Some(out)
}

/// The text with the escapes of JSON for ends of lines, tabs, quotes and backslashes undone.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => {}
            Some(c @ ('"' | '\\' | '/' | '\'')) => out.push(c),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}
