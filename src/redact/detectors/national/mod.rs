//! National numbers of people, firms and health systems. A number counts beside a word that names it and with right check
//! digits, where it has any: a number with a wrong one is another number.

mod checks;
mod table;

use std::sync::LazyLock;

use regex::Regex;

use super::text::{after, before, slice, stands_alone};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

pub(crate) use self::table::IDS;

/// How far behind its name a number may stand, and how far before it.
const BEHIND: usize = 48;
const BEFORE: usize = 28;

/// A kind of number.
#[derive(Debug)]
pub(crate) struct Id {
    /// Country and number, the beginning of the canonical form.
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// What it is called, in lower case.
    pub(crate) words: &'static [&'static str],
    /// Whether its check digits are worth so much that any name of a personal number will do.
    pub(crate) named_in_general: bool,
    /// How it is written.
    pub(crate) pattern: &'static str,
    /// Whether its check digits are right. It gets capitals and digits only.
    pub(crate) check: fn(&str) -> bool,
    /// Who defines it.
    pub(crate) source: &'static str,
}

static PATTERNS: LazyLock<Result<Vec<Regex>, String>> = LazyLock::new(|| {
    let compile = |id: &Id| Regex::new(&format!("(?i-u){}", id.pattern)).map_err(|error| error.to_string());
    IDS.iter().map(compile).collect()
});

#[derive(Debug)]
pub(super) struct National {
    /// For each word, the kinds that it names.
    named: Vec<Vec<usize>>,
    patterns: Vec<Regex>,
}

impl National {
    pub(super) fn new() -> Result<Self, String> {
        let list = words();
        let kinds = |word: &str| {
            let word = &*word.to_lowercase();
            let named = IDS
                .iter()
                .enumerate()
                .filter(|(_, id)| id.words.contains(&word) || id.named_in_general && table::GENERAL.contains(&word));
            named.map(|(index, _)| index).collect()
        };
        Ok(Self { named: list.iter().map(|word| kinds(word)).collect(), patterns: PATTERNS.clone()? })
    }

    /// The numbers of one kind around its name.
    fn around(&self, text: &str, kind: usize, start: usize, end: usize, found: &mut Vec<Finding>) {
        let (Some(id), Some(pattern)) = (IDS.get(kind), self.patterns.get(kind)) else { return };
        let from = text.floor_char_boundary(start.saturating_sub(BEFORE));
        let to = text.ceil_char_boundary(end.saturating_add(BEHIND));
        for one in pattern.find_iter(slice(text, from, to)) {
            let (first, last) = (from + one.start(), from + one.end());
            let compact: String = one
                .as_str()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|char| char.to_ascii_uppercase())
                .collect();
            if stands_alone(text, first, last) && (id.check)(&compact) {
                found.push(Finding::token(first, last, "national_id", id.class, format!("{}:{compact}", id.name)));
            }
        }
    }
}

impl Detector for National {
    fn find(&self, Seen { text, survey, words }: Seen<'_>, found: &mut Vec<Finding>) {
        // A text of nothing but names is looked at once for each kind, not once for each name.
        let mut done: Vec<usize> = Vec::new();
        for word in words {
            if !survey.has_digit_within(word.start.saturating_sub(BEFORE), word.end + BEHIND)
                || !is_word(text, word.start, word.end)
            {
                continue;
            }
            done.resize(IDS.len(), 0);
            for kind in self.named.get(word.index).into_iter().flatten() {
                let Some(done) = done.get_mut(*kind).filter(|done| **done <= word.start) else { continue };
                *done = word.end + BEHIND / 2;
                self.around(text, *kind, word.start, word.end, found);
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        words()
    }
}

/// Every name, also in capitals where the automaton, which knows ASCII only, would not see that they are the same.
fn words() -> Vec<String> {
    let names = IDS.iter().flat_map(|id| id.words).chain(table::GENERAL);
    let mut words: Vec<String> = names
        .flat_map(|name| [Some((*name).to_owned()), (!name.is_ascii()).then(|| name.to_uppercase())])
        .flatten()
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether letters do not go on around a name. In `customerTfn` it begins with a capital.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let begins = !before(text, start).is_some_and(char::is_alphabetic)
        || after(text, start).is_some_and(char::is_uppercase) && before(text, start).is_some_and(char::is_lowercase);
    let tail = after(text, end);
    let is_plural = tail == Some('s') && !after(text, end + 1).is_some_and(char::is_alphabetic);
    let is_camel = tail.is_some_and(char::is_uppercase) && before(text, end).is_some_and(char::is_lowercase);
    begins && (!tail.is_some_and(char::is_alphabetic) || is_plural || is_camel)
}
