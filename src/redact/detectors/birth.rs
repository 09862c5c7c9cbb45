//! Dates of birth: a date behind a word that tells what it is.

use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

use super::text::{Here, slice};

/// How far behind the beginning of its name a date may end.
const REACH: usize = 160;

#[derive(Debug)]
pub(super) struct BirthDate(Here);

const WORDS: [&str; 5] = ["dob", "birth", "born", "bday", "geburtsdatum"];

impl BirthDate {
    pub(super) fn new() -> Result<Self, String> {
        const MONTH: &str = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}";
        Here::new(&format!(
            r"(?i)(?:{})[^\d\n]{{0,24}}?(\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})|\d{{1,2}}(?:st|nd|rd|th)?[ .-]+{MONTH}[ ,.-]+\d{{4}}|{MONTH}[ .]+\d{{1,2}}(?:st|nd|rd|th)?,?[ ]+\d{{4}}|(?:19|20)\d{{6}})\b",
            WORDS.join("|")
        ))
        .map(Self)
    }
}

impl Detector for BirthDate {
    fn find(&self, Seen { text, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for word in words {
            if let Some((_, date)) = self.0.find(text, word.start, word.start + REACH) {
                let canonical = canonical(slice(text, date.start, date.end));
                found.push(Finding::token(date.start, date.end, "birth_date", Class::BirthDate, canonical));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        WORDS.map(str::to_owned).to_vec()
    }
}

/// ISO 8601 where the order of the parts is certain, else the parts as they were written.
fn canonical(text: &str) -> String {
    let parts: Vec<String> = text
        .to_ascii_lowercase()
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(|part| {
            month(part)
                .map_or_else(|| part.trim_end_matches(char::is_alphabetic).to_owned(), |month| format!("m{month:02}"))
        })
        .collect();
    let padded = |part: &str| format!("{part:0>2}");
    match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [compact] if compact.len() == 8 => {
            let (year, rest) = compact.split_at(4);
            let (month, day) = rest.split_at(2);
            format!("{year}-{month}-{day}")
        }
        [year, month, day] if year.len() == 4 => format!("{year}-{}-{}", padded(month), padded(day)),
        [day, month, year] | [month, day, year] if month.starts_with('m') && year.len() == 4 => {
            format!("{year}-{}-{}", month.trim_start_matches('m'), padded(day))
        }
        [first, second, year] if year.len() == 4 && is_above_twelve(first) => {
            format!("{year}-{}-{}", padded(second), padded(first))
        }
        [first, second, year] if year.len() == 4 && is_above_twelve(second) => {
            format!("{year}-{}-{}", padded(first), padded(second))
        }
        parts => parts.join("/"),
    }
}

fn is_above_twelve(part: &str) -> bool {
    part.parse::<u8>().is_ok_and(|number| number > 12)
}

fn month(word: &str) -> Option<usize> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    MONTHS.iter().position(|month| word.starts_with(month)).map(|index| index + 1)
}
