//! `casefile components`

use std::io::Write;

use crate::config::{Component, Connector, Exporter, Extension, Processor, Receiver};
use crate::telemetry::metrics::{Described, Kind, described};

/// Lists the types of components that a configuration can name.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ComponentsArgs {
    /// JSON in place of a table
    #[arg(long)]
    pub json: bool,
    /// The metrics that Casefile reports, in place of the components: as Markdown, or as JSON with --json
    #[arg(long)]
    pub metrics: bool,
}

/// Lists them.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn run(args: &ComponentsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.metrics {
        return metrics(args.json, out);
    }
    let classes = [
        ("receivers", Receiver::TYPES),
        ("processors", Processor::TYPES),
        ("connectors", Connector::TYPES),
        ("exporters", Exporter::TYPES),
        ("extensions", Extension::TYPES),
    ];
    if args.json {
        let mut answer = serde_json::Map::new();
        answer.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
        answer.extend(classes.into_iter().map(|(class, types)| (class.to_owned(), types.into())));
        serde_json::to_writer_pretty(&mut *out, &answer)?;
        writeln!(out)?;
    } else {
        for (class, types) in classes {
            writeln!(out, "{class:<12} {}", types.join(", "))?;
        }
    }
    Ok(())
}

/// The reference page of metrics.
fn metrics(as_json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let described = described();
    if as_json {
        serde_json::to_writer_pretty(&mut *out, &described)?;
        return Ok(writeln!(out)?);
    }
    writeln!(out, "# Metrics\n")?;
    writeln!(
        out,
        "What Casefile tells Prometheus at `service.telemetry.metrics.address` (`/metrics`, 127.0.0.1:8888 by default)."
    )?;
    writeln!(out, "Made by `casefile components --metrics`; a test holds it up to date.\n")?;
    writeln!(out, "| name | type | unit | meaning, and labels in backquotes |\n|---|---|---|---|")?;
    for Described { name, kind, unit, help } in described {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        writeln!(out, "| `{name}` | {kind} | {unit} | {} |", help.replace('|', "\\|"))?;
    }
    Ok(())
}
