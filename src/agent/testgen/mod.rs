//! A failing test out of a bundle: the request, message or arguments that failed once, sent again, and the assertion that it does not
//! fail that way.
//!
//! 1. [`plan`](self) reads off the bundle what has to be done, in no language.
//! 2. `code` looks in the repository, at the commit that failed, for what a test has to name.
//! 3. One file a language writes it.
//! 4. `verify` runs it again and again: it must fail as the bundle says, each time.
//!
//! What the evidence does not hold is not invented: [`Made::missing`] says what that is.

mod call;
mod cargo;
mod code;
mod go;
mod javascript;
mod junit;
mod literal;
mod plan;
mod pytest;
mod race;
mod results;
mod runner;
mod script;
#[cfg(test)]
mod tests;
mod values;
mod verify;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::code::Code;
use self::plan::{Plan, comment};
use super::worktree::{Worktree, WorktreeError};
use crate::model::Bundle;

pub use self::code::is_test;
pub(super) use self::code::pattern;
pub use self::results::Report;
pub use self::runner::{RunError, Runner};
pub use self::script::script;
pub use self::verify::{RunResult, Verdict, Verified, VerifyError, judge, verify};

/// How the line of a made test begins that says what it is.
const MARK: &str = "casefile-test: ";

/// What runs tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framework {
    /// pytest.
    Pytest,
    /// Jest.
    Jest,
    /// Vitest.
    Vitest,
    /// `go test`.
    Go,
    /// JUnit 5 by Maven.
    Junit,
    /// `cargo test`.
    Cargo,
}

/// A test that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Made {
    /// What it is.
    #[serde(flatten)]
    pub about: About,
    /// The bundle it was made from.
    pub bundle_id: String,
    /// The commit that it fails at.
    pub commit: String,
    /// Its text.
    #[serde(skip)]
    pub text: String,
    /// What could not be made again, and would change what happens.
    pub missing: Vec<String>,
    /// What its reader should know.
    pub notes: Vec<String>,
    /// What stands for the tokens of the redactor, by token.
    pub placeholders: BTreeMap<String, String>,
}

/// What a made test says of itself, on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What runs it.
    pub framework: Framework,
    /// Where it belongs, in the repository.
    pub path: PathBuf,
    /// Its name, as the framework has it.
    pub name: String,
    /// Whether it wants Go's race detector.
    #[serde(default)]
    pub race: bool,
}

/// Why no test could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The bundle does not say which commit failed, and none was given.
    #[error("the bundle has no commit_sha: say which commit failed with --commit")]
    NoCommit,
    /// There is nothing to call, or nothing to call it with.
    #[error("no test can be made: {}", .0.join("; "))]
    Nothing(Vec<String>),
    /// The file is no test of ours.
    #[error("{0} has no line `{MARK}`: it is not a test that `casefile test make` made")]
    Foreign(PathBuf),
    /// The repository.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
}

/// A test as a language's writer leaves it.
struct Written {
    path: PathBuf,
    name: String,
    text: String,
    race: bool,
}

impl Framework {
    /// The usual one of a service: by its language and, for JavaScript, by what its `package.json` names.
    #[must_use]
    pub fn of(bundle: &Bundle, tree: &Worktree) -> Option<Self> {
        Some(match bundle.language.as_deref()?.to_ascii_lowercase().as_str() {
            "python" => Self::Pytest,
            "go" | "golang" => Self::Go,
            "java" | "kotlin" => Self::Junit,
            "rust" => Self::Cargo,
            "nodejs" | "javascript" | "typescript" | "webjs" => {
                let manifest = tree.read(Path::new("package.json")).unwrap_or_default();
                if manifest.contains("\"jest\"") && !manifest.contains("\"vitest\"") {
                    Self::Jest
                } else {
                    Self::Vitest
                }
            }
            _ => return None,
        })
    }

    /// The language that its stack traces are written in.
    #[must_use]
    pub fn language(self) -> &'static str {
        match self {
            Self::Pytest => "python",
            Self::Jest | Self::Vitest => "nodejs",
            Self::Go => "go",
            Self::Junit => "java",
            Self::Cargo => "rust",
        }
    }
}

impl About {
    /// Reads it off a test's text.
    ///
    /// # Errors
    /// If the text has no such line. `file` is named then.
    pub fn read(text: &str, file: &Path) -> Result<Self, MakeError> {
        let line = text.lines().find_map(|line| line.split_once(MARK).map(|(_, about)| about));
        let about = line.and_then(|line| serde_json::from_str(line.trim()).ok());
        about.ok_or_else(|| MakeError::Foreign(file.to_owned()))
    }
}

/// Makes the test. `tree` is the repository at the commit that failed; `values` are known values of tokens.
///
/// # Errors
/// If nothing can be called: the entry is not found, or its input is not known.
pub fn make(
    bundle: &Bundle,
    tree: &Worktree,
    framework: Framework,
    values: BTreeMap<String, String>,
) -> Result<Made, MakeError> {
    let code = Code::new(tree)?;
    let mut plan = Plan::of(bundle, values);
    let written = match framework {
        Framework::Pytest => pytest::write(&mut plan, &code),
        Framework::Jest | Framework::Vitest => javascript::write(&mut plan, &code, framework),
        Framework::Go => go::write(&mut plan, &code),
        Framework::Junit => junit::write(&mut plan, &code),
        Framework::Cargo => cargo::write(&mut plan, &code),
    };
    let Some(Written { path, name, text, race }) = written else {
        return Err(MakeError::Nothing(plan.missing));
    };
    let about = About { framework, path, name, race };
    let text = format!("{}{text}", heading(&plan, &about, bundle));
    let Plan { missing, notes, placeholders, .. } = plan;
    let (bundle_id, commit) = (bundle.bundle_id.clone(), tree.commit().to_owned());
    Ok(Made { about, bundle_id, commit, text, missing, notes, placeholders })
}

/// The comment at the top: what it is, what stands for what, and what is missing.
fn heading(plan: &Plan, about: &About, bundle: &Bundle) -> String {
    let sign = if about.framework == Framework::Pytest { "#" } else { "//" };
    let mut text = String::new();
    let mut line = |said: String| writeln!(text, "{sign} {said}").unwrap_or_default();
    line(format!("Incident {}: {}", comment(&plan.incident), comment(&plan.summary)));
    line(format!("Made by casefile from bundle {}. It fails until the fault is mended.", comment(&bundle.bundle_id)));
    for (token, value) in &plan.placeholders {
        line(format!("{} stands for the redacted {}.", comment(value), comment(token)));
    }
    for said in &plan.missing {
        line(format!("Not reconstructed: {}", comment(said)));
    }
    for said in &plan.notes {
        line(format!("Note: {}", comment(said)));
    }
    let about = serde_json::to_string(about).unwrap_or_default();
    line(format!("{MARK}{about}"));
    text
}

/// `the exception that was recorded`, as a message names it.
fn named(plan: &Plan) -> String {
    match (&plan.expected.kind, plan.expected.budget) {
        (Some(kind), _) => comment(kind),
        (None, Some(budget)) => format!("more than {budget} ms"),
        (None, None) => "a failure".to_owned(),
    }
}

/// The files of the repository that the evidence points to: own frames of the exception, of those behind it and of a race, and what spans
/// name as their code.
///
/// # Errors
/// If the files of the tree cannot be listed.
pub fn evidence_files(bundle: &Bundle, tree: &Worktree) -> Result<std::collections::BTreeSet<String>, WorktreeError> {
    let code = Code::new(tree)?;
    let exception = bundle.exception.as_ref();
    let frames = exception
        .into_iter()
        .flat_map(|exception| exception.frames.iter().chain(exception.causes.iter().flat_map(|cause| &cause.frames)));
    let race = race::accesses(bundle);
    let own = frames.filter(|frame| frame.in_app).chain(&race).filter_map(|frame| frame.file.as_deref());
    let thrown = exception.and_then(|exception| exception.thrown_at.as_ref()).map(|place| place.file.as_str());
    let spans = bundle.trace.spans.iter().filter(|span| span.status == "error").flat_map(|span| {
        ["code.file.path", "code.filepath"].into_iter().filter_map(|key| span.attrs.get(key)?.as_str())
    });
    Ok(own.chain(thrown).chain(spans).filter_map(|file| code.file(file)).map(str::to_owned).collect())
}
