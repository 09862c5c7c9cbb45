//! The running program: receivers, shard threads, exporters, probes and the query API, started and stopped in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::intake::WindowIntake;
use super::keeper::LogKeeper;
use super::lanes::Lanes;
use super::report::Reporter;
use super::shards::ShardLoop;
use super::tenants::Tenants;
use super::{Core, build, counts, recover, reload};
use crate::agent::{self, Catalog, Catalogs};
use crate::config::{Authentication, Problem, ValidatedConfig, ValidatedPipelines};
use crate::exporter::ExportQueue;
use crate::model::{CloseReason, DropReason, Outcome, Signal, Totals};
use crate::receiver::kafka::{self, KafkaConsumer};
use crate::receiver::{self, Intake, ReceiverError};
use crate::telemetry::{Clock, Readiness, SteadyClock, SystemClock, admin, metrics};
use crate::transport::{Demands, Protocols, Security};
use crate::window::{LogError, Recovery};

/// The component that is not ready until the service has started, and from the moment that it is asked to stop.
pub(super) const PIPELINE: &str = "pipeline";
/// The component that is not ready while requests are refused.
const INTAKE: &str = "intake";
/// Most time that Kafka clients may take to commit a last time and to leave their groups.
const KAFKA_CLOSE: Duration = Duration::from_secs(8);
/// Part of the time for a graceful stop that is kept for that.
const KAFKA_SHARE: u32 = 3;
/// Part of the time for a graceful stop that windows may take; the rest is the exporter's.
const WINDOWS_SHARE: u32 = 2;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The configuration cannot run.
    #[error("the configuration cannot run")]
    Config(Vec<Problem>),
    /// A receiver cannot listen.
    #[error("a receiver cannot start")]
    Receiver(#[from] ReceiverError),
    /// Probes or metrics cannot be served.
    #[error("probes and metrics cannot be served")]
    Admin(#[from] admin::AdminError),
    /// The metrics recorder cannot be installed.
    #[error("metrics cannot be recorded")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// A Kafka receiver cannot go on.
    #[error("a Kafka receiver cannot go on")]
    Kafka(#[from] kafka::KafkaError),
    /// A server has ended.
    #[error("a server has ended")]
    Server(#[source] tokio::task::JoinError),
    /// Windows cannot be kept on disk.
    #[error("windows cannot be kept on disk")]
    Window(#[from] LogError),
    /// What an earlier process left on disk cannot be read.
    #[error("windows of an earlier process cannot be read")]
    Recovery(#[source] std::io::Error),
    /// The disk that windows are kept on cannot be synced.
    #[error("the disk that windows are kept on cannot be synced")]
    Sync,
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The brokers refuse this client for good.
    #[error("the brokers refuse this client for good")]
    Brokers,
}

/// Why another configuration does not come into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It changes what is made once.
    #[error("it changes what takes a restart")]
    Restart(Vec<Problem>),
    /// It cannot run.
    #[error("it cannot run")]
    Config(Vec<Problem>),
}

/// Where the service listens.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// OTLP/gRPC.
    pub grpc: Vec<SocketAddr>,
    /// OTLP/HTTP.
    pub http: Vec<SocketAddr>,
    /// The query API.
    pub api: Option<SocketAddr>,
    /// `/metrics`.
    pub metrics: Option<SocketAddr>,
    /// Probes.
    pub health: Option<SocketAddr>,
}

/// The running program.
pub struct Service {
    /// What is in force.
    config: ValidatedConfig,
    tenants: Tenants,
    intake: WindowIntake,
    catalogs: Catalogs,
    clock: Arc<dyn Clock>,
    readiness: Readiness,
    reporter: Reporter,
    addresses: Addresses,
    servers: JoinSet<Result<(), ReceiverError>>,
    stop_servers: CancellationToken,
    kafka: Vec<(KafkaConsumer, Lanes)>,
    keepers: Vec<LogKeeper>,
    shards: Vec<JoinHandle<()>>,
    stop_shards: CancellationToken,
    shutdown_timeout: Duration,
    _admin: admin::Admin,
}

impl Service {
    /// Builds every stage, opens the stores and listens. Ready when it returns.
    ///
    /// # Errors
    /// If the configuration cannot run, or an address cannot be listened on; nothing is left running then.
    pub async fn start(config: &ValidatedConfig) -> Result<Self, ServiceError> {
        let pipelines = &config.pipelines;
        // Before anything counts.
        let measured = measure(pipelines)?;
        counts::begin();
        let readiness = Readiness::starting(PIPELINE);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (tenants, on_disk) = Tenants::build(config, &readiness, &clock)?;
        let admin = start_admin(pipelines, measured, &readiness)?;
        let steady: Arc<dyn Clock> = Arc::new(SteadyClock::start());
        let mut keepers = Vec::new();
        for (tenant, found) in on_disk {
            let (Some((log, recovery)), Some(of)) = (found, tenants.get(&tenant)) else { continue };
            take_up(&of.core, &steady, &of.exporter, recovery).await?;
            keepers.push(LogKeeper::spawn(log, Arc::clone(&steady)).map_err(ServiceError::Thread)?);
        }
        let catalogs = Catalogs::new(tenants.catalogs());
        let intake = WindowIntake::new(tenants.clone(), Arc::clone(&steady), build::in_flight(pipelines));
        let mut addresses =
            Addresses { metrics: admin.metrics_address(), health: admin.health_address(), ..Addresses::default() };
        let mut servers = JoinSet::new();
        let stop_servers = CancellationToken::new();
        let stop = stop_servers.clone().drop_guard();
        serve_otlp(config, &intake, &mut addresses, &mut servers, &stop_servers).await?;
        if let Some((id, api)) = &pipelines.api {
            let (tls, auth, tenants) = (api.tls.as_ref(), api.auth.as_ref(), api.tenants);
            let demands = Demands { server: "api", protocols: Protocols::H2AndHttp1, tls, tokens: None, tenants };
            let security = secured(config, &format!("extensions.{id}"), auth, demands)?;
            let listener = receiver::bind(&api.endpoint).await?;
            addresses.api = listener.local_addr().ok();
            let (catalogs, stop) = (catalogs.clone(), stop_servers.clone());
            servers.spawn(async move {
                if let Err(error) = agent::serve_api(listener, catalogs, security, stop).await {
                    tracing::error!(%error, "query api ended");
                }
                Ok(())
            });
        }
        let stop_shards = CancellationToken::new();
        let mut shards = Vec::new();
        for one in tenants.iter() {
            let working = ShardLoop {
                core: Arc::clone(&one.core),
                clock: Arc::clone(&steady),
                exporter: Arc::clone(&one.exporter),
                runtime: tokio::runtime::Handle::current(),
                stop: stop_shards.clone(),
            };
            shards.extend(working.spawn().map_err(ServiceError::Thread)?);
        }
        let of_default = tenants.of_default();
        let mut kafka = Vec::new();
        for source in build::kafka_sources(pipelines, of_default.core.reach()).map_err(ServiceError::Config)? {
            let runtime = tokio::runtime::Handle::current();
            let (core, exporter) = (Arc::clone(&of_default.core), Arc::clone(&of_default.exporter));
            let (lanes, sender) = Lanes::spawn(core, exporter, runtime).map_err(ServiceError::Thread)?;
            let consumer = kafka::spawn(source, sender, Arc::clone(&steady), readiness.clone());
            kafka.push((consumer.map_err(ServiceError::Thread)?, lanes));
        }
        let tell_full = {
            let (full, clock, readiness) = (intake.fullness(), Arc::clone(&steady), readiness.clone());
            move || {
                if full.is_full(clock.now()) {
                    readiness.set_not_ready(INTAKE, "requests are refused: there is no room");
                } else {
                    readiness.set_ready(INTAKE);
                }
            }
        };
        let others = kafka.iter().map(|(_, lanes)| lanes.open_traces()).collect();
        let reporter = Reporter::start(tenants.clone(), others, tell_full);
        readiness.set_ready(PIPELINE);
        stop.disarm();
        Ok(Self {
            config: config.clone(),
            tenants,
            intake,
            catalogs,
            clock,
            readiness,
            reporter,
            addresses,
            servers,
            stop_servers,
            kafka,
            keepers,
            shards,
            stop_shards,
            shutdown_timeout: pipelines.shutdown_timeout,
            _admin: admin,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The first store, to be read.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.tenants.of_default().catalog()
    }

    /// Goes by another configuration from now on: its policies, redaction, services and exporters. What is in the windows stays there, and
    /// each bundle is made by one of the two.
    ///
    /// # Errors
    /// If what differs takes a restart, or cannot run; the old one stays in force then.
    pub async fn reload(&mut self, config: &ValidatedConfig) -> Result<(), ReloadError> {
        let refused = reload::unchangeable(&self.config, config);
        if !refused.is_empty() {
            return Err(ReloadError::Restart(refused));
        }
        let before = &self.config.pipelines;
        let reloaded = self.tenants.reload(before, config, &self.readiness, &self.clock).await;
        reloaded.map_err(ReloadError::Config)?;
        // Whoever is not there any more, or was made anew, has nothing against being ready.
        let ids = before.bundles.iter().map(|(id, _)| id).chain(before.raw.iter().map(|(id, _)| id));
        for id in ids {
            let is_kept = config.pipelines.bundles.iter().any(|one| before.bundles.contains(one) && one.0 == *id);
            if !is_kept {
                self.readiness.set_ready(&format!("exporter {id}"));
            }
        }
        self.catalogs.replace(self.tenants.catalogs());
        self.config = config.clone();
        Ok(())
    }

    /// Waits for what never gets well again: a server that ends although it was not asked to, a disk that cannot be synced.
    pub async fn failure(&mut self) -> ServiceError {
        let Self { servers, keepers, kafka, .. } = self;
        let mut disks: FuturesUnordered<_> = keepers.iter().map(LogKeeper::failure).collect();
        let mut reading: FuturesUnordered<_> = kafka
            .iter_mut()
            .map(|(consumer, lanes)| async {
                tokio::select! {
                    failure = consumer.failure() => failure,
                    () = lanes.failure() => kafka::KafkaError::Panicked,
                }
            })
            .collect();
        tokio::select! {
            error = ended(servers) => error,
            Some(()) = disks.next() => ServiceError::Sync,
            Some(failure) = reading.next() => failure.into(),
        }
    }

    /// Stops in order: intake is refused, receivers end, open windows are decided (marked `shutdown`; on disk they are left
    /// to the next start), the exporter is drained. What is not stored within the time for a graceful stop is counted as `shutdown_deadline`. Returns how all
    /// records ended.
    pub async fn stop(mut self) -> Totals {
        let end = tokio::time::Instant::now() + self.shutdown_timeout;
        self.readiness.set_not_ready(PIPELINE, "shutting down");
        self.intake.close();
        self.stop_servers.cancel();
        for (consumer, lanes) in &self.kafka {
            // What is open there is left to whoever reads the lanes next.
            consumer.drain();
            lanes.stop_deciding();
        }
        join(&mut self.servers, self.shutdown_timeout / WINDOWS_SHARE / 2).await;
        self.stop_shards.cancel();
        let shards = std::mem::take(&mut self.shards);
        let mut decided =
            tokio::task::spawn_blocking(move || shards.into_iter().filter_map(|shard| shard.join().err()).count());
        let windows = tokio::time::timeout_at(end - self.shutdown_timeout / WINDOWS_SHARE, &mut decided).await;
        let close =
            if self.kafka.is_empty() { Duration::ZERO } else { KAFKA_CLOSE.min(self.shutdown_timeout / KAFKA_SHARE) };
        let patience = (end - close).duration_since(tokio::time::Instant::now());
        let drained = futures::future::join_all(self.tenants.iter().map(|one| one.exporter.drain(patience))).await;
        let left: usize = drained.into_iter().sum();
        if left > 0 {
            tracing::error!(bundles = left, "time for a graceful stop is over, bundles were given up");
        }
        // After the drain: what was stored is committed.
        let kafka = std::mem::take(&mut self.kafka).into_iter().map(|(consumer, lanes)| async {
            consumer.end().await;
            lanes.ended().await;
        });
        let close = end.min(tokio::time::Instant::now() + KAFKA_CLOSE);
        if tokio::time::timeout_at(close, futures::future::join_all(kafka)).await.is_err() {
            tracing::warn!("Kafka clients did not close in time and are left behind");
        }
        // Closing the queue lets threads go that waited for a place in it.
        let panicked = match windows {
            Ok(panicked) => panicked.unwrap_or(1),
            Err(_) => decided.await.unwrap_or(1),
        };
        if panicked > 0 {
            tracing::error!(threads = panicked, "shard threads have panicked");
        }
        // What a connection that had to be cut put into a window behind its thread's back.
        let now = SystemClock.now();
        for core in self.tenants.iter().map(|one| &one.core) {
            for shard in 0..core.shards() {
                for trace in core.close_all(now, shard, CloseReason::Shutdown, usize::MAX) {
                    trace.tracked.settle(Outcome::Dropped(DropReason::ShutdownDeadline));
                }
            }
            core.end();
        }
        self.keepers.into_iter().for_each(LogKeeper::stop);
        self.reporter.stop().await;
        self.tenants.iter().fold(Totals::default(), |totals, one| totals.plus(one.core.ledger().totals()))
    }
}

/// Begins to measure, unless it is not wanted. What counted before would be missing.
pub(super) fn measure(pipelines: &ValidatedPipelines) -> Result<Option<PrometheusHandle>, ServiceError> {
    let is_wanted = pipelines.telemetry.metrics.level != "none";
    Ok(is_wanted.then(metrics::install).transpose()?)
}

/// Serves metrics and probes.
pub(super) fn start_admin(
    pipelines: &ValidatedPipelines,
    measured: Option<PrometheusHandle>,
    readiness: &Readiness,
) -> Result<admin::Admin, ServiceError> {
    let metrics = pipelines.telemetry.metrics.endpoint();
    Ok(admin::Admin::start(
        measured.map(|handle| (metrics.as_str(), handle)),
        pipelines.health_check.as_ref().map(|health| (health.endpoint.as_str(), readiness.clone())),
    )?)
}

/// Waits for a server that ends although it was not asked to.
pub(super) async fn ended(servers: &mut JoinSet<Result<(), ReceiverError>>) -> ServiceError {
    while let Some(ended) = servers.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.into(),
            Err(error) => return ServiceError::Server(error),
        }
    }
    std::future::pending().await
}

/// Waits for servers that were asked to end, and cuts off what is not done in time.
pub(super) async fn join(servers: &mut JoinSet<Result<(), ReceiverError>>, time: Duration) {
    let ended = async { while servers.join_next().await.is_some() {} };
    if tokio::time::timeout(time, ended).await.is_err() {
        tracing::warn!("connections were still open and have been cut");
        servers.abort_all();
    }
}

/// Puts what an earlier process left on disk back into the windows.
async fn take_up(
    core: &Arc<Core>,
    clock: &Arc<dyn Clock>,
    exporter: &Arc<ExportQueue>,
    recovery: Recovery,
) -> Result<(), ServiceError> {
    let (core, clock, exporter) = (Arc::clone(core), Arc::clone(clock), Arc::clone(exporter));
    let runtime = tokio::runtime::Handle::current();
    let taken = tokio::task::spawn_blocking(move || {
        recover::recover(&core, clock.now(), recovery, |sealed| {
            if let Err(refused) = runtime.block_on(exporter.send(sealed)) {
                refused.sealed.into_tracked().settle(Outcome::Carried);
            }
        })
    });
    let taken = taken.await.map_err(ServiceError::Server)?.map_err(ServiceError::Recovery)?;
    recover::report(&taken);
    Ok(())
}

/// Listens for OTLP, and hands over to `intake` what comes.
pub(super) async fn serve_otlp<I: Intake>(
    config: &ValidatedConfig,
    intake: &I,
    addresses: &mut Addresses,
    servers: &mut JoinSet<Result<(), ReceiverError>>,
    stop: &CancellationToken,
) -> Result<(), ServiceError> {
    let mut waiting: Vec<(TcpListener, Transport, Vec<Signal>, Security)> = Vec::new();
    for (id, otlp, signals) in &config.pipelines.otlp {
        if let Some(grpc) = &otlp.protocols.grpc {
            let (tls, auth, tenants) = (grpc.tls.as_ref(), grpc.auth.as_ref(), grpc.tenants);
            let demands = Demands { server: "grpc", protocols: Protocols::H2, tls, tokens: None, tenants };
            let security = secured(config, &format!("receivers.{id}.protocols.grpc"), auth, demands)?;
            let listener = receiver::bind(&grpc.endpoint).await?;
            addresses.grpc.extend(listener.local_addr().ok());
            waiting.push((listener, Transport::Grpc(Box::new(grpc.clone())), signals.clone(), security));
        }
        if let Some(http) = &otlp.protocols.http {
            let (tls, auth, tenants) = (http.tls.as_ref(), http.auth.as_ref(), http.tenants);
            let demands = Demands { server: "http", protocols: Protocols::H2AndHttp1, tls, tokens: None, tenants };
            let security = secured(config, &format!("receivers.{id}.protocols.http"), auth, demands)?;
            let listener = receiver::bind(&http.endpoint).await?;
            addresses.http.extend(listener.local_addr().ok());
            waiting.push((listener, Transport::Http(Box::new(http.clone())), signals.clone(), security));
        }
    }
    // Every address is bound before the first request is answered.
    for (listener, transport, signals, security) in waiting {
        let (intake, stop) = (intake.clone(), stop.clone());
        servers.spawn(async move {
            match transport {
                Transport::Grpc(config) => {
                    receiver::serve_grpc(listener, &config, &signals, intake, security, stop).await
                }
                Transport::Http(config) => {
                    receiver::serve_http(listener, &config, &signals, intake, security, stop).await
                }
            }
        });
    }
    Ok(())
}

/// What stands at the door of a server whose section is at `path`.
fn secured(
    config: &ValidatedConfig,
    path: &str,
    auth: Option<&Authentication>,
    demands: Demands<'_>,
) -> Result<Security, ServiceError> {
    // Authenticators that are not there do not pass validation.
    let id = auth.map(|auth| auth.authenticator.to_string());
    let tokens = id.as_ref().and_then(|id| config.pipelines.authenticators.get(id));
    if auth.is_some() && tokens.is_none() {
        let problem = Problem::new(format!("{path}.auth.authenticator"), "this extension does not run");
        return Err(ServiceError::Config(vec![problem]));
    }
    Security::open(Demands { tokens, ..demands }).map_err(|problem| {
        let of_server = problem.path == "tls" || problem.path.starts_with("tls.");
        let under = if of_server { path.to_owned() } else { format!("extensions.{}", id.unwrap_or_default()) };
        ServiceError::Config(vec![problem.under(&under)])
    })
}

enum Transport {
    Grpc(Box<crate::config::GrpcServer>),
    Http(Box<crate::config::HttpServer>),
}
