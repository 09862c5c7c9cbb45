//! Whether a test fails as its bundle says: the same exception in the same innermost own frame, each time.

use serde::Serialize;

use super::super::worktree::{Sandbox, Worktree, WorktreeError};
use super::code::Code;
use super::{About, Report, RunError, Runner, go, race};
use crate::attachments::Failure;
use crate::evidence::{AppRules, exception_of};
use crate::model::{Bundle, Frame};

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RunResult {
    /// It failed as the bundle says.
    Reproduced,
    /// It failed, but otherwise.
    Otherwise {
        /// How.
        why: String,
    },
    /// It passed.
    Passed,
    /// It did not run.
    NotRun {
        /// Why.
        why: String,
    },
}

/// What the runs come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every run failed as the bundle says.
    Reproduced,
    /// Some did.
    Flaky,
    /// None did.
    NotReproduced,
}

/// The runs of a test.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// What they come to.
    pub verdict: Verdict,
    /// Each.
    pub runs: Vec<RunResult>,
    /// What it ran in.
    pub sandbox: &'static str,
}

/// Puts the test into the tree and runs it `times` times.
///
/// # Errors
/// If it cannot be put there, or does not build, or its runner cannot be started.
pub fn verify(
    bundle: &Bundle,
    tree: &Worktree,
    sandbox: &Sandbox,
    runner: &Runner,
    about: &About,
    text: &str,
    times: u32,
) -> Result<Verified, VerifyError> {
    tree.write(&about.path, text)?;
    let code = Code::new(tree)?;
    runner.prepare(tree, sandbox, about)?;
    let mut runs = Vec::new();
    for _ in 0..times.max(1) {
        let report = runner.test(tree, sandbox, about)?;
        runs.push(result(bundle, &code, about, &report));
    }
    let same = runs.iter().filter(|run| **run == RunResult::Reproduced).count();
    let verdict = match same {
        0 => Verdict::NotReproduced,
        same if same == runs.len() => Verdict::Reproduced,
        _ => Verdict::Flaky,
    };
    Ok(Verified { verdict, runs, sandbox: sandbox.says() })
}

/// Why a test could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The tree.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The runner.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// How one run of the test in the tree ended.
///
/// # Errors
/// If the files of the tree cannot be listed.
pub fn judge(bundle: &Bundle, tree: &Worktree, about: &About, report: &Report) -> Result<RunResult, WorktreeError> {
    Ok(result(bundle, &Code::new(tree)?, about, report))
}

fn result(bundle: &Bundle, code: &Code<'_>, about: &About, report: &Report) -> RunResult {
    if report.timed_out {
        return RunResult::NotRun { why: "it ran out of time".to_owned() };
    }
    if report.is_green() && report.counted {
        return RunResult::Passed;
    }
    let Some(failure) = report.failures.first() else {
        let last = report.said.lines().rev().take(5).collect::<Vec<_>>();
        let why = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        return RunResult::NotRun {
            why: format!("the runner ended with {:?} and no report of a test: {why}", report.exit),
        };
    };
    let expected = Expectation::of(bundle);
    let text = failure.text.as_deref().unwrap_or(&report.output);
    let seen = thrown(about, failure, text);
    if expected.fits(code, about, text, &seen) {
        return RunResult::Reproduced;
    }
    let told = seen.first().map_or_else(
        || failure.message.clone().unwrap_or_else(|| "without a message".to_owned()),
        |thrown| {
            let own = thrown.own(code, about);
            let place = own.map_or_else(String::new, |frame| format!(" in {}", frame.func));
            format!("{}{place}", thrown.kind.as_deref().unwrap_or("an unknown exception"))
        },
    );
    RunResult::Otherwise { why: format!("it failed with {told}, not with {}", expected.told()) }
}

/// What a bundle says that a test must fail with.
struct Expectation<'a> {
    kind: Option<&'a str>,
    frame: Option<&'a Frame>,
    race: Vec<Frame>,
    is_slow: bool,
}

impl<'a> Expectation<'a> {
    fn of(bundle: &'a Bundle) -> Self {
        let exception = bundle.exception.as_ref();
        Self {
            kind: exception.and_then(|exception| exception.kind.as_deref()),
            frame: exception.and_then(|exception| exception.frames.iter().find(|frame| frame.in_app)),
            race: race::accesses(bundle),
            is_slow: exception.is_none() && bundle.incident.class == "performance",
        }
    }

    fn fits(&self, code: &Code<'_>, about: &About, text: &str, seen: &[Thrown]) -> bool {
        if self.is_slow {
            return text.contains("budget exceeded");
        }
        let (Some(kind), Some(frame)) = (self.kind, self.frame) else {
            // Without an exception there is nothing to compare: that it fails is all that the evidence says.
            return self.kind.is_none();
        };
        let same = |thrown: &Thrown| {
            let is_kind = thrown.kind.as_deref().is_some_and(|found| last(found) == last(kind));
            is_kind && thrown.own(code, about).is_some_and(|own| same_place(code, &own, frame))
        };
        let raced = || {
            let found = race::of_text(text);
            // A detector reports whichever of the accesses of a race it sees first: two of the recorded ones it must be.
            let known = |access: &Frame| self.race.iter().any(|other| same_place(code, access, other));
            !self.race.is_empty() && !found.is_empty() && found.iter().any(known)
        };
        seen.iter().any(same) || raced()
    }

    fn told(&self) -> String {
        let kind = self.kind.unwrap_or(if self.is_slow { "a budget exceeded" } else { "a failure" });
        self.frame.map_or_else(|| kind.to_owned(), |frame| format!("{kind} in {}", frame.func))
    }
}

/// An exception that a run shows.
struct Thrown {
    kind: Option<String>,
    frames: Vec<Frame>,
    /// Whether `in_app` of its frames is known.
    is_ruled: bool,
}

impl Thrown {
    /// The innermost frame in a file of the repository that is not the test.
    fn own(&self, code: &Code<'_>, about: &About) -> Option<Frame> {
        let root = code.tree.path().display().to_string();
        let test = about.path.display().to_string();
        let is_own = |frame: &&Frame| {
            let Some(file) = frame.file.as_deref() else { return false };
            let file = file.strip_prefix("file://").unwrap_or(file);
            let inside = !file.starts_with('/') || file.starts_with(&root);
            (frame.in_app || !self.is_ruled) && inside && code.file(file).is_some() && !file.ends_with(&test)
        };
        self.frames.iter().find(is_own).cloned()
    }
}

fn thrown(about: &About, failure: &Failure, text: &str) -> Vec<Thrown> {
    let language = about.framework.language();
    let mut found = Vec::new();
    if !failure.frames.is_empty() {
        found.push(Thrown { kind: failure.kind.clone(), frames: failure.frames.clone(), is_ruled: false });
    }
    // What a recovered panic left, as the test prints it.
    if let Some(rest) = text.find(go::RECORDED).and_then(|at| text.get(at + go::RECORDED.len()..)) {
        let (kind, stack) = rest.split_once('\n').unwrap_or((rest, ""));
        let kind = kind.split(": ").next().map(str::to_owned);
        if let Some(exception) = exception_of(stack, Some(language), kind.clone(), None, &AppRules::default()) {
            found.push(Thrown { kind, frames: exception.frames, is_ruled: true });
        }
    }
    if let Some(exception) = exception_of(text, Some(language), None, None, &AppRules::default()) {
        let kind = exception.kind.clone().or_else(|| failure.kind.clone());
        found.push(Thrown { kind, frames: exception.frames, is_ruled: true });
        for cause in exception.causes {
            found.push(Thrown { kind: cause.kind, frames: cause.frames, is_ruled: true });
        }
    }
    found
}

/// The same function of the same file, or the same line: what transforms source on the fly (Jest) misnames functions, and a function may have
/// no name.
fn same_place(code: &Code<'_>, a: &Frame, b: &Frame) -> bool {
    let file = |frame: &Frame| frame.file.as_deref().and_then(|file| code.file(file)).map(str::to_owned);
    let (of_a, of_b) = (file(a), file(b));
    if of_a.is_none() || of_a != of_b {
        return false;
    }
    let named = !a.func.is_empty() && last(&a.func) == last(&b.func);
    named || (a.line.is_some() && a.line == b.line)
}

/// The last part of a name: `parse` of `app.report.parse`.
fn last(name: &str) -> &str {
    name.rsplit(['.', ':', '#', '$']).next().unwrap_or(name)
}
