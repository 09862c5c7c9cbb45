//! A bundle as readers see it: its amendments and the numbers of its manifest merged in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::amend::{Overlap, amend};
use super::remarks::Remarks;
use crate::bundle::{to_canonical, tokens};
use crate::model::{
    Bundle, CloseReason, Completeness, IncidentNumbers, Manifest, ManifestKind, NormalLatency, RecordDigest,
    SpanEvidence, SpanId,
};

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
    ///
    /// A part that holds every record of the bundle and more was assembled from the whole trace: it takes the bundle's
    /// place. A part whose records are all known adds nothing. What is left are late pieces, which are merged in: those whose
    /// spans join on to what is known before others, so that the failure is followed all the way down, then the largest. The incident is the bundle's own whatever comes later: it was counted and told as that.
    pub(super) fn of(parts: Vec<Part>) -> Option<Self> {
        let first = &parts.first()?.manifest;
        let numbers = Some(first.incident.numbers.clone());
        let manifests: Vec<Manifest> = parts.iter().map(|part| part.manifest.clone()).collect();
        let lists_all = parts.iter().all(Part::lists_its_records);

        let mut parts = parts.into_iter();
        let first = parts.next()?;
        let mut late: Vec<Part> = parts.collect();
        late.sort_by(|a, b| {
            let size = b.manifest.records.len().cmp(&a.manifest.records.len());
            size.then_with(|| a.manifest.object.name.cmp(&b.manifest.object.name))
        });
        let mut known: BTreeSet<RecordDigest> = first.manifest.records.iter().copied().collect();
        let mut bundle = first.bundle.clone();
        let whole = late.iter().position(|part| first.is_within(part));
        let mut fails_late = fails_late(&first.manifest);
        if let Some(part) = whole.map(|index| late.remove(index)) {
            fails_late &= part.manifest.closed.reason == CloseReason::Late;
            known.extend(&part.manifest.records);
            bundle = with_incident_of(part.bundle, first.bundle);
        }
        while let Some(part) = next(&bundle, &mut late) {
            let records = &part.manifest.records;
            let new = records.iter().filter(|record| !known.contains(record)).count();
            if new == 0 && part.lists_its_records() {
                continue;
            }
            let disjoint = new == records.len() && lists_all;
            let overlap = if disjoint { Overlap::None } else { Overlap::Possible };
            bundle = amend(bundle, part.bundle, overlap);
            known.extend(records);
        }
        if fails_late {
            bundle.completeness.missing.push(Completeness::LET_GO.to_owned());
        }
        let known = known.len() as u64;
        bundle.completeness.records = if lists_all { known } else { bundle.completeness.records.max(known) };
        Some(Self { bundle, numbers, manifests })
    }

    /// Tokens (`o200k_base`) of the document: what its manifest says, or counted where amendments are merged in; `None` where an old
    /// manifest does not say.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        match self.manifests.as_slice() {
            [manifest] if !fails_late(manifest) => manifest.tokens,
            _ => tokens(&to_canonical(&self.bundle).ok()?),
        }
    }

    /// How long other spans took that did the same as a span of it, as its first manifest that knows has it.
    #[must_use]
    pub fn normal_latency(&self, span: SpanId) -> Option<&NormalLatency> {
        self.manifests.iter().flat_map(|manifest| &manifest.normal_latencies).find(|normal| normal.span_id == span)
    }

    /// The document with its `tokens`, with `first_seen`, `last_seen`, `count_24h` and `history` (its versions) in its incident, and
    /// `normal_latencies` in its trace.
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
            if let Some(history) = &numbers.history {
                incident.insert("history".to_owned(), serde_json::to_value(history)?);
            }
        }
        let spans: BTreeSet<SpanId> = self
            .manifests
            .iter()
            .flat_map(|manifest| &manifest.normal_latencies)
            .map(|normal| normal.span_id)
            .collect();
        let latencies: Vec<_> = spans.into_iter().filter_map(|span| self.normal_latency(span)).collect();
        if let Some(trace) = document.get_mut("trace").and_then(Value::as_object_mut)
            && !latencies.is_empty()
        {
            trace.insert("normal_latencies".to_owned(), serde_json::to_value(latencies)?);
        }
        if let (Some(fields), Some(tokens)) = (document.as_object_mut(), self.tokens()) {
            fields.insert("tokens".to_owned(), json!(tokens));
        }
        Ok(document)
    }
}

impl Part {
    /// Whether its manifest knows its records: that of an object which another writer left does not.
    fn lists_its_records(&self) -> bool {
        !self.manifest.records.is_empty()
    }

    /// Whether `other` holds every record of this one and more.
    fn is_within(&self, other: &Self) -> bool {
        let mine = &self.manifest.records;
        let theirs: BTreeSet<_> = other.manifest.records.iter().collect();
        self.manifest.kind == ManifestKind::Bundle
            && self.lists_its_records()
            && theirs.len() > mine.len()
            && mine.iter().all(|record| theirs.contains(record))
    }
}

/// Whether it is of a trace of which records had been let go before it failed.
fn fails_late(manifest: &Manifest) -> bool {
    manifest.kind == ManifestKind::Bundle && manifest.closed.reason == CloseReason::Late
}

/// Takes the part that is merged next.
fn next(bundle: &Bundle, late: &mut Vec<Part>) -> Option<Part> {
    let ids = |bundle: &Bundle| -> BTreeSet<SpanId> { bundle.trace.spans.iter().map(|span| span.span_id).collect() };
    let known = ids(bundle);
    let joins = |part: &Part| {
        let theirs = ids(&part.bundle);
        let child = |spans: &[SpanEvidence], of: &BTreeSet<SpanId>| {
            spans.iter().any(|span| span.parent_span_id.is_some_and(|parent| of.contains(&parent)))
        };
        child(&part.bundle.trace.spans, &known) || child(&bundle.trace.spans, &theirs)
    };
    if late.is_empty() {
        return None;
    }
    let index = late.iter().position(joins).unwrap_or(0);
    Some(late.remove(index))
}

fn with_incident_of(mut bundle: Bundle, mut first: Bundle) -> Bundle {
    const PATH: &str = "/incident";
    let mut remarks = Remarks::of(&mut bundle.redaction.remarks);
    drop(remarks.take(PATH));
    remarks.put(PATH, Remarks::of(&mut first.redaction.remarks).take(PATH));
    bundle.redaction.remarks = remarks.sorted();
    bundle.incident = first.incident;
    bundle
}
