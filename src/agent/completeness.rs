//! What a merged document says of what is in it and what is not.

use std::collections::BTreeSet;

use crate::model::{Bundle, Completeness, SpanId};

/// How entries about a commit, about frames, and about what a reproduction lacks begin.
const COMMIT: &str = "commit_sha:";
const FRAMES: &str = "exception.";
const REPRO: &str = "repro.";

/// Makes the completeness of `merged` true, given what `late` said of itself.
pub(super) fn merge(merged: &mut Bundle, late: &Bundle) {
    counts(merged, late);
    truncated(merged, late);
    missing(merged, late);
}

/// The same where `late` brings attachments and nothing else: what it lacks is no fault of the whole.
pub(super) fn merge_files(merged: &mut Bundle, late: &Bundle) {
    counts(merged, late);
    truncated(merged, late);
    seeds(merged);
}

fn counts(merged: &mut Bundle, late: &Bundle) {
    let lines: u64 = merged.logs.window.iter().chain(&merged.logs.ambient).map(|line| line.count).sum();
    let (spans, exemplars) = (merged.trace.spans.len() as u64, merged.metrics.exemplars.len() as u64);
    merged.completeness.shown = spans + lines + exemplars + merged.attachments.len() as u64;
    // At least: what the manifests list is exact, and put in its place by the caller where they list all.
    merged.completeness.records = merged.completeness.records.max(late.completeness.records);
}

/// A report may bring the seed of its run.
fn seeds(merged: &mut Bundle) {
    let has_seeds = !merged.repro.seeds.is_empty();
    merged.completeness.missing.retain(|entry| !(has_seeds && entry == Completeness::NO_SEEDS));
}

/// Counts of spans are made anew. The rest is about records that only its own document knows, so each keeps its own words.
fn truncated(merged: &mut Bundle, late: &Bundle) {
    let (spans, of) = (merged.trace.spans.len(), merged.trace.span_count);
    let truncated = &mut merged.completeness.truncated;
    truncated.retain(|entry| !Completeness::is_spans_shown(entry));
    if (spans as u64) < of {
        truncated.push(Completeness::spans_shown(spans, of));
    }
    let theirs = late.completeness.truncated.iter().filter(|entry| !Completeness::is_spans_shown(entry));
    truncated.extend(theirs.map(|entry| amended(entry)));
    let (mine, theirs) = (&merged.redaction, &late.redaction);
    if (&mine.policy, &mine.key_id) != (&theirs.policy, &theirs.key_id) {
        let note = "amendment: redacted by another policy or key, so that its tokens may differ for equal values";
        truncated.push(note.to_owned());
    }
}

/// What has come is no longer missing. Of what the late document lacked, only what is about its own records is missing from
/// the whole.
fn missing(merged: &mut Bundle, late: &Bundle) {
    let unknown_parent = unknown_parent(merged);
    let (has_path, has_root) = (!merged.trace.span_path.is_empty(), merged.trace.root == "present");
    let (has_exception, has_frames) = merged
        .exception
        .as_ref()
        .map_or((false, false), |exception| (true, !exception.frames.is_empty() && !exception.partial));
    let (has_commit, has_seeds) = (merged.commit_sha.is_some(), !merged.repro.seeds.is_empty());
    let lacks = merged.repro.lacks();
    let missing = &mut merged.completeness.missing;
    missing.retain(|entry| match entry.as_str() {
        Completeness::NO_ROOT => !has_root,
        Completeness::NO_PATH => !has_path,
        Completeness::NO_EXCEPTION => !has_exception,
        Completeness::NO_SEEDS => !has_seeds,
        entry if Completeness::is_no_parent(entry) => false,
        entry if entry.starts_with(FRAMES) => !has_frames,
        entry if entry.starts_with(COMMIT) => !has_commit,
        entry if entry.starts_with(REPRO) => lacks.iter().any(|lack| lack == entry),
        _ => true,
    });
    missing.extend(unknown_parent.map(|(parent, child)| Completeness::no_parent(parent, child)));
    let own = |entry: &&String| entry.starts_with("records:") || (entry.ends_with("were cut") && has_path);
    missing.extend(late.completeness.missing.iter().filter(own).map(|entry| amended(entry)));
    for (about, is_there) in
        [(COMMIT, has_commit), (FRAMES, has_frames || !has_exception), (Completeness::NO_SEEDS, has_seeds)]
    {
        if !is_there && !missing.iter().any(|entry| entry.starts_with(about)) {
            missing.extend(late.completeness.missing.iter().find(|entry| entry.starts_with(about)).cloned());
        }
    }
    // What neither document has is missing from the whole, unless it was there and was cut.
    let truncated = &merged.completeness.truncated;
    let is_cut = |lack: &str| {
        let part = lack.split_once(':').map_or(lack, |(part, _)| part);
        let of_it = |entry: &str| entry.strip_prefix(part).is_some_and(|rest| rest.starts_with(':'));
        truncated.iter().any(|entry| of_it(entry.trim_start_matches("amendment: ")))
    };
    for lack in lacks {
        if late.completeness.missing.contains(&lack) && !missing.contains(&lack) && !is_cut(&lack) {
            missing.push(lack);
        }
    }
}

/// The parent of the highest span of the path, where it is not known; and that span.
fn unknown_parent(bundle: &Bundle) -> Option<(SpanId, SpanId)> {
    let top = bundle.trace.span_path.first()?;
    let parent = top.parent_span_id?;
    let known: BTreeSet<SpanId> = bundle.trace.spans.iter().map(|span| span.span_id).collect();
    (!known.contains(&parent)).then_some((parent, top.span_id))
}

fn amended(entry: &str) -> String {
    if entry.starts_with("amendment: ") { entry.to_owned() } else { format!("amendment: {entry}") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::amend::{Overlap, amend};
    use super::super::tests::bundle;
    use crate::model::Bundle;

    /// A document of a service with this reproduction, which says what it lacks.
    fn of(service: &str, repro: &Value, truncated: &[&str]) -> Bundle {
        let span = json!({"span_id": "0000000000000001", "parent_span_id": null, "service": service, "name": "work",
            "kind": "server", "status": "error", "start": "2026-11-23T12:00:01.000000000Z", "duration_ms": 5.0, "attrs": {}});
        let mut made = bundle("b", |document| {
            document["commit_sha"] = json!("3f1c9a7");
            document["trace"]["root"] = json!("present");
            document["trace"]["span_path"] = json!([span]);
            document["trace"]["spans"] = json!([span]);
            document["trace"]["span_count"] = json!(1);
            document["repro"] = repro.clone();
            document["completeness"]["truncated"] = json!(truncated);
        });
        made.completeness.missing = made.repro.lacks();
        made
    }

    fn parts(bundle: &Bundle) -> Vec<&str> {
        bundle.completeness.missing.iter().filter_map(|entry| Some(entry.split_once(':')?.0)).collect()
    }

    fn sparse() -> Value {
        json!({"env": {}, "inputs": {}, "request": null, "command": ["serve"], "image": "shop:1", "time": "2026-11-23T12:00:01Z"})
    }

    #[test]
    fn what_comes_late_is_no_longer_lacking_and_what_it_lacks_itself_is() {
        let first = of("checkout", &sparse(), &[]);
        assert_eq!(parts(&first), ["repro.request", "repro.inputs", "repro.env"]);
        let late =
            json!({"env": {"TZ": "UTC"}, "inputs": {"q": "1"}, "request": {"protocol": "http", "method": "POST"}});
        let merged = amend(first, of("checkout", &late, &[]), Overlap::None);
        assert_eq!(parts(&merged), ["repro.request.body", "repro.request.headers"]);
    }

    #[test]
    fn what_was_cut_for_its_size_is_not_called_unrecorded() {
        let mut first = of("checkout", &sparse(), &["repro.env: 1 cut to fit into 16384 bytes"]);
        first.completeness.missing.retain(|entry| !entry.starts_with("repro.env:"));
        let merged = amend(first, of("checkout", &sparse(), &[]), Overlap::None);
        assert_eq!(parts(&merged), ["repro.request", "repro.inputs"]);
    }
}
