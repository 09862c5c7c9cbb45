//! pytest: JSON of the `pytest-json-report` plugin, and what pytest prints.
//!
//! Source: pytest, `_pytest/terminal.py` (sections, short summary, last line; with `-v` a line for each run), pytest-rerunfailures (`RERUN` in
//! either place, of a run that failed and was followed by another) and `_pytest/_code/code.py` (`file:line: type` at
//! the end of each entry of a traceback, outermost first); `pytest-json-report`'s README.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::jest::uncoloured;
use super::runs::{Run, Runs};
use super::{Failure, Status, Tests};
use crate::model::Frame;

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled in every test run")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// A ruled line: `____ name ____`, `==== FAILURES ====`.
static RULED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(={2,}|_{2,}|-{2,}) (.+?) (?:={2,}|_{2,}|-{2,})$"));
/// The place at the end of an entry.
static PLACE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\S[^:]*\.py[xi]?):(\d+): ?(.*)$"));
static FUNCTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^>? {0,4}\s*(?:async )?def (\w+)\("));
/// `FAILED tests/test_a.py::test_b - AssertionError: …`.
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(FAILED|ERROR) (\S+?)(?:::(.+?))?(?: - (.*))?$"));

/// `RERUN tests/test_a.py::test_b` of the summary (`-rR`), and as a run is told while it goes on (`-v`, with pytest-xdist or without).
static RERUN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^RERUN (\S+?)::(.+?)\s*$"));
static RERUN_RUN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:\[gw\d+\] \[ *\d+%\] RERUN (\S+?)::(.+?)|(\S+?)::(.+?) RERUN(?: +\[ *\d+%\])?)\s*$")
});

/// Reads a report in either form; `None` if it is neither.
pub(super) fn read(text: &str) -> Option<Tests> {
    if text.trim_start().starts_with('{') { json(text) } else { printed(text) }
}

fn json(text: &str) -> Option<Tests> {
    let report: Value = serde_json::from_str(text.trim()).ok()?;
    let mut runs = Runs::default();
    for test in report.get("tests")?.as_array()? {
        let string = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = string(test, "nodeid").unwrap_or_default();
        let (suite, name) = id.split_once("::").map_or(("", id.as_str()), |(suite, name)| (suite, name));
        // The stage that failed tells: an error is a failure before or after the call.
        let stage = ["call", "setup", "teardown"].iter().find_map(|stage| {
            test.get(*stage).filter(|told| told.get("outcome").and_then(Value::as_str) == Some("failed"))
        });
        let failure = || {
            let crash = stage.and_then(|stage| stage.get("crash"));
            let message = crash.and_then(|crash| string(crash, "message"));
            let text = stage.and_then(|stage| string(stage, "longrepr"));
            let frames = text.as_deref().map(frames).unwrap_or_default();
            let (kind, message) = thrown(message.as_deref(), text.as_deref());
            Failure { kind, message, text, frames, ..Failure::default() }
        };
        let run = match test.get("outcome").and_then(Value::as_str).unwrap_or_default() {
            "passed" | "xfailed" | "xpassed" => Run::Passed,
            "failed" | "rerun" => Run::Failed(failure()),
            "error" => Run::Error(failure()),
            _ => Run::Skipped,
        };
        runs.add(suite, name, run);
    }
    runs.end()
}

fn printed(text: &str) -> Option<Tests> {
    let text = uncoloured(text);
    let mut failures: Vec<Failure> = Vec::new();
    let mut status = None;
    let mut open: Option<Failure> = None;
    let mut totals = None;
    let mut reruns = Reruns::default();
    for line in text.lines() {
        let ruled = RULED.captures(line.trim_end());
        let found = ruled.as_ref().map(|found| (found.get(1).map_or("", |rule| rule.as_str()), found.get(2)));
        match found.map(|(rule, title)| (rule.as_bytes().first().copied(), title.map_or("", |title| title.as_str()))) {
            Some((Some(b'='), title)) => {
                failures.extend(open.take());
                status = match title {
                    "FAILURES" => Some(Status::Failed),
                    "ERRORS" => Some(Status::Error),
                    _ => None,
                };
                if title.contains(" in ") && (counted(title, "passed") + counted(title, "failed") + any(title) > 0) {
                    totals = Some(title.to_owned());
                }
            }
            Some((Some(b'_'), title)) if status.is_some() => {
                failures.extend(open.take());
                let name =
                    title.strip_prefix("ERROR at setup of ").or_else(|| title.strip_prefix("ERROR at teardown of "));
                let name = name.or_else(|| title.strip_prefix("ERROR collecting ")).unwrap_or(title).to_owned();
                open = Some(Failure { name, status: status.unwrap_or_default(), failed_runs: 1, ..Failure::default() });
            }
            _ => {
                if let Some(open) = &mut open {
                    let text = open.text.get_or_insert_default();
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        if let Some(summary) = SUMMARY.captures(line).filter(|_| open.is_none()) {
            summarised(&mut failures, &summary);
        }
        if open.is_none() {
            reruns.note(line);
        }
    }
    failures.extend(open.take());
    let has_ended = totals.is_some();
    let totals = totals.unwrap_or_default();
    let failed = ["failed", "error", "errors"].iter().map(|word| counted(&totals, word)).sum::<u64>();
    let are_all_named = has_ended && failures.len() as u64 >= failed;
    reruns.put(&mut failures, are_all_named);
    let mut tests = Tests::default();
    for mut failure in failures {
        let text = failure.text.as_deref().map(|text| text.trim_matches('\n'));
        failure.frames = text.map(frames).unwrap_or_default();
        let (kind, message) = thrown(failure.message.as_deref(), text);
        tests.fail(Failure { kind, message, ..failure });
    }
    tests.counts.failed = tests.counts.failed.max(counted(&totals, "failed"));
    tests.counts.errors = tests.counts.errors.max(counted(&totals, "error")).max(counted(&totals, "errors"));
    tests.counts.passed = counted(&totals, "passed") + counted(&totals, "xfailed") + counted(&totals, "xpassed");
    tests.counts.skipped = counted(&totals, "skipped");
    let tests = tests.summed();
    (tests.counts.total > 0).then_some(tests)
}

/// A line of the short summary names file and test; the section before has the same test by its last name.
fn summarised(failures: &mut Vec<Failure>, summary: &regex::Captures<'_>) {
    let part = |at| summary.get(at).map(|found: regex::Match<'_>| found.as_str());
    let (file, test) = (part(2).unwrap_or_default(), part(3).unwrap_or_default());
    let dotted = test.replace("::", ".");
    let known = failures
        .iter_mut()
        .find(|failure| failure.suite.is_empty() && (failure.name == dotted || failure.name == file));
    let status = if part(1) == Some("ERROR") { Status::Error } else { Status::Failed };
    match known {
        Some(failure) => {
            failure.suite = file.to_owned();
            test.clone_into(&mut failure.name);
            failure.message = part(4).map(str::to_owned);
        }
        None => failures.push(Failure {
            suite: file.to_owned(),
            name: test.to_owned(),
            status,
            message: part(4).map(str::to_owned),
            failed_runs: 1,
            ..Failure::default()
        }),
    }
}

/// Runs that failed and were followed by another, by file and test: as the summary has them, and as they were told.
#[derive(Debug, Default)]
struct Reruns(BTreeMap<(String, String), [u64; 2]>);

impl Reruns {
    fn note(&mut self, line: &str) {
        if !line.contains("RERUN ") && !line.trim_end().ends_with("RERUN") {
            return;
        }
        for (place, pattern) in [&*RERUN, &*RERUN_RUN].into_iter().enumerate() {
            let Some(found) = pattern.captures(line) else { continue };
            let mut parts = found.iter().skip(1).flatten().map(|part| part.as_str().to_owned());
            if let (Some(file), Some(test)) = (parts.next(), parts.next()) {
                self.0.entry((file, test)).or_default()[place] += 1;
            }
        }
    }

    /// Adds them to the tests that failed in the end. The others passed in the end, if all that did not are named.
    fn put(self, failures: &mut Vec<Failure>, are_all_named: bool) {
        for ((file, test), [summed, told]) in self.0 {
            let again = summed.max(told);
            let dotted = test.replace("::", ".");
            let known = failures.iter_mut().find(|failure| match failure.suite.as_str() {
                "" => failure.name == dotted,
                suite => suite == file && failure.name == test,
            });
            match known {
                Some(failure) => failure.failed_runs += again,
                None if are_all_named => failures.push(Failure {
                    suite: file,
                    name: test,
                    status: Status::Flaky,
                    failed_runs: again,
                    passed_runs: 1,
                    ..Failure::default()
                }),
                None => {}
            }
        }
    }
}

/// Type and message: from the lines that begin with `E`, which say more than a summary does.
pub(super) fn thrown(message: Option<&str>, text: Option<&str>) -> (Option<String>, Option<String>) {
    let told: Vec<&str> = text
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("E  ").map(str::trim).filter(|line| !line.is_empty()))
        .collect();
    // Of a chain the last exception is the one that surfaced; what explains an assertion stands below its first line.
    let is_thrown = |line: &&&str| line.split_once(':').is_some_and(|(kind, _)| is_type(kind)) || is_type(line);
    let line = told.iter().rev().find(is_thrown).copied().or(told.first().copied()).or(message);
    let Some(line) = line else { return (None, None) };
    match line.split_once(": ") {
        Some((kind, rest)) if is_type(kind) => (Some(kind.to_owned()), Some(rest.to_owned())),
        None if is_type(line) => (Some(line.to_owned()), None),
        _ if line.starts_with("assert ") => (Some("AssertionError".to_owned()), Some(line.to_owned())),
        _ => (None, Some(line.to_owned())),
    }
}

fn is_type(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '.'))
        && ["Error", "Exception", "Exit", "Interrupt", "Warning", "Failed", "Group", "Iteration"]
            .iter()
            .any(|end| last.ends_with(end))
}

/// The places of a traceback, innermost first.
pub(super) fn frames(text: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut function = String::new();
    for line in text.lines() {
        if let Some(name) = FUNCTION.captures(line).and_then(|found| found.get(1)) {
            name.as_str().clone_into(&mut function);
        } else if let Some(place) = PLACE.captures(line) {
            let part = |at| place.get(at).map_or("", |found| found.as_str());
            // The short form names the function behind the place.
            let func = part(3).strip_prefix("in ").map_or_else(|| std::mem::take(&mut function), str::to_owned);
            let (file, line) = (Some(part(1).to_owned()), part(2).parse().ok());
            frames.push(Frame { file, line, func, ..Frame::default() });
        }
    }
    frames.reverse();
    frames
}

/// The number before a word: `3` in `2 failed, 3 passed in 0.1s`.
pub(super) fn counted(totals: &str, word: &str) -> u64 {
    let words: Vec<&str> = totals.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|found| *found == word).and_then(|at| words.get(at.checked_sub(1)?));
    at.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn any(totals: &str) -> u64 {
    ["skipped", "error", "errors", "xfailed", "xpassed"].iter().map(|word| counted(totals, word)).sum()
}
