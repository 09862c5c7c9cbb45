//! Python tracebacks, as CPython's `traceback` module writes them.
//!
//! Source: CPython, `Lib/traceback.py` (`StackSummary.format`, `TracebackException.format`), and PEP 654 for groups.
//! A traceback is a header, frames from the outermost in, and the line `type: message`, whose message may run on. Chained
//! exceptions stand before the one they led to, divided by a sentence. The members of a group follow it, indented
//! behind a margin of `|`.
//!
//! Only what is certain is read: a frame that is cut is left out, and text that is no traceback gives nothing. Notes
//! (PEP 678) cannot be told from a message that runs on, and are part of it.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, pattern, unterminated};
use super::paths;
use crate::model::{Cause, Frame};

const HEADER: &str = "Traceback (most recent call last):";
const CAUSE: &str = "The above exception was the direct cause of the following exception:";
const CONTEXT: &str = "During handling of the above exception, another exception occurred:";
/// Deeper nested groups are read as text.
const MAX_DEPTH: usize = 32;

static FRAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^\s+File "(.+)", line (\d+)(?:, in (.+))?$"#));
static RAISED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([\p{L}_][\p{L}\p{N}_]*(?:\.(?:[\p{L}_][\p{L}\p{N}_]*|<locals>))*)(?::(?: (.*))?)?$"));
static MARKERS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*[~^][~^\s]*$"));
static REPEATED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*\[Previous line repeated (\d+) more times?\]$"));
static MEMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\s*)(\+-)?\+-{4,} (?:\d+|\.\.\.) -{4,}$"));
static CLOSE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*\+-{4,}$"));
static MARGIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\s*)[|+] ?(.*)$"));

/// Reads a traceback; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let lines = margined(lines);
    let mut reader = Reader { lines: &lines, at: 0 };
    let mut chain = reader.chain(1);
    let thrown = chain.pop()?;
    let (partial, elided) = (thrown.cut, thrown.repeated);
    let mut causes: Vec<Cause> = thrown.members;
    for raised in chain.into_iter().rev() {
        let relation = raised.relation.to_owned();
        causes.push(Cause { kind: raised.kind, message: raised.message, frames: raised.frames, relation, common: 0 });
        causes.extend(raised.members);
    }
    Some(Stack {
        kind: thrown.kind,
        message: thrown.message,
        frames: thrown.frames,
        causes,
        partial,
        elided,
        ..Stack::default()
    })
}

/// A line without its margin, and how many groups it stands in (1 is outside of, or in the outermost).
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Text {
        depth: usize,
        text: &'a str,
        last: bool,
    },
    /// The next member of a group; its lines have this depth.
    Member(usize),
    Close,
}

fn margined<'a>(lines: &[&'a str]) -> Vec<Line<'a>> {
    let grouped = lines.iter().any(|line| MEMBER.is_match(line));
    let indent = lines.iter().find_map(|line| line.strip_suffix(HEADER)).unwrap_or_default();
    let indent = if indent.chars().all(char::is_whitespace) { indent } else { "" };
    let plain = |number: usize, line, depth| Line::Text { depth, text: line, last: unterminated(lines, number) };
    lines
        .iter()
        .enumerate()
        .map(|(number, line)| {
            if !grouped {
                return plain(number, line.strip_prefix(indent).unwrap_or(line), 1);
            }
            if let Some(found) = MEMBER.captures(line) {
                let column = found.get(1).map_or(0, |spaces| spaces.len()) + found.get(2).map_or(0, |mark| mark.len());
                return Line::Member(column / 2);
            }
            if CLOSE.is_match(line) {
                return Line::Close;
            }
            let Some(found) = MARGIN.captures(line) else { return plain(number, line, 1) };
            let column = found.get(1).map_or(0, |spaces| spaces.len());
            let rest = found.get(2).map_or("", |rest| rest.as_str());
            plain(number, rest, (column / 2).max(1))
        })
        .collect()
}

/// One exception of a chain.
#[derive(Debug, Default)]
struct Raised {
    kind: Option<String>,
    message: Option<String>,
    frames: Vec<Frame>,
    members: Vec<Cause>,
    /// How it led to the next one of the chain.
    relation: &'static str,
    /// Whether its beginning or its end is missing.
    cut: bool,
    /// Frames that are told by their number.
    repeated: u64,
}

struct Reader<'a> {
    lines: &'a [Line<'a>],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The exceptions of a chain, in the order they stand.
    fn chain(&mut self, depth: usize) -> Vec<Raised> {
        let mut chain: Vec<Raised> = Vec::new();
        loop {
            let start = self.at;
            let (block, relation) = self.block(depth);
            // Without a header, only a block of a chain or a group is sure to be an exception.
            let sure = relation.is_some() || !chain.is_empty() || depth > 1 || self.opens_member();
            let mut raised = read(&block, sure);
            if self.opens_member() {
                let members = self.members(depth);
                raised = raised.map(|raised| Raised { members, ..raised });
            }
            let relation = relation.or_else(|| self.relation(depth));
            if let Some(raised) = raised {
                chain.push(Raised { relation: relation.unwrap_or_default(), ..raised });
            }
            if relation.is_none() || self.at == start {
                return chain;
            }
        }
    }

    /// The lines up to a chaining sentence, a member, or the end of this depth.
    fn block(&mut self, depth: usize) -> (Vec<(&'a str, bool)>, Option<&'static str>) {
        let mut block = Vec::new();
        while let Some(Line::Text { depth: of, text, last }) = self.lines.get(self.at) {
            if *of < depth {
                break;
            }
            self.at += 1;
            if let Some(relation) = chaining(text) {
                return (block, Some(relation));
            }
            block.push((*text, *last));
        }
        (block, None)
    }

    /// After a group's members: the sentence that chains it to what follows.
    fn relation(&mut self, depth: usize) -> Option<&'static str> {
        let rest = self.lines.get(self.at..).unwrap_or_default();
        let blank =
            rest.iter().take_while(|line| matches!(line, Line::Text { text, .. } if text.trim().is_empty())).count();
        let Some(Line::Text { depth: of, text, .. }) = rest.get(blank) else { return None };
        let relation = chaining(text).filter(|_| *of >= depth)?;
        self.at += blank + 1;
        Some(relation)
    }

    fn opens_member(&self) -> bool {
        matches!(self.lines.get(self.at), Some(Line::Member(_)))
    }

    /// The members of a group at `depth`, each followed by what it came from.
    fn members(&mut self, depth: usize) -> Vec<Cause> {
        let mut members = Vec::new();
        while let Some(Line::Member(of)) = self.lines.get(self.at) {
            if *of <= depth {
                return members;
            }
            self.at += 1;
            if *of > MAX_DEPTH {
                continue;
            }
            for (position, raised) in self.chain(*of).into_iter().rev().enumerate() {
                let relation = if position == 0 { "member" } else { raised.relation }.to_owned();
                members.push(Cause {
                    kind: raised.kind,
                    message: raised.message,
                    frames: raised.frames,
                    relation,
                    common: 0,
                });
                members.extend(raised.members);
            }
            if let Some(Line::Close) = self.lines.get(self.at) {
                self.at += 1;
                return members;
            }
        }
        members
    }
}

fn chaining(text: &str) -> Option<&'static str> {
    match text.trim() {
        CAUSE => Some("cause"),
        CONTEXT => Some("context"),
        _ => None,
    }
}

/// Reads the lines of one exception. `sure` says that it is one even without a header.
fn read(block: &[(&str, bool)], sure: bool) -> Option<Raised> {
    let header = block.iter().position(|(line, _)| line.ends_with(HEADER));
    let mut lines = block.get(header.map_or(0, |at| at + 1)..)?.iter().peekable();
    if header.is_none() && !sure {
        // The head may be cut off: then it goes on with a frame, which stands before anything else does.
        while lines.next_if(|(line, _)| !FRAME.is_match(line)).is_some() {}
        lines.peek()?;
    }
    let mut raised = Raised::default();
    let mut framed = false;
    while let Some((line, last)) = lines.next() {
        if let Some(found) = FRAME.captures(line) {
            // Nothing follows: the line number or the name may be cut.
            if *last {
                break;
            }
            let text = |group| found.get(group).map_or("", |text| text.as_str());
            let source = lines.next_if(|(line, _)| line.starts_with("    ") && !MARKERS.is_match(line));
            raised.frames.push(located(text(1), text(2), text(3), source.map(|(line, _)| line.trim())));
            framed = true;
        } else if let Some(found) = REPEATED.captures(line) {
            raised.repeated += found.get(1).and_then(|digits| digits.as_str().parse::<u64>().ok()).unwrap_or(0);
        } else if line.trim().is_empty() || line.starts_with([' ', '\t']) {
            // Markers, further source lines.
        } else {
            if let Some(found) = RAISED.captures(line) {
                raised.kind = found.get(1).map(|kind| kind.as_str().to_owned());
                let rest = found.get(2).map(|first| first.as_str());
                raised.message = message(rest, lines.map(|(line, _)| *line));
            }
            break;
        }
    }
    raised.frames.reverse();
    let complete = raised.kind.is_some();
    raised.cut = !complete || header.is_none() && framed;
    let is_one = match (header, sure) {
        (Some(_), _) => complete || framed,
        (None, true) => complete,
        (None, false) => complete && framed,
    };
    is_one.then_some(raised)
}

/// The first line of a message and the lines it runs on for, up to another traceback outside of quotes.
fn message<'a>(first: Option<&str>, rest: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut message = first.unwrap_or_default().to_owned();
    let mut quoted = false;
    for line in rest {
        quoted ^= line.trim() == "\"\"\"";
        if line.ends_with(HEADER) && !quoted {
            break;
        }
        message.push('\n');
        message.push_str(line);
    }
    let end = message.trim_end_matches(['\n', '\r']).len();
    message.truncate(end);
    (first.is_some() || !message.is_empty()).then_some(message)
}

fn located(file: &str, line: &str, func: &str, source: Option<&str>) -> Frame {
    let mut found = frame(func, Some(file), line.parse().ok(), None);
    found.module = paths::python_module(file, paths::python_in_app(file));
    found.context = source.map(str::to_owned);
    found
}
