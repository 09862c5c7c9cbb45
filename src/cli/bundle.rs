//! `casefile bundle ls|get|render|verify`.

use std::io::Write;

use anyhow::Context as _;
use clap::Subcommand;

use super::store::{PageArgs, StoreArgs, block_on};
use super::term::Terminal;
use super::{NotFound, term};
use crate::agent::{BundleView, IndexRef, Page, markdown};
use crate::bundle::Verifier;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists bundles, the latest first.
    Ls {
        /// Only those of this incident.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Prints a bundle as JSON, with its amendments and the numbers of its manifest merged in.
    Get {
        /// Trace id or bundle id.
        id: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Prints a bundle as a Markdown page.
    Render {
        /// Trace id or bundle id.
        id: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Checks that a bundle is whole and unchanged: signature, digests, sizes.
    Verify {
        /// Trace id or bundle id.
        id: String,
        #[command(flatten)]
        store: StoreArgs,
        /// File with the ed25519 public key in PEM. Without it digests are checked, and that the signature was not is said.
        #[arg(long, value_name = "FILE")]
        public_key: Option<std::path::PathBuf>,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Ls { incident, store, page } => list(incident.as_deref(), store, page),
        Command::Get { id, store } => term::stdout().json(&view(id, store)?.merged()?),
        Command::Render { id, store } => Ok(term::stdout().text(&markdown(&view(id, store)?))?),
        Command::Verify { id, store, public_key, json } => verify(id, store, public_key.as_deref(), *json),
    }
}

fn list(incident: Option<&str>, store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let answer = block_on(async { Ok(catalog.bundles(incident, page.limit, &page.after).await?) })?;
    let mut out = term::stdout();
    if page.json { out.json(&answer) } else { table(&mut out, &answer) }
}

/// Bundles as a table.
pub(super) fn table(out: &mut Terminal<impl Write>, page: &Page<IndexRef>) -> anyhow::Result<()> {
    let row = |bundle: &IndexRef| {
        let tokens = bundle.tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string());
        let IndexRef { failed_at, incident_id, trace_id, summary, .. } = bundle;
        vec![failed_at.clone(), incident_id.clone(), trace_id.to_string(), tokens, summary.clone()]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    out.table(&["failed at", "incident", "trace", "tokens", "summary"], &rows)?;
    Ok(out.line(&page.footer("bundles"))?)
}

fn view(id: &str, store: &StoreArgs) -> anyhow::Result<BundleView> {
    let catalog = store.open()?;
    let found = block_on(async { Ok(catalog.bundle(id).await?) })?;
    Ok(found.ok_or_else(|| not_found(id))?)
}

fn verify(id: &str, store: &StoreArgs, public_key: Option<&std::path::Path>, json: bool) -> anyhow::Result<()> {
    let verifier = match public_key {
        None => None,
        Some(path) => {
            let pem =
                std::fs::read_to_string(path).with_context(|| format!("reading the public key {}", path.display()))?;
            Some(
                Verifier::from_pem(&pem)
                    .map_err(|problem| anyhow::anyhow!("{}: {}", path.display(), problem.message))?,
            )
        }
    };
    let catalog = store.open()?;
    let found = block_on(async { Ok(catalog.verify(id, verifier.as_ref()).await?) })?;
    let report = found.ok_or_else(|| not_found(id))?;
    let mut out = term::stdout();
    if json {
        out.json(&report)?;
    } else {
        for object in &report.objects {
            for fault in &object.faults {
                out.failure(&format!("{}: {fault}", object.name))?;
            }
            if object.faults.is_empty() {
                out.line(&format!("{}: whole, {}", object.name, object.signature))?;
            }
        }
    }
    anyhow::ensure!(report.is_sound(), "the bundle of {id} did not pass");
    Ok(())
}

fn not_found(id: &str) -> NotFound {
    NotFound(format!("no bundle with trace id or bundle id {id} is in the store"))
}
