//! Reads the files that people attach to a failure: test reports, coverage, dumps. Text in, values out; no I/O.
//!
//! Each file of this room reads one family of formats and names the source that defines it. All keep to this:
//!
//! - [`read()`] never fails: what is not of its kind gives [`Content::Unread`], and its caller keeps the text.
//! - Work is linear in the content, and what is made of it is bounded ([`MAX_TESTS`], [`MAX_FILES`]).
//! - No text is cut: it may hold a value of somebody's, and half of one gets past the redactor.

mod coverage;
mod dump;
mod go;
mod jest;
mod junit;
mod kind;
mod profile;
mod pytest;
mod runs;
mod seeds;
mod xml;

pub use kind::{Kind, KindError};
pub use profile::Profile;
pub use seeds::{Seed, seeds};

use crate::model::{Frame, TestCounts};

/// Most failures of a report that are read; the others are counted.
pub const MAX_TESTS: usize = 100;
/// Most files of a coverage report that are kept; lines of the others are counted.
pub const MAX_FILES: usize = 10_000;
/// Content of more bytes than this is not read: it is known by digest and size.
pub const MAX_TEXT: usize = 16 * 1024 * 1024;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A test report.
    Tests(Tests),
    /// A coverage report.
    Coverage(Vec<FileLines>),
    /// A dump: the text of each of its stacks, and what the dump calls it.
    Stacks(Vec<Block>),
    /// A profile.
    Profile(Profile),
    /// Text without a form.
    Text,
    /// Not of the kind that it should be.
    Unread,
    /// Binary, or too long.
    Opaque,
}

/// A test report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tests {
    /// How its tests ended.
    pub counts: TestCounts,
    /// Those that failed, in the end or at times: at most [`MAX_TESTS`].
    pub failures: Vec<Failure>,
}

/// A test that failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failure {
    /// What it belongs to; may be empty.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// How often it failed.
    pub failed_runs: u64,
    /// How often it passed.
    pub passed_runs: u64,
    /// Type of what was thrown.
    pub kind: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// What was printed of the failure: most often with a stack trace.
    pub text: Option<String>,
    /// Frames, where the report has them by itself. Innermost first.
    pub frames: Vec<Frame>,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// It failed.
    #[default]
    Failed,
    /// It could not be run to its end.
    Error,
    /// It failed and passed.
    Flaky,
}

impl Status {
    /// As a bundle writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Flaky => "flaky",
        }
    }
}

/// The lines of one file, as ranges from first to last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileLines {
    /// Its path.
    pub file: String,
    /// Lines that were hit.
    pub hit: Vec<[u32; 2]>,
    /// Lines that were never hit.
    pub missed: Vec<[u32; 2]>,
}

/// One stack of a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// What the dump calls its thread; empty where it has no name.
    pub thread: String,
    /// Its text.
    pub text: String,
}

impl Tests {
    /// Takes in a test that failed.
    fn fail(&mut self, failure: Failure) {
        match failure.status {
            Status::Failed => self.counts.failed += 1,
            Status::Error => self.counts.errors += 1,
            Status::Flaky => {
                self.counts.flaky += 1;
                self.counts.passed += 1;
            }
        }
        if self.failures.len() < MAX_TESTS {
            self.failures.push(failure);
        }
    }

    /// Sets the total to what was counted.
    fn summed(mut self) -> Self {
        let TestCounts { passed, failed, errors, skipped, .. } = self.counts;
        self.counts.total = passed + failed + errors + skipped;
        self
    }
}

impl Content {
    /// Whether it tells of a failure by itself, as an error that was logged does: a report with tests that failed, a race, the
    /// backtrace of a core dump. A dump of threads alone may have been asked for.
    #[must_use]
    pub fn tells_of_failure(&self, kind: Kind) -> bool {
        match self {
            Self::Tests(tests) => tests.counts.failed + tests.counts.errors > 0,
            Self::Stacks(blocks) => matches!(kind, Kind::Race | Kind::Core) && !blocks.is_empty(),
            _ => false,
        }
    }
}

/// Reads `content` as its kind.
#[must_use]
pub fn read(kind: Kind, content: &[u8]) -> Content {
    if content.len() > MAX_TEXT {
        return Content::Opaque;
    }
    if kind.is_binary() {
        // What cannot be read of a binary file is known by its digest.
        let profile = (kind == Kind::Pprof).then(|| profile::pprof(content)).flatten();
        return profile.map_or(Content::Opaque, Content::Profile);
    }
    let text = text(content);
    let found = match kind {
        Kind::Junit => junit::read(&text).map(Content::Tests),
        Kind::Pytest => pytest::read(&text).map(Content::Tests),
        Kind::Jest => jest::read(&text).map(Content::Tests),
        Kind::GoTest => go::read(&text).map(Content::Tests),
        Kind::Lcov => coverage::lcov(&text).map(Content::Coverage),
        Kind::Cobertura => coverage::cobertura(&text).map(Content::Coverage),
        Kind::Race | Kind::Dump | Kind::Core => Some(Content::Stacks(dump::blocks(&text))),
        Kind::Folded => profile::folded(&text).map(Content::Profile),
        Kind::Text => Some(Content::Text),
        Kind::Pprof | Kind::Rr | Kind::Jfr | Kind::Playwright | Kind::Binary => Some(Content::Opaque),
    };
    found.unwrap_or(Content::Unread)
}

/// The text of a file: UTF-8 with or without a byte order mark, what is not being U+FFFD.
#[must_use]
pub fn text(content: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content))
}

#[cfg(test)]
mod tests;
