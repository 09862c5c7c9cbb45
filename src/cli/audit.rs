//! `casefile audit append|sync|ls|verify`, `casefile stats`, `casefile rollout check`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use super::ledger::SigningArgs;
use super::store::{Format, FormatArgs, PageArgs, StoreArgs, block_on, print_data};
use super::{NotFound, term};
use crate::agent::{Arms, Catalog, Event, Ledger, Note, RolloutRequest, Watch, rollout, stats};
use crate::bundle::{Signer, Verifier};
use crate::model::Timestamp;
use crate::telemetry::{Clock as _, SystemClock};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds an entry to the store's ledger.
    Append(AppendArgs),
    /// Adds an entry for each bundle that has none yet, the earliest failure first.
    Sync {
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        key: SigningArgs,
        /// Goes on, and looks for new bundles this often: beside a Casefile that serves.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        every: Option<Duration>,
    },
    /// Lists entries, the latest first.
    Ls {
        /// Only those of this incident.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Checks that no entry was changed, taken out or added later.
    Verify {
        #[command(flatten)]
        store: StoreArgs,
        /// File with the ed25519 public key in PEM: every entry must be signed by it.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// A head that `verify` told before, noted elsewhere: it must still be an entry.
        #[arg(long, value_name = "DIGEST")]
        head: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct AppendArgs {
    /// What happened.
    #[arg(value_enum)]
    event: EventArg,
    /// To which bundle: trace id or bundle id. Its incident follows from it.
    #[arg(long, value_name = "ID", required_unless_present = "incident")]
    bundle: Option<String>,
    /// To which incident.
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// What else is to be known: `--detail pr=https://…`, `--detail verdict=passed`.
    #[arg(long = "detail", value_name = "KEY=VALUE")]
    details: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    key: SigningArgs,
    /// Prints the entry as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EventArg {
    BundleMade,
    Rendered,
    TestMade,
    PatchChecked,
    PrOpened,
    Merged,
    Reverted,
}

impl From<EventArg> for Event {
    fn from(event: EventArg) -> Self {
        match event {
            EventArg::BundleMade => Self::BundleMade,
            EventArg::Rendered => Self::Rendered,
            EventArg::TestMade => Self::TestMade,
            EventArg::PatchChecked => Self::PatchChecked,
            EventArg::PrOpened => Self::PrOpened,
            EventArg::Merged => Self::Merged,
            EventArg::Reverted => Self::Reverted,
        }
    }
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Append(args) => append(args),
        Command::Sync { store, key, every } => sync(&store.open()?, key.signer()?.as_ref(), *every),
        Command::Ls { incident, store, page } => list(incident.as_deref(), store, page),
        Command::Verify { store, public_key, head, format } => {
            verify(store, public_key.as_deref(), head.as_deref(), format.or(Format::Text))
        }
    }
}

fn append(args: &AppendArgs) -> anyhow::Result<()> {
    let catalog = args.store.open()?;
    let mut details = BTreeMap::new();
    for detail in &args.details {
        let (key, value) = detail.split_once('=').with_context(|| format!("--detail `{detail}`: write KEY=VALUE"))?;
        details.insert(key.to_owned(), value.to_owned());
    }
    let signer = args.key.signer()?;
    let entry = block_on(async {
        let note = match &args.bundle {
            Some(id) => of_bundle(&catalog, id, args.event.into(), details).await?,
            None => {
                let incident = args.incident.clone().unwrap_or_default();
                if catalog.incident(&incident).await?.is_none() {
                    return Err(NotFound(format!("no bundle of incident {incident} is in the store")).into());
                }
                Note { event: args.event.into(), incident, bundle: None, details }
            }
        };
        let ledger = Ledger::new(catalog.store().clone());
        Ok(ledger.append(&note, SystemClock.now(), signer.as_ref()).await?)
    })?;
    let mut out = term::stdout();
    if args.json { out.json(&entry) } else { Ok(out.line(&format!("entry {}", entry.number))?) }
}

/// A note about a bundle, with the digest of what it was then.
async fn of_bundle(
    catalog: &Catalog,
    id: &str,
    event: Event,
    mut details: BTreeMap<String, String>,
) -> anyhow::Result<Note> {
    let view = catalog.bundle(id).await?.ok_or_else(|| super::bundle::not_found(id))?;
    if let Some(manifest) = view.manifests.first() {
        details.entry("document".to_owned()).or_insert_with(|| manifest.object.document.clone());
    }
    let (incident, bundle) = (view.bundle.incident.id, Some(view.bundle.bundle_id));
    Ok(Note { event, incident, bundle, details })
}

fn sync(catalog: &Catalog, signer: Option<&Signer>, every: Option<Duration>) -> anyhow::Result<()> {
    block_on(async {
        let ledger = Ledger::new(catalog.store().clone());
        let made = ledger.entries().await?.into_iter().filter(|entry| entry.event == Event::BundleMade);
        let mut known: BTreeSet<String> = made.filter_map(|entry| entry.bundle).collect();
        let mut watch = Watch::begin(catalog.clone(), None, true).await?;
        loop {
            let mut added = 0;
            for bundle in watch.look().await? {
                if known.insert(bundle.bundle_id.clone()) {
                    let id = &bundle.bundle_id;
                    let note = of_bundle(catalog, id, Event::BundleMade, BTreeMap::new()).await?;
                    ledger.append(&note, SystemClock.now(), signer).await?;
                    added += 1;
                }
            }
            if every.is_none() || added > 0 {
                term::stdout().line(&format!("{added} entries added"))?;
            }
            let Some(every) = every else { return Ok(()) };
            tokio::time::sleep(every).await;
        }
    })
}

fn list(incident: Option<&str>, store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let ledger = Ledger::new(store.open()?.store().clone());
    let before = match page.after.as_str() {
        "" => None,
        number => Some(number.parse().with_context(|| format!("`{number}` is not the `next` of a page"))?),
    };
    let answer = block_on(async { Ok(ledger.page(incident, page.limit, before).await?) })?;
    let format = page.format.or(Format::Text);
    if let Some(printed) = print_data(format, &answer) {
        return printed;
    }
    let mut rows = Vec::new();
    for entry in &answer.items {
        let event = serde_json::to_value(entry.event)?;
        let details = entry.details.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
        rows.push(vec![
            entry.number.to_string(),
            entry.at.clone(),
            event.as_str().unwrap_or_default().to_owned(),
            entry.incident.clone(),
            details,
        ]);
    }
    let mut out = term::stdout();
    out.rows(format, &["number", "at", "event", "incident", "details"], &rows)?;
    Ok(out.line(&answer.footer("entries"))?)
}

fn verify(store: &StoreArgs, public_key: Option<&Path>, head: Option<&str>, format: Format) -> anyhow::Result<()> {
    let verifier = match public_key {
        None => None,
        Some(path) => {
            let pem =
                std::fs::read_to_string(path).with_context(|| format!("reading the public key {}", path.display()))?;
            let verifier = Verifier::from_pem(&pem);
            Some(verifier.map_err(|problem| anyhow::anyhow!("{}: {}", path.display(), problem.message))?)
        }
    };
    let ledger = Ledger::new(store.open()?.store().clone());
    let report = block_on(async { Ok(ledger.verify(verifier.as_ref(), head).await?) })?;
    let printed = print_data(format, &report).unwrap_or_else(|| {
        let mut out = term::stdout();
        for fault in &report.faults {
            out.failure(&format!("{}: {}", fault.name, fault.fault))?;
        }
        let signatures =
            if report.signatures { "signatures checked" } else { "signatures not checked: give --public-key" };
        Ok(out.line(&format!(
            "{} entries, head {}, {signatures}",
            report.entries,
            report.head.as_deref().unwrap_or("none")
        ))?)
    });
    printed?;
    anyhow::ensure!(report.faults.is_empty(), "the ledger did not pass");
    Ok(())
}

/// Tells what came of repairs, from the ledger: time to a merged fix, acceptance, failures after it, by arm of an experiment.
#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Name of the experiment: incidents are dealt to its arms by a stable hash.
    #[arg(long, default_value = "default", value_name = "NAME")]
    experiment: String,
    /// Its arms.
    #[arg(long, default_value = "all", value_delimiter = ',', value_name = "NAMES")]
    arms: Vec<String>,
    /// Prints the arm of this incident and nothing else: to route by.
    #[arg(long, value_name = "INCIDENT")]
    arm_of: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run_stats(args: &StatsArgs) -> anyhow::Result<()> {
    let arms = Arms { experiment: args.experiment.clone(), names: args.arms.clone() };
    let mut out = term::stdout();
    if let Some(incident) = &args.arm_of {
        return Ok(out.line(arms.of(incident))?);
    }
    let catalog = args.store.open()?;
    let found = block_on(async {
        let entries = Ledger::new(catalog.store().clone()).entries().await?;
        Ok(stats(&catalog, &entries, &arms).await?)
    })?;
    let format = args.format.or(Format::Text);
    if let Some(printed) = print_data(format, &found) {
        return printed;
    }
    let rows: Vec<Vec<String>> = found
        .arms
        .iter()
        .map(|arm| {
            let share = arm.acceptance.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
            let time = arm
                .median_seconds_to_fix
                .map(|seconds| humantime::format_duration(Duration::from_secs(seconds)).to_string());
            let numbers = [arm.incidents, arm.opened, arm.merged, arm.reverted].map(|number| number.to_string());
            let mut row = vec![arm.arm.clone()];
            row.extend(numbers);
            row.extend([share, time.unwrap_or_else(|| "-".to_owned())]);
            row.extend([arm.recurred, arm.failures_after_fix].map(|number| number.to_string()));
            row
        })
        .collect();
    let header = [
        "arm",
        "incidents",
        "opened",
        "merged",
        "reverted",
        "accepted",
        "median time to fix",
        "recurred",
        "failures after fix",
    ];
    out.rows(format, &header, &rows)?;
    Ok(out.line(&format!("{} incidents with entries in the ledger", found.total))?)
}

#[derive(Debug, Subcommand)]
pub(super) enum RolloutCommand {
    /// Tells whether an incident's rate has fallen in a new version, with a confidence interval. Exit code 1 where that is not shown.
    #[command(disable_version_flag = true)]
    Check(RolloutArgs),
}

#[derive(Debug, Args)]
pub(super) struct RolloutArgs {
    /// Incident id: `INC-…`.
    incident: String,
    /// The new version: `service.version` as the incident shows it.
    #[arg(long, value_name = "VERSION")]
    version: String,
    #[command(flatten)]
    store: StoreArgs,
    /// When it began to run (RFC 3339); its first failure of any kind where this is not given.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when it is looked at (RFC 3339); now by default.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How long before it is compared.
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = humantime::parse_duration)]
    window: Duration,
    /// The share of the traffic that it takes: above 0, at most 1.
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    /// How sure the interval is.
    #[arg(long, default_value_t = 0.95)]
    confidence: f64,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run_rollout(command: &RolloutCommand) -> anyhow::Result<()> {
    let RolloutCommand::Check(args) = command;
    anyhow::ensure!(args.share > 0.0 && args.share <= 1.0, "--share: write a number above 0 and at most 1");
    anyhow::ensure!(
        args.confidence > 0.5 && args.confidence < 1.0,
        "--confidence: write a number above 0.5 and below 1"
    );
    let time = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => Timestamp::from_rfc3339(text)
            .map(Some)
            .with_context(|| format!("--{name}: `{text}` is not a time as RFC 3339 has it")),
    };
    let asked = RolloutRequest {
        incident: args.incident.clone(),
        version: args.version.clone(),
        since: time("since", &args.since)?,
        until: time("until", &args.until)?.unwrap_or_else(|| SystemClock.now()),
        window_hours: args.window.as_secs() / 3600,
        share: args.share,
        confidence: args.confidence,
    };
    let catalog = args.store.open()?;
    let found = block_on(async { Ok(rollout(&catalog, &asked).await?) })?;
    let printed = print_data(args.format.or(Format::Text), &found).unwrap_or_else(|| {
        let mut out = term::stdout();
        let rate = |count: u64, hours: f64| format!("{count} failures in {hours:.1} h");
        out.line(&format!("before {}: {}", found.version, rate(found.failures_before, found.hours_before)))?;
        out.line(&format!("in it since {}: {}", found.since, rate(found.failures_after, found.hours_after)))?;
        let high = found.interval.1.map_or_else(|| "∞".to_owned(), |high| format!("{high:.3}"));
        let ratio = found.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
        out.line(&format!(
            "ratio {ratio}, {:.0} % interval {:.3} to {high}: {}",
            args.confidence * 100.0,
            found.interval.0,
            found.verdict
        ))?;
        for assumed in &found.assumes {
            out.line(&format!("assumed: {assumed}"))?;
        }
        Ok(())
    });
    printed?;
    anyhow::ensure!(found.verdict == "fallen", "it is not shown that the rate has fallen");
    Ok(())
}
