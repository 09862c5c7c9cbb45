//! Stacks of Rust: panics, backtraces short and full, errors of `anyhow` and `eyre` with theirs.
//!
//! Source: Rust, `library/std/src/panicking.rs` (`default_hook`), `library/std/src/sys/backtrace.rs` (`_print_fmt`) and
//! `backtrace::BacktraceFmt`; anyhow, `fmt.rs`; color-eyre, `color-backtrace`. Functions are named without the hash that
//! the compiler puts behind them.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, non_empty, pattern, place, unterminated};
use crate::model::{Cause, Frame, Place};

static PANICKED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"thread '(.*?)'(?: \([^)]*\))? panicked at (?:'(.*)', (\S+:\d+(?::\d+)?)$|'(.*)$|(.+):$|(.+)$)")
});
/// The end of a message that began on a line before, and the place.
static MESSAGE_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(.*)', (\S+:\d+(?::\d+)?)$"));
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*\d+: +(?:0x[0-9a-f]+ - )?(\S.*)$"));
static INLINED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ {8,}(\S.*)$"));
static HASH: LazyLock<Regex> = LazyLock::new(|| pattern(r"::h[0-9a-f]{16}$|<h?[0-9a-f]{16}>$|\[[0-9a-f]{16}\]"));
static OMITTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:\[\.\.\. omitted (\d+) frames? \.\.\.\]|⋮ +(\d+) frames? hidden.*)\s*$"));
/// What stacks of threads begin with.
const OUTERMOST: [&str; 8] =
    ["<unknown>", "main", "_start", "__libc_start_main", "start_thread", "clone", "clone3", "__clone3"];
static CAUSE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ {2,}(?:\d+: )?(\S.*)$"));

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let heading = lines.iter().position(|line| is_heading(line));
    let end = heading.unwrap_or(lines.len());
    let before = lines.get(..end)?;
    let head = panic(before).or_else(|| heading.and_then(|_| reported(before)));
    let Some(heading) = heading else { return head };
    let mut stack = head.unwrap_or_default();
    backtrace(lines, heading + 1, &mut stack);
    let is_one = stack.kind.is_some() || stack.message.is_some() || !stack.frames.is_empty();
    is_one.then_some(stack)
}

fn is_heading(line: &str) -> bool {
    let line = line.trim();
    matches!(line, "stack backtrace:" | "Stack backtrace:")
        || line.contains(" BACKTRACE ") && line.starts_with(['━', '-', '='])
}

fn backtrace(lines: &[&str], from: usize, stack: &mut Stack) {
    let mut at = from;
    while let Some(line) = lines.get(at) {
        if let Some(found) = OMITTED.captures(line) {
            let count = found.get(1).or(found.get(2)).and_then(|digits| digits.as_str().parse().ok());
            stack.elided += count.unwrap_or(1);
            at += 1;
            continue;
        }
        // Indented as deep as a place is, but not behind `at`: a function that was inlined into the one before.
        let inlined = || INLINED.captures(line).filter(|_| !stack.frames.is_empty() && !line.contains('│'));
        if line.contains('│') {
            // A line of the source.
            at += 1;
            continue;
        }
        let Some(name) = NUMBERED.captures(line).or_else(inlined).and_then(|found| found.get(1)) else {
            if line.trim().is_empty() && stack.frames.is_empty() {
                at += 1;
                continue;
            }
            return;
        };
        // A name that nothing follows may be cut, but for those that stacks begin with.
        let last = unterminated(lines, at);
        stack.partial |= last && !OUTERMOST.contains(&name.as_str());
        at += 1;
        let place = lines.get(at).and_then(|line| line.trim_start().strip_prefix("at "));
        let mut found = named(name.as_str().trim_end(), None);
        if let Some(text) = place {
            found = named(name.as_str().trim_end(), Some(text.trim_end()));
            // Where all places have a column, a last one without is cut.
            let columns = stack.frames.iter().all(|frame| frame.column.is_some() || frame.file.is_none());
            if unterminated(lines, at) && found.column.is_none() && columns {
                (found.file, found.line) = (None, None);
                stack.partial = true;
            }
            at += 1;
        }
        stack.frames.push(found);
    }
}

fn named(name: &str, at: Option<&str>) -> Frame {
    let name = HASH.replace_all(name, "");
    let (file, line, column) = match at.and_then(place) {
        Some((file, line, column)) => (Some(file), Some(line), column),
        None => (at, None, None),
    };
    let mut found = frame(&name, file, line, column);
    found.module = krate(&name);
    found
}

/// The crate of a function: the first part of its path, or of the type's that implements it.
fn krate(name: &str) -> Option<String> {
    let path = name.trim_start_matches(['<', '&', '*', '_']);
    let path = if name.starts_with('_') && !name.starts_with("__rust") {
        path
    } else {
        name.trim_start_matches(['<', '&', '*'])
    };
    let first: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    non_empty(&first)
        .filter(|first| path.get(first.len()..).is_some_and(|rest| rest.starts_with("::") || rest.is_empty()))
}

/// What was panicked with, and where.
fn panic(lines: &[&str]) -> Option<Stack> {
    let (start, found) = lines.iter().enumerate().find_map(|(at, line)| Some((at, PANICKED.captures(line)?)))?;
    let text = |group: usize| found.get(group).map(|text| text.as_str());
    let mut message: Vec<&str> = Vec::new();
    let mut at = text(3).or(text(5));
    if let Some(whole) = text(2) {
        message.push(whole);
    } else if let Some(first) = text(4) {
        message.push(first);
        for line in lines.iter().skip(start + 1) {
            if let Some(end) = MESSAGE_END.captures(line) {
                message.extend(end.get(1).map(|text| text.as_str()));
                at = end.get(2).map(|text| text.as_str());
                break;
            }
            message.push(line);
        }
    } else if text(5).is_some() {
        let ends = |line: &&str| line.starts_with("note: ") || is_heading(line) || PANICKED.is_match(line);
        message.extend(lines.iter().skip(start + 1).take_while(|line| !ends(line)));
    } else {
        at = text(6);
    }
    let thrown_at =
        at.and_then(place).map(|(file, line, column)| Place { file: file.to_owned(), line: Some(line), column });
    let partial = thrown_at.is_none();
    let message = non_empty(&joined(message));
    Some(Stack { kind: Some("panic".to_owned()), message, thrown_at, partial, ..Stack::default() })
}

/// An error that `main` returned: what it says, and what it was caused by.
fn reported(lines: &[&str]) -> Option<Stack> {
    if let Some(start) = lines.iter().position(|line| line.starts_with("The application panicked")) {
        let value = |key| lines.iter().skip(start).find_map(|line| line.strip_prefix(key)).map(str::trim);
        let thrown_at = value("Location:").and_then(at_line);
        let message = value("Message:").and_then(non_empty);
        return Some(Stack { kind: Some("panic".to_owned()), message, thrown_at, ..Stack::default() });
    }
    // eyre numbers what it says, and tells where.
    let location = lines.iter().position(|line| line.trim() == "Location:");
    let thrown_at = location.and_then(|at| lines.get(at + 1)).and_then(|line| at_line(line.trim()));
    let lines = lines.get(..location.unwrap_or(lines.len())).unwrap_or_default();
    let start = lines.iter().rposition(|line| line.starts_with("Error: ") || line.trim() == "Error:");
    let start = start.or_else(|| lines.iter().position(|line| !line.trim().is_empty()))?;
    let mut rest = lines.iter().skip(start).peekable();
    let first = rest.next()?;
    let mut message = vec![first.strip_prefix("Error: ").unwrap_or(first)];
    while let Some(line) = rest.next_if(|line| line.trim() != "Caused by:") {
        message.push(line);
    }
    let mut numbered =
        message.iter().skip(1).filter_map(|line| NUMBERED.captures(line)?.get(1)).map(|said| said.as_str());
    if let Some(first) = numbered.next().filter(|_| message.first().is_some_and(|line| line.trim().is_empty())) {
        let causes = numbered.map(said).collect();
        let (kind, message) = (Some("Error".to_owned()), non_empty(first));
        return Some(Stack { kind, message, causes, thrown_at, ..Stack::default() });
    }
    let causes = rest
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| CAUSE.captures(line)?.get(1))
        .map(|text| said(text.as_str()))
        .collect();
    let kind = first.starts_with("Error").then(|| "Error".to_owned());
    Some(Stack { kind, message: non_empty(&joined(message)), causes, thrown_at, ..Stack::default() })
}

/// A cause of which only the message is known.
fn said(message: &str) -> Cause {
    Cause { message: Some(message.to_owned()), relation: "cause".to_owned(), ..Cause::default() }
}

/// `file:line`, perhaps with a column.
fn at_line(text: &str) -> Option<Place> {
    let (file, line, column) = place(text)?;
    Some(Place { file: file.to_owned(), line: Some(line), column })
}
