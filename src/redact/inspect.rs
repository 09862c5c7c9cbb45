//! Single texts, for people who tune rules: what becomes of one, and which rule did it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::Redactor;
use super::detect::Engine;
use super::edits::{Edit, Origin};
use super::walk::Rules;
use super::{statement, structured};

/// What kind of field a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextKind {
    /// A message, a line of a log: any text.
    #[default]
    Message,
    /// A database statement: its literals go.
    Sql,
    /// A URL, path or query: its parameters are judged by their names.
    Url,
    /// A JSON document: its fields are judged by their names.
    Json,
}

/// A text after redaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The redacted text.
    pub text: String,
    /// What was replaced, in the order of its place.
    pub remarks: Vec<TextRemark>,
}

/// A part of a text that was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TextRemark {
    /// Name of the rule.
    pub rule: &'static str,
    /// Class of the token, or `withheld`.
    pub class: &'static str,
    /// First byte, in the text as it came.
    pub start: usize,
    /// One past the last byte, in the text as it came.
    pub end: usize,
}

impl Redactor {
    /// Redacts one text and tells what was replaced.
    ///
    /// # Errors
    /// If a detector panicked: nothing of the text may be shown.
    pub fn inspect(&self, kind: TextKind, text: &str) -> Result<Inspected, String> {
        self.inspect_of("", kind, text)
    }

    /// As [`Redactor::inspect`], of a text that this service sent.
    ///
    /// # Errors
    /// If a detector panicked: nothing of the text may be shown.
    pub fn inspect_of(&self, service: &str, kind: TextKind, text: &str) -> Result<Inspected, String> {
        let rules = self.compiled.policy.of(service);
        // The rules are never changed, so nothing half done can be seen after a panic.
        catch_unwind(AssertUnwindSafe(|| inspect(rules, kind, text)))
            .map_err(|_| "a detector panicked: the text is held back".to_owned())
    }
}

fn inspect(rules: &Rules, kind: TextKind, text: &str) -> Inspected {
    if kind == TextKind::Sql {
        return inspect_statement(&rules.engine, text);
    }
    let known = match kind {
        TextKind::Url => structured::parameters(&rules.keys, text),
        TextKind::Message => rules.alone(text),
        _ => Vec::new(),
    };
    let (text, edits) = rules.engine.settle(text, rules.engine.scan_with(text, known));
    Inspected { text, remarks: remarks(edits) }
}

/// Literals first: what is found in the rest lies where the rest lay.
fn inspect_statement(engine: &Engine, text: &str) -> Inspected {
    let (stripped, cuts) = statement::cut_literals(text, None);
    let (text, edits) = engine.settle(&stripped, engine.scan(&stripped));
    let literals =
        cuts.iter().map(|cut| Edit { rule: "statement_literal", class: "withheld", start: cut.from, end: cut.to });
    let literals: Vec<Edit> = literals.collect();
    let origin = Origin::after(cuts);
    let rest = edits.into_iter().map(|edit| Edit {
        start: origin.of(edit.start, false),
        end: origin.of(edit.end, true),
        ..edit
    });
    Inspected { text, remarks: remarks(literals.into_iter().chain(rest).collect()) }
}

fn remarks(edits: Vec<Edit>) -> Vec<TextRemark> {
    let mut remarks: Vec<TextRemark> =
        edits.into_iter().map(|Edit { rule, class, start, end }| TextRemark { rule, class, start, end }).collect();
    remarks.sort_by_key(|remark| (remark.start, remark.end, remark.rule));
    remarks
}
