//! United States social security numbers, by the rules of their assignment: no area 000, 666 or 900 to 999, no group 00, no
//! serial 0000 (<https://www.ssa.gov/employer/randomization.html>).

use regex::Regex;

use super::text::{run_start, slice, stands_alone};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::survey::Span;
use crate::redact::token::Class;

/// How far before a number its name may stand.
const NAME_BEFORE: usize = 40;
/// How many digits a number has.
const DIGITS: usize = 9;

/// What a name of the number has in it.
const WORDS: &[&str] = &[
    "ssn", "ssno", "ss no", "ss_no", "ss-no", "ssnum", "ss num", "ss_num", "ss-num", "ss#", "ss #", "sec", "itin",
    "payer",
];

#[derive(Debug)]
pub(super) struct Ssn {
    name: Regex,
}

impl Ssn {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            name: compile(
                r"[a-z]S(?i:sn)|(?i)(?:\b|_)(?:ssns?|ss[ _-]?(?:no|num|number|#)|soc(?:ial)?[ _-]?sec(?:urity)?|itin|tax ?payer)",
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
            let head = run_start(text, first.start, NAME_BEFORE, |char| char != '\n');
            seen.has_word_before(first.start, NAME_BEFORE) && self.name.is_match(slice(text, head, first.start))
        };
        let digits: String = slice(text, first.start, last.end).chars().filter(char::is_ascii_digit).collect();
        let is_one = is_assigned(&digits) && stands_alone(text, first.start, last.end);
        // Hyphens make a layout that nothing else has, and blanks do where no further number stands in the row.
        (is_one && (separator == "-" || separator == " " && is_row || is_named()))
            .then(|| Finding::token(first.start, last.end, "ssn", Class::Ssn, digits))
    }
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

fn is_assigned(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let area = part(0..3);
    area != "000" && area != "666" && !area.starts_with('9') && part(3..5) != "00" && part(5..9) != "0000"
}
