//! `casefile redact` as a person who tunes rules uses it.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

fn casefile(folder: &Path, arguments: &[&str], input: &str) -> assert_cmd::assert::Assert {
    Command::cargo_bin("casefile")
        .unwrap()
        .current_dir(folder)
        .arg("redact")
        .args(arguments)
        .write_stdin(input)
        .assert()
}

fn redacted(folder: &Path, arguments: &[&str], input: &str) -> String {
    String::from_utf8(casefile(folder, arguments, input).success().get_output().stdout.clone()).unwrap()
}

/// The one line of an object with this text.
fn line(folder: &Path, arguments: &[&str], text: &str) -> Value {
    let arguments = [&["--jsonl"], arguments].concat();
    serde_json::from_str(&redacted(folder, &arguments, &(json!({"id": 7, "text": text}).to_string() + "\n"))).unwrap()
}

/// What the remarks say was replaced.
fn covered<'t>(text: &'t str, answer: &Value) -> Vec<&'t str> {
    let place = |remark: &Value, end: &str| usize::try_from(remark[end].as_u64().unwrap()).unwrap();
    let remarks = answer["remarks"].as_array().unwrap();
    remarks.iter().map(|remark| text.get(place(remark, "start")..place(remark, "end")).unwrap()).collect()
}

fn config(folder: &Path, more: &str) -> String {
    let path = folder.join("casefile.yaml");
    let text = format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:0'}}}}}}}}\n\
         processors:\n  redaction:\n    key: '{}'\n{more}\
         connectors: {{incident: {{}}}}\n\
         exporters: {{bundle/main: {{url: 'file:./bundles'}}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], exporters: [incident]}}\n    \
         bundles: {{receivers: [incident], processors: [redaction], exporters: [bundle/main]}}\n",
        "5a".repeat(32)
    );
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn text_goes_in_and_comes_out_with_tokens_that_stay_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let out = redacted(folder.path(), &[], "from alice@example.com\nto ALICE%40example.com, twice\n");
    let (first, second) = out.split_once('\n').unwrap();
    let token = first.strip_prefix("from ").unwrap();
    assert!(token.starts_with("email:E-a"), "{out}");
    assert_eq!(second, format!("to {token}, twice\n"));
    // What is redacted stays as it is.
    assert_eq!(redacted(folder.path(), &[], &out), out);
}

#[test]
fn each_object_keeps_its_fields_and_says_what_was_replaced_in_bytes_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let text = "é: alice@example.com paid with 4111 1111 1111 1111, password=hunter2";
    let answer = line(folder.path(), &["--explain"], text);
    assert_eq!(answer["id"], 7);
    assert_eq!(covered(text, &answer), ["alice@example.com", "4111 1111 1111 1111", "hunter2"]);
    let remarks = answer["remarks"].as_array().unwrap();
    let classes: Vec<&Value> = remarks.iter().map(|remark| &remark["class"]).collect();
    assert_eq!(classes, ["email", "card", "withheld"]);
    assert!(remarks.iter().all(|remark| remark["why"].as_str().is_some_and(|why| why.len() > 5)), "{answer}");
}

#[test]
fn the_kind_of_field_decides_what_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT * FROM users WHERE name = 'Ann O''Neil' AND age > 42 /* by 10.1.2.3 */";
    let answer = line(folder.path(), &["--field", "sql"], sql);
    assert_eq!(answer["text"], "SELECT * FROM users WHERE name = ? AND age > ?  ");
    assert_eq!(covered(sql, &answer), ["'Ann O''Neil'", "42", "/* by 10.1.2.3 */"]);

    let url = "https://shop.example/reset?token=abc&page=2#session=9";
    let answer = line(folder.path(), &["--field", "url"], url);
    assert_eq!(answer["text"], "https://shop.example/reset?token=[withheld]&page=2#session=[withheld]");

    let document = r#"{"first_name": "Ann", "address_line_1": "1 High St", "n": 3, "pin": 1234, "inner": "{\"lastName\":\"Lee\"}"}"#;
    let answer = line(folder.path(), &["--field", "json"], document);
    assert_eq!(covered(document, &answer), ["Ann", "1 High St", "1234", "Lee"]);
    assert!(answer["text"].as_str().unwrap().contains("\"n\": 3"), "{answer}");
}

#[test]
fn a_line_that_is_no_object_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (input, said) in [("{\"text\": \"x\"}\nalice@example.com\n", "line 2"), ("{\"id\": 1}\n", "there is no `text`")]
    {
        let failed = casefile(folder.path(), &["--jsonl"], input).code(1);
        let stderr = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(stderr.contains(said) && !stderr.contains("alice"), "{stderr}");
    }
}

#[test]
fn the_users_own_rules_run_beside_those_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("rules.toml"),
        r#"
            title = "ours"
            [[rules]]
            id = "acme-key"
            description = "keys of ACME"
            regex = '''acme_([a-z0-9]{20})'''
            secretGroup = 1
            entropy = 2.5
            keywords = ["acme_"]
            [rules.allowlist]
            stopwords = ["example"]
        "#,
    )
    .unwrap();
    let more = "    custom_patterns: [{name: order_id, regex: 'ORD-\\d{6}', class: opaque}]\n    rules: [rules.toml]\n";
    let config = config(folder.path(), more);
    let text = "ORD-123456 acme_k3j9x0q2m7p5z8w1v4t6 acme_example0123456789000 acme_aaaaaaaaaaaaaaaaaaaa";
    let answer = line(folder.path(), &["--config", &config], text);
    assert_eq!(covered(text, &answer), ["ORD-123456", "k3j9x0q2m7p5z8w1v4t6"]);
    assert_eq!(answer["remarks"][0]["rule"], "order_id");
    assert_eq!(answer["remarks"][1]["rule"], "acme-key");
}

#[test]
fn values_that_are_allowed_stay() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "    allowed_values: ['@example\\.com$', '^10\\.']\n");
    let text = "alice@example.com from 10.1.2.3, bob@example.org from 192.0.2.1";
    let answer = line(folder.path(), &["--config", &config], text);
    assert_eq!(covered(text, &answer), ["bob@example.org", "192.0.2.1"]);
}

#[test]
fn rules_that_do_not_compile_stop_the_start_with_their_place_and_id() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), "[[rules]]\nid = \"odd\"\nregex = '''(?<=x)y'''\n").unwrap();
    let more = "    custom_patterns: [{name: n, regex: x, class: nobody}]\n    rules: [bad.toml, absent.toml]\n";
    let config = config(folder.path(), more);
    let failed = casefile(folder.path(), &["--config", &config], "x").code(78);
    let stderr = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    for said in ["there is no class `nobody`", "rule `odd`", "absent.toml"] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
}

#[test]
fn every_form_is_listed_with_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let forms: Vec<Value> = serde_json::from_str(&redacted(folder.path(), &["--rules", "--json"], "")).unwrap();
    let of = |rule: &str| {
        let names = forms.iter().filter(|form| form["rule"] == rule).map(|form| form["finds"].as_str().unwrap());
        names.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(of("issuer_key") >= 250, "{}", of("issuer_key"));
    assert!(of("national_id") >= 170, "{}", of("national_id"));
    assert!(forms.iter().all(|form| form["source"].as_str().is_some_and(|source| !source.is_empty())));
}

#[test]
fn actions_hold_for_all_or_for_one_service() {
    let folder = tempfile::tempdir().unwrap();
    let more = "    actions: {ip: keep, email: withhold}\n    services: {checkout: {actions: {ip: token}}}\n";
    let config = config(folder.path(), more);
    let text = "a@b.example from 10.1.2.3\n";
    assert_eq!(redacted(folder.path(), &["--config", &config], text), "[withheld] from 10.1.2.3\n");
    let of_service = redacted(folder.path(), &["--config", &config, "--service", "checkout"], text);
    assert!(of_service.starts_with("[withheld] from ip:N-a"), "{of_service}");
}

#[test]
fn every_key_is_listed_with_its_class_and_source() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<Value> = serde_json::from_str(&redacted(folder.path(), &["--keys", "--json"], "")).unwrap();
    assert!(keys.len() > 1200, "{}", keys.len());
    let row = keys.iter().find(|row| row["key"] == "db.query.text").unwrap();
    assert_eq!((&row["class"], &row["becomes"]), (&Value::from("content"), &Value::from("statement")));
    let table = redacted(folder.path(), &["--keys"], "");
    assert_eq!(table.lines().count(), keys.len() + 1);
    assert!(table.lines().any(|line| line.starts_with("user.full_name ") && line.contains(" name ")), "{table}");
}

#[test]
fn a_dry_run_reports_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Command::cargo_bin("casefile")
        .unwrap()
        .current_dir(folder.path())
        .args(["demo", "--once", "--out", "demo"])
        .assert()
        .success();
    drop(demo);
    let recording = fs::read_dir(folder.path().join("demo"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .unwrap();
    let config = config(folder.path(), "    dry_run: true\n");
    let out = folder.path().join("out");
    let replayed = Command::cargo_bin("casefile")
        .unwrap()
        .current_dir(folder.path())
        .args(["replay", "--config", &config, "--json", "--out", "out"])
        .arg(recording)
        .assert()
        .success();
    let output = replayed.get_output();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("dry run: would redact") && said.contains("email"), "{said}");
    let written = fs::read_dir(out.join("bundles")).map_or(0, Iterator::count);
    assert_eq!(written, 0, "{said}");
}
