//! `casefile export training`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::redact::redactor;
use super::sources::ConfigArgs;
use super::store::StoreArgs;
use super::workshop::{self, RepoArgs};
use crate::bundle::digest_of;
use crate::redact::TextKind;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes lines of JSON for training: bundle, failing test, patch, verdict.
    ///
    /// Each case is a folder with patch.diff, and verdict.json as `patch check --format json` writes it; its bundle is bundle.json there, else
    /// that of the store. Nothing raw gets into a line: bundles are redacted, the test is made anew with place-holders, the patch goes through
    /// the redactor, and of the verdict only decision, rules and numbers are taken.
    Training {
        /// The folders.
        #[arg(required = true)]
        cases: Vec<PathBuf>,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        repo: RepoArgs,
        /// Appends to this file in place of stdout.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub(super) fn run(command: &Command, sources: &ConfigArgs) -> anyhow::Result<()> {
    let Command::Training { cases, store, repo, out } = command;
    anyhow::ensure!(!repo.gives_values(), "--value would put a raw value into the test: leave it out");
    let redactor = redactor(sources)?;
    let mut lines = String::new();
    for folder in cases {
        let told = || format!("{}", folder.display());
        let (patch, verdict) = read(folder)?;
        let kept = folder.join("bundle.json");
        let of = verdict.get("bundle_id").and_then(Value::as_str).unwrap_or_default();
        let name = if kept.is_file() { kept.display().to_string() } else { of.to_owned() };
        let bundle = workshop::bundle(&name, store).with_context(told)?;
        anyhow::ensure!(bundle.bundle_id == of, "{}: the verdict is about another bundle", folder.display());
        let tree = repo.tree(&bundle).with_context(told)?;
        let made = repo.make(&bundle, &tree).with_context(told)?;
        let clean =
            redactor.inspect_of("", TextKind::Message, &patch).map_err(anyhow::Error::msg).with_context(told)?;
        let line = json!({
            "bundle": bundle,
            "test": {"framework": made.about.framework, "path": made.about.path, "text": made.text, "missing": made.missing},
            "patch": {"diff": clean.text, "digest": digest_of(patch.as_bytes()), "redactions": clean.remarks.len()},
            "verdict": numbers(&verdict),
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    match out {
        None => Ok(super::term::stdout().text(&lines)?),
        Some(path) => {
            let mut options = std::fs::OpenOptions::new();
            let file = options.create(true).append(true).open(path);
            let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, lines.as_bytes()));
            written.with_context(|| format!("{} cannot be written", path.display()))
        }
    }
}

/// Patch and verdict of a case, which belong together.
fn read(folder: &Path) -> anyhow::Result<(String, Value)> {
    let patch = workshop::read(&folder.join("patch.diff"))?;
    let file = folder.join("verdict.json");
    let verdict: Value =
        serde_json::from_str(&workshop::read(&file)?).with_context(|| format!("{} is no verdict", file.display()))?;
    let about = verdict.get("patch").and_then(Value::as_str).unwrap_or_default();
    anyhow::ensure!(about == digest_of(patch.as_bytes()), "{}: the verdict is about another patch", folder.display());
    Ok((patch, verdict))
}

/// What of a verdict is no free text, which may quote what tests printed.
fn numbers(verdict: &Value) -> Value {
    let at = |pointer: &str| verdict.pointer(pointer).cloned().unwrap_or(Value::Null);
    let findings = verdict.get("findings").and_then(Value::as_array);
    let rules: Vec<Value> = findings
        .into_iter()
        .flatten()
        .map(|finding| json!({"rule": finding.get("rule"), "level": finding.get("level")}))
        .collect();
    json!({
        "decision": at("/decision"),
        "findings": rules,
        "size": at("/size"),
        "localisation": at("/localisation"),
        "simplicity": at("/simplicity"),
        "passed": at("/passed"),
        "runs": at("/runs"),
        "before": at("/before/verdict"),
        "reverted": at("/reverted/verdict"),
        "suite": {"before": at("/suite/before/passed"), "after": at("/suite/after/passed")},
    })
}
