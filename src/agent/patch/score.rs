//! How near a change stays to the evidence, and how simple it is.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::super::worktree::Worktree;
use super::change::Change;
use crate::agent::testgen::{is_test, pattern};

/// What a file counts whose import links it to the evidence.
const LINKED: f64 = 0.5;
/// Lines, files, hunks and branches of which each halves the worth of a change, or takes a part of it.
const LINES: f64 = 40.0;
const FURTHER: f64 = 0.25;
const BRANCH: f64 = 0.1;

static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\s*(?:import|from|use|mod|pub mod|#include|export .* from|.*\brequire\(|.*\bimport\()")
});
static BRANCH_WORD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:\}?\s*else|if|elif|for|while|match|switch|case|try|catch|except|finally)\b"));

/// Whether a file says nothing of what the program does.
pub(super) fn is_prose(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_text = [".md", ".rst", ".adoc"].iter().any(|ending| name.ends_with(ending));
    is_text || name.starts_with("CHANGELOG") || name.starts_with("CHANGES")
}

/// Files that the evidence neither names nor links by an import, and the share of the changed lines that it does.
pub(super) fn localisation(tree: &Worktree, changes: &[Change], evidence: &BTreeSet<String>) -> (f64, Vec<String>) {
    let mut unrelated = Vec::new();
    let (mut near, mut all) = (0.0, 0.0);
    let texts: Vec<String> = evidence.iter().filter_map(|file| tree.read(Path::new(file))).collect();
    for change in changes.iter().filter(|change| !is_test(&change.path) && !is_prose(&change.path)) {
        #[expect(clippy::cast_precision_loss, reason = "lines of a small diff")]
        let lines = change.lines().max(1) as f64;
        let own = change.after.as_deref().or(change.before.as_deref()).unwrap_or_default();
        let is_linked =
            || texts.iter().any(|text| imports(text, &change.path)) || evidence.iter().any(|file| imports(own, file));
        let worth = match () {
            () if evidence.contains(&change.path) => 1.0,
            () if is_linked() => LINKED,
            () => {
                unrelated.push(change.path.clone());
                0.0
            }
        };
        near += lines * worth;
        all += lines;
    }
    (if all > 0.0 { rounded(near / all) } else { 1.0 }, unrelated)
}

/// Whether a text imports a file, by its name.
fn imports(text: &str, file: &str) -> bool {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.split('.').next().unwrap_or_default();
    let stem = if ["__init__", "mod", "index"].contains(&stem) {
        folders.rsplit('/').next().unwrap_or_default()
    } else {
        stem
    };
    // Go imports folders, and a file of the same folder needs none.
    let stem = if name.ends_with(".go") { folders.rsplit('/').next().unwrap_or_default() } else { stem };
    if stem.len() < 2 {
        return false;
    }
    let Ok(word) = Regex::new(&format!(r"\b{}\b", regex::escape(stem))) else { return false };
    text.lines().any(|line| IMPORT.is_match(line) && word.is_match(line))
}

/// From 1 for a change of one line down to 0: fewer lines, files, hunks and branches are simpler.
pub(super) fn simplicity(changes: &[Change]) -> f64 {
    let own: Vec<&Change> = changes.iter().filter(|change| !is_test(&change.path) && !is_prose(&change.path)).collect();
    let lines: usize = own.iter().map(|change| change.lines()).sum();
    let hunks: u32 = own.iter().map(|change| change.hunks).sum();
    let branches = own.iter().flat_map(|change| &change.added).filter(|(_, line)| BRANCH_WORD.is_match(line)).count();
    #[expect(clippy::cast_precision_loss, reason = "numbers of a small diff")]
    let cost = lines as f64 / LINES
        + FURTHER * (own.len().saturating_sub(1) as f64 + f64::from(hunks.saturating_sub(1)))
        + BRANCH * branches as f64;
    rounded(1.0 / (1.0 + cost))
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_links_files_by_name() {
        assert!(imports("from app.handlers import report\n", "app/handlers/report.py"));
        assert!(imports("import { a } from './profile.ts';\n", "src/profile.ts"));
        assert!(imports("mod parse;\n", "src/parse/mod.rs"));
        assert!(!imports("from opentelemetry import trace\n", "app/telemetry.py"), "a part of a word is no name");
        assert!(!imports("x = report(1)\n", "app/report.py"), "no import");
    }

    #[test]
    fn less_is_simpler() {
        let change = |lines: u32| Change {
            path: "a.py".to_owned(),
            added: (0..lines).map(|at| (at, "if x:".to_owned())).collect(),
            hunks: 1,
            ..Change::default()
        };
        assert!(simplicity(&[change(1)]) > simplicity(&[change(9)]));
        let two = Change { path: "b.py".to_owned(), ..change(0) };
        assert!(simplicity(&[change(1), two]) < simplicity(&[change(1)]));
    }
}
