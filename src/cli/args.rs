//! Options that several commands share.

use clap::Args;

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ConfigArgs {
    /// Configuration: a path, or a `file:`, `env:` or `yaml:` URI. Several are merged in order.
    #[arg(long, global = true, value_name = "URI")]
    pub(super) config: Vec<String>,
    /// Sets one value after everything else: `--set exporters.bundle/main.url=file:/tmp/out`.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}
