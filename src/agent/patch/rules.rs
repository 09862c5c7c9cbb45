//! What can be told of a patch without running anything.

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::change::Change;
use super::score::{is_prose, localisation, simplicity};
use super::{Finding, Level, Rule, Size, dependencies, tests_kept};
use crate::agent::testgen::is_test;
use crate::agent::worktree::Worktree;

/// What no patch may touch, whatever is allowed: what decides over the patch itself, and keys.
const BLOCKED: [&str; 16] = [
    ".github/**",
    ".gitlab-ci.yml",
    ".gitlab/**",
    ".circleci/**",
    ".ci/**",
    "Jenkinsfile",
    "azure-pipelines.yml",
    ".gitattributes",
    ".gitmodules",
    ".casefile/**",
    "CODEOWNERS",
    "**/.env",
    "**/.env.*",
    "**/*.pem",
    "**/*.key",
    "**/*.p12",
];
/// What a person looks at: what builds, what runs tests, what changes data.
const REVIEWED: [&str; 19] = [
    "**/conftest.py",
    "pytest.ini",
    "tox.ini",
    "noxfile.py",
    "setup.py",
    "setup.cfg",
    "**/pyproject.toml",
    "**/package.json",
    "**/vitest.config.*",
    "**/jest.config.*",
    "**/tsconfig*.json",
    "**/build.rs",
    "**/Cargo.toml",
    "**/go.mod",
    "**/pom.xml",
    "**/*.gradle*",
    "Makefile",
    "**/Dockerfile*",
    "**/migrations/**",
];

/// What a patch may do.
#[derive(Debug, Clone)]
pub struct Policy {
    max_files: usize,
    max_lines: usize,
    allowed: Option<GlobSet>,
    blocked: GlobSet,
    reviewed: GlobSet,
}

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no pattern for paths")]
pub struct PolicyError(String, #[source] globset::Error);

impl Policy {
    /// Most files and lines (of neither tests nor prose), and patterns of paths beside the built-in ones. Where `allowed` has any, the patch
    /// keeps to these, and whatever it touches of them counts as related.
    ///
    /// # Errors
    /// With the first pattern that cannot be read.
    pub fn new(
        max_files: usize,
        max_lines: usize,
        allowed: &[String],
        blocked: &[String],
        reviewed: &[String],
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            max_files,
            max_lines,
            allowed: if allowed.is_empty() { None } else { Some(set(&words(allowed))?) },
            blocked: set(&[&BLOCKED[..], &words(blocked)].concat())?,
            reviewed: set(&[&REVIEWED[..], &words(reviewed)].concat())?,
        })
    }
}

fn words(patterns: &[String]) -> Vec<&str> {
    patterns.iter().map(String::as_str).collect()
}

fn set(patterns: &[&str]) -> Result<GlobSet, PolicyError> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(Glob::new(pattern).map_err(|error| PolicyError((*pattern).to_owned(), error))?);
    }
    builder.build().map_err(|error| PolicyError(patterns.join(", "), error))
}

/// What was told.
pub(super) struct Told {
    pub(super) findings: Vec<Finding>,
    pub(super) size: Size,
    pub(super) localisation: f64,
    pub(super) simplicity: f64,
}

/// Tells. `evidence` are the files that the bundle speaks of, `made` is the path of the made test.
pub(super) fn tell(
    tree: &Worktree,
    changes: &[Change],
    policy: &Policy,
    evidence: &std::collections::BTreeSet<String>,
    made: &str,
) -> Told {
    let mut findings = Vec::new();
    let mut refuse = |rule: Rule, file: &str, said: String| findings.push(Finding::refusal(rule, file, None, said));
    let is_own = |change: &&Change| !is_test(&change.path) && !is_prose(&change.path);
    let counted: usize = changes.iter().filter(is_own).map(Change::lines).sum();
    let size = Size {
        files: changes.len(),
        added: changes.iter().map(|change| change.added.len()).sum(),
        removed: changes.iter().map(|change| change.removed.len()).sum(),
        counted,
    };
    let own = changes.iter().filter(is_own).count();
    if changes.is_empty() {
        refuse(Rule::Empty, "", "the patch changes nothing".to_owned());
    } else if own == 0 && changes.iter().all(|change| change.status != 'D') {
        refuse(Rule::Empty, "", "the patch changes no code, only tests or prose".to_owned());
    }
    if own > policy.max_files {
        refuse(Rule::Size, "", format!("{own} files are changed, of {} at most", policy.max_files));
    }
    if counted > policy.max_lines {
        refuse(Rule::Size, "", format!("{counted} lines are changed, of {} at most", policy.max_lines));
    }
    for change in changes {
        let path = change.path.as_str();
        if change.mode == "120000" || change.mode == "160000" || change.status == 'T' {
            refuse(Rule::Link, path, "a link or a submodule".to_owned());
        }
        if change.is_binary && !is_test(path) {
            refuse(Rule::Size, path, "a binary file, which nobody can review".to_owned());
        }
        if policy.blocked.is_match(path) {
            refuse(Rule::BlockedPath, path, "no patch may touch this".to_owned());
        } else if policy.allowed.as_ref().is_some_and(|allowed| !allowed.is_match(path)) && !is_test(path) {
            refuse(Rule::NotAllowedPath, path, "it is not on the list of what the patch may touch".to_owned());
        }
        if path == made {
            refuse(Rule::TestWeakened, path, "the made test is not the patch's to write".to_owned());
        }
        if let Some(said) = dependencies::fault(change) {
            refuse(Rule::Dependency, path, said);
        }
    }
    let (localisation, unrelated) = localisation(tree, changes, evidence);
    for path in unrelated.iter().filter(|path| policy.allowed.as_ref().is_none_or(|allowed| !allowed.is_match(path))) {
        refuse(
            Rule::UnrelatedFile,
            path,
            "the evidence does not speak of it, and no import links it to what it speaks of (--allow, if it must be)"
                .to_owned(),
        );
    }
    findings.extend(changes.iter().flat_map(tests_kept::findings));
    for change in changes.iter().filter(|change| policy.reviewed.is_match(&change.path)) {
        findings.push(Finding {
            rule: Rule::ReviewPath,
            level: Level::Review,
            message: "a person has to look at this".to_owned(),
            file: Some(change.path.clone()),
            line: None,
        });
    }
    Told { findings, size, localisation, simplicity: simplicity(changes) }
}
