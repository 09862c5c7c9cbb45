//! Python tracebacks that tell local variables and source lines: of rich, stackprinter and cgitb.
//!
//! Source: rich, `rich/traceback.py` (`Traceback._render_stack`); stackprinter, `stackprinter/formatting.py` and `frame_formatting.py`;
//! CPython up to 3.12, `Lib/cgitb.py` (`text`). The first two write in a form of their own what CPython's `traceback` would; so they are written anew in its
//! form, read by its reader, and get back what it has no place for. cgitb puts a whole traceback behind its own report.
//!
//! Values are as the writer put them down, shortened or not. What was folded over several lines is put together again, since half a value
//! cannot be told for what it is.

use std::sync::LazyLock;

use regex::Regex;

use super::line::pattern;
use super::{Stack, python};
use crate::model::{Attributes, Frame};

const HEADER: &str = "Traceback (most recent call last):";

static RICH_TOP: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*╭─+ Traceback \(most recent call last\) ─+╮\s*$"));
static RICH_FRAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\S.*):(\d+) in (\S.*)$"));
static RICH_SOURCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(❱| ) *(\d+) ?(.*)$"));
static RICH_VARIABLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^( *([\p{L}_][\p{L}\p{N}_]*) = )(.*)$"));
static PRINTED_FRAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^File "(.+)", line (\d+), in (.+)$"#));
static PRINTED_SOURCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(-->|   ) (\d+)(.*)$"));
static PRINTED_BAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"^    \.{50}$"));
static PRINTED_VARIABLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^     ([\p{L}_.][\p{L}\p{N}_.]*) = (.*)$"));
static CGITB_FRAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ (\S.*) in ([\p{L}_<][\p{L}\p{N}_>]*)(?:\(.*\))?$"));
static CGITB_SOURCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ {0,4}(\d+) (.*)$"));
static CGITB_VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:global )?([\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*) = (.*)$"));

/// A frame as such a writer puts it down.
#[derive(Debug, Default)]
struct Told {
    file: String,
    line: String,
    func: String,
    /// Source lines with their numbers.
    source: Vec<(u32, String)>,
    locals: Vec<(String, String)>,
}

/// Reads a traceback with variables; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    if lines.iter().any(|line| RICH_TOP.is_match(line)) {
        return anew(&rich(lines));
    }
    if lines.iter().any(|line| PRINTED_FRAME.is_match(line)) {
        return anew(&printed(lines));
    }
    let is_report = |line: &&str| line.starts_with("A problem occurred in a Python script.");
    lines.iter().any(is_report).then(|| reported(lines)).flatten()
}

/// A line of a text that is written anew.
#[derive(Debug)]
enum Piece {
    Frame(Told),
    Other(String),
}

/// Reads the pieces in CPython's form, and gives each frame what was told of it.
fn anew(pieces: &[Piece]) -> Option<Stack> {
    let mut lines = Vec::new();
    let mut is_open = false;
    for piece in pieces {
        match piece {
            Piece::Frame(told) => {
                if !is_open {
                    lines.push(HEADER.to_owned());
                }
                is_open = true;
                lines.push(format!("  File \"{}\", line {}, in {}", told.file, told.line, told.func));
            }
            Piece::Other(line) => {
                is_open &= line.trim().is_empty();
                lines.push(line.clone());
            }
        }
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut stack = python::parse(&lines)?;
    let told: Vec<&Told> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Frame(told) => Some(told),
            Piece::Other(_) => None,
        })
        .collect();
    if stack.count() == told.len() {
        let Stack { frames, causes, .. } = &mut stack;
        let behind = causes.iter_mut().rev().flat_map(|cause| cause.frames.iter_mut().rev());
        behind.chain(frames.iter_mut().rev()).zip(told).for_each(|(frame, told)| tell(frame, told));
    }
    Some(stack)
}

fn tell(frame: &mut Frame, told: &Told) {
    let at = frame.line.unwrap_or_default();
    let lines = |wanted: fn(u32, u32) -> bool| {
        told.source.iter().filter(move |(line, _)| wanted(*line, at)).map(|(_, text)| text.clone())
    };
    frame.pre_context = lines(|line, at| line < at).collect();
    frame.post_context = lines(|line, at| line > at).collect();
    frame.context = lines(|line, at| line == at).next().map(|text| text.trim().to_owned()).or(frame.context.take());
    frame.locals = told.locals.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect::<Attributes>();
}

/// rich: boxes in boxes.
fn rich(lines: &[&str]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut boxed = false;
    // The column that values of the locals' box begin at.
    let mut locals: Option<usize> = None;
    for line in lines {
        let inner = line.trim().strip_prefix('│').and_then(|rest| rest.strip_suffix('│'));
        match inner {
            _ if RICH_TOP.is_match(line) => boxed = true,
            Some(inner) if boxed => {
                let inner = inner.strip_prefix(' ').unwrap_or(inner).trim_end();
                if inner.starts_with('╭') {
                    locals = Some(0);
                } else if inner.starts_with('╰') {
                    locals = None;
                } else if let (Some(column), Some(Piece::Frame(told))) = (locals.as_mut(), pieces.last_mut()) {
                    let inner = inner.trim_start_matches('│').trim_end_matches('│').trim_end();
                    variable(inner.strip_prefix(' ').unwrap_or(inner), column, &mut told.locals);
                } else if let Some(found) = RICH_FRAME.captures(inner) {
                    let [file, line, func] = [1, 2, 3].map(|group| found[group].to_owned());
                    pieces.push(Piece::Frame(Told { file, line, func, ..Told::default() }));
                } else if let (Some(found), Some(Piece::Frame(told))) = (RICH_SOURCE.captures(inner), pieces.last_mut())
                {
                    source(&found[2], &found[3].replace("│   ", "    "), told);
                }
            }
            _ if line.trim_start().starts_with('╰') => boxed = false,
            _ => pieces.push(Piece::Other((*line).to_owned())),
        }
    }
    pieces
}

/// A line of a box of variables, whose names are aligned at their ends.
fn variable(line: &str, column: &mut usize, locals: &mut Vec<(String, String)>) {
    let found = RICH_VARIABLE.captures(line).filter(|found| *column == 0 || found[1].chars().count() == *column);
    match (found, locals.last_mut()) {
        (Some(found), _) => {
            *column = found[1].chars().count();
            locals.push((found[2].to_owned(), found[3].to_owned()));
        }
        (None, Some((_, value))) => value.push_str(line.trim_start_matches([' ', '│'])),
        (None, None) => {}
    }
}

fn source(number: &str, text: &str, told: &mut Told) {
    if let Ok(number) = number.parse() {
        told.source.push((number, text.trim_end().to_owned()));
    }
}

/// stackprinter: frames without a margin, variables between dotted lines.
fn printed(lines: &[&str]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut locals = false;
    for line in lines {
        if let Some(found) = PRINTED_FRAME.captures(line) {
            let [file, line, func] = [1, 2, 3].map(|group| found[group].to_owned());
            pieces.push(Piece::Frame(Told { file, line, func, ..Told::default() }));
            locals = false;
            continue;
        }
        let Some(Piece::Frame(told)) = pieces.last_mut() else {
            pieces.push(Piece::Other((*line).to_owned()));
            continue;
        };
        if PRINTED_BAR.is_match(line) {
            locals = !locals;
        } else if locals {
            match (PRINTED_VARIABLE.captures(line), told.locals.last_mut()) {
                (Some(found), _) => told.locals.push((found[1].to_owned(), found[2].to_owned())),
                (None, Some((_, value))) => value.push_str(line.trim_start()),
                (None, None) => {}
            }
        } else if let Some(found) = PRINTED_SOURCE.captures(line) {
            // The number is padded to three, and two blanks follow.
            let text = found[3].chars().skip(5_usize.saturating_sub(found[2].len())).collect::<String>();
            source(&found[2], &text, told);
        } else if !line.starts_with(' ') {
            pieces.push(Piece::Other((*line).to_owned()));
        }
    }
    pieces
}

/// cgitb: its report of the frames of the last exception stands before the traceback.
fn reported(lines: &[&str]) -> Option<Stack> {
    let begin = lines.iter().rposition(|line| *line == "the original traceback:")?;
    let (report, traceback) = lines.split_at(begin);
    let mut stack = python::parse(traceback)?;
    let mut told: Vec<Told> = Vec::new();
    for line in report {
        if let Some(found) = CGITB_FRAME.captures(line) {
            let [file, func] = [1, 2].map(|group| found[group].to_owned());
            told.push(Told { file, func, ..Told::default() });
        } else if let Some(last) = told.last_mut() {
            if let Some(found) = CGITB_SOURCE.captures(line) {
                source(&found[1], &found[2], last);
            } else if let Some(found) = CGITB_VARIABLE.captures(line) {
                last.locals.push((found[1].to_owned(), found[2].to_owned()));
            } else if line.starts_with(|c: char| c.is_alphabetic()) && line.contains(": ") {
                // The exception itself ends the frames.
                break;
            }
        }
    }
    let same = |frame: &Frame, told: &Told| frame.file.as_deref() == Some(&*told.file) && frame.func == told.func;
    if stack.frames.iter().rev().zip(&told).all(|(frame, told)| same(frame, told)) && stack.frames.len() == told.len() {
        stack.frames.iter_mut().rev().zip(&told).for_each(|(frame, told)| tell(frame, told));
    }
    Some(stack)
}
