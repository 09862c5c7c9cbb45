//! Attachments on a page: what failed in a test report, which lines were never hit, where threads stood.

use super::prose::{code, fenced, heading, line, prose};
use super::render::thrown;
use super::reports::Reports;
use crate::model::{Attachment, DumpStack, FileCoverage, ProfileStack, ProfileSummary, TestFailure};

/// Failures, stacks and files shown of one attachment.
const MAX_FAILURES: usize = 5;
const MAX_STACKS: usize = 5;
const MAX_FILES: usize = 10;
/// Innermost frames shown of a profile's stack.
const MAX_FRAMES: usize = 8;
/// Ranges of lines shown of one file.
const MAX_RANGES: usize = 20;

pub(super) fn section(page: &mut String, attachments: &[Attachment]) {
    if attachments.is_empty() {
        return;
    }
    heading(page, "Attachments");
    for told in Reports::of(attachments).iter().flat_map(Reports::lines) {
        line(page, &format!("- **Over all reports:** {}", prose(&told)));
    }
    for attachment in attachments {
        line(page, &format!("- {}", prose(&attachment_line(attachment))));
        failures(page, attachment);
        coverage(page, attachment);
        for stack in attachment.stacks.iter().take(MAX_STACKS) {
            line(page, &format!("\n{}\n", prose(&stood(stack))));
            let exception = &stack.exception;
            thrown(page, exception.kind.as_deref(), exception.message.as_deref(), &exception.frames);
        }
        profile(page, attachment);
        if let Some(text) = &attachment.text {
            fenced(page, text);
        }
    }
}

/// An attachment in one line.
#[must_use]
pub fn attachment_line(attachment: &Attachment) -> String {
    let Attachment { name, kind, size, .. } = attachment;
    let name = if name.is_empty() { &attachment.digest } else { name };
    let mut told = format!("{name}: {kind}, {size} bytes");
    if let Some(tests) = &attachment.tests {
        let failed = tests.counts.failed + tests.counts.errors;
        told.push_str(&format!(
            ", {failed} of {} failed, {} flaky",
            counted(tests.counts.total, "test"),
            tests.counts.flaky
        ));
    }
    if let Some(coverage) = &attachment.coverage {
        told.push_str(&format!(", {} of {} hit", coverage.hit, counted(coverage.lines, "line")));
    }
    if let Some(ProfileSummary { kind, unit, total, .. }) = &attachment.profile {
        told.push_str(&format!(", {total} {unit} of {kind}"));
    }
    if !attachment.stacks.is_empty() {
        let threads = attachment.stacks.iter().map(|stack| stack.count).sum();
        told.push_str(&format!(", {}", counted(threads, "thread")));
    }
    if attachment.unread {
        told.push_str(", not readable as its kind");
    }
    if attachment.cut {
        told.push_str(", cut");
    }
    told
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn failures(page: &mut String, attachment: &Attachment) {
    let Some(tests) = &attachment.tests else { return };
    for failure in tests.failures.iter().take(MAX_FAILURES) {
        let suite = if failure.suite.is_empty() { String::new() } else { format!("{} ", failure.suite) };
        let runs = runs(failure);
        line(page, &format!("\n`{}` ({}{runs}):\n", code(&format!("{suite}{}", failure.name)), failure.status));
        let exception = &failure.exception;
        thrown(page, exception.kind.as_deref(), exception.message.as_deref(), &exception.frames);
        if let (true, Some(text)) = (exception.frames.is_empty(), &exception.stacktrace) {
            fenced(page, text);
        }
    }
    let shown = tests.failures.len().min(MAX_FAILURES) as u64;
    let left = (tests.failures.len() as u64 + tests.more).saturating_sub(shown);
    if left > 0 {
        line(page, &format!("\n… and {left} more"));
    }
}

/// How a test fared that was run more than once in one report.
pub(super) fn runs(test: &TestFailure) -> String {
    let all = test.failed_runs + test.passed_runs;
    if all > 1 { format!(", {} of {all} runs failed", test.failed_runs) } else { String::new() }
}

fn profile(page: &mut String, attachment: &Attachment) {
    let Some(profile) = &attachment.profile else { return };
    for stack in profile.stacks.iter().take(MAX_STACKS) {
        line(page, &format!("  - {:.1} %: `{}`", stack.share * 100.0, code(&innermost(stack))));
    }
}

/// The innermost frames of a profile's stack.
pub(super) fn innermost(stack: &ProfileStack) -> String {
    let frames: Vec<&str> = stack.folded.split(';').collect();
    let from = frames.len().saturating_sub(MAX_FRAMES);
    let shown = frames.get(from..).unwrap_or_default().join("; ");
    let cut = if from > 0 { "…; " } else { "" };
    format!("{cut}{shown}")
}

/// Which threads stood at a place of a dump.
pub(super) fn stood(stack: &DumpStack) -> String {
    format!("{} stood here: {}", counted(stack.count, "thread"), stack.threads.join(", "))
}

fn coverage(page: &mut String, attachment: &Attachment) {
    let Some(coverage) = &attachment.coverage else { return };
    for file in coverage.files.iter().take(MAX_FILES) {
        let mark = if file.in_stack { ", in the stack" } else { "" };
        line(page, &format!("  - `{}`{mark}: never hit {}", code(&file.file), missed(file)));
    }
}

/// The lines of a file that were never hit.
pub(super) fn missed(file: &FileCoverage) -> String {
    if file.missed.is_empty() {
        return "no line".to_owned();
    }
    let one = |[first, last]: &[u32; 2]| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let shown: Vec<String> = file.missed.iter().take(MAX_RANGES).map(one).collect();
    let more = if file.missed.len() > MAX_RANGES { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
