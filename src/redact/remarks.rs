//! What a walk did to each field: the remarks of the bundle.

use std::collections::BTreeMap;

use super::catalogue::why;
use super::detect::Finding;
use super::edits::Edit;
use crate::model::Remark;

/// What a rule replaced in one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Edits.
    pub(crate) count: u64,
    /// Bytes that were replaced, all edits together.
    pub(crate) length: u64,
}

/// One edit: which rule, and how many bytes it replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replaced {
    pub(crate) rule: &'static str,
    pub(crate) length: usize,
}

impl From<Edit> for Replaced {
    fn from(edit: Edit) -> Self {
        Self { rule: edit.rule, length: edit.end.saturating_sub(edit.start) }
    }
}

impl From<&Finding> for Replaced {
    fn from(finding: &Finding) -> Self {
        Self { rule: finding.rule, length: finding.end.saturating_sub(finding.start) }
    }
}

/// The edits of a document by field (JSON pointer) and rule.
#[derive(Debug, Default)]
pub(crate) struct Remarks(BTreeMap<(String, &'static str), Tally>);

impl Remarks {
    /// Notes an edit of the field at `pointer`.
    pub(crate) fn note(&mut self, pointer: &str, Replaced { rule, length }: Replaced) {
        self.add((pointer.to_owned(), rule), Tally { count: 1, length: length as u64 });
    }

    /// Takes over what another walk over the same document did.
    pub(crate) fn merge(&mut self, other: Self) {
        for (place, tally) in other.0 {
            self.add(place, tally);
        }
    }

    /// A field that was edited.
    pub(crate) fn first(&self) -> Option<&str> {
        self.0.keys().next().map(|(pointer, _)| pointer.as_str())
    }

    /// Each rule with its edits, once for every field.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|((_, rule), tally)| (*rule, tally.count))
    }

    /// As they stand in the bundle, in the order of path and rule.
    pub(crate) fn report(self) -> Vec<Remark> {
        let remarks = self.0.into_iter().map(|((path, rule), Tally { count, length })| Remark {
            path,
            rule: rule.to_owned(),
            reason: why(rule).to_owned(),
            count,
            length,
        });
        remarks.collect()
    }

    fn add(&mut self, place: (String, &'static str), Tally { count, length }: Tally) {
        let tally = self.0.entry(place).or_default();
        tally.count += count;
        tally.length += length;
    }
}
