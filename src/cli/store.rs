//! Options of the commands that read a store directly, without a server.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::agent::Catalog;
use crate::config::{Secret, StoreClient};
use crate::exporter::Store;

/// The store to read.
#[derive(Debug, Clone, Args)]
pub(super) struct StoreArgs {
    /// `file:DIR`, `s3://bucket/prefix` or `gs://bucket/prefix`.
    #[arg(long, env = "CASEFILE_STORE", default_value = "file:./casefile-data", value_name = "URL")]
    store: String,
    /// Setting of the store's client, as in the exporter's `options`: `--store-option aws_endpoint=http://127.0.0.1:9000`.
    #[arg(long = "store-option", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

impl StoreArgs {
    /// Opens the store.
    pub(super) fn open(&self) -> anyhow::Result<Catalog> {
        open(&self.store, &self.options)
    }
}

/// Opens the store at `url` with these settings of its client (`KEY=VALUE`).
pub(super) fn open(url: &str, settings: &[String]) -> anyhow::Result<Catalog> {
    let mut options = BTreeMap::new();
    for option in settings {
        let (key, value) =
            option.split_once('=').with_context(|| format!("--store-option `{option}`: write KEY=VALUE"))?;
        options.insert(key.to_owned(), Secret::new(value));
    }
    let timeout = std::time::Duration::from_secs(30);
    let store = Store::open_existing(url, StoreClient::plain(&options, timeout))
        .map_err(|problem| anyhow::anyhow!("--store: {}", problem.message))?;
    Ok(Catalog::new(store))
}

/// Which part of a list to show.
#[derive(Debug, Clone, Args)]
pub(super) struct PageArgs {
    /// Most rows.
    #[arg(long, default_value_t = 50)]
    pub(super) limit: usize,
    /// Go on after this row: the `next` of the answer before.
    #[arg(long, default_value = "", value_name = "NEXT")]
    pub(super) after: String,
    #[command(flatten)]
    pub(super) format: FormatArgs,
}

/// How to write an answer.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct FormatArgs {
    /// How to write it: a text for people by default.
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Format>,
    /// The same as --format json.
    #[arg(long)]
    json: bool,
}

/// A form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people at a terminal.
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Markdown.
    Markdown,
}

impl FormatArgs {
    /// What was asked for; `otherwise` where nothing was.
    pub(super) fn or(self, otherwise: Format) -> Format {
        if self.json { Format::Json } else { self.format.unwrap_or(otherwise) }
    }
}

/// Prints an answer that is data: as JSON or YAML; `None` where text or Markdown was asked for, which are the caller's.
pub(super) fn print_data<T: serde::Serialize>(format: Format, value: &T) -> Option<anyhow::Result<()>> {
    match format {
        Format::Json => Some(super::term::stdout().json(value)),
        Format::Yaml => Some(yaml(value)),
        Format::Text | Format::Markdown => None,
    }
}

fn yaml<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    let text = serde_saphyr::to_string(value).context("writing YAML")?;
    Ok(super::term::stdout().text(&text)?)
}

/// Runs async code of a command that is not a server.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?.block_on(work)
}
