//! `incidents.max_bundles` per period: what is over it ends as counted `incident_limit`.
//!
//! A failure that differs from those whose bundles the period already has (in its version, in the services and spans of its
//! path, or in the route by which the request came in) says more than one that repeats them. So those that repeat get little
//! more than half of the bundles, and the rest is kept for those that differ. All of this is in memory and for one process: a
//! restart begins the period anew, with up to as many bundles again, and what was told before counts as different once more.
//!
//! In a storm nearly every failure repeats one that was over the limit already. Its [`Shape`] tells that from the records as they
//! came, before anything is decoded: equal shapes are of one incident, and differ in nothing that bundles are kept for, but for
//! spans of the path that did not fail themselves.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::config::IncidentLimit;
use crate::evidence::normalise;
use crate::model::{Bundle, Record, SEVERITY_ERROR, STATUS_ERROR, Signal, SpanEvidence, Timestamp};
use crate::otlp;

/// Most shapes remembered in a period: those of further failures are told by their evidence.
const MAX_SHAPES: usize = 10_000;
/// Most traits remembered of one incident: beyond it, nothing counts as different any more.
const MAX_TRAITS: usize = 256;

/// Counts the bundles of each incident in the current period. Periods are aligned to the epoch.
#[derive(Debug)]
pub(super) struct IncidentLimiter {
    max_bundles: u64,
    period_nanos: u64,
    hasher: foldhash::fast::FixedState,
    current: Mutex<Period>,
}

#[derive(Debug, Default)]
struct Period {
    number: u64,
    incidents: BTreeMap<String, Kept>,
    /// Shapes of failures that were over the limit.
    over: HashSet<u64, RandomState>,
}

/// What the failed records of a trace, and its root, tell without what varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape(Option<u64>);

/// The bundles of an incident, and what sets them apart. Hashes alone: the case is not yet redacted.
#[derive(Debug, Default)]
struct Kept {
    bundles: u64,
    traits: BTreeSet<u64>,
}

impl IncidentLimiter {
    pub(super) fn new(config: &IncidentLimit) -> Self {
        let period_nanos = u64::try_from(config.per.0.as_nanos()).unwrap_or(u64::MAX).max(1);
        Self {
            max_bundles: config.max_bundles,
            period_nanos,
            hasher: foldhash::fast::FixedState::default(),
            current: Mutex::default(),
        }
    }

    /// The shape of a trace; of one without a failed record it is not known.
    pub(super) fn shape(&self, records: &[Record]) -> Shape {
        if self.max_bundles == 0 {
            return Shape(None);
        }
        let mut shapes: Vec<u64> = records.iter().filter(|record| has_failed(record)).map(otlp::shape).collect();
        if shapes.is_empty() {
            return Shape(None);
        }
        shapes.extend(records.iter().filter(|record| is_root(record)).map(otlp::shape));
        shapes.sort_unstable();
        shapes.dedup();
        Shape(Some(self.hasher.hash_one(shapes)))
    }

    /// Whether a failure of this shape was over the limit in this period: then so is this one.
    pub(super) fn is_over(&self, now: Timestamp, shape: Shape) -> bool {
        shape.0.is_some_and(|shape| self.current.lock().of(now.0 / self.period_nanos).over.contains(&shape))
    }

    /// Remembers that a failure of this shape was over the limit.
    pub(super) fn remember_over(&self, now: Timestamp, shape: Shape) {
        let mut period = self.current.lock();
        let over = &mut period.of(now.0 / self.period_nanos).over;
        if over.len() < MAX_SHAPES {
            over.extend(shape.0);
        }
    }

    /// Whether the incident of this bundle may have one more now; if so, this one is counted.
    pub(super) fn allows(&self, now: Timestamp, bundle: &Bundle) -> bool {
        if self.max_bundles == 0 {
            return true;
        }
        let number = now.0 / self.period_nanos;
        if self.is_full(number, &bundle.incident.id) {
            return false;
        }
        let traits = self.traits(bundle);
        let mut period = self.current.lock();
        let kept = period.of(number).incidents.entry(bundle.incident.id.clone()).or_default();
        let differs =
            kept.traits.len() + traits.len() <= MAX_TRAITS && !traits.iter().all(|one| kept.traits.contains(one));
        let most = if differs { self.max_bundles } else { self.max_bundles / 2 + 1 };
        if kept.bundles >= most {
            return false;
        }
        kept.bundles += 1;
        if differs {
            kept.traits.extend(traits);
        }
        true
    }

    /// The usual end in a storm of failures, told without a look at the evidence.
    fn is_full(&self, number: u64, incident: &str) -> bool {
        let mut period = self.current.lock();
        period.of(number).incidents.get(incident).is_some_and(|kept| kept.bundles >= self.max_bundles)
    }

    /// What a failure may differ in.
    fn traits(&self, bundle: &Bundle) -> [u64; 3] {
        let version = (bundle.environment.service.get("version").map(ToString::to_string), &bundle.commit_sha);
        let path = &bundle.trace.span_path;
        let steps: Vec<(&str, String)> =
            path.iter().map(|span| (span.service.as_str(), normalise(&span.name))).collect();
        [
            self.hasher.hash_one(("version", version)),
            self.hasher.hash_one(("path", steps)),
            self.hasher.hash_one(("entry", path.first().map(entry))),
        ]
    }
}

impl Period {
    /// The incidents of the period of this number: no other is remembered. A failure of an earlier one (lanes have times of their
    /// own) counts for the latest.
    fn of(&mut self, number: u64) -> &mut Self {
        if self.number < number {
            *self = Self { number, ..Self::default() };
        }
        self
    }
}

fn has_failed(record: &Record) -> bool {
    let head = &record.entry.head;
    head.status == STATUS_ERROR || head.severity >= SEVERITY_ERROR || head.exception_event || head.exception_attributes
}

fn is_root(record: &Record) -> bool {
    record.signal() == Signal::Traces && record.entry.head.parent_span_id.is_zero()
}

/// How the request came in: its method and route, without what varies.
fn entry(span: &SpanEvidence) -> impl Hash {
    let attribute = |keys: &[&str]| {
        let value = keys.iter().find_map(|key| span.attrs.get(*key))?;
        Some(normalise(value.as_str().unwrap_or_default()))
    };
    let method = attribute(&["http.request.method", "http.method", "rpc.method", "messaging.operation.type"]);
    let route = attribute(&["http.route", "rpc.service", "messaging.destination.name", "url.path", "http.target"]);
    (method, route, normalise(&span.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Duration;

    fn limiter(max_bundles: u64) -> IncidentLimiter {
        IncidentLimiter::new(&IncidentLimit { max_bundles, per: Duration::seconds(60) })
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    /// A failure of an incident in a version of `checkout`, in a span that a route leads to.
    fn failure(incident: &str, version: &str, route: &str, span: &str) -> Bundle {
        let step = |service: &str, name: &str, attrs: serde_json::Value| {
            json!({"span_id": "00f067aa0ba902b7", "parent_span_id": null, "service": service, "name": name, "kind": "server",
                   "status": "error", "status_message": null, "start": "", "duration_ms": 1.0, "attrs": attrs})
        };
        let root = step("gateway", "GET", json!({"http.request.method": "GET", "http.route": route}));
        serde_json::from_value(json!({
            "version": 1, "bundle_id": "",
            "incident": {"id": incident, "fingerprint": "v1:0", "class": "crash", "summary": "", "services": []},
            "trace": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "root": "present", "spans": [], "span_count": 1,
                      "span_path": [root, step("checkout", span, json!({}))]},
            "exception": null, "logs": {"window": [], "total": 0, "collapsed": 0}, "metrics": {"exemplars": []},
            "environment": {"runtime": {}, "os": {}, "container": {}, "k8s": {}, "service": {"version": version},
                            "timezone": null, "feature_flags": {}},
            "repro": {"env": {}, "inputs": {}, "request": null}, "attachments": [],
            "redaction": {"policy": "", "key_id": "", "remarks": []},
            "completeness": {"records": 1, "shown": 1, "truncated": [], "missing": []},
            "provenance": {"policy": "", "config": "", "casefile": ""},
        }))
        .unwrap()
    }

    #[test]
    fn an_incident_gets_its_bundles_in_each_period_and_no_more() {
        let limiter = limiter(2);
        let (a, b) = (failure("INC-A", "1", "/pay", "pay"), failure("INC-B", "1", "/pay", "pay"));
        assert!(limiter.allows(at(1), &a));
        assert!(limiter.allows(at(2), &a));
        assert!(!limiter.allows(at(3), &a));
        assert!(limiter.allows(at(3), &b), "another incident has its own count");
        assert!(limiter.allows(at(61), &a), "a new period begins");
    }

    #[test]
    fn bundles_are_kept_for_failures_that_differ() {
        let limiter = limiter(5);
        let repeated = failure("INC-A", "1", "/pay", "pay 17");
        assert_eq!((0..9).filter(|_| limiter.allows(at(1), &repeated)).count(), 3);
        assert!(!limiter.allows(at(1), &failure("INC-A", "1", "/pay", "pay 18")), "a number is no difference");
        assert!(limiter.allows(at(2), &failure("INC-A", "2", "/pay", "pay 17")), "another version");
        assert!(!limiter.allows(at(2), &failure("INC-A", "2", "/pay", "pay 17")), "has its bundle");
        assert!(limiter.allows(at(3), &failure("INC-A", "1", "/refund", "pay 17")), "another route");
        assert!(!limiter.allows(at(3), &failure("INC-A", "1", "/pay", "refund")), "but no more than five in all");
    }

    #[test]
    fn what_is_remembered_of_an_incident_is_bounded() {
        let limiter = limiter(1000);
        let different = |number: u64| failure("INC-A", &format!("1.{number}"), "/pay", "pay");
        assert_eq!((0..2000).filter(|number| limiter.allows(at(1), &different(*number))).count(), 501);
        let period = limiter.current.lock();
        assert!(period.incidents["INC-A"].traits.len() <= MAX_TRAITS);
    }

    #[test]
    fn zero_means_no_limit() {
        let limiter = limiter(0);
        let same = failure("INC-A", "1", "/pay", "pay");
        assert!((0..100).all(|_| limiter.allows(Timestamp(0), &same)));
    }
}
