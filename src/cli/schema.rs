//! `casefile schema`

use std::io::Write;

use schemars::Schema;

use crate::config::Config;
use crate::model::{Bundle, Manifest};

/// Prints a JSON Schema (2020-12).
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SchemaArgs {
    /// Of which document
    #[arg(value_enum, default_value_t = Document::Config)]
    pub document: Document,
}

/// Documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Document {
    /// The configuration
    Config,
    /// A bundle
    Bundle,
    /// A bundle's manifest
    Manifest,
}

/// The schema of a document.
#[must_use]
pub(super) fn schema(document: Document) -> Schema {
    let (mut schema, id, title) = match document {
        Document::Config => (schemars::schema_for!(Config), "urn:casefile:schema:config:1", "Casefile configuration"),
        Document::Bundle => (schemars::schema_for!(Bundle), "urn:casefile:schema:bundle:1", "Casefile bundle"),
        Document::Manifest => (schemars::schema_for!(Manifest), "urn:casefile:schema:manifest:1", "Casefile manifest"),
    };
    schema.insert("$id".to_owned(), id.into());
    schema.insert("title".to_owned(), title.into());
    schema
}

/// Prints it.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn run(args: &SchemaArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &schema(args.document))?;
    writeln!(out)?;
    Ok(())
}
