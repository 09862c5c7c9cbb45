//! What is known of messages on their way: librdkafka tells of each, on a thread of its own, whether the brokers have it.

use std::sync::{Arc, OnceLock};

use metrics::counter;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::answers::{Answered, Answers};
use crate::exporter::OnHealth;
use crate::model::{Permit, Signal};
use crate::telemetry::{logs, names};

/// The messages of one request. Its bytes are given back to the budget when the last of them has its answer, whether or not
/// anyone still waits for it.
#[derive(Debug)]
pub(super) struct Pending {
    exporter: Arc<str>,
    signal: Signal,
    answers: Answers,
    /// The first of several.
    error: OnceLock<RDKafkaErrorCode>,
    answered: Notify,
    permit: Mutex<Option<Permit>>,
}

impl Pending {
    /// Messages that are to be sent, and that hold `permit`.
    pub(super) fn new(exporter: Arc<str>, signal: Signal, permit: Permit) -> Self {
        Self {
            exporter,
            signal,
            answers: Answers::new(),
            error: OnceLock::new(),
            answered: Notify::new(),
            permit: Mutex::new(Some(permit)),
        }
    }

    /// One message more is being sent.
    pub(super) fn expect(&self) {
        self.answers.expect();
    }

    /// A message has its answer.
    pub(super) fn answer(&self, result: Result<(), RDKafkaErrorCode>) {
        if let Err(error) = result {
            self.error.get_or_init(|| error);
        }
        self.settle(self.answers.answer(result.is_ok()));
    }

    /// No more messages will be sent.
    pub(super) fn sent(&self) {
        self.settle(self.answers.sent());
    }

    fn settle(&self, answered: Option<Answered>) {
        let Some(Answered { delivered, failed }) = answered else { return };
        for (result, messages) in [("delivered", delivered), ("failed", failed)] {
            count(&self.exporter, self.signal, result, messages);
        }
        // Before anyone is told, so that who comes again at once finds the bytes free.
        drop(self.permit.lock().take());
        self.answered.notify_one();
    }

    /// Waits until every message has its answer. `Ok` if the brokers have all of them.
    pub(super) async fn answered(&self) -> Result<(), RDKafkaErrorCode> {
        self.answered.notified().await;
        self.error.get().map_or(Ok(()), |error| Err(*error))
    }
}

/// Begins with nothing: a first failure that is also the first sample would be no increase to Prometheus.
pub(super) fn begin_counting(exporter: &str, signals: &[Signal]) {
    for signal in signals {
        for result in ["delivered", "failed"] {
            count(exporter, *signal, result, 0);
        }
    }
}

fn count(exporter: &str, signal: Signal, result: &'static str, messages: u64) {
    let labels =
        [("exporter", exporter.to_owned()), ("signal", signal.as_str().to_owned()), ("result", result.to_owned())];
    counter!(names::EXPORTER_KAFKA_MESSAGES, &labels).increment(messages);
}

/// Takes in what librdkafka has to tell.
pub(super) struct Context {
    pub(super) on_health: OnHealth,
    /// Cancelled when the client will never work again.
    pub(super) broken: CancellationToken,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::librdkafka(level, facility, message);
    }

    /// An error of the client, and of no message. Called twice for some.
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => {
                tracing::error!(reason, "the client of the brokers cannot go on");
                (self.on_health)(false, reason);
                self.broken.cancel();
            }
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                tracing::warn!(reason, "no broker can be reached");
                (self.on_health)(false, "no broker can be reached");
            }
            _ => tracing::warn!(%error, reason, "a broker fails"),
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Arc<Pending>) {
        pending.answer(match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        });
    }
}
