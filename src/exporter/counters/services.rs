//! What ran of a service when it failed: its versions and commits, in the order in which failures of them were seen.
//!
//! An object a service and writer holds earliest and latest sights only, which come out the same in any order and however
//! often a failure is told. It is written when a deployment is new, or seen in a new hour.

use super::own::{OwnObjects, Reading};
use super::tally::{hour, hour_of};
use crate::bundle::{Ran, names};
use crate::exporter::error::ExportError;
use crate::exporter::store::Store;
use crate::model::{Deployed, Deployment, ServiceDeployments, Timestamp};

/// Most deployments of a service that a writer remembers: beyond it, those that failed longest ago are forgotten.
pub(super) const MAX_DEPLOYMENTS: usize = 256;

/// What one writer keeps of services, and what it reads of others'.
#[derive(Debug)]
pub(super) struct Services {
    objects: OwnObjects<ServiceDeployments>,
}

impl Services {
    pub(super) fn new(store: Store, writer: String) -> Self {
        Self { objects: OwnObjects::new(store, writer, names::services_folder, Reading::WhenChanged) }
    }

    /// Notes what ran when it failed, and returns all that is known of its service.
    pub(super) async fn note(&self, ran: &Ran, failed_at: Timestamp) -> Result<ServiceDeployments, ExportError> {
        let Some(service) = ran.service.as_deref() else { return Ok(ServiceDeployments::default()) };
        // Others' objects are read outside of the lock: failures of one service must not wait for one another's listings.
        let own = self.noted(service, ran, failed_at).await?;
        Ok(merged(self.objects.others(service).await?.iter().chain([&own])))
    }

    async fn noted(&self, service: &str, ran: &Ran, failed_at: Timestamp) -> Result<ServiceDeployments, ExportError> {
        let slot = self.objects.slot(service);
        let own = {
            let mut held = slot.lock().await;
            let known = self.objects.own(service, &held.object).await?.unwrap_or_else(|| ServiceDeployments {
                service: service.to_owned(),
                writer: self.objects.writer().to_owned(),
                ..ServiceDeployments::default()
            });
            let mut own = known.clone();
            add(&mut own, ran, failed_at);
            held.changes += u64::from(own != known);
            held.object.insert(own).clone()
        };
        self.objects.store(service, &slot).await?;
        Ok(own)
    }

    /// All that is known of a service.
    pub(super) async fn known(&self, ran: &Ran) -> Result<ServiceDeployments, ExportError> {
        let Some(service) = ran.service.as_deref() else { return Ok(ServiceDeployments::default()) };
        let own = {
            let slot = self.objects.slot(service);
            let held = slot.lock().await;
            self.objects.own(service, &held.object).await?
        };
        Ok(merged(self.objects.others(service).await?.iter().chain(&own)))
    }
}

/// Adds a failure of a service that says what ran.
pub(super) fn add(own: &mut ServiceDeployments, ran: &Ran, failed_at: Timestamp) {
    if ran.deployment == Deployment::default() {
        return;
    }
    let (first_seen, last_hour) = (failed_at.to_rfc3339(), hour(failed_at));
    insert(own, Deployed { ran: ran.deployment.clone(), first_seen, last_hour });
    while own.deployments.len() > MAX_DEPLOYMENTS {
        let oldest =
            own.deployments.iter().enumerate().min_by(|(_, a), (_, b)| (&a.last_hour, a).cmp(&(&b.last_hour, b)));
        let Some((index, _)) = oldest else { return };
        let forgotten = own.deployments.remove(index).last_hour;
        own.forgotten_until = std::mem::take(&mut own.forgotten_until).max(forgotten);
    }
}

/// What all writers know.
pub(super) fn merged<'a>(all: impl Iterator<Item = &'a ServiceDeployments>) -> ServiceDeployments {
    let mut merged = ServiceDeployments::default();
    for one in all {
        one.service.clone_into(&mut merged.service);
        for deployed in &one.deployments {
            insert(&mut merged, deployed.clone());
        }
        merged.forgotten_until = std::mem::take(&mut merged.forgotten_until).max(one.forgotten_until.clone());
    }
    merged
}

fn insert(into: &mut ServiceDeployments, deployed: Deployed) {
    match into.deployments.binary_search_by(|known| known.ran.cmp(&deployed.ran)) {
        Ok(index) => {
            if let Some(known) = into.deployments.get_mut(index) {
                known.first_seen = std::mem::take(&mut known.first_seen).min(deployed.first_seen);
                known.last_hour = std::mem::take(&mut known.last_hour).max(deployed.last_hour);
            }
        }
        Err(index) => into.deployments.insert(index, deployed),
    }
}

/// Whether what happened at `at` (RFC 3339, or an hour) lies in a time of which something was forgotten.
pub(super) fn is_forgotten(service: &ServiceDeployments, at: &str) -> bool {
    hour_of(at) <= service.forgotten_until.as_str()
}
