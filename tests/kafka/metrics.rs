//! What dashboards and alerts ask for, asked of running processes: every metric that they name is there after ordinary traffic, and before
//! what alerts are about has ever happened.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use crate::bed::{Bed, Member};
use crate::kafka::{Authority, Cluster};
use crate::support::casefile::{Casefile, Home};
use crate::support::http;
use crate::support::otlp::failing_trace;
use crate::support::ports::free_port;

/// The names in a file of `deploy/`.
fn asked(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let name = Regex::new("casefile_[a-z0-9_]+").unwrap();
    name.find_iter(&text).map(|found| found.as_str().to_owned()).collect()
}

/// The names that a process answers with, a histogram's by its parts as well.
fn answered(casefile: &Casefile<'_>) -> BTreeSet<String> {
    let exposition = casefile.exposition();
    let samples = exposition.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.split(['{', ' ']).next()).filter(|name| !name.is_empty());
    let whole = names.clone().filter_map(|name| name.strip_suffix("_bucket"));
    names.chain(whole).map(str::to_owned).collect()
}

fn post(home: &Home, token: &str, body: &[u8]) -> u16 {
    let authorization = format!("Bearer {token}");
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    http::post(home.http, "/v1/traces", &headers, body).unwrap().status
}

/// A failed span with an address in its message and more text than a small bundle holds, and one without a trace.
fn large() -> Vec<u8> {
    let mut request: Value = serde_json::from_slice(&failing_trace(&"0a".repeat(16), 1)).unwrap();
    let span = &mut request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let frames: String =
        (0..400).map(|n| format!("  File \"/srv/app/step{n}.py\", line {n}, in step{n}\n    go()\n")).collect();
    let stack = format!("Traceback (most recent call last):\n{frames}ValueError: no account for ada@example.org");
    span["events"] = json!([{"name": "exception", "timeUnixNano": "1751371380000000001", "attributes": [
        {"key": "exception.type", "value": {"stringValue": "ValueError"}},
        {"key": "exception.stacktrace", "value": {"stringValue": stack}}]}]);
    let mut astray = span.clone();
    astray["traceId"] = json!("00".repeat(16));
    request["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap().push(astray);
    serde_json::to_vec(&request).unwrap()
}

/// A member of a group that has a server with TLS, tokens and tenants, windows on disk, and a webhook that nobody answers.
fn member(bed: &Bed<'_>) -> Home {
    let home = bed.home(&Member { name: "member", ..Member::default() });
    let folder = bed.folder.path().join("member");
    let pair = Authority::new().sign("127.0.0.1");
    fs::write(folder.join("tls.crt"), pair.certificate).unwrap();
    fs::write(folder.join("tls.key"), pair.key).unwrap();
    let (grpc, http, folder) = (home.grpc, home.http, folder.display());
    let tls = format!("tls: {{cert_file: \"{folder}/tls.crt\", key_file: \"{folder}/tls.key\"}}");
    let nobody = free_port();
    for (from, to) in [
        (format!("127.0.0.1:{grpc}\"}}"), format!("127.0.0.1:{grpc}\", {tls}}}")),
        (format!("127.0.0.1:{http}\"}}"), format!("127.0.0.1:{http}\", auth: {{authenticator: bearertokenauth}}}}")),
        (
            "    services:\n".to_owned(),
            "    bundle: {max_bytes: 16KiB}\n    tenants: {acme: {max_bytes: 1MiB, records_per_second: 1}}\n    services:\n"
                .to_owned(),
        ),
        ("storage: memory".to_owned(), "storage: file_storage".to_owned()),
        (
            "extensions:\n".to_owned(),
            format!(
                "  webhook: {{url: \"http://127.0.0.1:{nobody}/\", allow_private: true, signing_secret: of-a-test}}\n\
                 extensions:\n  file_storage: {{directory: \"{folder}/window\"}}\n  \
                 bearertokenauth: {{tokens: [{{token: of-acme, tenant: acme}}, {{token: of-nobody}}]}}\n"
            ),
        ),
        ("extensions: [".to_owned(), "extensions: [file_storage, bearertokenauth, ".to_owned()),
        ("exporters: [bundle]".to_owned(), "exporters: [bundle, webhook]".to_owned()),
    ] {
        home.edit(&from, &to);
    }
    home
}

#[test]
fn every_metric_that_a_rule_or_panel_asks_for_is_answered_by_a_running_process() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "metrics", 2);
    let topics = ["spans", "logs", "metrics"].map(|signal| format!("metrics-gateway-{signal}"));
    topics.iter().for_each(|topic| cluster.create_topic(topic, 2, &[]));
    let (home, brokers) = (member(&bed), cluster.bootstrap());
    let mut member = home.start();
    let folder = bed.folder.path().join("gateway");
    fs::create_dir_all(&folder).unwrap();
    let [spans, logs, metrics] = topics;
    let signals = format!("traces: {{topic: {spans}}}, logs: {{topic: {logs}}}, metrics: {{topic: {metrics}}}");
    let gateway = Home::gateway(&folder, &format!("{{brokers: [\"{brokers}\"], {signals}}}"));
    let gateway = gateway.start();

    assert_eq!(gateway.send("traces", &failing_trace(&"0b".repeat(16), 1)).status, 200);
    bed.produce(0..51, 2, 2);
    assert_eq!(post(&home, "of-nobody", &large()), 200);
    assert_eq!(post(&home, "of-acme", &failing_trace(&"0c".repeat(16), 1)), 200);
    assert_eq!(post(&home, "of-acme", &failing_trace(&"0d".repeat(16), 1)), 429, "over its quota");
    assert_eq!(post(&home, "of-a-stranger", &failing_trace(&"0e".repeat(16), 1)), 401);

    let asked: BTreeSet<String> =
        ["deploy/grafana/casefile.json", "deploy/prometheus/rules.yaml"].into_iter().flat_map(asked).collect();
    let mut missing = asked.clone();
    for _ in 0..600 {
        let answered: BTreeSet<String> = answered(&member).union(&answered(&gateway)).cloned().collect();
        missing = asked.difference(&answered).cloned().collect();
        if missing.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(missing.is_empty(), "no running process answers {missing:?}; one says\n{}", member.exposition());
    assert!(asked.len() > 50, "the files were read: {asked:?}");
    member.wait("its bundles", |_| crate::support::store::bundles(&bed.store("store")).len() >= 2);
}
