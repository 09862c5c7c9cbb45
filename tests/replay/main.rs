//! The binary as a person uses it: the demo, a recording replayed, a stop in mid-window, and overload.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod loose;
mod tests;

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use support::casefile::{Home, Settings, run};
use support::otlp::{EMAIL, FAILURE, TRACE_ID, failing_trace, shuffle};
use support::schema::assert_all_valid;
use support::store;

fn replay(recording: &Path, out: &Path, more: &[&str]) {
    fs::create_dir_all(out).unwrap();
    let mut arguments = vec!["replay".to_owned(), recording.display().to_string()];
    arguments.extend(["--out".to_owned(), out.display().to_string()]);
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    run(out, &arguments);
}

#[test]
fn the_demo_leaves_a_bundle_a_recording_and_the_next_commands() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let output = run(folder.path(), &["demo", "--once", "--out", &out.display().to_string()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);

    let bundles = store::bundles(&out);
    assert_eq!(bundles.len(), 1, "{bundles:?}");
    assert!(said.contains(&*bundles[0].file_name().unwrap().to_string_lossy()), "the bundle's path: {said}");
    assert!(said.matches("casefile ").count() >= 3, "three commands to go on with: {said}");
    assert_all_valid(&out);
    assert!(fs::metadata(out.join("recording.jsonl")).unwrap().len() > 0);
}

#[test]
fn fault_33_a_recording_gives_the_same_bytes_again_and_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    run(folder.path(), &["demo", "--once", "--out", &demo.display().to_string()]);
    let recording = demo.join("recording.jsonl");

    let first = folder.path().join("first");
    replay(&recording, &first, &[]);
    let expected = store::documents(&first);
    assert!(!expected.is_empty(), "the recording holds a failure");
    assert_all_valid(&first);

    let again = folder.path().join("again");
    replay(&recording, &again, &[]);
    assert_eq!(store::documents(&again), expected, "the same recording, the same bytes");

    let text = fs::read_to_string(&recording).unwrap();
    for seed in 1..=3 {
        let shuffled = folder.path().join(format!("shuffled-{seed}.jsonl"));
        fs::write(&shuffled, shuffle(&text, seed)).unwrap();
        let out = folder.path().join(format!("shuffled-{seed}"));
        replay(&shuffled, &out, &[]);
        assert_eq!(store::documents(&out), expected, "every record alone, order {seed}");
    }
}

#[test]
fn what_came_over_the_wire_and_what_is_replayed_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    casefile.send_all(FAILURE);
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled), (5, 5), "{totals:?}");
    assert!(casefile.stop().0.success());

    let recording = folder.path().join("recording.jsonl");
    fs::write(&recording, FAILURE).unwrap();
    let out = folder.path().join("replayed");
    replay(&recording, &out, &["--config", &home.config().display().to_string()]);
    assert_eq!(store::documents(&out), store::documents(&home.store()));
    assert_all_valid(&home.store());
    store::assert_nowhere(&home.store(), &[EMAIL, "ada.byron"]);
    store::assert_nowhere(&out, &[EMAIL, "ada.byron"]);
}

#[test]
fn otlp_65_a_request_sent_twice_counts_once_in_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    for _ in 0..2 {
        casefile.send_all(FAILURE);
    }
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled, totals.dropped), (10, 5, 5), "{totals:?}");
    assert_eq!(totals.reasons.get("duplicate"), Some(&5), "{totals:?}");
    let bundles = store::bundles(&home.store());
    assert_eq!(bundles.len(), 1, "{bundles:?}");
    assert_eq!(store::json(&bundles[0])["logs"]["total"], 3);
}

#[test]
fn fault_30_a_stop_decides_the_open_windows_and_says_so_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { decision_wait: "1h", retention: "2h", ..Settings::default() };
    let home = Home::new(folder.path(), &settings);
    let casefile = home.start();
    casefile.send_all(FAILURE);
    assert!(store::bundles(&home.store()).is_empty(), "the window is open for an hour");
    let (status, said) = casefile.stop();
    assert!(status.success(), "ended with {status}:\n{said}");
    let manifests = store::manifests(&home.store());
    assert_eq!(manifests.len(), 1, "{manifests:?}\n{said}");
    let (manifest, _) = store::manifest(&manifests[0]);
    assert_eq!(manifest["trace_id"], TRACE_ID);
    assert_eq!(manifest["closed"]["reason"], "shutdown");
    assert_eq!(manifest["records"].as_array().unwrap().len(), 5);
}

#[test]
fn otlp_47_overload_is_answered_with_a_time_to_come_again_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_bytes: "64KiB", ..Settings::default() };
    let home = Home::new(folder.path(), &settings);
    let mut casefile = home.start();
    let ids: Vec<String> = (1..=60).map(|number| format!("{number:032x}")).collect();
    let mut refused = 0;
    for id in &ids {
        // Half a minute of refusals for one request would be a window that never empties.
        let taken = (0..120).any(|_| {
            let answer = casefile.send("traces", &failing_trace(id, 4096));
            if answer.status == 200 {
                return true;
            }
            assert_eq!(answer.status, 503, "{}", answer.text());
            let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
            assert!(wait > 0);
            refused += 1;
            sleep(Duration::from_millis(250));
            false
        });
        assert!(taken, "{id} was refused for half a minute:\n{}", casefile.said());
    }
    assert!(refused > 0, "60 traces of 4 KiB do not fit into 64 KiB at once");
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled, totals.dropped), (60, 60, 0), "{totals:?}");
    let kept: Vec<String> = store::manifests(&home.store())
        .iter()
        .map(|path| store::manifest(path).0["trace_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kept, ids, "every acknowledged trace lies in the store");
}
