//! The last look: what a detector found once must not stand anywhere else, in a place where its context does not show it.
//!
//! Only values that are distinctive are looked for. A password that is an ordinary word would take that word from every
//! sentence, and whoever can write a log line could blank a bundle so.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

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
    pub(crate) fn sweeper(self) -> Result<Option<Sweeper>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (values, replacements): (Vec<String>, Vec<Replaced>) = self.0.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            // The dearest to build is not worth it for one document.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&values)
            .map_err(|error| error.to_string())?;
        Ok(Some(Sweeper { automaton, replacements }))
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

/// Finds known values between the boundaries of words.
#[derive(Debug)]
pub(crate) struct Sweeper {
    automaton: AhoCorasick,
    replacements: Vec<Replaced>,
}

impl Sweeper {
    /// The text with every known value replaced, and what was; `None` if nothing is. A value of a class that stays here stays.
    pub(crate) fn replace(&self, text: &str, actions: &Actions) -> Option<(String, Vec<remarks::Replaced>)> {
        let mut out = String::new();
        let mut edits = Vec::new();
        let mut at = 0;
        for found in self.automaton.find_iter(text) {
            let before = text.get(..found.start()).and_then(|head| head.chars().next_back());
            let after = text.get(found.end()..).and_then(|rest| rest.chars().next());
            if before.is_some_and(char::is_alphanumeric) || after.is_some_and(char::is_alphanumeric) {
                continue;
            }
            let Some(replaced) = self.replacements.get(found.pattern().as_usize()) else { continue };
            let by = match replaced.class.map(|class| actions.of(class)) {
                Some(ClassAction::Keep) => continue,
                Some(ClassAction::Withhold) => WITHHELD,
                Some(ClassAction::Token) | None => &replaced.by,
            };
            out.push_str(text.get(at..found.start()).unwrap_or_default());
            out.push_str(by);
            at = found.end();
            edits.push(remarks::Replaced { rule: RULE, length: found.len() });
        }
        if edits.is_empty() {
            return None;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Some((out, edits))
    }
}
