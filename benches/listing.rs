//! How long a list of 10,000 bundles takes: from a folder, and from an S3 server, in one answer and page by page.
//!
//! `cargo bench --bench listing` holds each to its bar (0.5 s and 5 s) and ends with 1 where one is missed. `--bundles COUNT` takes
//! another number. One answer shows them all, so all are read; a page reads what it shows.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command for a person at a terminal: it prints, measures, and ends where it cannot go on"
)]

#[path = "../tests/support/servers.rs"]
mod servers;
#[path = "../tests/support"]
mod support {
    pub(crate) mod ports;
}

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use bytes::Bytes;
use casefile::agent::{Catalog, IndexRef};
use casefile::bundle::names;
use casefile::config::{Secret, StoreClient};
use casefile::exporter::Store;
use casefile::model::{Timestamp, TraceId};
use futures::stream::{self, StreamExt as _};

/// 2025-07-01T00:00:00Z in nanoseconds.
const EPOCH: u64 = 1_751_328_000_000_000_000;
/// Nanoseconds between two failures: 10,000 of them are of one day.
const BETWEEN: u64 = 8_000_000_000;
const INCIDENTS: u64 = 40;
const PAGE: usize = 1000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = arguments
        .iter()
        .position(|argument| argument == "--bundles")
        .and_then(|at| arguments.get(at + 1)?.parse().ok());
    // As a test it only has to run.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let count = asked.unwrap_or(if measured { 10_000 } else { 50 });
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let mut slow = runtime.block_on(time("folder", &url, &[], count, Duration::from_millis(500)));
    let server = servers::S3::start();
    let options = [
        ("aws_endpoint", server.endpoint.as_str()),
        ("aws_access_key_id", &server.access_key),
        ("aws_secret_access_key", &server.secret_key),
        ("aws_region", "us-east-1"),
        ("aws_allow_http", "true"),
    ];
    let url = format!("s3://{}/prod", server.bucket);
    slow |= runtime.block_on(time("S3 server", &url, &options, count, Duration::from_secs(5)));
    if slow && measured { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Fills a store and lists it. Whether it took too long.
async fn time(what: &str, url: &str, options: &[(&str, &str)], count: u64, bar: Duration) -> bool {
    let secrets: BTreeMap<String, Secret> =
        options.iter().map(|(key, value)| ((*key).to_owned(), Secret::new(*value))).collect();
    let store = Store::open(url, StoreClient::plain(&secrets, Duration::from_secs(60))).unwrap();
    fill(&store, count).await;

    let mut command = Command::new(env!("CARGO_BIN_EXE_casefile"));
    command.args(["bundle", "ls", "--json", "--store", url, "--limit", &count.to_string()]);
    for (key, value) in options {
        command.arg("--store-option").arg(format!("{key}={value}"));
    }
    let began = Instant::now();
    let output = command.output().unwrap();
    let whole = began.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed["returned"], count);

    let catalog = Catalog::new(store);
    let began = Instant::now();
    let first = catalog.bundles(None, 50, "").await.unwrap();
    let first_page = began.elapsed();
    assert_eq!(first.total as u64, count);
    let (began, mut found, mut pages, mut after) = (Instant::now(), 0, 0, String::new());
    loop {
        let page = catalog.bundles(None, PAGE, &after).await.unwrap();
        (found, pages) = (found + page.returned, pages + 1);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let paged = began.elapsed();
    assert_eq!(found as u64, count);
    println!(
        "{what}: {count} bundles: whole process {whole:.2?} (bar {bar:.1?}), first page of 50 {first_page:.2?}, {pages} pages of {PAGE} {paged:.2?}"
    );
    whole > bar
}

/// References as the exporter writes them.
async fn fill(store: &Store, count: u64) {
    let write = |number: u64| async move {
        let failed_at = Timestamp(EPOCH + number * BETWEEN);
        let trace_id: TraceId = format!("{:032x}", number + 1).parse().unwrap();
        let (incident, object) =
            (format!("INC-{:010}", number % INCIDENTS), format!("bundles/default/{trace_id}.json"));
        let reference = IndexRef {
            bundle_id: format!("{:032x}", u128::from(number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C57)),
            trace_id,
            tenant: "default".to_owned(),
            incident_id: incident,
            manifest: object.replace(".json", ".manifest.json"),
            object,
            failed_at: failed_at.to_rfc3339(),
            tokens: Some(4000),
            summary: "ValueError in report.parse (checkout): time data does not match format".to_owned(),
            services: vec!["api".to_owned(), "checkout".to_owned()],
        };
        let bytes = Bytes::from(serde_json::to_vec(&reference).unwrap());
        let place = names::Place { trace_id, failed_at, bundle_id: reference.bundle_id, is_amendment: false };
        store.create(&names::by_day(&place), bytes).await.unwrap();
    };
    stream::iter(0..count).map(write).buffer_unordered(32).collect::<Vec<()>>().await;
}
