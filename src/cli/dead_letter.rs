//! `casefile dead-letter`

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use super::sources::ConfigArgs;
use crate::model::RootKey;
use crate::receiver::kafka::open_dead_letter;

/// Decrypts one message of a dead-letter topic with the redaction keys of the configuration, and writes its payload to stdout:
/// `kcat -C -b BROKERS -t TOPIC -o -1 -c 1 -e | casefile --config casefile.yaml dead-letter`.
///
/// What it shows is not redacted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct DeadLetterArgs {
    /// File with the message's value; stdin by default
    file: Option<PathBuf>,
    /// Writes the message's key in place of its payload
    #[arg(long)]
    key: bool,
}

/// # Errors
/// If the message cannot be read or opened, or `out` cannot be written.
pub(super) fn run(
    args: &DeadLetterArgs,
    sources: &ConfigArgs,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let config = sources.inspect()?;
    let redaction = &config.pipelines.redaction;
    let keys = std::iter::once(&redaction.key).chain(redaction.previous_keys.iter().map(|previous| &previous.key));
    let roots: Vec<RootKey> = keys.filter_map(|key| RootKey::parse(key.expose()).ok()).collect();
    let mut letter = Vec::new();
    match &args.file {
        Some(path) => {
            letter = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        }
        None => {
            input.read_to_end(&mut letter).context("reading stdin")?;
        }
    }
    let opened = open_dead_letter(&roots, &letter).or_else(|error| {
        // Consoles put a line's end behind each message.
        letter.strip_suffix(b"\n").map_or(Err(error), |letter| open_dead_letter(&roots, letter))
    });
    let (key, payload) = opened?;
    out.write_all(if args.key { &key } else { &payload })?;
    out.flush()?;
    Ok(())
}
