//! Adding up: of failures into one writer's counters, and of all writers' counters.
//!
//! What is kept of too many versions is a matter of their names alone (those whose digest is lowest), and not of the order
//! in which they came. So a version that is kept apart was kept apart in every writer's counters from its first failure on,
//! and its count is exact; the others are one number.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Counted;
use crate::model::{CountedAs, FirstFailure, IncidentCounters, Timestamp, VersionCounts};

/// How long hours are kept.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most hours kept, for failures with invented times.
const MAX_HOURS: usize = 2000;
/// Most versions of an incident that are counted apart.
pub(super) const MAX_VERSIONS: usize = 64;
/// Most hours kept of all versions together.
const MAX_VERSION_HOURS: usize = 2000;
/// Most bundles named as unconfirmed; beyond it the oldest are forgotten, and could be counted twice.
const MAX_UNCONFIRMED: usize = 256;

/// Counters that were written before versions were counted: of their failures no version is known.
pub(super) fn with_versions(mut counters: IncidentCounters) -> IncidentCounters {
    if counters.first.is_none() && !counters.first_seen.is_empty() {
        counters.versions.clear();
        counters.other_versions = None;
        counters.no_version = Some(VersionCounts {
            first_seen: counters.first_seen.clone(),
            last_seen: counters.last_seen.clone(),
            count: counters.hours.values().sum(),
            hours: counters.hours.clone(),
        });
        counters.first = Some(FirstFailure { at: counters.first_seen.clone(), ran: Default::default() });
    }
    counters
}

/// Whether the counters hold a bundle whose manifest was not there yet.
pub(super) fn counts(counters: &IncidentCounters, bundle_id: &str) -> bool {
    counters.unconfirmed.iter().any(|id| id == bundle_id)
}

/// Adds a failure, as unconfirmed.
pub(super) fn add(counters: &mut IncidentCounters, failure: Counted<'_>, now: Timestamp) {
    let (at, hour_of_it) = (failure.failed_at.to_rfc3339(), hour(failure.failed_at));
    widen(&mut counters.first_seen, &mut counters.last_seen, &at, &at);
    let first = FirstFailure { at: at.clone(), ran: failure.ran.deployment.clone() };
    counters.first = Some(counters.first.take().map_or(first.clone(), |known| known.min(first)));
    *counters.hours.entry(hour_of_it.clone()).or_default() += 1;

    let version = failure.ran.deployment.version.clone();
    let one = VersionCounts {
        first_seen: at.clone(),
        last_seen: at,
        count: 1,
        hours: BTreeMap::from([(hour_of_it.clone(), 1)]),
    };
    match &version {
        None => merge(counters.no_version.get_or_insert_default(), &one),
        Some(version) => {
            merge(counters.versions.entry(version.clone()).or_default(), &one);
            fold(&mut counters.versions, &mut counters.other_versions);
        }
    }
    forget(counters, &hour(now.min(failure.failed_at).before(KEPT)));

    counters.unconfirmed.push(failure.bundle_id.to_owned());
    counters.unconfirmed_as.insert(failure.bundle_id.to_owned(), CountedAs { hour: hour_of_it, version });
    let excess = counters.unconfirmed.len().saturating_sub(MAX_UNCONFIRMED);
    for id in counters.unconfirmed.drain(..excess) {
        counters.unconfirmed_as.remove(&id);
    }
}

/// The manifest of a counted bundle is there.
pub(super) fn confirm(counters: &mut IncidentCounters, bundle_id: &str) {
    counters.unconfirmed.retain(|id| id != bundle_id);
    counters.unconfirmed_as.remove(bundle_id);
}

/// Takes an unconfirmed failure out again.
pub(super) fn take_back(counters: &mut IncidentCounters, failure: Counted<'_>) {
    let was = counters.unconfirmed_as.get(failure.bundle_id).cloned();
    let CountedAs { hour, version } = was.unwrap_or_else(|| CountedAs { hour: hour(failure.failed_at), version: None });
    confirm(counters, failure.bundle_id);
    lower(&mut counters.hours, &hour);
    let of = match &version {
        None => counters.no_version.as_mut(),
        // A version that is not there has been folded into the others since.
        Some(version) => counters.versions.get_mut(version).or(counters.other_versions.as_mut()),
    };
    if let Some(of) = of {
        of.count = of.count.saturating_sub(1);
        lower(&mut of.hours, &hour);
    }
}

/// Adds up the counters of all writers. Nobody's name and nothing unconfirmed is in the sum.
pub(super) fn sum<'a>(all: impl Iterator<Item = &'a IncidentCounters>) -> IncidentCounters {
    let mut sum = IncidentCounters::default();
    for one in all {
        widen(&mut sum.first_seen, &mut sum.last_seen, &one.first_seen, &one.last_seen);
        add_hours(&mut sum.hours, &one.hours);
        sum.first = sum.first.take().into_iter().chain(one.first.clone()).min();
        for (version, counts) in &one.versions {
            merge(sum.versions.entry(version.clone()).or_default(), counts);
        }
        for (total, part) in [(&mut sum.other_versions, &one.other_versions), (&mut sum.no_version, &one.no_version)] {
            if let Some(part) = part {
                merge(total.get_or_insert_default(), part);
            }
        }
    }
    fold(&mut sum.versions, &mut sum.other_versions);
    sum.versions.retain(|_, counts| counts.count > 0);
    sum.other_versions = sum.other_versions.filter(|counts| counts.count > 0);
    sum.no_version = sum.no_version.filter(|counts| counts.count > 0);
    sum
}

/// The hour of an instant: `2026-11-23T14`, UTC.
pub(super) fn hour(at: Timestamp) -> String {
    hour_of(&at.to_rfc3339()).to_owned()
}

/// The hour of an instant in RFC 3339.
pub(super) fn hour_of(at: &str) -> &str {
    at.get(..13).unwrap_or("unknown")
}

fn merge(total: &mut VersionCounts, part: &VersionCounts) {
    if total.count == 0 {
        // What was taken back whole left its place, and no times that hold.
        *total = part.clone();
    } else if part.count > 0 {
        widen(&mut total.first_seen, &mut total.last_seen, &part.first_seen, &part.last_seen);
        total.count += part.count;
        add_hours(&mut total.hours, &part.hours);
    }
}

fn widen(first: &mut String, last: &mut String, from: &str, to: &str) {
    if !from.is_empty() && (first.is_empty() || from < first.as_str()) {
        from.clone_into(first);
    }
    if to > last.as_str() {
        to.clone_into(last);
    }
}

fn add_hours(total: &mut BTreeMap<String, u64>, part: &BTreeMap<String, u64>) {
    for (hour, count) in part {
        *total.entry(hour.clone()).or_default() += count;
    }
}

fn lower(hours: &mut BTreeMap<String, u64>, hour: &str) {
    if let Some(count) = hours.get_mut(hour) {
        *count = count.saturating_sub(1);
    }
    hours.retain(|_, count| *count > 0);
}

/// Keeps the versions whose digest is lowest apart, and adds the rest to the others.
fn fold(versions: &mut BTreeMap<String, VersionCounts>, others: &mut Option<VersionCounts>) {
    while versions.len() > MAX_VERSIONS {
        let Some(highest) = versions.keys().max_by_key(|version| Sha256::digest(version)).cloned() else { return };
        if let Some(counts) = versions.remove(&highest) {
            merge(others.get_or_insert_default(), &counts);
        }
    }
}

/// Forgets hours before `oldest`, and the oldest of too many.
fn forget(counters: &mut IncidentCounters, oldest: &str) {
    counters.hours.retain(|hour, _| hour.as_str() >= oldest);
    while counters.hours.len() > MAX_HOURS {
        counters.hours.pop_first();
    }
    let IncidentCounters { versions, other_versions, no_version, .. } = counters;
    let mut all: Vec<&mut BTreeMap<String, u64>> =
        versions.values_mut().chain(other_versions).chain(no_version).map(|counts| &mut counts.hours).collect();
    for hours in &mut all {
        hours.retain(|hour, _| hour.as_str() >= oldest);
    }
    while all.iter().map(|hours| hours.len()).sum::<usize>() > MAX_VERSION_HOURS {
        let Some(first) = all.iter().filter_map(|hours| hours.keys().next()).min().cloned() else { return };
        for hours in &mut all {
            hours.remove(&first);
        }
    }
}
