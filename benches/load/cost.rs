//! What a span costs: CPU time of Casefile under a load, against servers that do nothing with it ("raw") and what one would
//! write first ("naive", see [`sinks`]), in turns, each in a process of its own with the same requests of 512 spans.
//!
//! The gateway writes to the brokers that `CASEFILE_BENCH_BROKERS` names, else to a mock in this process; its topic should have 12 partitions.
//!
//! `--spans N` (per server and round), `--warm N` (spans that come before those and are not measured: with a `--rate`, what fills the
//! windows for the first time), `--rounds N` (the median counts), `--connections N`, `--rate N` (spans a second; without it as fast as they
//! go), `--failing PERCENT` of traces (1 without it), `--frame BYTES` (without it those of the Collector's exporters, see [`frames`]),
//! `--linger MS` (of the gateway, 10 without it), `--server NAME` (again and again; all without it), `--json` for one JSON object instead
//! of the table.
//!
//! `--gzip` sends requests that were compressed beforehand, as the Collector's exporters compress them. The first server to compare with is then
//! one that inflates them and does nothing else. With a `--rate` the table says what a Casefile's memory is against the bytes, before
//! compression, that come in one retention.

use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::mocking::MockCluster;
use tokio::time::Instant;
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tower::ServiceExt as _;

use crate::cluster::Authority;
use crate::frames::{self, in_frames, says_gzip};
use crate::probes::{Probes, Waits, percentile};
use crate::server::{Process, Server, Usage};
use crate::sinks::{self, INFLATING, RawCodec};
use crate::support::ports::free_port;
use crate::traffic::{self, Encoded, PATH, SPANS_PER_REQUEST};

/// Requests that are encoded beforehand; sent again with other trace ids.
pub(crate) const REQUESTS: usize = 100;
const SERVERS: [&str; 11] = [
    INFLATING,
    "raw",
    "naive",
    "casefile",
    "casefile, TLS",
    "casefile, on disk",
    "casefile, on disk, synced",
    "casefile, latency policy",
    "casefile, composite policy",
    "gateway",
    "gateway, by partition",
];
/// Where the brokers are that the gateway writes to: `host:port`. Without it they are librdkafka's mock of one, in this process.
const BROKERS: &str = "CASEFILE_BENCH_BROKERS";
/// Partitions of the mock's topic.
const PARTITIONS: i32 = 12;
/// Windows of [`RETENTION`], and few bundles: the cost of a span that nobody will look at is what is measured.
const INCIDENT: &str = "{tail_sampling: {decision_wait: 10s, policies: POLICIES}, \
                        window: {storage: STORAGE, retention: 10s, max_bytes: 8GiB}, incidents: {max_bundles: 5, per: 1h}}";
/// How long a span is held.
const RETENTION: Duration = Duration::from_secs(10);
/// Beside the one for errors, one that has to know how long every trace takes.
const LATENCY: &str = "[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
                       {name: slow, type: latency, latency: {threshold_ms: 60000}}]";

/// The same two as parts of one that limits both.
const COMPOSITE: &str = "[{name: both, type: composite, composite: {max_total_spans_per_second: 1000000, composite_sub_policy: \
                         [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
                         {name: slow, type: latency, latency: {threshold_ms: 60000}}]}}]";

pub(crate) struct Options {
    pub(crate) spans: usize,
    warm: usize,
    rounds: usize,
    connections: usize,
    pub(crate) rate: usize,
    pub(crate) failing: u64,
    frame: usize,
    linger: u64,
    servers: Vec<String>,
    json: bool,
    gzip: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (spans, frame, servers) = (20_000, frames::GO, Vec::new());
        let (json, gzip) = (false, false);
        Self { spans, warm: 0, rounds: 1, connections: 4, rate: 0, failing: 1, frame, linger: 10, servers, json, gzip }
    }
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Self {
        let is_there = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let mut options = Self { json: is_there("--json"), gzip: is_there("--gzip"), ..Self::default() };
        for pair in arguments.windows(2) {
            let value = || pair[1].parse().expect("a number");
            match pair[0].as_str() {
                "--spans" => options.spans = value(),
                "--warm" => options.warm = value(),
                "--rounds" => options.rounds = value(),
                "--connections" => options.connections = value(),
                "--rate" => options.rate = value(),
                "--failing" => options.failing = value() as u64,
                "--frame" => options.frame = value(),
                "--linger" => options.linger = value() as u64,
                "--server" => options.servers.push(pair[1].clone()),
                _ => {}
            }
        }
        options
    }

    /// The requests that are measured, by number. Those before them are not.
    fn turns(&self) -> Range<usize> {
        self.warm.div_ceil(SPANS_PER_REQUEST)..(self.warm + self.spans).div_ceil(SPANS_PER_REQUEST)
    }
}

/// `--sink NAME PORT`: this process is the server.
pub(crate) async fn serve_sink(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [_, name, port] => sinks::serve(name, port.parse().map_err(|error| format!("{port}: {error}"))?).await,
        _ => Err("--sink needs a name and a port".to_owned()),
    }
}

/// What a server did with a round.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Measured {
    pub(crate) spans_per_second: f64,
    pub(crate) cpu_seconds_per_million_spans: f64,
    pub(crate) peak_mib: u64,
    ack_ms_p50: f64,
    ack_ms_p99: f64,
    ack_ms_p999: f64,
    /// Of a Casefile's probes.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_ms: Option<Waits>,
}

/// What is sent: one body a turn.
pub(crate) struct Requests {
    encoded: Arc<[Encoded]>,
    /// The bodies, where they are compressed: that takes longer than sending them.
    gzipped: Vec<Bytes>,
}

impl Requests {
    pub(crate) fn new(encoded: &Arc<[Encoded]>, options: &Options) -> Arc<Self> {
        let mut requests = Self { encoded: Arc::clone(encoded), gzipped: Vec::new() };
        if options.gzip {
            requests.gzipped = (0..options.turns().end).map(|turn| traffic::gzipped(&requests.body(turn))).collect();
        }
        Arc::new(requests)
    }

    fn body(&self, turn: usize) -> Bytes {
        let fresh = || Bytes::from(self.encoded[turn % REQUESTS].in_round((turn / REQUESTS) as u64));
        self.gzipped.get(turn).cloned().unwrap_or_else(fresh)
    }
}

pub(crate) async fn compare(options: &Options) -> Result<(), String> {
    let encoded: Arc<[Encoded]> = traffic::encoded(REQUESTS, options.failing).into();
    let requests = Requests::new(&encoded, options);
    let is_asked = |name: &str| match options.servers.as_slice() {
        [] => name != INFLATING || options.gzip,
        asked => asked.iter().any(|asked| asked == name),
    };
    let servers: Vec<&str> = SERVERS.into_iter().filter(|name| is_asked(name)).collect();
    let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); servers.len()];
    for _ in 0..options.rounds {
        for (name, measured) in servers.iter().zip(&mut rounds) {
            measured.push(measure(name, &requests, options).await?);
        }
    }
    let medians: Vec<(&str, Measured)> = servers.into_iter().zip(rounds.iter().map(|rounds| median(rounds))).collect();
    if options.json {
        let object: serde_json::Map<_, _> =
            medians.iter().map(|(name, measured)| ((*name).to_owned(), serde_json::json!(measured))).collect();
        println!("{}", serde_json::Value::Object(object));
        return Ok(());
    }
    let bytes = encoded.iter().map(Encoded::len).sum::<usize>() / (REQUESTS * SPANS_PER_REQUEST);
    let sent = (0..REQUESTS).map(|turn| requests.body(turn).len()).sum::<usize>() / (REQUESTS * SPANS_PER_REQUEST);
    let Options { spans, rounds, frame, .. } = options;
    println!(
        "{spans} spans of {bytes} B ({sent} B as sent) a server and round, in frames of {frame} B, {rounds} rounds, medians:"
    );
    println!(
        "| server | spans/s | CPU s per million spans | against the first | peak MiB | of a byte held | ack ms p50 / p99 / p99.9 | probe ms p50 / p99 / most |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let held = options.rate as f64 * RETENTION.as_secs_f64() * bytes as f64;
    let first = medians.first().map_or(1.0, |(_, it)| it.cpu_seconds_per_million_spans);
    for (name, it) in &medians {
        let probes = it.probe_ms.as_ref();
        let probes = probes.map_or("-".to_owned(), |it| format!("{:.1} / {:.1} / {:.1}", it.p50, it.p99, it.max));
        let holds = name.starts_with("casefile") && held > 0.0;
        let of_held = if holds { format!("{:.2}", (it.peak_mib << 20) as f64 / held) } else { "-".to_owned() };
        println!(
            "| {name} | {:.0} | {:.2} | {:.2} | {} | {of_held} | {:.1} / {:.1} / {:.1} | {probes} |",
            it.spans_per_second,
            it.cpu_seconds_per_million_spans,
            it.cpu_seconds_per_million_spans / first,
            it.peak_mib,
            it.ack_ms_p50,
            it.ack_ms_p99,
            it.ack_ms_p999
        );
    }
    Ok(())
}

async fn measure(name: &str, requests: &Arc<Requests>, options: &Options) -> Result<Measured, String> {
    if name.starts_with("gateway") {
        let messages = if name.ends_with("by partition") { "partition" } else { "trace" };
        let mock = MockCluster::new(1).map_err(|error| error.to_string())?;
        mock.create_topic("otlp_spans", PARTITIONS, 1).map_err(|error| error.to_string())?;
        let brokers = std::env::var(BROKERS).unwrap_or_else(|_| mock.bootstrap_servers());
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut server = Server::gateway(folder.path(), &brokers, messages, options.linger).await?;
        let measured = load(&server.process, server.grpc, None, Some(server.health), requests, options).await?;
        server.process.stop()?;
        return Ok(measured);
    }
    if name.starts_with("casefile") {
        let policies = match name {
            "casefile, latency policy" => LATENCY,
            "casefile, composite policy" => COMPOSITE,
            _ => "[]",
        };
        let storage = if name.contains("on disk") { "file_storage" } else { "memory" };
        let incident = incident(policies, storage);
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let authority = Authority::new();
        let pair = name.ends_with("TLS").then(|| authority.sign("localhost"));
        let mut server =
            Server::start_behind(folder.path(), &incident, pair.as_ref(), name.ends_with("synced")).await?;
        let authority = pair.map(|_| authority.certificate());
        let measured = load(&server.process, server.grpc, authority, Some(server.health), requests, options).await?;
        server.process.stop()?;
        return Ok(measured);
    }
    let port = free_port();
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let process = Process::spawn(Command::new(this).args(["--sink", name, &port.to_string()]))?;
    load(&process, port, None, None, requests, options).await
}

/// What a span costs that comes over gRPC into windows in memory.
pub(crate) async fn over_grpc(requests: &Arc<[Encoded]>, options: &Options) -> Result<Measured, String> {
    measure("casefile", &Requests::new(requests, options), options).await
}

/// `connectors.incident` with these policies and this storage.
pub(crate) fn incident(policies: &str, storage: &str) -> String {
    INCIDENT.replace("POLICIES", policies).replace("STORAGE", storage)
}

/// Sends everything, measured or not.
pub(crate) async fn send_all(server: &Server, requests: &Arc<Requests>, options: &Options) -> Result<(), String> {
    let channels = connections(server.grpc, None, options).await?;
    send(&channels, 0..options.turns().end, requests, options).await.map(drop)
}

async fn load(
    process: &Process,
    port: u16,
    authority: Option<String>,
    health: Option<u16>,
    requests: &Arc<Requests>,
    options: &Options,
) -> Result<Measured, String> {
    let channels = connections(port, authority.as_deref(), options).await?;
    let Range { start: warm, end: total } = options.turns();
    send(&channels, 0..warm, requests, options).await?;
    let probes = health.map(Probes::start);
    let (before, started) = (process.usage().unwrap_or_default(), Instant::now());
    let mut waited = send(&channels, warm..total, requests, options).await?;
    let (seconds, Usage { peak_mib, cpu }) = (started.elapsed().as_secs_f64(), process.usage().unwrap_or_default());
    let probe_ms = probes.map(Probes::finish).transpose()?;
    waited.sort_unstable();
    let spans = ((total - warm) * SPANS_PER_REQUEST) as f64;
    Ok(Measured {
        spans_per_second: spans / seconds,
        cpu_seconds_per_million_spans: (cpu - before.cpu) * 1e6 / spans,
        peak_mib,
        ack_ms_p50: percentile(&waited, 0.5),
        ack_ms_p99: percentile(&waited, 0.99),
        ack_ms_p999: percentile(&waited, 0.999),
        probe_ms,
    })
}

/// Sends the requests of these turns, and tells how long each waited for its acknowledgement.
async fn send(
    channels: &[Channel],
    turns: Range<usize>,
    requests: &Arc<Requests>,
    options: &Options,
) -> Result<Vec<Duration>, String> {
    let (next, started) = (Arc::new(AtomicUsize::new(turns.start)), Instant::now());
    let (frame, gzip, first, end) = (options.frame.max(1), options.gzip, turns.start, turns.end);
    let pause = match options.rate {
        0 => Duration::ZERO,
        rate => Duration::from_secs_f64(SPANS_PER_REQUEST as f64 / rate as f64),
    };
    let mut connections = tokio::task::JoinSet::new();
    for channel in channels {
        let (channel, next, requests) = (channel.clone(), Arc::clone(&next), Arc::clone(requests));
        connections.spawn(async move {
            let mut waited = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= end {
                    return Ok::<_, String>(waited);
                }
                let bytes = requests.body(turn);
                // When it was due, not when it was sent: a server that stalls does not hide what it makes others wait.
                let due = started + pause * u32::try_from(turn - first).unwrap_or(u32::MAX);
                tokio::time::sleep_until(due).await;
                let from = if pause.is_zero() { Instant::now() } else { due };
                deliver(channel.clone(), bytes, frame, gzip).await?;
                waited.push(from.elapsed());
            }
        });
    }
    let mut waited = Vec::new();
    while let Some(connection) = connections.join_next().await {
        waited.extend(connection.map_err(|error| error.to_string())??);
    }
    Ok(waited)
}

async fn connections(port: u16, authority: Option<&str>, options: &Options) -> Result<Vec<Channel>, String> {
    let mut channels = Vec::new();
    for _ in 0..options.connections.max(1) {
        channels.push(connect(port, authority).await?);
    }
    Ok(channels)
}

async fn connect(port: u16, authority: Option<&str>) -> Result<Channel, String> {
    let uri =
        if authority.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
    let mut endpoint = Endpoint::from_shared(uri).map_err(|error| error.to_string())?;
    if let Some(authority) = authority {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        endpoint = endpoint.tls_config(tls).map_err(|error| error.to_string())?;
    }
    let mut last = String::new();
    for _ in 0..100 {
        match endpoint.connect().await {
            Ok(channel) => return Ok(channel),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("connecting: {last}"))
}

/// Sends a request in such frames until it is acknowledged.
async fn deliver(channel: Channel, bytes: Bytes, frame: usize, gzip: bool) -> Result<(), String> {
    let as_sent = move |request| if gzip { in_frames(says_gzip(request), frame) } else { in_frames(request, frame) };
    let mut client = tonic::client::Grpc::new(channel.map_request(as_sent));
    loop {
        client.ready().await.map_err(|error| error.to_string())?;
        let request = tonic::Request::new(bytes.clone());
        match client.unary(request, PathAndQuery::from_static(PATH), RawCodec).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::Unavailable => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(status) => return Err(format!("refused for good: {status}")),
        }
    }
}

/// The round whose CPU time is the middle one.
fn median(rounds: &[Measured]) -> Measured {
    let mut rounds = rounds.to_vec();
    let cpu = |it: &Measured| it.cpu_seconds_per_million_spans;
    rounds.sort_by(|one, other| cpu(one).total_cmp(&cpu(other)));
    rounds.get(rounds.len() / 2).cloned().unwrap_or_default()
}
