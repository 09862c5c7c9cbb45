//! Partitions come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::commits::lag_of;
use super::{AGAIN, Failure, Lane, LaneIntake, MIN_SHARE, Part, Reader, gauge, set_paused};
use crate::model::{Budget, Timestamp};
use crate::receiver::kafka::LaneStart;
use crate::receiver::kafka::begin::{self, Begin, NotNow};
use crate::receiver::kafka::client::{self, Client, TopicPartition};
use crate::receiver::kafka::offsets::{Offsets, Progress};
use crate::telemetry::names;

impl<L: LaneIntake> Reader<L> {
    /// Takes up partitions that have been assigned, as soon as it is known where to begin.
    pub(super) fn begin_waiting(&mut self, client: &Client, now: Instant) -> Result<(), Failure> {
        let Some((partitions, due)) = self.waiting.take() else { return Ok(()) };
        if now < due {
            self.waiting = Some((partitions, due));
            return Ok(());
        }
        // Topics may have grown since.
        let topics = begin::topics(client, &self.source.config, &self.source.signals);
        let begins = topics.and_then(|topics| {
            self.topics = topics;
            // Where a member keeps partitions over a rebalance, a lane may get its second half later than its first.
            let held = self.owned.iter().filter(|(_, number)| !self.running.contains_key(number));
            let asked: Vec<TopicPartition> = held.chain(&partitions).cloned().collect();
            if asked.is_empty() { Ok(BTreeMap::new()) } else { begin::begins(client, &self.source.config, &asked) }
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
        let started = self.start_lanes(begins);
        // What was kept of lanes that are complete now rests, somewhere.
        let kept = |partition: &&TopicPartition| started.contains(&partition.1);
        let kept: Vec<TopicPartition> = self.owned.iter().filter(kept).cloned().collect();
        let mut assignment = TopicPartitionList::new();
        for (topic, number) in kept.iter().chain(partitions) {
            let begin = begins.get(&(topic.clone(), *number));
            let from = begin.map_or(Offset::Invalid, |begin| Offset::Offset(begin.from.offset));
            assignment.add_partition_offset(topic, *number, from).map_err(fatal)?;
        }
        if is_incremental(client) {
            self.give_back(client, &kept)?;
            client.incremental_assign(&assignment)
        } else {
            client.assign(&assignment)
        }
        .map_err(fatal)?;
        // One that rested, or was paused when it was this member's before, would not be fetched: assigning does not end a pause.
        let all = kept.iter().chain(partitions);
        set_paused(client, false, all.map(|(topic, number)| (topic.as_str(), *number)));
        self.owned.extend(partitions.iter().cloned());
        self.rest(client);
        metrics::gauge!(names::KAFKA_LANES).set(gauge(self.running.len()));
        // Where a group begins with what comes from now on, that place is committed at once: whoever starts next would begin later.
        self.commit(client, true);
        Ok(())
    }

    /// Starts the lanes that are complete. Their numbers.
    fn start_lanes(&mut self, begins: &BTreeMap<TopicPartition, Begin>) -> Vec<i32> {
        let now = Instant::now();
        let parts = (self.running.len() * self.topics.len() + begins.len()).max(1);
        let share = (usize::try_from(self.source.config.max_buffered.0).unwrap_or(usize::MAX) / parts).max(MIN_SHARE);
        let mut numbers: Vec<i32> = begins.keys().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut started = Vec::new();
        for number in numbers {
            let begins: Option<Vec<&Begin>> =
                self.topics.iter().map(|topic| begins.get(&(topic.name.clone(), number))).collect();
            let Some(begins) = begins.filter(|_| !self.running.contains_key(&number)) else { continue };
            let parts: Vec<Part> = begins
                .into_iter()
                .map(|begin| Part {
                    offsets: Arc::new(Offsets::from(begin.committed)),
                    committed: begin.committed,
                    held: begin.held,
                    told: begin.held,
                    known: Some(begin.from),
                    last: None,
                    unsure: None,
                    unsure_since: None,
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
            self.running.insert(number, Lane { parts, progress, asked: None, confirmed: None, moved: now });
            started.push(number);
        }
        started
    }

    /// Lets partitions rest whose lanes are not complete.
    fn rest(&self, client: &Client) {
        let mut lanes = BTreeSet::new();
        for (topic, number) in self.owned.iter().filter(|(_, number)| !self.running.contains_key(number)) {
            lanes.insert(*number);
            tracing::error!(
                topic,
                partition = *number,
                "a lane is not complete and is not read: other members have the rest"
            );
            set_paused(client, true, [(topic.as_str(), *number)]);
        }
        metrics::gauge!(names::KAFKA_INCOMPLETE_LANES).set(gauge(lanes.len()));
    }

    /// Gives partitions back.
    pub(super) fn revoked(&mut self, client: &Client, partitions: &[TopicPartition]) -> Result<(), Failure> {
        let lost = client.assignment_lost();
        let event = if lost { "lost" } else { "revoked" };
        metrics::counter!(names::KAFKA_REBALANCES, "event" => event).increment(1);
        tracing::info!(receiver = self.source.id, partitions = partitions.len(), lost, "partitions are given back");
        if let Some((waiting, _)) = &mut self.waiting {
            waiting.retain(|partition| !partitions.contains(partition));
        }
        // An assignment of none that is still to be answered is answered by what follows.
        self.waiting.take_if(|(waiting, _)| waiting.is_empty());
        if !lost {
            self.commit(client, true);
        }
        let numbers: Vec<i32> = self.running.keys().copied().collect();
        for number in numbers.into_iter().filter(|number| partitions.iter().any(|(_, other)| other == number)) {
            self.let_go(number);
        }
        if !lost {
            self.await_commit(client)?;
        }
        self.owned.retain(|partition| !partitions.contains(partition));
        self.give_back(client, partitions)?;
        self.rest(client);
        metrics::gauge!(names::KAFKA_LANES).set(gauge(self.running.len()));
        Ok(())
    }

    /// Tells the group that these partitions can be given to others.
    pub(super) fn give_back(&self, client: &Client, partitions: &[TopicPartition]) -> Result<(), Failure> {
        let gone = client::list(partitions.iter().map(|(topic, number)| (topic.as_str(), *number)));
        let given = if is_incremental(client) { client.incremental_unassign(&gone) } else { client.unassign() };
        given.map_err(|error| Failure::Client(error.to_string()))
    }

    /// Reads partitions of running lanes from other places on: one whose offset was not there is not fetched any more, and cannot be
    /// told to begin elsewhere but by being assigned anew.
    pub(super) fn read_from(&mut self, client: &Client, places: &BTreeMap<TopicPartition, i64>) -> Result<(), Failure> {
        let fatal = |error: KafkaError| Failure::Client(error.to_string());
        let is_incremental = is_incremental(client);
        let (mut assignment, mut paused) = (TopicPartitionList::new(), Vec::new());
        for (number, lane) in &mut self.running {
            for (topic, part) in self.topics.iter().zip(&mut lane.parts) {
                let place = places.get(&(topic.name.clone(), *number)).copied();
                if place.is_none() && is_incremental {
                    continue;
                }
                let from = Offset::Offset(place.unwrap_or(part.next));
                assignment.add_partition_offset(&topic.name, *number, from).map_err(fatal)?;
                paused.extend(part.paused.then(|| (topic.name.clone(), *number)));
                // With the assignment goes what was to be committed.
                part.told = part.held;
            }
        }
        if is_incremental {
            client.incremental_unassign(&assignment).and_then(|()| client.incremental_assign(&assignment))
        } else {
            for (topic, number) in self.owned.iter().filter(|(_, number)| !self.running.contains_key(number)) {
                assignment.add_partition_offset(topic, *number, Offset::Stored).map_err(fatal)?;
            }
            client.assign(&assignment)
        }
        .map_err(fatal)?;
        set_paused(client, true, paused.iter().map(|(topic, number)| (topic.as_str(), *number)));
        self.rest(client);
        Ok(())
    }

    pub(super) fn let_go(&mut self, number: i32) {
        if let Some(lane) = self.running.remove(&number) {
            lane.progress.freeze();
            self.lanes.stop(number);
            // It is another member's to tell of.
            for topic in &self.topics {
                metrics::gauge!(names::KAFKA_LAG, &lag_of(topic, number)).set(0.0);
            }
            for name in [names::KAFKA_WATERMARK_AGE, names::KAFKA_COMMIT_HOLD] {
                metrics::gauge!(name, "lane" => number.to_string()).set(0.0);
            }
        }
    }
}

/// Whether a rebalance tells what changes alone (KIP-429, KIP-848), and not all that is this member's.
fn is_incremental(client: &Client) -> bool {
    matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative)
}
