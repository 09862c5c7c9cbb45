//! The tenants of a process. Each has everything behind the receivers for itself: windows, memory of decisions, limits of incidents, keys,
//! and its part of the stores. So nothing of one can meet what is of another, whatever ids they use; and what has no part that
//! says whose it is need not carry one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use parking_lot::Mutex;

use super::build::{self, Making};
use super::{Core, ServiceError};
use crate::agent::Catalog;
use crate::config::{Problem, SendingQueue, TenantLimits, ValidatedConfig, ValidatedPipelines};
use crate::exporter::{AttachmentWriter, ExportQueue, Outlets};
use crate::model::{Budget, Tenant, Timestamp};
use crate::receiver::{Refusal, RefusalReason};
use crate::telemetry::{Clock, Readiness, names};
use crate::window::{Recovery, WindowLog};

/// How long bundles that are being written may take before a change of exporters makes them begin anew.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pipeline of one tenant, behind the receivers.
pub(super) struct TenantPipeline {
    pub(super) tenant: Tenant,
    pub(super) core: Arc<Core>,
    pub(super) exporter: Arc<ExportQueue>,
    attachments: ArcSwap<AttachmentWriter>,
    catalog: ArcSwap<Catalog>,
    /// Names this process among all that write to the tenant's stores.
    name: String,
    quota: Option<Quota>,
}

/// What is found on disk of a tenant's windows.
pub(super) type OnDisk = Option<(Arc<WindowLog>, Recovery)>;

/// Limits of one declared tenant.
struct Quota {
    has_own_bytes: bool,
    rate: Option<Mutex<Bucket>>,
}

/// Records that may come now. A request of more than a second's worth takes more than there are: what comes after it waits the longer.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    nanos: i128,
    at: Timestamp,
}

/// All of them, `default` among them.
#[derive(Clone)]
pub(super) struct Tenants {
    by_name: Arc<BTreeMap<Tenant, Arc<TenantPipeline>>>,
    default: Arc<TenantPipeline>,
    /// What all of them hold.
    budget: Budget,
}

impl Tenants {
    /// Builds the pipelines, and says what earlier processes left on disk for each.
    ///
    /// Must be called in a tokio runtime.
    ///
    /// # Errors
    /// If the configuration cannot run, or a folder of windows cannot be opened.
    pub(super) fn build(
        config: &ValidatedConfig,
        readiness: &Readiness,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Vec<(Tenant, OnDisk)>), ServiceError> {
        let budget = Budget::new(build::byte_budget(&config.pipelines));
        let declared = &config.pipelines.incident.tenants;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let build = |tenant: &Tenant, shards| {
            TenantPipeline::build(config, tenant, declared.get(tenant.as_str()), shards, &budget, readiness, clock)
        };
        let first = Tenant::default();
        let (pipeline, found) = build(&first, cores)?;
        let default = Arc::new(pipeline);
        let (mut by_name, mut on_disk) =
            (BTreeMap::from([(first.clone(), Arc::clone(&default))]), vec![(first, found)]);
        for tenant in declared.keys().map(|name| Tenant::new(name)) {
            if !by_name.contains_key(&tenant) {
                let (pipeline, found) = build(&tenant, cores.div_ceil(declared.len()))?;
                by_name.insert(tenant.clone(), Arc::new(pipeline));
                on_disk.push((tenant, found));
            }
        }
        Ok((Self { by_name: Arc::new(by_name), default, budget: budget.clone() }, on_disk))
    }

    pub(super) fn get(&self, tenant: &Tenant) -> Option<&Arc<TenantPipeline>> {
        self.by_name.get(tenant)
    }

    /// That of whatever says of no other tenant, and of what comes from Kafka.
    pub(super) fn of_default(&self) -> &Arc<TenantPipeline> {
        &self.default
    }

    /// Bytes that open windows of all hold.
    pub(super) fn bytes(&self) -> usize {
        self.budget.used()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<TenantPipeline>> {
        self.by_name.values()
    }

    /// The store of each, to be read.
    pub(super) fn catalogs(&self) -> BTreeMap<Tenant, Catalog> {
        self.iter().map(|one| (one.tenant.clone(), Catalog::clone(&one.catalog.load()))).collect()
    }

    /// Has every pipeline go by `new` from now on, or none.
    ///
    /// # Errors
    /// What cannot run.
    pub(super) async fn reload(
        &self,
        old: &ValidatedPipelines,
        new: &ValidatedConfig,
        readiness: &Readiness,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), Vec<Problem>> {
        let mut prepared = Vec::new();
        for one in self.iter() {
            let before = one.exporter.outlets().await;
            let making = Making { tenant: &one.tenant, readiness, clock, name: &one.name };
            let outlets = build::outlets(&new.pipelines, Some((old, &before)), &making)?;
            prepared.push((one, one.core.reload(new)?, outlets));
        }
        for (one, rules, outlets) in prepared {
            one.read_from(&outlets);
            // Outlets first: what the new rules seal must have where to go.
            one.exporter.replace(outlets, PATIENCE).await;
            rules.apply();
        }
        Ok(())
    }
}

impl TenantPipeline {
    fn build(
        config: &ValidatedConfig,
        tenant: &Tenant,
        limits: Option<&TenantLimits>,
        shards: usize,
        budget: &Budget,
        readiness: &Readiness,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, OnDisk), ServiceError> {
        let pipelines = &config.pipelines;
        let own_bytes = limits.and_then(|limits| limits.max_bytes);
        let budget = match own_bytes {
            None => budget.clone(),
            Some(bytes) => budget.part(usize::try_from(bytes.0).unwrap_or(usize::MAX)),
        };
        let core = build::core(config, tenant, shards, budget)?;
        let (log, recovery) = build::window_log(pipelines, tenant)?.map(|(log, found)| (Arc::new(log), found)).unzip();
        let core = Arc::new(match &log {
            Some(log) => core.with_log(Arc::clone(log)),
            None => core,
        });
        let name = build::writer_name(pipelines, log.as_deref())?;
        let making = Making { tenant, readiness, clock, name: &name };
        let outlets = build::outlets(pipelines, None, &making).map_err(ServiceError::Config)?;
        // A bundles pipeline without a store does not pass validation.
        let Some(first) = outlets.writers.first() else {
            let problem = Problem::new("service.pipelines.bundles.exporters", "no `bundle` exporter is named");
            return Err(ServiceError::Config(vec![problem]));
        };
        let catalog = ArcSwap::from_pointee(Catalog::new(first.store().clone()));
        let queue =
            pipelines.bundles.first().map_or_else(SendingQueue::default, |(_, bundle)| bundle.sending_queue.clone());
        let this = Self {
            tenant: tenant.clone(),
            core,
            attachments: ArcSwap::from_pointee(attachments(&outlets)),
            exporter: Arc::new(ExportQueue::with(outlets, &queue)),
            catalog,
            quota: limits.map(|limits| Quota {
                has_own_bytes: own_bytes.is_some(),
                rate: Some(limits.records_per_second)
                    .filter(|rate| *rate > 0)
                    .map(|rate| Mutex::new(Bucket::new(rate))),
            }),
            name,
        };
        Ok((this, log.zip(recovery)))
    }

    /// Reads from, and sends files to, the stores of these outlets from now on.
    fn read_from(&self, outlets: &Outlets) {
        if let Some(first) = outlets.writers.first() {
            self.catalog.store(Arc::new(Catalog::new(first.store().clone())));
        }
        self.attachments.store(Arc::new(attachments(outlets)));
    }

    pub(super) fn attachments(&self) -> Arc<AttachmentWriter> {
        self.attachments.load_full()
    }

    pub(super) fn catalog(&self) -> Catalog {
        Catalog::clone(&self.catalog.load())
    }

    /// Whether so many records may come now.
    pub(super) fn allow(&self, now: Timestamp, records: usize) -> Result<(), Refusal> {
        let Some(rate) = self.quota.as_ref().and_then(|quota| quota.rate.as_ref()) else { return Ok(()) };
        let wait = rate.lock().take(now, records as u64);
        wait.map_or(Ok(()), |retry_after| Err(Refusal { reason: RefusalReason::TenantRate, retry_after }))
    }

    /// A refusal in the words of the tenant: where its own part is full, the process is not.
    pub(super) fn refused(&self, refusal: Refusal) -> Refusal {
        let Some(quota) = &self.quota else { return refusal };
        let is_own = quota.has_own_bytes && refusal.reason == RefusalReason::MemoryFull;
        let refusal = if is_own { Refusal { reason: RefusalReason::TenantFull, ..refusal } } else { refusal };
        counter!(
            names::TENANT_REFUSED_REQUESTS,
            "tenant" => self.tenant.to_string(), "reason" => refusal.reason.as_str()
        )
        .increment(1);
        refusal
    }

    /// Counts records of a declared tenant that were admitted.
    pub(super) fn count_accepted(&self, records: usize) {
        if self.quota.is_some() {
            counter!(names::TENANT_ACCEPTED_RECORDS, "tenant" => self.tenant.to_string()).increment(records as u64);
        }
    }

    /// Reports what its windows hold, where it has a limit.
    pub(super) fn report(&self) {
        if self.quota.as_ref().is_some_and(|quota| quota.has_own_bytes) {
            #[expect(clippy::cast_precision_loss, reason = "gauges are floating point by their protocol")]
            gauge!(names::TENANT_WINDOW_BYTES, "tenant" => self.tenant.to_string())
                .set(self.core.budget().used() as f64);
        }
    }
}

fn attachments(outlets: &Outlets) -> AttachmentWriter {
    let stores = outlets.writers.iter().map(|writer| (writer.id().to_owned(), writer.store().clone()));
    AttachmentWriter::new(stores.collect())
}

const NANOS: i128 = 1_000_000_000;

impl Bucket {
    fn new(per_second: u64) -> Self {
        Self { per_second, nanos: i128::from(per_second) * NANOS, at: Timestamp(0) }
    }

    /// Takes so many; or how long to wait for the next.
    fn take(&mut self, now: Timestamp, records: u64) -> Option<Duration> {
        let rate = i128::from(self.per_second);
        let full = rate * NANOS;
        let passed = i128::from(now.0.saturating_sub(self.at.0));
        self.nanos = full.min(self.nanos.saturating_add(passed.saturating_mul(rate)));
        self.at = Timestamp(self.at.0.max(now.0));
        let cost = i128::from(records) * NANOS;
        // A request of more than a second's worth waits for a full bucket.
        let missing = cost.min(full) - self.nanos;
        if missing <= 0 {
            self.nanos -= cost;
            return None;
        }
        let wait = u64::try_from(missing / rate.max(1)).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(wait.saturating_add(1_000_000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_rate_through_and_says_when_to_come_again() {
        let mut bucket = Bucket::new(100);
        let at = |millis: u64| Timestamp(1_000_000_000_000 + millis * 1_000_000);
        let about = |wait: Option<Duration>, millis: u64| {
            wait.is_some_and(|wait| wait.as_millis().abs_diff(u128::from(millis)) <= 2)
        };
        assert_eq!(bucket.take(at(0), 100), None);
        assert!(about(bucket.take(at(0), 1), 10));
        assert_eq!(bucket.take(at(500), 50), None);
        assert!(about(bucket.take(at(500), 250), 1000), "a batch larger than a second's worth waits for a full bucket");
        assert_eq!(bucket.take(at(1500), 250), None);
        assert!(about(bucket.take(at(1500), 1), 1510), "and is paid for by what comes after it");
        assert_eq!(bucket.take(at(3020), 1), None);
        assert_eq!(bucket.take(at(90_000), 100), None);
        assert!(bucket.take(at(90_000), 1).is_some(), "nothing is saved up beyond a second");
    }
}
