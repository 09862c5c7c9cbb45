//! Windows on disk: what a kill, a stop, a torn or damaged file and a full disk leave of what was acknowledged.
//!
//! `CASEFILE_KILLS=200 cargo test --test crash kill` runs the loop at full length.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::string_slice,
    reason = "a test"
)]

#[path = "../support/mod.rs"]
mod support;

mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use load::{Dice, Load, RECORDS, fails, trace_id};
use serde_json::Value;
use support::casefile::{Home, Settings, command, run};
use support::otlp::{FAILURE, TRACE_ID, failing_trace};
use support::schema::assert_all_valid;
use support::store;

/// A home whose windows are on the disk and wait long enough for a process that is killed over and over.
fn home(folder: &Path, decision_wait: &'static str, fsync: bool) -> Home {
    holding(folder, decision_wait, "5m", fsync)
}

fn holding(folder: &Path, decision_wait: &'static str, retention: &'static str, fsync: bool) -> Home {
    Home::new(folder, &Settings { decision_wait, retention, on_disk: Some(fsync), ..Settings::default() })
}

/// Looks at the log in one life of a process.
const LOOKS: u32 = 20;

/// The digests of the records that a trace's objects list: its bundle, and amendments, which may repeat what a client sent again
/// (readers tell by the digest).
fn listed(store: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in store::manifests(store) {
        let (manifest, signatures) = store::manifest(&path);
        assert_eq!(signatures, 1, "{}", path.display());
        let trace = path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned();
        let records = manifest["records"].as_array().unwrap();
        listed.entry(trace).or_default().extend(records.iter().map(|digest| digest.as_str().unwrap().to_owned()));
    }
    listed
}

/// Failures that the incidents' counters have counted.
fn counted(store: &Path) -> u64 {
    let counters = store::files(&store.join("incidents")).iter().map(|path| store::json(path)).collect::<Vec<_>>();
    let hours = counters.iter().filter_map(|counters| counters["hours"].as_object());
    hours.flat_map(|hours| hours.values()).map(|count| count.as_u64().unwrap()).sum()
}

/// The files of the log.
fn log_files(home: &Home) -> Vec<PathBuf> {
    let mut files = store::files(&home.window());
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files
}

fn kills() -> u64 {
    std::env::var("CASEFILE_KILLS").map_or(10, |kills| kills.parse().unwrap())
}

#[test]
fn fault_3_22_kill_9_over_and_over_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "300ms", false);
    let mut dice = Dice(7);
    let lives = (0..kills()).map(|_| Duration::from_millis(50 + dice.roll(900)));
    kill_over_and_over(&home, folder.path(), lives, |_| {});
}

/// Each life is longer than windows hold records.
#[test]
fn fault_3_22_kill_9_while_files_of_the_log_are_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = holding(folder.path(), "300ms", "2s", false);
    let mut dice = Dice(13);
    let lives = (0..kills().div_ceil(4)).map(|_| Duration::from_millis(3000 + dice.roll(1000)));
    // One that waits is the next to be used.
    let mut waited = BTreeSet::new();
    kill_over_and_over(&home, folder.path(), lives, |home| {
        let names = log_files(home).into_iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        waited.extend(names.filter(|name| name.starts_with("spare-")));
    });
    assert!(!waited.is_empty(), "no file was used again");
}

/// Kills a process after each of these times, under a load, and judges what it leaves; `look` is called now and then meanwhile.
fn kill_over_and_over(home: &Home, folder: &Path, lives: impl Iterator<Item = Duration>, mut look: impl FnMut(&Home)) {
    let load = Load::start(home.http, 11);
    for life in lives {
        let casefile = home.start();
        for _ in 0..LOOKS {
            sleep(life / LOOKS);
            look(home);
        }
        casefile.kill();
    }
    let mut casefile = home.start();
    let told = load.finish();
    assert!(told.sent_again > 0, "no kill came while a client was waiting");
    let traces: BTreeSet<u64> = told.acknowledged.keys().copied().collect();
    assert!(told.acknowledged.values().all(|acknowledged| *acknowledged == RECORDS));

    let failed: Vec<_> = traces.iter().filter(|trace| fails(**trace)).map(|trace| trace_id(*trace)).collect();
    casefile.wait("every failure that was acknowledged to be in a bundle", |_| {
        let listed = listed(&home.store());
        failed.iter().all(|trace| listed.get(trace).is_some_and(|records| records.len() >= RECORDS))
    });
    let listed = listed(&home.store());
    assert_eq!(listed.keys().collect::<Vec<_>>(), failed.iter().collect::<Vec<_>>(), "no more and no fewer bundles");
    for (trace, records) in &listed {
        assert_eq!(records.len(), RECORDS, "{trace}: every record, and no other");
    }
    assert_all_valid(&home.store());
    assert_eq!(counted(&home.store()), failed.len() as u64, "every failure counted once");
    let damaged = casefile.metrics().sum(::casefile::telemetry::names::WINDOW_DAMAGED_FRAMES, &[]);
    assert_eq!(damaged, 0, "a kill tears, it does not damage");
    assert!(!home.window().join("quarantine").exists(), "nor was anything damaged for an earlier process");
    for trace in failed.iter().take(20) {
        let key = home.public_key().display().to_string();
        run(folder, &["bundle", "verify", trace, "--store", &home.store_url(), "--public-key", &key]);
    }
}

#[test]
fn fault_3_4_33_a_bundle_made_after_a_kill_is_the_one_that_would_have_been_made() {
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed");
    fs::create_dir_all(&undisturbed).unwrap();
    let calm = home(&undisturbed, "1s", false);
    let mut casefile = calm.start();
    casefile.send_all(FAILURE);
    casefile.wait("the bundle", |_| store::manifests(&calm.store()).len() == 1);
    let expected = store::documents(&calm.store());
    drop(casefile);

    for fsync in [false, true] {
        let folder = folder.path().join(format!("fsync-{fsync}"));
        fs::create_dir_all(&folder).unwrap();
        let home = home(&folder, "1s", fsync);
        let casefile = home.start();
        casefile.send_all(FAILURE);
        casefile.kill();
        assert_eq!(store::bundles(&home.store()).len(), 0, "killed before the decision");
        let mut casefile = home.start();
        casefile.wait("the bundle", |_| store::manifests(&home.store()).len() == 1);
        assert_eq!(store::documents(&home.store()), expected);
        let (status, said) = casefile.stop();
        assert!(status.success(), "{said}");

        // What was decided is not decided again.
        let mut casefile = home.start();
        casefile.wait("the windows to be empty", |casefile| {
            casefile.metrics().sum(::casefile::telemetry::names::WINDOW_TRACES, &[]) == 0
        });
        assert_eq!(casefile.metrics().sum(::casefile::telemetry::names::SAMPLING_DECISIONS, &[]), 0);
        assert_eq!(store::documents(&home.store()), expected);
    }
}

#[test]
fn fault_30_a_stop_leaves_open_windows_to_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "1s", false);
    let casefile = home.start();
    casefile.send_all(FAILURE);
    let (status, said) = casefile.stop();
    assert!(status.success(), "{said}");
    assert_eq!(store::bundles(&home.store()).len(), 0, "not decided");
    let mut casefile = home.start();
    casefile.wait("the bundle", |_| store::manifests(&home.store()).len() == 1);
    let (manifest, _) = store::manifest(&store::manifests(&home.store())[0]);
    assert_ne!(manifest["closed"]["reason"], "shutdown");
}

#[test]
fn fault_5_6_a_torn_tail_is_cut_and_a_damaged_block_set_aside_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "1s", false);
    let casefile = home.start();
    let ids: Vec<_> = (1..=4u8).map(|number| format!("{number:032x}")).collect();
    for id in &ids {
        assert_eq!(casefile.send("traces", &failing_trace(id, 100)).status, 200);
    }
    casefile.kill();
    let files = log_files(&home);
    let bytes = fs::read(&files[0]).unwrap();
    let frame = (bytes.len() - 64) / ids.len();
    let mut damaged = bytes.clone();
    damaged[64 + frame + frame / 2] ^= 4;
    damaged.truncate(bytes.len() - 10);
    fs::write(&files[0], damaged).unwrap();

    let mut casefile = home.start();
    casefile.wait("what is left", |_| store::manifests(&home.store()).len() == 2);
    let traces: Vec<_> = listed(&home.store()).into_keys().collect();
    assert_eq!(traces, [ids[0].clone(), ids[2].clone()], "one was damaged and one torn");
    assert_eq!(casefile.metrics().sum(::casefile::telemetry::names::WINDOW_DAMAGED_FRAMES, &[]), 1);
    assert!(casefile.said().contains("has been set aside"), "{}", casefile.said());
    assert_eq!(store::files(&home.window().join("quarantine")).len(), 1);
}

#[test]
fn fault_23_what_the_disk_does_not_take_is_not_acknowledged_and_costs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "1s", false);
    // A limit on the size of files fails writes as a full disk does, and needs no disk.
    let mut limited = Command::new("bash");
    let mut plain = command(folder.path());
    limited.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "bash"]).arg(plain.get_program());
    limited.current_dir(folder.path()).env_remove("RUST_LOG").env("NO_COLOR", "1");
    plain.stdin(std::process::Stdio::null());
    let mut casefile = home.start_as(limited);

    let small = |number: u8| failing_trace(&format!("{number:032x}"), 100);
    assert_eq!(casefile.send("traces", &small(1)).status, 200);
    let answer = casefile.send("traces", &failing_trace(&"f".repeat(32), 300 * 1024));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(casefile.send("traces", &small(2)).status, 200, "there is room again");
    let refused = casefile
        .metrics()
        .sum(::casefile::telemetry::names::RECEIVER_REFUSED_REQUESTS, &[("reason", "storage_failed")]);
    assert_eq!(refused, 1);
    casefile.wait("both bundles", |_| store::manifests(&home.store()).len() == 2);
}

/// Guarantee: nothing is acknowledged from the moment on at which the disk could not be synced, the process ends and says so, and what was
/// acknowledged before is there after the next start.
#[test]
fn fault_24_after_a_sync_that_failed_nothing_is_acknowledged_and_the_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "1s", true);
    let (library, fails) = (folder.path().join("failing_sync.so"), folder.path().join("fails"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/failing_sync.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status().unwrap();
    assert!(compiled.success());
    let mut failing = command(folder.path());
    failing.env("LD_PRELOAD", &library).env("FAILS", &fails);
    let mut casefile = home.start_as(failing);

    let ids: Vec<_> = (1..=2u8).map(|number| format!("{number:032x}")).collect();
    assert_eq!(casefile.send("traces", &failing_trace(&ids[0], 100)).status, 200);
    casefile.wait("the bundle", |_| store::manifests(&home.store()).len() == 1);
    fs::write(&fails, "").unwrap();
    assert_eq!(casefile.send("traces", &failing_trace(&ids[1], 100)).status, 503);
    let (status, said) = casefile.end();
    assert!(!status.success() && said.contains("could not be synced"), "{status}: {said}");

    // It was in the log, and the client was told to send it again: it may do so.
    let mut casefile = home.start();
    assert_eq!(casefile.send("traces", &failing_trace(&ids[1], 100)).status, 200);
    casefile.wait("both bundles", |_| store::manifests(&home.store()).len() == 2);
    assert_eq!(listed(&home.store()).into_keys().collect::<Vec<_>>(), ids);
}

/// Guarantee: of what was acknowledged, a kill takes what open windows in memory hold, as the reference of `window.storage` says, and
/// no bundle: those that are stored stay whole, and the next process makes others.
#[test]
fn fault_2_a_kill_takes_no_more_than_open_windows_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "1s", ..Settings::default() });
    let ids: Vec<_> = (1..=3u8).map(|number| format!("{number:032x}")).collect();
    let mut casefile = home.start();
    assert_eq!(casefile.send("traces", &failing_trace(&ids[0], 100)).status, 200);
    casefile.wait("the bundle", |_| store::manifests(&home.store()).len() == 1);
    let stored = store::documents(&home.store());
    assert_eq!(casefile.send("traces", &failing_trace(&ids[1], 100)).status, 200);
    casefile.kill();

    let mut casefile = home.start();
    assert_eq!(store::documents(&home.store()), stored);
    assert_eq!(casefile.send("traces", &failing_trace(&ids[2], 100)).status, 200);
    casefile.wait("another bundle", |_| store::manifests(&home.store()).len() == 2);
    assert_eq!(listed(&home.store()).into_keys().collect::<Vec<_>>(), [ids[0].clone(), ids[2].clone()]);
    assert_all_valid(&home.store());
}

#[test]
fn a_key_that_is_not_the_windows_own_stops_the_start_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "1s", false);
    let casefile = home.start();
    assert_eq!(casefile.send("traces", &failing_trace(TRACE_ID, 10)).status, 200);
    casefile.kill();
    let key = folder.path().join("redaction.key");
    let former = fs::read_to_string(&key).unwrap();
    fs::write(&key, "1".repeat(64)).unwrap();
    let output = command(folder.path()).arg("--config").arg(home.config()).output().unwrap();
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("previous_keys"), "{said}");
    assert_eq!(log_files(&home).len(), 1, "nothing was given up");

    let text = fs::read_to_string(home.config()).unwrap();
    let both = format!("redaction.key}}\", key_id: b, previous_keys: [{{id: a, key: \"{former}\"}}]}}");
    fs::write(home.config(), text.replacen("redaction.key}\"}", &both, 1)).unwrap();
    let mut casefile = home.start();
    casefile.wait("the bundle", |_| store::manifests(&home.store()).len() == 1);
    let manifest: Value = store::manifest(&store::manifests(&home.store())[0]).0;
    assert_eq!(manifest["records"].as_array().map(Vec::len), Some(1));
}
