//! Whether a patch is right: a guard between whoever wrote it, most often a program, and the people who would merge it.
//!
//! What can be told of the diff alone is told first: size, paths, dependencies, tests that go, files that the evidence does not speak of. Only
//! what passes is run. Then the made test must fail as the bundle says without the patch and pass with it, each of N times, the suite
//! must not lose a test, and with the patch taken back the test must fail again: so it was the patch that mended it.

mod body;
mod change;
mod check;
mod commit;
mod coverage;
mod dependencies;
mod external;
mod rank;
mod rules;
mod sarif;
mod score;
mod statement;
mod tests_kept;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::testgen::{Report, Verified};

pub use self::body::{changelog_lines, pull_request};
pub use self::check::{CheckError, Guard, check};
pub use self::commit::{CommitAs, CommitError, CommitKey, commit};
pub use self::coverage::Coverage;
pub use self::external::{External, ExternalResult};
pub use self::rank::{Ranked, rank};
pub use self::rules::{Policy, PolicyError};
pub use self::sarif::sarif;
pub use self::statement::{STATEMENT_TYPE, statement};

/// What a finding is about. The names are contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It changes nothing.
    Empty,
    /// It does not apply at the commit that failed.
    Applies,
    /// It is larger than its budget.
    Size,
    /// It touches what no patch may touch.
    BlockedPath,
    /// It touches what is not on the list of what it may.
    NotAllowedPath,
    /// It touches what a person has to look at.
    ReviewPath,
    /// It makes a link, or changes a submodule.
    Link,
    /// It brings a dependency.
    Dependency,
    /// It takes a test away.
    TestDeleted,
    /// It takes an assertion away, or has tests skipped.
    TestWeakened,
    /// It puts a test into a file that is none of the tests.
    TestInSource,
    /// It changes a file that the evidence does not speak of.
    UnrelatedFile,
    /// Without it, the test does not fail as the bundle says.
    NotReproduced,
    /// With it, the test fails still.
    TestFails,
    /// With it, the test fails at times.
    TestFlaky,
    /// With it, tests fail that passed before.
    SuiteBroken,
    /// With it, fewer tests run than before.
    SuiteShrunk,
    /// With it, coverage falls.
    Coverage,
    /// With it taken back, the test passes: it was not the patch that mended it.
    NotThePatch,
    /// A further check failed.
    Check,
}

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The patch is refused.
    Refusal,
    /// A person has to look at it.
    Review,
    /// To be known.
    Note,
}

/// Something about a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub rule: Rule,
    /// What it means.
    pub level: Level,
    /// In words.
    pub message: String,
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// What becomes of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be merged.
    Accepted,
    /// It may be merged when a person has looked at it.
    NeedsReview,
    /// It may not.
    Refused,
}

/// The verdict on a patch. Field names are contract.
#[derive(Debug, Clone, Serialize)]
pub struct Judgement {
    /// What becomes of it.
    pub decision: Decision,
    /// Why, the gravest first.
    pub findings: Vec<Finding>,
    /// Digest of the diff.
    pub patch: String,
    /// The bundle.
    pub bundle_id: String,
    /// Its incident.
    pub incident: String,
    /// The commit that it was checked at.
    pub commit: String,
    /// Its size.
    pub size: Size,
    /// 1 where all changed lines are in files that the evidence names, 0 where none is.
    pub localisation: f64,
    /// 1 for the change of a line, less for more lines, files, hunks and branches.
    pub simplicity: f64,
    /// The made test, without the patch.
    pub before: Option<Verified>,
    /// Runs of the made test with it that passed.
    pub passed: u32,
    /// Of so many.
    pub runs: u32,
    /// With the patch taken back.
    pub reverted: Option<Verified>,
    /// The suite without and with it.
    pub suite: Option<Suites>,
    /// Further checks by name.
    pub checks: BTreeMap<String, ExternalResult>,
    /// What it was run in.
    pub sandbox: &'static str,
}

/// How large a patch is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Files, tests and prose among them.
    pub files: usize,
    /// Lines that were added.
    pub added: usize,
    /// Lines that were removed.
    pub removed: usize,
    /// Lines of both in files that are neither tests nor prose: what the budget is about.
    pub counted: usize,
}

/// The suite before and after.
#[derive(Debug, Clone, Serialize)]
pub struct Suites {
    /// Without the patch.
    pub before: Report,
    /// With it.
    pub after: Report,
    /// Coverage without it, where there is a report.
    pub coverage_before: Option<Coverage>,
    /// Coverage with it.
    pub coverage_after: Option<Coverage>,
}

impl Finding {
    fn refusal(rule: Rule, file: &str, line: Option<u32>, message: String) -> Self {
        let file = (!file.is_empty()).then(|| file.to_owned());
        Self { rule, level: Level::Refusal, message, file, line }
    }
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Empty,
        Self::Applies,
        Self::Size,
        Self::BlockedPath,
        Self::NotAllowedPath,
        Self::ReviewPath,
        Self::Link,
        Self::Dependency,
        Self::TestDeleted,
        Self::TestWeakened,
        Self::TestInSource,
        Self::UnrelatedFile,
        Self::NotReproduced,
        Self::TestFails,
        Self::TestFlaky,
        Self::SuiteBroken,
        Self::SuiteShrunk,
        Self::Coverage,
        Self::NotThePatch,
        Self::Check,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Applies => "applies",
            Self::Size => "size",
            Self::BlockedPath => "blocked_path",
            Self::NotAllowedPath => "not_allowed_path",
            Self::ReviewPath => "review_path",
            Self::Link => "link",
            Self::Dependency => "dependency",
            Self::TestDeleted => "test_deleted",
            Self::TestWeakened => "test_weakened",
            Self::TestInSource => "test_in_source",
            Self::UnrelatedFile => "unrelated_file",
            Self::NotReproduced => "not_reproduced",
            Self::TestFails => "test_fails",
            Self::TestFlaky => "test_flaky",
            Self::SuiteBroken => "suite_broken",
            Self::SuiteShrunk => "suite_shrunk",
            Self::Coverage => "coverage",
            Self::NotThePatch => "not_the_patch",
            Self::Check => "check",
        }
    }

    /// What it demands.
    #[must_use]
    pub fn demands(self) -> &'static str {
        match self {
            Self::Empty => "The patch changes something.",
            Self::Applies => "The patch applies at the commit that failed.",
            Self::Size => "The patch keeps to its budget of files and lines.",
            Self::BlockedPath => "The patch leaves alone what no patch may touch.",
            Self::NotAllowedPath => "The patch touches only what it may.",
            Self::ReviewPath => "A person looks at what stands in these folders.",
            Self::Link => "The patch makes no links and changes no submodules.",
            Self::Dependency => "The patch brings no dependency.",
            Self::TestDeleted => "The patch takes no test away.",
            Self::TestWeakened => "The patch takes no assertion away and has no test skipped.",
            Self::TestInSource => "Only files of the tests gain tests.",
            Self::UnrelatedFile => "The patch keeps to what the evidence speaks of.",
            Self::NotReproduced => "Without the patch, the test fails as the bundle says.",
            Self::TestFails => "With the patch, the test passes.",
            Self::TestFlaky => "With the patch, the test passes each time.",
            Self::SuiteBroken => "No test fails that passed before.",
            Self::SuiteShrunk => "As many tests run as before.",
            Self::Coverage => "Coverage does not fall.",
            Self::NotThePatch => "With the patch taken back, the test fails again.",
            Self::Check => "Further checks find nothing new.",
        }
    }
}
