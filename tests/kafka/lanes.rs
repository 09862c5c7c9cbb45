//! Lanes against a real broker: what goes in comes out, and whatever happens to its readers comes out the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::kafka::{Cluster, Record};
use crate::support::casefile::{self, Casefile, Home, Settings};
use crate::support::store;
use crate::traffic::{hex, log, spans};

/// Topics of one test, its group, and the store that the members of the group share.
struct Bed<'c> {
    cluster: &'c Cluster,
    name: String,
    folder: tempfile::TempDir,
}

/// What of the settings differs between members.
#[derive(Default)]
struct Member<'a> {
    /// Of the folder, and nothing else.
    name: &'a str,
    /// Another store than the one that is shared.
    store: Option<&'a str>,
    /// Another group than the one that is shared.
    group: Option<&'a str>,
    /// More settings of the receiver.
    kafka: &'a str,
}

impl<'c> Bed<'c> {
    fn new(cluster: &'c Cluster, name: &str, partitions: i32) -> Self {
        let bed = Self { cluster, name: name.to_owned(), folder: tempfile::tempdir().unwrap() };
        for topic in [bed.spans(), bed.logs()] {
            cluster.create_topic(&topic, partitions, &[("message.timestamp.type", "LogAppendTime")]);
        }
        bed
    }

    fn spans(&self) -> String {
        format!("{}-spans", self.name)
    }

    fn logs(&self) -> String {
        format!("{}-logs", self.name)
    }

    fn home(&self, member: &Member<'_>) -> Home {
        let folder = self.folder.path().join(member.name);
        std::fs::create_dir_all(&folder).unwrap();
        let store = self.store(member.store.unwrap_or("store"));
        std::fs::create_dir_all(&store).unwrap();
        let (brokers, spans, logs) = (self.cluster.bootstrap(), self.spans(), self.logs());
        let group = member.group.unwrap_or(&self.name);
        let more = member.kafka;
        let kafka = format!(
            "{{brokers: [\"{brokers}\"], group_id: {group}, initial_offset: earliest, session_timeout: 6s, \
             heartbeat_interval: 500ms, commit_interval: 200ms, idle_timeout: 1s, traces: {{topics: [{spans}]}}, \
             logs: {{topics: [{logs}]}}{more}}}"
        );
        let settings = Settings {
            url: Some(format!("file:{}", store.display())),
            kafka: Some(kafka),
            max_bundles: Some(0),
            decision_wait: "2s",
            retention: "6s",
            max_bytes: "1GiB",
            ..Settings::default()
        };
        Home::new(&folder, &settings)
    }

    fn store(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("stores").join(name)
    }

    /// Puts messages of spans and logs of these traces on the topics, keyed by trace id: of each `pieces` messages of spans.
    fn produce(&self, traces: std::ops::Range<u32>, pieces: u8, spans_each: u8) {
        let (spans_topic, logs_topic) = (self.spans(), self.logs());
        let mut records = Vec::new();
        for piece in 0..pieces {
            for trace in traces.clone() {
                let (key, failed) = (hex(trace), fails(trace) && piece == 0);
                records.push((spans_topic.as_str(), key.clone(), spans(trace, piece * spans_each, spans_each, failed)));
                records.push((logs_topic.as_str(), key, log(trace, piece)));
            }
        }
        let records: Vec<Record<'_>> = records
            .iter()
            .map(|(topic, key, payload)| Record {
                topic,
                key: Some(key.as_bytes()),
                payload: Some(payload),
                ..Record::default()
            })
            .collect();
        self.cluster.produce_all(&records);
    }

    /// Whether the group has committed everything that is on the topics.
    fn is_committed(&self, group: &str) -> bool {
        [self.spans(), self.logs()].iter().all(|topic| {
            let ends = self.cluster.offsets(topic).into_iter().map(|(_, end)| end);
            ends.eq(self.cluster.committed(group, topic).into_iter().map(Option::unwrap_or_default))
        })
    }

    /// Waits until it has.
    fn wait_committed(&self, group: &str) {
        for _ in 0..600 {
            if self.is_committed(group) {
                return;
            }
            sleep(Duration::from_millis(200));
        }
        let mut state = String::new();
        for topic in [self.spans(), self.logs()] {
            let (ends, committed) = (self.cluster.offsets(&topic), self.cluster.committed(group, &topic));
            writeln!(state, "{topic}: {ends:?} {committed:?}").unwrap();
        }
        panic!("{group} has not committed all in two minutes:\n{state}");
    }
}

/// One trace in fifty fails.
fn fails(trace: u32) -> bool {
    trace.is_multiple_of(50)
}

/// The documents of a store by name, and the records that their manifests list.
fn stored(folder: &Path) -> (BTreeMap<String, Vec<u8>>, BTreeMap<String, usize>) {
    let listed = store::manifests(folder).into_iter().map(|path| {
        let (manifest, signatures) = store::manifest(&path);
        assert_eq!(signatures, 1);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, manifest["records"].as_array().unwrap().len())
    });
    let listed = listed.collect();
    (store::documents(folder), listed)
}

#[test]
fn what_failed_on_the_topics_becomes_bundles_and_offsets_follow() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "plain", 3);
    bed.produce(0..200, 2, 3);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let mut member = home.start();
    bed.wait_committed("plain");
    let totals = member.settled();
    // Four traces, with three spans and one log record in each of two pieces.
    assert_eq!((totals.accepted, totals.bundled, totals.not_sampled, totals.dropped), (1600, 32, 1568, 0));
    let (documents, listed) = stored(&bed.store("store"));
    assert_eq!(documents.len(), 4);
    let names: Vec<String> = [0, 50, 100, 150].map(|trace| format!("{}.manifest.json", hex(trace))).into();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), names.into_iter().map(|name| (name, 8)).collect::<Vec<_>>());
    assert_eq!(member.metrics().sum(::casefile::telemetry::names::KAFKA_MISROUTED_MESSAGES, &[]), 0);
    let (status, _) = member.stop();
    assert!(status.success());
}

/// fault-1, fault-9: members are killed and started again and again while traces come; the objects are those of one member that
/// nobody disturbed.
#[test]
fn members_that_are_killed_and_join_leave_the_same_objects() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "chaos", 6);
    let traces: u32 = std::env::var("CASEFILE_KAFKA_TRACES").ok().map_or(10_000, |count| count.parse().unwrap());
    let homes: Vec<Home> =
        ["a", "b", "c"].map(|name| bed.home(&Member { name, ..Member::default() })).into_iter().collect();
    let mut members: Vec<Option<Casefile<'_>>> = homes.iter().map(|home| Some(home.start())).collect();
    // Four messages of spans a trace, five spans each: twenty spans a trace.
    let rounds = 10;
    let each = traces / rounds;
    for round in 0..rounds {
        bed.produce(round * each..(round + 1) * each, 4, 5);
        let which = (round % 3) as usize;
        match members[which].take() {
            Some(member) => member.kill(),
            None => members[which] = Some(homes[which].start()),
        }
    }
    for (member, home) in members.iter_mut().zip(&homes) {
        member.get_or_insert_with(|| home.start());
    }
    bed.wait_committed("chaos");
    drop(members);

    let alone = bed.home(&Member { name: "alone", store: Some("alone"), group: Some("alone"), ..Member::default() });
    let member = alone.start();
    bed.wait_committed("alone");
    member.stop();
    let (undisturbed, all) = stored(&bed.store("alone"));
    let (disturbed, listed) = stored(&bed.store("store"));
    let failing = (0..rounds * each).filter(|trace| fails(*trace)).count();
    assert_eq!(undisturbed.len(), failing, "one bundle each, and no amendment");
    assert!(all.values().all(|records| *records == 24), "{all:?}");
    assert_eq!(listed, all);
    assert_eq!(disturbed.keys().collect::<Vec<_>>(), undisturbed.keys().collect::<Vec<_>>());
    assert!(disturbed == undisturbed, "a document differs");
}

#[test]
fn fault_13_topics_of_different_partition_counts_are_refused_at_start() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "unequal", 2);
    cluster.create_topic("unequal-other", 3, &[]);
    let home = bed.home(&Member { name: "one", kafka: ", metrics: {topics: [unequal-other]}", ..Member::default() });
    let config = std::fs::read_to_string(home.config()).unwrap();
    let config = config.replace("metrics: {receivers: [otlp]", "metrics: {receivers: [kafka]");
    std::fs::write(home.config(), config).unwrap();
    let output = casefile::command(bed.folder.path()).arg("--config").arg(home.config()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`unequal-spans` has 2 partitions and `unequal-other` has 3"), "{said}");
}
