//! Whether the brokers answer, and whether their topics fit together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::gauge;
use rdkafka::producer::Producer as _;
use tokio_util::sync::CancellationToken;

use super::{Inner, KafkaWriter, delivery};
use crate::model::Signal;
use crate::telemetry::names;

/// Time between two looks while all is well, and while it is not.
const WELL: Duration = Duration::from_secs(5);
const UNWELL: Duration = Duration::from_secs(1);
/// Longest time that brokers may take to answer a look.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the bytes that wait are told.
const GAUGE: Duration = Duration::from_millis(500);

/// What a look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// With so many partitions each, where that is of importance.
    Well(i32),
    /// Why nothing can be written now.
    Unwell(String),
    /// Topics whose partitions are not as many: the records of a trace would not meet.
    Misplaced(String),
}

impl KafkaWriter {
    /// Looks at the topics of these signals again and again, and tells whether the brokers answer for them, until it is asked to stop.
    pub async fn watch(&self, signals: Vec<Signal>, stop: CancellationToken) {
        delivery::begin_counting(&self.inner.id, &signals);
        tokio::join!(self.look(&signals, &stop), self.report(&stop));
    }

    /// Looks at the topics once. Blocks.
    pub(super) fn look_once(&self, signals: &[Signal]) -> Found {
        self.inner.look(signals)
    }

    async fn look(&self, signals: &[Signal], stop: &CancellationToken) {
        let mut last = None;
        while !stop.is_cancelled() {
            let inner = Arc::clone(&self.inner);
            let topics = signals.to_vec();
            let found = tokio::task::spawn_blocking(move || inner.look(&topics)).await;
            let found = found.unwrap_or_else(|_| Found::Unwell("the look at the brokers has failed".to_owned()));
            self.inner.is_misplaced.store(matches!(found, Found::Misplaced(_)), Ordering::Release);
            let pause = match &found {
                Found::Well(partitions) => {
                    self.inner.partitions.store(*partitions, Ordering::Release);
                    (self.inner.on_health)(true, "");
                    WELL
                }
                Found::Unwell(why) | Found::Misplaced(why) => {
                    if last.as_ref() != Some(&found) {
                        tracing::warn!(exporter = &*self.inner.id, why, "nothing can be written to kafka");
                    }
                    (self.inner.on_health)(false, why);
                    UNWELL
                }
            };
            last = Some(found);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point by their protocol")]
    async fn report(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            gauge!(names::EXPORTER_KAFKA_PENDING_BYTES, "exporter" => self.inner.id.to_string())
                .set(self.pending_bytes() as f64);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(GAUGE) => {}
            }
        }
    }
}

impl Inner {
    /// Asks the brokers for the topics. Blocks.
    fn look(&self, signals: &[Signal]) -> Found {
        let mut partitions: Vec<(&str, usize)> = Vec::new();
        for signal in signals {
            let (topic, _) = self.config.topic(*signal);
            let metadata = match self.producer.client().fetch_metadata(Some(topic), PATIENCE) {
                Ok(metadata) => metadata,
                Err(error) => return Found::Unwell(format!("the brokers do not answer: {error}")),
            };
            let Some(known) = metadata.topics().iter().find(|known| known.name() == topic) else {
                return Found::Unwell(format!("the brokers do not know the topic `{topic}`"));
            };
            if let Some(error) = known.error() {
                let error = rdkafka::error::RDKafkaErrorCode::from(error);
                return Found::Unwell(format!("the topic `{topic}` cannot be used: {error}"));
            }
            if self.is_keyed(*signal) {
                partitions.push((topic, known.partitions().len()));
            }
        }
        fit_together(&partitions)
    }
}

/// Topics that are read together need as many partitions each: a key has the same place in all of them then.
fn fit_together(partitions: &[(&str, usize)]) -> Found {
    match partitions {
        [(first, count), others @ ..] => match others.iter().find(|(_, other)| other != count) {
            Some((other, more)) => Found::Misplaced(format!(
                "the topic `{first}` has {count} partitions and `{other}` has {more}, so that the records of a trace would not meet"
            )),
            None => Found::Well(i32::try_from(*count).unwrap_or(i32::MAX)),
        },
        [] => Found::Well(0),
    }
}
