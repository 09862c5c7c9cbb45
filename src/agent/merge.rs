//! A bundle as readers see it: its amendments and the numbers of its manifest merged in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::{Bundle, IncidentNumbers, Manifest};

/// One stored document and its manifest.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) manifest: Manifest,
    pub(super) bundle: Bundle,
}

/// A bundle and what belongs to it.
#[derive(Debug, Clone)]
pub struct BundleView {
    /// The document, with the records of its amendments.
    pub bundle: Bundle,
    /// How often its incident has happened, as of sealing.
    pub numbers: Option<IncidentNumbers>,
    /// The manifests it was read by: the bundle's first.
    pub manifests: Vec<Manifest>,
}

impl BundleView {
    /// Merges the parts, the bundle first.
    pub(super) fn of(parts: Vec<Part>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let Part { manifest, mut bundle } = parts.next()?;
        let mut known: BTreeSet<_> = manifest.records.iter().copied().collect();
        let numbers = Some(manifest.incident.numbers.clone());
        let mut manifests = vec![manifest];
        for part in parts {
            // What two amendments both list was stored twice, by writers that raced: it is shown once.
            if part.manifest.records.iter().any(|record| !known.contains(record)) {
                amend(&mut bundle, part.bundle);
                known.extend(part.manifest.records.iter().copied());
            }
            manifests.push(part.manifest);
        }
        bundle.completeness.records = bundle.completeness.records.max(known.len() as u64);
        Some(Self { bundle, numbers, manifests })
    }

    /// The document with `first_seen`, `last_seen` and `count_24h` in its incident.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn merged(&self) -> Result<Value, serde_json::Error> {
        let mut document = serde_json::to_value(&self.bundle)?;
        if let (Some(incident), Some(numbers)) =
            (document.get_mut("incident").and_then(Value::as_object_mut), &self.numbers)
        {
            incident.insert("first_seen".to_owned(), json!(numbers.first_seen));
            incident.insert("last_seen".to_owned(), json!(numbers.last_seen));
            incident.insert("count_24h".to_owned(), json!(numbers.count_24h));
        }
        Ok(document)
    }
}

/// Adds what came later to a bundle. The bundle's own words stand; what it lacked is filled in.
fn amend(bundle: &mut Bundle, late: Bundle) {
    let mut added = 0;
    for span in late.trace.spans {
        if !bundle.trace.spans.contains(&span) {
            bundle.trace.spans.push(span);
            bundle.trace.span_count += 1;
            added += 1;
        }
    }
    bundle.trace.spans.sort_by(|a, b| (&a.start, a.span_id).cmp(&(&b.start, b.span_id)));
    for line in late.logs.window {
        if !bundle.logs.window.contains(&line) {
            bundle.logs.total += line.count;
            added += line.count;
            bundle.logs.window.push(line);
        }
    }
    bundle.logs.window.sort_by(|a, b| a.time.cmp(&b.time));
    bundle.metrics.exemplars.extend(late.metrics.exemplars);
    if bundle.trace.root == "missing" && late.trace.root == "present" {
        bundle.trace.root = late.trace.root;
    }
    if bundle.exception.is_none() {
        bundle.exception = late.exception;
    }
    bundle.completeness.shown += added;
    bundle.completeness.missing.retain(|missing| late.completeness.missing.contains(missing));
}
