//! Stacks of PHP.
//!
//! Source: PHP, `Zend/zend_exceptions.c` (`zend_exception_error`, `_build_trace_string`, `Exception::__toString`: the
//! exceptions of a chain stand innermost first, divided by `Next`). A line says which function was called, and the place
//! that it was called at; where it was thrown stands before them. OpenTelemetry writes the form of the JVM.

use std::sync::LazyLock;

use regex::Regex;

use super::line::{frame, joined, non_empty, pattern, unterminated};
use super::{Stack, jvm};
use crate::model::{Cause, Frame, Place};

static FRAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*#(\d+) (?:(\[internal function\]): |(\S.*?)\((\d+)\): )(\S.*)$"));
static MAIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*#\d+ (\{main\})\s*$"));
static THROWN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[\s:(])((?:\\?[A-Za-z_]\w*)(?:\\\w+)*)(?:\(code: [^)]*\))?(?:: (.*?))? (?:in|at) (\S.*?)(?::(\d+)| on line (\d+))\)?$",
    )
});
/// The same where it is all of the text; its message may have several lines.
static WHOLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)^((?:\\?[A-Za-z_]\w*)(?:\\\w+)*)(?:: (.*))? in (\S[^\n]*?):(\d+)$"));
/// The form of PHP before 7.
static OLD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)exception '([\w\\]+)'(?: with message '(.*)')? in (\S[^\n]*?):(\d+)$"));
const START: [&str; 3] = ["Stack trace:", "[stacktrace]", "PHP Stack trace:"];
const UNCAUGHT: &str = "Uncaught ";

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let own = native(lines);
    own.or_else(|| jvm::parse(lines).filter(|stack| stack.frames.iter().any(of_php)))
}

fn of_php(frame: &Frame) -> bool {
    frame.file.as_deref().is_some_and(|file| [".php", ".phtml", ".inc"].iter().any(|end| file.ends_with(end)))
}

fn native(lines: &[&str]) -> Option<Stack> {
    let first = lines.iter().position(|line| call(line).is_some())?;
    let mut chain: Vec<Stack> = Vec::new();
    let mut head_from = 0;
    let mut at = first;
    loop {
        let mut stack = head(lines.get(head_from..at)?);
        let mut whole = false;
        while let Some(line) = lines.get(at) {
            if let Some(found) = call(line).filter(|found| found.func == "{main}" || !unterminated(lines, at)) {
                whole |= found.func == "{main}";
                stack.frames.push(found);
            } else if !line.trim().is_empty() || whole {
                break;
            }
            at += 1;
        }
        stack.partial = !whole;
        chain.push(stack);
        let next = lines.iter().enumerate().skip(at).find(|(_, line)| !line.trim().is_empty());
        let Some((next_at, _)) = next.filter(|(_, line)| line.starts_with("Next ")) else { break };
        head_from = next_at;
        let Some(frames_at) = (next_at..lines.len()).find(|at| lines.get(*at).is_some_and(|line| call(line).is_some()))
        else {
            break;
        };
        at = frames_at;
    }
    let mut stack = chain.pop()?;
    stack.causes = chain
        .into_iter()
        .rev()
        .map(|Stack { kind, message, frames, .. }| Cause {
            kind,
            message,
            frames,
            relation: "cause".to_owned(),
            ..Cause::default()
        })
        .collect();
    Some(stack)
}

fn call(line: &str) -> Option<Frame> {
    if let Some(found) = MAIN.captures(line) {
        return Some(frame(found.get(1)?.as_str(), None, None, None));
    }
    let found = FRAME.captures(line)?;
    let text = |group: usize| found.get(group).map(|text| text.as_str());
    let func = function(text(5)?)?;
    let mut found = frame(func, text(2).or(text(3)), text(4).and_then(|digits| digits.parse().ok()), None);
    found.module = func.split_once("->").or_else(|| func.split_once("::")).map(|(class, _)| class.to_owned());
    Some(found)
}

/// What stands before the arguments. The name of a closure may hold brackets of its own.
fn function(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '(' if depth == 0 => return text.get(..at).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
    // `include` and its like are written without brackets only where the line was cut.
    (!text.contains(' ')).then_some(text)
}

/// What was thrown and where, from the lines before the first call.
fn head(lines: &[&str]) -> Stack {
    let end = lines.iter().rposition(|line| START.contains(&line.trim())).unwrap_or(lines.len());
    let lines = lines.get(..end).unwrap_or_default();
    let start = lines
        .iter()
        .rposition(|line| line.contains(UNCAUGHT) || line.starts_with("Next ") || line.contains("exception '"));
    let start = start.or_else(|| lines.iter().rposition(|line| THROWN.is_match(line))).unwrap_or(0);
    let text = joined(lines.iter().skip(start).copied());
    let text = text.split_once(UNCAUGHT).map_or(text.as_str(), |(_, rest)| rest);
    let text = text.strip_prefix("Next ").unwrap_or(text);
    let mut stack = Stack::default();
    if let Some(found) = OLD.captures(text).or_else(|| WHOLE.captures(text)) {
        let part = |group: usize| found.get(group).map(|text| text.as_str());
        (stack.kind, stack.message) = (part(1).map(str::to_owned), part(2).and_then(non_empty));
        stack.thrown_at = part(3).map(|file| at(file, part(4)));
    } else if let Some(found) = THROWN.captures(text.trim_end()) {
        let part = |group: usize| found.get(group).map(|text| text.as_str());
        (stack.kind, stack.message) = (part(1).map(str::to_owned), part(2).and_then(non_empty));
        stack.thrown_at = part(3).map(|file| at(file, part(4).or(part(5))));
    }
    stack
}

fn at(file: &str, digits: Option<&str>) -> Place {
    Place { file: file.to_owned(), line: digits.and_then(|digits| digits.parse().ok()), column: None }
}
