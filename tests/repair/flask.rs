//! `python-flask`: an instant without seconds.

use std::process::Command;

use serde_json::Value;

use crate::example::Example;
use crate::service::installed;

pub(crate) const REPORT: &str = "app/handlers/report.py";
pub(crate) const FAULT: &str = "    return datetime.strptime(ts, FORMAT)\n";
const FIX: &str =
    "    return datetime.strptime(ts, FORMAT if ts.count(\":\") == 2 else FORMAT.removesuffix(\":%S\"))\n";

/// What runs its tests.
pub(crate) fn runner() -> String {
    format!("{} -m pytest", installed("repair-python/bin/python").display())
}

/// The repository.
pub(crate) fn repository() -> Example {
    Example::new(&["e2e/python-flask", "repair/python"], &["--runner".to_owned(), runner()])
}

/// The repository, whose failing request has become a bundle.
fn example() -> Example {
    let python = installed("repair-python/bin/python");
    let example = repository();
    let bundle = example.fail(|port, _| {
        let output = Command::new(&python)
            .args([
                "-B",
                "drive.py",
                "--protocol",
                "http",
                "--endpoint",
                &format!("http://127.0.0.1:{port}"),
                "--good",
                "4",
            ])
            .current_dir(example.repo())
            .env("SHOP_COMMIT", example.head())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        assert!(output.status.success(), "drive.py: {}", String::from_utf8_lossy(&output.stderr));
        let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
        sent["trace_id"].as_str().unwrap().to_owned()
    });
    assert_eq!(bundle["commit_sha"], example.head().as_str());
    example
}

/// The known fix.
pub(crate) fn fix(example: &Example) -> String {
    example.diff(&[(REPORT, FAULT, Some(FIX))])
}

/// Another fix, of more lines.
pub(crate) fn wordy_fix(example: &Example) -> String {
    let wordy = format!("    if ts.count(\":\") == 1:\n        ts += \":00\"\n{FAULT}");
    example.diff(&[(REPORT, FAULT, Some(&wordy))])
}

/// A fix that only keeps the exception from being seen.
fn silence(example: &Example) -> String {
    let silent = format!("    try:\n    {FAULT}    except ValueError:\n        return datetime.min\n");
    example.diff(&[(REPORT, FAULT, Some(&silent))])
}

#[test]
fn a_failing_request_of_python_becomes_a_test_that_the_fix_alone_passes() {
    let example = example();
    let made = example.make_and_verify();
    let text = std::fs::read_to_string(example.file("made")).unwrap();
    assert_eq!(made["framework"], "pytest");
    assert!(text.contains("ts=2025-07-01%2012:03") || text.contains("ts=2025-07-01%2012%3A03"), "{text}");
    assert!(text.contains("%40example.test"), "the redacted address is one that nobody has:\n{text}");
    let address = made["placeholders"].as_object().unwrap().iter().next().unwrap();
    assert!(
        address.0.starts_with("email:E-") && text.contains(address.0),
        "and the test says which it stands for:\n{text}"
    );

    let verdict = example.accepts(&fix(&example), &["--coverage", "coverage.lcov", "--suite", &suite()]);
    assert_eq!(verdict["localisation"], 1.0);
    assert!(verdict["suite"]["coverage_after"]["lines"].as_u64().unwrap() > 10, "{:#}", verdict["suite"]);

    let with = |edit: (&str, &str, Option<&str>)| example.diff(&[(REPORT, FAULT, Some(FIX)), edit]);
    example.refuses("test_deleted", &with(("tests/test_report.py", "", None)));
    example.refuses("unrelated_file", &with(("app/telemetry.py", "NEVER_MS = 600_000", Some("NEVER_MS = 60_000"))));
    example.refuses("dependency", &with(("requirements.txt", "", Some("python-dateutil==2.9.0\n"))));
    example.refuses("size", &with((REPORT, "", Some(&"# more\n".repeat(200)))));
    let verdict = example.refuses("suite_broken", &silence(&example));
    let broken = verdict["findings"][0]["message"].as_str().unwrap();
    assert!(broken.contains("test_what_is_no_instant_is_refused"), "{broken}");
    example.refuses("empty", "");
}

/// The suite with coverage, as a user would say it.
fn suite() -> String {
    let python = installed("repair-python/bin/python");
    format!(
        "{} -m pytest -q -p no:cacheprovider --cov=app --cov-report=lcov:coverage.lcov --junitxml={{report}}",
        python.display()
    )
}
