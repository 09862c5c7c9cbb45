//! `incidents.max_bundles` per period: what is over it ends as counted `incident_limit`.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::config::IncidentLimit;
use crate::model::Timestamp;

/// Counts the bundles of each incident in the current period. Periods are aligned to the epoch.
#[derive(Debug)]
pub(super) struct IncidentLimiter {
    max_bundles: u64,
    period_nanos: u64,
    current: Mutex<Period>,
}

#[derive(Debug, Default)]
struct Period {
    number: u64,
    bundles: BTreeMap<String, u64>,
}

impl IncidentLimiter {
    pub(super) fn new(config: &IncidentLimit) -> Self {
        let period_nanos = u64::try_from(config.per.0.as_nanos()).unwrap_or(u64::MAX).max(1);
        Self { max_bundles: config.max_bundles, period_nanos, current: Mutex::default() }
    }

    /// Whether the incident may have one more bundle now; if so, that one is counted.
    pub(super) fn allows(&self, now: Timestamp, incident: &str) -> bool {
        if self.max_bundles == 0 {
            return true;
        }
        let number = now.0 / self.period_nanos;
        let mut period = self.current.lock();
        if period.number != number {
            *period = Period { number, bundles: BTreeMap::new() };
        }
        let bundles = period.bundles.entry(incident.to_owned()).or_default();
        *bundles += 1;
        *bundles <= self.max_bundles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Duration;

    #[test]
    fn an_incident_gets_its_bundles_in_each_period_and_no_more() {
        let limiter = IncidentLimiter::new(&IncidentLimit { max_bundles: 2, per: Duration::seconds(60) });
        let at = |seconds: u64| Timestamp(seconds * 1_000_000_000);
        assert!(limiter.allows(at(1), "INC-A"));
        assert!(limiter.allows(at(2), "INC-A"));
        assert!(!limiter.allows(at(3), "INC-A"));
        assert!(limiter.allows(at(3), "INC-B"), "another incident has its own count");
        assert!(limiter.allows(at(61), "INC-A"), "a new period begins");
    }

    #[test]
    fn zero_means_no_limit() {
        let limiter = IncidentLimiter::new(&IncidentLimit { max_bundles: 0, per: Duration::seconds(60) });
        assert!((0..100).all(|_| limiter.allows(Timestamp(0), "INC-A")));
    }
}
