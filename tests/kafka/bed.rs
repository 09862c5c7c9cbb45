//! Topics and members of one test, and the store that they share.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::kafka::{Cluster, Record};
use crate::support::casefile::{Home, Settings};
use crate::support::store;
use crate::traffic::{hex, log, spans};

/// Topics of one test, its group, and the store that the members of the group share.
pub(crate) struct Bed<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) name: String,
    pub(crate) folder: tempfile::TempDir,
    /// `decision_wait` and `retention`.
    windows: [&'static str; 2],
}

/// What of the settings differs between members.
#[derive(Default)]
pub(crate) struct Member<'a> {
    /// Of the folder, and nothing else.
    pub(crate) name: &'a str,
    /// Another store than the one that is shared.
    pub(crate) store: Option<&'a str>,
    /// Another group than the one that is shared.
    pub(crate) group: Option<&'a str>,
    /// More settings of the receiver.
    pub(crate) kafka: &'a str,
}

impl<'c> Bed<'c> {
    /// With windows of some seconds.
    pub(crate) fn new(cluster: &'c Cluster, name: &str, partitions: i32) -> Self {
        Self::with(cluster, name, partitions, ["2s", "6s"])
    }

    /// With windows that are as short as they can be.
    pub(crate) fn quick(cluster: &'c Cluster, name: &str, partitions: i32) -> Self {
        Self::with(cluster, name, partitions, ["500ms", "2s"])
    }

    /// With windows of this `decision_wait` and `retention`.
    pub(crate) fn with(cluster: &'c Cluster, name: &str, partitions: i32, windows: [&'static str; 2]) -> Self {
        let bed = Self { cluster, name: name.to_owned(), folder: tempfile::tempdir().unwrap(), windows };
        for topic in [bed.spans(), bed.logs()] {
            bed.create_topic(&topic, partitions);
        }
        bed
    }

    /// Makes a topic as all of these are.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        self.cluster.create_topic(name, partitions, &[("message.timestamp.type", "LogAppendTime")]);
    }

    pub(crate) fn spans(&self) -> String {
        format!("{}-spans", self.name)
    }

    pub(crate) fn logs(&self) -> String {
        format!("{}-logs", self.name)
    }

    pub(crate) fn home(&self, member: &Member<'_>) -> Home {
        let folder = self.folder.path().join(member.name);
        std::fs::create_dir_all(&folder).unwrap();
        let store = self.store(member.store.unwrap_or("store"));
        std::fs::create_dir_all(&store).unwrap();
        let (brokers, spans, logs) = (self.cluster.bootstrap().replace(',', "\", \""), self.spans(), self.logs());
        let group = member.group.unwrap_or(&self.name);
        let more = member.kafka;
        let kafka = format!(
            "{{brokers: [\"{brokers}\"], group_id: {group}, initial_offset: earliest, session_timeout: 6s, \
             heartbeat_interval: 500ms, commit_interval: 200ms, idle_timeout: 1s, traces: {{topics: [{spans}]}}, \
             logs: {{topics: [{logs}]}}{more}}}"
        );
        let [decision_wait, retention] = self.windows;
        let settings = Settings {
            url: Some(format!("file:{}", store.display())),
            kafka: Some(kafka),
            max_bundles: Some(0),
            decision_wait,
            retention,
            max_bytes: "1GiB",
            ..Settings::default()
        };
        Home::new(&folder, &settings)
    }

    pub(crate) fn store(&self, name: &str) -> PathBuf {
        self.folder.path().join("stores").join(name)
    }

    /// Puts messages of spans and logs of these traces on the topics, keyed by trace id: of each `pieces` messages of spans.
    pub(crate) fn produce(&self, traces: std::ops::Range<u32>, pieces: u8, spans_each: u8) {
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
    pub(crate) fn is_committed(&self, group: &str) -> bool {
        [self.spans(), self.logs()].iter().all(|topic| {
            let ends = self.cluster.offsets(topic).into_iter().map(|(_, end)| end);
            ends.eq(self.cluster.committed(group, topic).into_iter().map(Option::unwrap_or_default))
        })
    }

    /// What the group has committed of both topics, by partition; 0 for nothing.
    pub(crate) fn committed(&self) -> Vec<i64> {
        self.committed_by(&self.name)
    }

    fn committed_by(&self, group: &str) -> Vec<i64> {
        let topics = [self.spans(), self.logs()];
        let committed = topics.iter().flat_map(|topic| self.cluster.committed(group, topic));
        committed.map(Option::unwrap_or_default).collect()
    }

    /// Waits until the group has committed everything that is on the topics, as long as it commits more and more.
    pub(crate) fn wait_committed(&self, group: &str) {
        const TWO_MINUTES: u32 = 600;
        let (mut before, mut still) = (Vec::new(), 0);
        while still < TWO_MINUTES {
            if self.is_committed(group) {
                return;
            }
            let now = self.committed_by(group);
            still = if now == before { still + 1 } else { 0 };
            before = now;
            sleep(Duration::from_millis(200));
        }
        let mut state = String::new();
        for topic in [self.spans(), self.logs()] {
            let (ends, committed) = (self.cluster.offsets(&topic), self.cluster.committed(group, &topic));
            writeln!(state, "{topic}: {ends:?} {committed:?}").unwrap();
        }
        panic!("{group} has committed nothing for two minutes, and not all:\n{state}");
    }

    /// Fails unless the members have left the objects that one leaves which nobody disturbs: one each of so many traces, with so
    /// many records.
    pub(crate) fn assert_as_undisturbed(&self, traces: usize, records: usize) {
        let listed = self.same_objects();
        assert_eq!(listed.len(), traces, "one bundle each, and no amendment");
        assert!(listed.values().all(|found| *found == records), "{listed:?}");
    }

    /// Fails unless the members have left the objects that one leaves which nobody disturbs. Their manifests, and how many records
    /// each lists.
    pub(crate) fn same_objects(&self) -> BTreeMap<String, usize> {
        let alone = format!("{}-alone", self.name);
        let home = self.home(&Member { name: "alone", store: Some("alone"), group: Some(&alone), ..Member::default() });
        let member = home.start();
        self.wait_committed(&alone);
        member.stop();
        let (undisturbed, all) = stored(&self.store("alone"));
        let (disturbed, listed) = stored(&self.store("store"));
        assert_eq!(listed, all);
        assert_eq!(disturbed.keys().collect::<Vec<_>>(), undisturbed.keys().collect::<Vec<_>>());
        assert!(disturbed == undisturbed, "a document differs");
        listed
    }
}

/// One trace in fifty fails.
pub(crate) fn fails(trace: u32) -> bool {
    trace.is_multiple_of(50)
}

/// The documents of a store by name, and the records that their manifests list.
pub(crate) fn stored(folder: &Path) -> (BTreeMap<String, Vec<u8>>, BTreeMap<String, usize>) {
    let listed = store::manifests(folder).into_iter().map(|path| {
        let (manifest, signatures) = store::manifest(&path);
        assert_eq!(signatures, 1);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, manifest["records"].as_array().unwrap().len())
    });
    let listed = listed.collect();
    (store::documents(folder), listed)
}
