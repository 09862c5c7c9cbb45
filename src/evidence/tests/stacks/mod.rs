//! Stack traces: the forms that runtimes write, text that is cut, and text that is none.

mod python;

use crate::evidence::stack::{self, AppRules, Stack};
use crate::model::Frame;

/// Reads a stack of a language.
fn parse_as(text: &str, language: &str) -> Option<Stack> {
    stack::parse(text, Some(language), &AppRules::default())
}

fn place(frame: &Frame) -> (String, Option<u32>, String) {
    (frame.file.clone().unwrap_or_default(), frame.line, frame.func.clone())
}
