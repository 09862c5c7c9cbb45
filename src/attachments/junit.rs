//! JUnit XML, as Ant, Maven Surefire, Gradle, pytest, Jest's reporters, gotestsum and others write it.
//!
//! Source: Surefire's `surefire-test-report.xsd`, which has `flakyFailure`, `flakyError`, `rerunFailure` and `rerunError` for
//! tests that were run again. A test that occurs twice was run twice.

use quick_xml::events::{BytesStart, Event};

use super::pytest;
use super::runs::{Run, Runs};
use super::xml::{attribute, name, put_text, reader};
use super::{Failure, Tests};

/// What is open.
#[derive(Debug, Default)]
struct Case {
    suite: String,
    name: String,
    runs: Vec<Run>,
    skipped: bool,
    /// Whether runs that failed were followed by one that passed.
    flaky: bool,
    /// Whether a run is written that ended the test.
    ended: bool,
}

/// An element that tells of a failure, and its text so far.
struct Told {
    element: String,
    failure: Failure,
    text: String,
    /// Elements open inside of it, and how many of these are output that is not the failure's.
    depth: usize,
    output: usize,
}

/// Reads a report; `None` if there is no test in it.
pub(super) fn read(text: &str) -> Option<Tests> {
    let mut reader = reader(text);
    let mut runs = Runs::default();
    let mut suites: Vec<String> = Vec::new();
    let mut case: Option<Case> = None;
    let mut told: Option<Told> = None;
    loop {
        let event = reader.read_event();
        let is_empty = matches!(event, Ok(Event::Empty(_)));
        match event {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let local = name(&element);
                if let Some(told) = &mut told {
                    if !is_empty {
                        told.depth += 1;
                        told.output += usize::from(told.output > 0 || local.starts_with("system-"));
                    }
                    continue;
                }
                match (local.as_str(), &mut case) {
                    ("testsuite", _) if !is_empty => suites.push(attribute(&element, "name").unwrap_or_default()),
                    ("testcase", _) => {
                        let opened = open(&element, suites.last().map_or("", String::as_str));
                        if is_empty { close(opened, &mut runs) } else { case = Some(opened) }
                    }
                    ("skipped", Some(case)) => case.skipped = true,
                    (element_name, Some(case)) if tells(element_name) => {
                        let opened = told_by(&element, local);
                        if is_empty { end(opened, case) } else { told = Some(opened) }
                    }
                    _ => {}
                }
            }
            Ok(Event::End(element)) => {
                if let Some(mut open) = told.take() {
                    if open.depth > 0 {
                        open.depth -= 1;
                        open.output = open.output.saturating_sub(1);
                        told = Some(open);
                    } else if let Some(case) = &mut case {
                        end(open, case);
                    }
                    continue;
                }
                match element.local_name().as_ref() {
                    b"testcase" => {
                        if let Some(case) = case.take() {
                            close(case, &mut runs);
                        }
                    }
                    b"testsuite" => drop(suites.pop()),
                    _ => {}
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(event) => {
                if let Some(told) = told.as_mut().filter(|told| told.output == 0) {
                    put_text(&event, &mut told.text);
                }
            }
        }
    }
    // A report that was cut off: what it says until there is true.
    if let Some(mut case) = case {
        if let Some(told) = told {
            end(told, &mut case);
        }
        close(case, &mut runs);
    }
    runs.end()
}

fn open(element: &BytesStart<'_>, suite: &str) -> Case {
    let text = |key| attribute(element, key).filter(|text| !text.is_empty());
    Case {
        suite: text("classname").or_else(|| text("class")).or_else(|| text("file")).unwrap_or_else(|| suite.to_owned()),
        name: text("name").unwrap_or_default(),
        ..Case::default()
    }
}

fn tells(element: &str) -> bool {
    matches!(element, "failure" | "error" | "flakyFailure" | "flakyError" | "rerunFailure" | "rerunError")
}

fn told_by(element: &BytesStart<'_>, local: String) -> Told {
    let text = |key| attribute(element, key).filter(|text| !text.is_empty());
    let failure = Failure { kind: text("type"), message: text("message"), ..Failure::default() };
    Told { element: local, failure, text: String::new(), depth: 0, output: 0 }
}

fn end(told: Told, case: &mut Case) {
    let Told { element, mut failure, text, .. } = told;
    failure.text = Some(text.trim_matches('\n').to_owned()).filter(|text| !text.trim().is_empty());
    if let Some(text) = &failure.text {
        // pytest writes what it prints, and no type.
        failure.frames = pytest::frames(text);
        if !failure.frames.is_empty() && failure.kind.is_none() {
            (failure.kind, failure.message) = pytest::thrown(failure.message.as_deref(), Some(text));
        }
    }
    case.flaky |= element.starts_with("flaky");
    case.ended |= matches!(element.as_str(), "failure" | "error");
    case.runs.push(if element.to_ascii_lowercase().ends_with("error") {
        Run::Error(failure)
    } else {
        Run::Failed(failure)
    });
}

fn close(case: Case, runs: &mut Runs) {
    let Case { suite, name, runs: mut told, skipped, flaky, ended } = case;
    if told.is_empty() {
        runs.add(&suite, &name, if skipped { Run::Skipped } else { Run::Passed });
        return;
    }
    // `rerunFailure`s stand behind the failure that they came after: the first says most.
    if ended && told.len() > 1 {
        told.rotate_left(1);
    }
    told.into_iter().for_each(|run| runs.add(&suite, &name, run));
    if flaky && !ended {
        runs.add(&suite, &name, Run::Passed);
    }
}
