//! The configuration while the process runs: it is read again on SIGHUP, and when what it is made of has changed.

use std::time::Duration;

use anyhow::Context as _;
use metrics::counter;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::sources::BadConfig;
use super::sources::ConfigArgs;
use crate::config::{ProcessEnvironment, ValidatedConfig, Witness};
use crate::pipeline::ReloadError;
use crate::telemetry::names;

/// How often the files are looked at. By content, since Kubernetes swaps symlinks.
const LOOK: Duration = Duration::from_secs(5);

/// Where the configuration came from, and what was read there last.
pub(super) struct Watched {
    sources: ConfigArgs,
    digest: [u8; 32],
    hangup: Signal,
}

impl Watched {
    /// Watches what had this digest when it was read. From here on SIGHUP ends no process.
    ///
    /// Must be called in a tokio runtime.
    pub(super) fn new(sources: ConfigArgs, digest: [u8; 32]) -> anyhow::Result<Self> {
        Ok(Self { sources, digest, hangup: signal(SignalKind::hangup()).context("listening for signals")? })
    }

    /// Waits for a signal or a change. The configuration that is there now, if it is another one and valid.
    ///
    /// May be dropped at any time while it waits.
    pub(super) async fn news(&mut self) -> Option<ValidatedConfig> {
        let is_asked = tokio::select! {
            _ = self.hangup.recv() => true,
            () = tokio::time::sleep(LOOK), if !self.sources.config.is_empty() => false,
        };
        self.look(is_asked)
    }

    fn look(&mut self, is_asked: bool) -> Option<ValidatedConfig> {
        let witness = Witness::of(&ProcessEnvironment);
        let read = self.sources.load(&witness);
        let digest = witness.digest();
        if digest == self.digest {
            if is_asked {
                tracing::info!("the configuration was read again and is the same");
                count("unchanged");
            }
            return None;
        }
        self.digest = digest;
        match read {
            Ok((config, _)) => Some(config),
            Err(error) => {
                tracing::error!(
                    "the configuration has changed and is not valid, the old one stays in force: {error:#}"
                );
                count("failed");
                None
            }
        }
    }
}

/// Begins to count, with none: a first time that is also the first sample would be no increase to Prometheus.
pub(super) fn begin_counting() {
    for result in ["ok", "unchanged", "failed", "refused"] {
        counter!(names::CONFIG_RELOADS, "result" => result).increment(0);
    }
}

/// Says whether a configuration is in force.
pub(super) fn tell(config: &ValidatedConfig, applied: Result<(), ReloadError>) {
    let (result, problems) = match applied {
        Ok(()) => {
            super::serve::warn_of(config);
            tracing::info!(digest = config.digest, "the configuration has changed and is in force");
            return count("ok");
        }
        Err(ReloadError::Restart(problems)) => ("refused", problems),
        Err(ReloadError::Config(problems)) => ("failed", problems),
    };
    let why = BadConfig(config.locate(problems));
    tracing::error!("the configuration has changed and cannot be taken over, the old one stays in force: {why}");
    count(result);
}

fn count(result: &'static str) {
    counter!(names::CONFIG_RELOADS, "result" => result).increment(1);
}
