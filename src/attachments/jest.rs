//! Jest: JSON of `--json` (`FormattedTestResults`), and what it prints.
//!
//! Source: Jest, `packages/jest-test-result/src/types.ts` and `jest-message-util`. Vitest's JSON reporter writes the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::runs::{Run, Runs};
use super::{Failure, Status, Tests};

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

/// What is printed: `FAIL file`, then for each failure a line `● suite › test` and its text; in the end the totals. Where `retryTimes` logs
/// errors, those of the runs before the last stand before the line of their file.
fn printed(text: &str) -> Option<Tests> {
    let mut page = Page::default();
    uncoloured(text).lines().for_each(|line| page.line(line));
    page.cut_off();
    let Page { mut tests, counted, .. } = page;
    if let Some(totals) = &counted {
        let of = |what: &str| super::pytest::counted(totals, what);
        tests.counts.failed = tests.counts.failed.max(of("failed"));
        (tests.counts.passed, tests.counts.skipped) = (of("passed"), of("skipped") + of("todo"));
    }
    (counted.is_some() || tests.counts.failed > 0).then(|| tests.summed())
}

#[derive(Default)]
struct Page {
    tests: Tests,
    file: String,
    /// What the next lines are of.
    open: Option<Open>,
    /// Runs that failed before the last, by the full name of their test: of the file that is read, and of the one that comes next.
    retried: BTreeMap<String, Vec<String>>,
    coming: BTreeMap<String, Vec<String>>,
    /// The totals.
    counted: Option<String>,
    seen: BTreeSet<(String, String)>,
}

enum Open {
    Failure(String, String),
    /// The full name of a test that was run again.
    Retries(String),
}

impl Page {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        if let Some(rest) = line.strip_prefix("FAIL ").or_else(|| line.strip_prefix("PASS ")) {
            self.end_file();
            self.retried = std::mem::take(&mut self.coming);
            self.file = rest.trim().split(" (").next().unwrap_or_default().to_owned();
        } else if let Some(totals) = line.strip_prefix("Tests:") {
            self.end_file();
            self.counted = Some(totals.to_owned());
        } else if line.starts_with("Test Suites:") || line.starts_with("Summary of all failing tests") {
            self.end_file();
        } else if let Some(name) = line.strip_prefix(" LOGGING RETRY ERRORS  ") {
            self.end();
            self.open = Some(Open::Retries(name.trim().to_owned()));
        } else if let Some(name) = trimmed.strip_prefix("● ") {
            self.end();
            self.open = Some(Open::Failure(name.to_owned(), String::new()));
        } else {
            self.printed(line);
        }
    }

    fn printed(&mut self, line: &str) {
        let body = match &mut self.open {
            None => return,
            Some(Open::Failure(_, body)) => body,
            Some(Open::Retries(name)) => {
                let runs = self.coming.entry(name.clone()).or_default();
                if line.starts_with(" RETRY ") {
                    return runs.push(String::new());
                }
                match runs.last_mut() {
                    Some(run) => run,
                    None => return,
                }
            }
        };
        body.push_str(line);
        body.push('\n');
    }

    /// The end of what is said of a test.
    fn end(&mut self) {
        let Some(Open::Failure(name, body)) = self.open.take() else { return };
        // With `--verbose` or several files each failure is printed again at the end.
        if self.seen.insert((self.file.clone(), name.clone())) {
            let before = self.retried.remove(&name.replace(" › ", " ")).unwrap_or_default();
            let found = failure(body.trim_matches('\n').to_owned());
            let failed_runs = before.len() as u64 + 1;
            self.tests.fail(Failure { suite: self.file.clone(), name, failed_runs, ..found });
        }
    }

    /// The end of what is said of a file: its tests that were run again and not said to fail passed in the end.
    fn end_file(&mut self) {
        self.end();
        self.run_again(Status::Flaky, 1);
    }

    /// The end of the text without totals: whether a test that was run again passed in the end may have stood behind it.
    fn cut_off(&mut self) {
        self.end();
        self.run_again(Status::Failed, 0);
    }

    fn run_again(&mut self, status: Status, passed_runs: u64) {
        for (name, mut runs) in std::mem::take(&mut self.retried) {
            let found = failure(runs.pop().unwrap_or_default().trim_matches('\n').to_owned());
            let (suite, failed_runs) = (self.file.clone(), runs.len() as u64 + 1);
            self.tests.fail(Failure { suite, name, status, failed_runs, passed_runs, ..found });
        }
    }
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
