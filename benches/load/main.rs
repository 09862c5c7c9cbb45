//! A load against a real `casefile` process, and the audit that nothing was lost.
//!
//! `cargo bench --bench load -- --rate 50000 --seconds 60` sends 50,000 spans a second over OTLP/gRPC, one trace in a
//! hundred failing, and then holds to the last record: what was sent = what was accepted = bundled + not sampled, every
//! failing trace has a whole bundle in the store, and no other trace has one. Ends with 1 if anything is missing.
//!
//! `cargo bench --bench load -- --cost --spans 2000000 --rounds 5` compares what a span costs with two other servers under
//! the same load, compressed with `--gzip`: see [`cost`]. `cargo bench --bench load -- --recover --spans 3000000` tells how fast a start takes up
//! what an earlier process held on disk: see [`recovery`]. `cargo bench --bench load -- --kafka` does so for spans that come from Kafka: see [`kafka`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for a person at a terminal: it prints, and ends where it cannot go on"
)]

#[path = "../../tests/support/kafka/mod.rs"]
mod cluster;
mod cost;
mod frames;
mod kafka;
mod probes;
mod recovery;
mod server;
mod sinks;
#[path = "../../tests/support"]
mod support {
    pub(crate) mod ports;
}
mod traffic;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

use server::{Counts, Server, Usage};
use traffic::{PATH, SPANS_PER_TRACE, hex, make_span, request, trace_id};

const TICKS_PER_SECOND: u64 = 50;
/// Every failing trace gets its bundle, soon.
const INCIDENT: &str = "{tail_sampling: {decision_wait: 2s}, window: {retention: 5s, max_bytes: 2GiB}}";

struct Options {
    rate: u64,
    seconds: u64,
    failing_per_thousand: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let done = runtime.block_on(async {
        match arguments.first().map(String::as_str) {
            Some("--sink") => cost::serve_sink(&arguments).await,
            Some("--kafka") => kafka::compare(&cost::Options::parse(&arguments)).await,
            Some("--recover") => recovery::measure(&cost::Options::parse(&arguments)).await,
            Some("--cost") => cost::compare(&cost::Options::parse(&arguments)).await,
            // Without arguments, as tests run benchmarks: a little of everything.
            None => match run(&options(&arguments)).await {
                Ok(()) => cost::compare(&cost::Options::default()).await,
                fault => fault,
            },
            Some(_) => run(&options(&arguments)).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("load: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Options {
    let mut options = Options { rate: 2000, seconds: 3, failing_per_thousand: 10 };
    for pair in arguments.windows(2) {
        let value = || pair[1].parse().expect("a number");
        match pair[0].as_str() {
            "--rate" => options.rate = value(),
            "--seconds" => options.seconds = value(),
            "--failing-per-thousand" => options.failing_per_thousand = value(),
            _ => {}
        }
    }
    options
}

async fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), INCIDENT).await?;
    let probes = probes::Probes::start(server.health);
    let sent = send(options, &server).await?;
    let waits = probes.finish()?;
    let counts = server.settle(sent.spans).await?;
    let usage = server.process.usage();
    server.process.stop()?;
    let seconds = sent.elapsed.as_secs_f64();
    println!("sent {} spans in {} traces ({} failing)", sent.spans, sent.traces, sent.failing.len());
    println!(
        "in {seconds:.1} s: {:.0} spans/s; {} requests refused and sent again",
        sent.spans as f64 / seconds,
        sent.refused
    );
    println!("server: {counts:?}");
    let probes::Waits { asked, p50, p99, max } = waits;
    println!("probes: {asked} answers, p50 {p50:.1} ms, p99 {p99:.1} ms, at most {max:.1} ms");
    if let Some(Usage { peak_mib, cpu }) = usage {
        println!(
            "server: peak memory {peak_mib} MiB, CPU {cpu:.1} s ({:.2} s per million spans)",
            cpu * 1e6 / sent.spans as f64
        );
    }
    audit(&sent, &counts, folder.path())
}

/// What the client knows that it sent.
struct Sent {
    spans: u64,
    traces: u64,
    failing: BTreeSet<String>,
    refused: u64,
    elapsed: Duration,
}

async fn send(options: &Options, server: &Server) -> Result<Sent, String> {
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{}", server.grpc)).unwrap();
    let channel = channel.connect().await.map_err(|error| format!("connecting: {error}"))?;
    let traces_per_tick = (options.rate / SPANS_PER_TRACE / TICKS_PER_SECOND).max(1);
    let last = options.seconds * TICKS_PER_SECOND;
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(1000 / TICKS_PER_SECOND));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut in_flight = tokio::task::JoinSet::new();
    let mut sent = Sent { spans: 0, traces: 0, failing: BTreeSet::new(), refused: 0, elapsed: Duration::ZERO };
    let mut open = Vec::new();
    for tick in 0..=last {
        ticks.tick().await;
        // A trace's spans come in two requests, as they do from services: the deeper half first, the rest a tick later.
        let new: Vec<u64> =
            if tick < last { (sent.traces..sent.traces + traces_per_tick).collect() } else { Vec::new() };
        sent.traces += new.len() as u64;
        sent.failing
            .extend(new.iter().filter(|trace| is_failing(**trace, options)).map(|trace| hex(&trace_id(*trace))));
        let middle = SPANS_PER_TRACE / 2;
        let mut spans = Vec::new();
        for (range, traces) in [(middle..SPANS_PER_TRACE, &new), (0..middle, &open)] {
            for trace in traces {
                let failing = is_failing(*trace, options);
                spans.extend(range.clone().map(|span| make_span(*trace, span, failing && span + 1 == SPANS_PER_TRACE)));
            }
        }
        open = new;
        sent.spans += spans.len() as u64;
        in_flight.spawn(deliver(channel.clone(), request(spans)));
        while in_flight.len() > 64 {
            sent.refused += in_flight.join_next().await.unwrap().unwrap()?;
        }
    }
    while let Some(refused) = in_flight.join_next().await {
        sent.refused += refused.unwrap()?;
    }
    sent.elapsed = started.elapsed();
    Ok(sent)
}

/// Sends a request until it is acknowledged; returns how often it was refused.
async fn deliver(channel: Channel, request: ExportTraceServiceRequest) -> Result<u64, String> {
    let mut client = tonic::client::Grpc::new(channel);
    let mut refused = 0;
    loop {
        client.ready().await.map_err(|error| error.to_string())?;
        let codec: tonic_prost::ProstCodec<ExportTraceServiceRequest, ExportTraceServiceResponse> = Default::default();
        match client.unary(tonic::Request::new(request.clone()), PathAndQuery::from_static(PATH), codec).await {
            Ok(response) => {
                return match response.into_inner().partial_success {
                    None => Ok(refused),
                    Some(partial) => {
                        Err(format!("{} spans rejected: {}", partial.rejected_spans, partial.error_message))
                    }
                };
            }
            Err(status) if status.code() == Code::Unavailable => {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(status) => return Err(format!("refused for good: {status}")),
        }
    }
}

fn audit(sent: &Sent, counts: &Counts, folder: &Path) -> Result<(), String> {
    let bundles = folder.join("store/bundles/default");
    let mut stored = BTreeSet::new();
    let mut listed = 0;
    for entry in std::fs::read_dir(&bundles).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(trace) = name.strip_suffix(".manifest.json") else { continue };
        stored.insert(trace.split('.').next().unwrap_or_default().to_owned());
        listed += records_of(&bundles.join(&name))?;
    }
    let expect = |what: &str, found: u64, wanted: u64| {
        if found == wanted { Ok(()) } else { Err(format!("{what}: {found}, and it should be {wanted}")) }
    };
    expect("accepted records", counts.accepted, sent.spans)?;
    expect("dropped records", counts.dropped, 0)?;
    expect("bundled + not sampled", counts.bundled + counts.not_sampled, sent.spans)?;
    expect("bundled records", counts.bundled, sent.failing.len() as u64 * SPANS_PER_TRACE)?;
    expect("records listed in manifests", listed, counts.bundled)?;
    let missing: Vec<_> = sent.failing.difference(&stored).take(3).collect();
    let extra: Vec<_> = stored.difference(&sent.failing).take(3).collect();
    if !missing.is_empty() || !extra.is_empty() {
        return Err(format!("bundles missing: {missing:?}, not asked for: {extra:?}"));
    }
    println!("audit: every record accounted for, {} bundles whole, none too many", stored.len());
    Ok(())
}

fn records_of(manifest: &Path) -> Result<u64, String> {
    let envelope: serde_json::Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    let payload = data_encoding::BASE64.decode(envelope["payload"].as_str().unwrap_or_default().as_bytes()).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    manifest["records"]
        .as_array()
        .map(|records| records.len() as u64)
        .ok_or_else(|| "a manifest without records".to_owned())
}

fn is_failing(trace: u64, options: &Options) -> bool {
    trace * options.failing_per_thousand % 1000 < options.failing_per_thousand
}
