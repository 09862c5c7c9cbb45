//! `casefile replay FILE… --out DIR`.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::serve::init_logs;
use super::sources::{BadConfig, ConfigArgs};
use super::{keys, term};
use crate::bundle::{Sealed, Signer};
use crate::config::{self, BundleExporter, Compression, ProcessEnvironment, ValidatedConfig};
use crate::exporter::{BundleWriter, Store};
use crate::model::{DropReason, Outcome};
use crate::otlp::{Limits, read_recording};
use crate::pipeline::Core;
use crate::pipeline::replay::{Recording, VirtualClock};

/// Records between two lines of progress.
const PROGRESS: usize = 50_000;

/// Runs recorded OTLP through the pipeline in virtual time, offline and deterministic.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Recordings: OTLP/JSON (documents, or lines as the Collector's file exporter writes them), or protobuf requests
    /// (one, or length-delimited ones). `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Where bundles are written. Without --config the keys are made there too.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// JSON summary on stdout in place of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReplayArgs, sources: &ConfigArgs) -> anyhow::Result<()> {
    let mut config = configuration(args, sources)?;
    // The recording itself is the raw evidence.
    config.pipelines.raw = None;
    init_logs(&config)?;
    let core = Core::build(&config, 1, usize::MAX).map_err(|problems| BadConfig(config.locate(problems)))?;
    let recording = read(&core, &args.files)?;
    let clock = Arc::new(VirtualClock::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let writer = writer(args, &config, Arc::clone(&clock) as _)?;
    let (mut stored, mut failure) = (Vec::new(), None);
    let store = |sealed: Sealed| match runtime.block_on(writer.write(&sealed)) {
        Ok(receipt) => {
            sealed.into_tracked().settle(Outcome::Bundled);
            stored.push(receipt.object);
        }
        Err(error) => {
            sealed.into_tracked().settle(Outcome::Dropped(DropReason::ExportFailed));
            failure.get_or_insert(error);
        }
    };
    let (records, refused) = (recording.len(), recording.refused());
    let totals = recording.replay(&core, &clock, store, progress(records));
    if let Some(error) = failure {
        return Err(anyhow::Error::from(error).context("not every bundle could be written"));
    }
    let mut out = term::stdout();
    if args.json {
        let summary = serde_json::json!({"records": totals, "refused": refused, "bundles": stored});
        return out.json(&summary);
    }
    for name in &stored {
        out.line(&args.out.join(name).display().to_string())?;
    }
    progress_line(&format!(
        "{records} records: {} in {} bundles, {} not sampled, {} dropped, {refused} refused",
        totals.bundled,
        stored.len(),
        totals.not_sampled,
        totals.dropped
    ));
    Ok(())
}

fn configuration(args: &ReplayArgs, sources: &ConfigArgs) -> anyhow::Result<ValidatedConfig> {
    if !sources.config.is_empty() {
        return Ok(sources.load(&ProcessEnvironment)?.0);
    }
    let keys = keys::obtain(&args.out, &ProcessEnvironment)?;
    let folder = args.out.to_str().context("--out: the path is not UTF-8")?;
    let quiet = ["service.telemetry.logs.level=warn".to_owned()];
    let sets: Vec<String> = quiet.into_iter().chain(sources.set.iter().cloned()).collect();
    Ok(config::embedded(&keys.root, Some(&keys.signing), folder, &sets).map_err(BadConfig)?)
}

fn read(core: &Core, files: &[String]) -> anyhow::Result<Recording> {
    let mut recording = Recording::default();
    for file in files {
        let bytes = if file == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("reading stdin")?;
            bytes
        } else {
            std::fs::read(file).with_context(|| format!("reading {file}"))?
        };
        for request in read_recording(&bytes, &Limits::default()) {
            let (signal, request) = request.with_context(|| format!("{file} is not a recording of OTLP"))?;
            recording.push(core, signal, request).with_context(|| format!("{file} holds a malformed request"))?;
        }
    }
    Ok(recording)
}

/// Replay writes plain JSON to its folder, whatever stores the configuration names.
fn writer(args: &ReplayArgs, config: &ValidatedConfig, clock: Arc<VirtualClock>) -> anyhow::Result<BundleWriter> {
    let folder = std::path::absolute(&args.out).with_context(|| format!("--out {}", args.out.display()))?;
    let exporter = BundleExporter {
        url: format!("file:{}", folder.display()),
        compression: Some(Compression::None),
        ..BundleExporter::default()
    };
    let store = Store::open(&exporter.url, exporter.client());
    let store = store.map_err(|problem| anyhow::anyhow!("--out {}: {}", args.out.display(), problem.message))?;
    let signer = match &config.pipelines.signing {
        None => None,
        Some(signing) => {
            let signer = Signer::from_pem(signing.key.expose()).map_err(|problem| {
                BadConfig(
                    config
                        .locate(vec![crate::config::Problem { path: "extensions.signing.key".to_owned(), ..problem }]),
                )
            })?;
            Some(Arc::new(signer))
        }
    };
    Ok(BundleWriter::new("replay", store, &exporter, signer, "replay", clock))
}

/// A line on stderr now and then, where someone is looking.
fn progress(total: usize) -> impl FnMut(usize) {
    let shown = std::io::stderr().is_terminal();
    move |taken| {
        if shown && taken % PROGRESS == 0 {
            progress_line(&format!("{taken} of {total} records"));
        }
    }
}

#[expect(clippy::print_stderr, reason = "progress is for the person at the terminal")]
fn progress_line(text: &str) {
    eprintln!("{text}");
}
