//! `casefile demo`: a small failing shop, sent through real OTLP into the embedded pipeline.

mod client;
mod shop;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use self::client::Client;
use super::serve::{StopSignal, init_logs, runtime, start};
use super::sources::BadConfig;
use super::{keys, term};
use crate::agent::{markdown, tree};
use crate::config::{self, ProcessEnvironment};
use crate::model::{Signal, TraceId};
use crate::otlp;
use crate::pipeline::Service;
use crate::telemetry::{Clock as _, SystemClock};

/// Orders before and after the one that fails.
const GOOD_ORDERS: u64 = 20;
/// Time between two orders.
const PACE: Duration = Duration::from_millis(25);
/// How often the store is asked for the bundle.
const POLL: Duration = Duration::from_millis(100);
/// When to give up on it.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the demo changes in the embedded configuration: free ports, a decision within a second, and the
/// one attribute of its own that the shop wants to see.
const SETTINGS: [&str; 9] = [
    "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0",
    "receivers.otlp.protocols.http.endpoint=127.0.0.1:0",
    "connectors.incident.window.storage=memory",
    "extensions.health_check.endpoint=127.0.0.1:0",
    "extensions.api.endpoint=127.0.0.1:0",
    "service.telemetry.metrics.address=127.0.0.1:0",
    "service.telemetry.logs.level=warn",
    "connectors.incident.tail_sampling.decision_wait=1s",
    "processors.redaction.allowed_keys=[app.coupon]",
];

/// Runs a small failing shop and shows the bundle of its first failure.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Ends after the first bundle.
    #[arg(long)]
    once: bool,
    /// Where to write.
    #[arg(long, value_name = "DIR", default_value = "./casefile-data")]
    out: PathBuf,
}

pub(super) fn run(args: &DemoArgs, sets: &[String]) -> anyhow::Result<()> {
    let keys = keys::obtain(&args.out, &ProcessEnvironment)?;
    let sets: Vec<String> = SETTINGS.iter().map(ToString::to_string).chain(sets.iter().cloned()).collect();
    let folder = args.out.to_str().context("--out: the path is not UTF-8")?;
    let config = config::embedded(&keys.root, Some(&keys.signing), folder, &sets).map_err(BadConfig)?;
    init_logs(&config)?;
    runtime()?.block_on(async {
        let mut stop = StopSignal::listen()?;
        let service = start(&config).await?;
        let shop = tokio::select! {
            done = open_shop(&service, args) => done,
            _ = stop.received() => Ok(()),
        };
        service.stop().await;
        shop
    })
}

async fn open_shop(service: &Service, args: &DemoArgs) -> anyhow::Result<()> {
    let at = service.addresses();
    let (grpc, http) = (at.grpc.first().context("no gRPC receiver")?, at.http.first().context("no HTTP receiver")?);
    let mut shop = Shop {
        client: Client::connect(*grpc, *http).await?,
        recording: Recording::create(&args.out.join("recording.jsonl"))?,
        orders: 0,
    };
    let mut first = true;
    loop {
        let failed = shop.busy_minute().await?;
        let view = wait_for(service, failed).await?;
        if first {
            show(&view, &args.out)?;
            first = false;
        } else {
            term::stdout().line(&format!("{}  {}", failed, view.bundle.incident.summary))?;
        }
        if args.once {
            return Ok(());
        }
    }
}

/// The shop and its connection to Casefile.
struct Shop {
    client: Client,
    recording: Recording,
    orders: u64,
}

impl Shop {
    /// Orders that go well, one that fails, orders that go well. Returns the trace that failed.
    async fn busy_minute(&mut self) -> anyhow::Result<TraceId> {
        self.good_orders().await?;
        let failed = self.order("10%").await?;
        self.good_orders().await?;
        Ok(failed)
    }

    async fn good_orders(&mut self) -> anyhow::Result<()> {
        for _ in 0..GOOD_ORDERS {
            self.order("10").await?;
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    async fn order(&mut self, coupon: &str) -> anyhow::Result<TraceId> {
        self.orders += 1;
        let order = shop::order(self.orders, SystemClock.now(), coupon).context("no randomness for a trace id")?;
        self.recording.write(&order.spans, &order.logs)?;
        self.client.traces(order.spans).await?;
        self.client.logs(&order.logs).await?;
        Ok(order.trace_id)
    }
}

/// What the shop has sent, as OTLP/JSON lines: `casefile replay` reads it. It holds the shop's made-up data in clear.
struct Recording {
    file: std::fs::File,
}

impl Recording {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { file })
    }

    fn write(&mut self, spans: &ExportTraceServiceRequest, logs: &ExportLogsServiceRequest) -> anyhow::Result<()> {
        for (signal, request) in [(Signal::Traces, spans.encode_to_vec()), (Signal::Logs, logs.encode_to_vec())] {
            let mut line = otlp::to_json(signal, &request).context("recording a request")?;
            line.push(b'\n');
            self.file.write_all(&line).context("writing the recording")?;
        }
        Ok(())
    }
}

async fn wait_for(service: &Service, trace_id: TraceId) -> anyhow::Result<crate::agent::BundleView> {
    let id = trace_id.to_string();
    let found = async {
        loop {
            if let Some(view) = service.catalog().bundle(&id).await? {
                return anyhow::Ok(view);
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .with_context(|| format!("no bundle of trace {id} after {PATIENCE:?}"))?
}

fn show(view: &crate::agent::BundleView, out: &Path) -> anyhow::Result<()> {
    let mut terminal = term::stdout();
    let object = view.manifests.first().map_or_else(String::new, |manifest| manifest.object.name.clone());
    let path = out.join(object);
    terminal.text(&markdown(view))?;
    terminal.line("")?;
    terminal.title("One request failed, and this is its case file:")?;
    terminal.failure(&view.bundle.incident.summary)?;
    terminal.text(&tree(&view.bundle.trace.span_path))?;
    let store = format!("--store file:{}", out.display());
    let trace = view.bundle.trace.trace_id;
    terminal.line(&format!("\n{}\n\nNext:", path.display()))?;
    // As the user called it: after `cargo run` it is not on the path.
    let casefile = std::env::args().next().unwrap_or_else(|| "casefile".to_owned());
    terminal.line(&format!("  {casefile} bundle render {trace} {store}"))?;
    terminal.line(&format!("  {casefile} incident ls {store}"))?;
    terminal.line(&format!(
        "  {casefile} bundle verify {trace} {store} --public-key {}",
        out.join("signing.pub.pem").display()
    ))?;
    Ok(())
}
