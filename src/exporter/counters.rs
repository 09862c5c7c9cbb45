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

use self::own::{Changing, OwnObjects, Reading};
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
        // Others' objects are read outside of the lock: failures of one incident must not wait for one another's listings.
        let others = self.others(failure.incident).await?;
        let counted = |counters: &IncidentCounters| tally::counts(counters, failure.bundle_id);
        let slot = self.incidents.slot(failure.incident);
        let numbers = {
            let mut held = slot.lock().await;
            let Changing { object, changes } = &mut *held;
            let own = self.own(failure.incident, object).await?;
            if !counted(own) && !others.iter().any(counted) {
                tally::add(own, failure, now);
                *changes += 1;
            }
            numbers(&others, own, &service, failure)
        };
        // Before anybody is told: counted here alone it would be lost with the process, and its manifest would stay.
        self.incidents.store(failure.incident, &slot).await?;
        Ok(numbers)
    }

    /// The numbers as they are, around a failure that is not counted.
    pub(crate) async fn numbers(&self, failure: Counted<'_>) -> Result<IncidentNumbers, ExportError> {
        let service = self.services.known(failure.ran).await?;
        let others = self.others(failure.incident).await?;
        let slot = self.incidents.slot(failure.incident);
        let mut held = slot.lock().await;
        let own = self.own(failure.incident, &mut held.object).await?;
        Ok(numbers(&others, own, &service, failure))
    }

    /// The manifest of a counted trace is written. Stored with the next count.
    pub(crate) async fn confirm(&self, incident: &str, bundle_id: &str) {
        if let Some(own) = &mut self.incidents.slot(incident).lock().await.object {
            tally::confirm(own, bundle_id);
        }
    }

    /// Another writer has committed the trace and counted it: takes this writer's count back.
    pub(crate) async fn take_back(&self, failure: Counted<'_>) -> Result<(), ExportError> {
        let slot = self.incidents.slot(failure.incident);
        {
            let mut held = slot.lock().await;
            let Changing { object, changes } = &mut *held;
            let own = self.own(failure.incident, object).await?;
            if tally::counts(own, failure.bundle_id) {
                tally::take_back(own, failure);
                *changes += 1;
            }
        }
        self.incidents.store(failure.incident, &slot).await
    }

    /// This writer's counters of an incident, held from here on.
    async fn own<'h>(
        &self,
        incident: &str,
        held: &'h mut Option<IncidentCounters>,
    ) -> Result<&'h mut IncidentCounters, ExportError> {
        let fresh = || IncidentCounters {
            incident: incident.to_owned(),
            writer: self.incidents.writer().to_owned(),
            ..IncidentCounters::default()
        };
        if held.is_none() {
            *held = self.incidents.own(incident, held).await?.map(tally::with_versions);
        }
        Ok(held.get_or_insert_with(fresh))
    }

    async fn others(&self, incident: &str) -> Result<Vec<IncidentCounters>, ExportError> {
        Ok(self.incidents.others(incident).await?.iter().cloned().map(tally::with_versions).collect())
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
