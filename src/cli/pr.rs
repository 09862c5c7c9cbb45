//! `casefile pr body|open|sync|changelog`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ledger::{LedgerArgs, with_names};
use super::store::StoreArgs;
use super::{forge, term, workshop};
use crate::agent::patch::{changelog_lines, pull_request};
use crate::agent::{Event, one_line};
use crate::bundle::digest_of;
use crate::model::Bundle;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes what a pull request says of a patch: incident, trace and span, root cause, fix, tests, risk.
    Body {
        #[command(flatten)]
        said: SaidArgs,
        /// Writes the title here; else it is the body's first line.
        #[arg(long, value_name = "FILE")]
        title: Option<PathBuf>,
        /// JSON (`title`, `body`) in place of Markdown.
        #[arg(long)]
        json: bool,
    },
    /// Opens a pull request for a branch that is pushed, by `gh` (or `glab`), and notes in the ledger that it did.
    ///
    /// What the guard says a person has to look at is opened as a draft, what it refuses is not opened.
    Open(OpenArgs),
    /// Asks what became of the pull requests that the ledger tells of, and notes those that were merged or taken back.
    Sync(forge::SyncArgs),
    /// Checks that a diff adds a line to the changelog.
    Changelog {
        /// The diff.
        diff: PathBuf,
        /// How the changelog's name begins.
        #[arg(long, default_value = "CHANGELOG", value_name = "NAME")]
        file: String,
    },
}

/// What a pull request is made of.
#[derive(Debug, Args)]
pub(super) struct SaidArgs {
    /// Trace id or bundle id, or a file with a bundle.
    #[arg(long)]
    bundle: String,
    #[command(flatten)]
    store: StoreArgs,
    /// The diff.
    #[arg(long, value_name = "FILE")]
    diff: PathBuf,
    /// What `patch check --format json` wrote.
    #[arg(long, value_name = "FILE")]
    verdict: PathBuf,
    /// The author's own account of the cause.
    #[arg(long, value_name = "FILE")]
    rationale: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    #[command(flatten)]
    said: SaidArgs,
    /// The branch with the patch, which is pushed already.
    #[arg(long, value_name = "BRANCH")]
    head: String,
    /// The branch that it goes to.
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    base: String,
    /// A folder in the repository.
    #[arg(long, default_value = ".", value_name = "PATH")]
    repo: PathBuf,
    #[command(flatten)]
    forge: forge::ForgeArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// A pull request before it is opened.
struct Said {
    bundle: Bundle,
    diff: String,
    verdict: Value,
    title: String,
    body: String,
}

impl SaidArgs {
    fn read(&self) -> anyhow::Result<Said> {
        let bundle = workshop::bundle(&self.bundle, &self.store)?;
        let verdict: Value = serde_json::from_str(&workshop::read(&self.verdict)?)
            .with_context(|| format!("{} is no verdict", self.verdict.display()))?;
        let text = |name: &str| verdict.get(name).and_then(Value::as_str);
        anyhow::ensure!(text("bundle_id") == Some(&bundle.bundle_id), "the verdict is about another bundle");
        let diff = workshop::read(&self.diff)?;
        anyhow::ensure!(text("patch") == Some(&digest_of(diff.as_bytes())), "the verdict is about another patch");
        let rationale = self.rationale.as_deref().map(workshop::read).transpose()?;
        let (title, body) = pull_request(&bundle, &diff, &verdict, rationale.as_deref());
        Ok(Said { bundle, diff, verdict, title, body })
    }
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    let mut out = term::stdout();
    match command {
        Command::Body { said, title: file, json } => {
            let Said { title, body, .. } = said.read()?;
            if *json {
                return out.json(&json!({"title": title, "body": body}));
            }
            match file {
                Some(file) => workshop::write(file, &title)?,
                None => out.line(&format!("# {title}\n"))?,
            }
            Ok(out.text(&body)?)
        }
        Command::Open(args) => open(args),
        Command::Sync(args) => forge::sync(args),
        Command::Changelog { diff, file } => {
            let lines = changelog_lines(&workshop::read(diff)?, file);
            anyhow::ensure!(!lines.is_empty(), "the patch adds no line to {file}");
            lines.iter().try_for_each(|line| Ok(out.line(&one_line(line))?))
        }
    }
}

fn open(args: &OpenArgs) -> anyhow::Result<()> {
    let noting = args.ledger.open(&args.said.store)?;
    let Said { bundle, diff, verdict, title, body } = args.said.read()?;
    let decision = verdict.get("decision").and_then(Value::as_str).unwrap_or_default();
    let draft = match decision {
        "accepted" => false,
        "needs_review" => true,
        _ => anyhow::bail!("the guard refuses the patch: nothing is opened"),
    };
    let request = forge::Request { base: &args.base, head: &args.head, title: &title, body: &body, draft };
    let url = args.forge.tool().open(Path::new(&args.repo), &request)?;
    let details = [
        ("pr", url.clone()),
        ("patch", digest_of(diff.as_bytes())),
        ("verdict", decision.to_owned()),
        ("branch", args.head.clone()),
    ];
    let noted = noting.note(&bundle, Event::PrOpened, with_names(details));
    // It is open, whatever became of the entry.
    term::stdout().line(if url.is_empty() { "opened" } else { &url })?;
    noted
}
