//! Stacks of Dart and Flutter.
//!
//! Source: Dart, `runtime/vm/object.cc` (`StackTrace::ToCString`: `#0      main (file:///a.dart:10:3)`), the package
//! `stack_trace` (`Trace.toString`, `Trace.terse`, `Chain`: `package:a/b.dart 12:5  f`, asynchronous gaps).

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, non_empty, pattern, place, unterminated};
use crate::model::Frame;

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*#\d+ +(\S.*) \((\S.*)\)\s*$"));
static TERSE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*((?:package:|packages/|dart:|file:/|https?:/|org-dartlang-\w+:)?[^\s:]*(?::\d+/\S*)?\S*)(?: (\d+)(?::(\d+))?)? {2,}(\S.*?)\s*$",
    )
});
static GAP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\s*(?:<asynchronous (?:suspension|gap)>|=+ asynchronous gap =+.*|\.\.\.\s*\(elided .*\))\s*$")
});
static THROWN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^_?([A-Z][\w$]*(?:<[\w, ]+>)?)(?: \(.*?\))?: (.*)$"));
const UNHANDLED: &str = "Unhandled exception:";

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let first = lines.iter().position(|line| numbered(line).is_some());
    let terse = first.is_none();
    let read = if terse { self::terse } else { numbered };
    let first = first.or_else(|| lines.iter().position(|line| self::terse(line).is_some()))?;
    let mut stack = head(lines.get(..first)?);
    let mut gap = false;
    for (at, line) in lines.iter().enumerate().skip(first) {
        if let Some(found) = read(line) {
            // Numbers begin anew in another stack.
            if line.trim_start().starts_with("#0 ") && !stack.frames.is_empty() && !gap {
                break;
            }
            stack.frames.push(found);
            gap = false;
        } else if GAP.is_match(line) {
            gap = true;
        } else if line.trim_start().starts_with('#') {
            stack.partial = true;
            if unterminated(lines, at) {
                break;
            }
        } else if !line.trim().is_empty() {
            break;
        }
    }
    let of_dart = stack.frames.iter().any(|frame| {
        let file = frame.file.as_deref().unwrap_or_default();
        let uri = ["package:", "packages/", "dart:", "org-dartlang-"].iter().any(|scheme| file.starts_with(scheme));
        uri || file.ends_with(".dart")
    });
    of_dart.then_some(stack)
}

fn numbered(line: &str) -> Option<Frame> {
    let found = NUMBERED.captures(line)?;
    let (name, at) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    let (file, line, column) = place(at).map_or((at, None, None), |(file, line, column)| (file, Some(line), column));
    // A place within a package, the runtime or a file; anything else in brackets is another language's.
    let uri = ["package:", "dart:", "file:", "http:", "https:", "org-dartlang-", "data:", "async/", "unparsed"];
    let fits = uri.iter().any(|scheme| file.starts_with(scheme)) || file.ends_with(".dart");
    fits.then(|| located(name, file, line, column))
}

fn terse(line: &str) -> Option<Frame> {
    let found = TERSE.captures(line)?;
    let file = found.get(1)?.as_str();
    let number = |group| found.get(group).and_then(|digits| digits.as_str().parse().ok());
    let is_uri = ["package:", "packages/", "dart:", "org-dartlang-"].iter().any(|scheme| file.starts_with(scheme));
    (is_uri || file.ends_with(".dart"))
        .then(|| located(found.get(4).map_or("", |name| name.as_str()), file, number(2), number(3)))
}

fn located(name: &str, file: &str, line: Option<u32>, column: Option<u32>) -> Frame {
    let mut found = frame(name, Some(file), line, column);
    let library = file.strip_prefix("package:").or_else(|| file.strip_prefix("packages/"));
    found.module = library.and_then(|rest| rest.split('/').next()).map(|name| format!("package:{name}"));
    found
}

/// What was thrown, from the lines before the first frame.
fn head(lines: &[&str]) -> Stack {
    let start = lines.iter().rposition(|line| line.trim() == UNHANDLED).map_or(0, |at| at + 1);
    let lines = lines.get(start..).unwrap_or_default();
    let end = lines.iter().position(|line| line.ends_with("this was the stack:")).unwrap_or(lines.len());
    let lines = lines.get(..end).unwrap_or_default();
    let named = lines.iter().position(|line| THROWN.is_match(line)).filter(|at| start == 0 || *at == 0);
    let Some(at) = named else {
        return Stack { message: non_empty(&joined(lines.iter().copied())), ..Stack::default() };
    };
    let found = lines.get(at).and_then(|line| THROWN.captures(line));
    let text = |group| found.as_ref().and_then(|found| found.get(group)).map(|text| text.as_str());
    let message = joined(text(2).into_iter().chain(lines.iter().skip(at + 1).copied()));
    Stack { kind: text(1).map(str::to_owned), message: non_empty(&message), ..Stack::default() }
}
