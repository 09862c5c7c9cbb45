//! Jest: JSON of `--json` (`FormattedTestResults`), and what it prints.
//!
//! Source: Jest, `packages/jest-test-result/src/types.ts` and `jest-message-util`. Vitest's JSON reporter writes the same.

use serde::Deserialize;

use super::runs::{Run, Runs};
use super::{Failure, Tests};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    test_results: Vec<File>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    assertion_results: Vec<Assertion>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(default)]
    full_name: String,
    #[serde(default)]
    title: String,
    status: String,
    #[serde(default)]
    failure_messages: Option<Vec<String>>,
    #[serde(default)]
    invocations: Option<u64>,
    #[serde(default)]
    retry_reasons: Option<Vec<String>>,
}

/// Reads a report in either form; `None` if it is neither.
pub(super) fn read(text: &str) -> Option<Tests> {
    if text.trim_start().starts_with('{') { json(text) } else { printed(text) }
}

fn json(text: &str) -> Option<Tests> {
    let report: Report = serde_json::from_str(text.trim()).ok()?;
    let mut runs = Runs::default();
    for file in report.test_results {
        if file.assertion_results.is_empty() && file.status == "failed" {
            // The file itself could not be run.
            let failure = failure(file.message.clone().unwrap_or_default());
            runs.add(&file.name, "", Run::Error(failure));
        }
        for assertion in file.assertion_results {
            let name = if assertion.full_name.is_empty() { assertion.title } else { assertion.full_name };
            // A run that failed before it was run again: its reasons are kept, the runs only counted.
            let before = assertion.retry_reasons.unwrap_or_default();
            let again = assertion.invocations.unwrap_or(1).saturating_sub(1).min(100);
            let again = usize::try_from(again).unwrap_or(0).max(before.len());
            for at in 0..again {
                runs.add(&file.name, &name, Run::Failed(failure(before.get(at).cloned().unwrap_or_default())));
            }
            let run = match assertion.status.as_str() {
                "passed" => Run::Passed,
                "failed" => Run::Failed(failure(assertion.failure_messages.unwrap_or_default().join("\n\n"))),
                _ => Run::Skipped,
            };
            runs.add(&file.name, &name, run);
        }
    }
    runs.end()
}

/// What is said of a failure: the error's type and message, then its stack.
fn failure(text: String) -> Failure {
    let text = uncoloured(&text);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let (kind, message) = match first.as_deref().and_then(|line| line.split_once(": ")) {
        Some((kind, message)) if is_type(kind) => (Some(kind.to_owned()), Some(message.to_owned())),
        _ => (None, first),
    };
    Failure { kind, message, text: Some(text).filter(|text| !text.is_empty()), ..Failure::default() }
}

fn is_type(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '$' | '.'))
}

/// What is printed: `FAIL file`, then for each failure a line `● suite › test` and its text; in the end the totals.
fn printed(text: &str) -> Option<Tests> {
    let text = uncoloured(text);
    let mut tests = Tests::default();
    let mut file = String::new();
    let mut open: Option<(String, String)> = None;
    let mut counted = None;
    let mut seen = std::collections::BTreeSet::new();
    let mut end = |open: &mut Option<(String, String)>, file: &str, tests: &mut Tests| {
        let Some((name, body)) = open.take() else { return };
        // With `--verbose` or several files each failure is printed again at the end.
        if seen.insert((file.to_owned(), name.clone())) {
            let found = failure(body.trim_matches('\n').to_owned());
            tests.fail(Failure { suite: file.to_owned(), name, failed_runs: 1, ..found });
        }
    };
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(rest) = line.strip_prefix("FAIL ").or_else(|| line.strip_prefix("PASS ")) {
            end(&mut open, &file, &mut tests);
            file = rest.trim().split(" (").next().unwrap_or_default().to_owned();
        } else if let Some(totals) = line.strip_prefix("Tests:") {
            end(&mut open, &file, &mut tests);
            counted = Some(totals.to_owned());
        } else if line.starts_with("Test Suites:") || line.starts_with("Summary of all failing tests") {
            end(&mut open, &file, &mut tests);
        } else if let Some(name) = trimmed.strip_prefix("● ") {
            end(&mut open, &file, &mut tests);
            open = Some((name.to_owned(), String::new()));
        } else if let Some((_, body)) = &mut open {
            body.push_str(line);
            body.push('\n');
        }
    }
    end(&mut open, &file, &mut tests);
    if let Some(totals) = &counted {
        let of = |what: &str| super::pytest::counted(totals, what);
        tests.counts.failed = tests.counts.failed.max(of("failed"));
        (tests.counts.passed, tests.counts.skipped) = (of("passed"), of("skipped") + of("todo"));
    }
    (counted.is_some() || tests.counts.failed > 0).then(|| tests.summed())
}

/// Without what terminals are told of colours.
pub(super) fn uncoloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let parameters = after.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        rest = after.get(parameters..).unwrap_or_default();
        if rest.starts_with(|end: char| end.is_ascii_alphabetic()) {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}
