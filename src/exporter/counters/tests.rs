//! The arithmetic of counters, and what follows from them.

use std::time::Duration;

use proptest::prelude::*;

use super::history::MAX_NAMED;
use super::services::{self, MAX_DEPLOYMENTS};
use super::tally::{self, MAX_VERSIONS};
use super::*;
use crate::model::{Absence, Deployment, IncidentHistory};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp(1_795_435_200_000_000_000);
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn ran(version: Option<&str>, commit: Option<&str>) -> Ran {
    let deployment = Deployment { version: version.map(str::to_owned), commit: commit.map(str::to_owned) };
    Ran { service: Some("checkout".to_owned()), deployment }
}

/// What a store knows of one incident and its service.
#[derive(Default)]
struct Known {
    counters: IncidentCounters,
    service: ServiceDeployments,
    told: u64,
}

impl Known {
    /// A failure of the incident, `seconds` after noon.
    fn failure(&mut self, seconds: u64, ran: &Ran) -> IncidentNumbers {
        self.told += 1;
        let id = self.told.to_string();
        let failed_at = NOON.after(Duration::from_secs(seconds));
        let failure = Counted { incident: "INC-1", bundle_id: &id, failed_at, ran };
        services::add(&mut self.service, ran, failed_at);
        tally::add(&mut self.counters, failure, failed_at);
        numbers(&[], &self.counters, &services::merged([&self.service].into_iter()), failure)
    }

    /// A failure of another incident of the service.
    fn other_failure(&mut self, seconds: u64, ran: &Ran) {
        services::add(&mut self.service, ran, NOON.after(Duration::from_secs(seconds)));
    }
}

fn told(numbers: IncidentNumbers) -> IncidentHistory {
    numbers.history.unwrap()
}

#[test]
fn an_incident_is_new_in_a_version_that_came_after_others_without_it() {
    let mut known = Known::default();
    known.other_failure(0, &ran(Some("1.0"), Some("aaaaaaa")));
    known.other_failure(HOUR, &ran(Some("1.1"), Some("bbbbbbb")));
    let history = told(known.failure(2 * HOUR, &ran(Some("1.2"), Some("ccccccc"))));
    assert_eq!((history.new_in_version, history.regressed), (Some(true), Some(false)));
    assert_eq!(history.before.unwrap().version.as_deref(), Some("1.1"));
    assert_eq!(history.commit_range.as_deref(), Some("bbbbbbb..ccccccc"));
    assert_eq!(history.unknown, [""; 0]);

    let history = told(known.failure(3 * HOUR, &ran(Some("1.3"), Some("ddddddd"))));
    assert_eq!((history.new_in_version, history.version.as_deref()), (Some(false), Some("1.3")));
    assert_eq!(history.first.unwrap().version.as_deref(), Some("1.2"));
    assert_eq!(history.commit_range.as_deref(), Some("bbbbbbb..ccccccc"), "where it began, wherever it is now");
    let counts: Vec<_> = history.versions.iter().map(|one| (one.version.as_deref().unwrap(), one.count)).collect();
    assert_eq!(counts, [("1.2", 1), ("1.3", 1)]);
}

#[test]
fn an_incident_that_the_version_before_has_too_is_not_new() {
    let mut known = Known::default();
    known.other_failure(0, &ran(Some("1.0"), None));
    let new = told(known.failure(HOUR, &ran(Some("1.1"), None)));
    assert_eq!(new.new_in_version, Some(true));
    let both = told(known.failure(2 * HOUR, &ran(Some("1.0"), None)));
    assert_eq!(both.new_in_version, Some(false), "it began in another");
    let again = told(known.failure(3 * HOUR, &ran(Some("1.1"), None)));
    assert_eq!(again.new_in_version, Some(false), "while both run, both have it");
}

#[test]
fn what_cannot_be_told_is_null_with_a_reason() {
    let mut known = Known::default();
    let history = told(known.failure(0, &ran(Some("1.0"), None)));
    assert_eq!((history.new_in_version, history.before, history.commit_range), (None, None, None));
    assert!(history.unknown[0].starts_with("new_in_version: no failure of another version"), "{:?}", history.unknown);

    let history = told(known.failure(HOUR, &ran(None, None)));
    assert_eq!((history.version, history.new_in_version, history.regressed), (None, None, None));
    assert_eq!(history.no_version.unwrap().count, 1);
    let history = told(known.failure(2 * HOUR, &ran(Some("1.1"), None)));
    assert_eq!((history.new_in_version, history.regressed), (Some(false), None), "{:?}", history.unknown);
}

#[test]
fn a_service_without_versions_still_has_its_commits() {
    let mut known = Known::default();
    known.other_failure(0, &ran(None, Some("aaaaaaa")));
    let history = told(known.failure(HOUR, &ran(None, Some("bbbbbbb"))));
    assert_eq!(history.commit_range.as_deref(), Some("aaaaaaa..bbbbbbb"));
}

#[test]
fn an_incident_that_was_gone_for_a_whole_version_came_back() {
    let mut known = Known::default();
    known.failure(0, &ran(Some("1.0"), None));
    known.other_failure(HOUR, &ran(Some("1.1"), None));
    known.other_failure(5 * HOUR, &ran(Some("1.1"), None));
    let history = told(known.failure(6 * HOUR, &ran(Some("1.2"), None)));
    assert_eq!(history.regressed, Some(true));
    let absent = Absence {
        version: Some("1.1".to_owned()),
        from: Some("2026-11-23T12".to_owned()),
        until: "2026-11-23T18".to_owned(),
    };
    assert_eq!(history.absent, Some(absent));
}

#[test]
fn a_version_that_failed_only_beside_the_old_one_is_no_absence() {
    let mut known = Known::default();
    known.failure(0, &ran(Some("1.0"), None));
    known.other_failure(HOUR, &ran(Some("1.1"), None));
    known.failure(2 * HOUR, &ran(Some("1.0"), None));
    let history = told(known.failure(3 * HOUR, &ran(Some("1.2"), None)));
    assert_eq!((history.regressed, history.absent), (Some(false), None));
    let old = told(known.failure(4 * HOUR, &ran(Some("1.0"), None)));
    assert_eq!(old.regressed, Some(false), "the old version goes on as it was");
}

#[test]
fn an_incident_that_was_gone_for_seven_days_came_back() {
    let version = ran(Some("1.0"), None);
    for (days, regressed) in [(6, false), (8, true), (60, true)] {
        let mut known = Known::default();
        known.failure(0, &version);
        known.failure(HOUR, &version);
        let numbers = known.failure(days * DAY + HOUR, &version);
        assert_eq!((numbers.count_24h, &*numbers.first_seen), (1, "2026-11-23T12:00:00.000000000Z"));
        let history = told(numbers);
        assert_eq!(history.regressed, Some(regressed), "after {days} days");
        // Hours are kept for 30 days: what was before them is known by the first failure alone.
        let from = history.absent.and_then(|absent| absent.from);
        assert_eq!(from, (days == 8).then(|| "2026-11-23T13".to_owned()), "after {days} days");
    }
}

#[test]
fn counters_without_versions_are_read_as_failures_of_no_known_version() {
    let old = serde_json::json!({
        "incident": "INC-1", "writer": "one", "first_seen": "2026-11-23T10:00:00.000000000Z",
        "last_seen": "2026-11-23T11:30:00.000000000Z", "hours": {"2026-11-23T10": 4, "2026-11-23T11": 3},
    });
    let old = tally::with_versions(serde_json::from_value(old).unwrap());
    let mut known = Known { counters: old, ..Known::default() };
    known.other_failure(0, &ran(Some("1.0"), None));
    let numbers = known.failure(HOUR, &ran(Some("1.1"), None));
    assert_eq!((numbers.count_24h, &*numbers.first_seen), (8, "2026-11-23T10:00:00.000000000Z"));
    let history = told(numbers);
    assert_eq!(history.new_in_version, None, "the first failure may have been in any version");
    let unversioned = history.no_version.unwrap();
    assert_eq!((unversioned.count, unversioned.count_24h), (7, 7));
    assert_eq!(history.versions[0].count, 1);
}

#[test]
fn too_many_versions_are_one_number_and_a_manifest_names_a_few() {
    let mut known = Known::default();
    let mut last = None;
    for number in 0..200 {
        last = Some(told(known.failure(number * 60, &ran(Some(&format!("1.{number}")), None))));
    }
    let history = last.unwrap();
    assert_eq!(known.counters.versions.len(), MAX_VERSIONS);
    assert_eq!(history.versions.len(), MAX_NAMED);
    let named: u64 = history.versions.iter().map(|version| version.count).sum();
    assert_eq!(named + history.other_versions.as_ref().unwrap().count, 200);
    assert_eq!((history.new_in_version, history.first.unwrap().version.as_deref()), (Some(false), Some("1.0")));
    assert_eq!(history.regressed, None);
    let size = crate::bundle::to_canonical(&known.counters).unwrap().len();
    assert!(size < 64 * 1024, "{size} bytes");
}

#[test]
fn a_service_with_too_many_deployments_forgets_the_oldest_and_says_so() {
    let mut known = Known::default();
    let count = MAX_DEPLOYMENTS as u64 + 10;
    for number in 0..count {
        known.other_failure(number * HOUR, &ran(Some(&format!("1.{number}")), None));
    }
    assert_eq!(known.service.deployments.len(), MAX_DEPLOYMENTS);
    let recent = told(known.failure(count * HOUR, &ran(Some("2.0"), None)));
    assert_eq!(recent.before.unwrap().version.unwrap(), format!("1.{}", count - 1));

    let mut long_ago = Known { service: known.service, ..Known::default() };
    let history = told(long_ago.failure(5 * HOUR, &ran(Some("3.0"), None)));
    assert!(history.before.is_none() && history.unknown.iter().any(|why| why.contains("forgotten")), "{history:?}");
}

/// What happens to a failure on its way into counters.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is counted and its manifest written.
    Committed,
    /// The writer dies before the manifest; another writer meets the trace.
    LeftTo(usize),
    /// Another writer counts it at the same time, and is too late with the manifest.
    Raced(usize),
}

const WRITERS: usize = 3;

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Committed),
        1 => (0..WRITERS).prop_map(Fate::LeftTo),
        1 => (0..WRITERS).prop_map(Fate::Raced),
    ]
}

/// What a process that starts finds of its own counters.
fn restart(counters: &mut IncidentCounters) {
    let stored = crate::bundle::to_canonical(counters).unwrap();
    *counters = tally::with_versions(serde_json::from_slice(&stored).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Scenario: failures of up to 100 versions (some without) come in any order to three writers, which die, restart, take over from one
    /// another and race. Guarantees: the sum of all counters is that of one writer who met them one after the other.
    #[test]
    fn any_writers_in_any_order_count_the_same(
        failures in proptest::collection::vec((proptest::option::of(0u8..100), 0u64..400), 1..120)
            .prop_flat_map(|failures| {
                let order: Vec<usize> = (0..failures.len()).collect();
                (Just(failures), Just(order).prop_shuffle())
            }),
        fates in proptest::collection::vec((0..WRITERS, fates(), any::<bool>()), 120),
    ) {
        let (failures, order) = failures;
        let failures: Vec<(String, Ran, Timestamp)> = failures
            .into_iter()
            .enumerate()
            .map(|(number, (version, hours))| {
                let version = version.map(|version| format!("1.{version}"));
                (number.to_string(), ran(version.as_deref(), None), NOON.after(Duration::from_secs(hours * HOUR)))
            })
            .collect();
        let counted = |index: usize| {
            let (id, ran, failed_at) = &failures[index];
            Counted { incident: "INC-1", bundle_id: id, failed_at: *failed_at, ran }
        };
        let now = NOON.after(Duration::from_secs(400 * HOUR));

        let (mut alone, mut its_service) = (IncidentCounters::default(), ServiceDeployments::default());
        for (index, (_, ran, failed_at)) in failures.iter().enumerate() {
            tally::add(&mut alone, counted(index), now);
            services::add(&mut its_service, ran, *failed_at);
        }

        let mut writers: Vec<IncidentCounters> = vec![IncidentCounters::default(); WRITERS];
        let mut their_services: Vec<ServiceDeployments> = vec![ServiceDeployments::default(); WRITERS];
        for (index, (writer, fate, restarts)) in order.into_iter().zip(fates) {
            let failure = counted(index);
            services::add(&mut their_services[writer], failure.ran, failure.failed_at);
            tally::add(&mut writers[writer], failure, now);
            match fate {
                Fate::Committed => tally::confirm(&mut writers[writer], failure.bundle_id),
                Fate::LeftTo(successor) => {
                    restart(&mut writers[writer]);
                    // As `Counters::count` decides: the successor finds it counted.
                    if !writers.iter().any(|one| tally::counts(one, failure.bundle_id)) {
                        tally::add(&mut writers[successor], failure, now);
                    }
                    services::add(&mut their_services[successor], failure.ran, failure.failed_at);
                }
                Fate::Raced(other) if other != writer => {
                    tally::add(&mut writers[other], failure, now);
                    services::add(&mut their_services[other], failure.ran, failure.failed_at);
                    tally::confirm(&mut writers[writer], failure.bundle_id);
                    if restarts {
                        restart(&mut writers[other]);
                    }
                    tally::take_back(&mut writers[other], failure);
                }
                Fate::Raced(_) => {}
            }
            if restarts {
                restart(&mut writers[writer]);
            }
        }

        let expected = tally::sum([&alone].into_iter());
        let sum = tally::sum(writers.iter());
        prop_assert_eq!(&sum, &expected);
        let by_version: u64 =
            sum.versions.values().chain(&sum.other_versions).chain(&sum.no_version).map(|counts| counts.count).sum();
        prop_assert_eq!((by_version, sum.hours.values().sum::<u64>()), (failures.len() as u64, failures.len() as u64));
        let (service, its_service) = (services::merged(their_services.iter()), services::merged([&its_service].into_iter()));
        prop_assert_eq!(&service, &its_service);
        for index in 0..failures.len() {
            prop_assert_eq!(
                super::history::numbers(&sum, &service, counted(index)),
                super::history::numbers(&expected, &its_service, counted(index))
            );
        }
    }
}
