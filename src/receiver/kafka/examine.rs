//! What stands in the way of a receiver, found out without joining its group: for `casefile doctor`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::Timestamp as Stamp;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::begin::{self, NotNow};
use super::client::{self, Client, TopicPartition};
use super::message::{Message, Topic};
use crate::config::{InitialOffset, KafkaReceiver};
use crate::model::{Budget, Finding, Signal, State};
use crate::telemetry::{Clock as _, SystemClock};

/// Messages that are looked at of each partition, from its end backwards.
const SAMPLED: i64 = 5;
/// Wait before a question to the brokers is asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long messages, and answers that may come later, are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects as the receiver would, and looks at its topics, its group and the last messages of each partition.
#[must_use]
pub fn examine(config: &KafkaReceiver, signals: &[Signal]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let found = &mut findings;
    let client = match client::consumer(config) {
        Ok(client) => client,
        Err(error) => {
            found.push(Finding::new("brokers", State::Broken, format!("the client cannot be made: {error}")));
            return findings;
        }
    };
    let topics = match begin::topics(&client, config, signals) {
        Ok(topics) => topics,
        Err(reason) => {
            let detail = match reason {
                NotNow::Later(reason) => reason,
                NotNow::Never(failure) => failure.to_string(),
            };
            found.push(Finding::new("topics", State::Broken, detail));
            return findings;
        }
    };
    for topic in &topics {
        found.push(Finding::new(
            format!("topic {}", topic.name),
            State::Ok,
            format!("{} partitions", topic.partitions),
        ));
    }
    group(&client, config, &topics, found);
    messages(&client, &topics, found);
    findings
}

/// What the group has committed, and how far behind it is.
fn group(client: &Client, config: &KafkaReceiver, topics: &[Arc<Topic>], found: &mut Vec<Finding>) {
    let subject = format!("group {}", config.group_id);
    // Right after a broker has started, or a group was first heard of, no broker keeps its offsets yet.
    let until = Instant::now() + PATIENCE;
    let mut begins = begin::begins(client, config, &partitions(topics));
    while matches!(begins, Err(NotNow::Later(_))) && Instant::now() < until {
        std::thread::sleep(AGAIN);
        begins = begin::begins(client, config, &partitions(topics));
    }
    let begins = match begins {
        Ok(begins) => begins,
        Err(reason) => {
            let detail = match reason {
                NotNow::Later(reason) => format!("its offsets cannot be read: {reason}"),
                NotNow::Never(failure) => failure.to_string(),
            };
            found.push(Finding::new(subject, State::Broken, detail));
            return;
        }
    };
    let bounds = match begin::bounds(client, &partitions(topics)) {
        Ok(bounds) => bounds,
        Err(error) => {
            found.push(Finding::new(subject, State::Broken, format!("ends of partitions cannot be told: {error}")));
            return;
        }
    };
    if begins.values().all(|begin| begin.held < 0) {
        let place = match config.initial_offset {
            InitialOffset::Latest => "what comes from then on",
            InitialOffset::Earliest => "the oldest message there is",
        };
        let detail = format!("has committed nothing: it will begin with {place} (`initial_offset`)");
        found.push(Finding::new(subject, State::Ok, detail));
        return;
    }
    for topic in topics {
        let lag = (0..topic.partitions).filter_map(|number| {
            let partition = (topic.name.clone(), number);
            Some(bounds.get(&partition)?.1 - begins.get(&partition)?.committed)
        });
        let (lag, worst) = lag.fold((0, 0), |(sum, worst), lag| (sum + lag, lag.max(worst)));
        let detail = format!("{lag} messages of `{}` behind, at most {worst} in one partition", topic.name);
        found.push(Finding::new(subject.clone(), State::Ok, detail));
    }
}

/// Looks at the last messages: whether they may be read, and are what the receiver expects.
fn messages(client: &Client, topics: &[Arc<Topic>], found: &mut Vec<Finding>) {
    let sampled = match sample(client, topics) {
        Ok(sampled) => sampled,
        Err(reason) => {
            found.push(Finding::new("messages", State::Broken, format!("none can be read: {reason}")));
            return;
        }
    };
    for (at, topic) in topics.iter().enumerate() {
        let subject = format!("messages of {}", topic.name);
        let Some(sampled) = sampled.get(&at).filter(|sampled| sampled.read + sampled.unreadable > 0) else {
            found.push(Finding::new(subject, State::Warning, "there are none: keys and encoding were not looked at"));
            continue;
        };
        let Sampled { read, unreadable, misrouted, by_producer, why } = sampled;
        if *unreadable > 0 {
            let detail = format!("{unreadable} of {} cannot be read ({why}): check `encoding`", read + unreadable);
            found.push(Finding::new(subject.clone(), State::Broken, detail));
        }
        for (reason, count) in misrouted {
            let detail = format!("{count} of {read}: {}", advice(reason));
            found.push(Finding::new(subject.clone(), State::Broken, detail));
        }
        if *by_producer {
            let detail = "carry the producers' time: set `message.timestamp.type=LogAppendTime` on the topic, so that a producer's \
                          clock cannot move windows";
            found.push(Finding::new(subject.clone(), State::Warning, detail));
        }
        if *unreadable == 0 && misrouted.is_empty() {
            found.push(Finding::new(
                subject,
                State::Ok,
                format!("{read} looked at: readable, and where their traces belong"),
            ));
        }
    }
}

fn advice(reason: &str) -> &'static str {
    match reason {
        "no_key" => {
            "have no key, nor a partition that follows from their trace: set `partition_traces_by_id` and `partition_logs_by_trace_id` in the Collector's kafka exporter"
        }
        "several_traces" => {
            "hold several traces that do not belong to one partition: set `partition_traces_by_id` and `partition_logs_by_trace_id` in the Collector's kafka exporter"
        }
        "other_key" => "have a key that is not their trace id in hexadecimal",
        _ => {
            "are in a partition that no usual hash of their key gives: were partitions added? Traces from before lie elsewhere"
        }
    }
}

/// What the last messages of a topic are like.
#[derive(Default)]
struct Sampled {
    read: usize,
    unreadable: usize,
    /// Why the first of them is.
    why: String,
    misrouted: BTreeMap<&'static str, usize>,
    by_producer: bool,
}

fn sample(client: &Client, topics: &[Arc<Topic>]) -> Result<BTreeMap<usize, Sampled>, String> {
    let bounds = begin::bounds(client, &partitions(topics)).map_err(|error| error.to_string())?;
    let mut assignment = TopicPartitionList::new();
    let mut expected: i64 = 0;
    for ((topic, number), (first, end)) in &bounds {
        let from = (end - SAMPLED).max(*first);
        expected += end - from;
        let added = assignment.add_partition_offset(topic, *number, Offset::Offset(from));
        added.map_err(|error| error.to_string())?;
    }
    client.assign(&assignment).map_err(|error| error.to_string())?;
    let mut sampled: BTreeMap<usize, Sampled> = BTreeMap::new();
    let until = Instant::now() + PATIENCE;
    while expected > 0 && Instant::now() < until {
        let message = match client.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(error.to_string()),
            None => continue,
        };
        expected -= 1;
        let Some((at, topic)) = topics.iter().enumerate().find(|(_, topic)| topic.name == message.topic()) else {
            continue;
        };
        let sampled = sampled.entry(at).or_default();
        sampled.by_producer |= matches!(message.timestamp(), Stamp::CreateTime(_));
        let now = SystemClock.now();
        let message = Message::copied(&message, at, now, None, topic, None, &Budget::new(0));
        match message.request() {
            Ok(incoming) => {
                sampled.read += 1;
                if let Some(reason) = message.misrouted(&incoming.entries) {
                    *sampled.misrouted.entry(reason).or_default() += 1;
                }
            }
            // What compaction leaves is no fault.
            Err(poison) if poison.reason == "tombstone" => sampled.read += 1,
            Err(poison) => {
                sampled.unreadable += 1;
                if sampled.why.is_empty() {
                    sampled.why = poison.detail;
                }
            }
        }
    }
    client.unassign().map_err(|error| error.to_string())?;
    Ok(sampled)
}

fn partitions(topics: &[Arc<Topic>]) -> Vec<TopicPartition> {
    topics.iter().flat_map(|topic| (0..topic.partitions).map(|number| (topic.name.clone(), number))).collect()
}
