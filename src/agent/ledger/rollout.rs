//! Whether a new version has mended an incident: failures an hour before it and in it, and how sure that is.
//!
//! Counters know failures and no requests, so the rates are by time. That the new version took the same traffic as the old one is an
//! assumption, which the answer names; where it took a part of it, `share` says which.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF as _};

use super::counted::{CountedError, counters, hour_of, read};
use crate::agent::Catalog;
use crate::bundle::names;
use crate::model::{IncidentCounters, ServiceDeployments, Timestamp};

/// Nanoseconds of an hour.
const HOUR: u64 = 3_600_000_000_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct RolloutRequest {
    /// The incident.
    pub incident: String,
    /// The new version.
    pub version: String,
    /// When it began to run; its first failure of any kind where that is not said.
    pub since: Option<Timestamp>,
    /// Until when it is looked at.
    pub until: Timestamp,
    /// Hours before it that are compared.
    pub window_hours: u64,
    /// The share of the traffic that it takes: above 0, at most 1.
    pub share: f64,
    /// How sure the interval is: 0.95.
    pub confidence: f64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rollout {
    /// The incident.
    pub incident: String,
    /// The new version.
    pub version: String,
    /// RFC 3339: when it began.
    pub since: String,
    /// Failures before it, in any version.
    pub failures_before: u64,
    /// Hours in which they were counted.
    pub hours_before: f64,
    /// Failures in it.
    pub failures_after: u64,
    /// Hours in which they were counted, times the share of the traffic.
    pub hours_after: f64,
    /// Rate after divided by rate before; null where there was no failure before.
    pub ratio: Option<f64>,
    /// The interval that holds the true ratio with the confidence asked for (Clopper-Pearson, given the sum of both counts); the upper
    /// end is null where there is none.
    pub interval: (f64, Option<f64>),
    /// `fallen`, `risen`, or `not_shown` where the interval holds 1.
    pub verdict: String,
    /// What was taken for granted.
    pub assumes: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// The counters cannot be read.
    #[error(transparent)]
    Counted(#[from] CountedError),
    /// Nothing is counted.
    #[error("no failure of incident {0} is counted in the store")]
    Unknown(String),
    /// Nothing failed in that version, so nobody knows when it began.
    #[error("no failure of version {0} was ever seen, so it is not known since when it runs: say it with --since")]
    Since(String),
    /// The times leave nothing to compare.
    #[error("{0}")]
    Times(&'static str),
}

/// Compares.
///
/// # Errors
/// If the store cannot be read, or there is nothing to compare.
pub async fn rollout(catalog: &Catalog, asked: &RolloutRequest) -> Result<Rollout, RolloutError> {
    let counters = counters(catalog, &asked.incident).await?;
    let first = counters.iter().filter_map(|one| Timestamp::from_rfc3339(&one.first_seen)).min();
    let first = first.ok_or_else(|| RolloutError::Unknown(asked.incident.clone()))?;
    let (since, told) = match asked.since {
        Some(since) => (since, false),
        None => {
            (began(catalog, &counters, asked).await?.ok_or_else(|| RolloutError::Since(asked.version.clone()))?, true)
        }
    };
    if since >= asked.until {
        return Err(RolloutError::Times("the version begins after the time until which it is looked at"));
    }
    let from = Timestamp(since.0.saturating_sub(asked.window_hours.saturating_mul(HOUR)).max(first.0));
    // Hours are counted whole: the one in which the version began is neither's.
    let within = |hour: &str| hour >= hour_of(from).as_str() && hour < hour_of(since).as_str();
    let before: u64 =
        counters.iter().flat_map(|one| &one.hours).filter(|(hour, _)| within(hour)).map(|(_, count)| count).sum();
    let until = hour_of(asked.until);
    let in_version = counters.iter().filter_map(|one| one.versions.get(&asked.version));
    let after: u64 = in_version
        .flat_map(|counts| &counts.hours)
        .filter(|(hour, _)| **hour >= hour_of(since) && **hour <= until)
        .map(|(_, count)| count)
        .sum();
    let hours_before = hours(Timestamp(from.0 / HOUR * HOUR), Timestamp(since.0 / HOUR * HOUR));
    let hours_after = hours(since, asked.until) * asked.share;
    if hours_before <= 0.0 {
        return Err(RolloutError::Times(
            "the incident began in the hour of the version or after it: there is no time before to compare with",
        ));
    }
    let (ratio, interval) = ratio((before, hours_before), (after, hours_after), asked.confidence);
    let verdict = match interval {
        (_, Some(high)) if high < 1.0 => "fallen",
        (low, _) if low > 1.0 => "risen",
        _ => "not_shown",
    };
    let mut assumes = vec!["traffic in the version, times its share, is as before it".to_owned()];
    if told {
        assumes.push("the version runs since its first failure of any kind".to_owned());
    }
    Ok(Rollout {
        incident: asked.incident.clone(),
        version: asked.version.clone(),
        since: since.to_rfc3339(),
        failures_before: before,
        hours_before,
        failures_after: after,
        hours_after,
        ratio,
        interval,
        verdict: verdict.to_owned(),
        assumes,
    })
}

/// The first failure of any kind in the version.
async fn began(
    catalog: &Catalog,
    counters: &[IncidentCounters],
    asked: &RolloutRequest,
) -> Result<Option<Timestamp>, RolloutError> {
    let own =
        counters.iter().filter_map(|one| one.versions.get(&asked.version)).map(|counts| counts.first_seen.clone());
    let mut times: Vec<String> = own.collect();
    let latest = catalog.incident(&asked.incident).await.ok().flatten();
    let service = latest.and_then(|found| found.facts.numbers.history?.service);
    if let Some(service) = service {
        let seen: Vec<ServiceDeployments> = read(catalog, &names::services_folder(&service)).await?;
        let deployed = seen.into_iter().flat_map(|one| one.deployments);
        times.extend(deployed.filter(|one| one.ran.version.as_ref() == Some(&asked.version)).map(|one| one.first_seen));
    }
    Ok(times.iter().filter_map(|at| Timestamp::from_rfc3339(at)).min())
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of days, to be shown as hours")]
fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.0.saturating_sub(from.0) as f64 / HOUR as f64
}

/// The ratio of two Poisson rates and its interval: given their sum, the second count is binomial (Przyborowski and Wilenski 1940).
#[expect(clippy::cast_precision_loss, reason = "counts of failures")]
pub(super) fn ratio(
    (before, hours_before): (u64, f64),
    (after, hours_after): (u64, f64),
    confidence: f64,
) -> (Option<f64>, (f64, Option<f64>)) {
    let (x, n) = (after as f64, (before + after) as f64);
    let tail = (1.0 - confidence) / 2.0;
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).map(|beta| beta.inverse_cdf(p)).ok();
    let low = if after == 0 { Some(0.0) } else { quantile(x, n - x + 1.0, tail) };
    let high = if before == 0 { None } else { quantile(x + 1.0, n - x, 1.0 - tail) };
    let scale = hours_before / hours_after;
    let of = |p: f64| p / (1.0 - p) * scale;
    let ratio = (before > 0).then(|| x / before as f64 * scale);
    (ratio, (low.map_or(0.0, of), high.map(of)))
}
