//! `casefile repair`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::exit::Partial;
use super::ledger::{LedgerArgs, Noting, with_names};
use super::patch::{Bench, GuardArgs, word};
use super::{term, workshop};
use crate::agent::BundleView;
use crate::agent::patch::{Decision, Judgement};
use crate::agent::repair::{Overseer, Task, repair};

/// Lets a repair agent mend what a bundle tells of, and keeps the best patch.
///
/// The agent is a command, run by a shell in a tree of its own. It finds the paths of its prompt, the bundle, the failing test, the guard's
/// findings and a configuration of MCP in CASEFILE_PROMPT, CASEFILE_BUNDLE, CASEFILE_TEST, CASEFILE_FINDINGS and CASEFILE_MCP. Exit code 0:
/// a patch was accepted, 1: none was, 4: a person has to look at it.
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// The agent's command.
    #[arg(long, value_name = "COMMAND")]
    agent: String,
    /// How often it may try.
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    iterations: u32,
    /// Seconds that all its tries may take together.
    #[arg(long, default_value_t = 1800, value_name = "SECONDS")]
    time: u64,
    /// Variable of this environment that the agent gets, and tests do not: the key of its model.
    #[arg(long = "agent-env", value_name = "NAME")]
    agent_env: Vec<String>,
    /// Gives the agent, and no test, the network.
    #[arg(long)]
    agent_network: bool,
    /// Command of an MCP server that the agent may ask, words divided by blanks.
    #[arg(long, value_name = "COMMAND")]
    mcp: Option<String>,
    /// Where the best patch is written.
    #[arg(long, default_value = "repair.diff", value_name = "FILE")]
    out: PathBuf,
    /// JSON on stdout in place of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    guard: GuardArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Notes what the agent is given, and lets the guard judge what it did.
struct Overseen<'a> {
    bench: &'a Bench,
    noting: &'a Noting,
}

impl Overseer for Overseen<'_> {
    fn prompted(&mut self, iteration: u32, prompt: &str) -> Result<(), String> {
        let details = [("for", "repair".to_owned()), ("iteration", iteration.to_string())];
        let noted = self.noting.rendered(&self.bench.bundle, prompt, with_names(details));
        noted.map_err(|error| format!("{error:#}"))
    }

    fn judge(&mut self, diff: &str) -> Result<Judgement, String> {
        let judged = self.bench.judge(diff).and_then(|judgement| {
            self.noting.patch_checked(&self.bench.bundle, &self.bench.made, &judgement)?;
            Ok(judgement)
        });
        judged.map_err(|error| format!("{error:#}"))
    }
}

pub(super) fn run(args: &RepairArgs) -> anyhow::Result<()> {
    let noting = args.ledger.open(&args.guard.store)?;
    let keys: Vec<&Path> = args.ledger.key_file().into_iter().collect();
    let bench = args.guard.bench(&keys)?;
    if !args.guard.gives_test() {
        noting.test_made(&bench.bundle, &bench.made)?;
    }
    let tree = args.guard.repo.tree(&bench.bundle)?;
    let mut sandbox = args.guard.run.sandbox(&args.guard.repo.repo, &tree, &keys)?;
    sandbox.pass.extend_from_slice(&args.agent_env);
    sandbox.network = args.agent_network;
    let view = BundleView { bundle: bench.bundle.clone(), numbers: None, manifests: Vec::new() };
    let mcp = args.mcp.as_deref().map(workshop::words);
    let task = Task {
        view: &view,
        made: &bench.made,
        command: &args.agent,
        mcp: mcp.as_deref(),
        iterations: args.iterations,
        limit: Duration::from_secs(args.time),
        sandbox: &sandbox,
    };
    let done = repair(&task, &tree, &mut Overseen { bench: &bench, noting: &noting })?;
    workshop::write(&args.out, &done.diff)?;
    let mut out = term::stdout();
    if args.json {
        out.json(&done)?;
    } else {
        for attempt in &done.attempts {
            let why = attempt.judgement.findings.first().map_or_else(String::new, |finding| {
                format!(": {}: {}", finding.rule.as_str(), crate::agent::one_line(&finding.message))
            });
            out.line(&format!("try {}: {}{why}", attempt.iteration, word(attempt.judgement.decision)))?;
        }
        out.line(&format!("sandbox of the agent: {}", sandbox.says()))?;
        out.line(&args.out.display().to_string())?;
    }
    match done.decision {
        Decision::Accepted => Ok(()),
        Decision::NeedsReview => Err(Partial("a person has to look at the patch".to_owned()).into()),
        Decision::Refused => anyhow::bail!("no patch was accepted ({})", done.ended),
    }
}
