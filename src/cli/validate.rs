//! `casefile validate`

use std::io::Write;

use super::sources::{BadConfig, ConfigArgs};
use crate::config::{Problem, ValidatedConfig};

/// Checks a configuration, and runs nothing.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ValidateArgs {
    /// Do not read the variables and files that the configuration refers to: accept whatever they may hold
    #[arg(long)]
    pub no_environment: bool,
}

/// Says that it is valid, with its warnings and digest. `compile` makes the stages' own checks, which need their sections
/// compiled; it answers with every problem by its full path.
///
/// # Errors
/// If the configuration cannot run ([`BadConfig`]), or `out` cannot be written.
pub(super) fn run(
    args: &ValidateArgs,
    sources: &ConfigArgs,
    compile: &dyn Fn(&ValidatedConfig) -> Vec<Problem>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let config = if args.no_environment { sources.inspect_without_environment()? } else { sources.inspect()? };
    let problems = compile(&config);
    if !problems.is_empty() {
        return Err(BadConfig(config.locate(problems)).into());
    }
    writeln!(out, "valid, {}", config.digest)?;
    if !config.warnings.is_empty() {
        for line in config.locate(config.warnings.clone()).to_string().lines() {
            writeln!(out, "warning: {line}")?;
        }
    }
    Ok(())
}
