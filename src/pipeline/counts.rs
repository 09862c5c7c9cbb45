//! What is counted and told of decisions and bundles on their way through the core.

use metrics::counter;

use crate::model::{Case, CloseReason, DropReason, Outcome, Remark};
use crate::redact::RedactedCase;
use crate::telemetry::names;

/// Tells what the redactor would have done with a bundle that is not written.
pub(super) fn report_dry_run(redacted: RedactedCase) {
    let parts = redacted.into_parts();
    for Remark { path, rule, reason, count, length } in &parts.bundle.redaction.remarks {
        tracing::info!(trace_id = %parts.trace_id, %path, %rule, %reason, count, length, "dry run: would redact");
    }
    parts.tracked.settle(Outcome::Dropped(DropReason::DryRun));
}

/// The part that an entry of `completeness.missing` speaks of: what stands before its colon.
fn part_of(why: &str) -> String {
    let part = why.split(':').next().unwrap_or_default();
    let is_name =
        part.len() <= 40 && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte == b'_');
    if is_name { part.to_owned() } else { "other".to_owned() }
}

/// The parts of the document that are missing from a case: names, which are the same for all.
pub(super) fn missing_parts(case: &Case) -> Vec<String> {
    case.bundle.completeness.missing.iter().map(|why| part_of(why)).collect()
}

/// Counts a bundle by what is missing from it.
pub(super) fn count_completeness(mut missing: Vec<String>) {
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        missing.push("none".to_owned());
    }
    for part in missing {
        counter!(names::BUNDLE_COMPLETENESS, "missing" => part).increment(1);
    }
}

/// Counters of what happens rarely begin with nothing: a first time that is also the first sample would be no increase to Prometheus.
pub(super) fn begin() {
    for reason in CloseReason::ALL {
        counter!(names::WINDOW_CLOSED_TRACES, "reason" => reason.as_str()).increment(0);
    }
    for name in [
        names::WINDOW_LATE_RECORDS,
        names::WINDOW_LATE_FAILURES,
        names::WINDOW_RECOVERED_RECORDS,
        names::WINDOW_DAMAGED_FRAMES,
        names::TAIL_SAMPLING_TOO_EARLY,
    ] {
        counter!(name).increment(0);
    }
}

/// Counts what became of a trace, under our name and the Collector's.
pub(super) fn count_decision(decision: &'static str, policy: &str) {
    counter!(names::SAMPLING_DECISIONS, "decision" => decision, "policy" => policy.to_owned()).increment(1);
    let sampled = if decision == "sampled" { "true" } else { "false" };
    counter!(names::TAIL_SAMPLING_GLOBAL, "sampled" => sampled).increment(1);
    counter!(
        names::TAIL_SAMPLING_TRACES,
        "policy" => policy.to_owned(), "sampled" => sampled, "decision" => decision
    )
    .increment(1);
}
