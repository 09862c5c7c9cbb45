//! `python-flask`: a Flask service, instrumented by OpenTelemetry's own packages, gets fifty good requests and a bad one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::casefile::{Home, Settings, run, run_json};
use crate::support::store;

const EMAIL: &str = "jane.doe@example.com";

/// What `drive.py` says that it sent.
struct Sent {
    trace_id: String,
    commit: String,
    spans: u64,
    logs: u64,
    untraced_logs: u64,
    failed_spans: u64,
    failed_logs: u64,
}

fn app() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/python-flask")
}

/// Runs the service and its requests to their end.
fn drive(protocol: &str, port: u16, semconv: &str) -> Sent {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/python-flask/bin/python");
    assert!(python.exists(), "{} is missing: run tests/setup first", python.display());
    let output = Command::new(python)
        .args(["-B", "drive.py", "--protocol", protocol, "--endpoint", &format!("http://127.0.0.1:{port}")])
        .current_dir(app())
        .env("OTEL_SEMCONV_STABILITY_OPT_IN", semconv)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert!(output.status.success(), "drive.py: {}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| said[key].as_u64().unwrap();
    Sent {
        trace_id: said["trace_id"].as_str().unwrap().to_owned(),
        commit: said["commit"].as_str().unwrap().to_owned(),
        spans: number("spans"),
        logs: number("logs"),
        untraced_logs: number("untraced_logs"),
        failed_spans: number("failed_spans"),
        failed_logs: number("failed_logs"),
    }
}

/// The number of the line of `report.py` in which `text` stands.
fn line_of(text: &str) -> u64 {
    let source = fs::read_to_string(app().join("app/handlers/report.py")).unwrap();
    let index = source.lines().position(|line| line.contains(text)).unwrap();
    index as u64 + 1
}

#[test]
fn a_failing_request_over_grpc_becomes_one_signed_and_redacted_bundle() {
    becomes_a_bundle("grpc", "");
}

#[test]
fn a_failing_request_over_http_becomes_one_signed_and_redacted_bundle() {
    becomes_a_bundle("http", "http");
}

/// `semconv`: `http` for the stable conventions of HTTP, empty for those that the SDK still sends by default.
fn becomes_a_bundle(protocol: &str, semconv: &str) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "2s", retention: "5s", ..Settings::default() });
    let mut casefile = home.start();
    let sent = drive(protocol, if protocol == "grpc" { home.grpc } else { home.http }, semconv);
    casefile.wait("the manifest", |_| !store::manifests(&home.store()).is_empty());
    let totals = casefile.settled();

    let bundles = store::bundles(&home.store());
    assert_eq!(bundles.len(), 1, "one bundle, and nothing of the good traces: {bundles:?}");
    let bundle = store::json(&bundles[0]);
    let token = the_one_email_token(&bundle);
    check_identity(&bundle, &sent);
    check_exception(&bundle);
    check_trace(&bundle, &sent, &token);
    check_logs(&bundle, &sent, &token);
    check_reproduction(&bundle, &token);
    check_remarks(&bundle);

    let exemplars = bundle["metrics"]["exemplars"].as_array().unwrap().len() as u64;
    assert!(exemplars > 0, "the exemplar of the failed request's duration: {}", bundle["metrics"]);
    let records = sent.failed_spans + sent.failed_logs + exemplars;
    assert_eq!(bundle["completeness"]["records"], records);
    assert_eq!(bundle["completeness"]["truncated"], json!([]));
    check_manifest(&home, &sent, &bundle, records);

    // The exemplars of good requests are accepted too; how many there are is the SDK's affair.
    assert!(totals.accepted >= sent.spans + sent.logs + exemplars, "{totals:?}");
    assert_eq!(totals.bundled, records, "{totals:?}");
    assert_eq!(totals.reasons.get("no_trace_id").copied().unwrap_or(0), sent.untraced_logs, "{totals:?}");
    assert_eq!(totals.dropped, sent.untraced_logs, "{totals:?}");
    assert!(totals.not_sampled >= sent.spans + sent.logs - sent.untraced_logs - sent.failed_spans - sent.failed_logs);

    check_commands(&home, &sent, &token);
    let (status, said) = casefile.stop();
    assert!(status.success(), "ended with {status}:\n{said}");
    let secrets = [EMAIL, "jane.doe%40example.com", "jane.doe", "user7@example.com", "user7%40example.com"];
    store::assert_nowhere(&home.store(), &secrets);
    for secret in secrets {
        assert!(!said.contains(secret), "casefile's own log shows {secret}:\n{said}");
    }
}

/// The token of the email address, which must be the same wherever it occurs.
fn the_one_email_token(bundle: &Value) -> String {
    let pattern = regex::Regex::new(r"email:E-[0-9a-z]+").unwrap();
    let text = bundle.to_string();
    let tokens: BTreeSet<&str> = pattern.find_iter(&text).map(|found| found.as_str()).collect();
    assert_eq!(tokens.len(), 1, "one address, so one token: {tokens:?}");
    tokens.first().unwrap().to_string()
}

fn check_identity(bundle: &Value, sent: &Sent) {
    assert_eq!(bundle["version"], 1);
    assert!(!bundle["bundle_id"].as_str().unwrap().is_empty());
    assert_eq!(bundle["commit_sha"], sent.commit.as_str());
    assert_eq!(bundle["language"], "python");
    assert_eq!(bundle["build"], "pip install -e .");
    assert_eq!(bundle["test_cmd"], "pytest -q");
    assert_eq!(bundle["repository"], "https://git.example.org/checkout");
    let incident = &bundle["incident"];
    let id = incident["id"].as_str().unwrap();
    assert!(regex::Regex::new("^INC-[0-9A-HJKMNP-TV-Z]{10}$").unwrap().is_match(id), "{id}");
    assert!(incident["fingerprint"].as_str().unwrap().starts_with("v1:"), "{incident}");
    assert_eq!(incident["class"], "crash");
    assert_eq!(incident["services"], json!(["checkout"]));
    let summary = incident["summary"].as_str().unwrap();
    assert!(summary.starts_with("ValueError in ") && summary.contains("checkout"), "{summary}");
    let environment = &bundle["environment"];
    assert_eq!(environment["os"]["type"], "linux", "{environment}");
    assert_eq!(environment["runtime"]["name"], "cpython", "{environment}");
    assert_eq!(environment["k8s"]["namespace.name"], "shop", "{environment}");
    assert_eq!(bundle["provenance"]["casefile"], env!("CARGO_PKG_VERSION"));
    assert!(bundle["provenance"]["config"].as_str().unwrap().starts_with("sha256:"));
}

fn check_exception(bundle: &Value) {
    let exception = &bundle["exception"];
    assert_eq!(exception["type"], "ValueError");
    assert_eq!(exception["message"], "time data '2025-07-01 12:03' does not match format '%Y-%m-%d %H:%M:%S'");
    let frames = exception["frames"].as_array().unwrap();
    assert_eq!(frames[0]["func"], "_strptime", "innermost first");
    assert!(frames[0]["file"].as_str().unwrap().ends_with("_strptime.py"));
    assert_eq!(frames[0]["in_app"], false, "the standard library is not the service's code: {}", frames[0]);
    let own: Vec<&Value> = frames.iter().filter(|frame| frame["in_app"] == true).collect();
    assert_eq!(own[0]["func"], "parse_report");
    assert!(own[0]["file"].as_str().unwrap().ends_with("app/handlers/report.py"), "{}", own[0]);
    assert_eq!(own[0]["line"], line_of("datetime.strptime("));
    assert_eq!(own[1]["func"], "get_report");
    assert_eq!(own[1]["line"], line_of("at = parse_report(ts)"));
    for frame in frames.iter().filter(|frame| frame["file"].as_str().unwrap().contains("site-packages")) {
        assert_eq!(frame["in_app"], false, "{frame}");
    }
    assert!(exception["stacktrace"].as_str().unwrap().contains("parse_report"));
}

fn check_trace(bundle: &Value, sent: &Sent, token: &str) {
    let trace = &bundle["trace"];
    assert_eq!(trace["trace_id"], sent.trace_id.as_str());
    assert_eq!(trace["root"], "present");
    assert_eq!(trace["span_count"], sent.failed_spans);
    let path = trace["span_path"].as_array().unwrap();
    assert_eq!(path.iter().map(|span| &span["name"]).collect::<Vec<_>>(), ["GET /report", "report.parse"]);
    assert_eq!(path[0]["kind"], "server");
    assert_eq!(path[0]["parent_span_id"], Value::Null);
    assert_eq!(path[1]["kind"], "internal");
    assert_eq!(path[1]["parent_span_id"], path[0]["span_id"]);
    for span in path {
        assert_eq!(span["service"], "checkout");
        assert_eq!(span["status"], "error");
        assert!(span["status_message"].as_str().unwrap().starts_with("ValueError: time data"), "{span}");
        assert!(span["duration_ms"].as_f64().unwrap() > 0.0, "{span}");
    }
    assert_eq!(path[1]["attrs"]["user.email"], token, "{}", path[1]);
    assert_eq!(trace["spans"].as_array().unwrap().len() as u64, sent.failed_spans);
}

fn check_logs(bundle: &Value, sent: &Sent, token: &str) {
    let logs = &bundle["logs"];
    assert_eq!(logs["total"], sent.failed_logs);
    assert_eq!(logs["collapsed"], 0);
    let window = logs["window"].as_array().unwrap();
    let lines: Vec<(&str, &str)> =
        window.iter().map(|line| (line["level"].as_str().unwrap(), line["msg"].as_str().unwrap())).collect();
    let expected = [
        ("INFO", format!("report requested by {token}")),
        ("DEBUG", "request has 2 arguments".to_owned()),
        ("WARN", format!("unusual instant in the request of {token}: '2025-07-01 12:03'")),
        ("ERROR", format!("report for {token} failed")),
        ("ERROR", "Exception on /report [GET]".to_owned()),
    ];
    assert_eq!(lines, expected.each_ref().map(|(level, msg)| (*level, msg.as_str())));
    let spans: BTreeSet<&str> =
        bundle["trace"]["spans"].as_array().unwrap().iter().map(|span| span["span_id"].as_str().unwrap()).collect();
    for line in window {
        assert_eq!(line["service"], "checkout");
        assert_eq!(line["count"], 1);
        assert!(spans.contains(line["span_id"].as_str().unwrap()), "{line}");
    }
    assert_eq!(window[2]["attrs"]["user.email"], token, "{}", window[2]);
}

fn check_reproduction(bundle: &Value, token: &str) {
    let repro = &bundle["repro"];
    assert_eq!(repro["inputs"]["ts"], "2025-07-01 12:03", "{repro}");
    assert_eq!(repro["inputs"]["email"], token, "{repro}");
    let request = &repro["request"];
    assert_eq!(request["protocol"], "http");
    assert_eq!(request["method"], "GET");
    let url = request["url"].as_str().unwrap();
    assert!(url.contains("/report?ts=2025-07-01") && url.contains(token), "{url}");
    assert_eq!(request["route"], "/report");
    assert_eq!(request["status_code"], 500);
}

fn check_remarks(bundle: &Value) {
    let redaction = &bundle["redaction"];
    assert!(redaction["policy"].as_str().unwrap().starts_with("sha256:"), "{redaction}");
    assert!(!redaction["key_id"].as_str().unwrap().is_empty());
    let remarks = redaction["remarks"].as_array().unwrap();
    assert!(remarks.iter().all(|remark| remark["length"].as_u64().is_some_and(|length| length > 0)), "{redaction}");
    let edited: BTreeSet<&str> = remarks.iter().map(|remark| remark["path"].as_str().unwrap()).collect();
    for path in ["/logs/window/0/msg", "/repro/inputs/email", "/repro/request/url"] {
        assert!(edited.contains(path), "{path} was edited and is not among {edited:?}");
    }
}

fn check_manifest(home: &Home, sent: &Sent, bundle: &Value, records: u64) {
    let manifests = store::manifests(&home.store());
    assert_eq!(manifests.len(), 1, "{manifests:?}");
    let (manifest, signatures) = store::manifest(&manifests[0]);
    assert_eq!(signatures, 1);
    assert_eq!(manifest["kind"], "bundle");
    assert_eq!(manifest["trace_id"], sent.trace_id.as_str());
    assert_eq!(manifest["bundle_id"], bundle["bundle_id"]);
    assert_eq!(manifest["object"]["name"], format!("bundles/default/{}.json", sent.trace_id));
    assert_eq!(manifest["incident"]["id"], bundle["incident"]["id"]);
    assert_eq!(manifest["incident"]["count_24h"], 1);
    assert_eq!(manifest["closed"]["reason"], "decision_wait");
    assert_eq!(manifest["records"].as_array().unwrap().len() as u64, records);
    assert_eq!(manifest["commit_sha"], sent.commit.as_str());
}

fn check_commands(home: &Home, sent: &Sent, token: &str) {
    let folder = home.store();
    let (url, key) = (home.store_url(), home.public_key().display().to_string());
    run(&folder, &["bundle", "verify", &sent.trace_id, "--store", &url, "--public-key", &key]);

    let page = run(&folder, &["bundle", "render", "--for", "page", &sent.trace_id, "--store", &url]).stdout;
    let page = String::from_utf8(page).unwrap();
    assert!(page.starts_with("# ") && page.contains("ValueError") && page.contains("parse_report"), "{page}");
    let (evidence, tokens) = page.split_once("## Tokens").unwrap();
    assert!(evidence.contains("email:E-1") && !evidence.contains(token), "short aliases stand for tokens:\n{page}");
    assert!(tokens.contains(&format!("| email:E-1 | {token} |")), "a table says what they stand for:\n{page}");

    let listing = run_json(&folder, &["incident", "ls", "--store", &url, "--json"]);
    assert_eq!(listing["total"], 1, "{listing}");
    assert_eq!(listing["returned"], 1, "{listing}");
    assert_eq!(listing["truncated"], false, "{listing}");
    let text = listing.to_string();
    assert!(text.contains("\"count_24h\":1"), "{listing}");
}
