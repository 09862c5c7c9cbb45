//! Requests on their way to Kafka: one message a trace, keyed by its id, or one for all traces of a partition. A request counts as written
//! when the brokers have acknowledged all of its messages.
//!
//! Where some are acknowledged and others fail, the whole request has failed, and its client sends it again: topics hold records at
//! least once, and who reads them tells by their digest which came twice. Bytes that wait for the brokers are bounded by a budget,
//! out of which a request takes all that it needs, or nothing.

mod answers;
mod delivery;
mod examine;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tokio_util::sync::CancellationToken;

use super::OnHealth;
use crate::config::{KafkaExporter, KafkaMessages, KeyHasher, OtlpEncoding, Problem};
use crate::model::partition::{self, Partitioner, TRACE_KEY_LEN, trace_key};
use crate::model::{Budget, Entry, Signal};
use crate::otlp::{self, Group, Grouping, Part};
use delivery::{Context, Pending};
pub use examine::{examine, examine_writing};

/// Bytes that a message takes in librdkafka besides its own.
const MESSAGE_COST: usize = 512;
/// JSON takes about so many times the bytes of protobuf. What takes more is cut further, and counted too low by the difference.
const JSON_GROWTH: usize = 4;
/// Above this many bytes a request is not worked on between others on their thread, but beside them: splitting them takes longer than
/// a change of threads by far.
const OFFLOAD: usize = 256 * 1024;

/// Writes requests to the topics of one `kafka` exporter.
#[derive(Clone)]
pub struct KafkaWriter {
    inner: Arc<Inner>,
}

struct Inner {
    id: Arc<str>,
    config: KafkaExporter,
    producer: ThreadedProducer<Context>,
    budget: Budget,
    on_health: OnHealth,
    broken: CancellationToken,
    /// Topics that do not fit together: nothing is written that nobody could put together again.
    is_misplaced: AtomicBool,
    /// How many partitions each topic has; 0 until the brokers have said it.
    partitions: AtomicI32,
}

/// What became of a request that the brokers have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KafkaWritten {
    /// Records that are too large for a message by themselves. They are not written, and never will be.
    pub too_large: u64,
}

/// Why the brokers do not have all of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaWriteError {
    /// Too many bytes wait for the brokers.
    #[error("too much waits for the brokers")]
    Full,
    /// A message was not acknowledged.
    #[error("the brokers have not acknowledged a message: {0}")]
    Unacknowledged(RDKafkaErrorCode),
    /// Messages are made by partition, and no look of [`KafkaWriter::watch`] has found out how many there are.
    #[error("the brokers have not said yet how many partitions the topics have")]
    Unknown,
    /// The topics do not fit together.
    #[error("the topics have different numbers of partitions")]
    Misplaced,
    /// Its messages would be more than may ever wait. For good.
    #[error("as messages the request is {bytes} bytes, of which {limit} may wait")]
    TooLarge {
        /// What they would take.
        bytes: usize,
        /// `max_buffered`.
        limit: usize,
    },
    /// A bug on this side.
    #[error("the request could not be split")]
    Bug,
}

impl KafkaWriter {
    /// Starts a client, which begins to look for its brokers. `max_bytes` of messages may wait for them. `on_health` is told whether they
    /// answer, once [`KafkaWriter::watch`] runs.
    ///
    /// # Errors
    /// If librdkafka refuses the settings: certificates and keys that cannot be read among others.
    pub fn open(id: &str, config: &KafkaExporter, max_bytes: usize, on_health: OnHealth) -> Result<Self, Problem> {
        let broken = CancellationToken::new();
        let context = Context { on_health: Arc::clone(&on_health), broken: broken.clone() };
        let producer = client(config).create_with_context(context).map_err(|error| refused(id, &error))?;
        let inner = Inner {
            id: id.into(),
            config: config.clone(),
            producer,
            budget: Budget::new(max_bytes),
            on_health,
            broken,
            is_misplaced: AtomicBool::new(false),
            partitions: AtomicI32::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether librdkafka knows the settings. Opens and connects nothing.
    ///
    /// # Errors
    /// What it refuses.
    pub fn check(id: &str, config: &KafkaExporter) -> Result<(), Problem> {
        client(config).create_native_config().map(drop).map_err(|error| refused(id, &error))
    }

    /// Writes a request, of which a walk has found `entries`. `Ok` once the brokers have it; where the caller goes away before, what was
    /// sent is on its way all the same.
    ///
    /// # Errors
    /// If the brokers do not have all of it. Some of it they may have.
    pub async fn write(
        &self,
        signal: Signal,
        request: Bytes,
        entries: Vec<Entry>,
    ) -> Result<KafkaWritten, KafkaWriteError> {
        let (pending, written) = if request.len() > OFFLOAD {
            let inner = Arc::clone(&self.inner);
            let work = tokio::task::spawn_blocking(move || inner.send(signal, &request, &entries));
            work.await.unwrap_or(Err(KafkaWriteError::Bug))?
        } else {
            self.inner.send(signal, &request, &entries)?
        };
        match pending.answered().await {
            Ok(()) => Ok(written),
            Err(RDKafkaErrorCode::QueueFull) => Err(KafkaWriteError::Full),
            Err(error) => {
                tracing::warn!(exporter = &*self.inner.id, %error, "a request is not acknowledged");
                Err(KafkaWriteError::Unacknowledged(error))
            }
        }
    }

    /// Waits until no message is on its way, or the time has passed. Blocks.
    pub fn flush(&self, time: Duration) {
        if let Err(error) = self.inner.producer.flush(time) {
            // Nobody was told that the brokers have them.
            tracing::warn!(exporter = &*self.inner.id, %error, "messages were still on their way and are given up");
        }
    }

    /// Waits for the client to be broken for good.
    pub async fn broken(&self) {
        self.inner.broken.cancelled().await;
    }

    /// Bytes that wait for the brokers, or are reckoned to.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.inner.budget.used()
    }
}

fn client(config: &KafkaExporter) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (name, value) in config.properties() {
        client.set(name, value);
    }
    client
}

/// What librdkafka says of a setting, without its value, which may be a secret.
fn refused(id: &str, error: &KafkaError) -> Problem {
    let message = match error {
        KafkaError::ClientConfig(_, _, name, _) => format!("librdkafka does not take this value of `{name}`"),
        error => format!("librdkafka refuses the settings: {error}"),
    };
    Problem::new(format!("exporters.{id}"), message)
}

impl Inner {
    /// Whether the records of a trace are to be together.
    fn is_keyed(&self, signal: Signal) -> bool {
        match signal {
            Signal::Traces => self.config.partition_traces_by_id,
            Signal::Logs => self.config.partition_logs_by_trace_id,
            // An exemplar is of use beside its trace alone.
            Signal::Metrics => true,
        }
    }

    /// Which records go in one message.
    fn grouping(&self, signal: Signal) -> Result<Grouping, KafkaWriteError> {
        Ok(match self.config.messages {
            _ if !self.is_keyed(signal) => Grouping::Whole,
            KafkaMessages::Trace => Grouping::Traces,
            KafkaMessages::Partition => {
                let partitions = self.partitions.load(Ordering::Acquire);
                let hash = match self.config.record_partitioner.sticky_key.hasher {
                    KeyHasher::SaramaCompat => partition::sarama,
                    KeyHasher::Murmur2 => partition::murmur2,
                };
                match partitions {
                    ..=0 => return Err(KafkaWriteError::Unknown),
                    _ => Grouping::Partitions(Partitioner { hash, partitions }),
                }
            }
        })
    }

    /// Hands a request to librdkafka, and does not wait for the brokers.
    fn send(
        &self,
        signal: Signal,
        request: &[u8],
        entries: &[Entry],
    ) -> Result<(Arc<Pending>, KafkaWritten), KafkaWriteError> {
        if self.is_misplaced.load(Ordering::Acquire) {
            return Err(KafkaWriteError::Misplaced);
        }
        let (topic, encoding) = self.config.topic(signal);
        let growth = if encoding == OtlpEncoding::OtlpJson { JSON_GROWTH } else { 1 };
        let limit =
            usize::try_from(self.config.producer.max_message_bytes).unwrap_or(usize::MAX).saturating_sub(TRACE_KEY_LEN);
        let split = otlp::split(signal, request, entries, self.grouping(signal)?);
        let mut parts: Vec<Part<'_>> = split.parts().flat_map(|part| part.cut(limit / growth)).collect();
        let all = parts.len();
        // What has been cut and is still too large is one record, and as JSON no shorter.
        parts.retain(|part| part.size() <= limit);
        let too_large = (all - parts.len()) as u64;
        let bytes = parts.iter().map(|part| part.size() * growth + TRACE_KEY_LEN + MESSAGE_COST).sum::<usize>();
        if bytes > self.budget.limit() {
            return Err(KafkaWriteError::TooLarge { bytes, limit: self.budget.limit() });
        }
        let permit = self.budget.take(bytes).ok_or(KafkaWriteError::Full)?;
        let pending = Arc::new(Pending::new(Arc::clone(&self.id), signal, permit));
        let mut sending =
            Sending { inner: self, signal, topic, encoding, limit, pending: &pending, buffer: Vec::new(), too_large };
        for part in parts {
            if sending.part(part).is_err() {
                break;
            }
        }
        let written = KafkaWritten { too_large: sending.too_large };
        pending.sent();
        Ok((pending, written))
    }
}

/// A request that is being handed over.
struct Sending<'s> {
    inner: &'s Inner,
    signal: Signal,
    topic: &'s str,
    encoding: OtlpEncoding,
    /// Most bytes of a message without its key.
    limit: usize,
    pending: &'s Arc<Pending>,
    buffer: Vec<u8>,
    too_large: u64,
}

/// librdkafka takes no more; [`Pending`] knows why.
struct Stopped;

impl Sending<'_> {
    fn part(&mut self, part: Part<'_>) -> Result<(), Stopped> {
        self.buffer.clear();
        part.write(&mut self.buffer);
        if self.encoding == OtlpEncoding::OtlpJson {
            // What a walk has passed can be written as JSON.
            self.buffer = otlp::to_json(self.signal, &self.buffer).unwrap_or_default();
            if self.buffer.len() > self.limit {
                return match part.halves() {
                    Some(halves) => halves.into_iter().try_for_each(|half| self.part(half)),
                    None => {
                        self.too_large += 1;
                        Ok(())
                    }
                };
            }
        }
        let key;
        let mut record: BaseRecord<'_, [u8], [u8], Arc<Pending>> =
            BaseRecord::with_opaque_to(self.topic, Arc::clone(self.pending)).payload(&self.buffer);
        match part.group {
            // librdkafka spreads them.
            Group::Loose => {}
            Group::Trace(trace_id) => {
                key = trace_key(&trace_id);
                record = record.key(key.as_slice());
            }
            Group::Partition(partition) => record = record.partition(partition),
        }
        self.pending.expect();
        self.inner.producer.send(record).map_err(|(error, _)| {
            self.pending.answer(Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)));
            Stopped
        })
    }
}
