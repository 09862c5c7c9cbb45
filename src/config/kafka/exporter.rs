//! `exporters.kafka`. Keys and defaults are those of the Collector's `kafkaexporter`, but for what a trace needs to stay whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{KafkaAuth, KafkaConnection, KafkaMetadata, KafkaTls, OtlpEncoding};
use crate::config::{ByteSize, Duration};
use crate::model::Signal;

/// Writes what OTLP clients send to Kafka topics, so that the records of a trace meet in one partition: where a pipeline ends in it, the
/// process is a gateway, and keeps nothing. A request is acknowledged when the brokers have acknowledged all of its messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaExporter {
    /// Brokers to begin with, `host:port` each.
    pub brokers: Vec<String>,
    /// How the brokers' logs and quotas call this client.
    pub client_id: String,
    /// The topic of spans.
    pub traces: TraceTopic,
    /// The topic of log records. It needs as many partitions as that of spans.
    pub logs: LogTopic,
    /// The topic of metrics, of which exemplars with a trace id are kept. It needs as many partitions as that of spans.
    pub metrics: MetricTopic,
    /// Whether the spans of a trace get its id as their key, and so one partition. The Collector's default is `false`; here it is `true`,
    /// since who reads a part of a trace's spans cannot tell what happened in it.
    pub partition_traces_by_id: bool,
    /// Whether the log records of a trace get its id as their key, and so the partition of its spans. The Collector's default is `false`; here
    /// it is `true`, since logs are evidence only beside their trace. Records without a trace id have no key, and are spread.
    pub partition_logs_by_trace_id: bool,
    /// Which records of a request go in one message. Not in the Collector, which writes one a trace.
    pub messages: KafkaMessages,
    /// How keys become partitions. All that write to a topic must do it in the same way.
    pub record_partitioner: RecordPartitioner,
    /// TLS towards the brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<KafkaTls>,
    /// How to log in.
    pub auth: KafkaAuth,
    /// How the cluster is looked at.
    pub metadata: KafkaMetadata,
    /// Time within which the brokers must have acknowledged a message. Then its client is told to come again.
    pub timeout: Duration,
    /// Most bytes of messages that wait for the brokers. What is beyond it is refused, and its client told to come again.
    pub max_buffered: ByteSize,
    /// How messages are sent.
    pub producer: ProducerSettings,
}

impl Default for KafkaExporter {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            client_id: "casefile".to_owned(),
            traces: TraceTopic::default(),
            logs: LogTopic::default(),
            metrics: MetricTopic::default(),
            partition_traces_by_id: true,
            partition_logs_by_trace_id: true,
            messages: KafkaMessages::default(),
            record_partitioner: RecordPartitioner::default(),
            tls: None,
            auth: KafkaAuth::default(),
            metadata: KafkaMetadata::default(),
            timeout: Duration::seconds(5),
            max_buffered: ByteSize::mib(256),
            producer: ProducerSettings::default(),
        }
    }
}

/// The topic that spans are written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraceTopic {
    /// Its name.
    pub topic: String,
    /// How its messages are written.
    pub encoding: OtlpEncoding,
}

impl Default for TraceTopic {
    fn default() -> Self {
        Self { topic: "otlp_spans".to_owned(), encoding: OtlpEncoding::OtlpProto }
    }
}

/// The topic that log records are written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogTopic {
    /// Its name.
    pub topic: String,
    /// How its messages are written.
    pub encoding: OtlpEncoding,
}

impl Default for LogTopic {
    fn default() -> Self {
        Self { topic: "otlp_logs".to_owned(), encoding: OtlpEncoding::OtlpProto }
    }
}

/// The topic that metrics are written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricTopic {
    /// Its name.
    pub topic: String,
    /// How its messages are written.
    pub encoding: OtlpEncoding,
}

impl Default for MetricTopic {
    fn default() -> Self {
        Self { topic: "otlp_metrics".to_owned(), encoding: OtlpEncoding::OtlpProto }
    }
}

/// Which records of a request go in one message. Either way all of a trace are in the partition that the hash of its id gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KafkaMessages {
    /// Those of a trace, with its id as the key, as the Collector writes them: for topics that others read too, who go by the key.
    #[default]
    Trace,
    /// Those of all traces that have the same partition, without a key: fewer messages for the gateway, the brokers and who reads the
    /// topics, where a request holds more traces than there are partitions. Casefile and the Collector read them; what needs keys (compaction, joins of streams)
    /// cannot.
    Partition,
}

/// How keys become partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordPartitioner {
    /// By a hash of the key; messages without one are spread, some after another to the same partition.
    pub sticky_key: StickyKey,
}

/// Partitions by a hash of the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StickyKey {
    /// Which hash.
    pub hasher: KeyHasher,
}

/// A hash of keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyHasher {
    /// The Collector's default: FNV-1a of 32 bits, taken as a signed number, of which the absolute value counts.
    #[default]
    SaramaCompat,
    /// The default of Kafka's own clients in Java.
    Murmur2,
}

/// How messages are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProducerSettings {
    /// Most bytes of a message, before compression, with its key. Records of a trace, or of a partition, that are more go in several
    /// messages; a record that is too large by itself is refused. The topics' `max.message.bytes` must allow for a little more.
    pub max_message_bytes: u64,
    /// `all`: every in-sync replica has a message before its client is answered. `1`: its leader has it, and loses it if it
    /// fails before another has. The Collector's default is `1`; here it is `all`, since nobody else keeps what was acknowledged.
    pub required_acks: RequiredAcks,
    /// How batches of messages are compressed.
    pub compression: KafkaCompression,
    /// How much.
    pub compression_params: CompressionParams,
    /// Most messages of one batch.
    pub flush_max_messages: u32,
    /// How long a batch waits for more messages. Clients wait for it too.
    pub linger: Duration,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            max_message_bytes: 1_000_000,
            required_acks: RequiredAcks::All,
            compression: KafkaCompression::None,
            compression_params: CompressionParams::default(),
            flush_max_messages: 10_000,
            linger: Duration(std::time::Duration::from_millis(10)),
        }
    }
}

/// Who must have a message before it counts as delivered: `all` (or -1), 1, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredAcks {
    /// Every in-sync replica.
    All,
    /// The leader of the partition.
    Leader,
    /// Nobody: it may be lost without anyone knowing.
    None,
}

impl RequiredAcks {
    /// As librdkafka and the Collector write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Leader => "1",
            Self::None => "0",
        }
    }
}

impl<'de> Deserialize<'de> for RequiredAcks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Text(String),
        }
        let written = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        match written.as_str() {
            "all" | "-1" => Ok(Self::All),
            "1" => Ok(Self::Leader),
            "0" => Ok(Self::None),
            other => Err(serde::de::Error::custom(format!("`{other}` is none of `all`, 1 and 0"))),
        }
    }
}

impl Serialize for RequiredAcks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Leader => serializer.serialize_i64(1),
            Self::None => serializer.serialize_i64(0),
        }
    }
}

impl JsonSchema for RequiredAcks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RequiredAcks".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"enum": ["all", -1, 1, 0]})
    }
}

/// How batches of messages are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KafkaCompression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// How much batches are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompressionParams {
    /// -1 is the codec's default; up to 9 with gzip, up to 12 with lz4 and zstd. Snappy has none.
    pub level: i32,
}

impl Default for CompressionParams {
    fn default() -> Self {
        Self { level: -1 }
    }
}

impl KafkaExporter {
    /// How its client reaches the brokers.
    #[must_use]
    pub fn connection(&self) -> KafkaConnection<'_> {
        KafkaConnection {
            brokers: &self.brokers,
            client_id: &self.client_id,
            tls: self.tls.as_ref(),
            auth: &self.auth,
            metadata: &self.metadata,
        }
    }

    /// The topic of a signal, and how its messages are written.
    #[must_use]
    pub fn topic(&self, signal: Signal) -> (&str, OtlpEncoding) {
        match signal {
            Signal::Traces => (&self.traces.topic, self.traces.encoding),
            Signal::Logs => (&self.logs.topic, self.logs.encoding),
            Signal::Metrics => (&self.metrics.topic, self.metrics.encoding),
        }
    }

    /// All of it in librdkafka's words (its CONFIGURATION.md), with secrets in the clear.
    #[must_use]
    pub fn properties(&self) -> BTreeMap<&'static str, String> {
        let ProducerSettings {
            max_message_bytes,
            required_acks,
            compression,
            compression_params,
            flush_max_messages,
            linger,
        } = &self.producer;
        let compression = match compression {
            KafkaCompression::None => "none",
            KafkaCompression::Gzip => "gzip",
            KafkaCompression::Snappy => "snappy",
            KafkaCompression::Lz4 => "lz4",
            KafkaCompression::Zstd => "zstd",
        };
        let partitioner = match self.record_partitioner.sticky_key.hasher {
            KeyHasher::SaramaCompat => "fnv1a_random",
            KeyHasher::Murmur2 => "murmur2_random",
        };
        let timeout = self.timeout.0.as_millis().to_string();
        let mut properties = self.connection().properties();
        properties.extend([
            ("acks", required_acks.as_str().to_owned()),
            // It is of use with `all` alone, and refused otherwise.
            ("enable.idempotence", (*required_acks == RequiredAcks::All).to_string()),
            ("message.max.bytes", max_message_bytes.to_string()),
            ("request.timeout.ms", timeout.clone()),
            ("message.timeout.ms", timeout),
            ("linger.ms", linger.0.as_millis().to_string()),
            ("batch.num.messages", flush_max_messages.to_string()),
            ("compression.codec", compression.to_owned()),
            ("compression.level", compression_params.level.to_string()),
            ("partitioner", partitioner.to_owned()),
            // The bound is `max_buffered`, which the exporter keeps by itself and gives back a moment before librdkafka does.
            ("queue.buffering.max.kbytes", (self.max_buffered.0 / 512).clamp(1, 2_147_483_647).to_string()),
            ("queue.buffering.max.messages", "0".to_owned()),
            // Clients that were refused come again after a second or so.
            ("reconnect.backoff.max.ms", "1000".to_owned()),
        ]);
        properties
    }
}
