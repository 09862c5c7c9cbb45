//! Log records without a trace id: joined by an id that they share with a trace, or shown beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::replay;
use crate::support::casefile::run;
use crate::support::otlp::{EMAIL, shuffle};
use crate::support::schema::assert_all_valid;
use crate::support::store;

const START: u64 = 1_751_371_380_000_000_000;
const BOTH: [&str; 2] = ["--set", "connectors.incident.logs={correlate_by: [request_id], ambient: {max: 50}}"];

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}

fn resource(instance: &str) -> Value {
    json!({"attributes": attributes(&[("service.name", "checkout"), ("service.instance.id", instance)])})
}

fn at(milliseconds: u64) -> String {
    (START + milliseconds * 1_000_000).to_string()
}

/// A failed request of instance `a`, 100 ms after the start, that carries the id `id`.
fn failed_request(trace: &str, id: &str) -> Value {
    json!({"resourceSpans": [{"resource": resource("a"), "scopeSpans": [{"spans": [{
        "traceId": trace, "spanId": "00f067aa0ba902b7", "name": "GET /pay", "kind": 2,
        "startTimeUnixNano": at(0), "endTimeUnixNano": at(100),
        "attributes": [{"key": "http.request.header.x-request-id", "value": {"arrayValue": {"values": [{"stringValue": id}]}}}],
        "status": {"code": 2, "message": "payment refused"},
    }]}]}]})
}

fn log(instance: &str, milliseconds: u64, severity: u8, body: &str, pairs: &[(&str, &str)]) -> Value {
    json!({"resourceLogs": [{"resource": resource(instance), "scopeLogs": [{"logRecords": [{
        "timeUnixNano": at(milliseconds), "severityNumber": severity,
        "body": {"stringValue": body}, "attributes": attributes(pairs),
    }]}]}]})
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHER: &str = "1af7651916cd43dd8448eb211c80319c";

/// Two failures of one request id among what else the service and its neighbours write.
fn recording() -> String {
    let lines = [
        log("a", 10, 9, &format!("charging {EMAIL}"), &[("request_id", "req-4711")]),
        log("a", 20, 9, "charging another", &[("request_id", "req-4712")]),
        log("a", 60, 13, &format!("pool is exhausted, {EMAIL} waits"), &[]),
        log("a", 70, 9, "heartbeat", &[]),
        log("b", 80, 13, "of another instance", &[]),
        failed_request(TRACE, "req-4711"),
        failed_request(OTHER, "req-4711"),
        // Longer after the failure than it may be ambient, and after the bundles are made.
        log("a", 40_000, 9, "heartbeat", &[]),
        log("a", 40_100, 9, "gave up", &[("requestId", "req-4711")]),
    ];
    lines.map(|line| line.to_string()).join("\n") + "\n"
}

fn lines(of: &Value) -> Vec<&str> {
    of.as_array().map(|lines| lines.iter().map(|line| line["msg"].as_str().unwrap()).collect()).unwrap_or_default()
}

fn document(documents: &BTreeMap<String, Vec<u8>>, trace: &str) -> Value {
    let name = documents.keys().find(|name| name.contains(&format!("{trace}.json"))).unwrap();
    serde_json::from_slice(&documents[name]).unwrap()
}

fn totals(folder: &Path, recording: &Path, name: &str) -> Value {
    let out = folder.join(name);
    fs::create_dir_all(&out).unwrap();
    let (recording, out) = (recording.display().to_string(), out.display().to_string());
    let output = run(folder, &["replay", &recording, "--out", &out, BOTH[0], BOTH[1], "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn logs_without_a_trace_id_join_by_their_request_and_the_rest_stands_beside() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = folder.path().join("recording.jsonl");
    fs::write(&recorded, recording()).unwrap();
    let out = folder.path().join("out");
    replay(&recorded, &out, &BOTH);
    assert_all_valid(&out);
    store::assert_nowhere(&out, &[EMAIL]);

    let written = store::documents(&out);
    for trace in [TRACE, OTHER] {
        let bundle = document(&written, trace);
        let window = &bundle["logs"]["window"];
        assert_eq!(lines(window).len(), 1, "{window}");
        assert!(lines(window)[0].starts_with("charging email:E-"), "{window}");
        assert_eq!((&window[0]["correlated"], &window[0]["span_id"]), (&json!(true), &Value::Null));
        assert_eq!(bundle["logs"]["total"], 1);
        let ambient = lines(&bundle["logs"]["ambient"]);
        assert_eq!(ambient.len(), 2, "{ambient:?}");
        assert!(ambient[0].starts_with("pool is exhausted, email:E-"), "{ambient:?}");
        assert_eq!(ambient[1], "heartbeat");
        assert_eq!(bundle["completeness"]["records"], 4);
        assert_eq!(bundle["completeness"]["shown"], 4);
    }
    // What came after the bundles amends the one that was made last.
    let amendments: Vec<&String> = written.keys().filter(|name| name.contains(".a-")).collect();
    assert_eq!(amendments.len(), 1, "{:?}", written.keys());

    let store = format!("file:{}", out.display());
    let amended = if amendments[0].contains(TRACE) { TRACE } else { OTHER };
    let output = run(folder.path(), &["bundle", "get", amended, "--store", &store]);
    let merged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(lines(&merged["logs"]["window"])[1], "gave up");
    assert_eq!(lines(&merged["logs"]["ambient"]).len(), 2, "{}", merged["logs"]);
    let page = run(folder.path(), &["bundle", "render", "--for", "page", amended, "--store", &store]);
    let page = String::from_utf8_lossy(&page.stdout);
    assert!(page.contains("## Around it") && page.contains("pool is exhausted"), "{page}");
}

#[test]
fn every_log_without_a_trace_id_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = folder.path().join("recording.jsonl");
    fs::write(&recorded, recording()).unwrap();
    let totals = totals(folder.path(), &recorded, "out");
    // Of nine records three are nobody's: another request's, another instance's, and the late heartbeat.
    let count = |name: &str| totals["records"][name].as_u64().unwrap();
    assert_eq!((count("accepted"), count("bundled"), count("dropped")), (9, 6, 3), "{totals}");
    assert_eq!(count("undecided"), 0, "{totals}");
}

#[test]
fn fault_33_what_is_joined_does_not_depend_on_the_order_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let text = recording();
    let recorded = folder.path().join("recording.jsonl");
    fs::write(&recorded, &text).unwrap();
    let first = folder.path().join("first");
    replay(&recorded, &first, &BOTH);
    let expected = store::documents(&first);
    for seed in 1..=3 {
        let shuffled = folder.path().join(format!("shuffled-{seed}.jsonl"));
        // Some are delivered twice.
        fs::write(&shuffled, shuffle(&(text.clone() + &text), seed)).unwrap();
        let out = folder.path().join(format!("shuffled-{seed}"));
        replay(&shuffled, &out, &BOTH);
        assert_eq!(store::documents(&out), expected, "order {seed}");
    }
}

#[test]
fn nothing_is_joined_where_it_is_not_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = folder.path().join("recording.jsonl");
    fs::write(&recorded, recording()).unwrap();
    let out = folder.path().join("out");
    replay(&recorded, &out, &[]);
    for bundle in store::documents(&out).values() {
        let bundle: Value = serde_json::from_slice(bundle).unwrap();
        assert_eq!(bundle["logs"], json!({"window": [], "templates": [], "total": 0, "collapsed": 0}));
    }
}

#[test]
fn a_name_that_names_nothing_is_refused_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::support::casefile::command(folder.path())
        .args(["validate", "--set", "connectors.incident.logs.correlate_by=[request_id, Request-ID]"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("connectors.incident.logs.correlate_by[1]: `Request-ID` is `request_id` in another spelling"),
        "{said}"
    );
}
