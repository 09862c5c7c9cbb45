//! The guard itself: what is told first, then what is run.

use std::collections::BTreeMap;

use super::super::testgen::{
    About, Made, Report, RunError, RunResult, Runner, Verdict, VerifyError, evidence_files, judge, verify,
};
use super::super::worktree::{Sandbox, Worktree, WorktreeError};
use super::change::changes;
use super::external::{External, compare};
use super::{Decision, Finding, Judgement, Level, Policy, Rule, Size, Suites, coverage, external, rules};
use crate::bundle::digest_of;
use crate::model::Bundle;

/// Findings about tests of a suite that are told one by one.
const MAX_TOLD: usize = 10;

/// What a patch is held against.
#[derive(Debug)]
pub struct Guard<'a> {
    /// The evidence.
    pub bundle: &'a Bundle,
    /// The test that fails without the patch.
    pub made: &'a Made,
    /// What runs tests.
    pub runner: &'a Runner,
    /// What it runs them in.
    pub sandbox: &'a Sandbox,
    /// What a patch may do.
    pub policy: &'a Policy,
    /// How often the test has to fail without and pass with it.
    pub runs: u32,
    /// Whether the suite is run.
    pub suite: bool,
    /// The coverage report that the suite leaves, as a path of the repository.
    pub coverage: Option<String>,
    /// Further checks.
    pub checks: &'a [External],
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The tree.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The runner.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The test without the patch.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A further check.
    #[error("the check `{0}` cannot be run")]
    Check(String, #[source] std::io::Error),
}

/// Judges a diff. `tree` is the repository at the commit that failed; it is so again afterwards.
///
/// # Errors
/// If there can be no verdict: what the patch does wrong is none of these.
pub fn check(guard: &Guard<'_>, tree: &Worktree, diff: &str) -> Result<Judgement, CheckError> {
    tree.reset()?;
    let mut judgement = Judgement {
        decision: Decision::Refused,
        findings: Vec::new(),
        patch: digest_of(diff.as_bytes()),
        bundle_id: guard.bundle.bundle_id.clone(),
        incident: guard.bundle.incident.id.clone(),
        commit: tree.commit().to_owned(),
        size: Size::default(),
        localisation: 0.0,
        simplicity: 0.0,
        before: None,
        passed: 0,
        runs: 0,
        reverted: None,
        suite: None,
        checks: BTreeMap::new(),
        sandbox: guard.sandbox.says(),
    };
    tell(guard, tree, diff, &mut judgement)?;
    let result = if is_refused(&judgement) { Ok(()) } else { run(guard, tree, diff, &mut judgement) };
    tree.reset()?;
    match result {
        Err(CheckError::Run(RunError::Build(said))) => {
            judgement.findings.push(Finding::refusal(
                Rule::TestFails,
                "",
                None,
                format!("it does not build: {}", end(&said)),
            ));
        }
        result => result?,
    }
    judgement.findings.sort_by_key(|finding| (finding.level, finding.rule));
    judgement.decision = match judgement.findings.first().map(|finding| finding.level) {
        Some(Level::Refusal) => Decision::Refused,
        Some(Level::Review) => Decision::NeedsReview,
        _ => Decision::Accepted,
    };
    Ok(judgement)
}

fn is_refused(judgement: &Judgement) -> bool {
    judgement.findings.iter().any(|finding| finding.level == Level::Refusal)
}

fn refuse(judgement: &mut Judgement, rule: Rule, said: String) {
    judgement.findings.push(Finding::refusal(rule, "", None, said));
}

fn tell(guard: &Guard<'_>, tree: &Worktree, diff: &str, judgement: &mut Judgement) -> Result<(), CheckError> {
    if diff.trim().is_empty() {
        refuse(judgement, Rule::Empty, "the patch changes nothing".to_owned());
        return Ok(());
    }
    let evidence = evidence_files(guard.bundle, tree)?;
    match tree.apply(diff) {
        Ok(()) => {}
        Err(WorktreeError::Git { said, .. }) => {
            refuse(judgement, Rule::Applies, format!("git apply: {said}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    let changes = changes(tree)?;
    let told = rules::tell(tree, &changes, guard.policy, &evidence, &guard.made.about.path.display().to_string());
    judgement.findings.extend(told.findings);
    (judgement.size, judgement.localisation, judgement.simplicity) = (told.size, told.localisation, told.simplicity);
    Ok(tree.reset()?)
}

fn run(guard: &Guard<'_>, tree: &Worktree, diff: &str, judgement: &mut Judgement) -> Result<(), CheckError> {
    let Guard { bundle, made, runner, sandbox, runs, .. } = *guard;
    let About { path, .. } = &made.about;
    judgement.runs = runs;
    // Without it.
    let before = verify(bundle, tree, sandbox, runner, &made.about, &made.text, runs)?;
    let reproduced = before.verdict == Verdict::Reproduced;
    let told = before.runs.iter().find(|run| **run != RunResult::Reproduced).map(said).unwrap_or_default();
    judgement.before = Some(before);
    if !reproduced {
        refuse(judgement, Rule::NotReproduced, format!("without the patch, {told}"));
        return Ok(());
    }
    tree.reset()?;
    let suite_before = guard.suite.then(|| suite(guard, tree)).transpose()?;
    let checks_before =
        guard.checks.iter().map(|check| external(tree, sandbox, check)).collect::<Result<Vec<_>, _>>()?;
    tree.reset()?;

    // With it.
    tree.apply(diff)?;
    tree.write(path, &made.text)?;
    runner.prepare(tree, sandbox, &made.about)?;
    let mut last = None;
    for _ in 0..runs {
        match judge(bundle, tree, &made.about, &runner.test(tree, sandbox, &made.about)?)? {
            RunResult::Passed => judgement.passed += 1,
            other => last = Some(said(&other)),
        }
    }
    if let Some(told) = last {
        let rule = if judgement.passed == 0 { Rule::TestFails } else { Rule::TestFlaky };
        refuse(
            judgement,
            rule,
            format!("with the patch, the test passed {} of {runs} times: {told}", judgement.passed),
        );
        return Ok(());
    }
    if let Some((before, coverage_before)) = suite_before {
        let (after, coverage_after) = suite(guard, tree)?;
        compare_suites(judgement, &before, &after);
        match (coverage_before, coverage_after) {
            (Some(old), Some(new)) if old.falls_to(new) => {
                let said = format!("coverage falls from {:.1} % to {:.1} %", old.percent(), new.percent());
                refuse(judgement, Rule::Coverage, said);
            }
            (Some(_), None) => {
                refuse(judgement, Rule::Coverage, "the suite leaves no coverage report any more".to_owned())
            }
            _ => {}
        }
        judgement.suite = Some(Suites { before, after, coverage_before, coverage_after });
    }
    for (check, before) in guard.checks.iter().zip(&checks_before) {
        let result = compare(before, external(tree, sandbox, check)?);
        if !result.passed {
            let what = result.new.first().cloned().unwrap_or_else(|| format!("it ended with {:?}", result.exit));
            refuse(judgement, Rule::Check, format!("{}: {what}", check.name));
        }
        judgement.checks.insert(check.name.clone(), result);
    }

    // And without it once more.
    tree.reset()?;
    tree.apply(diff)?;
    tree.revert(diff)?;
    let reverted = verify(bundle, tree, sandbox, runner, &made.about, &made.text, 1)?;
    if reverted.verdict != Verdict::Reproduced {
        let told = reverted.runs.first().map(said).unwrap_or_default();
        refuse(judgement, Rule::NotThePatch, format!("with the patch taken back, {told}"));
    }
    judgement.reverted = Some(reverted);
    Ok(())
}

fn external(tree: &Worktree, sandbox: &Sandbox, check: &External) -> Result<external::Shown, CheckError> {
    external::run(tree, sandbox, check).map_err(|error| CheckError::Check(check.name.clone(), error))
}

fn suite(guard: &Guard<'_>, tree: &Worktree) -> Result<(Report, Option<super::Coverage>), CheckError> {
    if let Some(file) = &guard.coverage {
        // A report that is committed is none of this run's.
        std::fs::remove_file(tree.within(std::path::Path::new(file))?).unwrap_or_default();
    }
    let report = guard.runner.suite(tree, guard.sandbox)?;
    Ok((report, guard.coverage.as_deref().and_then(|file| coverage::of(tree, file))))
}

fn compare_suites(judgement: &mut Judgement, before: &Report, after: &Report) {
    if after.timed_out && !before.timed_out {
        refuse(judgement, Rule::SuiteBroken, "the suite does not end in its time any more".to_owned());
        return;
    }
    if before.counted && !after.counted {
        refuse(judgement, Rule::SuiteBroken, format!("the suite does not run any more: {}", end(&after.said)));
        return;
    }
    let broken: Vec<&String> = after.failed.difference(&before.failed).collect();
    for name in broken.iter().take(MAX_TOLD) {
        refuse(judgement, Rule::SuiteBroken, format!("`{name}` passed before and fails now"));
    }
    if broken.is_empty() && before.exit == Some(0) && after.exit != Some(0) {
        refuse(judgement, Rule::SuiteBroken, format!("the suite passed before and fails now: {}", end(&after.said)));
    }
    // The made test has come to the suite.
    let (ran_before, ran_after) = (before.total - before.skipped, after.total - after.skipped);
    if before.counted && ran_after < ran_before {
        refuse(judgement, Rule::SuiteShrunk, format!("{ran_before} tests ran before, {ran_after} run now"));
    }
    if !before.counted {
        judgement.findings.push(Finding {
            rule: Rule::SuiteBroken,
            level: Level::Note,
            message: "the suite ran no test that was counted: nothing is known of what else may break".to_owned(),
            file: None,
            line: None,
        });
    }
}

fn said(run: &RunResult) -> String {
    match run {
        RunResult::Reproduced => "it failed as the bundle says".to_owned(),
        RunResult::Passed => "it passed".to_owned(),
        RunResult::Otherwise { why } | RunResult::NotRun { why } => why.clone(),
    }
}

/// The last lines of an output.
fn end(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
