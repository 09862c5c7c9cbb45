//! Configuration that changes while the process runs.

use std::fs;
use std::os::unix::fs::symlink;

use casefile::telemetry::names;

use crate::support::casefile::{Casefile, Home, Settings};
use crate::support::otlp::failing_trace;
use crate::support::store;

fn trace_id(number: u8) -> String {
    format!("{number:02x}").repeat(16)
}

fn reloads(casefile: &Casefile<'_>, result: &str) -> u64 {
    casefile.metrics().sum(names::CONFIG_RELOADS, &[("result", result)])
}

fn hang_up(casefile: &mut Casefile<'_>, result: &str) {
    let before = reloads(casefile, result);
    casefile.signal("HUP");
    casefile.wait(&format!("a reload that is {result}"), |casefile| reloads(casefile, result) > before);
}

#[test]
fn fault_39_policies_and_services_change_under_an_open_window_and_each_bundle_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "4s", retention: "8s", ..Settings::default() });
    let mut casefile = home.start();
    assert_eq!(casefile.send("traces", &failing_trace(&trace_id(1), 1)).status, 200);
    home.edit("pip install -e .", "make all");
    home.edit(
        "tail_sampling: {decision_wait: 4s}",
        "tail_sampling: {decision_wait: 4s, policies: [{name: only-errors, type: status_code, status_code: {status_codes: [ERROR]}}]}",
    );
    hang_up(&mut casefile, "ok");
    assert!(store::bundles(&home.store()).is_empty(), "the trace was still open");
    assert_eq!(casefile.send("traces", &failing_trace(&trace_id(2), 1)).status, 200);
    casefile.wait("both bundles", |_| store::bundles(&home.store()).len() == 2);
    let mut digests = Vec::new();
    for path in store::bundles(&home.store()) {
        let document = store::json(&path);
        let facts = (document["provenance"]["policy"].as_str().unwrap(), document["build"].as_str().unwrap());
        assert_eq!(facts, ("only-errors", "make all"), "the open window went on, under the new policy as a whole");
        digests.push(document["provenance"]["config"].clone());
    }
    assert_eq!(digests[0], digests[1]);
    let (status, _) = casefile.stop();
    assert!(status.success());
}

#[test]
fn a_bad_file_keeps_the_old_configuration_and_so_does_what_needs_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let good = fs::read_to_string(home.config()).unwrap();
    let mut casefile = home.start();
    hang_up(&mut casefile, "unchanged");

    home.edit("decision_wait: 1s", "decision_wait: soon");
    hang_up(&mut casefile, "failed");
    assert!(casefile.said().contains("`soon` is not a duration"), "{}", casefile.said());

    fs::write(home.config(), good.replace("retention: 3s", "retention: 30s").replace("127.0.0.1:", "0.0.0.0:"))
        .unwrap();
    hang_up(&mut casefile, "refused");
    let said = casefile.said();
    for path in ["receivers.otlp", "connectors.incident.window", "extensions.health_check", "extensions.api"] {
        assert!(said.contains(&format!("{path}: has changed, which takes a restart")), "no {path} in {said}");
    }

    // A value that a stage refuses.
    fs::write(home.config(), good.replace("tail_sampling: {", "in_app: [nonsense]\n    tail_sampling: {")).unwrap();
    hang_up(&mut casefile, "failed");
    assert!(casefile.said().contains("connectors.incident.in_app[0]"), "{}", casefile.said());

    assert_eq!(casefile.send("traces", &failing_trace(&trace_id(1), 1)).status, 200);
    casefile.wait("a bundle as before", |_| store::bundles(&home.store()).len() == 1);
}

#[test]
fn a_symlink_that_is_swapped_is_seen_by_content_and_redaction_changes() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    // As Kubernetes lays out a ConfigMap.
    let text = fs::read_to_string(home.config()).unwrap();
    let changed = text.replace("redaction: {key:", "redaction: {blocked_values: [\"payment\"], key:");
    for (version, text) in [("v1", &text), ("v2", &changed)] {
        fs::create_dir(folder.path().join(version)).unwrap();
        fs::write(folder.path().join(version).join("casefile.yaml"), text).unwrap();
    }
    fs::remove_file(home.config()).unwrap();
    symlink("v1", folder.path().join("..data")).unwrap();
    symlink("..data/casefile.yaml", home.config()).unwrap();
    let mut casefile = home.start();
    assert_eq!(casefile.send("traces", &failing_trace(&trace_id(1), 1)).status, 200);
    casefile.wait("the first bundle", |_| store::bundles(&home.store()).len() == 1);

    symlink("v2", folder.path().join("..next")).unwrap();
    fs::rename(folder.path().join("..next"), folder.path().join("..data")).unwrap();
    casefile.wait("the change to be seen", |casefile| reloads(casefile, "ok") == 1);
    assert_eq!(casefile.send("traces", &failing_trace(&trace_id(2), 1)).status, 200);
    casefile.wait("the second bundle", |_| store::bundles(&home.store()).len() == 2);
    for path in store::bundles(&home.store()) {
        let is_second = path.to_string_lossy().contains(&trace_id(2));
        let text = String::from_utf8(store::content(&path)).unwrap();
        assert_eq!(text.contains("payment refused"), !is_second, "{}: {text}", path.display());
    }
}

#[test]
fn exporters_change_and_what_waits_for_a_store_that_is_gone_goes_to_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { url: Some("s3://gone/prefix".to_owned()), ..Settings::default() });
    home.edit(
        "options: {}",
        "options: {aws_endpoint: \"http://127.0.0.1:9\", aws_allow_http: \"true\", aws_region: x, aws_access_key_id: x, aws_secret_access_key: x}, retry_on_failure: {initial_interval: 100ms, max_elapsed_time: 0s}",
    );
    let mut casefile = home.start();
    for number in 1..=20 {
        assert_eq!(casefile.send("traces", &failing_trace(&trace_id(number), 1)).status, 200);
    }
    casefile.wait("the store to be missed", |casefile| !casefile.is_ready());
    assert_eq!(crate::support::http::get(home.health(), "/livez").unwrap().status, 200, "a store outage is no death");
    let text = fs::read_to_string(home.config()).unwrap();
    let at = text.find("  bundle: {").unwrap();
    let line = &text[at..at + text[at..].find('\n').unwrap()];
    fs::write(home.config(), text.replace(line, &format!("  bundle: {{url: \"{}\"}}", home.store_url()))).unwrap();
    hang_up(&mut casefile, "ok");
    casefile.wait("every bundle in the new store", |_| store::bundles(&home.store()).len() == 20);
    casefile.wait("being ready again", |casefile| casefile.is_ready());
    let totals = casefile.settled();
    assert_eq!((totals.bundled, totals.dropped), (20, 0));
}
