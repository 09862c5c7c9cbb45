//! A repository, read by the `git` program: the one reader that knows every repository its user can work in (worktrees, partial
//! clones, alternates, SHA-256), and a third of the build time that a library would cost.
//!
//! Nothing of the repository runs: no hooks, file monitors, text conversions or replaced objects, and nothing is fetched. What is
//! handed over from a bundle is a commit of hex digits or a path that the commit's own tree named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The program does not start.
    #[error("the git program does not start")]
    Program(#[source] std::io::Error),
    /// The folder is none.
    #[error("{0} is not in a git repository")]
    NoRepository(PathBuf),
    /// It says that it cannot.
    #[error("git {command}: {said}")]
    Failed {
        /// What it was to do.
        command: String,
        /// What it said.
        said: String,
    },
}

/// A repository.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    folder: PathBuf,
}

/// Who last changed a line. Names and addresses stay in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blamed {
    pub(super) line: u32,
    pub(super) commit: String,
}

/// A commit in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) time: i64,
    pub(super) subject: String,
}

impl Repository {
    pub(super) fn open(folder: &Path) -> Result<Self, GitError> {
        let repository = Self { folder: folder.to_owned() };
        match repository.run(&["rev-parse", "--git-dir"]) {
            Ok(_) => Ok(repository),
            Err(GitError::Failed { .. }) => Err(GitError::NoRepository(folder.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// The whole id of a commit; `None` where it is not here, or is no hex digits.
    pub(super) fn commit(&self, id: &str) -> Option<String> {
        let is_hex = (7..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return None;
        }
        let found =
            self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{id}^{{commit}}")]).ok()?;
        Some(String::from_utf8_lossy(&found).trim().to_owned())
    }

    /// The regular files of a commit by path, with their sizes.
    pub(super) fn files(&self, commit: &str) -> Result<BTreeMap<String, u64>, GitError> {
        let listed = self.run(&["ls-tree", "-r", "-z", "-l", "--full-tree", commit])?;
        let mut files = BTreeMap::new();
        for entry in listed.split(|byte| *byte == 0) {
            // `100644 blob <id> <size>\t<path>`. Links and submodules have other modes; a path that is not UTF-8 names no frame.
            let Ok(entry) = std::str::from_utf8(entry) else { continue };
            let Some((facts, path)) = entry.split_once('\t') else { continue };
            let size = facts.split_whitespace().last().and_then(|size| size.parse().ok());
            if let (true, Some(size)) = (facts.starts_with("100"), size) {
                files.insert(path.to_owned(), size);
            }
        }
        Ok(files)
    }

    /// The text of a file; `None` where it is too large or no text.
    pub(super) fn read(&self, commit: &str, path: &str, size: u64) -> Result<Option<String>, GitError> {
        if size > MAX_FILE {
            return Ok(None);
        }
        let bytes = self.run(&["cat-file", "blob", &format!("{commit}:{path}")])?;
        Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
    }

    /// Which commits last changed these lines, from 1.
    pub(super) fn blame(&self, commit: &str, path: &str, (from, to): (u32, u32)) -> Result<Vec<Blamed>, GitError> {
        let lines = format!("{from},{to}");
        let said = self.run(&["blame", "--porcelain", "--no-textconv", "-L", &lines, commit, "--", path])?;
        let mut found = Vec::new();
        for line in String::from_utf8_lossy(&said).lines().filter(|line| !line.starts_with('\t')) {
            let words: Vec<&str> = line.split(' ').collect();
            if let [id, _, line, ..] = words.as_slice()
                && id.len() >= 40
                && id.bytes().all(|byte| byte.is_ascii_hexdigit())
                && let Ok(line) = line.parse()
            {
                found.push(Blamed { line, commit: (*id).to_owned() });
            }
        }
        Ok(found)
    }

    /// At most `limit` commits of a range (`a..b`) or behind one commit, that changed one of the paths; all where there is none.
    pub(super) fn log(&self, range: &str, limit: usize, paths: &[&str]) -> Result<Vec<Commit>, GitError> {
        let count = format!("--max-count={limit}");
        let mut arguments =
            vec!["log", "--no-show-signature", "--no-color", "--format=%H%x00%ct%x00%s", &count, range, "--"];
        arguments.extend(paths);
        let said = self.run(&arguments)?;
        let said = String::from_utf8_lossy(&said);
        let commits = said.lines().filter_map(|line| {
            let mut parts = line.splitn(3, '\0');
            let (id, time, subject) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Commit { id: id.to_owned(), time: time.parse().ok()?, subject: subject.to_owned() })
        });
        Ok(commits.collect())
    }

    /// How many commits a range has.
    pub(super) fn count(&self, range: &str) -> Result<u64, GitError> {
        let said = self.run(&["rev-list", "--count", range, "--"])?;
        Ok(String::from_utf8_lossy(&said).trim().parse().unwrap_or_default())
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.folder)
            .args([
                "--no-replace-objects",
                "--literal-pathspecs",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(["-c", "core.quotePath=false", "-c", "log.showSignature=false", "-c", "blame.ignoreRevsFile="])
            .args(arguments)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(GitError::Program)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect();
        Err(GitError::Failed { command: (*arguments.first().unwrap_or(&"")).to_owned(), said })
    }
}
