//! From sections of the configuration to the parts that [`Service`](super::Service) runs.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::{Core, ServiceError};
use crate::bundle::{Signer, names};
use crate::config::{
    BundleExporter, ByteSize, Duration, KafkaReceiver, MemoryLimiter, Problem, RawExporter, RetryOnFailure, Secret,
    ValidatedConfig, ValidatedPipelines,
};
use crate::exporter::{BundleWriter, KafkaWriter, OnHealth, Outlets, RawWriter, Store, Webhook};
use crate::model::{Budget, DEFAULT_TENANT, RootKey, Signal, Tenant};
use crate::receiver::kafka::KafkaSource;
use crate::telemetry::{Clock, Readiness};
use crate::window::{LogError, LogSettings, Recovery, WindowLog};

const MIB: u64 = 1024 * 1024;
/// What a walk notes of a request at most, of as many records as one may have.
const NOTED: u64 = 32 * MIB;
/// What the process takes for itself: rules that are compiled, threads, and bundles that are being made.
const OWN: u64 = 128 * MIB;

/// Bytes that open windows may hold: what the window says, or the memory limiter if that is less.
pub(super) fn byte_budget(pipelines: &ValidatedPipelines) -> usize {
    limited(pipelines, pipelines.incident.window.max_bytes)
}

/// So many bytes, or what the memory limiter allows if that is less: what is left of its limit beside requests that are being read and the
/// process itself, less an eighth, which the allocator has lying between what is held; but a quarter of the limit at least.
pub(super) fn limited(pipelines: &ValidatedPipelines, bytes: ByteSize) -> usize {
    let left = pipelines.memory_limiter.as_ref().map(|limiter| {
        let limit = limiter.limit_mib.saturating_mul(MIB);
        let left = limit.saturating_sub(read_at_once(pipelines, limiter)).saturating_sub(OWN);
        (left - left / 8).max(limit / 4)
    });
    usize::try_from(bytes.0.min(left.unwrap_or(u64::MAX))).unwrap_or(usize::MAX)
}

/// What requests that are being read may hold together, where memory is limited.
pub(super) fn in_flight(pipelines: &ValidatedPipelines) -> Option<Budget> {
    let bytes = read_at_once(pipelines, pipelines.memory_limiter.as_ref()?);
    Some(Budget::new(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// The spike, and never less than the largest request takes, compressed and inflated and with what a walk notes of its records: it would be
/// told to come again for ever.
fn read_at_once(pipelines: &ValidatedPipelines, limiter: &MemoryLimiter) -> u64 {
    let largest = pipelines.otlp.iter().flat_map(|(_, otlp, _)| {
        let grpc = otlp.protocols.grpc.as_ref().map(|grpc| grpc.max_recv_msg_size_mib.saturating_mul(MIB));
        let http = otlp.protocols.http.as_ref().map(|http| http.max_request_body_size.max(http.max_attachment_size));
        grpc.into_iter().chain(http)
    });
    let largest = largest.max().unwrap_or_default();
    let noted = largest.saturating_mul(4).min(NOTED);
    limiter.spike_limit_mib.saturating_mul(MIB).max(largest.saturating_mul(2).saturating_add(noted))
}

/// The core of a tenant with so many shards. It is compiled on a thread of its own: what that takes for a moment leaves some MB that only
/// this thread can use again, until it ends.
pub(super) fn core(
    config: &ValidatedConfig,
    tenant: &Tenant,
    shards: usize,
    budget: Budget,
) -> Result<Core, ServiceError> {
    let compile = || Core::build_for(config, tenant, shards, budget);
    thread::scope(|scope| {
        let compiling = thread::Builder::new().name("compile".to_owned()).spawn_scoped(scope, compile);
        let compiled = compiling.map_err(ServiceError::Thread)?.join();
        compiled.unwrap_or_else(|panic| resume_unwind(panic)).map_err(ServiceError::Config)
    })
}

/// The signer of manifests, if one is configured.
pub(super) fn signer(pipelines: &ValidatedPipelines) -> Result<Option<Arc<Signer>>, Vec<Problem>> {
    let Some(signing) = &pipelines.signing else { return Ok(None) };
    let signer = Signer::from_pem(signing.key.expose());
    signer
        .map(|signer| Some(Arc::new(signer)))
        .map_err(|problem| vec![Problem { path: "extensions.signing.key".to_owned(), ..problem }])
}

/// The log that a tenant's windows are kept in, and what an earlier process left there; `None` where they are kept in memory alone.
pub(super) fn window_log(
    pipelines: &ValidatedPipelines,
    tenant: &Tenant,
) -> Result<Option<(WindowLog, Recovery)>, ServiceError> {
    let Some(storage) = &pipelines.file_storage else { return Ok(None) };
    let redaction = &pipelines.redaction;
    let previous = redaction.previous_keys.iter().map(|previous| &previous.key);
    // `Core::build` has reported those that are no keys.
    let roots = std::iter::once(&redaction.key).chain(previous).filter_map(|key| RootKey::parse(key.expose()).ok());
    let directory = PathBuf::from(&storage.directory);
    let directory = if tenant.as_str() == DEFAULT_TENANT {
        directory
    } else {
        directory.join(names::tenant_folder(tenant.as_str()))
    };
    let settings = LogSettings { directory, fsync: storage.fsync, retention: pipelines.incident.window.retention.0 };
    Ok(Some(WindowLog::open(settings, roots.collect())?))
}

/// What the exporters of a tenant are made with.
pub(super) struct Making<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) readiness: &'a Readiness,
    pub(super) clock: &'a Arc<dyn Clock>,
    /// Names this process among all that write to a store.
    pub(super) name: &'a str,
}

/// Where a tenant's cases go. Of `before` (what went with another configuration) is kept what is configured the same. While a store fails, the
/// process is not ready.
pub(super) fn outlets(
    pipelines: &ValidatedPipelines,
    before: Option<(&ValidatedPipelines, &Outlets)>,
    making: &Making<'_>,
) -> Result<Outlets, Vec<Problem>> {
    let signer = signer(pipelines)?;
    let mut problems = Vec::new();
    let mut found = Outlets::default();
    for (id, config) in &pipelines.bundles {
        let kept = before.filter(|(old, _)| old.bundles.contains(&(id.clone(), config.clone())));
        let kept = kept.filter(|(old, _)| old.signing == pipelines.signing);
        if let Some(writer) = kept.and_then(|(_, outlets)| outlets.writers.iter().find(|writer| writer.id() == id)) {
            found.writers.push(Arc::clone(writer));
            continue;
        }
        let config =
            &BundleExporter { retry_on_failure: patience(pipelines, &config.retry_on_failure), ..config.clone() };
        match Store::open(&config.url, config.client()) {
            Err(problem) => problems.push(problem.under(&format!("exporters.{id}"))),
            Ok(store) => {
                let store = store.of_tenant(making.tenant);
                let writer =
                    BundleWriter::new(id, store, config, signer.clone(), making.name, Arc::clone(making.clock));
                found.writers.push(Arc::new(writer.with_health(health(making, id))));
            }
        }
    }
    if let Some((id, config)) = &pipelines.raw {
        let kept = before.filter(|(old, _)| old.raw == pipelines.raw).and_then(|(_, outlets)| outlets.raw.clone());
        match kept.map_or_else(|| raw_writer(pipelines, id, config, making).map(Arc::new), Ok) {
            Ok(writer) => found.raw = Some(writer),
            Err(problem) => problems.push(problem.under(&format!("exporters.{id}"))),
        }
    }
    for (id, config) in &pipelines.webhooks {
        let kept = before.filter(|(old, _)| old.webhooks.contains(&(id.clone(), config.clone())));
        if let Some(webhook) = kept.and_then(|(_, outlets)| outlets.webhooks.iter().find(|hook| hook.id() == id)) {
            found.webhooks.push(Arc::clone(webhook));
            continue;
        }
        match Webhook::spawn(id, config, Arc::clone(making.clock)) {
            Ok(webhook) => found.webhooks.push(Arc::new(webhook)),
            Err(problem) => problems.push(problem.under(&format!("exporters.{id}"))),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn health(making: &Making<'_>, id: &str) -> OnHealth {
    if making.tenant.as_str() == DEFAULT_TENANT {
        report_to(making.readiness, id)
    } else {
        report_to(making.readiness, &format!("{id} of tenant {}", making.tenant))
    }
}

fn raw_writer(
    pipelines: &ValidatedPipelines,
    id: &str,
    config: &RawExporter,
    making: &Making<'_>,
) -> Result<RawWriter, Problem> {
    let store = Store::open(&config.url, config.client())?.of_tenant(making.tenant);
    let config = RawExporter { retry_on_failure: patience(pipelines, &config.retry_on_failure), ..config.clone() };
    let writer = RawWriter::new(id, store, &config, Arc::clone(making.clock));
    Ok(writer.with_health(health(making, id)))
}

/// Retries of a store: without end where records wait in Kafka, which keeps them for longer than any outage that is mended.
fn patience(pipelines: &ValidatedPipelines, retries: &RetryOnFailure) -> RetryOnFailure {
    let max_elapsed_time = if pipelines.kafka.is_empty() { retries.max_elapsed_time } else { Duration::seconds(0) };
    RetryOnFailure { max_elapsed_time, ..retries.clone() }
}

/// Tells probes whether the store or the brokers of an exporter work.
pub(super) fn report_to(readiness: &Readiness, id: &str) -> OnHealth {
    let (component, readiness) = (format!("exporter {id}"), readiness.clone());
    Arc::new(
        move |well: bool, why: &str| {
            if well { readiness.set_ready(&component) } else { readiness.set_not_ready(&component, why) }
        },
    )
}

/// A source for each `kafka` receiver of lanes that hold records for `reach`.
pub(super) fn kafka_sources(
    pipelines: &ValidatedPipelines,
    reach: std::time::Duration,
) -> Result<Vec<KafkaSource>, Vec<Problem>> {
    let source = |(id, config, signals): &(String, KafkaReceiver, Vec<Signal>)| {
        let root = RootKey::parse(pipelines.redaction.key.expose())
            .map_err(|error| vec![Problem::new("processors.redaction.key", error.to_string())])?;
        Ok(KafkaSource { id: format!("receiver {id}"), config: config.clone(), signals: signals.clone(), reach, root })
    };
    pipelines.kafka.iter().map(source).collect()
}

/// What the stages themselves find wrong with a configuration, without opening or listening to anything.
///
/// Values that validation let pass although they are empty are those of an environment that is not known here.
#[must_use]
pub fn check(config: &ValidatedConfig) -> Vec<Problem> {
    if let Some((id, kafka)) = &config.pipelines.gateway {
        return KafkaWriter::check(id, kafka).err().into_iter().collect();
    }
    let mut config = config.clone();
    let key = &mut config.pipelines.redaction.key;
    if key.expose().is_empty() {
        *key = Secret::new("00".repeat(RootKey::MIN_LEN));
    }
    if config.pipelines.raw.as_ref().is_some_and(|(_, raw)| raw.recipients.is_empty()) {
        config.pipelines.raw = None;
    }
    let mut problems = Core::build(&config, 1, 0).err().unwrap_or_default();
    let bundles = config.pipelines.bundles.iter().map(|(id, bundle)| (id, &bundle.url));
    let raw = config.pipelines.raw.iter().map(|(id, raw)| (id, &raw.url));
    for (id, url) in bundles.chain(raw).filter(|(_, url)| !url.is_empty()) {
        problems.extend(Store::check_url(url).err().map(|problem| problem.under(&format!("exporters.{id}"))));
    }
    for (id, webhook) in config.pipelines.webhooks.iter().filter(|(_, webhook)| !webhook.url.is_empty()) {
        problems.extend(Webhook::check(webhook).err().map(|problem| problem.under(&format!("exporters.{id}"))));
    }
    problems
}

/// Names this process among all that write to a store: as the windows on disk are named, or its member of a Kafka group, which
/// outlive it, else by host (the pod's name in Kubernetes) and process.
///
/// What a kill left half written must be finished under the same name, or its failure would be counted twice.
pub(super) fn writer_name(pipelines: &ValidatedPipelines, log: Option<&WindowLog>) -> Result<String, LogError> {
    if let Some(log) = log {
        return log.owner();
    }
    let mut members = pipelines.kafka.iter().filter_map(|(_, kafka, _)| kafka.group_instance_id.as_ref());
    if let Some(member) = members.next() {
        return Ok(member.clone());
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty()).unwrap_or("host").to_owned();
    Ok(format!("{host}-{}", std::process::id()))
}
