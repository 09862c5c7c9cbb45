//! `go-http`: a Go service whose cache is refreshed while a request reads it, built with the race detector.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::judge;
use crate::service::{self, Service, line_of};
use crate::support::casefile::{Home, Settings};
use crate::support::{http, store};

/// Starts the service; the race detector writes into `folder`.
pub(crate) fn start(folder: &Path, otlp: u16) -> Service {
    let mut command = Command::new(service::installed("tools/bin/casefile-test-profiles"));
    // Races that were seen must not make an orderly end a failure.
    command.env("GORACE", format!("exitcode=0 log_path={}", folder.join("race").display()));
    Service::start("profiles", command, otlp)
}

#[test]
fn a_race_in_a_go_service_becomes_a_bundle_with_the_panic_and_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "2s", ..Settings::default() });
    let mut casefile = home.start();
    let profiles = start(folder.path(), home.http);
    let trace_id = provoke(profiles.port);
    profiles.end();
    let bundle = judge::the_bundle(&home, &mut casefile, &trace_id);
    judge::identity(&bundle, "go", "profiles");
    assert_eq!(bundle["environment"]["runtime"]["name"], "go");
    check_exception(&bundle);
    check_report(&bundle);

    let path = bundle["trace"]["span_path"].as_array().unwrap();
    assert_eq!(path.len(), 1, "{path:?}");
    assert_eq!(path[0]["name"], "GET /profiles/{id}");
    assert_eq!(path[0]["kind"], "server");
    assert_eq!(path[0]["status"], "error");
    let request = &bundle["repro"]["request"];
    assert_eq!((&request["method"], &request["status_code"]), (&json!("GET"), &json!(500)));
    let id = bundle["repro"]["inputs"]["app.profile.id"].as_str().unwrap();
    assert!(id.starts_with("user:U-"), "the id of a person has a token: {id}");
    assert!(request["url"].as_str().unwrap().ends_with(&format!("/profiles/{id}")), "the same token: {request}");
    casefile.stop();
    store::assert_nowhere(&home.store(), &["cust-17"]);
}

/// Refreshes the cache while it is read; answers with the trace of the request that fails.
pub(crate) fn provoke(port: u16) -> String {
    assert_eq!(http::get(port, "/profiles/cust-17").unwrap().text(), "Ada\n");
    assert_eq!(http::post_json(port, "/refresh", b"").unwrap().status, 202);
    judge::failing(port, "/profiles/cust-17")
}

/// The panic, with its frames from the place where it happened on.
pub(crate) fn check_exception(bundle: &Value) {
    let exception = &bundle["exception"];
    assert_eq!(exception["type"], "runtime.errorString");
    assert_eq!(exception["message"], "runtime error: invalid memory address or nil pointer dereference");
    assert_eq!(exception["partial"], Value::Null);
    let site = line_of("go-http/profiles.go", "strings.TrimSpace(found.name)");
    let handler = line_of("go-http/profiles.go", "c.displayName(id)");
    let (profiles, recovery) = ("casefile/tests/profiles/profiles.go", "casefile/tests/profiles/recovery.go");
    let called = line_of("go-http/recovery.go", "handler(answer, request)");
    let own = judge::own_frames(exception);
    let expected = [("main.(*cache).displayName", profiles, site), ("main.routes.func1", profiles, handler)];
    assert_eq!(own[..2], expected);
    assert_eq!((own[2].1, own[2].2), (recovery, called));
    assert_eq!(own.len(), 3, "no frame of Go, of a module, or of who recovered: {own:?}");
    let crash_site = &bundle["suspects"][0];
    assert_eq!(crash_site["kind"], "crash_site");
    let at = crash_site["at"].as_str().unwrap();
    assert_eq!(bundle.pointer(at).unwrap()["func"], "main.(*cache).displayName", "{at}");
}

/// The logs, among them what the race detector said of both goroutines.
fn check_report(bundle: &Value) {
    let lines = judge::log_lines(bundle);
    assert_eq!(lines[0], ("INFO", "profile requested"));
    let (level, report) = lines[1];
    assert_eq!(level, "ERROR");
    let read = line_of("go-http/profiles.go", "found := c.profiles[id]");
    let write = line_of("go-http/profiles.go", "clear(c.profiles)");
    for text in [
        "WARNING: DATA RACE".to_owned(),
        format!("  main.(*cache).displayName()\n      casefile/tests/profiles/profiles.go:{read} "),
        format!("  main.(*cache).refresh()\n      casefile/tests/profiles/profiles.go:{write} "),
    ] {
        assert!(report.contains(&text), "{text} is not in:\n{report}");
    }
    assert_eq!(lines[2], ("ERROR", "request failed"));
    assert_eq!(lines.len(), 3, "{lines:?}");
}
