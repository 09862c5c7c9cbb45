//! A gateway: OTLP in, Kafka out. Nothing is decided, kept or redacted here: the processes that read the topics do that.
//!
//! It exists for clients that are balanced without regard to trace ids: the topics' partitions put the records of a trace together
//! again. Records are on the topics as their clients sent them, so topics need the protection that the records do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::build;
use super::service::{self, Addresses, ServiceError};
use crate::config::{Problem, ValidatedConfig};
use crate::exporter::{KafkaWriteError, KafkaWriter};
use crate::model::{Budget, DEFAULT_TENANT, Tenant, TraceId};
use crate::otlp::AttachedFile;
use crate::receiver::{AdmitError, Admitted, AttachError, Incoming, Intake, ReceiverError, Refusal, RefusalReason};
use crate::telemetry::{Readiness, admin};

/// The wait asked of a client whose request the brokers do not have.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Sends requests on until the gateway is asked to stop.
#[derive(Clone)]
struct GatewayIntake {
    writer: KafkaWriter,
    closed: Arc<AtomicBool>,
    in_flight: Option<Budget>,
}

impl Intake for GatewayIntake {
    fn in_flight(&self) -> Option<Budget> {
        self.in_flight.clone()
    }

    async fn admit(&self, incoming: Incoming) -> Result<Admitted, AdmitError> {
        let refuse = |reason| Err(Refusal { reason, retry_after: RETRY_AFTER }.into());
        if self.closed.load(Ordering::Acquire) {
            return refuse(RefusalReason::ShuttingDown);
        }
        let Incoming { signal, bytes, entries, .. } = incoming;
        match self.writer.write(signal, bytes, entries).await {
            Ok(written) => Ok(Admitted { too_large: written.too_large }),
            Err(error @ KafkaWriteError::TooLarge { .. }) => Err(AdmitError::TooLarge(error.to_string())),
            Err(KafkaWriteError::Full) => refuse(RefusalReason::BufferFull),
            Err(KafkaWriteError::Unacknowledged(_) | KafkaWriteError::Unknown | KafkaWriteError::Misplaced) => {
                refuse(RefusalReason::BrokerUnavailable)
            }
            Err(KafkaWriteError::Bug) => Err(AdmitError::Bug),
        }
    }

    /// A gateway keeps no tenants apart, and its configuration names none.
    fn serves(&self, tenant: &Tenant) -> bool {
        tenant.as_str() == DEFAULT_TENANT
    }

    /// Digests are keyed, and only those who redact have the key.
    fn attachment_digest(&self, _: &Tenant, _: &[u8]) -> Option<String> {
        None
    }

    /// Who reads the topics finds out by itself whether there is a bundle.
    async fn expect(&self, _: &Tenant, _: TraceId) -> Result<(), Refusal> {
        Ok(())
    }

    async fn attach(&self, _: &Tenant, _: String, _: AttachedFile) -> Result<(), AttachError> {
        Err(AttachError::NoStore)
    }
}

/// The running gateway.
pub struct Gateway {
    writer: KafkaWriter,
    closed: Arc<AtomicBool>,
    readiness: Readiness,
    addresses: Addresses,
    servers: JoinSet<Result<(), ReceiverError>>,
    watch: JoinHandle<()>,
    /// Ends servers, and later the watch.
    stop_servers: CancellationToken,
    stop_watch: CancellationToken,
    shutdown_timeout: Duration,
    _admin: admin::Admin,
}

impl Gateway {
    /// Starts a client of the brokers, and listens. Ready once the brokers answer: until then clients are told to come again.
    ///
    /// # Errors
    /// If the configuration cannot run, or an address cannot be listened on; nothing is left running then.
    pub async fn start(config: &ValidatedConfig) -> Result<Self, ServiceError> {
        let pipelines = &config.pipelines;
        let Some((id, kafka)) = &pipelines.gateway else {
            let problem = Problem::new("service.pipelines", "no pipeline ends in a `kafka` exporter");
            return Err(ServiceError::Config(vec![problem]));
        };
        // Before anything counts.
        let measured = service::measure(pipelines)?;
        let readiness = Readiness::starting(service::PIPELINE);
        let on_health = build::report_to(&readiness, id);
        on_health(false, "the brokers have not answered yet");
        let max_bytes = build::limited(pipelines, kafka.max_buffered);
        let writer = KafkaWriter::open(id, kafka, max_bytes, on_health)
            .map_err(|problem| ServiceError::Config(vec![problem]))?;
        let admin = service::start_admin(pipelines, measured, &readiness)?;
        let mut addresses =
            Addresses { metrics: admin.metrics_address(), health: admin.health_address(), ..Addresses::default() };
        let closed = Arc::new(AtomicBool::new(false));
        let in_flight = build::in_flight(pipelines);
        let intake = GatewayIntake { writer: writer.clone(), closed: Arc::clone(&closed), in_flight };
        let mut servers = JoinSet::new();
        let stop_servers = CancellationToken::new();
        let stop = stop_servers.clone().drop_guard();
        service::serve_otlp(config, &intake, &mut addresses, &mut servers, &stop_servers).await?;
        let stop_watch = CancellationToken::new();
        let watch = tokio::spawn({
            let (writer, stop, signals) = (writer.clone(), stop_watch.clone(), pipelines.otlp_signals());
            async move { writer.watch(signals, stop).await }
        });
        readiness.set_ready(service::PIPELINE);
        stop.disarm();
        Ok(Self {
            writer,
            closed,
            readiness,
            addresses,
            servers,
            watch,
            stop_servers,
            stop_watch,
            shutdown_timeout: pipelines.shutdown_timeout,
            _admin: admin,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Waits for what never gets well again: a server that ends although it was not asked to, a client that the brokers refuse for good.
    pub async fn failure(&mut self) -> ServiceError {
        let Self { servers, writer, .. } = self;
        tokio::select! {
            error = service::ended(servers) => error,
            () = writer.broken() => ServiceError::Brokers,
        }
    }

    /// Stops in order: new requests are refused, those in progress are answered as the brokers answer, and what nobody waits for any more is
    /// given up when the time for a graceful stop is over. Nobody was told that the brokers have it.
    pub async fn stop(mut self) {
        let end = tokio::time::Instant::now() + self.shutdown_timeout;
        self.readiness.set_not_ready(service::PIPELINE, "shutting down");
        self.closed.store(true, Ordering::Release);
        self.stop_servers.cancel();
        service::join(&mut self.servers, self.shutdown_timeout / 2).await;
        let (writer, left) = (self.writer.clone(), end.duration_since(tokio::time::Instant::now()));
        if tokio::task::spawn_blocking(move || writer.flush(left)).await.is_err() {
            tracing::error!("flushing messages has failed");
        }
        self.stop_watch.cancel();
        if self.watch.await.is_err() {
            tracing::error!("the watch over the brokers has failed");
        }
    }
}
