//! What `go test` prints without `-json`.
//!
//! Source: Go, `testing/testing.go` and `cmd/go/internal/test`. With `-v` a test's output stands between its `=== RUN` and its
//! `--- FAIL`; without, it is indented below the latter. The package stands behind all of its tests.

use std::collections::BTreeMap;

use super::super::runs::{Run, Runs};
use super::super::{Failure, Tests};
use super::with_broken;

/// How a line says that a test ended, and how it did.
const RESULTS: [(&str, Ended); 3] =
    [("--- PASS: ", Ended::Passed), ("--- FAIL: ", Ended::Failed), ("--- SKIP: ", Ended::Skipped)];

#[derive(Clone, Copy)]
enum Ended {
    Passed,
    Failed,
    Skipped,
}

/// Whether a line says how a test ended.
pub(in super::super) fn is_result(line: &str) -> bool {
    result(line).is_some()
}

/// Reads it; `None` if it says of no test how it ended, and of no package that it failed.
pub(in super::super) fn read(text: &str) -> Option<Tests> {
    let mut report = Report::default();
    text.lines().for_each(|line| report.line(line));
    // It may be cut off, or what a test's binary printed by itself.
    report.end("", None);
    with_broken(report.runs.end(), report.broken)
}

#[derive(Default)]
struct Report {
    runs: Runs,
    /// Packages that failed without a test.
    broken: Vec<Failure>,
    /// Of the package that is read: its tests in the order in which they began, and what it printed of itself.
    tests: Vec<Test>,
    known: BTreeMap<String, usize>,
    besides: String,
    /// What compilers printed, by package.
    built: BTreeMap<String, String>,
    /// Whose the next lines are.
    of: Of,
}

#[derive(Default)]
struct Test {
    name: String,
    printed: String,
    ended: Option<Ended>,
}

#[derive(Default)]
enum Of {
    #[default]
    Package,
    /// A test that runs.
    Test(usize),
    /// A test that ended: what is indented more than this is its own.
    Below(usize, usize),
    /// A test or the package that panicked: all that follows is.
    Panic(Option<usize>),
    /// A package that is built.
    Build(String),
}

impl Report {
    fn line(&mut self, line: &str) {
        if let Some((package, rest)) = package(line, "FAIL\t") {
            return self.end(package, Some(rest));
        }
        if let Some((package, _)) = package(line, "ok  \t") {
            return self.end(package, None);
        }
        if let Some(package) = line.strip_prefix("# ") {
            let package = package.split(' ').next().unwrap_or_default();
            self.of = Of::Build(package.to_owned());
            return;
        }
        if let Some((event, name)) = line.strip_prefix("=== ").and_then(|rest| rest.split_once(' ')) {
            match event {
                "RUN" | "CONT" | "NAME" => self.of = Of::Test(self.test(name.trim())),
                "PAUSE" => self.of = Of::Package,
                _ => {}
            }
            return;
        }
        if let Some((how, name)) = result(line) {
            let test = self.test(name);
            let indent = indent(line);
            self.of = Of::Below(test, indent);
            if let Some(test) = self.tests.get_mut(test) {
                test.ended = Some(how);
            }
            return;
        }
        if matches!(line, "PASS" | "FAIL") {
            self.of = Of::Package;
            return;
        }
        self.printed(line);
    }

    fn printed(&mut self, line: &str) {
        if line.starts_with("panic: ") || line.starts_with("fatal error: ") {
            self.of = Of::Panic(match self.of {
                Of::Test(test) | Of::Below(test, _) => Some(test),
                Of::Panic(test) => test,
                _ => None,
            });
        }
        let into = match &self.of {
            Of::Test(test) | Of::Panic(Some(test)) => self.tests.get_mut(*test).map(|test| &mut test.printed),
            Of::Below(test, least) if indent(line) > *least || line.is_empty() => {
                self.tests.get_mut(*test).map(|test| &mut test.printed)
            }
            Of::Build(package) => Some(self.built.entry(package.clone()).or_default()),
            Of::Below(..) | Of::Package | Of::Panic(None) => None,
        };
        let into = into.unwrap_or(&mut self.besides);
        into.push_str(line);
        into.push('\n');
    }

    /// The place of a test in its package.
    fn test(&mut self, name: &str) -> usize {
        let at = *self.known.entry(name.to_owned()).or_insert(self.tests.len());
        // With `-count` a test runs again, after it ended.
        let is_new = self.tests.get(at).is_none_or(|test| test.ended.is_some());
        if !is_new {
            return at;
        }
        self.known.insert(name.to_owned(), self.tests.len());
        self.tests.push(Test { name: name.to_owned(), ..Test::default() });
        self.tests.len() - 1
    }

    /// The end of a package, and what is said of its failure if it failed.
    fn end(&mut self, package: &str, failed: Option<&str>) {
        self.of = Of::Package;
        self.known.clear();
        let mut besides = std::mem::take(&mut self.besides);
        let mut told = false;
        for Test { name, printed, ended } in std::mem::take(&mut self.tests) {
            let run = match ended {
                Some(Ended::Passed) => Run::Passed,
                Some(Ended::Skipped) => Run::Skipped,
                Some(Ended::Failed) => Run::Failed(failure(printed)),
                // It ran when the process ended, the first of them by what was printed last.
                None if failed.is_some() => Run::Error(failure(printed + &std::mem::take(&mut besides))),
                None => continue,
            };
            told |= matches!(run, Run::Failed(_) | Run::Error(_));
            self.runs.add(package, &name, run);
        }
        let built = self.built.remove(package);
        if let (Some(why), false) = (failed, told) {
            let found = failure(built.unwrap_or(besides));
            // `[build failed]`, `[setup failed]`.
            let why = Some(why.trim()).filter(|why| why.starts_with('['));
            let message = found.message.clone().or_else(|| why.map(str::to_owned));
            self.broken.push(Failure { suite: package.to_owned(), message, ..found });
        }
    }
}

fn failure(printed: String) -> Failure {
    super::failure(Some(printed).filter(|text| !text.trim().is_empty()))
}

/// How and which test ended: `    --- FAIL: TestTotal/zero (0.01s)`.
fn result(line: &str) -> Option<(Ended, &str)> {
    let line = line.trim_start_matches(' ');
    let (how, rest) = RESULTS.into_iter().find_map(|(begin, how)| Some((how, line.strip_prefix(begin)?)))?;
    let (name, took) = rest.trim_end().rsplit_once(" (")?;
    let seconds = took.strip_suffix("s)")?;
    let is_time = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_time && !name.is_empty() && !name.contains(' ')).then_some((how, name))
}

/// The package that a line is about, and what follows it: a time, `(cached)` or `[build failed]`.
fn package<'l>(line: &'l str, begin: &str) -> Option<(&'l str, &'l str)> {
    let rest = line.strip_prefix(begin)?;
    let end = rest.find(['\t', ' ']).unwrap_or(rest.len());
    let (package, rest) = rest.split_at(end);
    (!package.is_empty()).then_some((package, rest))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
