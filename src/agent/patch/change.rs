//! What a diff changes, as git itself sees it once it is applied: no second reader of diffs, which an attacker could set against git's.

use std::path::Path;

use super::super::worktree::{Worktree, WorktreeError};

/// Most bytes of a file whose lines are looked at.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// A file that was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: String,
    /// `A`, `D`, `M` or `T`, as git writes them.
    pub(super) status: char,
    /// Its mode afterwards, `000000` where it is gone.
    pub(super) mode: String,
    /// Lines that were added, with their numbers afterwards.
    pub(super) added: Vec<(u32, String)>,
    /// Lines that were removed, with their numbers before.
    pub(super) removed: Vec<(u32, String)>,
    pub(super) hunks: u32,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) is_binary: bool,
}

impl Change {
    /// Lines added and removed.
    pub(super) fn lines(&self) -> usize {
        self.added.len() + self.removed.len()
    }
}

/// What differs from the commit.
///
/// # Errors
/// If git fails.
pub(super) fn changes(tree: &Worktree) -> Result<Vec<Change>, WorktreeError> {
    tree.git(&["add", "--all", "."])?;
    let raw = tree.git(&["diff", "--cached", "--raw", "-z", "--no-renames", "--abbrev=40", tree.commit()])?;
    let mut changes = Vec::new();
    let mut fields = raw.split('\0');
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [_, mode, _, _, status] = words[..] else { continue };
        let mut change = Change {
            path: path.to_owned(),
            status: status.chars().next().unwrap_or('M'),
            mode: mode.to_owned(),
            ..Change::default()
        };
        let text = |text: String| Some(text).filter(|text| text.len() <= MAX_TEXT);
        if change.status != 'A' {
            change.before = tree.git(&["show", &format!("{}:{path}", tree.commit())]).ok().and_then(text);
        }
        if change.status != 'D' {
            change.after = tree.read(Path::new(path)).and_then(text);
        }
        let plain = [
            "--literal-pathspecs",
            "diff",
            "--cached",
            "--no-renames",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "-U0",
        ];
        let shown = tree.git(&[&plain[..], &[tree.commit(), "--", path]].concat())?;
        read_hunks(&mut change, &shown);
        changes.push(change);
    }
    Ok(changes)
}

/// The lines of a diff without context, of one file.
fn read_hunks(change: &mut Change, shown: &str) {
    let (mut old, mut new) = (0, 0);
    let mut inside = false;
    for line in shown.lines() {
        if let Some(rest) = line.strip_prefix("@@ -") {
            inside = true;
            change.hunks += 1;
            let number =
                |text: Option<&str>| text.and_then(|text| text.split([',', ' ']).next()?.parse().ok()).unwrap_or(0);
            old = number(Some(rest));
            new = number(rest.split_once('+').map(|(_, rest)| rest));
        } else if !inside {
            change.is_binary |= line.starts_with("Binary files ") || line == "GIT binary patch";
        } else if let Some(text) = line.strip_prefix('+') {
            change.added.push((new, text.to_owned()));
            new += 1;
        } else if let Some(text) = line.strip_prefix('-') {
            change.removed.push((old, text.to_owned()));
            old += 1;
        }
    }
}
