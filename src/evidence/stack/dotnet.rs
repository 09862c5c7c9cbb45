//! Stacks of .NET: CoreCLR, the .NET Framework, Mono and Unity.
//!
//! Source: .NET, `System.Diagnostics.StackTrace.ToString` and `System.Exception.ToString` (with the resources
//! `Word_At`, `StackTrace_InFileLineNumber` of other languages), `AggregateException.ToString`; Mono,
//! `Exception.cs` (`[0x00007] in file:9`). The inner exception's frames stand before those of the outer one.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, non_empty, numbered, pattern, unterminated};
use crate::model::{Cause, Frame};

/// `at`, in the languages that the runtime is translated into.
const AT: [&str; 11] = ["at ", "bei ", "à ", "en ", "in ", "em ", "в ", "w ", "场所 ", "場所 ", "在 "];
/// Between method and file, and between file and line: `in {file}:line {n}`.
static SOURCE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:(?:in|dans|en|na|w|в|i|v|位置|場所) )?(.+):(?:(?:line|Zeile|ligne|línea|riga|linha|wiersz|строка|行|行号|줄|satır|řádek|第) ?)(\d+)\s*\.?(?: 行)?$",
    )
});
static MONO: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*\[0x[0-9a-f]+\](?: in (.*?))?\s*$"));
static THROWN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[\s:\]>])([\p{L}_][\w`+]*(?:\.[\p{L}_][\w`+<>\[\],]*)*(?:Exception|Error|Failure|Fault)[\w`+<>\[\]]*)(?: \(0x[0-9A-Fa-f]{8}\))?(?:: ?(.*))?$",
    )
});
/// A type's full name, where it stands at the beginning of the text.
static NAMED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([\p{L}_][\w`+]*(?:\.[\p{L}_][\w`+]*)+)(?: \(0x[0-9A-Fa-f]{8}\))?(?:: (.*))?$"));
static MEMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\(Inner Exception #\d+\) "));
const ARROW: &str = "---> ";

struct Raised {
    kind: Option<String>,
    message: Option<String>,
    frames: Vec<Frame>,
    relation: &'static str,
}

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let first = lines.iter().position(|line| method(line).is_some())?;
    let mut all = heads(lines.get(..first)?);
    // Which of them the next frame belongs to: the innermost whose end has not come.
    let mut open: Vec<usize> = (0..all.len()).collect();
    let (mut partial, mut strange) = (false, false);
    for (at, line) in lines.iter().enumerate().skip(first) {
        let text = line.trim();
        if let Some(found) = method(line) {
            partial |= std::mem::take(&mut strange);
            let current = open.last().and_then(|at| all.get_mut(*at));
            current?.frames.push(found);
        } else if is_end_of_inner(text) {
            if open.len() > 1 {
                open.pop();
            }
        } else if text.starts_with("---") && text.ends_with("---") || text.is_empty() {
            // `--- End of stack trace from previous location ---`: the frames go on.
        } else if text == "<---" || text == "---]" {
            open.truncate(1);
        } else if let Some(rest) = text.strip_prefix(ARROW).or_else(|| text.strip_prefix("--->")) {
            // A member of an aggregate, or what it was in turn caused by.
            let rest = rest.trim_start();
            let is_member = MEMBER.is_match(rest);
            let said = MEMBER.replace(rest, "");
            let relation = if is_member { "member" } else { "cause" };
            for (nth, mut raised) in heads(&[&said]).into_iter().enumerate() {
                raised.relation = if nth == 0 { relation } else { "cause" };
                open.push(all.len());
                all.push(raised);
            }
        } else if AT.iter().any(|word| text.starts_with(word)) && line.starts_with([' ', '\t']) {
            partial = true;
            if unterminated(lines, at) {
                break;
            }
        } else if THROWN.is_match(text) && !line.starts_with([' ', '\t']) {
            break;
        } else {
            strange = true;
        }
    }
    partial |= open.len() > 1;
    if open.len() > 1 && all.first()?.frames.is_empty() {
        // The end is cut off, and with it what surfaced: the frames that are left are those of the way to it.
        let rest: Vec<Frame> = all.iter().rev().flat_map(|raised| raised.frames.clone()).collect();
        all.first_mut()?.frames = rest;
    }
    // One line alone may be a sentence, unless it has a place or an exception is named before it.
    let mut frames = all.iter().flat_map(|raised| &raised.frames);
    let sure = all.first()?.kind.is_some() || frames.next()?.file.is_some() || frames.next().is_some();
    if !sure {
        return None;
    }
    let mut all = all.into_iter();
    let Raised { kind, message, frames, .. } = all.next()?;
    let causes = all
        .map(|Raised { kind, message, frames, relation }| Cause {
            kind,
            message,
            frames,
            relation: relation.to_owned(),
            ..Cause::default()
        })
        .collect();
    Some(Stack { kind, message, frames, causes, partial, ..Stack::default() })
}

fn is_end_of_inner(text: &str) -> bool {
    let Some(inside) = text.strip_prefix("--- ").and_then(|text| text.strip_suffix(" ---")) else { return false };
    inside.contains("inner")
        || ["interne", "interna", "inneren", "内部", "внутренн", "wewnętrzn"].iter().any(|word| inside.contains(word))
}

/// The exceptions that are named before the first frame, the outermost first.
fn heads(lines: &[&str]) -> Vec<Raised> {
    let named = |line: &&str| NAMED.is_match(line.trim_start());
    let start = lines.iter().position(named).or_else(|| lines.iter().position(|line| THROWN.is_match(line)));
    let nothing = || vec![Raised { kind: None, message: None, frames: Vec::new(), relation: "" }];
    let Some(start) = start else { return nothing() };
    let text = joined(lines.iter().skip(start).copied());
    let mut found = Vec::new();
    for (at, part) in text.split(ARROW).enumerate() {
        let (first, rest) = part.split_once('\n').unwrap_or((part, ""));
        let first = first.trim();
        let said = NAMED.captures(first).or_else(|| THROWN.captures(first));
        let kind = said.as_ref().and_then(|said| said.get(1)).map(|kind| kind.as_str().to_owned());
        let first = match &said {
            Some(said) => said.get(2).map_or("", |text| text.as_str()),
            None => first,
        };
        let message =
            non_empty(joined([first].into_iter().chain(rest.split('\n').filter(|_| !rest.is_empty()))).trim());
        found.push(Raised { kind, message, frames: Vec::new(), relation: if at == 0 { "" } else { "cause" } });
    }
    found
}

/// A frame: `at Namespace.Type.Method(arguments) in file:line 12`, in the words of any language.
fn method(line: &str) -> Option<Frame> {
    let text = line.trim().trim_end_matches("<---");
    let rest = AT.iter().find_map(|word| text.strip_prefix(word))?;
    let open = rest.find('(')?;
    let name = rest.get(..open)?.trim_end();
    let close = closing(rest.get(open..)?)? + open;
    let source = rest.get(close + 1..)?;
    // A place in the brackets is another runtime's.
    let arguments = rest.get(open + 1..close)?;
    if arguments.contains(':') || matches!(arguments, "native" | "native code" | "<anonymous>") {
        return None;
    }
    let class = class(name);
    // A function without a class is written without a blank before its brackets; so no sentence is one.
    if class.is_none() && (rest.get(..open)?.ends_with(' ') || !line.starts_with([' ', '\t'])) {
        return None;
    }
    let plain = name.split(['[', '<', '`']).next().unwrap_or(name);
    if plain.contains([' ', '/', ':', '"', '\\'])
        || !name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '<'))
    {
        return None;
    }
    let (file, number) = if source.trim().is_empty() {
        (None, None)
    } else if let Some(found) = SOURCE.captures(source) {
        let number = found.get(2).and_then(|digits| digits.as_str().parse().ok());
        let file = found.get(1).map(|file| file.as_str()).filter(|file| !file.starts_with('<'));
        (file, number.filter(|_| file.is_some()))
    } else if let Some(found) = MONO.captures(source) {
        let at = found.get(1).and_then(|place| numbered(place.as_str()));
        at.filter(|(file, _)| !file.starts_with('<')).map_or((None, None), |(file, number)| (Some(file), Some(number)))
    } else {
        let (file, number) = unity(source.trim())?;
        (Some(file), Some(number))
    };
    let mut found = frame(name, file, number, None);
    found.module = class.map(str::to_owned);
    Some(found)
}

/// The class of a method: up to the last dot outside of brackets. A constructor's name begins with a dot of its own.
fn class(name: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in name.char_indices().rev() {
        match c {
            '>' | ']' => depth += 1,
            '<' | '[' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                return name.get(..at).map(|class| class.trim_end_matches('.')).filter(|class| !class.is_empty());
            }
            _ => {}
        }
    }
    None
}

/// `(at Assets/File.cs:12)`, as Unity writes it, or `in file:12`.
fn unity(text: &str) -> Option<(&str, u32)> {
    let inside =
        text.strip_prefix("(at ").and_then(|text| text.strip_suffix(')')).or_else(|| text.strip_prefix("in "))?;
    numbered(inside).filter(|(file, _)| !file.is_empty())
}

/// Where the bracket that opens a text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}
