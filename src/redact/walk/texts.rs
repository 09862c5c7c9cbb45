//! The texts that a walk comes to: what becomes of each, and what is remembered of it.

use std::sync::Arc;

use super::Walk;
use crate::redact::detect::{Finding, says_all};
use crate::redact::encoding;
use crate::redact::memo::{Found, Kind, Print};
use crate::redact::remarks::Replaced;
use crate::redact::statement;
use crate::redact::structured;
use crate::redact::survey::Survey;
use crate::redact::token::Class;

impl Walk<'_> {
    /// Whether detectors find something in a text.
    pub(in crate::redact) fn finds(&self, text: &str) -> bool {
        let print = self.print(Kind::Ours, text);
        if self.is_clean(print) {
            return false;
        }
        let finds = !self.rules.engine.scan(text).is_empty();
        if !finds {
            self.add_clean(print);
        }
        finds
    }

    /// A statement of a database: its literals go, whatever they are.
    pub(super) fn statement(&mut self, text: &mut String, system: Option<&str>) {
        let print = self.print(Kind::Statement(system.unwrap_or_default()), text);
        if !self.is_clean(print) {
            let found = self.found(print).unwrap_or_else(|| {
                let (settled, literals) = statement::cut_literals(text, system);
                let cuts = literals.iter().map(|cut| cut.to.saturating_sub(cut.from));
                let edits: Vec<_> = cuts.map(|length| Replaced { rule: "statement_literal", length }).collect();
                if edits.is_empty() && settled == *text {
                    self.add_clean(print);
                }
                self.add_found(print, Found { findings: Vec::new(), settled, edits })
            });
            text.clone_from(&found.settled);
            self.remark_all(found.edits.iter().copied());
        }
        self.text(text);
    }

    /// A commit id stays, anything else is text.
    pub(in crate::redact) fn revision(&mut self, text: &mut String) {
        if !is_commit(text) {
            self.text(text);
        }
    }

    /// A URL, path or query: parameters whose names tell a secret are withheld besides what detectors find.
    pub(in crate::redact) fn url(&mut self, text: &mut String) {
        let keys = self.keys();
        self.edited(Kind::Url, text, |text| structured::parameters(keys, text));
    }

    /// A text that no name of its own tells anything of.
    pub(in crate::redact) fn message(&mut self, text: &mut String) {
        let rules = self.rules;
        self.edited(Kind::Message, text, |text| rules.alone(text));
    }

    /// Any text.
    pub(in crate::redact) fn text(&mut self, text: &mut String) {
        self.edited(Kind::Text, text, |_| Vec::new());
    }

    /// Redacts a text; what was replaced is noted.
    fn edited(&mut self, kind: Kind<'_>, text: &mut String, known: impl FnOnce(&str) -> Vec<Finding>) {
        if let Some((edited, edits)) = self.edit(kind, text, || known(text)) {
            *text = edited;
            self.remark_all(edits);
        }
    }

    /// The text after redaction, and what was replaced; `None` if it stays as it is. `known` is what a field of this kind has besides what
    /// detectors find.
    pub(super) fn edit(
        &mut self,
        kind: Kind<'_>,
        text: &str,
        known: impl FnOnce() -> Vec<Finding>,
    ) -> Option<(String, Vec<Replaced>)> {
        if let Some(sweeper) = self.sweeper {
            return sweeper.replace(text, self.rules.engine.actions());
        }
        let print = self.print(kind, text);
        if self.is_clean(print) {
            return None;
        }
        if let Some(found) = self.found(print) {
            self.known.learn(text, &found.findings, &self.rules.engine);
            return Some((found.settled.clone(), found.edits.clone()));
        }
        let findings = self.rules.engine.scan_with(text, known());
        if findings.is_empty() {
            self.add_clean(print);
            return None;
        }
        self.known.learn(text, &findings, &self.rules.engine);
        let (settled, edits) = self.rules.engine.settle(text, findings.clone());
        let edits: Vec<Replaced> = edits.into_iter().map(Replaced::from).collect();
        self.add_found(print, Found { findings, settled: settled.clone(), edits: edits.clone() });
        Some((settled, edits))
    }

    fn print(&self, kind: Kind<'_>, text: &str) -> Option<Print> {
        self.rules.memo.print(self.rules.number, kind, text)
    }

    fn is_clean(&self, print: Option<Print>) -> bool {
        print.is_some_and(|print| self.rules.memo.is_clean(print))
    }

    fn add_clean(&self, print: Option<Print>) {
        print.into_iter().for_each(|print| self.rules.memo.add_clean(print));
    }

    fn found(&self, print: Option<Print>) -> Option<Arc<Found>> {
        self.rules.memo.found(print?)
    }

    fn add_found(&self, print: Option<Print>, found: Found) -> Arc<Found> {
        let found = Arc::new(found);
        print.into_iter().for_each(|print| self.rules.memo.add_found(print, &found));
        found
    }

    /// What a text becomes that is one value by its name.
    pub(super) fn token(&mut self, text: &str, class: Class, rule: &'static str) -> String {
        let print = self.print(Kind::Value(class, rule), text);
        if let Some(found) = self.found(print) {
            self.known.learn(text, &found.findings, &self.rules.engine);
            self.remark_all(found.edits.iter().copied());
            return found.settled.clone();
        }
        if says_all(text, 0, text.len(), &self.rules.engine.scan(text)) {
            // An address is an address under every key.
            let mut text = text.to_owned();
            self.text(&mut text);
            return text;
        }
        let findings = vec![Finding::token(0, text.len(), rule, class, class.canonical(text))];
        let settled = self.replace(text, &findings);
        let edits = findings.iter().map(Replaced::from).collect();
        self.add_found(print, Found { findings, settled, edits }).settled.clone()
    }

    pub(super) fn replace(&mut self, text: &str, findings: &[Finding]) -> String {
        self.known.learn(text, findings, &self.rules.engine);
        self.remark_all(findings.iter().map(Replaced::from));
        self.rules.engine.apply(text, findings)
    }
}

/// A whole or abbreviated commit id. Digits alone may be anybody's number and sixteen digits and letters an IBAN, so an
/// abbreviation is short and has a letter; what is hex of a text is that text.
fn is_commit(text: &str) -> bool {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_short = (7..=12).contains(&text.len()) && has_letter;
    is_hex && (is_short || matches!(text.len(), 40 | 64) && encoding::runs(text, &Survey::of(text)).is_empty())
}
