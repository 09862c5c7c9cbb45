//! `go test`: the events of `-json`, one a line, and what it prints without ([`printed`]).
//!
//! Source: Go, `cmd/test2json`. What a test prints are its `output` events; a package that panics or does not build ends
//! with `fail` and has no test of its own.

pub(super) mod printed;

use std::collections::HashMap;

use serde::Deserialize;

use super::runs::{Run, Runs};
use super::{Failure, Status, Tests};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TestEvent {
    action: String,
    #[serde(default, alias = "ImportPath")]
    package: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    output: String,
}

/// Reads either form; `None` if nothing tells how a test ended.
pub(super) fn read(text: &str) -> Option<Tests> {
    events(text).or_else(|| printed::read(text))
}

fn events(text: &str) -> Option<Tests> {
    let mut runs = Runs::default();
    let mut printed: HashMap<(String, String), String, foldhash::fast::RandomState> = HashMap::default();
    let mut broken: Vec<String> = Vec::new();
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<TestEvent>(line) else { continue };
        let TestEvent { action, package, test, output } = event;
        match action.as_str() {
            "output" | "build-output" => printed.entry((package, test)).or_default().push_str(&output),
            "pass" | "skip" if test.is_empty() => drop(printed.remove(&(package, test))),
            "fail" | "build-fail" if test.is_empty() => broken.push(package),
            "pass" | "skip" => {
                runs.add(&package, &test, if action == "pass" { Run::Passed } else { Run::Skipped });
                drop(printed.remove(&(package, test)));
            }
            "fail" => {
                let text = printed.remove(&(package.clone(), test.clone()));
                runs.add(&package, &test, Run::Failed(failure(text)));
            }
            _ => {}
        }
    }
    // A package that failed says so only where no test of it does.
    let tests = runs.end();
    let failed = |package: &String| {
        tests.as_ref().is_some_and(|tests| tests.failures.iter().any(|failure| failure.suite == *package))
    };
    let silent: Vec<String> = broken.into_iter().filter(|package| !failed(package)).collect();
    let silent = silent.into_iter().map(|package| {
        let found = failure(printed.remove(&(package.clone(), String::new())));
        Failure { suite: package, ..found }
    });
    with_broken(tests, silent.collect())
}

/// The tests, and the packages that failed without one; `None` if there is neither.
fn with_broken(tests: Option<Tests>, broken: Vec<Failure>) -> Option<Tests> {
    if tests.is_none() && broken.is_empty() {
        return None;
    }
    let mut tests = tests.unwrap_or_default();
    for failure in broken {
        tests.fail(Failure { status: Status::Error, failed_runs: 1, ..failure });
    }
    Some(tests.summed())
}

/// What is told of a failure by what was printed of it.
fn failure(text: Option<String>) -> Failure {
    Failure { message: text.as_deref().and_then(said), text, ..Failure::default() }
}

/// The seed of `-shuffle` that each package printed, in the order of the packages' runs. What `go test` prints without `-json` names the
/// package behind its tests, so there it is not told.
pub(super) fn seeds(text: &str) -> Vec<(String, String)> {
    let seed = |printed: &str| {
        let digits = printed.strip_prefix("-test.shuffle ")?.trim_end();
        let is_seed = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_seed.then(|| digits.to_owned())
    };
    let lines = text.lines().filter(|line| line.contains("-test.shuffle "));
    lines
        .filter_map(|line| match serde_json::from_str::<TestEvent>(line) {
            Ok(event) => Some((event.package, seed(&event.output)?)),
            Err(_) => Some((String::new(), seed(line)?)),
        })
        .collect()
}

/// What a test said: the first line of what a panic or `t.Error` printed, else of what the test printed.
fn said(output: &str) -> Option<String> {
    let lines = || output.lines().map(str::trim).filter(|line| !line.is_empty());
    if let Some(panic) = lines().find(|line| line.starts_with("panic: ")) {
        return Some(panic.to_owned());
    }
    let is_logged = |line: &&str| {
        let place = line.split_once(".go:").and_then(|(_, rest)| rest.split_once(": "));
        place.is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'))
    };
    if let Some(logged) = lines().find(is_logged) {
        return Some(logged.to_owned());
    }
    let is_frame = |line: &&str| ["=== ", "--- ", "FAIL", "PASS", "ok "].iter().any(|mark| line.starts_with(mark));
    lines().find(|line| !is_frame(line)).map(str::to_owned)
}
