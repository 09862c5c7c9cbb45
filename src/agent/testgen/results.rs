//! What a run of tests says: the report of its framework, else its output.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::worktree::Ran;
use crate::attachments::{Content, Kind, MAX_TEXT, Status, Tests, read};

/// A run of tests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Tests that ran.
    pub total: u64,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that were skipped.
    pub skipped: u64,
    /// Names of those that failed or could not be run: `suite::name`.
    pub failed: BTreeSet<String>,
    /// How the runner ended: 0 where all passed.
    pub exit: Option<i32>,
    /// Whether it was stopped for its time.
    pub timed_out: bool,
    /// Whether a report was read, so that the numbers count.
    pub counted: bool,
    /// The end of what was printed, where something failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// The failures as they were read.
    #[serde(skip)]
    pub(super) failures: Vec<crate::attachments::Failure>,
    /// All that was printed.
    #[serde(skip)]
    pub(super) output: String,
}

/// Characters of output that a report shows.
const SAID: usize = 4000;

impl Report {
    /// Reads the report file, else what was printed; `kind` where it is known.
    pub(super) fn of(ran: Ran, file: Option<&[u8]>, kind: Option<Kind>) -> Self {
        let bytes = file.unwrap_or(ran.output.as_bytes());
        let content = bytes.get(..bytes.len().min(MAX_TEXT)).unwrap_or(bytes);
        let kind = kind.unwrap_or_else(|| Kind::told("", "", content));
        let tests = match read(kind, content) {
            Content::Tests(tests) => Some(tests),
            _ => libtest(&ran.output),
        };
        let counted = tests.is_some();
        let tests = tests.unwrap_or_default();
        let is_broken = |status| status != Status::Flaky;
        let failed = tests.failures.iter().filter(|failure| is_broken(failure.status));
        let failed: BTreeSet<String> = failed.map(|failure| format!("{}::{}", failure.suite, failure.name)).collect();
        let is_bad = ran.status != Some(0) || !failed.is_empty();
        let skip = ran.output.chars().count().saturating_sub(SAID);
        let said = if is_bad { ran.output.chars().skip(skip).collect() } else { String::new() };
        Self {
            total: tests.counts.total,
            passed: tests.counts.passed,
            skipped: tests.counts.skipped,
            failed,
            exit: ran.status,
            timed_out: ran.timed_out,
            counted,
            said,
            failures: tests.failures,
            output: ran.output,
        }
    }

    /// Whether all tests passed, and there were some.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.exit == Some(0) && self.failed.is_empty() && (!self.counted || self.passed > 0)
    }
}

/// What `cargo test` prints; `None` if no test ran. Source: rustc, `library/test/src/formatters/pretty.rs`.
fn libtest(output: &str) -> Option<Tests> {
    let mut tests = Tests::default();
    for line in output.lines() {
        let Some((name, end)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) else { continue };
        match end {
            "ok" => tests.counts.passed += 1,
            "FAILED" => {
                tests.counts.failed += 1;
                let heading = format!("---- {name} stdout ----\n");
                let from = output.find(&heading).and_then(|at| output.get(at + heading.len()..));
                let text = from.map(|text| {
                    let ends = ["\n---- ", "\nfailures:\n"].into_iter().filter_map(|end| text.find(end));
                    text.get(..ends.min().unwrap_or(text.len())).unwrap_or(text).trim().to_owned()
                });
                tests.failures.push(crate::attachments::Failure {
                    name: name.to_owned(),
                    text,
                    ..crate::attachments::Failure::default()
                });
            }
            _ if end.starts_with("ignored") => tests.counts.skipped += 1,
            _ => {}
        }
    }
    tests.counts.total = tests.counts.passed + tests.counts.failed + tests.counts.skipped;
    (tests.counts.total > 0).then_some(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_prints_is_read() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\n\n\
                      thread 'b' (7) panicked at src/lib.rs:3:5:\nboom\n\n\nfailures:\n    b\n";
        let ran = Ran { status: Some(101), output: output.to_owned(), ..Ran::default() };
        let report = Report::of(ran, None, None);
        assert_eq!((report.total, report.passed), (2, 1));
        assert_eq!(report.failed, BTreeSet::from(["::b".to_owned()]));
        assert!(report.failures[0].text.as_deref().unwrap().ends_with("boom"), "{:?}", report.failures);
        assert!(!report.is_green());
    }
}
