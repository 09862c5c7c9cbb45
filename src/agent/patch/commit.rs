//! An accepted patch as a commit on a branch of its own, signed where there is a key. The work tree and the branches of the repository stay as
//! they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::testgen::Made;
use super::super::worktree::{Worktree, WorktreeError, git};

/// What signs commits.
#[derive(Debug, Clone)]
pub enum CommitKey {
    /// A file with a private SSH key, as `ssh-keygen` makes it.
    Ssh(PathBuf),
    /// The id of a key in the caller's GnuPG key ring.
    Gpg(String),
}

/// What a commit is made as.
#[derive(Debug, Clone, Copy)]
pub struct CommitAs<'a> {
    /// The new branch.
    pub branch: &'a str,
    /// `Name <mail@example.org>`.
    pub author: &'a str,
    /// Its message.
    pub message: &'a str,
    /// What signs it.
    pub key: Option<&'a CommitKey>,
}

/// Why there is no commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Not the name of a branch.
    #[error("`{0}` is no name of a branch")]
    Branch(String),
    /// Not a person.
    #[error("`{0}` is no author: write `Name <mail@example.org>`")]
    Author(String),
    /// Git.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The branch is there already.
    #[error("the repository has a branch {0} already")]
    Exists(String),
}

/// Commits diff and made test in the tree, and brings the commit to the repository as a new branch. The answer is its id.
///
/// # Errors
/// If the branch exists, the key does not sign, or git fails.
pub fn commit(
    tree: &Worktree,
    repo: &Path,
    diff: &str,
    made: &Made,
    as_what: &CommitAs<'_>,
) -> Result<String, CommitError> {
    let CommitAs { branch, author, message, key } = *as_what;
    let full = format!("refs/heads/{branch}");
    tree.git(&["check-ref-format", &full]).map_err(|_| CommitError::Branch(branch.to_owned()))?;
    let home = tree.inner();
    if git(repo, &home, &["show-ref", "--verify", "--quiet", &full]).is_ok() {
        return Err(CommitError::Exists(branch.to_owned()));
    }
    let person = author.split_once('<').and_then(|(name, mail)| Some((name.trim(), mail.trim().strip_suffix('>')?)));
    let (name, mail) = person.ok_or_else(|| CommitError::Author(author.to_owned()))?;
    tree.reset()?;
    tree.apply(diff)?;
    tree.write(&made.about.path, &made.text)?;
    tree.git(&["add", "--all", "."])?;
    let (name, mail) = (format!("user.name={name}"), format!("user.email={mail}"));
    let mut line = vec!["-c".to_owned(), name, "-c".to_owned(), mail];
    match key {
        Some(CommitKey::Ssh(file)) => {
            line.extend(["-c".to_owned(), "gpg.format=ssh".to_owned(), "-c".to_owned()]);
            line.push(format!("user.signingkey={}", file.display()));
        }
        Some(CommitKey::Gpg(id)) => line.extend(["-c".to_owned(), format!("user.signingkey={id}")]),
        None => {}
    }
    line.extend(["commit", "--quiet", "--no-verify", "--cleanup=whitespace", "-m", message].map(str::to_owned));
    line.push(if key.is_some() { "--gpg-sign" } else { "--no-gpg-sign" }.to_owned());
    // The key ring lies in the caller's home, which git does not see otherwise.
    let ring = std::env::var_os("GNUPGHOME")
        .or_else(|| std::env::home_dir().map(|home| OsString::from(home.join(".gnupg"))))
        .unwrap_or_default();
    let agent = std::env::var_os("SSH_AUTH_SOCK").unwrap_or_default();
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    tree.call(&line, None, &[("GNUPGHOME", &ring), ("SSH_AUTH_SOCK", &agent)])?;
    let id = tree.git(&["rev-parse", "HEAD"])?.trim().to_owned();
    let from = tree.inner().display().to_string();
    let allowed = ["-c", "protocol.file.allow=always", "fetch", "--quiet", "--no-tags"];
    git(repo, &home, &[&allowed[..], &[from.as_str(), &format!("HEAD:{full}")]].concat())?;
    tree.git(&["checkout", "--quiet", "--detach", tree.commit()])?;
    Ok(id)
}
