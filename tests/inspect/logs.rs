//! `casefile inspect logs`: lines in, the same lines with their templates out.

use std::collections::BTreeMap;

use assert_cmd::Command;
use serde_json::{Value, json};

fn inspect(input: impl Into<Vec<u8>>) -> assert_cmd::assert::Assert {
    Command::cargo_bin("casefile").unwrap().args(["inspect", "logs"]).write_stdin(input).assert()
}

fn answer(input: impl Into<Vec<u8>>) -> String {
    String::from_utf8(inspect(input).success().get_output().stdout.clone()).unwrap()
}

fn lines(bodies: &[&str]) -> String {
    bodies.iter().map(|body| json!({"body": body}).to_string() + "\n").collect()
}

#[test]
fn each_line_comes_back_in_its_place_with_its_template() {
    let out = answer(lines(&["cart 17 saved for user anna", "queue is empty", "cart 4 saved for user bob"]));
    let out: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        out,
        [
            json!({"body": "cart 17 saved for user anna", "template_id": 1, "template": "cart <*> saved for user <*>"}),
            json!({"body": "queue is empty", "template_id": 2, "template": "queue is empty"}),
            json!({"body": "cart 4 saved for user bob", "template_id": 1, "template": "cart <*> saved for user <*>"}),
        ]
    );
}

#[test]
fn other_fields_come_back_byte_for_byte() {
    let input = "{\"z\": 1.0, \"big\":123456789012345678901234567890, \"a\":{\"body\":[1 ,2]},\"body\":\"say \\\"hi\\\" 5\" }\r\n\n";
    let out = answer(input);
    let fields =
        "{\"z\": 1.0, \"big\":123456789012345678901234567890, \"a\":{\"body\":[1 ,2]},\"body\":\"say \\\"hi\\\" 5\"";
    assert_eq!(out, format!("{fields},\"template_id\":1,\"template\":\"say \\\"hi\\\" <*>\"}}\n"));
}

#[test]
fn what_it_wrote_it_reads_again() {
    let once = answer(lines(&["a 1", "b 2"]));
    let twice = answer(once.clone());
    let parsed = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    assert_eq!(parsed(&once), parsed(&twice));
    assert_eq!(
        answer("{\"template\": null, \"body\": \"b 2\"}"),
        "{\"body\":\"b 2\",\"template\":\"b <*>\",\"template_id\":1}\n"
    );
}

#[test]
fn a_line_that_cannot_be_read_is_told_by_its_number_and_not_quoted() {
    for (line, said) in [
        ("{\"text\":\"hunter2\"}", "there is no `body`, or it is not a string"),
        ("{\"body\":{\"k\":\"hunter2\"}}", "there is no `body`, or it is not a string"),
        ("[\"hunter2\"]", "not a JSON object"),
        ("{\"body\":\"hunter2\"", "not a JSON object"),
    ] {
        let failed = inspect(format!("{{\"body\":\"fine\"}}\n\n{line}\n")).code(1);
        let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(error.contains("line 3") && error.contains(said) && !error.contains("hunter2"), "{error}");
    }
}

/// Statements as programs of many kinds write them; `{n}` is a number, `{w}` a word that varies.
const STATEMENTS: &[&str] = &[
    "{n}.{n} wl0: roamed, reason #{n}, bssid 5c:50:15:4c:{n}:ac",
    "Component \"alt{n}\" is in the unavailable state (HWID={n})",
    "lock={n}, flags=0x{n}, tag=\"Main\", name=app.{w}, ws=null, pid={n}",
    "proxy.example:{n} close, {n} bytes sent, {n} bytes (1.{n} KB) received, lifetime 00:{n}",
    "proxy.example:{n} close, {n} bytes sent, {n} bytes received, lifetime <1 sec",
    "[instance: 9d{n}-ab] VM Paused (Lifecycle Event)",
    "[instance: 9d{n}-ab] VM Resumed (Lifecycle Event)",
    "Loaded stack v6.{n} with Core: C:\\Program\\stack_{n}\\core.dll",
    "attempt_{n}_m_{n} moved from NEW to READY",
    "attempt_{n}_m_{n} moved from READY to RUNNING",
    "generating core.{n}",
    "fp cr update.............{n}",
    "onStepsChanged {n}",
    "session opened for user {w} by (uid={n})",
    "Closed connection for client /10.0.0.{n}:33{n} which had session 0x{n}",
    "Closed connection for client /10.0.0.{n}:33{n} (no session)",
];

#[test]
fn lines_of_one_statement_share_an_id_over_the_whole_stream() {
    let words = ["anna", "bob", "carl", "dora", "emil"];
    let mut random = 7_u64;
    let mut next = |most: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    // More lines than are compared at once.
    let mut input = String::new();
    for _ in 0..150_000 {
        let statement = next(STATEMENTS.len() as u64);
        let mut body = STATEMENTS[usize::try_from(statement).unwrap()].to_owned();
        while body.contains("{n}") {
            body = body.replacen("{n}", &next(90).to_string(), 1);
        }
        body = body.replace("{w}", words[usize::try_from(next(5)).unwrap()]);
        input += &(json!({"statement": statement, "body": body}).to_string() + "\n");
    }
    let out = answer(input);
    assert_eq!(out.lines().count(), 150_000);
    let mut ids: BTreeMap<u64, u64> = BTreeMap::new();
    let mut statements: BTreeMap<u64, u64> = BTreeMap::new();
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (statement, id) = (line["statement"].as_u64().unwrap(), line["template_id"].as_u64().unwrap());
        assert_eq!(*ids.entry(statement).or_insert(id), id, "{line}");
        assert_eq!(*statements.entry(id).or_insert(statement), statement, "{line}");
    }
    assert_eq!(ids.len(), STATEMENTS.len());
}
