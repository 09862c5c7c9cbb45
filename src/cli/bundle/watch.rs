//! `casefile bundle watch`: looks at the store now and then, so that it works on every store and needs no server.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::super::store::{Format, FormatArgs, StoreArgs, block_on};
use super::super::term;
use crate::agent::{IndexRef, Watch, one_line};

#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArgs {
    /// Only those of this incident.
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Time between two looks at the store.
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Prints the bundles that are there already first, the earliest first.
    #[arg(long)]
    all: bool,
    /// Ends after this many bundles.
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &WatchArgs) -> anyhow::Result<()> {
    let catalog = args.store.open()?;
    let format = args.format.or(Format::Text);
    block_on(async {
        let mut watch = Watch::begin(catalog, args.incident.clone(), args.all).await?;
        let mut left = args.count.unwrap_or(u64::MAX);
        while left > 0 {
            for found in watch.look().await? {
                if left > 0 {
                    print(&found, format)?;
                    left -= 1;
                }
            }
            if left > 0 {
                tokio::time::sleep(args.interval).await;
            }
        }
        Ok(())
    })
}

fn print(found: &IndexRef, format: Format) -> anyhow::Result<()> {
    let mut out = term::stdout();
    match format {
        // One line each, so that a reader knows where one ends.
        Format::Json => out.line(&serde_json::to_string(found)?)?,
        Format::Yaml => out.text(&format!("---\n{}", serde_saphyr::to_string(found).context("writing YAML")?))?,
        Format::Text | Format::Markdown => out.line(&one_line(&super::row(found).join("  ")))?,
    }
    Ok(std::io::stdout().flush()?)
}
