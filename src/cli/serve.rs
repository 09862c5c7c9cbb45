//! No command: serve until told to stop.

use anyhow::Context as _;

use super::reload::{self, Watched};
use super::sources::{BadConfig, ConfigArgs};
use crate::config::{ProcessEnvironment, ValidatedConfig, Witness};
use crate::exporter::begin_counting_tokens;
use crate::model::Totals;
use crate::pipeline::{self, Addresses, Gateway, ReloadError, Service, ServiceError};
use crate::telemetry::logs;
use crate::telemetry::otlp::SelfTelemetry;

pub(super) fn run(sources: &ConfigArgs) -> anyhow::Result<()> {
    let witness = Witness::of(&ProcessEnvironment);
    let (config, made) = sources.load(&witness)?;
    let runtime = runtime()?;
    let own = {
        let _within = runtime.enter();
        SelfTelemetry::build(&config.pipelines.telemetry).context("sending own telemetry")?
    };
    init_logs_with(&config, &own)?;
    for path in made {
        tracing::info!(path = %path.display(), "made a key: keep it, tokens and signatures depend on it");
    }
    warn_of(&config);
    let digest = witness.digest();
    let served = runtime.block_on(async { serve(&config, Watched::new(sources.clone(), digest)?).await });
    own.finish();
    served
}

pub(super) fn warn_of(config: &ValidatedConfig) {
    for warning in &config.warnings {
        tracing::warn!(path = warning.path, "{}", warning.message);
    }
}

/// Own logs as configured, on stderr alone.
pub(super) fn init_logs(config: &ValidatedConfig) -> anyhow::Result<()> {
    init_logs_with(config, &SelfTelemetry::default())
}

fn init_logs_with(config: &ValidatedConfig, own: &SelfTelemetry) -> anyhow::Result<()> {
    logs::init(&config.pipelines.telemetry.logs, own)
        .map_err(|problem| BadConfig(config.locate(vec![problem.under("service.telemetry.logs")])).into())
}

/// The runtime of the async edges.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// Starts the service; problems of the configuration are given their file and line.
pub(super) async fn start(config: &ValidatedConfig) -> anyhow::Result<Service> {
    Service::start(config).await.map_err(|error| located(config, error))
}

fn located(config: &ValidatedConfig, error: ServiceError) -> anyhow::Error {
    match error {
        ServiceError::Config(problems) => BadConfig(config.locate(problems)).into(),
        other => anyhow::Error::from(other),
    }
}

async fn serve(config: &ValidatedConfig, mut watched: Watched) -> anyhow::Result<()> {
    // Before anything is acknowledged, so that no signal finds the default handler.
    let mut stop = StopSignal::listen()?;
    if config.pipelines.gateway.is_some() {
        let mut gateway = Gateway::start(config).await.map_err(|error| located(config, error))?;
        reload::begin_counting();
        ready(gateway.addresses());
        let failure = loop {
            tokio::select! {
                ended = stop.received_or(gateway.failure()) => break ended,
                news = watched.news() => {
                    if let Some(new) = news {
                        let refused = pipeline::unchangeable(config, &new);
                        let applied = if refused.is_empty() { Ok(()) } else { Err(ReloadError::Restart(refused)) };
                        reload::tell(&new, applied);
                    }
                }
            }
        };
        gateway.stop().await;
        tracing::info!("stopped");
        return failure.map_or(Ok(()), |failure| Err(failure.into()));
    }
    begin_counting_tokens();
    let mut service = start(config).await?;
    reload::begin_counting();
    #[cfg(not(fuzzing))]
    crate::give_back();
    ready(service.addresses());
    let failure = loop {
        tokio::select! {
            ended = stop.received_or(service.failure()) => break ended,
            news = watched.news() => {
                if let Some(new) = news {
                    let applied = service.reload(&new).await;
                    reload::tell(&new, applied);
                }
            }
        }
    };
    let totals = service.stop().await;
    let Totals { accepted, bundled, not_sampled, dropped, carried, reread, .. } = totals;
    tracing::info!(accepted, bundled, not_sampled, dropped, carried, reread, pending = totals.pending(), "stopped");
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

fn ready(at: &Addresses) {
    tracing::info!(grpc = ?at.grpc, http = ?at.http, api = ?at.api, metrics = ?at.metrics, health = ?at.health, "ready");
}

/// SIGTERM or SIGINT.
pub(super) struct StopSignal {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    /// Takes the signals over from the system's default.
    pub(super) fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("listening for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for one, or for a failure, which is the answer.
    async fn received_or(&mut self, failure: impl Future<Output = ServiceError>) -> Option<ServiceError> {
        tokio::select! {
            signal = self.received() => {
                tracing::info!(signal, "stopping");
                None
            }
            failure = failure => Some(failure),
        }
    }

    /// Waits for one; its name.
    pub(super) async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
