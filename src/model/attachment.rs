//! Files that belong to a failure: test reports, coverage, dumps. What a bundle shows of each, and how each travels.
//!
//! An attachment travels as an OTLP log record of its own, so that it is admitted, counted, joined with its trace, encrypted
//! and amended as every record is: `event_name` is [`ATTACHMENT_EVENT`], the body holds the content as bytes, and the attributes
//! of the record are [`ATTACHMENT_NAME`] and [`ATTACHMENT_KIND`]. Whoever can send logs can so send attachments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Exception, SpanId};

/// `LogRecord.event_name` of an attachment.
pub const ATTACHMENT_EVENT: &str = "casefile.attachment";
/// Attribute: the file's name.
pub const ATTACHMENT_NAME: &str = "casefile.attachment.name";
/// Attribute: what kind of file it is; told from the content where it is absent or unknown.
pub const ATTACHMENT_KIND: &str = "casefile.attachment.kind";

/// A file that belongs to the evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// Its name, as its sender gave it; empty where none was given.
    pub name: String,
    /// `junit`, `pytest`, `jest`, `go_test`, `lcov`, `cobertura`, `race`, `dump`, `core`, `folded`, `text`, `pprof`, `rr`,
    /// `jfr`, `playwright` or `binary`.
    pub kind: String,
    /// `hmac-sha256:` of the content, keyed: what its sender was answered with. A plain hash would let values that were redacted
    /// be guessed.
    pub digest: String,
    /// `sha256:` of the content, of which nothing is shown: binary files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes of the content.
    pub size: u64,
    /// `service.name` of its resource.
    pub service: String,
    /// The span it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
    /// Whether it could not be read as its kind, so that only its text is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
    /// Whether text of it is left out or cut here for its length. All of it stands in raw evidence, where that is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What a test report says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestSummary>,
    /// What a coverage report says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// The stacks of a dump, equal ones once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<DumpStack>,
    /// What a profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileSummary>,
    /// Its text, where nothing else of it can be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How the tests of a report ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestCounts {
    /// Tests that ran or were skipped.
    pub total: u64,
    /// Tests that passed, at once or in the end.
    pub passed: u64,
    /// Tests that failed in the end.
    pub failed: u64,
    /// Tests that could not be run to their end.
    pub errors: u64,
    /// Tests that were skipped.
    pub skipped: u64,
    /// Tests that both failed and passed.
    pub flaky: u64,
}

/// What a test report says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestSummary {
    /// How its tests ended.
    #[serde(flatten)]
    pub counts: TestCounts,
    /// Those that failed, in the end or at times: in the report's order.
    pub failures: Vec<TestFailure>,
    /// Failures beyond those that are shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// A test that failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestFailure {
    /// Class, file, package or suite that it belongs to; empty where the report names none.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// `failed`, `error`, or `flaky` where it passed in the end.
    pub status: String,
    /// How often it failed.
    pub failed_runs: u64,
    /// How often it passed.
    pub passed_runs: u64,
    /// What was thrown, from its last failure.
    pub exception: Exception,
}

/// What a profile says: of the trace or the span that it belongs to, where its samples say so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileSummary {
    /// What was sampled: `cpu`, `wall`, `inuse_space`; empty where it does not say.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit: `nanoseconds`, `bytes`; empty where it does not say.
    pub unit: String,
    /// All that was sampled, in this unit.
    pub total: f64,
    /// Heaviest first, 20 at most.
    pub stacks: Vec<ProfileStack>,
    /// Stacks beyond those that are shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// A stack that was sampled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileStack {
    /// Its frames divided by `;`, outermost first.
    pub folded: String,
    /// How much was sampled there, in the profile's unit.
    pub value: f64,
    /// The same as a part of all, from 0 to 1, to four digits.
    pub share: f64,
}

/// What a coverage report says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Lines of code.
    pub lines: u64,
    /// Those that were hit.
    pub hit: u64,
    /// Files: those in which frames of the exception lie first, then those with most lines that were never hit.
    pub files: Vec<FileCoverage>,
    /// Files beyond those that are shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// The coverage of one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileCoverage {
    /// Its path, as the report has it.
    pub file: String,
    /// Whether an in-app frame of the exception lies in it.
    pub in_stack: bool,
    /// Lines that were hit, as ranges from first to last.
    pub hit: Vec<[u32; 2]>,
    /// Lines that were never hit, as ranges from first to last.
    pub missed: Vec<[u32; 2]>,
}

/// A stack of a dump.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DumpStack {
    /// The first of the threads that stood there, as the dump names them.
    pub threads: Vec<String>,
    /// How many threads stood there.
    pub count: u64,
    /// The stack.
    pub exception: Exception,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
