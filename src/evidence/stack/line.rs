//! What the readers of all languages share: lines, places at their end, brackets.

use regex::Regex;

use crate::model::Frame;

/// A longer line is no frame and no header.
const MAX_LINE: usize = 64 << 10;

/// The lines of a text without their ends. The last is empty where the text ends with one, so a reader can tell a whole
/// last line from one that may be cut.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .map(|line| if line.len() > MAX_LINE { "" } else { line })
        .collect()
}

/// Whether the line at `at` ends the text without an end of line: it may be cut.
pub(super) fn unterminated(lines: &[&str], at: usize) -> bool {
    at + 1 == lines.len()
}

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// A frame, of which nothing is known besides.
pub(super) fn frame(func: &str, file: Option<&str>, line: Option<u32>, column: Option<u32>) -> Frame {
    Frame {
        file: file.filter(|file| !file.is_empty()).map(str::to_owned),
        line,
        column,
        func: func.to_owned(),
        in_app: true,
        ..Frame::default()
    }
}

/// `text:number`, split.
pub(super) fn numbered(text: &str) -> Option<(&str, u32)> {
    let (rest, digits) = text.rsplit_once(':')?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some((rest, number))
}

/// `file:line:column` or `file:line`, split.
pub(super) fn place(text: &str) -> Option<(&str, u32, Option<u32>)> {
    let (rest, last) = numbered(text)?;
    let found = match numbered(rest) {
        Some((file, line)) => (file, line, Some(last)),
        None => (rest, last, None),
    };
    (!found.0.is_empty()).then_some(found)
}

/// Splits `before(inside)` at the bracket which the last one closes. What stands before is trimmed.
pub(super) fn last_bracket(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_suffix(')')?;
    let mut depth = 1_usize;
    for (at, c) in body.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((body.get(..at)?.trim_end(), body.get(at + 1..)?));
        }
    }
    None
}

/// What follows a word at the beginning, if there is anything.
pub(super) fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The lines as one text, without blank ends.
pub(super) fn joined<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let text = lines.into_iter().collect::<Vec<_>>().join("\n");
    text.trim_end_matches(['\n', ' ', '\t']).to_owned()
}
