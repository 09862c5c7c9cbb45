//! Untrusted text among Markdown: nothing in it begins markup, ends a line or turns the direction of writing.

use std::fmt::Write as _;

use serde_json::Value;

use crate::model::Attributes;

pub(super) fn heading(page: &mut String, title: &str) {
    line(page, &format!("\n## {title}\n"));
}

pub(super) fn line(page: &mut String, text: &str) {
    // Writing to a String cannot fail.
    writeln!(page, "{text}").unwrap_or_default();
}

pub(super) fn fenced(page: &mut String, text: &str) {
    // A fence longer than any run of backticks inside cannot be closed by the text.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let text: String = text
        .chars()
        .map(|c| if turns_direction(c) || c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c })
        .collect();
    line(page, &format!("{fence}text\n{}\n{fence}", text.trim_end()));
}

/// Names and keys inside `code`.
pub(super) fn code(text: &str) -> String {
    one_line(text).replace('`', "'")
}

/// Untrusted text among Markdown: on one line, and what would begin markup (emphasis, links and images, HTML, code) escaped.
#[must_use]
pub fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '[' | ']' | '<') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Untrusted text on one line: line breaks become spaces; other control characters (terminal escapes) and those that turn
/// the direction of writing, so that a line reads other than it is, become a mark.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() || turns_direction(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Unicode Standard Annex 9, "Directional Formatting Characters".
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text as it is, anything else as JSON.
pub(super) fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One line for each attribute.
pub(super) fn attributes(page: &mut String, what: &str, attributes: &Attributes) {
    for (key, value) in attributes {
        line(page, &format!("- **{what}:** `{}` = `{}`", code(key), code(&said(value))));
    }
}
