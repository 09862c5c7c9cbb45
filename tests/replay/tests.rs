//! Test runs as evidence: a test case that failed is a failure, and says what ran it.

use std::fs;

use serde_json::{Value, json};

use crate::replay;
use crate::support::casefile::run;
use crate::support::schema::assert_all_valid;
use crate::support::store;

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}

/// A run of one test case in a pipeline, without a span status.
fn test_run(trace: u8, case: &str, status: &str, message: &str) -> String {
    let resource = [
        ("service.name", "checkout"),
        ("process.command_line", "pytest -q"),
        ("cicd.pipeline.name", "build"),
        ("cicd.pipeline.run.id", "120912"),
        ("cicd.pipeline.run.url.full", "https://ci.example/runs/120912?token=hunter2hunter2"),
    ];
    let span = |id: &str, parent: &str, name: &str, attrs: &[(&str, &str)], events: Value| {
        json!({"traceId": format!("{trace:032x}"), "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
               "startTimeUnixNano": "1751371380000000000", "endTimeUnixNano": "1751371380100000000",
               "attributes": attributes(attrs), "events": events})
    };
    let suite = [
        ("cicd.pipeline.task.name", "unit tests"),
        ("test.suite.name", "payments"),
        ("test.suite.run.status", "failure"),
    ];
    let thrown = [("exception.type", "AssertionError"), ("exception.message", message)];
    let event =
        json!([{"timeUnixNano": "1751371380050000000", "name": "exception", "attributes": attributes(&thrown)}]);
    let events = if message.is_empty() { json!([]) } else { event };
    let case = [("test.case.name", case), ("test.case.result.status", status)];
    json!({"resourceSpans": [{"resource": {"attributes": attributes(&resource)}, "scopeSpans": [{"spans": [
        span("00f067aa0ba90201", "", "suite", &suite, json!([])),
        span("00f067aa0ba90202", "00f067aa0ba90201", "case", &case, events),
    ]}]}]})
    .to_string()
}

fn bundles(runs: &[String]) -> (tempfile::TempDir, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (recording, out) = (folder.path().join("recording.jsonl"), folder.path().join("out"));
    fs::write(&recording, runs.join("\n") + "\n").unwrap();
    replay(&recording, &out, &[]);
    assert_all_valid(&out);
    let bundles = store::documents(&out).values().map(|bundle| serde_json::from_slice(bundle).unwrap()).collect();
    (folder, bundles)
}

#[test]
fn a_test_case_that_failed_becomes_a_bundle_that_says_what_ran_it() {
    let runs = [
        test_run(1, "tests/test_pay.py::test_refund", "fail", ""),
        test_run(2, "tests/test_pay.py::test_pay", "pass", ""),
    ];
    let (folder, bundles) = bundles(&runs);
    assert_eq!(bundles.len(), 1, "a test that passed is no failure");
    let bundle = &bundles[0];
    let mut test = bundle["repro"]["test"].clone();
    let url = test.as_object_mut().unwrap().remove("pipeline_run_url").unwrap();
    assert!(url.as_str().unwrap().starts_with("https://ci.example/runs/120912?token="), "{url}");
    assert!(!bundle.to_string().contains("hunter2"), "{bundle}");
    let expected = json!({
        "suite": "payments", "suite_status": "failure", "case": "tests/test_pay.py::test_refund", "status": "fail",
        "pipeline": "build", "pipeline_run_id": "120912", "task": "unit tests",
    });
    assert_eq!(test, expected);
    assert_eq!(bundle["repro"]["command"], json!(["pytest -q"]));
    assert_eq!(bundle["incident"]["class"], "error");
    assert_eq!(bundle["incident"]["summary"], "Error in tests/test_pay.py::test_refund (checkout)");

    let store = format!("file:{}", folder.path().join("out").display());
    let trace = bundle["trace"]["trace_id"].as_str().unwrap();
    let page = run(folder.path(), &["bundle", "render", "--for", "page", trace, "--store", &store]);
    let page = String::from_utf8_lossy(&page.stdout);
    for expected in [
        "**Test:** `tests/test_pay.py::test_refund` → fail",
        "**Suite:** `payments` → failure",
        "**Task:** `unit tests`",
    ] {
        assert!(page.contains(expected), "{expected} in:\n{page}");
    }
}

#[test]
fn failures_of_one_test_case_are_one_incident_and_those_of_another_are_not() {
    let runs = [
        test_run(1, "test_utf8", "fail", "expected 3 items"),
        test_run(2, "test_utf8", "fail", "the basket is empty"),
        test_run(3, "test_utf16", "fail", "expected 3 items"),
    ];
    let (_folder, bundles) = bundles(&runs);
    let ids: Vec<&str> = bundles.iter().map(|bundle| bundle["incident"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn an_error_that_a_test_wants_to_see_is_an_incident_of_its_own_place() {
    let runs =
        [test_run(1, "test_utf8", "pass", "expected 3 items"), test_run(2, "test_utf16", "pass", "expected 3 items")];
    let (_folder, bundles) = bundles(&runs);
    assert_eq!(bundles[0]["incident"]["id"], bundles[1]["incident"]["id"]);
    assert_eq!(bundles[0]["repro"]["test"]["status"], "pass");
}
