//! What a merged document says of what is in it and what is not.

use std::collections::BTreeSet;

use crate::model::{Bundle, SpanId};

/// Makes the completeness of `merged` true, given what `late` said of itself.
pub(super) fn merge(merged: &mut Bundle, late: &Bundle) {
    let lines: u64 = merged.logs.window.iter().chain(&merged.logs.ambient).map(|line| line.count).sum();
    let (spans, exemplars) = (merged.trace.spans.len() as u64, merged.metrics.exemplars.len() as u64);
    merged.completeness.shown = spans + lines + exemplars + merged.attachments.len() as u64;
    // At least: what the manifests list is exact, and put in its place by the caller where they list all.
    merged.completeness.records = merged.completeness.records.max(late.completeness.records);
    truncated(merged, late);
    missing(merged, late);
    seeds(merged);
}

/// The same where `late` brings attachments and nothing else: what it lacks is no fault of the whole.
pub(super) fn merge_files(merged: &mut Bundle, late: &Bundle) {
    let lines: u64 = merged.logs.window.iter().map(|line| line.count).sum();
    let (spans, exemplars) = (merged.trace.spans.len() as u64, merged.metrics.exemplars.len() as u64);
    merged.completeness.shown = spans + lines + exemplars + merged.attachments.len() as u64;
    merged.completeness.records = merged.completeness.records.max(late.completeness.records);
    truncated(merged, late);
    seeds(merged);
}

/// A report may bring the seed of its run.
fn seeds(merged: &mut Bundle) {
    let has_seeds = !merged.repro.seeds.is_empty();
    merged.completeness.missing.retain(|entry| !(has_seeds && entry.starts_with("repro.seeds:")));
}

/// Counts of spans are made anew. The rest is about records that only its own document knows, so each keeps its own words.
fn truncated(merged: &mut Bundle, late: &Bundle) {
    let counts_spans = |entry: &str| entry.starts_with("trace.spans: ") && entry.ends_with(" are shown");
    let (spans, of) = (merged.trace.spans.len(), merged.trace.span_count);
    let truncated = &mut merged.completeness.truncated;
    truncated.retain(|entry| !counts_spans(entry));
    if (spans as u64) < of {
        truncated.push(format!("trace.spans: {spans} of {of} are shown"));
    }
    let theirs = late.completeness.truncated.iter().filter(|entry| !counts_spans(entry));
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
    const NO_EXCEPTION: &str = "exception: none was recorded";
    const NO_PARENT: &str = "trace.span_path: span ";
    const NO_PATH: &str = "trace.span_path: the span of the failure was not received";
    let unknown_parent = unknown_parent(merged);
    let (has_path, has_root) = (!merged.trace.span_path.is_empty(), merged.trace.root == "present");
    let (has_exception, has_frames) = merged
        .exception
        .as_ref()
        .map_or((false, false), |exception| (true, !exception.frames.is_empty() && !exception.partial));
    let (has_request, has_commit) = (merged.repro.request.is_some(), merged.commit_sha.is_some());
    let has_seeds = !merged.repro.seeds.is_empty();
    let missing = &mut merged.completeness.missing;
    missing.retain(|entry| {
        let about = |what: &str| entry.starts_with(what);
        let come = (about("trace.root:") && has_root)
            || (entry == NO_PATH && has_path)
            || about(NO_PARENT)
            || (entry == NO_EXCEPTION && has_exception)
            || (about("exception.") && has_frames)
            || (about("repro.request:") && has_request)
            || (about("commit_sha:") && has_commit);
        !come
    });
    if let Some((parent, child)) = unknown_parent {
        missing.push(format!("{NO_PARENT}{parent}, parent of {child}, was not received"));
    }
    let own = |entry: &&String| entry.starts_with("records:") || (entry.ends_with("were cut") && has_path);
    missing.extend(late.completeness.missing.iter().filter(own).map(|entry| amended(entry)));
    for (about, is_there) in
        [("commit_sha:", has_commit), ("exception.", has_frames || !has_exception), ("repro.seeds:", has_seeds)]
    {
        if !is_there && !missing.iter().any(|entry| entry.starts_with(about)) {
            missing.extend(late.completeness.missing.iter().find(|entry| entry.starts_with(about)).cloned());
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
