//! The thread that reads.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::Message as _;
use rdkafka::consumer::{CommitMode, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;

use super::begin::{self, Begin, NotNow};
use super::client::{self, Client, Event, TopicPartition};
use super::dead::DeadLetters;
use super::message::{Message, Topic};
use super::offsets::{Offsets, Place, Progress, Restart};
use super::{KafkaError as Failure, LAST_COMMIT, LaneIntake, LaneStart};
use crate::config::KafkaReceiver;
use crate::model::{Budget, RootKey, Signal, Timestamp};
use crate::telemetry::{Clock, Readiness, names};

/// Longest wait for a message.
const POLL: Duration = Duration::from_millis(50);
/// Time between two looks at what is paused.
const FLOW: Duration = Duration::from_millis(10);
/// Wait before a question to the brokers is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// What a message takes besides its bytes.
const MESSAGE_COST: usize = 256;
/// Least that is fetched of a partition before it is paused.
const MIN_SHARE: usize = 1024 * 1024;

/// What a receiver reads, and for how long what it reads is held.
#[derive(Debug)]
pub struct KafkaSource {
    /// The component's id.
    pub id: String,
    /// Its settings.
    pub config: KafkaReceiver,
    /// The signals that its pipelines take.
    pub signals: Vec<Signal>,
    /// The longest time from the first record of a trace to its decision.
    pub reach: Duration,
    /// What dead letters are encrypted with.
    pub root: RootKey,
}

const READING: u8 = 0;
/// Nothing is fetched any more; what has its outcome is still committed.
const DRAINING: u8 = 1;
/// The last commit, and out.
const ENDING: u8 = 2;

/// A receiver that reads.
#[derive(Debug)]
pub struct KafkaConsumer {
    phase: Arc<AtomicU8>,
    ended: watch::Receiver<Option<Result<(), Failure>>>,
    _thread: JoinHandle<()>,
}

impl KafkaConsumer {
    /// Nothing is fetched from now on. The member stays in its group, and what gets its outcome is committed.
    pub fn drain(&self) {
        self.phase.store(DRAINING, Ordering::Release);
    }

    /// Commits a last time and leaves the group; lanes are stopped by that. It may take for ever: nothing bounds how long
    /// librdkafka takes to close.
    pub async fn end(mut self) {
        self.phase.store(ENDING, Ordering::Release);
        // An error means that it has panicked, which ends it too.
        self.ended.wait_for(Option::is_some).await.map_or_else(drop, drop);
    }

    /// Waits until it cannot go on.
    pub async fn failure(&mut self) -> Failure {
        match self.ended.wait_for(Option::is_some).await.map(|ended| ended.clone()) {
            Ok(Some(Err(failure))) => failure,
            Ok(_) => std::future::pending().await,
            Err(_) => Failure::Panicked,
        }
    }
}

/// Starts to read: hands lanes to `lanes`, and tells `readiness` whether brokers can be reached.
///
/// # Errors
/// If the thread cannot be started.
pub fn spawn(
    source: KafkaSource,
    lanes: impl LaneIntake,
    clock: Arc<dyn Clock>,
    readiness: Readiness,
) -> io::Result<KafkaConsumer> {
    let phase = Arc::new(AtomicU8::new(READING));
    let (tell, ended) = watch::channel(None);
    let seen = Arc::clone(&phase);
    readiness.set_not_ready(&source.id, "has not joined its group");
    let thread = std::thread::Builder::new().name("kafka".to_owned()).spawn(move || {
        let result = read(source, lanes, clock, readiness, &seen);
        tell.send_replace(Some(result));
    })?;
    Ok(KafkaConsumer { phase, ended, _thread: thread })
}

fn read(
    source: KafkaSource,
    lanes: impl LaneIntake,
    clock: Arc<dyn Clock>,
    readiness: Readiness,
    phase: &AtomicU8,
) -> Result<(), Failure> {
    let fatal = |error: KafkaError| Failure::Client(error.to_string());
    let client = client::consumer(&source.config).map_err(fatal)?;
    let dead = DeadLetters::open(&source.config, &source.root).map_err(fatal)?.map(Arc::new);
    let Some(topics) = look(&client, &source, &readiness, phase)? else { return Ok(()) };
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    client.subscribe(&names).map_err(fatal)?;
    let now = Instant::now();
    let mut reader = Reader {
        source,
        lanes,
        clock,
        readiness,
        dead,
        topics,
        running: BTreeMap::new(),
        owned: Vec::new(),
        waiting: None,
        committing: false,
        next_flow: now,
        next_commit: now,
        next_look: now,
    };
    let result = reader.run(&client, phase);
    if let Err(failure) = &result {
        tracing::error!(error = %failure, "a Kafka receiver ends");
    }
    reader.finish(&client, result.is_ok());
    result
}

/// Waits for the topics. `None` if it is to end before they are there.
fn look(
    client: &Client,
    source: &KafkaSource,
    readiness: &Readiness,
    phase: &AtomicU8,
) -> Result<Option<Vec<Arc<Topic>>>, Failure> {
    let mut last = String::new();
    while phase.load(Ordering::Acquire) == READING {
        match begin::topics(client, &source.config, &source.signals) {
            Ok(topics) => return Ok(Some(topics)),
            Err(NotNow::Never(failure)) => return Err(failure),
            Err(NotNow::Later(reason)) => {
                if reason != last {
                    tracing::warn!(receiver = source.id, reason, "Kafka cannot be read yet");
                    readiness.set_not_ready(&source.id, reason.clone());
                    last = reason;
                }
            }
        }
        std::thread::sleep(AGAIN);
    }
    Ok(None)
}

/// A partition of a lane that is read.
struct Part {
    offsets: Arc<Offsets>,
    /// Messages before this offset have had their outcome.
    committed: i64,
    /// What was committed last.
    told: i64,
    /// The first message, where it is known, is known by its timestamp.
    first: Option<Restart>,
    /// Time of the last message; never goes back.
    at: Timestamp,
    /// The offset after the last message.
    next: i64,
    /// The offset after the last message that the broker has, as far as is known.
    end: i64,
    /// Fetched and not taken in.
    fetched: Budget,
    paused: bool,
    /// When the last message came.
    heard: Instant,
}

struct Lane {
    parts: Vec<Part>,
    progress: Arc<Progress>,
}

struct Reader<L> {
    source: KafkaSource,
    lanes: L,
    clock: Arc<dyn Clock>,
    readiness: Readiness,
    dead: Option<Arc<DeadLetters>>,
    topics: Vec<Arc<Topic>>,
    running: BTreeMap<i32, Lane>,
    /// Partitions that are this member's, whether their lanes are complete or not.
    owned: Vec<TopicPartition>,
    /// Partitions that are this member's once it is known where to begin, and when that is asked next.
    waiting: Option<(Vec<TopicPartition>, Instant)>,
    /// A commit was sent and is not answered.
    committing: bool,
    next_flow: Instant,
    next_commit: Instant,
    next_look: Instant,
}

impl<L: LaneIntake> Reader<L> {
    fn run(&mut self, client: &Client, phase: &AtomicU8) -> Result<(), Failure> {
        let mut draining = false;
        loop {
            match phase.load(Ordering::Acquire) {
                ENDING => return Ok(()),
                DRAINING if !draining => {
                    draining = true;
                    self.pause_all(client);
                }
                _ => {}
            }
            match client.poll(POLL) {
                Some(Ok(message)) if !draining => self.message(client, &message)?,
                Some(Ok(_)) | None => {}
                Some(Err(error)) => self.error(client, &error)?,
            }
            self.events(client)?;
            let now = Instant::now();
            if !draining {
                self.begin_waiting(client, now)?;
                if now >= self.next_flow {
                    self.next_flow = now + FLOW;
                    self.flow(client);
                }
                if now >= self.next_look {
                    self.next_look = now + self.source.config.idle_timeout.0.div_f64(4.0).min(AGAIN);
                    self.look_at_ends(client, now);
                }
            }
            if now >= self.next_commit {
                self.next_commit = now + self.source.config.commit_interval.0;
                self.commit(client, false);
            }
        }
    }

    /// Takes a message over from librdkafka.
    fn message(&mut self, client: &Client, message: &BorrowedMessage<'_>) -> Result<(), Failure> {
        let number = message.partition();
        let Some(at) = self.topics.iter().position(|topic| topic.name == message.topic()) else { return Ok(()) };
        let (Some(topic), Some(lane)) = (self.topics.get(at), self.running.get_mut(&number)) else { return Ok(()) };
        let Some(part) = lane.parts.get_mut(at) else { return Ok(()) };
        let offset = message.offset();
        let stamp = message.timestamp().to_millis().unwrap_or(0);
        if let Some(Restart { offset: first, stamp: Some(known) }) = part.first.take()
            && offset == first
            && known != stamp
        {
            return Err(Failure::Recreated { topic: topic.name.clone(), partition: number });
        }
        let told = Timestamp(stamp.max(0).unsigned_abs().saturating_mul(1_000_000));
        // A producer's clock that is ahead must not close the windows of everybody else.
        part.at = told.min(self.clock.now()).max(part.at);
        part.next = offset + 1;
        part.end = part.end.max(part.next);
        part.heard = Instant::now();
        let place = Place { offset, at: part.at, stamp };
        let origin = if offset < part.committed {
            part.offsets.reread(place);
            None
        } else {
            Some(part.offsets.take(place))
        };
        let payload = message.payload().map(Bytes::copy_from_slice);
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), header.value.map(Bytes::copy_from_slice).unwrap_or_default())
            };
            headers.iter().map(pair).collect()
        });
        let fetched = part.fetched.take_anyway(payload.as_ref().map_or(0, Bytes::len) + MESSAGE_COST);
        metrics::counter!(names::KAFKA_MESSAGES, "topic" => topic.name.clone()).increment(1);
        self.lanes.message(Message {
            lane: number,
            part: at,
            at: part.at,
            origin,
            topic: Arc::clone(topic),
            offset,
            key: message.key().map(Bytes::copy_from_slice),
            payload,
            headers,
            dead: self.dead.clone(),
            _fetched: fetched,
        });
        if !part.paused && part.fetched.used() > part.fetched.limit() {
            part.paused = set_paused(client, true, [(topic.name.as_str(), number)]);
        }
        Ok(())
    }

    fn error(&mut self, client: &Client, error: &KafkaError) -> Result<(), Failure> {
        let code = error.rdkafka_error_code();
        match code {
            _ if client::is_fatal(error) => match code {
                Some(RDKafkaErrorCode::FencedInstanceId) => {
                    Err(Failure::SameInstance(self.source.config.group_instance_id.clone().unwrap_or_default()))
                }
                _ => Err(Failure::Client(error.to_string())),
            },
            Some(RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::UnreleasedInstanceId) => {
                Err(Failure::SameInstance(self.source.config.group_instance_id.clone().unwrap_or_default()))
            }
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => self.out_of_range(client),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => self.gone(client),
            _ => {
                tracing::warn!(receiver = self.source.id, %error, "Kafka reports an error");
                Ok(())
            }
        }
    }

    /// An offset that is to be read is not there: retention has taken it, or the topic is another one.
    fn out_of_range(&mut self, client: &Client) -> Result<(), Failure> {
        let bounds = match begin::bounds(client, &self.owned) {
            Ok(bounds) => bounds,
            Err(error) => {
                tracing::warn!(%error, "an offset is out of range, and what is there cannot be told yet");
                return Ok(());
            }
        };
        for (number, lane) in &mut self.running {
            for (topic, part) in self.topics.iter().zip(&mut lane.parts) {
                let Some(&(first, end)) = bounds.get(&(topic.name.clone(), *number)) else { continue };
                if part.next > end {
                    return Err(Failure::Recreated { topic: topic.name.clone(), partition: *number });
                }
                if part.next < first {
                    let lost = first - part.next.max(part.committed);
                    if lost > 0 {
                        metrics::counter!(names::KAFKA_LOST_MESSAGES, "topic" => topic.name.clone())
                            .increment(lost.unsigned_abs());
                        tracing::error!(
                            topic = topic.name,
                            partition = *number,
                            lost,
                            "the topic's retention has taken messages away before they were read"
                        );
                    }
                    part.next = first;
                    part.first = None;
                    if let Err(error) = client.seek(&topic.name, *number, Offset::Offset(first), AGAIN) {
                        tracing::warn!(%error, topic = topic.name, "reading could not be taken up again");
                    }
                }
            }
        }
        Ok(())
    }

    /// A topic may be gone; for a moment after it was made, brokers may not know it either.
    fn gone(&self, client: &Client) -> Result<(), Failure> {
        match begin::topics(client, &self.source.config, &self.source.signals) {
            Err(NotNow::Never(failure)) => Err(failure),
            Err(NotNow::Later(reason)) if reason.starts_with("there is no topic") => {
                let name = reason.split('`').nth(1).unwrap_or_default();
                Err(Failure::Deleted(name.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn events(&mut self, client: &Client) -> Result<(), Failure> {
        while let Some(event) = client::context(client).next_event() {
            match event {
                Event::Assigned(partitions) => {
                    metrics::counter!(names::KAFKA_REBALANCES, "event" => "assigned").increment(1);
                    self.waiting = Some((partitions, Instant::now()));
                    self.readiness.set_ready(&self.source.id);
                }
                Event::Revoked(partitions) => self.revoked(client, &partitions)?,
                Event::Committed(result) => self.committed(result),
                Event::Unreachable(reason) => {
                    tracing::warn!(receiver = self.source.id, reason, "no broker can be reached");
                    self.readiness.set_not_ready(&self.source.id, "no broker can be reached");
                }
            }
        }
        Ok(())
    }

    /// Takes up partitions that have been assigned, as soon as it is known where to begin.
    fn begin_waiting(&mut self, client: &Client, now: Instant) -> Result<(), Failure> {
        let Some((partitions, due)) = self.waiting.take() else { return Ok(()) };
        if now < due {
            self.waiting = Some((partitions, due));
            return Ok(());
        }
        // Topics may have grown since.
        let topics = begin::topics(client, &self.source.config, &self.source.signals);
        let begins = topics.and_then(|topics| {
            self.topics = topics;
            if partitions.is_empty() {
                Ok(BTreeMap::new())
            } else {
                begin::begins(client, &self.source.config, &partitions)
            }
        });
        match begins {
            Ok(begins) => self.take_up(client, &partitions, &begins),
            Err(NotNow::Never(failure)) => Err(failure),
            Err(NotNow::Later(reason)) => {
                tracing::warn!(receiver = self.source.id, reason, "partitions cannot be read yet");
                self.waiting = Some((partitions, now + AGAIN));
                Ok(())
            }
        }
    }

    fn take_up(
        &mut self,
        client: &Client,
        partitions: &[TopicPartition],
        begins: &BTreeMap<TopicPartition, Begin>,
    ) -> Result<(), Failure> {
        let fatal = |error: KafkaError| Failure::Client(error.to_string());
        let mut assignment = TopicPartitionList::new();
        for (topic, number) in partitions {
            let begin = begins.get(&(topic.clone(), *number));
            let from = begin.map_or(Offset::Invalid, |begin| Offset::Offset(begin.from.offset));
            assignment.add_partition_offset(topic, *number, from).map_err(fatal)?;
        }
        let is_incremental = matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        if is_incremental { client.incremental_assign(&assignment) } else { client.assign(&assignment) }
            .map_err(fatal)?;
        self.owned.extend(partitions.iter().cloned());
        self.start_lanes(begins);
        let is_running = |partition: &&TopicPartition| self.running.contains_key(&partition.1);
        for (topic, number) in self.owned.iter().filter(|partition| !is_running(partition)) {
            tracing::error!(
                topic,
                partition = *number,
                "a lane is not complete and is not read: other members have the rest"
            );
            set_paused(client, true, [(topic.as_str(), *number)]);
        }
        metrics::gauge!(names::KAFKA_LANES).set(gauge(self.running.len()));
        self.commit_first(client, begins);
        Ok(())
    }

    /// Starts the lanes that are complete.
    fn start_lanes(&mut self, begins: &BTreeMap<TopicPartition, Begin>) {
        let now = Instant::now();
        let parts = self.owned.len().max(1);
        let share = (usize::try_from(self.source.config.max_buffered.0).unwrap_or(usize::MAX) / parts).max(MIN_SHARE);
        let mut numbers: Vec<i32> = begins.keys().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let begins: Option<Vec<&Begin>> =
                self.topics.iter().map(|topic| begins.get(&(topic.name.clone(), number))).collect();
            let Some(begins) = begins.filter(|_| !self.running.contains_key(&number)) else { continue };
            let parts: Vec<Part> = begins
                .into_iter()
                .map(|begin| Part {
                    offsets: Arc::new(Offsets::from(begin.committed)),
                    committed: begin.committed,
                    told: begin.committed,
                    first: Some(begin.from),
                    at: Timestamp::default(),
                    next: begin.from.offset,
                    end: begin.from.offset,
                    fetched: Budget::new(share),
                    paused: false,
                    heard: now,
                })
                .collect();
            let offsets = parts.iter().map(|part| Arc::clone(&part.offsets)).collect();
            let progress = Arc::new(Progress::new(offsets, self.source.reach));
            self.lanes.start(LaneStart {
                lane: number,
                parts: self.topics.iter().map(|topic| topic.signal).collect(),
                progress: Arc::clone(&progress),
                lanes: self.topics.first().map_or(1, |topic| topic.partitions),
            });
            self.running.insert(number, Lane { parts, progress });
        }
    }

    /// Where a group begins with what comes from now on, that place is committed at once: whoever starts next would begin later.
    fn commit_first(&mut self, client: &Client, begins: &BTreeMap<TopicPartition, Begin>) {
        let mut list = TopicPartitionList::new();
        for ((topic, number), begin) in begins.iter().filter(|(_, begin)| begin.is_first) {
            add(&mut list, topic, *number, begin.committed, begin.from);
        }
        self.send(client, list);
    }

    /// Gives partitions back.
    fn revoked(&mut self, client: &Client, partitions: &[TopicPartition]) -> Result<(), Failure> {
        let lost = client.assignment_lost();
        let event = if lost { "lost" } else { "revoked" };
        metrics::counter!(names::KAFKA_REBALANCES, "event" => event).increment(1);
        tracing::info!(receiver = self.source.id, partitions = partitions.len(), lost, "partitions are given back");
        if let Some((waiting, _)) = &mut self.waiting {
            waiting.retain(|partition| !partitions.contains(partition));
        }
        if !lost {
            self.commit(client, true);
        }
        let numbers: Vec<i32> = self.running.keys().copied().collect();
        for number in numbers.into_iter().filter(|number| partitions.iter().any(|(_, other)| other == number)) {
            self.let_go(number);
        }
        if !lost {
            self.await_commit(client);
        }
        self.owned.retain(|partition| !partitions.contains(partition));
        let is_incremental = matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let gone = client::list(partitions.iter().map(|(topic, number)| (topic.as_str(), *number)));
        if is_incremental { client.incremental_unassign(&gone) } else { client.unassign() }
            .map_err(|error| Failure::Client(error.to_string()))?;
        metrics::gauge!(names::KAFKA_LANES).set(gauge(self.running.len()));
        Ok(())
    }

    fn let_go(&mut self, number: i32) {
        if let Some(lane) = self.running.remove(&number) {
            lane.progress.freeze();
            self.lanes.stop(number);
        }
    }

    /// Commits what is safe and was not told before.
    fn commit(&mut self, client: &Client, last: bool) {
        if self.committing && !last {
            return;
        }
        let mut list = TopicPartitionList::new();
        let now = self.clock.now();
        for (number, lane) in &mut self.running {
            let (commits, low) = lane.progress.commits();
            for ((topic, part), commit) in self.topics.iter().zip(&mut lane.parts).zip(commits) {
                if commit.offset > part.told {
                    part.told = commit.offset;
                    add(&mut list, &topic.name, *number, commit.offset, commit.from);
                }
                let labels = [("topic", topic.name.clone()), ("partition", number.to_string())];
                metrics::gauge!(names::KAFKA_LAG, &labels).set(gauge_of(part.end - commit.offset));
            }
            if low > Timestamp::default() {
                let age = now.since(low).as_secs_f64();
                metrics::gauge!(names::KAFKA_WATERMARK_AGE, "lane" => number.to_string()).set(age);
            }
        }
        self.send(client, list);
    }

    /// Sends a commit, if it says anything.
    fn send(&mut self, client: &Client, list: TopicPartitionList) {
        if list.count() == 0 {
            return;
        }
        // Through the offset store, which refuses what is not this member's: a commit of its own would go for any partition.
        let stored = client.store_offsets(&list);
        drop(list);
        match stored.and_then(|()| client.commit_consumer_state(CommitMode::Async)) {
            Ok(()) => self.committing = true,
            Err(error) => self.committed(Err(error)),
        }
    }

    fn committed(&mut self, result: Result<(), KafkaError>) {
        self.committing = false;
        match result {
            Ok(()) => {
                metrics::counter!(names::KAFKA_COMMITS, "result" => "ok").increment(1);
                self.readiness.set_ready(&self.source.id);
            }
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => {}
            Err(error) => {
                metrics::counter!(names::KAFKA_COMMITS, "result" => "failed").increment(1);
                tracing::warn!(receiver = self.source.id, %error, "offsets could not be committed; they will be again");
                for lane in self.running.values_mut() {
                    lane.parts.iter_mut().for_each(|part| part.told = part.committed);
                }
            }
        }
    }

    /// Waits until the last commit is answered, but not for long.
    fn await_commit(&mut self, client: &Client) {
        let end = Instant::now() + LAST_COMMIT;
        while self.committing && Instant::now() < end {
            // Messages of lanes that are gone are dropped here: whoever reads them next begins before them.
            if let Some(Err(error)) = client.poll(FLOW) {
                tracing::debug!(%error, "while the last commit is waited for");
            }
            let context = client::context(client);
            while let Some(event) = context.next_event() {
                match event {
                    Event::Committed(result) => self.committed(result),
                    Event::Assigned(partitions) => self.waiting = Some((partitions, Instant::now())),
                    Event::Revoked(_) | Event::Unreachable(_) => {}
                }
            }
        }
    }

    /// Resumes partitions of which half has been taken in.
    fn flow(&mut self, client: &Client) {
        let mut paused = 0;
        for (number, lane) in &mut self.running {
            for (topic, part) in self.topics.iter().zip(&mut lane.parts).filter(|(_, part)| part.paused) {
                if part.fetched.used() <= part.fetched.limit() / 2 {
                    part.paused = !set_paused(client, false, [(topic.name.as_str(), *number)]);
                }
                paused += usize::from(part.paused);
            }
        }
        metrics::gauge!(names::KAFKA_PAUSED_PARTITIONS).set(gauge(paused));
    }

    fn pause_all(&mut self, client: &Client) {
        let names: Vec<&str> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        let all = self.running.keys().flat_map(|number| names.iter().map(|name| (*name, *number)));
        set_paused(client, true, all);
    }

    /// Tells lanes of partitions that were read to their end: nothing older than that moment comes from there.
    fn look_at_ends(&mut self, client: &Client, now: Instant) {
        let idle = self.source.config.idle_timeout.0;
        let quiet = |part: &Part| !part.paused && now.duration_since(part.heard) >= idle / 2;
        let asked: Vec<TopicPartition> = self
            .running
            .iter()
            .flat_map(|(number, lane)| {
                let quiet = self.topics.iter().zip(&lane.parts).filter(|(_, part)| quiet(part));
                quiet.map(|(topic, _)| (topic.name.clone(), *number))
            })
            .collect();
        if asked.is_empty() {
            return;
        }
        // Before the question: what the answer does not count was appended later.
        let asked_at = self.clock.now();
        let ends = match begin::ends(client, &asked) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%error, "ends of partitions cannot be told");
                return;
            }
        };
        for (number, lane) in &mut self.running {
            for (at, (topic, part)) in self.topics.iter().zip(&mut lane.parts).enumerate() {
                let Some(end) = ends.get(&(topic.name.clone(), *number)) else { continue };
                part.end = *end;
                if part.next >= *end {
                    self.lanes.known_through(*number, at, asked_at.before(idle));
                }
            }
        }
    }

    /// Commits a last time, if that is allowed, and lets everything go. The client closes when it is dropped.
    fn finish(&mut self, client: &Client, commit: bool) {
        if commit {
            self.commit(client, true);
        }
        let numbers: Vec<i32> = self.running.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.let_go(number));
        self.await_commit(client);
        client::context(client).close();
        self.readiness.set_not_ready(&self.source.id, "has left its group");
    }
}

/// Adds a commit. What the list refuses is not committed, which loses nothing.
fn add(list: &mut TopicPartitionList, topic: &str, number: i32, offset: i64, from: Restart) {
    let mut place = list.add_partition(topic, number);
    if place.set_offset(Offset::Offset(offset)).is_ok() {
        place.set_metadata(from.to_metadata());
    }
}

/// Pauses or resumes; whether it did.
fn set_paused<'a>(client: &Client, pause: bool, partitions: impl IntoIterator<Item = (&'a str, i32)>) -> bool {
    let list = client::list(partitions);
    let done = if pause { client.pause(&list) } else { client.resume(&list) };
    if let Err(error) = &done {
        tracing::warn!(%error, pause, "fetching could not be paused or resumed");
    }
    done.is_ok()
}

fn gauge(count: usize) -> f64 {
    gauge_of(i64::try_from(count).unwrap_or(i64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point by their protocol")]
fn gauge_of(count: i64) -> f64 {
    count.max(0) as f64
}
