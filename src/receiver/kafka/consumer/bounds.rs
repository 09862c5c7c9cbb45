//! What is there to be read: partitions that were read to their end, and offsets that are gone.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{Failure, LaneIntake, Reader, UNANSWERED};
use crate::receiver::kafka::begin::{self, NotNow};
use crate::receiver::kafka::client::Client;
use crate::receiver::kafka::ends::{Answer, Doubt, Question};
use crate::receiver::kafka::offsets::Restart;

impl<L: LaneIntake> Reader<L> {
    /// Asks where partitions end, and whether those that were quiet are the ones that they were.
    pub(super) fn ask_for_ends(&mut self) {
        if self.asking {
            return;
        }
        let (now, idle) = (Instant::now(), self.source.config.idle_timeout.0);
        let mut partitions = BTreeMap::new();
        for (number, lane) in &mut self.running {
            let is_sure = lane.parts.iter().all(|part| part.unsure.is_none());
            lane.asked = (!is_sure).then(|| lane.progress.commits().0);
            for (topic, part) in self.topics.iter().zip(&mut lane.parts) {
                part.unsure_since = None;
                let silence = now.duration_since(part.heard);
                let is_quiet = !part.paused && silence >= idle / 2;
                // What is there is fetched within that time, unless there is nothing but marks of transactions.
                let gap = (is_quiet && silence >= idle && part.next < part.end).then_some(part.next);
                partitions.insert((topic.name.clone(), *number), Doubt { gap, known: part.unsure });
            }
        }
        if partitions.is_empty() && !self.is_unreachable {
            return;
        }
        let topics = self.topics.iter().map(|topic| topic.name.clone()).collect();
        // The time before the question: what the answer does not count was appended later.
        self.asking = self.questions.ask(Question { topics, partitions, asked_at: self.clock.now() });
    }

    /// Tells lanes of partitions that were read to their end: nothing older than the moment of the question comes from there.
    pub(super) fn ends(&mut self, answer: Answer) -> Result<(), Failure> {
        self.asking = false;
        let ends = match answer.ends {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%error, "ends of partitions cannot be told");
                if !self.is_unreachable && self.answered_at.elapsed() >= UNANSWERED {
                    tracing::warn!(receiver = self.source.id, %error, "brokers do not answer");
                    self.unreachable("brokers do not answer");
                }
                return Ok(());
            }
        };
        self.reached();
        let through = answer.asked_at.before(self.source.config.idle_timeout.0);
        for (number, lane) in &mut self.running {
            // Of a lane that has started since the question nothing was asked.
            let mut is_confirmed = lane.asked.is_some();
            for (at, (topic, part)) in self.topics.iter().zip(&mut lane.parts).enumerate() {
                let Some(end) = ends.get(&(topic.name.clone(), *number)) else {
                    is_confirmed = false;
                    continue;
                };
                match end.known {
                    Some((known, true)) if part.unsure == Some(known) => {
                        return Err(Failure::Recreated { topic: topic.name.clone(), partition: *number });
                    }
                    Some((known, false)) if part.unsure == Some(known) => part.unsure = part.unsure_since.take(),
                    _ => is_confirmed &= part.unsure.is_none(),
                }
                part.end = part.end.max(end.offset);
                if part.next < end.offset && end.nothing_since.is_some_and(|since| since <= part.next) {
                    // No message has these offsets.
                    part.next = end.offset;
                    part.offsets.pass(end.offset);
                }
                if part.next >= end.offset {
                    self.lanes.known_through(*number, at, through);
                }
            }
            if let Some(asked) = lane.asked.take().filter(|_| is_confirmed) {
                lane.confirmed = Some(asked);
            }
        }
        Ok(())
    }

    /// An offset that is to be read is not there: retention has taken it, or the topic is another one.
    pub(super) fn find_way(&mut self, client: &Client) -> Result<(), Failure> {
        self.astray = None;
        let bounds = match begin::bounds(client, &self.owned) {
            Ok(bounds) => bounds,
            Err(error) => {
                tracing::warn!(%error, "an offset is out of range, and what is there cannot be told yet");
                self.astray = Some(Instant::now());
                return Ok(());
            }
        };
        let mut found = BTreeMap::new();
        for (number, lane) in &mut self.running {
            for (topic, part) in self.topics.iter().zip(&mut lane.parts) {
                let partition = (topic.name.clone(), *number);
                let Some(&(first, end)) = bounds.get(&partition) else { continue };
                if part.next > end {
                    return Err(Failure::Recreated { topic: topic.name.clone(), partition: *number });
                }
                if part.next >= first {
                    continue;
                }
                let lost = first - part.next.max(part.committed);
                if lost > 0 {
                    begin::tell_lost(&topic.name, *number, lost);
                }
                part.next = first;
                part.known = None;
                part.offsets.pass(first);
                found.insert(partition, first);
            }
        }
        if found.is_empty() {
            // It is there by now. Brokers do not tell of which partition they spoke.
            return self.read_last_again(client);
        }
        self.read_from(client, &found)
    }

    /// A topic may be gone; for a moment after it was made, brokers may not know it either.
    pub(super) fn gone(&mut self, client: &Client) -> Result<(), Failure> {
        match begin::topics(client, &self.source.config, &self.source.signals) {
            Err(NotNow::Never(failure)) => Err(failure),
            Err(NotNow::Later(reason)) if reason.starts_with("there is no topic") => {
                let name = reason.split('`').nth(1).unwrap_or_default();
                Err(Failure::Deleted(name.to_owned()))
            }
            Err(NotNow::Later(_)) => Ok(()),
            Ok(_) => self.read_last_again(client),
        }
    }

    /// Reads the last message of each partition once more: where it is another one, so is the topic.
    fn read_last_again(&mut self, client: &Client) -> Result<(), Failure> {
        let mut places = BTreeMap::new();
        for (number, lane) in &mut self.running {
            for (topic, part) in self.topics.iter().zip(&mut lane.parts) {
                let again = part.last.or(part.known).unwrap_or(Restart { offset: part.next, stamp: None });
                part.known = Some(again);
                places.insert((topic.name.clone(), *number), again.offset);
            }
        }
        self.read_from(client, &places)
    }
}
