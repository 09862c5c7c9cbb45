//! What came of repairs: time to a merged fix, acceptance, recurrence; by arm where ways of repair are compared.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::counted::{CountedError, counters, hour_of};
use super::{Entry, Event};
use crate::agent::catalog::CatalogError;
use crate::agent::{Catalog, IncidentSummary};
use crate::model::{IncidentCounters, Timestamp};

/// Incidents that are read at a time.
const PAGE: usize = 500;

/// An experiment: each incident belongs to one arm for good, by a hash of its id, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arms {
    /// Name of the experiment: another name deals anew.
    pub experiment: String,
    /// The arms.
    pub names: Vec<String>,
}

impl Arms {
    /// The arm of an incident; empty where there are none.
    #[must_use]
    pub fn of(&self, incident: &str) -> &str {
        let hash =
            Sha256::new_with_prefix(self.experiment.as_bytes()).chain_update([0]).chain_update(incident).finalize();
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let count = self.names.len().max(1) as u64;
        usize::try_from(number % count).ok().and_then(|at| self.names.get(at)).map_or("", String::as_str)
    }
}

/// What became of one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentStats {
    /// The incident.
    pub incident: String,
    /// Its fingerprint; empty where no bundle of it is in the store any more.
    pub fingerprint: String,
    /// Its arm.
    pub arm: String,
    /// Pull requests that were opened.
    pub opened: u64,
    /// Pull requests that were merged.
    pub merged: u64,
    /// Merged ones that were taken back.
    pub reverted: u64,
    /// Seconds from the first failure to the first merge that was not taken back; null where there is none.
    pub seconds_to_fix: Option<u64>,
    /// Failures that were counted in whole hours after that merge, in any version: older ones may still have run. Hours are kept for 30
    /// days after a failure.
    pub failures_after_fix: Option<u64>,
    /// Bundles of failures after that merge: some of them.
    pub bundles_after_fix: Option<u64>,
    /// RFC 3339: the latest failure, where it came after that merge.
    pub failed_again_at: Option<String>,
}

impl IncidentStats {
    /// Whether the incident came again after its fix, by whatever tells it: counters, or a bundle.
    fn has_recurred(&self) -> bool {
        self.failed_again_at.is_some() || self.bundles_after_fix.is_some_and(|count| count > 0)
    }
}

/// The same for an arm.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArmStats {
    /// The arm.
    pub arm: String,
    /// Incidents with any entry.
    pub incidents: u64,
    /// Pull requests opened.
    pub opened: u64,
    /// Pull requests merged.
    pub merged: u64,
    /// Merged ones that were taken back.
    pub reverted: u64,
    /// Merged and kept, of those opened; null where none was opened.
    pub acceptance: Option<f64>,
    /// The median of `seconds_to_fix`.
    pub median_seconds_to_fix: Option<u64>,
    /// Incidents with failures after their fix.
    pub recurred: u64,
    /// Those failures: the sum of `failures_after_fix`.
    pub failures_after_fix: u64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// By arm.
    pub arms: Vec<ArmStats>,
    /// By incident.
    pub items: Vec<IncidentStats>,
    /// Incidents with any entry.
    pub total: usize,
    /// How many of them are here.
    pub returned: usize,
    /// Always false: none is left out.
    pub truncated: bool,
    /// Always null.
    pub next: Option<String>,
}

/// Why it cannot be reckoned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// Incidents or bundles cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Counters cannot be read.
    #[error(transparent)]
    Counted(#[from] CountedError),
}

/// Reckons it from a ledger's entries, and a store's incidents and their counters.
///
/// # Errors
/// If the store cannot be read.
pub async fn stats(catalog: &Catalog, entries: &[Entry], arms: &Arms) -> Result<Stats, StatsError> {
    let mut by_incident: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_incident.entry(&entry.incident).or_default().push(entry);
    }
    let mut items = Vec::new();
    for (incident, entries) in by_incident {
        let known = catalog.incident(incident).await?;
        let counters = counters(catalog, incident).await?;
        let mut found = of(incident, &entries, known.as_ref(), &counters, arms);
        if let Some(fixed) = fixed_at(&entries) {
            found.failures_after_fix = Some(failures_after(&counters, fixed));
            found.bundles_after_fix = Some(bundles_after(catalog, incident, fixed).await?);
            let last = counters.iter().filter_map(|one| Timestamp::from_rfc3339(&one.last_seen)).max();
            found.failed_again_at = last.filter(|last| *last > fixed).map(Timestamp::to_rfc3339);
        }
        items.push(found);
    }
    let all = arms.names.iter().map(|arm| sum(arm, items.iter().filter(|found| found.arm == *arm))).collect();
    Ok(Stats { arms: all, total: items.len(), returned: items.len(), truncated: false, next: None, items })
}

fn of(
    incident: &str,
    entries: &[&Entry],
    known: Option<&IncidentSummary>,
    counters: &[IncidentCounters],
    arms: &Arms,
) -> IncidentStats {
    let count = |event: Event| entries.iter().filter(|entry| entry.event == event).count() as u64;
    // Counters stay when bundles are gone.
    let counted = counters.iter().filter_map(|one| Timestamp::from_rfc3339(&one.first_seen)).min();
    let first = counted.or_else(|| Timestamp::from_rfc3339(&known?.facts.numbers.first_seen));
    IncidentStats {
        incident: incident.to_owned(),
        fingerprint: known.map_or_else(String::new, |known| known.facts.fingerprint.clone()),
        arm: arms.of(incident).to_owned(),
        opened: count(Event::PrOpened),
        merged: count(Event::Merged),
        reverted: count(Event::Reverted),
        seconds_to_fix: fixed_at(entries).zip(first).map(|(fixed, first)| fixed.since(first).as_secs()),
        failures_after_fix: None,
        bundles_after_fix: None,
        failed_again_at: None,
    }
}

/// The first merge behind the last one that was taken back.
fn fixed_at(entries: &[&Entry]) -> Option<Timestamp> {
    let reverted = entries.iter().rposition(|entry| entry.event == Event::Reverted).map_or(0, |at| at + 1);
    let kept = entries.get(reverted..).unwrap_or_default();
    let merge = kept.iter().find(|entry| entry.event == Event::Merged)?;
    // When it was merged is known better by where it was merged than by when that was noted.
    let told = merge.details.get("merged_at").and_then(|at| Timestamp::from_rfc3339(at));
    told.or_else(|| Timestamp::from_rfc3339(&merge.at))
}

/// Failures in the hours behind that of the merge, whose failures may have come before it.
fn failures_after(counters: &[IncidentCounters], fixed: Timestamp) -> u64 {
    let hour = hour_of(fixed);
    let hours = counters.iter().flat_map(|one| &one.hours);
    hours.filter(|(at, _)| **at > hour).map(|(_, count)| count).sum()
}

async fn bundles_after(catalog: &Catalog, incident: &str, fixed: Timestamp) -> Result<u64, CatalogError> {
    let fixed = fixed.to_rfc3339();
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = catalog.bundles(Some(incident), PAGE, &after).await?;
        let behind = page.items.iter().filter(|bundle| bundle.failed_at > fixed).count();
        count += behind as u64;
        match page.next {
            Some(next) if behind == page.returned => after = next,
            _ => return Ok(count),
        }
    }
}

fn sum<'a>(arm: &str, items: impl Iterator<Item = &'a IncidentStats>) -> ArmStats {
    let mut sum = ArmStats { arm: arm.to_owned(), ..ArmStats::default() };
    let mut times = Vec::new();
    for item in items {
        sum.incidents += 1;
        sum.opened += item.opened;
        sum.merged += item.merged;
        sum.reverted += item.reverted;
        sum.recurred += u64::from(item.has_recurred());
        sum.failures_after_fix += item.failures_after_fix.unwrap_or_default();
        times.extend(item.seconds_to_fix);
    }
    times.sort_unstable();
    sum.median_seconds_to_fix = times.get(times.len() / 2).copied();
    let kept = sum.merged.saturating_sub(sum.reverted);
    #[expect(clippy::cast_precision_loss, reason = "counts of pull requests")]
    let share = kept as f64 / sum.opened as f64;
    sum.acceptance = (sum.opened > 0).then_some(share);
    sum
}
