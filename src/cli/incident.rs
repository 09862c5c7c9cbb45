//! `casefile incident ls|show`.

use clap::Subcommand;

use super::store::{Format, PageArgs, StoreArgs, block_on, print_data};
use super::{NotFound, term};
use crate::agent::{
    IncidentSummary, IndexRef, Page, Reports, attachment_line, history_facts, one_line, prose, version_note,
};
use crate::bundle::IncidentAttachment;

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
    let format = page.format.or(Format::Text);
    if let Some(printed) = print_data(format, &answer) {
        return printed;
    }
    let mut out = term::stdout();
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
    out.rows(format, &["incident", "class", "24h", "bundles", "last seen", "version", "summary"], &rows)?;
    Ok(out.line(&answer.footer("incidents"))?)
}

fn show(id: &str, store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let found = block_on(async { Ok(catalog.incident(id).await?) })?;
    let incident = found.ok_or_else(|| NotFound(format!("no bundle of incident {id} is in the store")))?;
    let bundles = block_on(async { Ok(catalog.bundles(Some(id), page.limit, &page.after).await?) })?;
    let (attachments, total) = block_on(async { Ok(catalog.attachments(id, page.limit).await?) })?;
    let reports = Reports::of(attachments.iter().map(|found| &found.attachment));
    let format = page.format.or(Format::Text);
    if matches!(format, Format::Json | Format::Yaml) {
        let shown = attachments.len();
        let attachments = serde_json::json!({
            "items": attachments, "total": total, "returned": shown, "truncated": shown < total, "next": null,
        });
        let answer = serde_json::json!({
            "incident": incident, "bundles": bundles, "attachments": attachments, "tests": reports,
        });
        return print_data(format, &answer).unwrap_or(Ok(()));
    }
    let mut out = term::stdout();
    if format == Format::Markdown {
        return markdown(&mut out, &incident, &bundles, (&attachments, total), reports.as_ref());
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
    for told in reports.iter().flat_map(Reports::lines) {
        out.line(&format!("over all reports: {told}"))?;
    }
    out.line("")?;
    super::bundle::table(&mut out, format, &bundles)
}

/// The same as a Markdown page.
fn markdown(
    out: &mut term::Terminal<impl std::io::Write>,
    incident: &IncidentSummary,
    bundles: &Page<IndexRef>,
    (attachments, total): (&[IncidentAttachment], usize),
    reports: Option<&Reports>,
) -> anyhow::Result<()> {
    let facts = &incident.facts;
    out.line(&format!("# {}: {}\n", prose(&facts.id), prose(&facts.summary)))?;
    let numbers = &facts.numbers;
    let seen = format!("{} times in 24 h, first {}, last {}", numbers.count_24h, numbers.first_seen, numbers.last_seen);
    let mut told = vec![
        ("Class", facts.class.clone()),
        ("Services", facts.services.join(", ")),
        ("Fingerprint", facts.fingerprint.clone()),
        ("Seen", seen),
    ];
    told.extend(numbers.history.iter().flat_map(history_facts));
    told.extend(attachments.iter().map(|found| ("Attachment", attachment_line(&found.attachment))));
    if attachments.len() < total {
        told.push(("Attachments", format!("{} of {total} are shown", attachments.len())));
    }
    told.extend(reports.into_iter().flat_map(Reports::lines).map(|line| ("Over all reports", line)));
    for (title, text) in told {
        out.line(&format!("- **{title}:** {}", prose(&text)))?;
    }
    out.line("")?;
    super::bundle::table(out, Format::Markdown, bundles)
}
