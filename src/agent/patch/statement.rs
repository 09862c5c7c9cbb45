//! A verdict as an in-toto statement with a test-result predicate, for whoever demands proof before a merge or a release.
//!
//! Source: in-toto attestation framework, `spec/v1/statement.md` and `spec/predicates/test-result.md`.

use serde_json::{Value, json};

use super::super::testgen::Verdict;
use super::{Decision, Judgement, Level, Rule};

/// The DSSE payload type of in-toto statements.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

/// The statement. Its subject is the diff, what it was held against are bundle and made test (by their digests, in hex).
#[must_use]
pub fn statement(judgement: &Judgement, bundle: &str, test: &str) -> Value {
    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let named = |level: Level| -> Vec<&str> {
        let mut names: Vec<&str> = judgement
            .findings
            .iter()
            .filter(|finding| finding.level == level)
            .map(|finding| finding.rule.as_str())
            .collect();
        names.dedup();
        names
    };
    let failed = named(Level::Refusal);
    let was_run = judgement.before.as_ref().is_some_and(|before| before.verdict == Verdict::Reproduced);
    let is_told = |rule: &Rule| {
        !matches!(
            rule,
            Rule::NotReproduced
                | Rule::TestFails
                | Rule::TestFlaky
                | Rule::SuiteBroken
                | Rule::SuiteShrunk
                | Rule::Coverage
                | Rule::NotThePatch
                | Rule::Check
        )
    };
    // What was not run has not passed.
    let passed: Vec<&str> = Rule::ALL
        .iter()
        .filter(|rule| (was_run || is_told(rule)) && !failed.contains(&rule.as_str()))
        .filter(|rule| match rule {
            Rule::SuiteBroken | Rule::SuiteShrunk => judgement.suite.is_some(),
            Rule::Coverage => judgement.suite.as_ref().is_some_and(|suite| suite.coverage_after.is_some()),
            Rule::NotThePatch => judgement.reverted.is_some(),
            Rule::TestFails | Rule::TestFlaky => judgement.passed > 0,
            Rule::Check => !judgement.checks.is_empty(),
            _ => true,
        })
        .map(|rule| rule.as_str())
        .collect();
    let result = match judgement.decision {
        Decision::Accepted => "PASSED",
        Decision::NeedsReview => "WARNED",
        Decision::Refused => "FAILED",
    };
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "patch.diff", "digest": {"sha256": hex(&judgement.patch)}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": result,
            "configuration": [
                {"name": "bundle", "digest": {"sha256": hex(bundle)}, "annotations": {"bundle_id": judgement.bundle_id, "incident": judgement.incident}},
                {"name": "test", "digest": {"sha256": hex(test)}},
                {"name": "source", "digest": {"gitCommit": judgement.commit}},
            ],
            "passedTests": passed,
            "warnedTests": named(Level::Review),
            "failedTests": failed,
        },
    })
}
