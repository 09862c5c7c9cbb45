//! Numbers of people that nothing names and no check digit tells: they count where they are all that a text says. The value of a field
//! with a name is none of these: there the name tells what it is, or that it is something else.

use super::{phone, ssn};
use crate::redact::detect::Finding;

/// Longest text that is looked at.
const LONGEST: usize = 64;

/// The social security numbers, or the telephone number, that are all of a text besides quotes and what stands between them.
pub(crate) fn numbers(text: &str) -> Vec<Finding> {
    let is_around = |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | '.' | ',' | ';');
    let head = text.trim_start_matches(is_around);
    let start = text.len() - head.len();
    let bare = head.trim_end_matches(is_around);
    if bare.len() > LONGEST || !bare.starts_with(|char: char| char.is_ascii_digit() || char == '(') {
        return Vec::new();
    }
    let mut found = ssn::alone(bare);
    if found.is_empty() {
        found.extend(phone::alone(bare));
    }
    for finding in &mut found {
        finding.start += start;
        finding.end += start;
    }
    found
}
