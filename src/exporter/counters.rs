//! How often an incident has happened: one object a writer, read and added up, so that no lock is needed.
//!
//! A failure is counted before its manifest is written, and the counters name it as unconfirmed until it is. So a
//! process that dies between the two and meets the trace again, or leaves it to another writer, does not count it
//! twice; and a writer that finds that another one has committed the trace takes its own count back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::TryStreamExt;
use parking_lot::Mutex;

use super::error::{ErrorKind, ExportError};
use super::store::Store;
use crate::bundle::{names, to_canonical};
use crate::model::{IncidentCounters, IncidentNumbers, Timestamp};

/// How long hours are kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most hours kept, for failures with invented times.
const MAX_HOURS: usize = 2000;
/// Most bundles named as unconfirmed; beyond it the oldest are forgotten, and could be counted twice.
const MAX_UNCONFIRMED: usize = 256;
/// Incidents whose counters are held in memory, to spare a read.
const MAX_HELD: usize = 4096;

type Slot = Arc<tokio::sync::Mutex<Option<IncidentCounters>>>;

/// The counters that one writer keeps, and what it reads of others'.
#[derive(Debug)]
pub(crate) struct Counters {
    store: Store,
    writer: String,
    held: Mutex<BTreeMap<String, Slot>>,
}

impl Counters {
    pub(crate) fn new(store: Store, writer: String) -> Self {
        Self { store, writer, held: Mutex::new(BTreeMap::new()) }
    }

    /// Counts a failure, unless this or another writer has counted it already, and returns the numbers that include it.
    pub(crate) async fn count(
        &self,
        incident: &str,
        bundle_id: &str,
        failed_at: Timestamp,
        now: Timestamp,
    ) -> Result<IncidentNumbers, ExportError> {
        let slot = self.slot(incident);
        let mut held = slot.lock().await;
        let mut own = self.own(incident, &mut held).await?;
        let others = self.others(incident).await?;
        if !counts(&own, bundle_id) && !others.iter().any(|other| counts(other, bundle_id)) {
            add(&mut own, bundle_id, failed_at, now);
            self.save(incident, &own).await?;
        }
        let numbers = sum(others.iter().chain([&own]), failed_at);
        *held = Some(own);
        Ok(numbers)
    }

    /// The numbers as they are, around a failure that is not counted.
    pub(crate) async fn numbers(&self, incident: &str, failed_at: Timestamp) -> Result<IncidentNumbers, ExportError> {
        let slot = self.slot(incident);
        let mut held = slot.lock().await;
        let own = self.own(incident, &mut held).await?;
        let others = self.others(incident).await?;
        let numbers = sum(others.iter().chain([&own]), failed_at);
        *held = Some(own);
        Ok(numbers)
    }

    /// The manifest of a counted trace is written. Stored with the next count.
    pub(crate) async fn confirm(&self, incident: &str, bundle_id: &str) {
        if let Some(own) = self.slot(incident).lock().await.as_mut() {
            own.unconfirmed.retain(|id| id != bundle_id);
        }
    }

    /// Another writer has committed the trace and counted it: takes this writer's count back.
    pub(crate) async fn take_back(
        &self,
        incident: &str,
        bundle_id: &str,
        failed_at: Timestamp,
    ) -> Result<(), ExportError> {
        let slot = self.slot(incident);
        let mut held = slot.lock().await;
        let mut own = self.own(incident, &mut held).await?;
        if counts(&own, bundle_id) {
            own.unconfirmed.retain(|id| id != bundle_id);
            if let Some(count) = own.hours.get_mut(&hour(failed_at)) {
                *count = count.saturating_sub(1);
            }
            own.hours.retain(|_, count| *count > 0);
            self.save(incident, &own).await?;
        }
        *held = Some(own);
        Ok(())
    }

    fn slot(&self, incident: &str) -> Slot {
        let mut held = self.held.lock();
        if held.len() >= MAX_HELD {
            // A slot in use has a second owner; the others can be read again.
            held.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(held.entry(incident.to_owned()).or_default())
    }

    /// This writer's counters: as held, else as stored by an earlier run under the same name.
    async fn own(&self, incident: &str, held: &mut Option<IncidentCounters>) -> Result<IncidentCounters, ExportError> {
        if let Some(own) = held.as_ref() {
            return Ok(own.clone());
        }
        let stored = self.read(&names::counters(incident, &self.writer)).await?;
        let fresh =
            IncidentCounters { incident: incident.to_owned(), writer: self.writer.clone(), ..Default::default() };
        Ok(held.insert(stored.unwrap_or(fresh)).clone())
    }

    async fn others(&self, incident: &str) -> Result<Vec<IncidentCounters>, ExportError> {
        let own = names::counters(incident, &self.writer);
        let mut others = Vec::new();
        let mut listed = self.store.list(&names::counters_folder(incident));
        while let Some(name) = listed.try_next().await? {
            if name != own
                && let Some(counters) = self.read(&name).await?
            {
                others.push(counters);
            }
        }
        Ok(others)
    }

    async fn read(&self, name: &str) -> Result<Option<IncidentCounters>, ExportError> {
        let Some(bytes) = self.store.get(name).await? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(counters) => Ok(Some(counters)),
            Err(error) => {
                // Counts are told beside the evidence: a damaged object must not hold the evidence up.
                tracing::error!(object = name, %error, "incident counters cannot be read and are not counted");
                Ok(None)
            }
        }
    }

    async fn save(&self, incident: &str, counters: &IncidentCounters) -> Result<(), ExportError> {
        let bytes = to_canonical(counters)
            .map_err(|error| ExportError::new(ErrorKind::Permanent, "could not encode counters").because(error))?;
        self.store.replace(&names::counters(incident, &self.writer), Bytes::from(bytes)).await
    }
}

fn counts(counters: &IncidentCounters, bundle_id: &str) -> bool {
    counters.unconfirmed.iter().any(|id| id == bundle_id)
}

fn add(counters: &mut IncidentCounters, bundle_id: &str, failed_at: Timestamp, now: Timestamp) {
    let at = failed_at.to_rfc3339();
    if counters.first_seen.is_empty() || at < counters.first_seen {
        counters.first_seen.clone_from(&at);
    }
    if at > counters.last_seen {
        counters.last_seen = at;
    }
    *counters.hours.entry(hour(failed_at)).or_default() += 1;
    let oldest = hour(now.min(failed_at).before(KEPT));
    counters.hours.retain(|hour, _| *hour >= oldest);
    while counters.hours.len() > MAX_HOURS {
        counters.hours.pop_first();
    }
    counters.unconfirmed.push(bundle_id.to_owned());
    let excess = counters.unconfirmed.len().saturating_sub(MAX_UNCONFIRMED);
    counters.unconfirmed.drain(..excess);
}

/// Adds up all writers. The 24 hours are the one of the failure and the 23 before it.
pub(crate) fn sum<'a>(
    all: impl Iterator<Item = &'a IncidentCounters> + Clone,
    failed_at: Timestamp,
) -> IncidentNumbers {
    let at = failed_at.to_rfc3339();
    let (from, to) = (hour(failed_at.before(Duration::from_secs(23 * 3600))), hour(failed_at));
    let firsts = all.clone().map(|one| one.first_seen.as_str()).filter(|seen| !seen.is_empty());
    let lasts = all.clone().map(|one| one.last_seen.as_str());
    IncidentNumbers {
        first_seen: firsts.chain([at.as_str()]).min().unwrap_or_default().to_owned(),
        last_seen: lasts.chain([at.as_str()]).max().unwrap_or_default().to_owned(),
        count_24h: all.flat_map(|one| one.hours.range(from.clone()..=to.clone())).map(|(_, count)| *count).sum(),
    }
}

/// The hour of an instant: `2026-11-23T14`, UTC.
fn hour(at: Timestamp) -> String {
    at.to_rfc3339().get(..13).unwrap_or("unknown").to_owned()
}
