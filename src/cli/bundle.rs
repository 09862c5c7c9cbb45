//! `casefile bundle ls|get|render|diff|watch|verify`.

mod diff;
mod render;
mod watch;

use std::io::Write;

use anyhow::Context as _;
use clap::Subcommand;

use super::store::{Format, FormatArgs, PageArgs, StoreArgs, block_on, print_data};
use super::term::Terminal;
use super::{NotFound, term};
use crate::agent::{BundleView, Catalog, IndexRef, Page, markdown, select};
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
    /// Prints a bundle, as JSON unless told otherwise, with its amendments and the numbers of its manifest merged in.
    Get {
        /// Trace id or bundle id.
        id: String,
        #[command(flatten)]
        store: StoreArgs,
        /// Only this part, with how much there is: `exception.frames[0:5]`, `trace.spans[*].name`, `repro.request`.
        #[arg(long, value_name = "PATH")]
        select: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Shows in what two bundles differ: ids, times and durations apart.
    Diff {
        /// Trace id or bundle id.
        a: String,
        /// Trace id or bundle id.
        b: String,
        #[command(flatten)]
        store: StoreArgs,
        /// Most differences shown.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on after this many: the `next` of the answer before.
        #[arg(long, default_value_t = 0, value_name = "NEXT")]
        after: usize,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Waits for bundles and prints a line for each that comes.
    Watch(watch::WatchArgs),
    /// Prints a failure as a prompt that fits a budget of tokens, for an agent or a person.
    Render(render::RenderArgs),
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
        Command::Get { id, store, select, format } => get(id, store, select.as_deref(), format.or(Format::Json)),
        Command::Diff { a, b, store, limit, after, format } => {
            diff::run([a, b], store, (*limit, *after), format.or(Format::Text))
        }
        Command::Watch(args) => watch::run(args),
        Command::Render(args) => render::run(args),
        Command::Verify { id, store, public_key, json } => verify(id, store, public_key.as_deref(), *json),
    }
}

fn list(incident: Option<&str>, store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let answer = block_on(async { Ok(catalog.bundles(incident, page.limit, &page.after).await?) })?;
    let format = page.format.or(Format::Text);
    print_data(format, &answer).unwrap_or_else(|| table(&mut term::stdout(), format, &answer))
}

fn get(id: &str, store: &StoreArgs, path: Option<&str>, format: Format) -> anyhow::Result<()> {
    let view = view(id, store)?;
    let document = view.merged()?;
    match path {
        Some(path) => {
            let part = select(&document, path)?;
            print_data(format, &part).unwrap_or_else(|| term::stdout().json(&part))
        }
        None => print_data(format, &document).unwrap_or_else(|| Ok(term::stdout().text(&markdown(&view))?)),
    }
}

/// Bundles as a table.
pub(super) fn table(out: &mut Terminal<impl Write>, format: Format, page: &Page<IndexRef>) -> anyhow::Result<()> {
    let rows: Vec<_> = page.items.iter().map(row).collect();
    out.rows(format, &["failed at", "incident", "trace", "tokens", "summary"], &rows)?;
    if format == Format::Markdown {
        out.line("")?;
    }
    Ok(out.line(&page.footer("bundles"))?)
}

/// A bundle as the cells of a table.
fn row(bundle: &IndexRef) -> Vec<String> {
    let tokens = bundle.tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string());
    let IndexRef { failed_at, incident_id, trace_id, summary, .. } = bundle;
    vec![failed_at.clone(), incident_id.clone(), trace_id.to_string(), tokens, summary.clone()]
}

fn view(id: &str, store: &StoreArgs) -> anyhow::Result<BundleView> {
    of(&store.open()?, id)
}

fn of(catalog: &Catalog, id: &str) -> anyhow::Result<BundleView> {
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

pub(super) fn not_found(id: &str) -> NotFound {
    NotFound(format!("no bundle with trace id or bundle id {id} is in the store"))
}
