//! United States social security numbers, by the rules of their assignment: no area 000, 666 or 900 to 999, no group 00, no
//! serial 0000 (<https://www.ssa.gov/employer/randomization.html>).
//!
//! Nine digits alone are any number. They are one of these beside its name, where they are all of a message, in quotes, brackets or a cell of
//! their own, and where people write to each other or of a person; but not where a name or a unit tells what else they are. So an id
//! in quotes that nothing names becomes a token, too, and a number in a path or between commas stays.

use regex::Regex;

use super::text::{before, is_called_otherwise, line_before, line_behind, run_start, slice, stands_alone};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::survey::Span;
use crate::redact::token::Class;

/// How far before a number its name may stand.
const NAME_BEFORE: usize = 40;
/// How much is looked at around a number that nothing names.
const AROUND: usize = 80;
/// How many digits a number has.
const DIGITS: usize = 9;

/// What a name of the number has in it.
const WORDS: &[&str] = &[
    "ssn", "ssno", "ss no", "ss_no", "ss-no", "ssnum", "ss num", "ss_num", "ss-num", "ss#", "ss #", "sec", "itin",
    "payer",
];

/// Names that tell nothing of their values.
const NEUTRAL: &[&str] = &[
    "value", "val", "v", "field", "data", "text", "input", "arg", "args", "param", "params", "raw", "body", "message",
    "msg", "content", "payload", "string", "got", "found", "rejected", "for", "invalid",
];

#[derive(Debug)]
pub(super) struct Ssn {
    name: Regex,
    /// Words of people before a number.
    person: Regex,
    /// What only people write, behind a number.
    spoken: Regex,
    /// What a number counts.
    unit: Regex,
}

impl Ssn {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            name: compile(
                r"[a-z]S(?i:sn)|(?i)(?:\b|_)(?:ssns?|ss[ _-]?(?:no|num|number|#)|soc(?:ial)?[ _-]?sec(?:urity)?|itin|tax ?payer)",
            )?,
            person: compile(
                r"(?i)\b(?:applicant|borrower|claimant|customer|dependa?nt|dob|employee|i am|i'm|patient|payroll|spouse|w-?2|1099|you)\b[^\d\n]*$",
            )?,
            spoken: compile(r"^[^\d\n]*\b(?:I|you)\b")?,
            unit: compile(
                r#"^\\*["'`>\]]?\s?(?i:%|(?:of|[kmgt]?i?b|bytes?|[mnuµ]?s|secs?|seconds|ticks|cycles|rows?|records?|lines|times|items|messages|events|tokens|points|pages|blocks|keys|ops|requests|users|files)\b)"#,
            )?,
        })
    }

    /// The number that begins with the first of these groups.
    /// `is_row` tells that they begin a chain.
    fn number(&self, seen: Seen<'_>, groups: &[Span], is_row: bool) -> Option<Finding> {
        let text = seen.text;
        let is_row = is_row && groups.len() == 3;
        let (first, last, separator) = match groups {
            [whole, ..] if whole.len() == 9 => (whole, whole, ""),
            [area, group, serial, ..] if (area.len(), group.len(), serial.len()) == (3, 2, 4) => {
                let separator = slice(text, area.end, group.start);
                let is_one = matches!(separator, "-" | " " | ".") && separator == slice(text, group.end, serial.start);
                (area, serial, is_one.then_some(separator)?)
            }
            _ => return None,
        };
        let is_named = || {
            seen.words_before(first.start, NAME_BEFORE).next().is_some()
                && self.name.is_match(line_before(text, first.start, NAME_BEFORE))
        };
        let digits: String = slice(text, first.start, last.end).chars().filter(char::is_ascii_digit).collect();
        let is_one = is_assigned(&digits) && stands_alone(text, first.start, last.end);
        let is_plain = || separator.is_empty() && self.is_likely(text, first.start, first.end);
        // Hyphens make a layout that nothing else has, and blanks do where no further number stands in the row.
        (is_one && (separator == "-" || separator == " " && is_row || is_named() || is_plain()))
            .then(|| Finding::token(first.start, last.end, "ssn", Class::Ssn, digits))
    }

    /// Whether nine digits that nothing names are more likely somebody's than a count or an id: they stand for themselves, or people write of
    /// them, and no other word calls or counts them.
    fn is_likely(&self, text: &str, start: usize, end: usize) -> bool {
        let (head, tail) = (line_before(text, start, AROUND), line_behind(text, end, AROUND));
        let near = line_before(text, start, NAME_BEFORE);
        !is_called_otherwise(text, start)
            && (stands_out(head, tail) || self.person.is_match(near) || self.spoken.is_match(tail))
            && !self.unit.is_match(tail)
    }
}

/// Whether a number between these stands as what a sentence is about: in quotes or brackets of its own, or in a cell of a table, and no
/// name gives it.
fn stands_out(head: &str, tail: &str) -> bool {
    let (head, tail) = (head.trim_end_matches('\\'), tail.trim_start_matches('\\'));
    let is_enclosed = match (head.chars().next_back(), tail.chars().next()) {
        (Some(open @ ('"' | '\'' | '`')), Some(close)) => open == close,
        (Some('<'), Some('>')) | (Some('['), Some(']')) => {
            !before(head, head.len() - 1).is_some_and(char::is_alphanumeric)
        }
        _ => head.ends_with("| ") && tail.starts_with(" |"),
    };
    let is_sentence = || head.bytes().chain(tail.bytes()).any(|byte| byte.is_ascii_alphabetic());
    let is_neutral = |name: &str| NEUTRAL.iter().any(|neutral| name.eq_ignore_ascii_case(neutral));
    is_enclosed && is_sentence() && given_name(head).is_none_or(is_neutral)
}

/// The name that a sign gives to what follows a text: `"total": "`, `pages=<`, `ids=['1', '`.
fn given_name(head: &str) -> Option<&str> {
    const MARKS: &[char] = &['"', '\'', '`', '\\', ' '];
    const OPEN: &[char] = &['[', '(', '{', '<'];
    let is_mark = |char: char| MARKS.contains(&char) || OPEN.contains(&char);
    let mut head = head.trim_end_matches(is_mark);
    if head.ends_with(',') {
        head = slice(head, 0, head.rfind(OPEN)?).trim_end_matches(is_mark);
    }
    let head = head.strip_suffix("=>").or_else(|| head.strip_suffix(['=', ':']))?.trim_end_matches(MARKS);
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    let name = slice(head, run_start(head, head.len(), head.len(), is_part), head.len());
    (!name.is_empty()).then_some(name)
}

impl Detector for Ssn {
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>) {
        for chain in seen.survey.chains(DIGITS) {
            found.extend((0..chain.len()).filter_map(|at| self.number(seen, chain.get(at..)?, at == 0)));
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Chain(DIGITS)
    }

    fn words(&self) -> Vec<String> {
        WORDS.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// The social security numbers that are all of a text, whatever groups their nine digits; none if anything else is in it.
pub(super) fn alone(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut at = 0;
    for part in text.split([' ', ',', ';']) {
        let groups: Vec<&str> = part.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let digits = groups.concat();
        let is_one = matches!(lengths.as_slice(), [9] | [3, 6] | [5, 4] | [3, 2, 4])
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && is_assigned(&digits);
        if is_one {
            found.push(Finding::token(at, at + part.len(), "ssn", Class::Ssn, digits));
        } else if !part.is_empty() {
            return Vec::new();
        }
        at += part.len() + 1;
    }
    found
}

fn is_assigned(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let area = part(0..3);
    area != "000" && area != "666" && !area.starts_with('9') && part(3..5) != "00" && part(5..9) != "0000"
}
