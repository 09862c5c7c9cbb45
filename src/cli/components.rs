//! `casefile components`

use std::io::Write;

use crate::config::{Component, Connector, Exporter, Extension, Processor, Receiver};

/// Lists the types of components that a configuration can name.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ComponentsArgs {
    /// JSON in place of a table
    #[arg(long)]
    pub json: bool,
}

/// Lists them.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn run(args: &ComponentsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
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
