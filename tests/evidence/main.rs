//! What comes by HTTP and is no OTLP, over the real binary. Here: files, in the bundle, in an amendment, beside an incident, in raw
//! evidence, and nowhere unredacted. In `alerts`: webhooks of Sentry and Datadog.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod alerts;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use age::secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use support::casefile::{Home, Settings, run, run_json};
use support::http;
use support::otlp::{FAILURE, TRACE_ID};
use support::{schema, store};

const EMAIL: &str = "grace.canary@example.org";

/// A report of pytest with an address in the message, the name and the output of its failure.
fn report() -> String {
    format!(
        "============================= test session starts ==============================\n\
         =================================== FAILURES ===================================\n\
         _________________________________ test_mail __________________________________\n\n\
         \x20   def test_mail():\n>       send('{EMAIL}')\n\ntests/test_mail.py:9: \n_ _ _ _ _ _ _ _ _ _ _ _ _\n\n\
         \x20   def send(to):\n>       raise ValueError(to)\nE       ValueError: cannot reach {EMAIL}\n\n\
         app/mail.py:4: ValueError\n\
         =========================== short test summary info ============================\n\
         FAILED tests/test_mail.py::test_mail - ValueError: cannot reach {EMAIL}\n\
         ========================= 1 failed, 2 passed in 0.10s ==========================\n"
    )
}

fn attach(home: &Home, query: &str, body: &[u8]) -> http::Answer {
    http::post(home.http, &format!("/v1/evidence?{query}"), &[], body).unwrap()
}

fn accepted(answer: &http::Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["accepted"], true);
    answer["attachment"].as_str().unwrap().to_owned()
}

fn bundle(home: &Home, folder: &Path, trace: &str) -> Value {
    run_json(folder, &["bundle", "get", "--store", &home.store_url(), trace])
}

/// No file of a store holds the address, in whatever form.
fn assert_no_leak(folder: &Path) {
    for path in store::files(folder) {
        let content = String::from_utf8_lossy(&store::content(&path)).into_owned();
        assert!(!content.contains(EMAIL), "{}: {content}", path.display());
    }
}

#[test]
fn a_file_that_comes_with_the_failure_stands_in_its_bundle_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    let lcov = "SF:app/handlers/report.py\nDA:200,1\nDA:214,0\nend_of_record\nSF:app/other.py\nDA:1,0\nDA:2,0\nend_of_record\n";
    let digest =
        accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=tests.txt&service=mail"), report().as_bytes()));
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=lcov.info"), lcov.as_bytes()));
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=lcov.info"), lcov.as_bytes()));
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=cpu.pprof"), b"\x1f\x8b\x08\0\0\0"));
    casefile.send_all(FAILURE);
    let totals = casefile.settled();
    assert_eq!(totals.reasons.get("duplicate"), Some(&1), "the file that was sent twice: {totals:?}");
    assert_eq!(totals.accepted, totals.bundled + 1, "{totals:?}");

    let found = bundle(&home, folder.path(), TRACE_ID);
    let names: Vec<&str> =
        found["attachments"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["cpu.pprof", "lcov.info", "tests.txt"]);
    let [pprof, coverage, tests] = [0, 1, 2].map(|at| &found["attachments"][at]);
    assert_eq!((&pprof["kind"], &pprof["size"], &pprof["text"]), (&json!("pprof"), &json!(6), &Value::Null));
    assert!(pprof["sha256"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!((&coverage["coverage"]["lines"], &coverage["coverage"]["hit"]), (&json!(4), &json!(1)));
    assert_eq!(
        (&tests["digest"], &tests["service"], &tests["kind"]),
        (&json!(digest), &json!("mail"), &json!("pytest"))
    );
    let failure = &tests["tests"]["failures"][0];
    assert_eq!((&tests["tests"]["total"], &tests["tests"]["failed"]), (&json!(3), &json!(1)));
    assert_eq!(failure["exception"]["type"], "ValueError");
    assert_eq!(failure["exception"]["frames"][0]["file"], "app/mail.py");
    assert_eq!(failure["exception"]["frames"][0]["in_app"], true);
    let message = failure["exception"]["message"].as_str().unwrap();
    assert!(message.starts_with("cannot reach email:E-"), "{message}");
    assert!(found["redaction"]["remarks"].to_string().contains("/attachments/2/tests/failures/0/exception/message"));
    schema::assert_all_valid(&home.store());
    assert_no_leak(&home.store());

    let page =
        run(folder.path(), &["bundle", "render", "--for", "page", "--store", &home.store_url(), TRACE_ID]).stdout;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("## Attachments") && page.contains("tests.txt: pytest"), "{page}");
    assert!(!casefile.said().contains(EMAIL));
}

#[test]
fn a_file_that_comes_after_the_bundle_is_an_amendment_and_is_merged_by_readers() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    casefile.send_all(FAILURE);
    casefile.settled();
    let before = bundle(&home, folder.path(), TRACE_ID);
    let frames = before["exception"]["frames"].as_array().unwrap();
    let own = frames.iter().find(|frame| frame["in_app"] == true).unwrap();
    let (file, line) = (own["file"].as_str().unwrap(), &own["line"]);
    let lcov = format!("SF:a/other.py\nDA:1,0\nDA:2,0\nend_of_record\nSF:{file}\nDA:{line},1\nend_of_record\n");
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=tests.txt"), report().as_bytes()));
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=lcov.info"), lcov.as_bytes()));
    casefile.settled();
    casefile.wait("the amendment", |_| store::manifests(&home.store()).len() == 2);

    let after = bundle(&home, folder.path(), TRACE_ID);
    assert_eq!(after["attachments"].as_array().unwrap().len(), 2);
    let files = &after["attachments"][0]["coverage"]["files"];
    assert_eq!((&files[0]["file"], &files[0]["in_stack"]), (&json!(file), &json!(true)), "now the frames are known");
    assert_eq!(files[1]["file"], "a/other.py");
    for part in ["/exception", "/incident", "/trace", "/logs", "/environment", "/suspects", "/completeness/missing"] {
        assert_eq!(after.pointer(part), before.pointer(part), "{part} is as it was");
    }
    let shown = before["completeness"]["shown"].as_u64().unwrap();
    assert_eq!(after["completeness"]["shown"], shown + 2);
    let remarks = after["redaction"]["remarks"].to_string();
    assert!(remarks.contains("/attachments/1/tests/failures/0/exception/message"), "{remarks}");
    assert_no_leak(&home.store());
}

#[test]
fn a_file_amends_a_bundle_that_another_process_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    casefile.send_all(FAILURE);
    casefile.settled();
    casefile.stop();

    let mut casefile = home.start();
    let lcov = b"SF:a.py\nDA:1,0\nend_of_record\n";
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=lcov.info"), lcov));
    accepted(&attach(&home, "trace_id=33333333333333333333333333333333", lcov));
    let totals = casefile.settled();
    assert_eq!((totals.bundled, totals.not_sampled), (1, 1), "one of a bundle, one of nothing: {totals:?}");
    let found = bundle(&home, folder.path(), TRACE_ID);
    assert_eq!(found["attachments"][0]["coverage"]["lines"], 1);
    assert_eq!(found["provenance"]["policy"], "errors");
}

#[test]
fn tests_that_failed_keep_their_trace_and_a_report_of_nothing_wrong_is_not_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    let (failed, passed) = ("11111111111111111111111111111111", "22222222222222222222222222222222");
    accepted(&attach(&home, &format!("trace_id={failed}&service=mail"), report().as_bytes()));
    accepted(&attach(&home, &format!("trace_id={passed}"), b"<testsuite><testcase name='ok'/></testsuite>"));
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled, totals.not_sampled), (2, 1, 1), "{totals:?}");
    let found = bundle(&home, folder.path(), failed);
    assert_eq!((&found["incident"]["class"], &found["incident"]["services"]), (&json!("crash"), &json!(["mail"])));
    assert_eq!(found["exception"]["frames"][0]["func"], "send");
    let summary = found["incident"]["summary"].as_str().unwrap();
    assert!(summary.contains("ValueError"), "{summary}");
    let listed = run_json(folder.path(), &["incident", "ls", "--json", "--store", &home.store_url()]);
    let seen = listed["items"][0]["last_seen"].as_str().unwrap();
    assert!(!seen.starts_with("1970"), "it counts for the time at which it came: {seen}");
    assert_no_leak(&home.store());
}

#[test]
fn a_file_for_an_incident_is_stored_redacted_once_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    assert_eq!(attach(&home, "incident=INC-0000000000", b"x").status, 404);
    casefile.send_all(FAILURE);
    casefile.settled();
    let incident = bundle(&home, folder.path(), TRACE_ID)["incident"]["id"].as_str().unwrap().to_owned();
    let digest = accepted(&attach(&home, &format!("incident={incident}&name=tests.txt"), report().as_bytes()));
    let again = accepted(&attach(&home, &format!("incident={incident}&name=tests.txt"), report().as_bytes()));
    assert_eq!(digest, again);

    let objects = store::files(&home.store().join("attachments"));
    assert_eq!(objects.len(), 1, "{objects:?}");
    let stored = store::json(&objects[0]);
    assert_eq!((&stored["incident"], &stored["attachment"]["digest"]), (&json!(incident), &json!(digest)));
    assert_eq!(stored["redaction"]["remarks"][0]["path"].as_str().unwrap().split('/').nth(1), Some("attachment"));
    let totals = casefile.settled();
    assert_eq!(totals.accepted, totals.bundled, "each is counted: {totals:?}");
    let shown = run_json(folder.path(), &["incident", "show", "--json", "--store", &home.store_url(), &incident]);
    assert_eq!(shown["attachments"]["total"], 1);
    assert_eq!(shown["attachments"]["items"][0]["attachment"]["tests"]["failed"], 1);
    assert_eq!(shown["incident"]["count_24h"], 1, "files count as no failures");
    let text = run(folder.path(), &["incident", "show", "--store", &home.store_url(), &incident]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("attachment: tests.txt: pytest") && !text.contains("over all reports"), "{text}");
    assert_eq!(shown["tests"], json!(null), "one report tells nothing of others");

    // The same test, run again where it failed once and passed then.
    let second = format!(
        "{}\nRERUN tests/test_mail.py::test_mail\n=== 1 passed, 1 rerun in 0.1s ===\n",
        "=== test session starts ==="
    );
    accepted(&attach(&home, &format!("incident={incident}&name=again.txt&kind=pytest"), second.as_bytes()));
    let shown = run_json(folder.path(), &["incident", "show", "--json", "--store", &home.store_url(), &incident]);
    let test = &shown["tests"]["tests"][0];
    assert_eq!((&shown["tests"]["reports"], &test["failed_in"], &test["flaky_in"]), (&json!(2), &json!(1), &json!(1)));
    for format in ["text", "markdown"] {
        let shown =
            run(folder.path(), &["incident", "show", "--format", format, "--store", &home.store_url(), &incident]);
        let shown = String::from_utf8(shown.stdout).unwrap().to_lowercase();
        assert!(
            shown.contains("over all reports:") && shown.contains("failed in 1 of 2 reports, flaky in 1"),
            "{shown}"
        );
    }
    assert_no_leak(&home.store());
}

#[test]
fn bytes_that_a_bundle_does_not_show_stand_in_raw_evidence_and_replay_makes_the_same_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let url = format!("file:{}", folder.path().join("raw-store").display());
    let raw = format!("{{url: \"{url}\", recipients: [{}]}}", identity.to_public());
    let home = Home::new(folder.path(), &Settings { raw: Some(raw), ..Settings::default() });
    let mut casefile = home.start();
    let jfr: Vec<u8> = b"FLR\0\0\x02".iter().copied().chain(0..=255).collect();
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=r.jfr"), &jfr));
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=tests.txt"), report().as_bytes()));
    casefile.send_all(FAILURE);
    casefile.settled();
    let key = folder.path().join("key.txt");
    std::fs::write(&key, identity.to_string().expose_secret()).unwrap();
    let records = folder.path().join("records");
    let (key, out) = (key.display().to_string(), records.display().to_string());
    run(folder.path(), &["raw", "decrypt", "--identity", &key, "--store", &url, TRACE_ID, "--out", &out]);
    let plain = std::fs::read(&records).unwrap();
    assert!(plain.windows(jfr.len()).any(|window| window == jfr), "byte for byte");

    let again = folder.path().join("again");
    let to = again.display().to_string();
    let config = home.config().display().to_string();
    run(folder.path(), &["replay", &out, "--out", &to, "--config", &config]);
    let name = |path: &Path| path.file_name().unwrap().to_owned();
    let (first, second) = (store::bundles(&home.store()), store::bundles(&again));
    assert_eq!((name(&first[0]), first.len()), (name(&second[0]), second.len()));
    assert_eq!(store::content(&first[0]), store::content(&second[0]), "the same records, the same bundle");
}

/// A request of OTLP profiles with one sample of this trace, in a function of this name.
fn profiles(trace: &str, function: &str) -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
    use opentelemetry_proto::tonic::profiles::v1development::{
        Function, Line, Link, Location, Profile, ProfilesDictionary, ResourceProfiles, Sample, ScopeProfiles, Stack,
        ValueType,
    };
    use prost::Message as _;

    let trace_id = data_encoding::HEXLOWER.decode(trace.as_bytes()).unwrap();
    let dictionary = ProfilesDictionary {
        string_table: ["", function, "app/mail.py", "wall", "nanoseconds"].map(str::to_owned).to_vec(),
        link_table: vec![Link::default(), Link { trace_id, span_id: Vec::new() }],
        function_table: vec![
            Function::default(),
            Function { name_strindex: 1, filename_strindex: 2, ..Function::default() },
        ],
        location_table: vec![
            Location::default(),
            Location { lines: vec![Line { function_index: 1, line: 4, column: 0 }], ..Location::default() },
        ],
        stack_table: vec![Stack::default(), Stack { location_indices: vec![1] }],
        ..ProfilesDictionary::default()
    };
    let sample = Sample { stack_index: 1, link_index: 1, values: vec![7_000_000], ..Sample::default() };
    let sample_type = Some(ValueType { type_strindex: 3, unit_strindex: 4 });
    let profiles = vec![Profile { samples: vec![sample], sample_type, ..Profile::default() }];
    let scope_profiles = vec![ScopeProfiles { profiles, ..ScopeProfiles::default() }];
    let resource_profiles = vec![ResourceProfiles { scope_profiles, ..ResourceProfiles::default() }];
    ExportProfilesServiceRequest { resource_profiles, dictionary: Some(dictionary) }.encode_to_vec()
}

#[test]
fn profiles_of_a_trace_stand_in_its_bundle_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let mut casefile = home.start();
    let protobuf = [("content-type", "application/x-protobuf")];
    let request = profiles(TRACE_ID, &format!("send_to_{EMAIL}"));
    for _ in 0..2 {
        let answer = http::post(home.http, "/v1development/profiles", &protobuf, &request).unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
    let folded = format!("main;load 3\nmain;send to {EMAIL} 1\n");
    accepted(&attach(&home, &format!("trace_id={TRACE_ID}&name=perf.folded"), folded.as_bytes()));
    casefile.send_all(FAILURE);
    let totals = casefile.settled();
    assert_eq!(totals.reasons.get("duplicate"), Some(&1), "the profile that was sent twice: {totals:?}");

    let found = bundle(&home, folder.path(), TRACE_ID);
    let [sent, wall] = [0, 1].map(|at| &found["attachments"][at]);
    assert_eq!((&sent["name"], &wall["name"]), (&json!("perf.folded"), &json!("wall.folded")));
    let profile = &wall["profile"];
    assert_eq!((&profile["type"], &profile["unit"]), (&json!("wall"), &json!("nanoseconds")));
    assert_eq!((&profile["stacks"][0]["value"], &profile["stacks"][0]["share"]), (&json!(7e6), &json!(1.0)));
    let told = profile["stacks"][0]["folded"].as_str().unwrap();
    assert!(told.contains("email:E-") && told.ends_with(" (app/mail.py:4)"), "{told}");
    assert_eq!(sent["profile"]["stacks"][0], json!({"folded": "main;load", "value": 3.0, "share": 0.75}));
    schema::assert_all_valid(&home.store());
    assert_no_leak(&home.store());
    let page =
        run(folder.path(), &["bundle", "render", "--for", "page", "--store", &home.store_url(), TRACE_ID]).stdout;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("75.0 %: `main; load`"), "{page}");
}
