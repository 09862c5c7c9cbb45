//! Drives any repair agent: a tree to work in, a prompt, limits, and the guard after each iteration, whose findings are handed back.
//!
//! The agent is a command. It works in a tree of its own at the commit that failed, with the failing test in it, and may change what it
//! likes there: what counts is the difference, which the guard judges in a tree that the agent has never seen. The best attempt is kept.

mod prompt;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::merge::BundleView;
use super::patch::{Decision, Finding, Judgement, Ranked, rank};
use super::testgen::Made;
use super::worktree::{Job, Sandbox, Worktree, WorktreeError};
use crate::bundle::digest_of;
use crate::telemetry::{Clock as _, SteadyClock};

/// What an agent is given.
#[derive(Debug)]
pub struct Task<'a> {
    /// The evidence.
    pub view: &'a BundleView,
    /// The failing test.
    pub made: &'a Made,
    /// The agent's command, for a shell.
    pub command: &'a str,
    /// The command of an MCP server that the agent may ask, if there is one.
    pub mcp: Option<&'a [String]>,
    /// How often it may try.
    pub iterations: u32,
    /// How long all its tries may take together, without the guard's part.
    pub limit: Duration,
    /// What it runs in.
    pub sandbox: &'a Sandbox,
}

/// What stands behind the agent.
pub trait Overseer {
    /// Is told what the agent is about to be given.
    ///
    /// # Errors
    /// If it may not be given: nothing is run then.
    fn prompted(&mut self, iteration: u32, prompt: &str) -> Result<(), String>;

    /// The guard's verdict on what the agent did.
    ///
    /// # Errors
    /// If there is none.
    fn judge(&mut self, diff: &str) -> Result<Judgement, String>;
}

/// A try.
#[derive(Debug, Serialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub iteration: u32,
    /// Digest of the prompt that it was given.
    pub prompt: String,
    /// How the agent ended; null where it ran out of time.
    pub exit: Option<i32>,
    /// Seconds that it took.
    pub seconds: f64,
    /// The end of what it printed.
    pub said: String,
    /// The verdict on its patch.
    pub judgement: Judgement,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Repair {
    /// The best patch; empty where no attempt changed anything.
    #[serde(skip)]
    pub diff: String,
    /// The verdict on it.
    pub decision: Decision,
    /// The number of the attempt that it is from.
    pub best: u32,
    /// Why it ended: `accepted`, `needs_review`, `iterations` or `time`.
    pub ended: &'static str,
    /// Each try.
    pub attempts: Vec<Attempt>,
}

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The tree.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// A file of the task.
    #[error("{0} cannot be written")]
    Task(PathBuf, #[source] std::io::Error),
    /// The agent.
    #[error("the agent cannot be started")]
    Agent(#[source] std::io::Error),
    /// The prompt may not be given.
    #[error("the agent is given no prompt: {0}")]
    Prompt(String),
    /// The guard.
    #[error("the guard gives no verdict: {0}")]
    Guard(String),
}

/// Characters of an agent's output that are kept.
const SAID: usize = 4000;

/// Lets the agent try until a patch is accepted, or its tries or time are used up. `tree` is the agent's.
///
/// # Errors
/// If the agent cannot be started, or the overseer refuses its prompt or gives no verdict.
pub fn repair(task: &Task<'_>, tree: &Worktree, overseer: &mut dyn Overseer) -> Result<Repair, RepairError> {
    tree.write(&task.made.about.path, &task.made.text)?;
    let folder = tree.scratch().join("task");
    fs::create_dir_all(&folder).map_err(|error| RepairError::Task(folder.clone(), error))?;
    let clock = SteadyClock::start();
    let mut used = Duration::ZERO;
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut diffs: Vec<String> = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    let mut ended = "iterations";
    // Agents look at what they changed by git; that of the guard stands where they cannot reach it.
    shell(
        task,
        tree,
        "git init -q && git add -A && git -c user.name=casefile -c user.email=casefile@localhost commit -qm failing",
        &[],
        Duration::from_secs(120),
    )?;
    for iteration in 1..=task.iterations.max(1) {
        let left = task.limit.saturating_sub(used);
        if left.is_zero() {
            ended = "time";
            break;
        }
        let page = prompt::text(task, iteration, &findings).map_err(|error| RepairError::Prompt(error.to_string()))?;
        let prompt = digest_of(page.as_bytes());
        overseer.prompted(iteration, &page).map_err(RepairError::Prompt)?;
        let env = files(task, &folder, iteration, page, &findings)?;
        let began = clock.now();
        let ran = shell(task, tree, task.command, &env, left)?;
        let took = Duration::from_nanos(clock.now().0.saturating_sub(began.0));
        used += took;
        // The made test is the guard's: whatever the agent did to it is no part of its patch.
        let made = task.made.about.path.display().to_string();
        tree.git(&["add", "--all", "."])?;
        let exclude = format!(":(exclude,literal){made}");
        let shown = ["diff", "--cached", "--binary", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"];
        let diff = tree.git(&[&shown[..], &[tree.commit(), "--", ".", &exclude]].concat())?;
        let judgement = overseer.judge(&diff).map_err(RepairError::Guard)?;
        findings.clone_from(&judgement.findings);
        let decision = judgement.decision;
        let skip = ran.output.chars().count().saturating_sub(SAID);
        let said = ran.output.chars().skip(skip).collect();
        attempts.push(Attempt { iteration, prompt, exit: ran.status, seconds: took.as_secs_f64(), said, judgement });
        diffs.push(diff);
        ended = match decision {
            Decision::Accepted => "accepted",
            Decision::NeedsReview => "needs_review",
            Decision::Refused if ran.timed_out => "time",
            Decision::Refused => "iterations",
        };
        if ended != "iterations" {
            break;
        }
    }
    let best = best(&attempts);
    let decision = attempts.get(best).map_or(Decision::Refused, |attempt| attempt.judgement.decision);
    let diff = diffs.into_iter().nth(best).unwrap_or_default();
    Ok(Repair { diff, decision, best: u32::try_from(best).unwrap_or(0) + 1, ended, attempts })
}

/// The index of the best attempt: as `patch rank` has it, an empty one last.
fn best(attempts: &[Attempt]) -> usize {
    let mut order: Vec<Ranked> = attempts
        .iter()
        .filter(|attempt| attempt.judgement.size.files > 0)
        .map(|attempt| Ranked { name: format!("{:08}", attempt.iteration), judgement: attempt.judgement.clone() })
        .collect();
    rank(&mut order);
    let named = order.first().and_then(|ranked| ranked.name.parse::<usize>().ok());
    named.map_or(0, |iteration| iteration - 1)
}

fn shell(
    task: &Task<'_>,
    tree: &Worktree,
    command: &str,
    env: &[(String, String)],
    limit: Duration,
) -> Result<super::worktree::Ran, RepairError> {
    let command = vec!["sh".to_owned(), "-c".to_owned(), command.to_owned()];
    let mut job = Job::new(command, tree.path(), limit);
    job.env.extend_from_slice(env);
    task.sandbox.run(tree, job).map_err(RepairError::Agent)
}

/// Writes what the agent reads, and says where that is.
fn files(
    task: &Task<'_>,
    folder: &Path,
    iteration: u32,
    page: String,
    findings: &[Finding],
) -> Result<Vec<(String, String)>, RepairError> {
    let json = |value: serde_json::Result<String>| value.map_err(std::io::Error::other);
    let mcp = task.mcp.and_then(|command| {
        let (program, arguments) = command.split_first()?;
        let server = serde_json::json!({"mcpServers": {"casefile": {"command": program, "args": arguments}}});
        Some(server.to_string())
    });
    let texts = [
        ("PROMPT", "prompt.md", Ok(page)),
        ("BUNDLE", "bundle.json", json(serde_json::to_string_pretty(&task.view.bundle))),
        ("FINDINGS", "findings.json", json(serde_json::to_string_pretty(findings))),
        ("MCP", "mcp.json", Ok(mcp.unwrap_or_else(|| "{\"mcpServers\":{}}".to_owned()))),
    ];
    let mut env = vec![
        ("CASEFILE_ITERATION".to_owned(), iteration.to_string()),
        ("CASEFILE_TEST".to_owned(), task.made.about.path.display().to_string()),
    ];
    for (name, file, text) in texts {
        let path = folder.join(file);
        // What the agent has put there in its place is not followed.
        fs::remove_file(&path).unwrap_or_default();
        let written = text.and_then(|text| fs::write(&path, text));
        written.map_err(|error| RepairError::Task(path.clone(), error))?;
        env.push((format!("CASEFILE_{name}"), path.display().to_string()));
    }
    Ok(env)
}
