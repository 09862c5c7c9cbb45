//! Stacks of Go: panics, fatal errors, goroutine dumps, reports of the race detector, `debug.Stack`, `pkg/errors`.
//!
//! Source: Go, `runtime/traceback.go` (`traceback1`, `goroutineheader`), `runtime/panic.go` (`printpanics`),
//! `runtime/race` with `tsan`'s Go report. A frame has two lines: the function with its arguments, then file and line.
//! The first goroutine with frames is the one that failed; what it was created by is no frame of its stack.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, non_empty, pattern, unterminated};
use crate::model::{Cause, Frame};

static GOROUTINE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(\s*)goroutine (?:\d+|running)(?: gp=\S+ m=\S+(?: mp=\S+)?)?(?: \[.*\]:?| .*:)\s*$"));
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\s+(\S.*?):(\d+)( \+0x[0-9a-f]+)?(?: fp=0x[0-9a-f]+ sp=0x[0-9a-f]+)?(?: pc=0x[0-9a-f]+)?\s*$")
});
static PANIC: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[\s:\]])(panic|fatal error): (.*)$"));
static SERVING: LazyLock<Regex> = LazyLock::new(|| pattern(r"http2?: panic serving [^ ]+: (.*)$"));
static RACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*((?:Previous )?(?:atomic )?(?:[Rr]ead|[Ww]rite) at 0x[0-9a-f]+ by .*):\s*$"));
static RECOVERED: LazyLock<Regex> = LazyLock::new(|| pattern(r" \[recovered(?:, repanicked)?\]$"));
static ELIDED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*\.\.\.(?:additional|(\d+)) frames elided\.\.\.\s*$"));

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    race(lines).or_else(|| goroutine(lines)).or_else(|| plain(lines))
}

fn goroutine(lines: &[&str]) -> Option<Stack> {
    let is_header = |at: &usize| lines.get(*at).is_some_and(|line| GOROUTINE.is_match(line));
    // A stack that was printed before the panic is not its own.
    let panic = lines.iter().position(|line| PANIC.is_match(line) || SERVING.is_match(line)).unwrap_or(0);
    let header = (panic..lines.len()).find(is_header).or_else(|| (0..panic).find(is_header));
    // Without a goroutine it is a message.
    let header = header?;
    let mut stack = panics(lines.get(..header)?).unwrap_or_default();
    for (at, line) in lines.iter().enumerate().skip(header) {
        let Some(found) = GOROUTINE.captures(line) else { continue };
        let indent = found.get(1).map_or("", |indent| indent.as_str());
        let (frames, partial) = frames(lines, at + 1, indent);
        if !frames.is_empty() {
            return Some(Stack { frames, partial, ..stack });
        }
    }
    stack.partial = true;
    Some(stack)
}

/// The frames from `at` on, and whether there may be more.
fn frames(lines: &[&str], at: usize, indent: &str) -> (Vec<Frame>, bool) {
    let mut found = Vec::new();
    let mut at = at;
    while let Some(line) = lines.get(at) {
        let Some(text) = line.strip_prefix(indent) else { break };
        if text.trim().is_empty() {
            // Some loggers put a blank line behind every line.
            let goes_on = found.is_empty() && lines.get(at + 1).is_some_and(|next| called(next).is_some())
                || lines.get(at + 1).is_some_and(|next| PLACE.is_match(next));
            if !goes_on {
                return (found, false);
            }
            at += 1;
            continue;
        }
        if ELIDED.is_match(text) {
            return (found, true);
        }
        if text.trim_start().starts_with("created by ") || text.starts_with("exit status ") {
            return (found, false);
        }
        let Some(name) = called(text) else { break };
        at += 1;
        let place = lines.get(at).filter(|line| line.starts_with(indent)).and_then(|line| PLACE.captures(line));
        let Some(place) = place else {
            // The place is missing, or cut.
            found.push(named(name, None, None));
            return (found, true);
        };
        let file = place.get(1).map(|file| file.as_str());
        let number = place.get(2).and_then(|digits| digits.as_str().parse().ok());
        let cut = unterminated(lines, at) && place.get(3).is_none();
        match number {
            Some(number) if !cut => found.push(named(name, file, Some(number))),
            _ => {
                found.push(named(name, None, None));
                return (found, true);
            }
        }
        at += 1;
    }
    let ended = at >= lines.len();
    (found, !ended)
}

/// The frames of whoever recovered from a panic and asked for the stack: what is inside of the panic ran after the failure.
pub(super) fn recovering(frames: &mut [Frame]) -> impl Iterator<Item = &mut Frame> {
    let panic = frames.iter().position(|frame| matches!(frame.func.as_str(), "panic" | "runtime.gopanic"));
    frames.iter_mut().take(panic.unwrap_or(0))
}

/// The function of a line `name(arguments)`.
fn called(text: &str) -> Option<&str> {
    let text = text.trim();
    let body = text.strip_suffix(')')?;
    // Arguments have brackets of their own only as `{…}`, so the last round one opens them.
    let at = body.rfind('(')?;
    let name = body.get(..at)?;
    let generic = name.split('[').next().unwrap_or(name);
    let fits = !name.is_empty()
        && !generic.contains([' ', '\t', '=', '"', ','])
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '(');
    fits.then_some(name)
}

fn named(name: &str, file: Option<&str>, line: Option<u32>) -> Frame {
    let mut found = frame(name, file, line, None);
    found.module = package(name);
    found
}

/// The import path of a function's package: up to the first dot after the last slash.
fn package(name: &str) -> Option<String> {
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let end = name.get(folder..)?.find('.')? + folder;
    non_empty(name.get(..end)?)
}

/// What was panicked with, from the lines before the goroutine. The last of nested panics is the one that surfaced.
fn panics(lines: &[&str]) -> Option<Stack> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        if let Some(message) = SERVING.captures(line).and_then(|found| found.get(1)) {
            found = vec![("panic", vec![message.as_str()])];
        } else if let Some(said) = PANIC.captures(line) {
            let text = |group| said.get(group).map_or("", |text| text.as_str());
            // A panic within another stands behind a tab; any other line is of its own.
            if !line.starts_with(char::is_whitespace) {
                found.clear();
            }
            found.push((text(1), vec![text(2)]));
        } else if line.starts_with("[signal ") || GOROUTINE.is_match(line) || *line == "runtime stack:" {
            if !found.is_empty() {
                break;
            }
        } else if let Some((_, message)) = found.last_mut() {
            message.push(line);
        }
    }
    let mut raised = found.into_iter().rev().map(|(kind, lines)| {
        let message = joined(lines);
        (kind, RECOVERED.replace(&message, "").into_owned())
    });
    let (kind, message) = raised.next()?;
    let causes = raised
        .filter(|(_, earlier)| *earlier != message)
        .map(|(kind, message)| Cause {
            kind: Some(kind.to_owned()),
            message: non_empty(&message),
            relation: "context".to_owned(),
            ..Cause::default()
        })
        .collect();
    Some(Stack { kind: Some(kind.to_owned()), message: non_empty(&message), causes, ..Stack::default() })
}

/// A report of the race detector: the access that was seen, and the one before it.
fn race(lines: &[&str]) -> Option<Stack> {
    let start = lines.iter().position(|line| line.trim() == "WARNING: DATA RACE")?;
    let mut accesses = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(start) {
        if line.trim() == "==================" || accesses.len() > 1 {
            break;
        }
        let Some(what) = RACE.captures(line).and_then(|found| found.get(1)) else { continue };
        let (frames, partial) = frames(lines, at + 1, "");
        accesses.push((what.as_str(), frames, partial));
    }
    let mut accesses = accesses.into_iter();
    let (what, frames, partial) = accesses.next()?;
    let causes = accesses
        .map(|(what, frames, _)| Cause {
            kind: Some("DATA RACE".to_owned()),
            message: Some(what.to_owned()),
            frames,
            relation: "concurrent".to_owned(),
            ..Cause::default()
        })
        .collect();
    let (kind, message) = (Some("DATA RACE".to_owned()), Some(what.to_owned()));
    Some(Stack { kind, message, frames, causes, partial, ..Stack::default() })
}

/// Frames without arguments and goroutine, as `pkg/errors` and loggers write them.
fn plain(lines: &[&str]) -> Option<Stack> {
    let pair = |at: usize| -> Option<Frame> {
        let name = lines.get(at)?.trim_end();
        let place = PLACE.captures(lines.get(at + 1)?)?;
        let file = place.get(1)?.as_str();
        let is_code =
            [".go", ".s", ".c", ".cc", ".cpp"].iter().any(|end| file.ends_with(end)) || file == "_cgo_gotypes.go";
        let is_name = name.contains('.') && !name.contains([' ', '\t', ':', '"']) || matches!(name, "panic");
        let cut = unterminated(lines, at + 1) && !name.starts_with("runtime.");
        let name = called(name).or(is_name.then_some(name))?;
        let number = place.get(2)?.as_str().parse().ok()?;
        (is_code && lines.get(at + 1)?.starts_with(['\t', ' ']) && !(cut && at == 0))
            .then(|| named(name, Some(file), Some(number)))
    };
    let first = (0..lines.len()).find(|at| pair(*at).is_some())?;
    let mut found = Vec::new();
    let mut at = first;
    while let Some(frame) = pair(at) {
        found.push(frame);
        at += 2;
    }
    let said = panics(lines.get(..first)?);
    let message = said.is_none().then(|| joined(lines.iter().take(first).copied())).and_then(|text| non_empty(&text));
    let stack = said.unwrap_or(Stack { message, ..Stack::default() });
    Some(Stack { frames: found, ..stack })
}
