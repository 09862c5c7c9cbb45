//! What stands in the way of writing to Kafka, found out without writing anything: for `casefile doctor`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::KafkaWriter;
use super::watch::Found;
use crate::config::KafkaExporter;
use crate::model::{Finding, Signal, State};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// A number of acknowledgements that there is not. A broker looks at the rights of its client first, and then refuses the request whole
/// (`handleProduceRequest` of Kafka's `KafkaApis`, `isValidRequiredAcks` of its `ReplicaManager`): nothing is written, and the answer tells
/// whether it would have been. Librdkafka does not offer what brokers say of rights in their metadata (KIP-430).
const IMPOSSIBLE_ACKS: &str = "2";

/// Connects as the exporter would, and looks at its topics and whether it may write to them.
#[must_use]
pub fn examine(id: &str, config: &KafkaExporter, signals: &[Signal]) -> Vec<Finding> {
    let writer = match KafkaWriter::open(id, config, 0, Arc::new(|_, _| {})) {
        Ok(writer) => writer,
        Err(problem) => return vec![Finding::new("brokers", State::Broken, problem.message)],
    };
    let mut findings = match writer.look_once(signals) {
        Found::Well(0) => Vec::new(),
        Found::Well(partitions) => {
            vec![Finding::new("topics", State::Ok, format!("{partitions} partitions each"))]
        }
        Found::Unwell(why) | Found::Misplaced(why) => vec![Finding::new("topics", State::Broken, why)],
    };
    let topics: Vec<&str> = signals.iter().map(|signal| config.topic(*signal).0).collect();
    findings.extend(examine_writing(&config.connection().properties(), &topics));
    findings
}

/// Whether topics may be written to by a client with these properties (in librdkafka's words).
#[must_use]
pub fn examine_writing(properties: &BTreeMap<&'static str, String>, topics: &[&str]) -> Vec<Finding> {
    let client = client(properties);
    let written = |topic: &&str| {
        let (state, detail) = match client.as_ref().map_err(Clone::clone).and_then(|client| try_to_write(client, topic))
        {
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::InvalidRequiredAcks)) => {
                (State::Ok, "may be written to".to_owned())
            }
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                (State::Broken, "may not be written to: this client needs `Write` on it".to_owned())
            }
            Err(error) => {
                let error = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
                (State::Broken, format!("cannot be written to: {error}"))
            }
            Ok(()) => {
                (State::Warning, "may be written to; the broker has taken an empty message for a trial".to_owned())
            }
        };
        Finding::new(format!("writing to {topic}"), state, detail)
    };
    topics.iter().map(written).collect()
}

fn client(properties: &BTreeMap<&'static str, String>) -> Result<FutureProducer, KafkaError> {
    let mut client = ClientConfig::new();
    for (name, value) in properties {
        client.set(*name, value);
    }
    client
        .set("acks", IMPOSSIBLE_ACKS)
        .set("enable.idempotence", "false")
        .set("retries", "0")
        .set("linger.ms", "0")
        .set("message.timeout.ms", PATIENCE.as_millis().to_string())
        .set("request.timeout.ms", PATIENCE.as_millis().to_string())
        // What it has to say is in the answer.
        .set_log_level(RDKafkaLogLevel::Emerg);
    client.create()
}

fn try_to_write(client: &FutureProducer, topic: &str) -> Result<(), KafkaError> {
    let message = FutureRecord::<(), [u8]>::to(topic).partition(0).payload(&[]);
    block_on(client.send(message, PATIENCE)).map(drop).map_err(|(error, _)| error)
}
