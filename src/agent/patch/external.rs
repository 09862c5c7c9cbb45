//! Further checks by command: linters, type checkers, scanners, property tests. What they find counts where it is new.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::agent::worktree::{Job, Sandbox, Worktree};

/// A check.
#[derive(Debug, Clone)]
pub struct External {
    /// Its name.
    pub name: String,
    /// Its command, for a shell.
    pub command: String,
    /// How long it may take.
    pub limit: Duration,
}

/// How it ended.
#[derive(Debug, Clone, Serialize)]
pub struct ExternalResult {
    /// Whether it finds nothing new.
    pub passed: bool,
    /// Exit code with the patch.
    pub exit: Option<i32>,
    /// Results that are new with the patch, where it writes SARIF.
    pub new: Vec<String>,
    /// The end of what it printed.
    pub said: String,
}

/// What one run showed.
pub(super) struct Shown {
    exit: Option<i32>,
    results: Option<BTreeSet<String>>,
    said: String,
}

/// Characters of output that a result keeps.
const SAID: usize = 2000;

pub(super) fn run(tree: &Worktree, sandbox: &Sandbox, check: &External) -> std::io::Result<Shown> {
    let command = vec!["sh".to_owned(), "-c".to_owned(), check.command.clone()];
    let mut job = Job::new(command, tree.path(), check.limit);
    job.apart = true;
    let ran = sandbox.run(tree, job)?;
    let results = serde_json::from_str(&ran.output).ok().and_then(|log| sarif_results(&log));
    let said = format!("{}{}", ran.output, ran.said);
    let skip = said.chars().count().saturating_sub(SAID);
    Ok(Shown { exit: ran.status, results, said: said.chars().skip(skip).collect() })
}

/// Compares the check before with the check after. A check that failed before and fails still is no fault of the patch's, unless
/// it says what is new.
pub(super) fn compare(before: &Shown, after: Shown) -> ExternalResult {
    let new: Vec<String> = match (&before.results, &after.results) {
        (Some(before), Some(after)) => after.difference(before).cloned().collect(),
        (None, Some(after)) => after.iter().cloned().collect(),
        (_, None) => Vec::new(),
    };
    let passed = match after.results {
        Some(_) => new.is_empty(),
        None => after.exit == Some(0) || (before.exit != Some(0) && before.exit == after.exit),
    };
    ExternalResult { passed, exit: after.exit, new, said: after.said }
}

/// Results of a SARIF log as text, without their lines, which move with every change.
fn sarif_results(log: &Value) -> Option<BTreeSet<String>> {
    let runs = log.get("runs")?.as_array()?;
    let results = runs.iter().filter_map(|run| run.get("results")?.as_array()).flatten();
    Some(
        results
            .map(|result| {
                let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let file = text("/locations/0/physicalLocation/artifactLocation/uri");
                format!("{}: {file}: {}", text("/ruleId"), text("/message/text"))
            })
            .collect(),
    )
}
