//! Kafka, as itself: brokers on free ports of this machine, which end with the test.
//!
//! Every call blocks. A test of one runtime thread that needs its runtime meanwhile wraps it in `spawn_blocking`.

#![allow(dead_code, reason = "each test binary uses a part")]

mod broker;
#[path = "../certificates.rs"]
mod certificates;
pub(crate) mod tools;

use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::thread::sleep;
use std::time::Duration;

use futures::executor::block_on;
use parking_lot::Mutex;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, Timestamp};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tempfile::TempDir;

use self::broker::Broker;
#[allow(unused_imports, reason = "each binary uses a part")]
pub(crate) use self::certificates::{Authority, Pair};

/// Most time that one request to the brokers takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a condition is looked at, and how many times: a minute and a half in all, since CI shares its cores.
const TICK: Duration = Duration::from_millis(50);
const TICKS: u32 = 1800;

/// The user of the listeners with SASL, for every mechanism.
pub(crate) const USER: &str = "casefile";
/// Their password.
pub(crate) const PASSWORD: &str = "broker-secret";

/// A listener of every broker. Only [`Listener::Plaintext`] is there where [`Options::secured`] is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// Neither TLS nor a login. Brokers speak to each other through it.
    Plaintext,
    /// A login with `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, and no TLS.
    SaslPlaintext,
    /// TLS.
    Ssl,
    /// TLS, where the client shows a certificate of [`Cluster::authority`], too.
    Mutual,
    /// TLS and a login.
    SaslSsl,
}

impl Listener {
    /// All.
    const ALL: [Self; 5] = [Self::Plaintext, Self::SaslPlaintext, Self::Ssl, Self::Mutual, Self::SaslSsl];
}

/// What a test asks of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How many brokers, each of which is a controller, too (but the last of an even number).
    pub(crate) brokers: usize,
    /// Whether there are listeners with TLS and SASL.
    pub(crate) secured: bool,
    /// Settings of the brokers beside those that all tests share.
    pub(crate) properties: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { brokers: 1, secured: false, properties: Vec::new() }
    }
}

/// A record on its way to a topic.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Record<'a> {
    /// The topic.
    pub(crate) topic: &'a str,
    /// The partition; the one of the key (FNV-1a, as the Collector has it by default) where it is not set.
    pub(crate) partition: Option<i32>,
    /// The key.
    pub(crate) key: Option<&'a [u8]>,
    /// The payload; a tombstone without.
    pub(crate) payload: Option<&'a [u8]>,
    /// Headers.
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    /// Milliseconds since 1970; now where it is not set.
    pub(crate) timestamp: Option<i64>,
}

/// A record as it stands in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) timestamp: Timestamp,
}

/// Brokers, and a client of theirs.
pub(crate) struct Cluster {
    brokers: Vec<Mutex<Broker>>,
    authority: Authority,
    admin: AdminClient<DefaultClientContext>,
    producer: FutureProducer,
    _folder: TempDir,
}

impl Cluster {
    /// Starts so many brokers, without listeners that are secured, and waits until they serve.
    pub(crate) fn start(brokers: usize) -> Self {
        Self::with(&Options { brokers, ..Options::default() })
    }

    /// The one broker, with every listener, that all tests of this process share which run at the same time. Each takes topics
    /// and groups of names of its own, and ends no broker.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock();
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::with(&Options { secured: true, ..Options::default() }));
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    /// Starts a cluster and waits until it serves.
    pub(crate) fn with(options: &Options) -> Self {
        let mut tries = 0..3;
        loop {
            tries.next();
            match Self::try_with(options) {
                Ok(cluster) => return cluster,
                // Another test was given the port between the look and the use.
                Err(why) if !tries.is_empty() && why.contains("Address already in use") => {}
                Err(why) => panic!("{why}"),
            }
        }
    }

    fn try_with(options: &Options) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let brokers = Broker::lay_out(folder.path(), options, &authority);
        let mut client = ClientConfig::new();
        let bootstrap: Vec<_> = brokers.iter().map(|broker| broker.address(Listener::Plaintext)).collect();
        client
            .set("bootstrap.servers", bootstrap.join(","))
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            .set("topic.metadata.refresh.interval.ms", "1000")
            .set("partitioner", "fnv1a_random")
            .set("acks", "all")
            .set("message.max.bytes", "100000000")
            .set("linger.ms", "0")
            // Brokers that are not there are what these tests are about.
            .set_log_level(RDKafkaLogLevel::Emerg);
        let cluster = Self {
            brokers: brokers.into_iter().map(Mutex::new).collect(),
            authority,
            admin: client.create().unwrap(),
            producer: client.create().unwrap(),
            _folder: folder,
        };
        for broker in &cluster.brokers {
            broker.lock().start();
        }
        (0..options.brokers).try_for_each(|broker| cluster.wait_for(broker, options.brokers))?;
        Ok(cluster)
    }

    /// Addresses of all brokers, `host:port,host:port`.
    pub(crate) fn bootstrap(&self) -> String {
        self.addresses(Listener::Plaintext).join(",")
    }

    /// The address of each broker on a listener.
    pub(crate) fn addresses(&self, listener: Listener) -> Vec<String> {
        self.brokers.iter().map(|broker| broker.lock().address(listener)).collect()
    }

    /// Who signed the brokers' certificates, and signs those of clients.
    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Makes a topic, with as many replicas as there are brokers but no more than three, and waits for a leader of each partition.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) {
        let replicas = i32::try_from(self.brokers.len().min(3)).unwrap();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
        topic.config = config.to_vec();
        let made = block_on(self.admin.create_topics([&topic], &Self::patience())).unwrap();
        assert!(made[0].is_ok(), "{name}: {:?}", made[0]);
        self.until(&format!("the topic {name} has leaders"), || {
            let metadata = self.admin.inner().fetch_metadata(Some(name), TIMEOUT).ok()?;
            let led = metadata.topics()[0].partitions().iter().filter(|partition| partition.leader() >= 0).count();
            (led == usize::try_from(partitions).unwrap()).then_some(())
        });
    }

    /// Deletes a topic and waits until the brokers know it no more.
    pub(crate) fn delete_topic(&self, name: &str) {
        let gone = block_on(self.admin.delete_topics(&[name], &Self::patience())).unwrap();
        assert!(gone[0].is_ok(), "{name}: {:?}", gone[0]);
        self.until(&format!("the topic {name} is gone"), || {
            let metadata = self.admin.inner().fetch_metadata(None, TIMEOUT).ok()?;
            metadata.topics().iter().all(|topic| topic.name() != name).then_some(())
        });
    }

    /// Deletes the records of a partition before an offset, as retention does.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
        let gone = block_on(self.admin.delete_records(&list, &Self::patience())).unwrap();
        gone.elements()[0].error().unwrap();
    }

    /// Ends a broker (counted from 0) as a loss of power does.
    pub(crate) fn kill_broker(&self, broker: usize) {
        self.brokers[broker].lock().kill();
    }

    /// Has a broker answer nothing and keep its connections, until [`Cluster::thaw_broker`].
    pub(crate) fn freeze_broker(&self, broker: usize) {
        self.brokers[broker].lock().signal("STOP");
    }

    /// Lets a broker go on.
    pub(crate) fn thaw_broker(&self, broker: usize) {
        self.brokers[broker].lock().signal("CONT");
    }

    /// How many members a group has.
    pub(crate) fn members(&self, group: &str) -> usize {
        let groups = self.admin.inner().fetch_group_list(Some(group), TIMEOUT).unwrap();
        groups.groups().iter().map(|group| group.members().len()).sum()
    }

    /// The broker that keeps a group's offsets and members.
    pub(crate) fn coordinator(&self, group: &str) -> usize {
        const OFFSETS: &str = "__consumer_offsets";
        let metadata = self.admin.inner().fetch_metadata(Some(OFFSETS), TIMEOUT).unwrap();
        let partitions = metadata.topics()[0].partitions();
        // Java's `String.hashCode`, its sign cut off: `GroupCoordinatorService.partitionFor`.
        let hash = group.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
        let partition = (hash & 0x7fff_ffff) % i32::try_from(partitions.len()).unwrap();
        let leader = partitions.iter().find(|found| found.id() == partition).unwrap().leader();
        usize::try_from(leader).unwrap() - 1
    }

    /// Ends a broker in an orderly way: its partitions have other leaders before, where there are other replicas.
    pub(crate) fn stop_broker(&self, broker: usize) {
        self.brokers[broker].lock().stop();
    }

    /// Starts a broker again that was killed or stopped, with the ports and the data that it had, and waits until it serves.
    pub(crate) fn start_broker(&self, broker: usize) {
        self.brokers[broker].lock().start();
        let running = self.brokers.iter().filter(|broker| broker.lock().runs()).count();
        self.wait_for(broker, running).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Gives a topic as many partitions as this, which is more than it has.
    pub(crate) fn grow_topic(&self, name: &str, partitions: i32) {
        let count = usize::try_from(partitions).unwrap();
        let more = NewPartitions::new(name, count);
        let grown = block_on(self.admin.create_partitions([&more], &Self::patience())).unwrap();
        assert!(grown[0].is_ok(), "{name}: {:?}", grown[0]);
        self.until(&format!("the topic {name} has grown"), || (self.partitions(name) == partitions).then_some(()));
    }

    /// Appends a record and returns its partition and offset.
    pub(crate) fn produce(&self, record: &Record<'_>) -> (i32, i64) {
        self.produce_all(std::slice::from_ref(record))[0]
    }

    /// Appends records in this order and returns the partition and offset of each.
    pub(crate) fn produce_all(&self, records: &[Record<'_>]) -> Vec<(i32, i64)> {
        let mut places = Vec::with_capacity(records.len());
        // Fewer than the producer's queue holds.
        for records in records.chunks(10_000) {
            let sent: Vec<_> = records
                .iter()
                .map(|record| {
                    let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                        headers.insert(Header { key, value: Some(*value) })
                    });
                    let record = FutureRecord::<[u8], [u8]> {
                        topic: record.topic,
                        partition: record.partition,
                        payload: record.payload,
                        key: record.key,
                        timestamp: record.timestamp,
                        headers: Some(headers),
                    };
                    self.producer.send_result(record).map_err(|(error, _)| error).unwrap()
                })
                .collect();
            places.extend(sent.into_iter().map(|sent| {
                let place = block_on(sent).unwrap().map_err(|(error, _)| error).unwrap();
                (place.partition, place.offset)
            }));
        }
        places
    }

    /// What stands in a topic, by partition and offset.
    pub(crate) fn read(&self, topic: &str) -> Vec<Stored> {
        let ends = self.offsets(topic);
        let consumer: BaseConsumer =
            self.config().set("group.id", "reader").set("enable.auto.commit", "false").create().unwrap();
        let mut list = TopicPartitionList::new();
        let mut left = 0;
        for (partition, (low, high)) in (0..).zip(&ends) {
            if low < high {
                list.add_partition_offset(topic, partition, Offset::Offset(*low)).unwrap();
                left += 1;
            }
        }
        consumer.assign(&list).unwrap();
        let mut stored = Vec::new();
        while left > 0 {
            let Some(message) = consumer.poll(TIMEOUT) else {
                panic!("{topic}: no record came, {} before", stored.len())
            };
            let message = match message {
                Ok(message) => message,
                Err(error) => panic!("{topic}: {error}"),
            };
            let (_, high) = ends[usize::try_from(message.partition()).unwrap()];
            if message.offset() >= high {
                continue;
            }
            if message.offset() + 1 == high {
                left -= 1;
            }
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            stored.push(Stored {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                payload: message.payload().map(<[u8]>::to_vec),
                headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
                timestamp: message.timestamp(),
            });
        }
        stored.sort_by_key(|stored| (stored.partition, stored.offset));
        stored
    }

    /// The first offset of each partition, and the one after its last.
    pub(crate) fn offsets(&self, topic: &str) -> Vec<(i64, i64)> {
        let partitions = self.partitions(topic);
        let ask = |id| self.admin.inner().fetch_watermarks(topic, id, TIMEOUT).ok();
        (0..partitions).map(|id| self.until(&format!("{topic} has offsets"), || ask(id))).collect()
    }

    /// What a group has committed, by partition.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, self.partitions(topic) - 1);
        // The first group of all has the brokers make the topic that keeps the offsets.
        let ask = || consumer.committed_offsets(list.clone(), TIMEOUT).ok();
        let committed = self.until(&format!("the group {group} has offsets"), ask);
        let offset = |offset| match offset {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        committed.elements().iter().map(|element| offset(element.offset())).collect()
    }

    /// How a client reaches the brokers.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap()).set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    fn partitions(&self, topic: &str) -> i32 {
        let metadata = || self.admin.inner().fetch_metadata(Some(topic), TIMEOUT).ok();
        let metadata = self.until(&format!("{topic} can be looked up"), metadata);
        i32::try_from(metadata.topics()[0].partitions().len()).unwrap()
    }

    fn patience() -> AdminOptions {
        AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
    }

    /// Waits until a broker answers, and knows so many that run.
    fn wait_for(&self, broker: usize, count: usize) -> Result<(), String> {
        let mut config = self.config();
        config.set("bootstrap.servers", self.brokers[broker].lock().address(Listener::Plaintext));
        self.until(&format!("broker {broker} and {count} in all serve"), || {
            if let Err(why) = self.brokers.iter().try_for_each(|broker| broker.lock().check()) {
                return Some(Err(why));
            }
            // A client that knows others already would ask one of them.
            let consumer: BaseConsumer = config.create().unwrap();
            let metadata = consumer.fetch_metadata(None, Duration::from_secs(1)).ok()?;
            (metadata.brokers().len() == count).then_some(Ok(()))
        })
    }

    fn until<T>(&self, what: &str, mut done: impl FnMut() -> Option<T>) -> T {
        for _ in 0..TICKS {
            if let Some(value) = done() {
                return value;
            }
            sleep(TICK);
        }
        let mut logs = String::new();
        for broker in &self.brokers {
            writeln!(logs, "{}", broker.lock().log()).unwrap();
        }
        panic!("not so in time: {what}\n{logs}");
    }
}
