//! Health identifiers (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(H)–(J)): numbers of medical records, patients and insurance
//! that their name tells. Without a name such a number is any number.

use regex::Regex;

use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::Anchor;
use crate::redact::token::{self, Class};

#[derive(Debug)]
pub(super) struct HealthIds(Regex);

impl HealthIds {
    pub(super) fn new() -> Result<Self, String> {
        Regex::new(concat!(
            r"(?i)\b(?:mrn|medical[\s_.-]?record(?:[\s_.-]?(?:number|no|id))?|patient[\s_.-]?(?:id|number|no)|",
            r"(?P<public>(?:social|national)[\s_.-]?)?(?:health[\s_.-]?)?insurance[\s_.-]?(?:id|number|no)|health[\s_.-]?plan[\s_.-]?(?:id|number)|",
            r"(?:medicaid)(?:[\s_.-]?(?:id|number|no))?)",
            r#"["'\\]{0,3}\s{0,3}[:=#]{1,2}\s{0,3}["'\\]{0,3}(?P<value>[A-Za-z]{0,4}[-\s]?\d[\dA-Za-z]*(?:[- ]?\d[\dA-Za-z]*){0,4})"#,
        ))
        .map(Self)
        .map_err(|error| error.to_string())
    }
}

impl Detector for HealthIds {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        // Social insurance is not health insurance: its numbers have check digits.
        let numbers = self.0.captures_iter(text).filter(|captures| captures.name("public").is_none());
        for one in numbers.filter_map(|captures| captures.name("value")) {
            let canonical = canonical(one.as_str());
            if canonical.len() >= 5 && token::shape(one.as_str()).is_none() {
                found.push(Finding::token(one.start(), one.end(), "health_id", Class::Health, canonical));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::words(["mrn", "medical", "patient", "insurance", "plan", "medicaid"])
    }
}

/// Letters and digits, upper case: how such a number is grouped is not part of it.
pub(crate) fn canonical(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}
