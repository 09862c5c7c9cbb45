//! The consumer of librdkafka: its settings, and what it tells on the side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Statistics};

use super::ends::Answer;
use crate::config::{GroupProtocol, KafkaConnection, KafkaReceiver};
use crate::telemetry::logs;

/// A consumer that tells what happens to its group.
pub(super) type Client = BaseConsumer<Context>;

/// So much time between two messages of a partition is a silence.
pub(super) const SILENCE: Duration = Duration::from_millis(250);

/// Questions that wait for a thread that asks. Each is asked when the one before is answered, but for the last commits.
const QUESTIONS: usize = 16;

/// A partition of a topic, by name.
pub(super) type TopicPartition = (String, i32);

/// What the client tells beside messages, in the order that it happened.
#[derive(Debug)]
pub(super) enum Event {
    /// These partitions are this member's. Nothing is read before [`Consumer::assign`] is called.
    Assigned(Vec<TopicPartition>),
    /// These are to be given back. The group waits until [`Consumer::unassign`] is called.
    Revoked(Vec<TopicPartition>),
    /// A commit was answered.
    Committed(KafkaResult<()>),
    /// Ends of partitions were told, or could not be.
    Ends(Answer),
    /// No broker can be reached.
    Unreachable(String),
}

/// Collects events, without acting on any: what waits inside a callback of librdkafka waits for itself.
#[derive(Debug, Default)]
pub(super) struct Context {
    events: Mutex<VecDeque<Event>>,
    /// Nobody looks at events any more.
    closing: AtomicBool,
}

impl Context {
    pub(super) fn next_event(&self) -> Option<Event> {
        self.events.lock().pop_front()
    }

    /// From now on partitions are given back at once.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// The next answer to a commit, before everything else.
    pub(super) fn next_answer(&self) -> Option<KafkaResult<()>> {
        let mut events = self.events.lock();
        let at = events.iter().position(|event| matches!(event, Event::Committed(_)))?;
        match events.remove(at)? {
            Event::Committed(result) => Some(result),
            _ => None,
        }
    }

    pub(super) fn tell(&self, event: Event) {
        self.events.lock().push_back(event);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::librdkafka(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka reports an error");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.tell(Event::Unreachable(reason.to_owned()));
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let named = partitions.elements().iter().map(|one| (one.topic().to_owned(), one.partition())).collect();
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.tell(Event::Assigned(named));
        } else if self.closing.load(Ordering::Acquire) {
            // While it closes, nobody else would.
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions could not be given back");
            }
        } else {
            self.tell(Event::Revoked(named));
        }
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_millis(100))
    }
}

/// A thread that asks the brokers what may take long, beside the one that polls. It has a share in the client, so whoever drops this
/// waits for its end: the client leaves its group when the last share is gone.
pub(super) struct Aside<Q> {
    ask: Option<SyncSender<Q>>,
    thread: Option<JoinHandle<()>>,
}

impl<Q: Send + 'static> Aside<Q> {
    /// Starts it. It does `work` for every question.
    pub(super) fn spawn(
        name: &str,
        client: &Arc<Client>,
        mut work: impl FnMut(&Client, Q) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (ask, asked) = sync_channel(QUESTIONS);
        let client = Arc::clone(client);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(question) = asked.recv() {
                work(&client, question);
            }
        })?;
        Ok(Self { ask: Some(ask), thread: Some(thread) })
    }

    /// Asks; an [`Event`] follows. Whether it will.
    pub(super) fn ask(&self, question: Q) -> bool {
        self.ask.as_ref().is_some_and(|ask| ask.try_send(question).is_ok())
    }
}

impl<Q> Drop for Aside<Q> {
    fn drop(&mut self) {
        self.ask = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread that speaks to Kafka has panicked");
        }
    }
}

/// Commits what is in the client's offset store: librdkafka tells how a commit went to whoever waits for it alone.
pub(super) fn committer(client: &Arc<Client>) -> std::io::Result<Aside<()>> {
    Aside::spawn("kafka-commit", client, |client, ()| {
        let result = client.commit_consumer_state(CommitMode::Sync);
        client.context().tell(Event::Committed(result));
    })
}

/// The settings by which any client reaches the brokers.
pub(super) fn settings(connection: KafkaConnection<'_>) -> ClientConfig {
    let mut settings = ClientConfig::new();
    for (name, value) in connection.properties() {
        settings.set(name, value);
    }
    settings.set_log_level(RDKafkaLogLevel::Warning);
    settings
}

/// A consumer as configured, which has joined no group yet.
pub(super) fn consumer(config: &KafkaReceiver) -> KafkaResult<Client> {
    let mut settings = settings(config.connection());
    let millis = |duration: crate::config::Duration| duration.0.as_millis().to_string();
    // What librdkafka fetches ahead, besides what waits here.
    let ahead = (config.max_buffered.0 / 4 / 1024).clamp(1024, 65_536);
    let fetch = if config.max_fetch_size == 0 { 52_428_800 } else { config.max_fetch_size };
    settings
        .set("group.id", &config.group_id)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // What to do is decided here: never silently somewhere else.
        .set("auto.offset.reset", "error")
        .set("fetch.min.bytes", config.min_fetch_size.to_string())
        .set("fetch.max.bytes", fetch.to_string())
        .set("message.max.bytes", fetch.to_string())
        // A message that is larger than all of these is sent alone, and must be taken for the partition to go on.
        .set("receive.message.max.bytes", i32::MAX.to_string())
        .set("fetch.wait.max.ms", millis(config.max_fetch_wait))
        .set("max.partition.fetch.bytes", config.max_partition_fetch_size.to_string())
        .set("queued.max.messages.kbytes", ahead.to_string())
        // How long a topic that was there may be missing.
        .set("topic.metadata.propagation.max.ms", "10000")
        // Longer than what counts as silence, so that there is one after a topic was made again.
        .set("fetch.error.backoff.ms", (SILENCE * 2).as_millis().to_string())
        // A second of silence on a partition whenever that is full would be the default.
        .set("fetch.queue.backoff.ms", "20");
    match config.group_protocol {
        GroupProtocol::Classic => settings
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", millis(config.session_timeout))
            .set("heartbeat.interval.ms", millis(config.heartbeat_interval)),
        // Its timeouts are the broker's to set.
        GroupProtocol::Consumer => settings.set("group.protocol", "consumer").set("group.remote.assignor", "range"),
    };
    if let Some(instance) = &config.group_instance_id {
        settings.set("group.instance.id", instance);
    }
    if let Some(rack) = &config.rack_id {
        settings.set("client.rack", rack);
    }
    settings.create_with_context(Context::default())
}

/// A client that looks at partitions for itself and belongs to no group: it is told of ends.
pub(super) fn looker(config: &KafkaReceiver) -> KafkaResult<BaseConsumer> {
    let mut settings = settings(config.connection());
    settings
        .set("group.id", &config.group_id)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Who looks for an offset that is gone is shown what is there.
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .set("receive.message.max.bytes", i32::MAX.to_string())
        // One message says enough.
        .set("max.partition.fetch.bytes", "1024")
        .set("fetch.wait.max.ms", "10");
    settings.create()
}

/// A list of partitions.
pub(super) fn list<'a>(partitions: impl IntoIterator<Item = (&'a str, i32)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic, partition);
    }
    list
}

/// Shared by all who may want to see the group's events.
pub(super) fn context(client: &Client) -> Arc<Context> {
    Arc::clone(client.context())
}
