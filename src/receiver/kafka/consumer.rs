//! The thread that reads.

mod assignment;
mod bounds;
mod commits;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::counts;
use super::begin::{self, NotNow};
use super::client::{self, Aside, Client, Event, SILENCE, TopicPartition};
use super::dead::DeadLetters;
use super::ends::{self, Question};
use super::message::{Message, Topic};
use super::offsets::{Commit, Offsets, Place, Progress, Restart};
use super::{KafkaError as Failure, LaneIntake};
use crate::config::KafkaReceiver;
use crate::model::{Budget, RootKey, Signal, Timestamp};
use crate::telemetry::{Clock, Readiness, names};

/// Longest wait for a message.
const POLL: Duration = Duration::from_millis(50);
/// Time between two looks at what is paused.
const FLOW: Duration = Duration::from_millis(10);
/// Wait before a question to the brokers is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest time that an offset which is not there waits for what was fetched before.
const ASTRAY: Duration = Duration::from_secs(5);
/// After so much time without an answer brokers are taken for gone, though connections stand.
const UNANSWERED: Duration = Duration::from_secs(5);
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
    let client = Arc::new(client::consumer(&source.config).map_err(fatal)?);
    let thread = |error: io::Error| Failure::Client(error.to_string());
    let committer = client::committer(&client).map_err(thread)?;
    let questions = ends::spawn(&client, &source.config).map_err(thread)?;
    let dead = DeadLetters::open(&source.config, &source.root).map_err(fatal)?.map(Arc::new);
    let Some(topics) = look(&client, &source, &readiness, phase)? else { return Ok(()) };
    begin_counting(&topics);
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
        committer,
        committing: 0,
        questions,
        asking: false,
        overdue: false,
        astray: None,
        is_unreachable: false,
        answered_at: now,
        next_flow: now,
        next_commit: now,
        next_look: now,
        next_letters: now,
    };
    let result = reader.run(&client, phase);
    if let Err(failure) = &result {
        tracing::error!(error = %failure, "a Kafka receiver ends");
    }
    reader.finish(&client, result.is_ok());
    result
}

/// Counters of what happens rarely begin with nothing: a first time that is also the first sample would be no increase to Prometheus.
fn begin_counting(topics: &[Arc<Topic>]) {
    counts::begin("kafka", "kafka");
    for event in ["assigned", "revoked", "lost"] {
        metrics::counter!(names::KAFKA_REBALANCES, "event" => event).increment(0);
    }
    for result in ["ok", "failed"] {
        metrics::counter!(names::KAFKA_COMMITS, "result" => result).increment(0);
    }
    for topic in topics {
        let topic = || topic.name.clone();
        for name in [names::KAFKA_MESSAGES, names::KAFKA_LOST_MESSAGES] {
            metrics::counter!(name, "topic" => topic()).increment(0);
        }
        for reason in ["tombstone", "undecodable"] {
            metrics::counter!(names::KAFKA_POISON_MESSAGES, "topic" => topic(), "reason" => reason).increment(0);
        }
        for reason in ["no_key", "other_key", "several_traces", "other_partition"] {
            metrics::counter!(names::KAFKA_MISROUTED_MESSAGES, "topic" => topic(), "reason" => reason).increment(0);
        }
    }
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
    /// What the group had committed when it was taken up; -1 where that was nothing.
    held: i64,
    /// What was committed last.
    told: i64,
    /// A message that is to come and was read before: it must be the same still.
    known: Option<Restart>,
    /// The last message.
    last: Option<Restart>,
    /// A message before a silence, that is to be looked at again before what came since is committed.
    unsure: Option<Restart>,
    /// The same of a silence since `unsure` was asked about: an answer says nothing of what came later.
    unsure_since: Option<Restart>,
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
    /// What could have been committed when it was asked whether the partitions are the ones that they were.
    asked: Option<Vec<Commit>>,
    /// The same, once they are known to be: it may be committed, whatever is unsure since.
    confirmed: Option<Vec<Commit>>,
    /// When an offset was committed last, or nothing waited to be.
    moved: Instant,
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
    committer: Aside<()>,
    /// Commits that were asked for and are not answered.
    committing: u32,
    questions: Aside<Question>,
    /// Whether ends were asked for and are not told.
    asking: bool,
    /// A commit was due of a lane that is not sure.
    overdue: bool,
    /// Since when an offset is to be read that is not there.
    astray: Option<Instant>,
    /// No broker could be reached since one has answered.
    is_unreachable: bool,
    /// When one did.
    answered_at: Instant,
    next_flow: Instant,
    next_commit: Instant,
    next_look: Instant,
    next_letters: Instant,
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
            let mut is_drawn = false;
            match client.poll(POLL) {
                Some(Ok(message)) if !draining => self.message(client, &message)?,
                Some(Ok(_)) => {}
                Some(Err(error)) => self.error(client, &error)?,
                None => is_drawn = true,
            }
            self.events(client)?;
            let now = Instant::now();
            if !draining {
                self.begin_waiting(client, now)?;
                if now >= self.next_flow {
                    self.next_flow = now + FLOW;
                    self.flow(client);
                }
                // What was fetched before it is taken first: to read elsewhere is to throw that away.
                if let Some(since) = self.astray
                    && (is_drawn || now.duration_since(since) >= ASTRAY)
                {
                    self.find_way(client)?;
                }
            }
            if now >= self.next_look {
                self.next_look = now + self.source.config.idle_timeout.0.div_f64(4.0).min(AGAIN);
                self.ask_for_ends();
            }
            if let Some(dead) = self.dead.as_ref().filter(|_| now >= self.next_letters) {
                self.next_letters = now + AGAIN;
                dead.send_again();
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
        if let Some(Restart { offset: known, stamp: Some(then) }) = part.known.take()
            && offset == known
            && stamp != then
        {
            return Err(Failure::Recreated { topic: topic.name.clone(), partition: number });
        }
        if offset < part.next {
            // Read once more, to see that the topic is the same.
            return Ok(());
        }
        if part.heard.elapsed() >= SILENCE {
            let unsure = if part.unsure.is_some() { &mut part.unsure_since } else { &mut part.unsure };
            *unsure = unsure.or(part.last);
        }
        part.last = Some(Restart { offset, stamp: Some(stamp) });
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
        metrics::counter!(names::KAFKA_MESSAGES, "topic" => topic.name.clone()).increment(1);
        let dead = self.dead.clone();
        self.lanes.message(Message::copied(message, at, part.at, origin, topic, dead, &part.fetched));
        if !part.paused && part.fetched.used() > part.fetched.limit() {
            part.paused = set_paused(client, true, [(topic.name.as_str(), number)]);
        }
        Ok(())
    }

    fn error(&mut self, client: &Client, error: &KafkaError) -> Result<(), Failure> {
        let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::UnreleasedInstanceId) => {
                Err(Failure::SameInstance(self.source.config.group_instance_id.clone().unwrap_or_default()))
            }
            _ if is_fatal => Err(Failure::Client(error.to_string())),
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.astray.get_or_insert_with(Instant::now);
                Ok(())
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => self.gone(client),
            _ => {
                tracing::warn!(receiver = self.source.id, %error, "Kafka reports an error");
                Ok(())
            }
        }
    }

    fn events(&mut self, client: &Client) -> Result<(), Failure> {
        while let Some(event) = client::context(client).next_event() {
            match event {
                Event::Assigned(partitions) => {
                    metrics::counter!(names::KAFKA_REBALANCES, "event" => "assigned").increment(1);
                    self.waiting = Some((partitions, Instant::now()));
                    self.reached();
                }
                Event::Revoked(partitions) => self.revoked(client, &partitions)?,
                Event::Committed(result) => self.answered(result),
                Event::Ends(answer) => {
                    self.ends(answer)?;
                    if std::mem::take(&mut self.overdue) {
                        self.commit(client, false);
                    }
                }
                Event::Unreachable(reason) => {
                    tracing::warn!(receiver = self.source.id, reason, "no broker can be reached");
                    self.unreachable("no broker can be reached");
                }
            }
        }
        Ok(())
    }

    /// A broker has answered.
    fn reached(&mut self) {
        self.is_unreachable = false;
        self.answered_at = Instant::now();
        self.readiness.set_ready(&self.source.id);
    }

    fn unreachable(&mut self, reason: &str) {
        self.is_unreachable = true;
        self.readiness.set_not_ready(&self.source.id, reason);
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
