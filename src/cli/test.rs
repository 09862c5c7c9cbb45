//! `casefile test make|verify`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::exit::Partial;
use super::ledger::LedgerArgs;
use super::store::StoreArgs;
use super::term;
use super::workshop::{self, RepoArgs, RunArgs};
use crate::agent::one_line;
use crate::agent::testgen::{RunResult, Verdict, script, verify};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a test that fails as the bundle says, out of the request, message or arguments that it holds.
    ///
    /// What the bundle does not hold is not invented: it is said, and the exit code is 4. Values that were redacted have place-holders
    /// of their kind, which the test names.
    Make {
        /// Trace id or bundle id, or a file with a bundle.
        bundle: String,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        repo: RepoArgs,
        /// Where the test is written, in place of where it belongs in the repository; `-` is stdout.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Also writes a script that runs it in the image that failed.
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
        #[command(flatten)]
        ledger: LedgerArgs,
        /// JSON on stdout in place of text.
        #[arg(long)]
        json: bool,
    },
    /// Runs a made test again and again in a throw-away tree at the commit that failed: it must fail with the same exception in the
    /// same innermost own frame each time.
    Verify {
        /// Trace id or bundle id, or a file with a bundle.
        bundle: String,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        repo: RepoArgs,
        #[command(flatten)]
        run: RunArgs,
        /// The test, as `test make` wrote it; without it one is made.
        #[arg(long, value_name = "FILE")]
        test: Option<PathBuf>,
        /// JSON on stdout in place of text.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Make { bundle, store, repo, out, script: file, ledger, json } => {
            let noting = ledger.open(store)?;
            let bundle = workshop::bundle(bundle, store)?;
            let tree = repo.tree(&bundle)?;
            let made = repo.make(&bundle, &tree)?;
            noting.test_made(&bundle, &made)?;
            let mut terminal = term::stdout();
            let is_stdout = out.as_deref().is_some_and(|path| path.as_os_str() == "-");
            let path = out.clone().unwrap_or_else(|| repo.repo.join(&made.about.path));
            if is_stdout {
                terminal.text(&made.text)?;
            } else {
                workshop::write(&path, &made.text)?;
            }
            if let Some(file) = file {
                workshop::write(file, &script(&bundle, &made))?;
                make_executable(file).with_context(|| format!("{} cannot be made executable", file.display()))?;
            }
            if *json && !is_stdout {
                let mut answer = serde_json::to_value(&made)?;
                answer["file"] = json!(path);
                terminal.json(&answer)?;
            } else if !is_stdout {
                terminal.line(&path.display().to_string())?;
                for (what, entries) in [("not reconstructed", &made.missing), ("note", &made.notes)] {
                    for entry in entries {
                        terminal.line(&format!("{what}: {}", one_line(entry)))?;
                    }
                }
                for (token, value) in &made.placeholders {
                    terminal.line(&format!("place-holder: {value} for {token}"))?;
                }
            }
            if made.missing.is_empty() { Ok(()) } else { Err(Partial(not_whole(&made.missing)).into()) }
        }
        Command::Verify { bundle, store, repo, run, test, json } => {
            let bundle = workshop::bundle(bundle, store)?;
            let tree = repo.tree(&bundle)?;
            let made = repo.test(test.as_deref(), &bundle, &tree)?;
            let sandbox = run.sandbox(&repo.repo, &tree, &[])?;
            let runner = run.runner(made.about.framework, None);
            let verified = verify(&bundle, &tree, &sandbox, &runner, &made.about, &made.text, run.runs)?;
            let same = verified.runs.iter().filter(|run| **run == RunResult::Reproduced).count();
            let mut terminal = term::stdout();
            if *json {
                terminal.json(&verified)?;
            } else {
                terminal.line(&format!("{same} of {} runs failed as the bundle says", verified.runs.len()))?;
                terminal.line(&format!("sandbox: {}", verified.sandbox))?;
            }
            let other = verified.runs.iter().find_map(|run| match run {
                RunResult::Reproduced => None,
                RunResult::Passed => Some("it passed".to_owned()),
                RunResult::Otherwise { why } | RunResult::NotRun { why } => Some(why.clone()),
            });
            let other = other.unwrap_or_default();
            match verified.verdict {
                Verdict::Reproduced => Ok(()),
                Verdict::Flaky => anyhow::bail!(
                    "flaky: {same} of {} runs failed as the bundle says; else {other}",
                    verified.runs.len()
                ),
                Verdict::NotReproduced => anyhow::bail!("not reproduced: {other}"),
            }
        }
    }
}

fn not_whole(missing: &[String]) -> String {
    format!("the test was written, but {} could not be reconstructed", missing.len())
}

fn make_executable(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}
