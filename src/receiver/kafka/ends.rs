//! What stands in partitions, asked beside the thread that polls: where they end, and whether they are the ones that were read.
//!
//! The end is the offset after the last one that is given away. Not every offset is a message's: transactions leave a mark behind,
//! and what they gave up is not told. So where a partition stays short of its end, the gap is looked at by a second client.
//!
//! A topic that is deleted and made again while it is read goes unnoticed by librdkafka, which reads on where it was. There is a
//! silence between the two, so after each silence the message before it is looked at again.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::begin;
use super::client::{self, Aside, Client, Event, TopicPartition};
use super::offsets::Restart;
use crate::config::KafkaReceiver;
use crate::model::Timestamp;

/// How long one look at the partitions of a topic may take.
const LOOK: Duration = Duration::from_secs(1);
/// Wait for what is looked at.
const POLL: Duration = Duration::from_millis(50);

/// What is asked.
#[derive(Debug)]
pub(super) struct Question {
    /// The topics that are read.
    pub(super) topics: Vec<String>,
    /// Their partitions, as far as something is asked of them.
    pub(super) partitions: BTreeMap<TopicPartition, Doubt>,
    /// When.
    pub(super) asked_at: Timestamp,
}

/// What is asked of a partition beside its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Whether there is any message from this offset on.
    pub(super) gap: Option<i64>,
    /// Whether this message is there still.
    pub(super) known: Option<Restart>,
}

/// What the brokers say.
#[derive(Debug)]
pub(super) struct Answer {
    /// When it was asked.
    pub(super) asked_at: Timestamp,
    /// Of the partitions that they could tell of.
    pub(super) ends: Result<BTreeMap<TopicPartition, End>, KafkaError>,
}

/// The end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The offset after the last.
    pub(super) offset: i64,
    /// No message has an offset from this one on that is before the end, where that was asked.
    pub(super) nothing_since: Option<i64>,
    /// The message that was asked for, and whether another one has its place.
    pub(super) known: Option<(Restart, bool)>,
}

/// What is found first from an offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A message of this offset and timestamp. Its offset is smaller where the partition ends before the one that was asked for.
    Message(i64, i64),
    /// The end.
    Nothing,
}

/// Starts the thread that asks; an [`Event::Ends`] follows on each question.
pub(super) fn spawn(client: &Arc<Client>, config: &KafkaReceiver) -> io::Result<Aside<Question>> {
    let (config, mut looker) = (config.clone(), None);
    Aside::spawn("kafka-ends", client, move |client, question: Question| {
        let ends = ends(client, &question).and_then(|ends| look(&mut looker, &config, &question.partitions, ends));
        client::context(client).tell(Event::Ends(Answer { asked_at: question.asked_at, ends }));
    })
}

fn ends(client: &Client, question: &Question) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
    if question.partitions.is_empty() {
        // Whether anybody answers.
        begin::reach(client, &question.topics)?;
        return Ok(BTreeMap::new());
    }
    let partitions: Vec<TopicPartition> = question.partitions.keys().cloned().collect();
    begin::ends(client, &partitions)
}

/// Looks at what is doubted.
fn look(
    looker: &mut Option<BaseConsumer>,
    config: &KafkaReceiver,
    doubts: &BTreeMap<TopicPartition, Doubt>,
    ends: BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, End>, KafkaError> {
    let gaps = doubts.iter().filter_map(|(partition, doubt)| {
        let gap = doubt.gap.filter(|gap| ends.get(partition).is_some_and(|end| gap < end));
        Some((partition, gap?))
    });
    let gaps = find(looker, config, gaps)?;
    let known = doubts.iter().filter_map(|(partition, doubt)| Some((partition, doubt.known?.offset)));
    let known = find(looker, config, known)?;
    let end = |(partition, offset): (TopicPartition, i64)| {
        let doubt = doubts.get(&partition).copied().unwrap_or_default();
        let nothing_since = doubt.gap.filter(|_| gaps.get(&partition) == Some(&Found::Nothing));
        let known = doubt.known.zip(known.get(&partition));
        let known = known.map(|(asked, found)| (asked, is_other(asked, *found)));
        (partition, End { offset, nothing_since, known })
    };
    Ok(ends.into_iter().map(end).collect())
}

/// Whether what is found in the place of a message is another one. Where retention or compaction took it, nothing can be said.
fn is_other(asked: Restart, found: Found) -> bool {
    match found {
        Found::Message(offset, stamp) => {
            offset < asked.offset || offset == asked.offset && asked.stamp.is_some_and(|then| then != stamp)
        }
        Found::Nothing => false,
    }
}

/// What is found first from these offsets on, as far as it is found in time.
fn find<'a>(
    looker: &mut Option<BaseConsumer>,
    config: &KafkaReceiver,
    places: impl Iterator<Item = (&'a TopicPartition, i64)>,
) -> Result<BTreeMap<TopicPartition, Found>, KafkaError> {
    // By topic: an end is told by the partition's number alone.
    let mut topics: BTreeMap<&str, BTreeMap<i32, i64>> = BTreeMap::new();
    for ((topic, number), offset) in places {
        topics.entry(topic).or_default().insert(*number, offset);
    }
    let mut all = BTreeMap::new();
    for (topic, places) in topics {
        let looker = match looker {
            Some(looker) => looker,
            None => looker.insert(client::looker(config)?),
        };
        let found = find_in(looker, topic, places)?;
        all.extend(found.into_iter().map(|(number, found)| ((topic.to_owned(), number), found)));
    }
    Ok(all)
}

fn find_in(
    looker: &BaseConsumer,
    topic: &str,
    mut places: BTreeMap<i32, i64>,
) -> Result<BTreeMap<i32, Found>, KafkaError> {
    let mut assignment = TopicPartitionList::new();
    for (number, offset) in &places {
        assignment.add_partition_offset(topic, *number, Offset::Offset(*offset))?;
    }
    looker.assign(&assignment)?;
    let mut all = BTreeMap::new();
    let until = Instant::now() + LOOK;
    while !places.is_empty() && Instant::now() < until {
        let (number, found) = match looker.poll(POLL) {
            Some(Ok(message)) => {
                let stamp = message.timestamp().to_millis().unwrap_or(0);
                (message.partition(), Found::Message(message.offset(), stamp))
            }
            Some(Err(KafkaError::PartitionEOF(number))) => (number, Found::Nothing),
            // Whatever it is, it says nothing of what is there.
            Some(Err(error)) => {
                tracing::debug!(%error, topic, "while partitions are looked at");
                continue;
            }
            None => continue,
        };
        // More may come of a partition than what was asked for.
        if places.remove(&number).is_some() {
            all.insert(number, found);
        }
    }
    looker.unassign()?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_15_a_message_is_known_by_its_place_and_time() {
        let asked = Restart { offset: 7, stamp: Some(1000) };
        assert!(!is_other(asked, Found::Message(7, 1000)));
        assert!(is_other(asked, Found::Message(7, 1001)), "another topic's");
        assert!(is_other(asked, Found::Message(0, 1000)), "the topic ends before it");
        assert!(!is_other(asked, Found::Message(9, 5000)), "retention took it");
        assert!(!is_other(asked, Found::Nothing));
    }
}
