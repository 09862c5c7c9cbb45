//! What follows from the counters of an incident and from what ran of its service: is it new, has it come back, what came before.
//!
//! Nothing here is guessed. A version in which nothing failed was never seen, so versions are told of in the order of their
//! first failure; where that is not enough, the answer is null and `unknown` says why.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Counted;
use super::services::is_forgotten;
use super::tally::{KEPT, hour, hour_of};
use crate::model::{
    Absence, Deployed, Deployment, IncidentCounters, IncidentHistory, IncidentNumbers, ServiceDeployments, Timestamp,
    VersionCounts, VersionNumbers,
};

/// Hours without a failure after which an incident counts as gone: seven days.
const GONE_HOURS: u64 = 7 * 24;
/// Most versions that a manifest names.
pub(super) const MAX_NAMED: usize = 20;

/// The numbers around a failure, out of the sum of all counters. The 24 hours are the one of the failure and the 23 before it.
pub(super) fn numbers(sum: &IncidentCounters, service: &ServiceDeployments, failure: Counted<'_>) -> IncidentNumbers {
    let at = failure.failed_at.to_rfc3339();
    let day = hour(failure.failed_at.before(Duration::from_secs(23 * 3600)))..=hour(failure.failed_at);
    let first_seen = [sum.first_seen.as_str(), &at].into_iter().filter(|seen| !seen.is_empty()).min();
    IncidentNumbers {
        first_seen: first_seen.unwrap_or_default().to_owned(),
        last_seen: sum.last_seen.clone().max(at),
        count_24h: within(&sum.hours, &day),
        history: Some(history(sum, service, failure, &day)),
    }
}

fn history(
    sum: &IncidentCounters,
    service: &ServiceDeployments,
    failure: Counted<'_>,
    day: &RangeInclusive<String>,
) -> IncidentHistory {
    let version = failure.ran.deployment.version.clone();
    let mut unknown = Vec::new();
    let new_in_version =
        is_new(sum, service, version.as_deref()).map_err(|why| unknown.push(format!("new_in_version: {why}"))).ok();
    let (regressed, absent) = match came_back(sum, service, failure) {
        Ok(absent) => (Some(absent.is_some()), absent),
        Err(why) => {
            unknown.push(format!("regressed: {why}"));
            (None, None)
        }
    };
    let first = sum.first.as_ref().map(|first| first.ran.clone()).filter(is_told);
    let before = before(sum, service).map_err(|why| unknown.push(format!("before: {why}"))).ok();
    let commits =
        (before.as_ref().and_then(|ran| ran.commit.as_ref()), first.as_ref().and_then(|ran| ran.commit.as_ref()));
    let commit_range = match commits {
        (Some(from), Some(to)) if from != to => Some(format!("{from}..{to}")),
        (Some(_), Some(_)) => None,
        _ => {
            unknown.push("commit_range: not both commits are known".to_owned());
            None
        }
    };
    let (versions, other_versions) = named(sum, day);
    IncidentHistory {
        service: failure.ran.service.clone(),
        version,
        new_in_version,
        regressed,
        absent,
        first,
        before,
        commit_range,
        versions,
        other_versions,
        no_version: sum.no_version.as_ref().map(|counts| told(None, counts, day)),
        unknown,
    }
}

/// Whether the incident began in this version, and is in none that was there before it.
fn is_new(sum: &IncidentCounters, service: &ServiceDeployments, version: Option<&str>) -> Result<bool, &'static str> {
    let version = version.ok_or("no service.version")?;
    let first = sum.first.as_ref().ok_or("no failure is counted")?;
    let first_version = first.ran.version.as_deref().ok_or("the version of the first failure is not known")?;
    if first_version != version {
        return Ok(false);
    }
    if sum.other_versions.is_some() {
        return Err("there are more versions than are counted apart");
    }
    let seen = versions_of(service);
    let began = seen.get(version).map_or(first.at.as_str(), |(began, _)| *began);
    let is_older = |other: &str| other != version && seen.get(other).is_some_and(|(other, _)| *other < began);
    if sum.versions.keys().any(|other| is_older(other)) {
        return Ok(false);
    }
    let before = seen.iter().any(|(other, (began, _))| *other != version && *began < first.at.as_str());
    if before { Ok(true) } else { Err("no failure of another version was stored before") }
}

/// What of the service was first seen last before what ran at the first failure.
fn before(sum: &IncidentCounters, service: &ServiceDeployments) -> Result<Deployment, &'static str> {
    let first =
        sum.first.as_ref().filter(|first| is_told(&first.ran)).ok_or("what ran at the first failure is not known")?;
    let differs = |deployed: &&Deployed| match (&deployed.ran.version, &first.ran.version) {
        (Some(one), Some(other)) if one != other => true,
        _ => matches!((&deployed.ran.commit, &first.ran.commit), (Some(one), Some(other)) if one != other),
    };
    let same = |deployed: &&Deployed| !differs(deployed);
    let began = service.deployments.iter().filter(same).map(|deployed| deployed.first_seen.as_str());
    let began = began.chain([first.at.as_str()]).min().unwrap_or_default();
    if is_forgotten(service, began) {
        return Err("earlier deployments are forgotten");
    }
    let earlier = service.deployments.iter().filter(differs).filter(|deployed| deployed.first_seen.as_str() < began);
    let last = earlier.max_by(|a, b| (&a.first_seen, &a.ran).cmp(&(&b.first_seen, &b.ran)));
    let last = last.ok_or("no failure of another deployment was stored before")?;
    if is_forgotten(service, &last.first_seen) {
        return Err("earlier deployments are forgotten");
    }
    Ok(last.ran.clone())
}

/// When the incident was gone before it came back; `None` if it was not.
fn came_back(
    sum: &IncidentCounters,
    service: &ServiceDeployments,
    failure: Counted<'_>,
) -> Result<Option<Absence>, &'static str> {
    // Both are asked for what they know: that of the versions says more.
    let by_version = came_back_in_version(sum, service, failure.ran.deployment.version.as_deref());
    match (by_version, came_back_after_time(sum, failure.failed_at)) {
        (Ok(Some(absent)), _) | (_, Some(absent)) => Ok(Some(absent)),
        (Ok(None), None) => Ok(None),
        (Err(why), None) => Err(why),
    }
}

/// The latest version which had other failures and not these, although the incident was there in an earlier one and is in this one.
///
/// A version that failed only while the incident was still there in an earlier one (both were running) proves nothing.
fn came_back_in_version(
    sum: &IncidentCounters,
    service: &ServiceDeployments,
    version: Option<&str>,
) -> Result<Option<Absence>, &'static str> {
    let version = version.ok_or("no service.version")?;
    if sum.no_version.is_some() {
        return Err("the versions of some failures are not known");
    }
    if sum.other_versions.is_some() {
        return Err("there are more versions than are counted apart");
    }
    let seen = versions_of(service);
    let Some((began, _)) = seen.get(version) else { return Ok(None) };
    let mut candidates: Vec<_> = seen
        .iter()
        .filter(|(other, (first, _))| !sum.versions.contains_key(**other) && first < began)
        .map(|(other, (first, last))| (*first, *last, *other))
        .collect();
    candidates.sort_unstable();
    for (first, last_hour, without) in candidates.into_iter().rev() {
        let parts = |counted: &str| seen.get(counted).is_some_and(|(began, _)| *began < first);
        let (earlier, later): (Vec<_>, Vec<_>) = sum.versions.iter().partition(|(counted, _)| parts(counted));
        let gone = earlier.iter().map(|(_, counts)| counts.last_seen.as_str()).max();
        let back = later.iter().map(|(_, counts)| counts.first_seen.as_str()).min();
        if let (Some(gone), Some(back)) = (gone, back)
            && last_hour > hour_of(gone)
            && back > gone
        {
            return Ok(Some(Absence {
                version: Some(without.to_owned()),
                from: Some(hour_of(gone).to_owned()),
                until: hour_of(back).to_owned(),
            }));
        }
    }
    Ok(None)
}

/// The versions of a service: when each was first seen, and the hour in which it was last.
fn versions_of(service: &ServiceDeployments) -> BTreeMap<&str, (&str, &str)> {
    let mut versions: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for deployed in &service.deployments {
        let Some(version) = deployed.ran.version.as_deref() else { continue };
        let (first, last) = versions.entry(version).or_insert((&deployed.first_seen, &deployed.last_hour));
        *first = (*first).min(&deployed.first_seen);
        *last = (*last).max(&deployed.last_hour);
    }
    versions
}

/// The latest seven days or more without a failure, before one up to this.
fn came_back_after_time(sum: &IncidentCounters, failed_at: Timestamp) -> Option<Absence> {
    let this = hour(failed_at);
    let mut later: Option<&String> = None;
    for earlier in sum.hours.range(..=this).rev().map(|(hour, _)| hour) {
        if let Some(later) = later
            && hours_between(earlier, later)? > GONE_HOURS
        {
            return Some(Absence { version: None, from: Some(earlier.clone()), until: later.clone() });
        }
        later = Some(earlier);
    }
    // What was before the hours that are kept is known by the first failure alone.
    let oldest = later?;
    let kept_from = hour(Timestamp::from_rfc3339(&sum.last_seen)?.before(KEPT));
    let gone = hour_of(&sum.first_seen) < kept_from.as_str() && hours_between(&kept_from, oldest)? > GONE_HOURS;
    gone.then(|| Absence { version: None, from: None, until: oldest.clone() })
}

/// Hours from one to another; `None` if one of them is none.
fn hours_between(earlier: &str, later: &str) -> Option<u64> {
    let at = |hour: &str| Timestamp::from_rfc3339(&format!("{hour}:00:00Z"));
    Some(at(later)?.since(at(earlier)?).as_secs() / 3600)
}

/// The versions that are named, by their first failure (the very first, and the latest), and the sum of the others.
fn named(sum: &IncidentCounters, day: &RangeInclusive<String>) -> (Vec<VersionNumbers>, Option<VersionNumbers>) {
    let mut versions: Vec<VersionNumbers> =
        sum.versions.iter().map(|(version, counts)| told(Some(version), counts, day)).collect();
    versions.sort_by(|a, b| (&a.first_seen, &a.version).cmp(&(&b.first_seen, &b.version)));
    let excess = versions.len().saturating_sub(MAX_NAMED);
    let unnamed: Vec<VersionNumbers> = if excess > 0 { versions.drain(1..=excess).collect() } else { Vec::new() };
    let folded = sum.other_versions.as_ref().map(|counts| told(None, counts, day));
    let others = unnamed.into_iter().chain(folded).reduce(|a, b| VersionNumbers {
        version: None,
        first_seen: a.first_seen.min(b.first_seen),
        last_seen: a.last_seen.max(b.last_seen),
        count: a.count + b.count,
        count_24h: a.count_24h + b.count_24h,
    });
    (versions, others.map(|others| VersionNumbers { version: None, ..others }))
}

fn told(version: Option<&String>, counts: &VersionCounts, day: &RangeInclusive<String>) -> VersionNumbers {
    VersionNumbers {
        version: version.cloned(),
        first_seen: counts.first_seen.clone(),
        last_seen: counts.last_seen.clone(),
        count: counts.count,
        count_24h: within(&counts.hours, day),
    }
}

fn within(hours: &BTreeMap<String, u64>, day: &RangeInclusive<String>) -> u64 {
    hours.range(day.clone()).map(|(_, count)| count).sum()
}

fn is_told(ran: &Deployment) -> bool {
    ran.version.is_some() || ran.commit.is_some()
}
