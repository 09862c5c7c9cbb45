//! The runs of tests: a report may hold several of one test, where it was run again.

use std::collections::HashMap;

use super::{Failure, Status, Tests};

/// Tests in the order in which the report names them first.
#[derive(Debug, Default)]
pub(super) struct Runs {
    tests: Vec<Test>,
    known: HashMap<(String, String), usize, foldhash::fast::RandomState>,
}

/// How one run ended.
#[derive(Debug, Clone)]
pub(super) enum Run {
    Passed,
    Skipped,
    /// With what the report says of it: status, names and counts are filled in here.
    Failed(Failure),
    Error(Failure),
}

#[derive(Debug, Default)]
struct Test {
    suite: String,
    name: String,
    passed: u64,
    failed: u64,
    last: Option<Run>,
    failure: Option<Failure>,
}

impl Runs {
    /// Takes in a run of a test.
    pub(super) fn add(&mut self, suite: &str, name: &str, run: Run) {
        let key = (suite.to_owned(), name.to_owned());
        let at = *self.known.entry(key).or_insert(self.tests.len());
        if at == self.tests.len() {
            self.tests.push(Test { suite: suite.to_owned(), name: name.to_owned(), ..Test::default() });
        }
        let Some(test) = self.tests.get_mut(at) else { return };
        match &run {
            Run::Passed => test.passed += 1,
            Run::Skipped => {}
            Run::Failed(failure) | Run::Error(failure) => {
                test.failed += 1;
                test.failure = Some(failure.clone());
            }
        }
        test.last = Some(run);
    }

    /// What they come to; `None` where there was no test.
    pub(super) fn end(self) -> Option<Tests> {
        if self.tests.is_empty() {
            return None;
        }
        let mut tests = Tests::default();
        for Test { suite, name, passed, failed, last, failure } in self.tests {
            let status = match last {
                Some(Run::Failed(_)) => Status::Failed,
                Some(Run::Error(_)) => Status::Error,
                Some(Run::Passed) if failed > 0 => Status::Flaky,
                Some(Run::Passed) => {
                    tests.counts.passed += 1;
                    continue;
                }
                Some(Run::Skipped) | None => {
                    tests.counts.skipped += 1;
                    continue;
                }
            };
            let failure = failure.unwrap_or_default();
            tests.fail(Failure { suite, name, status, failed_runs: failed, passed_runs: passed, ..failure });
        }
        Some(tests.summed())
    }
}
