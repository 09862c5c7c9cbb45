//! Where pull requests lie: `gh` for GitHub, `glab` for GitLab, each with the credentials that it has of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::ledger::{SigningArgs, with_names};
use super::store::{StoreArgs, block_on};
use super::term;
use crate::agent::{Entry, Event, Ledger, Note};
use crate::telemetry::{Clock as _, SystemClock};

/// The program that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// GitHub's.
    Gh,
    /// GitLab's.
    Glab,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ForgeArgs {
    /// The program that talks to the forge.
    #[arg(long, value_enum, default_value_t = Tool::Gh)]
    forge: Tool,
}

impl ForgeArgs {
    pub(super) fn tool(&self) -> Tool {
        self.forge
    }
}

#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// A folder in the repository: what was taken back is told by its history.
    #[arg(long, default_value = ".", value_name = "PATH")]
    repo: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    forge: ForgeArgs,
    #[command(flatten)]
    key: SigningArgs,
}

/// A pull request that is to be opened.
pub(super) struct Request<'a> {
    pub(super) base: &'a str,
    pub(super) head: &'a str,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) draft: bool,
}

/// A merge, as the forge tells it.
#[derive(Debug, PartialEq, Eq)]
struct Merge {
    at: String,
    commit: String,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Gh => "gh",
            Self::Glab => "glab",
        }
    }

    /// Opens it and answers with its address; an empty one where the program prints none.
    pub(super) fn open(self, repo: &Path, request: &Request<'_>) -> anyhow::Result<String> {
        let Request { base, head, title, body, draft } = *request;
        let mut line = match self {
            Self::Gh => vec!["pr", "create", "--base", base, "--head", head, "--title", title, "--body", body],
            Self::Glab => vec![
                "mr",
                "create",
                "--yes",
                "--source-branch",
                head,
                "--target-branch",
                base,
                "--title",
                title,
                "--description",
                body,
            ],
        };
        line.extend(draft.then_some("--draft"));
        let said = self.run(repo, &line)?;
        let url = said.split_whitespace().rfind(|word| word.starts_with("https://") || word.starts_with("http://"));
        Ok(url.unwrap_or_default().to_owned())
    }

    /// When and as which commit it was merged; `None` if it was not.
    fn merge(self, repo: &Path, url: &str) -> anyhow::Result<Option<Merge>> {
        let said = match self {
            Self::Gh => self.run(repo, &["pr", "view", url, "--json", "state,mergedAt,mergeCommit"])?,
            Self::Glab => self.run(repo, &["mr", "view", url, "--output", "json"])?,
        };
        let answer: Value =
            serde_json::from_str(&said).with_context(|| format!("{} told nothing of {url}", self.name()))?;
        Ok(self.merge_of(&answer))
    }

    fn merge_of(self, answer: &Value) -> Option<Merge> {
        let text = |pointers: &[&str]| {
            let found = pointers.iter().find_map(|pointer| answer.pointer(pointer).and_then(Value::as_str));
            found.unwrap_or_default().to_owned()
        };
        let (at, commit) = match self {
            Self::Gh => (text(&["/mergedAt"]), text(&["/mergeCommit/oid"])),
            Self::Glab => (text(&["/merged_at"]), text(&["/merge_commit_sha", "/squash_commit_sha", "/sha"])),
        };
        text(&["/state"]).eq_ignore_ascii_case("merged").then_some(Merge { at, commit })
    }

    fn run(self, repo: &Path, arguments: &[&str]) -> anyhow::Result<String> {
        run(Command::new(self.name()).args(arguments).current_dir(repo), self.name())
    }
}

fn run(command: &mut Command, name: &str) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{name} cannot be run"))?;
    anyhow::ensure!(output.status.success(), "{name} ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(super) fn sync(args: &SyncArgs) -> anyhow::Result<()> {
    let signer = args.key.signer()?;
    let store = args.store.open()?;
    let ledger = Ledger::new(store.store().clone());
    let entries = block_on(async { Ok(ledger.entries().await?) })?;
    let tool = args.forge.tool();
    let (mut found, mut open) = (Vec::new(), 0);
    let mut merges: Vec<(Entry, String)> = of(&entries, Event::Merged)
        .filter_map(|entry| Some((entry.clone(), entry.details.get("commit")?.clone())))
        .collect();
    let known: BTreeSet<&str> = of(&entries, Event::Merged).filter_map(address).collect();
    for entry in of(&entries, Event::PrOpened) {
        let Some(url) = address(entry).filter(|url| !known.contains(url)) else { continue };
        match tool.merge(&args.repo, url)? {
            None => open += 1,
            Some(Merge { at, commit }) => {
                let details = [("pr", url.to_owned()), ("commit", commit.clone()), ("merged_at", at)];
                found.push(about(entry, Event::Merged, details));
                merges.push((entry.clone(), commit));
            }
        }
    }
    let known: BTreeSet<&str> = of(&entries, Event::Reverted).filter_map(address).collect();
    for (entry, commit) in merges {
        let Some(url) = address(&entry).filter(|url| !known.contains(url)) else { continue };
        if let Some(by) = reverted_by(&args.repo, &commit)? {
            found.push(about(&entry, Event::Reverted, [("pr", url.to_owned()), ("commit", commit), ("by", by)]));
        }
    }
    block_on(async {
        for note in &found {
            ledger.append(note, SystemClock.now(), signer.as_ref()).await?;
        }
        Ok(())
    })?;
    Ok(term::stdout().line(&format!("{} entries added, {open} pull requests are not merged", found.len()))?)
}

fn of(entries: &[Entry], event: Event) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(move |entry| entry.event == event)
}

fn address(entry: &Entry) -> Option<&str> {
    // What is no address would be read as an option.
    entry.details.get("pr").map(String::as_str).filter(|url| url.starts_with("http"))
}

fn about<const N: usize>(entry: &Entry, event: Event, details: [(&str, String); N]) -> Note {
    Note { event, incident: entry.incident.clone(), bundle: entry.bundle.clone(), details: with_names(details) }
}

/// The commit that takes another back, as git's own message says it, where the history of what is checked out has one.
fn reverted_by(repo: &Path, commit: &str) -> anyhow::Result<Option<String>> {
    if commit.len() < 7 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(repo).args(["log", "-1", "--format=%H", "--fixed-strings", "--grep"]);
    git.arg(format!("This reverts commit {commit}"));
    let found = run(&mut git, "git")?;
    Ok(Some(found.trim().to_owned()).filter(|id| !id.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_is_read_as_each_forge_tells_it() {
        let merge = Merge { at: "2026-11-23T14:00:00Z".to_owned(), commit: "0a1b2c3d".to_owned() };
        let gh = json!({"state": "MERGED", "mergedAt": merge.at, "mergeCommit": {"oid": merge.commit}});
        assert_eq!(Tool::Gh.merge_of(&gh).as_ref(), Some(&merge));
        let glab = json!({"state": "merged", "merged_at": merge.at, "merge_commit_sha": null, "squash_commit_sha": merge.commit});
        assert_eq!(Tool::Glab.merge_of(&glab).as_ref(), Some(&merge));
        let open = json!({"state": "OPEN", "mergedAt": null, "mergeCommit": null});
        assert_eq!(Tool::Gh.merge_of(&open), None);
    }
}
