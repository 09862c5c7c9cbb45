//! `casefile print-config`

use std::io::Write;

use super::sources::ConfigArgs;

/// Prints the configuration as it would run: merged, expanded, with defaults, secrets as `[secret]`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct PrintConfigArgs {
    /// JSON in place of YAML
    #[arg(long)]
    pub json: bool,
}

/// Prints it.
///
/// # Errors
/// If the configuration cannot run ([`super::sources::BadConfig`]), or `out` cannot be written.
pub(super) fn run(args: &PrintConfigArgs, sources: &ConfigArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let document = sources.inspect()?.document;
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", serde_saphyr::to_string(&document)?)?;
    }
    Ok(())
}
