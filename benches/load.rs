//! A load against a real `casefile` process, and the audit that nothing was lost.
//!
//! `cargo bench --bench load -- --rate 50000 --seconds 60` sends 50,000 spans a second over OTLP/gRPC, one trace in a
//! hundred failing, and then holds to the last record: what was sent = what was accepted = bundled + not sampled, every
//! failing trace has a whole bundle in the store, and no other trace has one. Ends with 1 if anything is missing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for a person at a terminal: it prints, and ends where it cannot go on"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

const SPANS_PER_TRACE: u64 = 10;
const TICKS_PER_SECOND: u64 = 50;
const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct Options {
    rate: u64,
    seconds: u64,
    failing_per_thousand: u64,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(run(&options())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("load: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Options from the command line; what cargo's harness adds (`--bench`) is passed over.
fn options() -> Options {
    let mut options = Options { rate: 2000, seconds: 3, failing_per_thousand: 10 };
    let arguments: Vec<String> = std::env::args().collect();
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
    let mut server = Server::start(folder.path()).await?;
    let sent = send(options, &server).await?;
    let counts = server.settle(sent.spans).await?;
    let usage = server.usage();
    server.stop()?;
    let seconds = sent.elapsed.as_secs_f64();
    println!("sent {} spans in {} traces ({} failing)", sent.spans, sent.traces, sent.failing.len());
    println!(
        "in {seconds:.1} s: {:.0} spans/s; {} requests refused and sent again",
        sent.spans as f64 / seconds,
        sent.refused
    );
    println!("server: {counts:?}");
    if let Some((peak, cpu)) = usage {
        println!(
            "server: peak memory {peak} MiB, CPU {cpu:.1} s ({:.2} s per million spans)",
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

/// The process under load.
struct Server {
    child: Child,
    grpc: u16,
    metrics: u16,
    http: reqwest::Client,
}

/// Its own counts.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    accepted: u64,
    bundled: u64,
    not_sampled: u64,
    dropped: u64,
}

impl Server {
    async fn start(folder: &Path) -> Result<Self, String> {
        rustls::crypto::ring::default_provider().install_default().unwrap();
        let [grpc, metrics, health] = [free_port(), free_port(), free_port()];
        let config = folder.join("casefile.yaml");
        let text = format!(
            "
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{grpc}'}}}}}}
processors:
  redaction: {{key: '{}'}}
connectors:
  incident:
    tail_sampling: {{decision_wait: 2s}}
    window: {{retention: 5s, max_bytes: 2GiB}}
exporters:
  bundle: {{url: 'file:{}'}}
extensions:
  health_check: {{endpoint: '127.0.0.1:{health}'}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{address: '127.0.0.1:{metrics}'}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [incident]}}
    bundles: {{receivers: [incident], processors: [redaction], exporters: [bundle]}}
",
            "5a".repeat(32),
            folder.join("store").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_casefile"));
        let child = command.arg("--config").arg(&config).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("starting casefile: {error}"))?;
        let server = Self { child, grpc, metrics, http: reqwest::Client::new() };
        let probe = format!("http://127.0.0.1:{health}/");
        for _ in 0..200 {
            if server.http.get(&probe).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("casefile did not become ready".to_owned())
    }

    /// Waits until every record that was sent has its outcome.
    async fn settle(&self, sent: u64) -> Result<Counts, String> {
        let mut counts = Counts::default();
        for _ in 0..1200 {
            counts = self.counts().await?;
            if counts.bundled + counts.not_sampled + counts.dropped >= sent {
                return Ok(counts);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("after two minutes records still wait for their outcome: {counts:?} of {sent}"))
    }

    async fn counts(&self) -> Result<Counts, String> {
        let answer = self.http.get(format!("http://127.0.0.1:{}/metrics", self.metrics)).send().await;
        let text = answer.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())?;
        let mut counts = Counts::default();
        for (name, value) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
            let value = value.parse::<f64>().unwrap_or(0.0) as u64;
            if name.starts_with("casefile_receiver_accepted_records_total") {
                counts.accepted += value;
            } else if name.starts_with("casefile_records_total") && name.contains("outcome=\"bundled\"") {
                counts.bundled += value;
            } else if name.starts_with("casefile_records_total") && name.contains("outcome=\"not_sampled\"") {
                counts.not_sampled += value;
            } else if name.starts_with("casefile_records_total") && name.contains("outcome=\"dropped\"") {
                counts.dropped += value;
            }
        }
        Ok(counts)
    }

    /// Peak resident memory in MiB and CPU seconds, where `/proc` tells.
    fn usage(&self) -> Option<(u64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // utime and stime (fields 14 and 15 of proc(5)) in ticks of 1/100 s.
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        Some((peak / 1024, ticks / 100.0))
    }

    fn stop(&mut self) -> Result<(), String> {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        killed.map_err(|error| format!("stopping: {error}"))?;
        let status = self.child.wait().map_err(|error| format!("waiting for the end: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("casefile ended with {status}")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait().map(drop)).unwrap_or_default();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port()
}

fn is_failing(trace: u64, options: &Options) -> bool {
    trace * options.failing_per_thousand % 1000 < options.failing_per_thousand
}

/// Spread by an odd multiplier, as random ids are.
fn trace_id(trace: u64) -> [u8; 16] {
    (u128::from(trace) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn make_span(trace: u64, span: u64, failed: bool) -> Span {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let id = |span: u64| (trace * SPANS_PER_TRACE + span + 1).to_be_bytes().to_vec();
    Span {
        trace_id: trace_id(trace).to_vec(),
        span_id: id(span),
        parent_span_id: if span == 0 { Vec::new() } else { id(span - 1) },
        name: format!("step {span}"),
        kind: 2,
        start_time_unix_nano: now,
        end_time_unix_nano: now + 5_000_000,
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/api/v1/orders/{id}"),
            text("url.full", &format!("https://shop.example.com/api/v1/orders/{trace}?page={span}")),
            text("server.address", "shop.example.com"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
            text("network.protocol.version", "1.1"),
            text("thread.name", &format!("worker-{}", trace % 16)),
        ],
        status: failed.then(|| Status { code: 2, message: "upstream answered 500".to_owned() }),
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![text("service.name", "orders"), text("service.version", "1.0.0")];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
