//! Commits, and their answers.

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::{FLOW, Failure, LaneIntake, Reader, gauge_of};
use crate::model::Timestamp;
use crate::receiver::kafka::LAST_COMMIT;
use crate::receiver::kafka::client::{self, Client, Event};
use crate::receiver::kafka::message::Topic;
use crate::receiver::kafka::offsets::Restart;
use crate::telemetry::names;

impl<L: LaneIntake> Reader<L> {
    /// Commits what is safe and was not told before.
    pub(super) fn commit(&mut self, client: &Client, last: bool) {
        if self.committing > 0 && !last {
            return;
        }
        let mut list = TopicPartitionList::new();
        let now = self.clock.now();
        for (number, lane) in &mut self.running {
            let (commits, low) = lane.progress.commits();
            let is_sure = lane.parts.iter().all(|part| part.unsure.is_none());
            let confirmed = lane.confirmed.take();
            let mut waits = false;
            let safe = if is_sure { Some(&commits) } else { confirmed.as_ref() };
            for (at, ((topic, part), commit)) in self.topics.iter().zip(&mut lane.parts).zip(&commits).enumerate() {
                if let Some(safe) = safe.and_then(|safe| safe.get(at)).filter(|safe| safe.offset > part.told) {
                    part.told = safe.offset;
                    lane.moved = Instant::now();
                    add(&mut list, &topic.name, *number, safe.offset, safe.from);
                }
                self.overdue |= commit.offset > part.told;
                waits |= part.next > part.told.max(part.committed);
                metrics::gauge!(names::KAFKA_LAG, &lag_of(topic, *number)).set(gauge_of(part.end - commit.offset));
            }
            if !waits {
                lane.moved = Instant::now();
            }
            let hold = lane.moved.elapsed().as_secs_f64();
            metrics::gauge!(names::KAFKA_COMMIT_HOLD, "lane" => number.to_string()).set(hold);
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
        match stored {
            Ok(()) => self.committing += u32::from(self.committer.ask(())),
            Err(error) => self.committed(Err(error)),
        }
    }

    pub(super) fn answered(&mut self, result: Result<(), KafkaError>) {
        self.committing = self.committing.saturating_sub(1);
        self.committed(result);
    }

    fn committed(&mut self, result: Result<(), KafkaError>) {
        match result {
            Ok(()) => {
                metrics::counter!(names::KAFKA_COMMITS, "result" => "ok").increment(1);
                self.reached();
            }
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => {}
            Err(error) => {
                metrics::counter!(names::KAFKA_COMMITS, "result" => "failed").increment(1);
                tracing::warn!(receiver = self.source.id, %error, "offsets could not be committed; they will be again");
                for lane in self.running.values_mut() {
                    lane.parts.iter_mut().for_each(|part| part.told = part.held);
                }
            }
        }
    }

    /// Waits until the last commit is answered, but not for long.
    pub(super) fn await_commit(&mut self, client: &Client) -> Result<(), Failure> {
        let end = Instant::now() + LAST_COMMIT;
        let context = client::context(client);
        while self.committing > 0 && Instant::now() < end {
            match client.poll(FLOW) {
                // Of a lane that stays: it will not come again.
                Some(Ok(message)) => self.message(client, &message)?,
                Some(Err(error)) => tracing::debug!(%error, "while the last commit is waited for"),
                None => {}
            }
            while let Some(result) = context.next_answer() {
                self.answered(result);
            }
        }
        Ok(())
    }

    /// Commits a last time, if that is allowed, and lets everything go. The client closes when it is dropped.
    pub(super) fn finish(&mut self, client: &Client, commit: bool) {
        if commit {
            self.commit(client, true);
        }
        let numbers: Vec<i32> = self.running.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.let_go(number));
        if let Err(error) = self.await_commit(client) {
            tracing::debug!(%error, "while the last commit is waited for");
        }
        let context = client::context(client);
        context.close();
        // What is to be given back by now would keep the client from closing.
        while let Some(event) = context.next_event() {
            if let Event::Revoked(partitions) = event
                && let Err(error) = self.give_back(client, &partitions)
            {
                tracing::warn!(%error, "partitions could not be given back");
            }
        }
        self.readiness.set_not_ready(&self.source.id, "has left its group");
    }
}

/// The labels of a partition's lag.
pub(super) fn lag_of(topic: &Topic, number: i32) -> [(&'static str, String); 2] {
    [("topic", topic.name.clone()), ("partition", number.to_string())]
}

/// Adds a commit. What the list refuses is not committed, which loses nothing.
fn add(list: &mut TopicPartitionList, topic: &str, number: i32, offset: i64, from: Restart) {
    let mut place = list.add_partition(topic, number);
    if place.set_offset(Offset::Offset(offset)).is_ok() {
        place.set_metadata(from.to_metadata());
    }
}
