//! `casefile inspect` as a person who tunes rules or extends readers uses it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod logs;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::{Value, json};

fn inspect(folder: &Path, arguments: &[&str], input: &str) -> Assert {
    Command::cargo_bin("casefile")
        .unwrap()
        .current_dir(folder)
        .arg("inspect")
        .args(arguments)
        .write_stdin(input)
        .assert()
}

fn lines(answer: &Assert) -> Vec<Value> {
    let text = String::from_utf8(answer.get_output().stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const JAVA: &str =
    "com.acme.Bad: x\n\tat com.acme.Cart.add(Cart.java:12)\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n";

#[test]
fn scenario_stacks_come_back_with_their_exception_and_all_else_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let given = json!({"type": "Given", "message": null});
    let input = [
        json!({"id": 7, "raw": JAVA, "note": {"z": [1, 2.5], "a": null}}),
        json!({"raw": JAVA, "lang": "java", "given": given, "exception": "old"}),
        json!({"raw": "nothing to see\n", "lang": "java"}),
    ];
    let text: String = input.iter().map(|line| format!("{line}\n\n")).collect();
    let answer = inspect(folder.path(), &["stack"], &text).success();
    let found = lines(&answer);
    assert_eq!(found.len(), 3);
    for (before, after) in input.iter().zip(&found) {
        for (key, value) in before.as_object().unwrap().iter().filter(|(key, _)| *key != "exception") {
            assert_eq!(&after[key], value);
        }
    }
    let exception = &found[0]["exception"];
    assert_eq!((&exception["type"], &exception["message"]), (&json!("com.acme.Bad"), &json!("x")));
    let first = json!({"file": "Cart.java", "line": 12, "func": "com.acme.Cart.add", "module": "com.acme.Cart", "in_app": true, "locals": {}, "context": null});
    assert_eq!(exception["frames"][0], first);
    assert_eq!(exception["frames"][1]["in_app"], json!(false));
    assert_eq!(exception["stacktrace"], json!(JAVA));
    assert_eq!((&found[1]["exception"]["type"], &found[1]["exception"]["message"]), (&json!("Given"), &json!("x")));
    assert_eq!(found[2]["exception"], Value::Null);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is written, no key is made");
}

#[test]
fn scenario_a_bad_line_is_told_by_its_number_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "hunter2-do-not-show";
    let bad = [
        format!("{{\"raw\": \"{secret}"),
        json!({"text": secret}).to_string(),
        json!({"raw": 7}).to_string(),
        json!({"raw": JAVA, "lang": 3}).to_string(),
        json!({"raw": JAVA, "given": {"type": 3}}).to_string(),
        "[1]".to_owned(),
    ];
    let input = format!("{}\n{}\n", bad.join("\n"), json!({"raw": JAVA}));
    let answer = inspect(folder.path(), &["stack"], &input).failure().code(1);
    assert_eq!(lines(&answer).len(), 1);
    let told = String::from_utf8(answer.get_output().stderr.clone()).unwrap();
    for number in 1..=6 {
        assert!(told.contains(&format!("line {number}: ")), "{number}: {told}");
    }
    assert!(!told.contains(secret), "a line is not quoted: {told}");
}

#[test]
fn scenario_a_file_and_rules_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stacks.jsonl");
    fs::write(&file, format!("{}\n", json!({"raw": JAVA}))).unwrap();
    let file = file.to_str().unwrap();
    let set = "connectors.incident.in_app=[\"module:com.acme.** -app\", \"function:*.run +app\"]";
    let found = lines(&inspect(folder.path(), &["stack", file, "--set", set], "").success());
    let in_app: Vec<_> =
        found[0]["exception"]["frames"].as_array().unwrap().iter().map(|frame| &frame["in_app"]).collect();
    assert_eq!(in_app, [&json!(false), &json!(true)]);
    let wrong = "connectors.incident.in_app=[\"module:com.acme.** -app\", \"colour:red -app\"]";
    let answer = inspect(folder.path(), &["stack", file, "--set", wrong], "").failure().code(78);
    let told = String::from_utf8(answer.get_output().stderr.clone()).unwrap();
    assert!(told.contains("connectors.incident.in_app[1]") && told.contains("colour"), "{told}");
    inspect(folder.path(), &["stack", "no-such-file"], "").failure().code(1);
}
