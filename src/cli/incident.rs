//! `casefile incident ls|show`.

use clap::Subcommand;

use super::store::{PageArgs, StoreArgs, block_on};
use super::{NotFound, term};
use crate::agent::{IncidentSummary, attachment_line, history_facts, one_line, version_note};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists incidents, the latest first.
    Ls {
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Shows one incident and its bundles.
    Show {
        /// Incident id: `INC-…`.
        id: String,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        page: PageArgs,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Ls { store, page } => list(store, page),
        Command::Show { id, store, page } => show(id, store, page),
    }
}

fn list(store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let answer = block_on(async { Ok(catalog.incidents(page.limit, &page.after).await?) })?;
    let mut out = term::stdout();
    if page.json {
        return out.json(&answer);
    }
    let row = |incident: &IncidentSummary| {
        let facts = &incident.facts;
        vec![
            facts.id.clone(),
            facts.class.clone(),
            facts.numbers.count_24h.to_string(),
            incident.bundles.to_string(),
            facts.numbers.last_seen.clone(),
            facts.numbers.history.as_ref().map_or_else(|| "-".to_owned(), version_note),
            facts.summary.clone(),
        ]
    };
    let rows: Vec<_> = answer.items.iter().map(row).collect();
    out.table(&["incident", "class", "24h", "bundles", "last seen", "version", "summary"], &rows)?;
    Ok(out.line(&answer.footer("incidents"))?)
}

fn show(id: &str, store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let found = block_on(async { Ok(catalog.incident(id).await?) })?;
    let incident = found.ok_or_else(|| NotFound(format!("no bundle of incident {id} is in the store")))?;
    let bundles = block_on(async { Ok(catalog.bundles(Some(id), page.limit, &page.after).await?) })?;
    let (attachments, total) = block_on(async { Ok(catalog.attachments(id, page.limit).await?) })?;
    let mut out = term::stdout();
    if page.json {
        let shown = attachments.len();
        let attachments = serde_json::json!({
            "items": attachments, "total": total, "returned": shown, "truncated": shown < total, "next": null,
        });
        return out.json(&serde_json::json!({"incident": incident, "bundles": bundles, "attachments": attachments}));
    }
    let facts = &incident.facts;
    out.title(&facts.id)?;
    out.failure(&facts.summary)?;
    out.line(&format!(
        "class {}, services {}, fingerprint {}",
        facts.class,
        facts.services.join(", "),
        facts.fingerprint
    ))?;
    let numbers = &facts.numbers;
    out.line(&format!("{} in 24 h, first {}, last {}", numbers.count_24h, numbers.first_seen, numbers.last_seen))?;
    for (title, told) in numbers.history.iter().flat_map(history_facts) {
        out.line(&format!("{}: {}", title.to_lowercase(), one_line(&told)))?;
    }
    for file in attachments.iter().map(|found| &found.attachment) {
        out.line(&format!("attachment: {}", one_line(&attachment_line(file))))?;
    }
    if attachments.len() < total {
        out.line(&format!("{} of {total} attachments are shown", attachments.len()))?;
    }
    out.line("")?;
    super::bundle::table(&mut out, &bundles)
}
