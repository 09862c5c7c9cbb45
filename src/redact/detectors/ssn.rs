//! United States social security numbers, by the rules of their assignment: no area 000, 666 or 900 to 999, no group 00, no
//! serial 0000 (<https://www.ssa.gov/employer/randomization.html>).

use regex::Regex;

use super::text::{run_start, slice, stands_alone};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::Anchor;
use crate::redact::token::Class;

/// How far before a number its name may stand.
const NAME_BEFORE: usize = 40;

#[derive(Debug)]
pub(super) struct Ssn {
    number: Regex,
    name: Regex,
}

impl Ssn {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            number: compile(r"(?-u)\d{3}([- .]?)\d{2}([- .]?)\d{4}")?,
            name: compile(
                r"(?i)(?:\b|_)(?:ssns?|ss[ _-]?(?:no|num|number|#)|soc(?:ial)?[ _-]?sec(?:urity)?|itin|tax ?payer)",
            )?,
        })
    }
}

impl Detector for Ssn {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        if !has_layout(text.as_bytes()) && !self.name.is_match(text) {
            return;
        }
        for captures in self.number.captures_iter(text) {
            let (Some(number), Some(first), Some(second)) = (captures.get(0), captures.get(1), captures.get(2)) else {
                continue;
            };
            let digits: String = number.as_str().chars().filter(char::is_ascii_digit).collect();
            if first.as_str() != second.as_str()
                || !stands_alone(text, number.start(), number.end())
                || !is_assigned(&digits)
            {
                continue;
            }
            // Only hyphens make a layout that nothing else has.
            let head = run_start(text, number.start(), NAME_BEFORE, |char| char != '\n');
            if first.as_str() == "-" || self.name.is_match(slice(text, head, number.start())) {
                found.push(Finding::token(number.start(), number.end(), "ssn", Class::Ssn, digits));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Digits(9)
    }
}

/// Whether two hyphens stand at the distance that they have in a number.
fn has_layout(text: &[u8]) -> bool {
    memchr::memchr_iter(b'-', text).any(|at| text.get(at + 3) == Some(&b'-'))
}

fn is_assigned(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let area = part(0..3);
    area != "000" && area != "666" && !area.starts_with('9') && part(3..5) != "00" && part(5..9) != "0000"
}
