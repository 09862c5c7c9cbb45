//! Health identifiers (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(H)–(J)): numbers of medical records, patients and insurance
//! that their name tells. Without a name such a number is any number.

use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::{self, Class};

use super::text::{Here, run_start, slice};

/// How far behind the beginning of its name a number may end.
const REACH: usize = 160;

#[derive(Debug)]
pub(super) struct HealthIds(Here);

impl HealthIds {
    pub(super) fn new() -> Result<Self, String> {
        Here::new(concat!(
            r"(?i)\b(?:mrn|medical[\s_.-]?record(?:[\s_.-]?(?:number|no|id))?|patient[\s_.-]?(?:id|number|no)|",
            r"(?:health[\s_.-]?)?insurance[\s_.-]?(?:id|number|no)|health[\s_.-]?plan[\s_.-]?(?:id|number)|",
            r"(?:medicaid)(?:[\s_.-]?(?:id|number|no))?)",
            r#"["'\\]{0,3}\s{0,3}[:=#]{1,2}\s{0,3}["'\\]{0,3}([A-Za-z]{0,4}[-\s]?\d[\dA-Za-z]*(?:[- ]?\d[\dA-Za-z]*){0,4})"#,
        ))
        .map(Self)
    }
}

impl Detector for HealthIds {
    fn find(&self, Seen { text, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for word in words.iter().filter(|word| !is_public(text, word.start)) {
            let Some((_, number)) = self.0.find(text, word.start, word.start + REACH) else { continue };
            let canonical = canonical(slice(text, number.start, number.end));
            if canonical.len() >= 5 && token::shape(slice(text, number.start, number.end)).is_none() {
                found.push(Finding::token(number.start, number.end, "health_id", Class::Health, canonical));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        ["mrn", "medical", "patient", "insurance", "health", "medicaid"].map(str::to_owned).to_vec()
    }
}

/// Whether a name goes on before `start`: social insurance is not health insurance, and its numbers have check digits.
fn is_public(text: &str, start: usize) -> bool {
    let head = slice(text, run_start(text, start, 10, |char| char != '\n'), start).to_ascii_lowercase();
    let head = head.trim_end_matches([' ', '_', '.', '-']);
    head.ends_with("social") || head.ends_with("national")
}

/// Letters and digits, upper case: how such a number is grouped is not part of it.
pub(crate) fn canonical(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}
