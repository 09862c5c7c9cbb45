//! Stack traces: the forms that runtimes write, text that is cut, and text that is none.

mod compiled;
mod javascript;
mod jvm;
mod python;
mod scripting;
mod whole;

use crate::evidence::stack::{self, AppRules, Stack};
use crate::model::{Cause, Frame};

/// Reads a stack of a language.
fn parse_as(text: &str, language: &str) -> Option<Stack> {
    stack::parse(text, Some(language), &AppRules::default())
}

fn place(frame: &Frame) -> (String, Option<u32>, String) {
    (frame.file.clone().unwrap_or_default(), frame.line, frame.func.clone())
}

/// A frame in one line: function, file, line and column, as far as they are known; `*` before what is in-app.
fn one_line(frame: &Frame) -> String {
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| format!(":{number}"));
    let own = if frame.in_app { "*" } else { "" };
    let file = frame.file.as_deref().unwrap_or("?");
    format!("{own}{} {file}{}{}", frame.func, number(frame.line), number(frame.column))
}

fn frames(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(one_line).collect()
}

/// What was thrown and its frames, which are all that the text has.
fn whole(text: &str, language: &str) -> (String, Vec<String>) {
    let found = parse_as(text, language).unwrap();
    assert!(!found.partial, "{text}");
    (thrown(found.kind.as_deref(), found.message.as_deref()), frames(&found.frames))
}

fn thrown(kind: Option<&str>, message: Option<&str>) -> String {
    format!("{}: {}", kind.unwrap_or("-"), message.unwrap_or("-"))
}

fn cause(cause: &Cause) -> (String, String, u64, Vec<String>) {
    let said = thrown(cause.kind.as_deref(), cause.message.as_deref());
    (cause.relation.clone(), said, cause.common, frames(&cause.frames))
}
