//! The last look: what a detector found once must not stand anywhere else, in a place where its context does not show it.
//!
//! Only values that are distinctive are looked for. A password that is an ordinary word would take that word from every
//! sentence, and whoever can write a log line could blank a bundle so.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use super::actions::Actions;
use super::detect::{Action, Engine, Finding, WITHHELD};
use super::remarks;
use super::token::Class;
use crate::config::ClassAction;

/// The rule's name in remarks.
const RULE: &str = "known_value";

/// Shortest value that is looked for.
const MIN_LEN: usize = 6;

/// Raw values found, and what each became.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, Replaced>);

/// What a value became.
#[derive(Debug)]
struct Replaced {
    by: String,
    /// The class it was found as; none where it was withheld without one, or found as several.
    class: Option<Class>,
}

impl Known {
    /// Notes the distinctive values of a text's findings.
    pub(crate) fn learn(&mut self, text: &str, findings: &[Finding], engine: &Engine) {
        for finding in findings {
            let Some(raw) =
                text.get(finding.start..finding.end).map(str::trim).filter(|raw| is_distinctive(raw, &finding.action))
            else {
                continue;
            };
            let class = match finding.action {
                Action::Token(class, _) => Some(class),
                Action::Keep | Action::Withhold => None,
            };
            let by = LazyCell::new(|| engine.replacement(&finding.action));
            if let Action::Token(_, canonical) = &finding.action
                && is_distinctive(canonical, &finding.action)
            {
                self.note(canonical, class, || by.clone());
            }
            self.note(raw, class, || by.clone());
        }
    }

    /// The first finding of a value says what it becomes.
    fn note(&mut self, value: &str, class: Option<Class>, by: impl FnOnce() -> Option<String>) {
        if let Some(known) = self.0.get_mut(value) {
            known.class = known.class.filter(|known| Some(*known) == class);
        } else if let Some(by) = by() {
            self.0.insert(value.to_owned(), Replaced { by, class });
        }
    }

    /// What looks for them; `None` where nothing was found.
    pub(crate) fn sweeper(self) -> Option<Sweeper> {
        (!self.0.is_empty()).then(|| Sweeper::of(self.0))
    }
}

fn is_distinctive(raw: &str, action: &Action) -> bool {
    let has_digit = raw.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = raw.chars().any(char::is_alphabetic);
    let is_one_line = !raw.contains('\n');
    raw.len() >= MIN_LEN
        && raw != WITHHELD
        && match action {
            Action::Keep => false,
            Action::Token(
                Class::Email
                | Class::Phone
                | Class::Card
                | Class::Iban
                | Class::Ssn
                | Class::Ip
                | Class::Mac
                | Class::Imei
                | Class::Wallet,
                _,
            ) => true,
            Action::Token(Class::Secret | Class::UrlCredential, _) => has_digit || !is_one_line,
            Action::Token(Class::Name | Class::Address, _) => raw.contains(char::is_whitespace),
            Action::Token(Class::User | Class::Opaque | Class::Health | Class::NationalId | Class::BirthDate, _) => {
                has_digit && (has_letter || raw.len() >= 9)
            }
            Action::Withhold => raw.len() >= 8 && has_digit && has_letter,
        }
}

/// A value that is looked for.
#[derive(Debug)]
struct Sought {
    value: String,
    replaced: Replaced,
    /// The longest other value that this one begins with.
    within: Option<usize>,
}

/// Finds known values between the boundaries of words: leftmost, then longest.
///
/// Each document has values of its own, and is not much longer than all of them: an automaton would take longer to make than to use. Here the
/// values are in order, and where a word begins with the first bytes of one, what stands there is looked up among them.
#[derive(Debug)]
pub(crate) struct Sweeper {
    sought: Vec<Sought>,
    /// One bit for each hash that the first bytes of a value have: a power of two of bits.
    beginnings: Vec<u64>,
}

impl Sweeper {
    fn of(known: BTreeMap<String, Replaced>) -> Self {
        // Sixteen bits a value, so that few words are looked for in vain.
        let mut beginnings = vec![0; known.len().div_ceil(4).next_power_of_two()];
        let mut sought: Vec<Sought> = Vec::with_capacity(known.len());
        for (value, replaced) in known {
            if let Some((index, bit)) = beginning(value.as_bytes(), beginnings.len()) {
                beginnings[index] |= bit;
            }
            // In order, what a value begins with stands before it, and between the two nothing that does not.
            let mut within = sought.len().checked_sub(1);
            while let Some(index) = within.filter(|index| !value.starts_with(&sought[*index].value)) {
                within = sought[index].within;
            }
            sought.push(Sought { value, replaced, within });
        }
        Self { sought, beginnings }
    }

    /// The text with every known value replaced, and what was; `None` if nothing is. A value of a class that stays here stays.
    pub(crate) fn replace(&self, text: &str, actions: &Actions) -> Option<(String, Vec<remarks::Replaced>)> {
        let mut out = String::new();
        let mut edits = Vec::new();
        let (mut at, mut written) = (0, 0);
        while let Some(rest) = text.as_bytes().get(at..).filter(|rest| rest.len() >= MIN_LEN) {
            let is_inside =
                at.checked_sub(1).and_then(|before| text.as_bytes().get(before)).is_some_and(u8::is_ascii_alphanumeric);
            let may_begin = !is_inside && self.may_begin(rest);
            let Some((length, by)) = may_begin.then(|| self.find(text, at, actions)).flatten() else {
                at += 1;
                continue;
            };
            out.push_str(text.get(written..at).unwrap_or_default());
            out.push_str(by);
            at += length;
            written = at;
            edits.push(remarks::Replaced { rule: RULE, length });
        }
        if edits.is_empty() {
            return None;
        }
        out.push_str(text.get(written..).unwrap_or_default());
        Some((out, edits))
    }

    fn may_begin(&self, bytes: &[u8]) -> bool {
        beginning(bytes, self.beginnings.len())
            .is_some_and(|(index, bit)| self.beginnings.get(index).is_some_and(|bits| bits & bit != 0))
    }

    /// The length of the longest value that stands at `at` as words of their own, and what takes its place.
    fn find(&self, text: &str, at: usize, actions: &Actions) -> Option<(usize, &str)> {
        let (head, rest) = text.split_at_checked(at)?;
        if head.chars().next_back().is_some_and(char::is_alphanumeric) {
            return None;
        }
        // Whatever `rest` begins with, the last value that is not behind it in order begins with too.
        let mut next = self.sought.partition_point(|sought| sought.value.as_str() <= rest).checked_sub(1);
        while let Some(Sought { value, replaced, within }) = next.and_then(|index| self.sought.get(index)) {
            let behind = rest.strip_prefix(value.as_str());
            if behind.is_some_and(|behind| !behind.chars().next().is_some_and(char::is_alphanumeric)) {
                match replaced.class.map(|class| actions.of(class)) {
                    Some(ClassAction::Keep) => {}
                    Some(ClassAction::Withhold) => return Some((value.len(), WITHHELD)),
                    Some(ClassAction::Token) | None => return Some((value.len(), &replaced.by)),
                }
            }
            next = *within;
        }
        None
    }
}

/// Where the bit of a text's first four bytes stands in so many words of 64 bits, which are a power of two. `None` for a shorter text.
fn beginning(text: &[u8], words: usize) -> Option<(usize, u64)> {
    let first = u32::from_le_bytes(*text.first_chunk()?);
    // Multiplicative hashing (Knuth, The Art of Computer Programming, vol. 3, 6.4): the upper bits are the good ones.
    let hash = u64::from(first).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let index = usize::try_from(hash >> 6).unwrap_or_default() & (words - 1);
    Some((index, 1 << (hash & 63)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test")]

    use proptest::prelude::*;

    use super::*;

    fn sweeper(values: &[&str]) -> Sweeper {
        let replaced = |value: &&str| ((*value).to_owned(), Replaced { by: format!("<{}>", value.len()), class: None });
        Sweeper::of(values.iter().map(replaced).collect())
    }

    fn swept(values: &[&str], text: &str) -> Option<String> {
        sweeper(values).replace(text, &Actions::default()).map(|(text, _)| text)
    }

    #[test]
    fn the_longest_value_that_ends_where_a_word_does_is_replaced() {
        let values = ["4711-0815", "4711-0815-ab", "4711-0815-ab-77", "ann@corp.example", "straße 12"];
        for (text, expected) in [
            ("of 4711-0815-ab-77.", Some("of <15>.")),
            // The longer one does not end here, and hides nothing.
            ("of 4711-0815-abc, 4711-0815", Some("of <9>-abc, <9>")),
            ("x4711-0815 4711-08150 é4711-0815", None),
            ("4711-0815é 4711-0815-ab", Some("4711-0815é <12>")),
            ("ann@corp.example,ann@corp.example", Some("<16>,<16>")),
            ("Hauptstraße 12, straße 12/straße 123", Some("Hauptstraße 12, <10>/straße 123")),
            ("4711-0", None),
            ("", None),
        ] {
            assert_eq!(swept(&values, text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        /// What a plain search at every place finds.
        #[test]
        fn values_are_found_as_a_plain_search_finds_them(
            values in prop::collection::btree_set("(ab|b[.]|é){3,5}", 1..40),
            text in "(ab|b[.]|é| ){0,40}",
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let is_word = |found: Option<char>| found.is_some_and(char::is_alphanumeric);
            let mut expected = String::new();
            let mut rest = text.as_str();
            while let Some(next) = rest.chars().next() {
                let head = &text[..text.len() - rest.len()];
                let fits = |value: &&&str| {
                    rest.starts_with(**value) && !is_word(head.chars().next_back()) && !is_word(rest[value.len()..].chars().next())
                };
                let length = values.iter().filter(fits).map(|value| value.len()).max();
                match length {
                    Some(length) => expected.push_str(&format!("<{length}>")),
                    None => expected.push(next),
                }
                rest = &rest[length.unwrap_or(next.len_utf8())..];
            }
            prop_assert_eq!(swept(&values, &text).unwrap_or(text), expected);
        }
    }
}
