//! `--config` and `--set`, which several subcommands take.

use crate::config::{self, ConfigErrors, Environment, ProcessEnvironment, ValidatedConfig};

/// A configuration that cannot run: exit code 78 (`EX_CONFIG`).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadConfig(pub ConfigErrors);

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ConfigArgs {
    /// Configuration: a path, `file:path`, `env:NAME` or `yaml:text`. May be given several times: later ones are laid over earlier ones
    #[arg(long = "config", short = 'c', global = true, value_name = "SOURCE")]
    pub config: Vec<String>,
    /// Sets one key over everything else: `--set service.telemetry.logs.level=debug`
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Key material that stands in for the built-in configuration's own, where nothing is to run.
const PLACEHOLDER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl ConfigArgs {
    /// Loads what was named; the built-in configuration, without making its keys, where nothing was.
    ///
    /// # Errors
    /// If it cannot run.
    pub(super) fn inspect(&self) -> Result<ValidatedConfig, BadConfig> {
        if self.config.is_empty() {
            let folder = super::keys::data_dir(&ProcessEnvironment);
            return config::embedded(PLACEHOLDER, Some(PLACEHOLDER), &folder, &self.set).map_err(BadConfig);
        }
        config::load(&self.config, &self.set, &ProcessEnvironment).map_err(BadConfig)
    }

    /// As [`ConfigArgs::inspect`], without reading what the documents refer to.
    ///
    /// # Errors
    /// If it cannot run whatever they refer to.
    pub(super) fn inspect_without_environment(&self) -> Result<ValidatedConfig, BadConfig> {
        if self.config.is_empty() {
            return self.inspect();
        }
        config::load_without_environment(&self.config, &self.set, &ProcessEnvironment).map_err(BadConfig)
    }

    /// Loads what is to run. Where nothing was named that is the built-in configuration, whose keys are made if there
    /// are none yet; the second value tells of keys that were made.
    ///
    /// # Errors
    /// If it cannot run ([`BadConfig`]), or keys can be neither read nor made.
    pub(super) fn load(&self, env: &dyn Environment) -> anyhow::Result<(ValidatedConfig, Vec<std::path::PathBuf>)> {
        if !self.config.is_empty() {
            return Ok((config::load(&self.config, &self.set, env).map_err(BadConfig)?, Vec::new()));
        }
        let folder = super::keys::data_dir(env);
        let keys = super::keys::obtain(std::path::Path::new(&folder), env)?;
        let config = config::embedded(&keys.root, Some(&keys.signing), &folder, &self.set).map_err(BadConfig)?;
        Ok((config, keys.made))
    }
}
