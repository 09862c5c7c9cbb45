//! A throw-away tree of a repository at a commit, in which tests and patches of unknown worth are run.
//!
//! It is a repository of its own that borrows the objects of the other one, and not a `git worktree`: those share hooks, configuration and
//! references with the repository they belong to, and what runs here must reach none of these. Its own git folder stands apart from the tree
//! too: what runs in the tree could otherwise leave a configuration there that makes the next `git` run a program of its own. `git`
//! itself runs without hooks, without the configuration of the machine or the user, and without the environment of its caller.

mod process;
mod sandbox;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

pub use process::{Job, Ran};
pub use sandbox::{Sandbox, SandboxError, Walls};

/// How long one call of `git` may take.
const GIT_LIMIT: Duration = Duration::from_secs(120);
/// Options of every call: nothing that a repository brings along is run.
const GIT_OPTIONS: [&str; 12] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.allow=never",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "safe.directory=*",
    "-c",
    "core.quotePath=false",
];

/// Why there is no tree, or what could not be done to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorktreeError {
    /// The folder is no git repository.
    #[error("{0} is not a git repository")]
    NoRepository(PathBuf),
    /// The commit is not in it.
    #[error("the repository has no commit {0}: fetch it first")]
    NoCommit(String),
    /// Git refused.
    #[error("git {what}: {said}")]
    Git {
        /// The subcommand.
        what: String,
        /// What it said.
        said: String,
    },
    /// A path leads out of the tree.
    #[error("{0} is no path within the repository")]
    Outside(PathBuf),
    /// The file system.
    #[error("{0} cannot be used")]
    Io(PathBuf, #[source] io::Error),
}

/// The tree; removed when dropped.
#[derive(Debug)]
pub struct Worktree {
    folder: tempfile::TempDir,
    tree: PathBuf,
    /// Its git folder, out of reach of what runs in the tree.
    kept: tempfile::TempDir,
    commit: String,
}

impl Worktree {
    /// Checks out `commit` of the repository at `repo`: `HEAD`, or a revision in hex.
    ///
    /// # Errors
    /// If there is no such repository or commit, or the disk is full.
    pub fn at(repo: &Path, commit: &str) -> Result<Self, WorktreeError> {
        let none = || WorktreeError::NoRepository(repo.to_owned());
        let repo = fs::canonicalize(repo).map_err(|_| none())?;
        let temporary = |prefix| {
            let folder = tempfile::Builder::new().prefix(prefix).tempdir();
            folder.map_err(|error| WorktreeError::Io(std::env::temp_dir(), error))
        };
        let (folder, kept) = (temporary("casefile-")?, temporary("casefile-git-")?);
        // Its own name may hold a link (macOS): paths of frames are compared with it.
        let root = fs::canonicalize(folder.path()).map_err(|error| WorktreeError::Io(folder.path().into(), error))?;
        let tree = root.join("tree");
        for path in [&tree, &root.join("home"), &root.join("tmp")] {
            fs::create_dir(path).map_err(|error| WorktreeError::Io(path.clone(), error))?;
        }
        let of_repo = |arguments: &[&str]| git(&repo, kept.path(), arguments);
        let objects = of_repo(&["rev-parse", "--path-format=absolute", "--git-path", "objects"]).map_err(|_| none())?;
        let shallow = of_repo(&["rev-parse", "--path-format=absolute", "--git-path", "shallow"])?;
        let format = of_repo(&["rev-parse", "--show-object-format"])?;
        let is_name = commit == "HEAD" || (commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let missing = || WorktreeError::NoCommit(commit.to_owned());
        if !is_name {
            return Err(missing());
        }
        let commit =
            of_repo(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{commit}^{{commit}}")]);
        let commit = commit.map_err(|_| missing())?.trim().to_owned();

        let this = Self { folder, tree, kept, commit };
        this.git(&["init", "--quiet", &format!("--object-format={}", format.trim())])?;
        let inner = this.inner();
        let io =
            |path: &Path, result: io::Result<()>| result.map_err(|error| WorktreeError::Io(path.to_owned(), error));
        let alternates = inner.join("objects/info/alternates");
        io(&alternates, fs::create_dir_all(inner.join("objects/info")))?;
        io(&alternates, fs::write(&alternates, objects))?;
        if Path::new(shallow.trim()).is_file() {
            io(&inner, fs::copy(shallow.trim(), inner.join("shallow")).map(drop))?;
        }
        this.git(&["checkout", "--quiet", "--detach", &this.commit])?;
        Ok(this)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.tree
    }

    /// The folder around it, in which `home` and `tmp` of what runs here are too.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.tree.parent().unwrap_or_else(|| self.folder.path())
    }

    /// The commit, in full.
    #[must_use]
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// A path within the tree: refused where it leads out.
    ///
    /// # Errors
    /// If it does.
    pub fn within(&self, path: &Path) -> Result<PathBuf, WorktreeError> {
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let outside = || WorktreeError::Outside(path.to_owned());
        if !is_plain || path.components().next().is_some_and(|part| part.as_os_str() == ".git") {
            return Err(outside());
        }
        // A folder on the way may be a link that a commit or a patch brought.
        let joined = self.tree.join(path);
        let there = joined.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok()).unwrap_or(&self.tree);
        let real = fs::canonicalize(there).map_err(|_| outside())?;
        if real.starts_with(&self.tree) { Ok(joined) } else { Err(outside()) }
    }

    /// Writes a file, and the folders it needs.
    ///
    /// # Errors
    /// If its path leads out of the tree, or it cannot be written.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), WorktreeError> {
        let full = self.within(path)?;
        let made = full.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&full, text));
        made.map_err(|error| WorktreeError::Io(full, error))
    }

    /// The text of a file; `None` where there is none, or it is no text.
    #[must_use]
    pub fn read(&self, path: &Path) -> Option<String> {
        String::from_utf8(regular(&self.within(path).ok()?)?).ok()
    }

    /// The files of the commit.
    ///
    /// # Errors
    /// If git fails.
    pub fn files(&self) -> Result<Vec<String>, WorktreeError> {
        let listed = self.git(&["ls-files", "-z"])?;
        Ok(listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Links folders of the repository that git does not know (installed packages) into the tree, where they are there.
    ///
    /// # Errors
    /// If a link cannot be made.
    pub fn link(&self, repo: &Path, names: &[String]) -> Result<(), WorktreeError> {
        for name in names {
            let (from, to) = (repo.join(name), self.within(Path::new(name))?);
            if let (Ok(from), Err(_)) = (fs::canonicalize(&from), to.symlink_metadata()) {
                std::os::unix::fs::symlink(from, &to).map_err(|error| WorktreeError::Io(to, error))?;
                let exclude = self.inner().join("info/exclude");
                let excluded = fs::read_to_string(&exclude).unwrap_or_default();
                fs::write(&exclude, format!("{excluded}/{name}\n"))
                    .map_err(|error| WorktreeError::Io(exclude, error))?;
            }
        }
        Ok(())
    }

    /// Applies a diff, exactly or not at all: no three-way merge, no fuzz.
    ///
    /// # Errors
    /// If it does not apply.
    pub fn apply(&self, diff: &str) -> Result<(), WorktreeError> {
        self.git_with(&["apply", "--check", "-"], diff)?;
        self.git_with(&["apply", "--whitespace=nowarn", "-"], diff).map(drop)
    }

    /// Takes a diff back.
    ///
    /// # Errors
    /// If it was not applied.
    pub fn revert(&self, diff: &str) -> Result<(), WorktreeError> {
        self.git_with(&["apply", "--reverse", "--whitespace=nowarn", "-"], diff).map(drop)
    }

    /// What differs from the commit, new files among it.
    ///
    /// # Errors
    /// If git fails.
    pub fn diff(&self) -> Result<String, WorktreeError> {
        self.git(&["add", "--all", "."])?;
        self.git(&["diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", &self.commit])
    }

    /// Back to the commit; files that git ignores stay.
    ///
    /// # Errors
    /// If git fails.
    pub fn reset(&self) -> Result<(), WorktreeError> {
        self.git(&["reset", "--quiet", "--hard", &self.commit])?;
        self.git(&["clean", "--quiet", "-d", "--force"]).map(drop)
    }

    /// Runs git in the tree.
    ///
    /// # Errors
    /// If it fails.
    pub fn git(&self, arguments: &[&str]) -> Result<String, WorktreeError> {
        self.call(arguments, None, &[])
    }

    fn git_with(&self, arguments: &[&str], input: &str) -> Result<String, WorktreeError> {
        self.call(arguments, Some(input), &[])
    }

    /// Its git folder.
    pub(crate) fn inner(&self) -> PathBuf {
        self.kept.path().join("git")
    }

    pub(crate) fn call(
        &self,
        arguments: &[&str],
        input: Option<&str>,
        env: &[(&str, &OsStr)],
    ) -> Result<String, WorktreeError> {
        let (inner, tree) = (self.inner().display().to_string(), self.tree.display().to_string());
        let (inner, tree) = (format!("--git-dir={inner}"), format!("--work-tree={tree}"));
        let line: Vec<&str> = [inner.as_str(), tree.as_str()].into_iter().chain(arguments.iter().copied()).collect();
        git_in(&self.tree, self.kept.path(), &line, input, env)
    }
}

/// The bytes of a file that something of unknown worth may have written: of no pipe, which never ends, of no link, and of none that does not
/// fit into memory.
pub(crate) fn regular(path: &Path) -> Option<Vec<u8>> {
    let about = path.symlink_metadata().ok()?;
    (about.is_file() && about.len() <= process::MAX_FILE as u64).then(|| fs::read(path).ok()).flatten()
}

/// Runs git in a folder, with nothing of the caller's environment but `PATH`. `home` is an empty folder.
///
/// # Errors
/// If it fails.
pub(crate) fn git(folder: &Path, home: &Path, arguments: &[&str]) -> Result<String, WorktreeError> {
    git_in(folder, home, arguments, None, &[])
}

fn git_in(
    folder: &Path,
    home: &Path,
    arguments: &[&str],
    input: Option<&str>,
    env: &[(&str, &OsStr)],
) -> Result<String, WorktreeError> {
    let mut command = vec!["git".to_owned()];
    command.extend(GIT_OPTIONS.map(str::to_owned));
    command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let mut job = Job::new(command, folder, GIT_LIMIT);
    job.keep = process::MAX_FILE;
    job.apart = true;
    job.input = input.map(|text| text.as_bytes().to_vec());
    for (name, value) in [
        ("HOME", home.as_os_str()),
        ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
        ("GIT_CONFIG_GLOBAL", OsStr::new("/dev/null")),
        ("GIT_TERMINAL_PROMPT", OsStr::new("0")),
        ("GIT_OPTIONAL_LOCKS", OsStr::new("0")),
        ("LC_ALL", OsStr::new("C")),
    ]
    .into_iter()
    .chain(env.iter().copied())
    {
        job.env.push((name.to_owned(), value.to_string_lossy().into_owned()));
    }
    let ran = job.run().map_err(|error| WorktreeError::Io("git".into(), error))?;
    let what = || arguments.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default().to_owned();
    match ran.status {
        Some(0) if !ran.cut => Ok(ran.output),
        Some(0) => Err(WorktreeError::Git { what: what(), said: "its answer is too long".to_owned() }),
        _ if ran.timed_out => Err(WorktreeError::Git { what: what(), said: "it took too long".to_owned() }),
        _ => Err(WorktreeError::Git { what: what(), said: ran.said.trim().to_owned() }),
    }
}
