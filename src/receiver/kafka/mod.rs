//! OTLP from Kafka: a member of a consumer group, which reads *lanes*.
//!
//! Lane *p* is partition *p* of every topic: where topics are keyed by trace id, all of a trace is in one lane. A lane is given to a
//! [`LaneIntake`] as a whole and taken away as a whole. Assignment is by `range`, the one strategy that gives equal partitions of
//! several topics to one member.
//!
//! One thread reads ([`spawn`]): it copies messages out of librdkafka's memory, hands them on, and does nothing that can wait for
//! anything but the brokers. It is polled whatever happens behind it: back-pressure is partitions that are paused.
//!
//! # What is committed
//!
//! The offset of the first message that has had no outcome ([`Progress`]), with the place in its metadata where the next reader must
//! begin: traces that the offset cuts in two are made whole again, from messages that are read once more.
//!
//! # When partitions go
//!
//! Librdkafka's callbacks only tell. The thread then commits what is safe, lets go of the lanes undecided, and gives the partitions
//! back. Where they are lost already (this process was thought dead) it commits nothing.

mod begin;
mod client;
mod consumer;
mod dead;
mod ends;
mod examine;
mod message;
mod offsets;

use std::time::Duration;

pub use consumer::{KafkaConsumer, KafkaSource, spawn};
pub use dead::{DeadLetterError, open_dead_letter};
pub use examine::examine;
pub use message::Message;
#[cfg(test)]
pub(crate) use message::test_message;
pub use offsets::{Claim, Commit, Offsets, Place, Progress, Restart};

use std::sync::Arc;

use crate::model::{Signal, Timestamp};

/// A lane that this member reads from now on.
#[derive(Debug)]
pub struct LaneStart {
    /// Its number: that of its partitions.
    pub lane: i32,
    /// The signal of each of its partitions.
    pub parts: Vec<Signal>,
    /// How far it has come.
    pub progress: Arc<Progress>,
    /// How many lanes there are, over all members.
    pub lanes: i32,
}

/// Takes lanes in. None of these may wait.
pub trait LaneIntake: Send + 'static {
    /// From now on messages of this lane come.
    fn start(&self, lane: LaneStart);

    /// A message of a lane; those of a partition come in the order of their offsets.
    fn message(&self, message: Message);

    /// No message of this part of the lane will come whose time is before `at`.
    fn known_through(&self, lane: i32, part: usize, at: Timestamp);

    /// The lane is another member's: what is open of it is to be let go, undecided.
    fn stop(&self, lane: i32);
}

/// Why a receiver cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// Traces and their logs would be in different lanes.
    #[error(
        "`{topic}` has {partitions} partitions and `{other}` has {others}: all topics of a receiver need the same number, keyed by \
         trace id with the same hash"
    )]
    UnequalPartitions {
        /// A topic.
        topic: String,
        /// Its partitions.
        partitions: i32,
        /// Another topic.
        other: String,
        /// Its partitions.
        others: i32,
    },
    /// What was committed speaks of another topic of the same name.
    #[error(
        "partition {partition} of `{topic}` is not the one that this group has read: the topic was deleted and made again, or cut \
         short. Reset the group's offsets (`kafka-consumer-groups.sh --reset-offsets`) to read it from where you want"
    )]
    Recreated {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A topic is gone.
    #[error("`{0}` is not there any more")]
    Deleted(String),
    /// Another process has this one's name.
    #[error(
        "another process is running with `group_instance_id: {0}`: give each a name of its own, as a StatefulSet's pods have"
    )]
    SameInstance(String),
    /// The client cannot go on.
    #[error("the Kafka client cannot go on: {0}")]
    Client(String),
    /// The thread has ended by a bug.
    #[error("the thread that reads Kafka has panicked")]
    Panicked,
}

/// How long answers to the last commit are waited for, before partitions are given back.
const LAST_COMMIT: Duration = Duration::from_secs(5);
