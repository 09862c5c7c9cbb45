//! Stacks of Ruby.
//!
//! Source: Ruby, `error.c` and `eval_error.c` (`rb_error_write`: `full_message` in both orders, causes), `vm_backtrace.c`
//! (`file:line:in 'Class#method'` from 3.4 on, `` file:line:in `method' `` before), Rails' `BacktraceCleaner` and its logs.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, non_empty, pattern, unterminated};
use crate::model::{Cause, Frame};

static FRAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:# )?(?:(\d+): )?(from )?(\S.*?):(\d+):in [`'](.+?)'(?:: (.*)|:)?\s*$"));
/// Without a method: only behind `from`, or with a message that ends with a class.
static TOP: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:(\d+): )?(?:(from )(\S.*?):(\d+)\s*$|(\S.*?\.rb):(\d+): (.*)$)"));
static CLASS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(.*?) ?\(([A-Z]\w*(?:::\w+)*)\)$"));
/// `Class (message):`, as Rails logs it.
static RAILS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[\s\]:])((?:[A-Z]\w*::)*[A-Z]\w*) \((.*)\):?\s*$"));
static LEVELS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:\d+: )?\.\.\. (\d+) levels\.\.\.\s*$"));

struct Line<'a> {
    number: bool,
    from: bool,
    frame: Frame,
    said: Option<&'a str>,
}

#[derive(Default)]
struct Raised {
    kind: Option<String>,
    message: Option<String>,
    frames: Vec<Frame>,
}

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let first = lines.iter().position(|line| read(line).is_some())?;
    let mut chain: Vec<Raised> = Vec::new();
    // Frames that are numbered stand outermost first, before what was raised.
    let mut numbered: Vec<Frame> = Vec::new();
    let (mut elided, mut cut) = (0, false);
    let mut at = first;
    while let Some(line) = lines.get(at) {
        at += 1;
        if let Some(found) = LEVELS.captures(line) {
            elided += found.get(1).and_then(|digits| digits.as_str().parse::<u64>().ok()).unwrap_or(0);
            continue;
        }
        let found = read(line);
        // A last line without a method may be one whose end is cut.
        if unterminated(lines, at - 1) && found.as_ref().is_some_and(|found| found.frame.func.is_empty()) {
            cut = true;
            break;
        }
        let Some(Line { number, from, frame, said }) = found else {
            if !line.trim().is_empty()
                && !line.starts_with([' ', '\t'])
                && chain.len() == 1
                && chain.iter().all(|raised| raised.frames.len() > 1)
            {
                break;
            }
            continue;
        };
        if number {
            numbered.push(frame);
            continue;
        }
        match said {
            Some(said) if !from => {
                let (kind, message, lines_of_it) = raised(said, lines.get(at..).unwrap_or_default());
                at += lines_of_it;
                let mut frames = vec![frame];
                frames.extend(std::mem::take(&mut numbered).into_iter().rev());
                chain.push(Raised { kind, message, frames });
            }
            _ => match chain.last_mut() {
                Some(raised) => raised.frames.push(frame),
                None => chain.push(Raised { frames: vec![frame], ..Raised::default() }),
            },
        }
    }
    let partial = cut || !numbered.is_empty();
    if !numbered.is_empty() {
        numbered.reverse();
        chain.push(Raised { frames: numbered, ..Raised::default() });
    }
    let mut chain = chain.into_iter();
    let mut thrown = chain.next()?;
    if thrown.kind.is_none() {
        (thrown.kind, thrown.message) = logged(lines.get(..first)?).unwrap_or((None, thrown.message));
    }
    let causes = chain
        .map(|Raised { kind, message, frames }| Cause {
            kind,
            message,
            frames,
            relation: "cause".to_owned(),
            ..Cause::default()
        })
        .collect();
    let Raised { kind, message, frames } = thrown;
    Some(Stack { kind, message, frames, causes, partial, elided, ..Stack::default() })
}

fn read(line: &str) -> Option<Line<'_>> {
    if let Some(found) = FRAME.captures(line) {
        let text = |group: usize| found.get(group).map(|text| text.as_str());
        let file = text(3)?;
        // A sentence is no path.
        if file.contains(": ") || file.contains('`') {
            return None;
        }
        return Some(Line {
            number: text(1).is_some(),
            from: text(2).is_some(),
            frame: frame(text(5)?, Some(file), text(4)?.parse().ok(), None),
            said: text(6),
        });
    }
    let found = TOP.captures(line)?;
    let text = |group: usize| found.get(group).map(|text| text.as_str());
    let said = text(7);
    if said.is_some_and(|said| !CLASS.is_match(said)) {
        return None;
    }
    let (file, number) = (text(3).or(text(5))?, text(4).or(text(6))?);
    let number = number.parse().ok();
    Some(Line { number: text(1).is_some(), from: text(2).is_some(), frame: frame("", Some(file), number, None), said })
}

/// Class and message, and how many of the lines that follow belong to them. The class stands behind the first line of
/// the message, or, before Ruby 3.4 and for some, behind the last.
fn raised(first: &str, rest: &[&str]) -> (Option<String>, Option<String>, usize) {
    let following = rest.iter().take_while(|line| read(line).is_none()).count();
    let more = rest.get(..following).unwrap_or_default();
    if let Some(found) = CLASS.captures(first) {
        let kind = found.get(2).map(|kind| kind.as_str().to_owned());
        let more = more.iter().take_while(|line| !line.trim().is_empty()).copied();
        let said = found.get(1).map_or("", |text| text.as_str());
        let message = joined(std::iter::once(said).chain(more));
        return (kind, non_empty(&message), following);
    }
    for (at, line) in more.iter().enumerate() {
        let Some(found) = CLASS.captures(line) else { continue };
        let kind = found.get(2).map(|kind| kind.as_str().to_owned());
        let end = found.get(1).map_or("", |text| text.as_str());
        let message = joined(std::iter::once(first).chain(more.iter().take(at).copied()).chain([end]));
        return (kind, non_empty(&message), at + 1);
    }
    (None, non_empty(first), 0)
}

/// What a log says before a bare backtrace.
fn logged(lines: &[&str]) -> Option<(Option<String>, Option<String>)> {
    let found = lines.iter().rev().find_map(|line| RAILS.captures(line))?;
    let text = |group: usize| found.get(group).map(|text| text.as_str().to_owned());
    Some((text(1), text(2).filter(|message| !message.is_empty())))
}
