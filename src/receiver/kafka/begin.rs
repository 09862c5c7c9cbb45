//! Where reading begins: which topics there are, and from which offsets their partitions are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::KafkaError as Failure;
use super::client::{Client, TopicPartition, list};
use super::message::{Encoding, Topic};
use super::offsets::Restart;
use crate::config::{InitialOffset, KafkaReceiver};
use crate::model::Signal;
use crate::telemetry::names;

/// How long one question to the brokers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why something cannot be told now.
#[derive(Debug)]
pub(super) enum NotNow {
    /// It may be told later.
    Later(String),
    /// Never.
    Never(Failure),
}

impl From<KafkaError> for NotNow {
    fn from(error: KafkaError) -> Self {
        Self::Later(error.to_string())
    }
}

/// Where a partition is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    /// Messages from this offset on have had no outcome.
    pub(super) committed: i64,
    /// Reading begins here, before it.
    pub(super) from: Restart,
    /// What the group has committed, which may be before that; -1 where that is nothing.
    pub(super) held: i64,
}

/// The topics of these signals, in the order of the configuration.
pub(super) fn topics(client: &Client, config: &KafkaReceiver, signals: &[Signal]) -> Result<Vec<Arc<Topic>>, NotNow> {
    let mut wanted: Vec<(&String, Signal, Encoding)> = Vec::new();
    for signal in signals {
        let (topics, encoding) = match signal {
            Signal::Traces => (&config.traces.topics, Encoding::Otlp(config.traces.encoding)),
            Signal::Logs => (&config.logs.topics, Encoding::Log(config.logs.encoding)),
            Signal::Metrics => (&config.metrics.topics, Encoding::Otlp(config.metrics.encoding)),
        };
        wanted.extend(topics.iter().map(|topic| (topic, *signal, encoding)));
    }
    let mut topics = Vec::new();
    for (name, signal, encoding) in wanted {
        let partitions = partitions(client, name)?;
        topics.push(Arc::new(Topic {
            name: name.clone(),
            signal,
            encoding,
            partitions,
            headers: config.header_extraction.clone(),
        }));
    }
    if let Some(first) = topics.first()
        && let Some(other) = topics.iter().find(|topic| topic.partitions != first.partitions)
    {
        return Err(NotNow::Never(Failure::UnequalPartitions {
            topic: first.name.clone(),
            partitions: first.partitions,
            other: other.name.clone(),
            others: other.partitions,
        }));
    }
    Ok(topics)
}

/// How many partitions a topic has.
fn partitions(client: &Client, topic: &str) -> Result<i32, NotNow> {
    let metadata = client.fetch_metadata(Some(topic), PATIENCE)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let missing = || NotNow::Later(format!("there is no topic `{topic}`"));
    let found = found.ok_or_else(missing)?;
    match found.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Err(missing()),
        Some(error) => return Err(NotNow::Later(format!("topic `{topic}`: {error}"))),
    }
    i32::try_from(found.partitions().len()).ok().filter(|count| *count > 0).ok_or_else(missing)
}

/// Whether a broker answers.
pub(super) fn reach(client: &Client, topics: &[String]) -> Result<(), KafkaError> {
    client.fetch_metadata(topics.first().map(String::as_str), PATIENCE / 5).map(drop)
}

/// The first offsets of partitions, and those after the last.
pub(super) fn bounds(
    client: &Client,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, (i64, i64)>, KafkaError> {
    let ask = |which: Offset| -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
        // The protocol knows the ends as two times that are none (ListOffsets: -2 and -1), so one request answers for all.
        let mut asked = list(partitions.iter().map(|(topic, partition)| (topic.as_str(), *partition)));
        asked.set_all_offsets(which)?;
        let answered = client.offsets_for_times(asked, PATIENCE)?;
        let mut offsets = BTreeMap::new();
        for one in answered.elements() {
            one.error()?;
            if let Offset::Offset(offset) = one.offset() {
                offsets.insert((one.topic().to_owned(), one.partition()), offset);
            }
        }
        Ok(offsets)
    };
    let (first, end) = (ask(Offset::Beginning)?, ask(Offset::End)?);
    Ok(first
        .into_iter()
        .filter_map(|(partition, first)| end.get(&partition).map(|end| (partition.clone(), (first, *end))))
        .collect())
}

/// The offsets after the last messages of partitions.
pub(super) fn ends(
    client: &Client,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
    let mut asked = list(partitions.iter().map(|(topic, partition)| (topic.as_str(), *partition)));
    asked.set_all_offsets(Offset::End)?;
    let answered = client.offsets_for_times(asked, PATIENCE / 5)?;
    let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
    let answered = answered.elements();
    let known = answered.iter().filter(|one| one.error().is_ok());
    Ok(known.filter_map(|one| Some(((one.topic().to_owned(), one.partition()), offset(one.offset())?))).collect())
}

/// Where each of these partitions is to be read from.
pub(super) fn begins(
    client: &Client,
    config: &KafkaReceiver,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Begin>, NotNow> {
    let asked = list(partitions.iter().map(|(topic, partition)| (topic.as_str(), *partition)));
    let committed = client.committed_offsets(asked, PATIENCE)?;
    let bounds = bounds(client, partitions)?;
    let mut begins = BTreeMap::new();
    for one in committed.elements() {
        one.error()?;
        let partition = (one.topic().to_owned(), one.partition());
        let Some(&(first, end)) = bounds.get(&partition) else {
            return Err(NotNow::Later(format!("nothing is known of partition {} of `{}`", partition.1, partition.0)));
        };
        let begin = match one.offset() {
            Offset::Offset(offset) => resume(&partition, offset, Restart::from_metadata(one.metadata()), first, end)?,
            _ => {
                let offset = if config.initial_offset == InitialOffset::Earliest { first } else { end };
                Begin { committed: offset, from: Restart { offset, stamp: None }, held: -1 }
            }
        };
        begins.insert(partition, begin);
    }
    Ok(begins)
}

/// Tells that messages are gone which nobody has read.
pub(super) fn tell_lost(topic: &str, partition: i32, lost: i64) {
    metrics::counter!(names::KAFKA_LOST_MESSAGES, "topic" => topic.to_owned()).increment(lost.unsigned_abs());
    tracing::error!(
        topic,
        partition,
        lost,
        "the topic's retention has taken messages away before they were read: let it keep them for longer, or add members"
    );
}

fn resume(
    partition: &TopicPartition,
    committed: i64,
    restart: Option<Restart>,
    first: i64,
    end: i64,
) -> Result<Begin, NotNow> {
    let (topic, number) = (&partition.0, partition.1);
    if committed > end {
        return Err(NotNow::Never(Failure::Recreated { topic: topic.clone(), partition: number }));
    }
    if committed < first {
        tell_lost(topic, number, first - committed);
        return Ok(Begin { committed: first, from: Restart { offset: first, stamp: None }, held: committed });
    }
    // Whoever set the offset by hand wants to begin there.
    let from = restart.filter(|restart| restart.offset <= committed);
    let from = from.unwrap_or(Restart { offset: committed, stamp: None });
    let from = if from.offset < first { Restart { offset: first, stamp: None } } else { from };
    Ok(Begin { committed, from, held: committed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Restart {
        Restart { offset, stamp: Some(1) }
    }

    fn partition() -> TopicPartition {
        ("spans".to_owned(), 3)
    }

    #[test]
    fn reading_begins_where_the_commit_says() {
        let begin = resume(&partition(), 50, Some(at(20)), 0, 90).unwrap();
        assert_eq!(begin, Begin { committed: 50, from: at(20), held: 50 });
        let without = resume(&partition(), 50, None, 0, 90).unwrap();
        assert_eq!(without.from, Restart { offset: 50, stamp: None }, "set by hand");
        let past = resume(&partition(), 50, Some(at(20)), 30, 90).unwrap();
        assert_eq!(past.from, Restart { offset: 30, stamp: None }, "what is gone cannot be read again");
    }

    #[test]
    fn fault_14_what_retention_took_is_told_and_not_jumped_over() {
        let begin = resume(&partition(), 50, Some(at(20)), 70, 90).unwrap();
        assert_eq!((begin.committed, begin.from.offset, begin.held), (70, 70, 50));
    }

    #[test]
    fn fault_15_a_commit_beyond_the_end_is_another_topics() {
        let error = resume(&partition(), 50, Some(at(20)), 0, 10).unwrap_err();
        assert!(matches!(error, NotNow::Never(Failure::Recreated { partition: 3, .. })));
    }
}
