//! What several test reports say together of one test: whether it fails in each of them, or at times.
//!
//! A report names the tests that failed and counts the others. So that a test passed is known of a report that names it, as one that
//! passed after it had failed, and of no other: it may not have run there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::prose::one_line;
use crate::model::Attachment;

/// Most tests that are listed.
const MAX_TESTS: usize = 20;

/// What several reports say of tests that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reports {
    /// Test reports among the files.
    pub reports: u64,
    /// Tests that one of them names at least: those that failed in most of them first, 20 at most.
    pub tests: Vec<TestOver>,
    /// Tests beyond those.
    pub more: u64,
    /// Failures that the reports do not name: each names 50 at most.
    pub unnamed: u64,
}

/// A test over several reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TestOver {
    /// Class, file, package or suite that it belongs to.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// Reports in which it failed in the end.
    pub failed_in: u64,
    /// Reports in which it passed after it had failed.
    pub flaky_in: u64,
    /// Its runs that failed, in all of these.
    pub failed_runs: u64,
    /// Its runs that passed, in all of these.
    pub passed_runs: u64,
}

impl Reports {
    /// What these files say; `None` where fewer than two of them are test reports.
    #[must_use]
    pub fn of<'f>(files: impl IntoIterator<Item = &'f Attachment>) -> Option<Self> {
        let reports: Vec<_> = files.into_iter().filter_map(|file| file.tests.as_ref()).collect();
        if reports.len() < 2 {
            return None;
        }
        let mut known: BTreeMap<(&str, &str), TestOver> = BTreeMap::new();
        for test in reports.iter().flat_map(|report| &report.failures) {
            let over = known.entry((&test.suite, &test.name)).or_default();
            if test.status == "flaky" {
                over.flaky_in += 1
            } else {
                over.failed_in += 1
            }
            over.failed_runs += test.failed_runs;
            over.passed_runs += test.passed_runs;
        }
        let named = known.into_iter().map(|((suite, name), over)| TestOver {
            suite: suite.to_owned(),
            name: name.to_owned(),
            ..over
        });
        let mut tests: Vec<TestOver> = named.collect();
        tests.sort_by_key(|test| std::cmp::Reverse((test.failed_in + test.flaky_in, test.failed_runs)));
        let more = tests.len().saturating_sub(MAX_TESTS) as u64;
        tests.truncate(MAX_TESTS);
        let unnamed = reports.iter().map(|report| report.more).sum();
        Some(Self { reports: reports.len() as u64, tests, more, unnamed })
    }

    /// A line for each test, and one for what is not listed.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let of = |test: &TestOver| {
            let name = one_line(format!("{} {}", test.suite, test.name).trim());
            let flaky = if test.flaky_in > 0 { format!(", flaky in {}", test.flaky_in) } else { String::new() };
            let (failed, passed) = (test.failed_runs, test.passed_runs);
            format!(
                "{name}: failed in {} of {} reports{flaky}; {failed} runs failed, {passed} passed",
                test.failed_in, self.reports
            )
        };
        let rest = (self.more + self.unnamed > 0)
            .then(|| format!("{} more tests, and {} failures that no report names", self.more, self.unnamed));
        self.tests.iter().map(of).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn report(failures: &[(&str, &str, u64, u64)], more: u64) -> Attachment {
        let exception = json!({"type": null, "message": null, "frames": [], "causes": [], "stacktrace": null});
        let failures: Vec<Value> = failures
            .iter()
            .map(|(name, status, failed, passed)| {
                json!({"suite": "cart", "name": name, "status": status, "failed_runs": failed, "passed_runs": passed, "exception": exception})
            })
            .collect();
        serde_json::from_value(json!({
            "name": "r", "kind": "junit", "digest": "", "size": 1, "service": "",
            "tests": {"total": 9, "passed": 9, "failed": 0, "errors": 0, "skipped": 0, "flaky": 0, "failures": failures, "more": more},
        }))
        .unwrap()
    }

    #[test]
    fn a_test_that_fails_at_times_is_told_from_one_that_fails_always() {
        let all = [
            report(&[("always", "failed", 1, 0), ("at_times", "flaky", 2, 1)], 0),
            report(&[("always", "error", 1, 0)], 3),
            report(&[("at_times", "failed", 3, 0), ("always", "failed", 1, 0)], 0),
        ];
        let reports = Reports::of(&all).unwrap();
        assert_eq!((reports.reports, reports.more, reports.unnamed), (3, 0, 3));
        assert_eq!(
            reports.lines(),
            [
                "cart always: failed in 3 of 3 reports; 3 runs failed, 0 passed",
                "cart at_times: failed in 1 of 3 reports, flaky in 1; 5 runs failed, 1 passed",
                "0 more tests, and 3 failures that no report names",
            ]
        );
        let reversed: Vec<&Attachment> = all.iter().rev().collect();
        assert_eq!(Reports::of(reversed).unwrap(), reports, "in any order");
        assert_eq!(Reports::of(&all[..1]), None, "one report tells nothing of others");
    }

    #[test]
    fn more_tests_than_are_listed_are_counted() {
        let names: Vec<String> = (0..30).map(|n| format!("t{n:02}")).collect();
        let failures: Vec<_> = names.iter().map(|name| (name.as_str(), "failed", 1, 0)).collect();
        let reports = Reports::of(&[report(&failures, 0), report(&failures[29..], 0)]).unwrap();
        assert_eq!((reports.tests.len(), reports.more, reports.tests[0].name.as_str()), (20, 10, "t29"));
    }
}
