//! Records that come after their bundle was written.

use serde_json::{Value, json};

use super::recording::{Folder, log, logs, span, string, throwing, trace_id, traces};
use super::support::store;

const ROOT: &str = "aaaaaaaaaaaaaa01";
const CHILD: &str = "aaaaaaaaaaaaaa02";
const SIDE: &str = "aaaaaaaaaaaaaa03";
const EMAIL: &str = "ada.byron@example.org";

/// A request that fails in its root span, as far as is known.
fn first(trace: &str) -> Vec<Value> {
    let mut root = span(trace, ROOT, "", "GET /pay", (0, 90), true);
    root["attributes"] = json!([string("http.request.method", "GET"), string("url.path", "/pay")]);
    vec![
        traces("shop", &[throwing(root, 85, "PaymentError", "payment refused", "")]),
        logs(
            "shop",
            &[log(trace, ROOT, 10, (9, "INFO"), "paying"), log(trace, ROOT, 80, (17, "ERROR"), "could not pay")],
        ),
    ]
}

/// What another service sent late: the span in which the failure began, one beside it, and its logs.
fn second(trace: &str) -> Vec<Value> {
    let child = span(trace, CHILD, ROOT, "charge", (20, 50), true);
    vec![
        traces(
            "bank",
            &[
                throwing(child, 60, "ZeroDivisionError", "division by zero", ""),
                span(trace, SIDE, ROOT, "audit", (15, 2), false),
            ],
        ),
        logs(
            "bank",
            &[
                log(trace, CHILD, 30, (9, "INFO"), &format!("charging {EMAIL}")),
                log(trace, CHILD, 60, (17, "ERROR"), "no rate"),
            ],
        ),
    ]
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[test]
fn fault_35_late_records_become_an_amendment_and_are_shown_once_and_in_order() {
    let folder = Folder::new();
    let trace = trace_id(7);
    folder.replay(&first(&trace));
    let before = store::bundles(&folder.store());
    let bytes = std::fs::read(&before[0]).unwrap();

    let summary = folder.replay(&second(&trace));
    assert_eq!(summary["records"]["bundled"], 4, "{summary}");
    let objects = store::bundles(&folder.store());
    let manifests = store::manifests(&folder.store());
    assert_eq!((objects.len(), manifests.len()), (2, 2), "{objects:?} {manifests:?}");
    assert_eq!(std::fs::read(&before[0]).unwrap(), bytes, "nothing is rewritten");
    let amendment = manifests.iter().map(|path| store::manifest(path).0).find(|found| found["kind"] == "amendment");
    let amendment = amendment.expect("an amendment with a manifest of its own");
    assert_eq!(amendment["records"].as_array().unwrap().len(), 4);

    let merged = folder.json(&["bundle", "get", &trace]);
    assert_eq!(texts(&merged["trace"]["spans"], "span_id"), [ROOT, SIDE, CHILD]);
    assert_eq!(merged["trace"]["span_count"], 3);
    assert_eq!(texts(&merged["trace"]["span_path"], "span_id"), [ROOT, CHILD], "the failure began in the late span");
    assert_eq!(merged["trace"]["root"], "present");
    assert_eq!(merged["exception"]["type"], "ZeroDivisionError");
    assert_eq!(texts(&merged["exception"]["causes"], "type"), ["PaymentError"], "what was known before is still said");
    let lines = &merged["logs"]["window"];
    assert_eq!(texts(lines, "level"), ["INFO", "INFO", "ERROR", "ERROR"]);
    assert_eq!(texts(lines, "service"), ["shop", "bank", "bank", "shop"], "in order of time");
    assert_eq!((&merged["logs"]["total"], &merged["logs"]["collapsed"]), (&json!(4), &json!(0)));
    assert_eq!((&merged["completeness"]["records"], &merged["completeness"]["shown"]), (&json!(7), &json!(7)));
    assert_eq!(merged["repro"]["request"]["method"], "GET", "{}", merged["repro"]);
    let missing = merged["completeness"]["missing"].to_string();
    assert!(!missing.contains("trace.root") && !missing.contains("was not received"), "{missing}");

    // Remarks point to where the fields stand in the merged document, and tokens are what stands there.
    let remarks = merged["redaction"]["remarks"].as_array().unwrap();
    assert!(!merged.to_string().contains(EMAIL));
    let path = "/logs/window/1/msg";
    assert!(remarks.iter().any(|remark| remark["path"] == path), "{remarks:?}");
    for remark in remarks {
        let pointer = remark["path"].as_str().unwrap();
        assert!(merged.pointer(pointer).is_some(), "{pointer} points to nothing");
    }
    assert!(merged.pointer(path).unwrap().as_str().unwrap().contains("email:"));

    let again = folder.replay(&second(&trace));
    assert_eq!(again["records"]["bundled"], 4, "known records count as bundled: {again}");
    assert_eq!(store::bundles(&folder.store()), objects, "nothing new, nothing written");
    assert_eq!(folder.json(&["bundle", "get", &trace]), merged);
    let listed = folder.json(&["bundle", "ls", "--json"]);
    assert_eq!(listed["total"], 1, "one failure, however many objects: {listed}");
    let verified = folder.json(&["bundle", "verify", &trace, "--json"]);
    assert_eq!(verified["objects"].as_array().unwrap().len(), 2, "{verified}");
}

#[test]
fn a_rebuild_with_more_records_shows_what_one_bundle_of_all_would() {
    let trace = trace_id(8);
    let (late, whole) = (Folder::new(), Folder::new());
    let all: Vec<Value> = first(&trace).into_iter().chain(second(&trace)).collect();
    late.replay(&first(&trace));
    late.replay(&all);
    whole.replay(&all);
    assert_eq!(store::bundles(&late.store()).len(), 2);
    let (mut late, mut whole) = (late.json(&["bundle", "get", &trace]), whole.json(&["bundle", "get", &trace]));
    let (theirs, own) = (late["incident"].take(), whole["incident"].take());
    // What the incident says is counted with the rest.
    let [a, b] = [late["tokens"].take(), whole["tokens"].take()].map(|tokens| tokens.as_u64().unwrap());
    assert!(a.abs_diff(b) < 100, "tokens of one document, not of two: {a}, {b}");
    assert_eq!(late, whole);
    assert_ne!(theirs["id"], own["id"], "the incident is the one that was counted and told");
}

#[test]
fn late_pieces_that_share_records_are_shown_once() {
    let folder = Folder::new();
    let trace = trace_id(9);
    let (first, second) = (first(&trace), second(&trace));
    folder.replay(&first);
    folder.replay(&[first[1].clone(), second[0].clone()]);
    folder.replay(&[second[0].clone(), second[1].clone()]);
    assert_eq!(store::bundles(&folder.store()).len(), 3);
    let merged = folder.json(&["bundle", "get", &trace]);
    assert_eq!(texts(&merged["trace"]["spans"], "span_id"), [ROOT, SIDE, CHILD]);
    assert_eq!(texts(&merged["logs"]["window"], "service"), ["shop", "bank", "bank", "shop"]);
    assert_eq!((&merged["completeness"]["records"], &merged["completeness"]["shown"]), (&json!(7), &json!(7)));
    assert_eq!((&merged["logs"]["total"], &merged["trace"]["span_count"]), (&json!(4), &json!(3)));
}

#[test]
fn pieces_that_come_in_any_order_show_the_same_path_down_to_where_the_failure_began() {
    let trace = trace_id(10);
    let pieces = [
        (ROOT, "", (0, 90), "shop", "PaymentError"),
        (SIDE, ROOT, (10, 70), "bank", "ChargeError"),
        (CHILD, SIDE, (20, 50), "rates", "ZeroDivisionError"),
    ]
    .map(|(id, parent, (start, millis), service, kind)| {
        let failed = throwing(span(&trace, id, parent, service, (start, millis), true), start + millis, kind, "no", "");
        [traces(service, &[failed]), logs(service, &[log(&trace, id, start + 1, (9, "INFO"), service)])]
    });
    let whole = Folder::new();
    whole.replay(&pieces.concat());
    let whole = whole.json(&["bundle", "get", &trace]);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let folder = Folder::new();
        for piece in order {
            folder.replay(&pieces[piece]);
        }
        assert_eq!(store::bundles(&folder.store()).len(), 3);
        let merged = folder.json(&["bundle", "get", &trace]);
        for list in ["span_path", "spans"] {
            let (found, expected) = (&merged["trace"][list], &whole["trace"][list]);
            assert_eq!(texts(found, "span_id"), texts(expected, "span_id"), "{list}, in order {order:?}");
        }
        assert_eq!(merged["exception"]["type"], "ZeroDivisionError", "{order:?}");
        let mut causes = texts(&merged["exception"]["causes"], "type");
        causes.sort_unstable();
        assert_eq!(causes, ["ChargeError", "PaymentError"], "{order:?}");
        assert_eq!(merged["environment"]["service"], whole["environment"]["service"], "{order:?}");
        assert_eq!(merged["logs"], whole["logs"], "{order:?}");
        assert_eq!(merged["completeness"], whole["completeness"], "{order:?}");
    }
}

/// Scenario: a request takes five minutes, and fails in the end. Guarantee: it is kept with what is still there, and both its manifest and
/// who reads it say that the beginning had been let go; what fails after it is an amendment.
#[test]
fn fault_35_what_fails_after_its_beginning_was_let_go_says_so() {
    const LET_GO: &str = "records: those that came before the failure was known had been let go, but for what is here";
    let folder = Folder::new();
    let trace = trace_id(8);
    let ended = |id: &str, parent: &str, at: u64, failed: bool| {
        traces("shop", &[span(&trace, id, parent, "step", (at, 5), failed)])
    };
    let recorded = [ended(CHILD, ROOT, 0, false), ended(SIDE, ROOT, 280_000, false), ended(ROOT, "", 300_000, true)];
    let summary = folder.replay(&recorded);
    assert_eq!(
        (&summary["records"]["bundled"], &summary["records"]["not_sampled"]),
        (&json!(2), &json!(1)),
        "{summary}"
    );
    let manifests = store::manifests(&folder.store());
    assert_eq!(manifests.len(), 1);
    let manifest = store::manifest(&manifests[0]).0;
    assert_eq!((&manifest["kind"], &manifest["closed"]["reason"]), (&json!("bundle"), &json!("late")));
    let bytes = std::fs::read_to_string(&store::bundles(&folder.store())[0]).unwrap();
    assert!(!bytes.contains(LET_GO), "it depends on when records came, and so stands in no bundle");

    let says = |merged: &Value| merged["completeness"]["missing"].as_array().unwrap().contains(&json!(LET_GO));
    assert!(says(&folder.json(&["bundle", "get", &trace])));
    // What is late once more amends it, and does not bring the beginning back.
    folder.replay(&[ended("aaaaaaaaaaaaaa04", ROOT, 301_000, true)]);
    let kinds: Vec<Value> =
        store::manifests(&folder.store()).iter().map(|path| store::manifest(path).0["kind"].clone()).collect();
    assert_eq!((kinds.len(), kinds.iter().filter(|kind| **kind == json!("amendment")).count()), (2, 1));
    let merged = folder.json(&["bundle", "get", &trace]);
    assert!(says(&merged) && merged["trace"]["span_count"] == 3, "{merged}");
    // The whole recording, read by who holds it longer, does.
    folder.replay_with(&recorded, &["--set", "connectors.incident.window.retention=10m"]);
    assert!(!says(&folder.json(&["bundle", "get", &trace])));
}
