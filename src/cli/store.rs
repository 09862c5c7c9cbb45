//! Options of the commands that read a store directly, without a server.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Args;

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
    /// JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs async code of a command that is not a server.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?.block_on(work)
}
