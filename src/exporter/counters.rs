//! How often an incident has happened, and in which versions: one object a writer, read and added up, so that no lock is needed.
//!
//! A failure is counted before its manifest is written, and the counters name it as unconfirmed until it is. So a
//! process that dies between the two and meets the trace again, or leaves it to another writer, does not count it
//! twice; and a writer that finds that another one has committed the trace takes its own count back.
//!
//! `tally` is the arithmetic, `own` the objects, `services` what ran of a service, `history` what follows from it all.

mod history;
mod own;
mod services;
mod tally;
#[cfg(test)]
mod tests;

use self::own::{OwnObjects, Reading};
use self::services::Services;
use super::error::ExportError;
use super::store::Store;
use crate::bundle::{Ran, names};
use crate::model::{IncidentCounters, IncidentNumbers, ServiceDeployments, Timestamp};

/// A failure, as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    /// Its incident.
    pub(crate) incident: &'a str,
    /// Its bundle.
    pub(crate) bundle_id: &'a str,
    /// The instant it counts for.
    pub(crate) failed_at: Timestamp,
    /// What ran.
    pub(crate) ran: &'a Ran,
}

/// The counters that one writer keeps, and what it reads of others'.
#[derive(Debug)]
pub(crate) struct Counters {
    incidents: OwnObjects<IncidentCounters>,
    services: Services,
}

impl Counters {
    pub(crate) fn new(store: Store, writer: String) -> Self {
        Self {
            incidents: OwnObjects::new(store.clone(), writer.clone(), names::counters_folder, Reading::EachTime),
            services: Services::new(store, writer),
        }
    }

    /// Counts a failure, unless this or another writer has counted it already, and returns the numbers that include it.
    pub(crate) async fn count(&self, failure: Counted<'_>, now: Timestamp) -> Result<IncidentNumbers, ExportError> {
        let service = self.services.note(failure.ran, failure.failed_at).await?;
        let slot = self.incidents.slot(failure.incident);
        let mut held = slot.lock().await;
        let mut own = self.own(failure.incident, &mut held).await?;
        let others = self.others(failure.incident).await?;
        let counted = |counters: &IncidentCounters| tally::counts(counters, failure.bundle_id);
        if !counted(&own) && !others.iter().any(counted) {
            tally::add(&mut own, failure, now);
            self.incidents.save(failure.incident, &own).await?;
        }
        let numbers = numbers(&others, &own, &service, failure);
        *held = Some(own);
        Ok(numbers)
    }

    /// The numbers as they are, around a failure that is not counted.
    pub(crate) async fn numbers(&self, failure: Counted<'_>) -> Result<IncidentNumbers, ExportError> {
        let service = self.services.known(failure.ran).await?;
        let slot = self.incidents.slot(failure.incident);
        let mut held = slot.lock().await;
        let own = self.own(failure.incident, &mut held).await?;
        let others = self.others(failure.incident).await?;
        let numbers = numbers(&others, &own, &service, failure);
        *held = Some(own);
        Ok(numbers)
    }

    /// The manifest of a counted trace is written. Stored with the next count.
    pub(crate) async fn confirm(&self, incident: &str, bundle_id: &str) {
        if let Some(own) = self.incidents.slot(incident).lock().await.as_mut() {
            tally::confirm(own, bundle_id);
        }
    }

    /// Another writer has committed the trace and counted it: takes this writer's count back.
    pub(crate) async fn take_back(&self, failure: Counted<'_>) -> Result<(), ExportError> {
        let slot = self.incidents.slot(failure.incident);
        let mut held = slot.lock().await;
        let mut own = self.own(failure.incident, &mut held).await?;
        if tally::counts(&own, failure.bundle_id) {
            tally::take_back(&mut own, failure);
            self.incidents.save(failure.incident, &own).await?;
        }
        *held = Some(own);
        Ok(())
    }

    async fn own(&self, incident: &str, held: &mut Option<IncidentCounters>) -> Result<IncidentCounters, ExportError> {
        let fresh = || IncidentCounters {
            incident: incident.to_owned(),
            writer: self.incidents.writer().to_owned(),
            ..IncidentCounters::default()
        };
        let stored = self.incidents.own(incident, held).await?;
        Ok(held.insert(stored.map_or_else(fresh, tally::with_versions)).clone())
    }

    async fn others(&self, incident: &str) -> Result<Vec<IncidentCounters>, ExportError> {
        Ok(self.incidents.others(incident).await?.into_iter().map(tally::with_versions).collect())
    }
}

/// The numbers of an incident as all writers have stored them, around its latest failure; `None` where nothing is counted.
/// `ran` is what ran then.
pub(crate) async fn stored(store: &Store, incident: &str, ran: &Ran) -> Result<Option<IncidentNumbers>, ExportError> {
    // Nobody writes under this name.
    let counters = Counters::new(store.clone(), String::new());
    let all = counters.others(incident).await?;
    let sum = tally::sum(all.iter());
    let Some(failed_at) = Timestamp::from_rfc3339(&sum.last_seen) else { return Ok(None) };
    let service = counters.services.known(ran).await?;
    Ok(Some(history::numbers(&sum, &service, Counted { incident, bundle_id: "", failed_at, ran })))
}

fn numbers(
    others: &[IncidentCounters],
    own: &IncidentCounters,
    service: &ServiceDeployments,
    failure: Counted<'_>,
) -> IncidentNumbers {
    let sum = tally::sum(others.iter().chain([own]));
    history::numbers(&sum, service, failure)
}
