//! Remarks of a redactor that move with what they are about.
//!
//! A remark points to a field by its place (`/logs/window/3/msg`), and merging changes places. So remarks are lifted off a
//! document together with the items they are about, and laid down again where those come to stand.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::Remark;

/// The remarks of one document.
#[derive(Debug, Default)]
pub(super) struct Remarks(Vec<Remark>);

/// An item and the remarks about it, with paths below the item.
#[derive(Debug, Clone)]
pub(super) struct Marked<T> {
    pub(super) value: T,
    remarks: Vec<Remark>,
}

impl<T> Marked<T> {
    /// The `value` of a field, with the remarks about it.
    pub(super) fn field<F>(&self, path: &str, value: F) -> Marked<F> {
        let about = self.remarks.iter().filter(|remark| remark.path == path);
        Marked { value, remarks: about.map(|remark| Remark { path: String::new(), ..remark.clone() }).collect() }
    }
}

impl Remarks {
    /// Takes the remarks over.
    pub(super) fn of(remarks: &mut Vec<Remark>) -> Self {
        Self(std::mem::take(remarks))
    }

    /// Takes off the items of the list at `path`, each with its remarks.
    pub(super) fn lift<T>(&mut self, path: &str, items: &mut Vec<T>) -> Vec<Marked<T>> {
        let mut lifted: Vec<Marked<T>> =
            std::mem::take(items).into_iter().map(|value| Marked { value, remarks: Vec::new() }).collect();
        for remark in self.take(path) {
            let (index, below) = split(&remark.path);
            if let Some(item) = index.parse::<usize>().ok().and_then(|index| lifted.get_mut(index)) {
                item.remarks.push(Remark { path: below, ..remark });
            }
        }
        lifted
    }

    /// Lays items down as the list at `path`.
    pub(super) fn lay<T>(&mut self, path: &str, items: Vec<Marked<T>>) -> Vec<T> {
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                self.put(&format!("{path}/{index}"), item.remarks);
                item.value
            })
            .collect()
    }

    /// Takes the remarks about what stands at `path` and below it.
    pub(super) fn take(&mut self, path: &str) -> Vec<Remark> {
        let below = |remark: &Remark| {
            let rest = remark.path.strip_prefix(path)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        let (taken, left): (Vec<Remark>, Vec<Remark>) =
            std::mem::take(&mut self.0).into_iter().partition(|remark| below(remark).is_some());
        self.0 = left;
        taken.into_iter().map(|remark| Remark { path: below(&remark).unwrap_or_default(), ..remark }).collect()
    }

    /// Puts remarks under `path`.
    pub(super) fn put(&mut self, path: &str, remarks: Vec<Remark>) {
        self.0.extend(remarks.into_iter().map(|remark| Remark { path: format!("{path}{}", remark.path), ..remark }));
    }

    /// All of them in order, of each field and rule one.
    pub(super) fn sorted(self) -> Vec<Remark> {
        let mut merged: BTreeMap<(String, String), Remark> = BTreeMap::new();
        for remark in self.0 {
            match merged.entry((remark.path.clone(), remark.rule.clone())) {
                Entry::Vacant(place) => {
                    place.insert(remark);
                }
                Entry::Occupied(mut other) => {
                    let other = other.get_mut();
                    other.count = other.count.saturating_add(remark.count);
                    other.length = other.length.saturating_add(remark.length);
                }
            }
        }
        merged.into_values().collect()
    }
}

/// A key as one step of a JSON pointer (RFC 6901, section 3).
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `/3/msg` as `3` and `/msg`.
fn split(path: &str) -> (&str, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').map_or((path, String::new()), |(index, below)| (index, format!("/{below}")))
}
