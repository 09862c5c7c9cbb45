//! `casefile pr body|changelog`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::store::StoreArgs;
use super::{term, workshop};
use crate::agent::patch::{changelog_lines, pull_request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes what a pull request says of a patch: incident, trace and span, root cause, fix, tests, risk.
    Body {
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
        /// Writes the title here; else it is the body's first line.
        #[arg(long, value_name = "FILE")]
        title: Option<PathBuf>,
        /// JSON (`title`, `body`) in place of Markdown.
        #[arg(long)]
        json: bool,
    },
    /// Checks that a diff adds a line to the changelog.
    Changelog {
        /// The diff.
        diff: PathBuf,
        /// How the changelog's name begins.
        #[arg(long, default_value = "CHANGELOG", value_name = "NAME")]
        file: String,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    let mut out = term::stdout();
    match command {
        Command::Body { bundle, store, diff, verdict, rationale, title: file, json } => {
            let bundle = workshop::bundle(bundle, store)?;
            let verdict: Value = serde_json::from_str(&workshop::read(verdict)?)
                .with_context(|| format!("{} is no verdict", verdict.display()))?;
            let of = verdict.get("bundle_id").and_then(Value::as_str);
            anyhow::ensure!(of == Some(&bundle.bundle_id), "the verdict is about another bundle");
            let rationale = rationale.as_deref().map(workshop::read).transpose()?;
            let (title, body) = pull_request(&bundle, &workshop::read(diff)?, &verdict, rationale.as_deref());
            if *json {
                return out.json(&json!({"title": title, "body": body}));
            }
            match file {
                Some(file) => workshop::write(file, &title)?,
                None => out.line(&format!("# {title}\n"))?,
            }
            Ok(out.text(&body)?)
        }
        Command::Changelog { diff, file } => {
            let lines = changelog_lines(&workshop::read(diff)?, file);
            anyhow::ensure!(!lines.is_empty(), "the patch adds no line to {file}");
            lines.iter().try_for_each(|line| Ok(out.line(&crate::agent::one_line(line))?))
        }
    }
}
