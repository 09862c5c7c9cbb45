//! Java and Rust: a function whose arguments were recorded with its frame becomes a test of JUnit and of cargo, run by Maven and cargo.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::example::{Example, json as parsed, said};
use crate::service::installed;

/// A failure of one span with an exception: its stack as the language prints it, and the frames with their variables, outermost first.
struct Failure {
    language: &'static str,
    kind: &'static str,
    message: &'static str,
    stack: &'static str,
    frames: Value,
}

/// Replays the failure as one of the repository's commit, and keeps its bundle.
fn fail(example: &Example, failure: &Failure) {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let attributes = [
        text("exception.type", failure.kind),
        text("exception.message", failure.message),
        text("exception.stacktrace", failure.stack),
        text("casefile.exception.frames", &failure.frames.to_string()),
    ];
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "terms.due", "kind": 1,
        "startTimeUnixNano": "1751371380000000000", "endTimeUnixNano": "1751371380012500000", "status": {"code": 2},
        "events": [{"timeUnixNano": "1751371380011000000", "name": "exception", "attributes": attributes}],
    });
    let resource = [
        text("service.name", "terms"),
        text("telemetry.sdk.language", failure.language),
        text("vcs.ref.head.revision", &example.head()),
    ];
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": resource}, "scopeSpans": [{"scope": {"name": "terms"}, "spans": [span]}],
    }]});
    fs::write(example.file("recording.jsonl"), format!("{request}\n")).unwrap();
    let done = example.casefile(&["replay", "recording.jsonl", "--out", "store", "--json"]);
    assert!(done.status.success(), "{}", said(&done));
    let name = parsed(&done)["bundles"][0].as_str().unwrap().to_owned();
    fs::copy(example.file("store").join(name), example.bundle()).unwrap();
}

/// A program in a folder that tests see.
fn program(example: &Example, name: &str, script: &str) -> std::path::PathBuf {
    let path = example.repo().join(".git").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_failure_of_java_becomes_a_test_of_junit_that_the_fix_alone_passes() {
    const TERMS: &str = "src/main/java/shop/invoices/Terms.java";
    const FAULT: &str = "LocalDate.parse(issued)";
    const FIX: &str = "LocalDate.parse(issued.length() > 10 ? issued.substring(0, 10) : issued)";
    let repository = installed("repair-java");
    let options = ["--cache".to_owned(), repository.display().to_string()];
    let example = Example::new(&["repair/java"], &options);
    let maven = format!("exec mvn --quiet --batch-mode --offline -Dmaven.repo.local={} \"$@\"", repository.display());
    let maven = program(&example, "mvn", &maven);
    let example = example.with_runner(&maven);
    fail(
        &example,
        &Failure {
            language: "java",
            kind: "java.time.format.DateTimeParseException",
            message: "Text '2025-07-01T12:03' could not be parsed, unparsed text found at index 10",
            stack: "java.time.format.DateTimeParseException: Text '2025-07-01T12:03' could not be parsed, unparsed text found at index 10\n\
                    \tat java.base/java.time.format.DateTimeFormatter.parseResolved0(DateTimeFormatter.java:2055)\n\
                    \tat java.base/java.time.LocalDate.parse(LocalDate.java:428)\n\
                    \tat shop.invoices.Terms.due(Terms.java:11)\n\
                    \tat shop.invoices.Main.main(Main.java:8)\n",
            frames: json!([{
                "filename": "Terms.java", "module": "shop.invoices.Terms", "function": "due", "lineno": 11, "in_app": true,
                "vars": {"issued": "2025-07-01T12:03", "days": 14},
            }]),
        },
    );
    let made = example.make_and_verify();
    assert_eq!(made["framework"], "junit");
    let text = fs::read_to_string(example.file("made")).unwrap();
    assert!(text.contains("Terms.due(\"2025-07-01T12:03\", 14);"), "{text}");
    example.accepts(&example.diff(&[(TERMS, FAULT, Some(FIX))]), &[]);
    let silent =
        "issued.length() > 10 ? LocalDate.EPOCH : issued.length() < 10 ? LocalDate.EPOCH : LocalDate.parse(issued)";
    let verdict = example.refuses("suite_broken", &example.diff(&[(TERMS, FAULT, Some(&format!("({silent})")))]));
    assert!(verdict["findings"][0]["message"].as_str().unwrap().contains("whatIsNoDayIsRefused"), "{verdict:#}");
    let untouched =
        example.diff(&[(TERMS, "/** When invoices are due. */", Some("/** When invoices are due, in days. */"))]);
    example.refuses("test_fails", &untouched);
}

#[test]
fn a_panic_of_rust_becomes_a_test_of_cargo_that_the_fix_alone_passes() {
    const TERMS: &str = "src/lib.rs";
    const FAULT: &str = "part.parse::<u32>()";
    const FIX: &str = "part.get(..2).unwrap_or(part).parse::<u32>()";
    let example = Example::new(&["repair/rust"], &[]);
    // Which cargo is told by the environment of this test, which tests of a patch do not see.
    let found =
        |name: &str| std::env::var(name).map_or_else(|_| String::new(), |value| format!("export {name}={value}\n"));
    let real = Command::new("sh").args(["-c", "command -v cargo"]).output().unwrap();
    let home = std::env::home_dir().unwrap();
    let (cargo, rustup) = (home.join(".cargo"), home.join(".rustup"));
    let script = format!(
        "export CARGO_HOME={} RUSTUP_HOME={}\n{}{}exec {} \"$@\"",
        cargo.display(),
        rustup.display(),
        found("CARGO_HOME"),
        found("RUSTUP_HOME"),
        String::from_utf8(real.stdout).unwrap().trim()
    );
    let cargo = program(&example, "cargo", &script);
    let example = example.with_runner(&cargo);
    fail(
        &example,
        &Failure {
            language: "rust",
            kind: "panic",
            message: "called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }",
            stack: "thread 'main' panicked at src/lib.rs:8:78:\n\
                    called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }\n\
                    stack backtrace:\n   0: rust_begin_unwind\n   1: core::panicking::panic_fmt\n   2: core::result::unwrap_failed\n\
                    \x20  3: terms::due::{{closure}}\n             at ./src/lib.rs:8:78\n   4: terms::due\n             at ./src/lib.rs:9:53\n\
                    \x20  5: terms::main\n             at ./src/main.rs:4:5\n",
            frames: json!([
                {
                    "filename": "src/lib.rs", "module": "terms", "function": "terms::due", "lineno": 9, "in_app": true,
                    "vars": {"issued": "2025-07-01T12:03", "days": 14},
                },
                {"filename": "src/lib.rs", "module": "terms", "function": "terms::due::{{closure}}", "lineno": 8, "in_app": true},
            ]),
        },
    );
    let made = example.make_and_verify();
    assert_eq!(made["framework"], "cargo");
    let text = fs::read_to_string(example.file("made")).unwrap();
    assert!(text.contains("terms::due(\"2025-07-01T12:03\", 14)"), "{text}");
    example.accepts(&example.diff(&[(TERMS, FAULT, Some(FIX))]), &[]);
    let silent = [
        (TERMS, "parse::<u32>().unwrap()", Some("parse::<u32>().unwrap_or(1)")),
        (TERMS, "parts.next().unwrap()", Some("parts.next().unwrap_or(1)")),
    ];
    let verdict = example.refuses("suite_broken", &example.diff(&silent));
    assert!(verdict["findings"][0]["message"].as_str().unwrap().contains("what_is_no_day_is_refused"), "{verdict:#}");
    example.refuses(
        "test_fails",
        &example.diff(&[(TERMS, "//! When invoices are due.", Some("//! When an invoice is due."))]),
    );
}
