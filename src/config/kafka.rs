//! `receivers.kafka`, and what it shares with `exporters.kafka`. Keys and defaults are those of the Collector's `kafkareceiver`
//! wherever it has them.

mod exporter;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Duration, Secret};

pub use exporter::{
    CompressionParams, KafkaCompression, KafkaExporter, KafkaMessages, KeyHasher, LogTopic, MetricTopic,
    ProducerSettings, RecordPartitioner, RequiredAcks, StickyKey, TraceTopic,
};

/// Reads OTLP from Kafka topics that are keyed by trace id, as a member of a consumer group.
///
/// An offset is committed only when every record before it has had its outcome: a stored bundle, where its trace was sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaReceiver {
    /// Brokers to begin with, `host:port` each.
    pub brokers: Vec<String>,
    /// How the brokers' logs and quotas call this client.
    pub client_id: String,
    /// The rack or zone of this process: brokers that know it have it read from the nearest replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack_id: Option<String>,
    /// The consumer group.
    pub group_id: String,
    /// Names this member over restarts (static membership), so that a restart within `session_timeout` moves no partition. No
    /// two members may share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_instance_id: Option<String>,
    /// How partitions are shared out. Only `range` gives one member the same partitions of all topics.
    pub group_rebalance_strategy: String,
    /// `classic`, or `consumer` for the protocol of KIP-848 (brokers of Kafka 4 and later).
    pub group_protocol: GroupProtocol,
    /// Where to begin where the group has committed nothing: `latest` or `earliest`.
    pub initial_offset: InitialOffset,
    /// A member that sends no heartbeat for so long is taken for dead.
    pub session_timeout: Duration,
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Time between two commits.
    pub commit_interval: Duration,
    /// Topics of spans. Read where the receiver is used in a `traces` pipeline.
    pub traces: TraceTopics,
    /// Topics of log records. Read where the receiver is used in a `logs` pipeline.
    pub logs: LogTopics,
    /// Topics of metrics, of which exemplars are kept. Read where the receiver is used in a `metrics` pipeline.
    pub metrics: MetricTopics,
    /// Least bytes that a broker waits for before it answers a fetch.
    pub min_fetch_size: u32,
    /// Most bytes of one answer; 0 means the client's own limit (50 MiB).
    pub max_fetch_size: u32,
    /// Longest time that a broker waits for `min_fetch_size`.
    pub max_fetch_wait: Duration,
    /// Most bytes of one partition in one answer. A larger message is read all the same.
    pub max_partition_fetch_size: u32,
    /// Most bytes that are fetched and not yet taken into the windows; half of it is where fetching goes on again.
    pub max_buffered: ByteSize,
    /// A partition that was read to its end for so long does not keep windows open any more.
    pub idle_timeout: Duration,
    /// Headers of messages that become attributes of their resource, `kafka.header.<name>`.
    pub header_extraction: HeaderExtraction,
    /// Where messages go that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    /// TLS towards the brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<KafkaTls>,
    /// How to log in.
    pub auth: KafkaAuth,
    /// How the cluster is looked at.
    pub metadata: KafkaMetadata,
}

impl Default for KafkaReceiver {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            client_id: "casefile".to_owned(),
            rack_id: None,
            group_id: "casefile".to_owned(),
            group_instance_id: None,
            group_rebalance_strategy: "range".to_owned(),
            group_protocol: GroupProtocol::Classic,
            initial_offset: InitialOffset::Latest,
            session_timeout: Duration::seconds(10),
            heartbeat_interval: Duration::seconds(3),
            commit_interval: Duration::seconds(1),
            traces: TraceTopics::default(),
            logs: LogTopics::default(),
            metrics: MetricTopics::default(),
            min_fetch_size: 1,
            max_fetch_size: 0,
            max_fetch_wait: Duration(std::time::Duration::from_millis(250)),
            max_partition_fetch_size: 1_048_576,
            max_buffered: ByteSize::mib(128),
            idle_timeout: Duration::seconds(2),
            header_extraction: HeaderExtraction::default(),
            dead_letter: None,
            tls: None,
            auth: KafkaAuth::default(),
            metadata: KafkaMetadata::default(),
        }
    }
}

/// The protocol of a consumer group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocol {
    /// Members share out partitions among themselves.
    #[default]
    Classic,
    /// The broker does (KIP-848).
    Consumer,
}

/// Where a group begins that has committed nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InitialOffset {
    /// With what comes from now on.
    #[default]
    Latest,
    /// With the oldest that is there.
    Earliest,
}

/// Topics of spans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraceTopics {
    /// Their names.
    pub topics: Vec<String>,
    /// How their messages are written.
    pub encoding: OtlpEncoding,
}

impl Default for TraceTopics {
    fn default() -> Self {
        Self { topics: vec!["otlp_spans".to_owned()], encoding: OtlpEncoding::OtlpProto }
    }
}

/// Topics of log records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogTopics {
    /// Their names.
    pub topics: Vec<String>,
    /// How their messages are written.
    pub encoding: LogEncoding,
}

impl Default for LogTopics {
    fn default() -> Self {
        Self { topics: vec!["otlp_logs".to_owned()], encoding: LogEncoding::OtlpProto }
    }
}

/// Topics of metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricTopics {
    /// Their names.
    pub topics: Vec<String>,
    /// How their messages are written.
    pub encoding: OtlpEncoding,
}

impl Default for MetricTopics {
    fn default() -> Self {
        Self { topics: vec!["otlp_metrics".to_owned()], encoding: OtlpEncoding::OtlpProto }
    }
}

/// How messages of OTLP are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpEncoding {
    /// An export request in protobuf.
    #[default]
    OtlpProto,
    /// An export request in JSON.
    OtlpJson,
}

/// How messages of log records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogEncoding {
    /// An export request in protobuf.
    #[default]
    OtlpProto,
    /// An export request in JSON.
    OtlpJson,
    /// Each message is the body of one record, as bytes. Its header `traceparent` (W3C Trace Context) says which trace it belongs to.
    Raw,
    /// The same as UTF-8 text.
    Text,
    /// The same as a JSON value.
    Json,
}

/// Headers that become attributes of the resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderExtraction {
    /// Whether any do.
    pub extract_headers: bool,
    /// Which.
    pub headers: Vec<String>,
}

/// Where messages go that cannot be read: encrypted, as they hold unredacted data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetter {
    /// The topic. Messages keep their key's place in no way: they are spread over its partitions.
    pub topic: String,
}

/// TLS towards brokers, with the Collector's names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaTls {
    /// File with the certificates of authorities, in PEM. By default the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<Secret>,
    /// File with this client's certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_pem: Option<Secret>,
    /// File with the private key of it, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pem: Option<Secret>,
    /// Whether TLS is left out after all.
    pub insecure: bool,
    /// Whether the broker's certificate is taken whoever it names and whoever signed it. For tests only.
    pub insecure_skip_verify: bool,
}

/// How to log in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaAuth {
    /// SASL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<KafkaSasl>,
}

/// SASL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: SaslMechanism,
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// A mechanism of SASL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SaslMechanism {
    /// The password as it is: use it with TLS.
    #[default]
    #[serde(rename = "PLAIN")]
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// How the cluster is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaMetadata {
    /// Time between two looks at topics, partitions and their leaders.
    pub refresh_interval: Duration,
}

impl Default for KafkaMetadata {
    fn default() -> Self {
        Self { refresh_interval: Duration::seconds(600) }
    }
}

/// How a client of librdkafka reaches the brokers: what `receivers.kafka` and `exporters.kafka` share.
#[derive(Debug, Clone, Copy)]
pub struct KafkaConnection<'a> {
    /// Brokers to begin with.
    pub brokers: &'a [String],
    /// How the brokers call this client.
    pub client_id: &'a str,
    /// TLS.
    pub tls: Option<&'a KafkaTls>,
    /// How to log in.
    pub auth: &'a KafkaAuth,
    /// How the cluster is looked at.
    pub metadata: &'a KafkaMetadata,
}

impl KafkaConnection<'_> {
    /// The same in librdkafka's words (its CONFIGURATION.md), with secrets in the clear.
    #[must_use]
    pub fn properties(&self) -> BTreeMap<&'static str, String> {
        let mut properties = BTreeMap::from([
            ("bootstrap.servers", self.brokers.join(",")),
            ("client.id", self.client_id.to_owned()),
            ("topic.metadata.refresh.interval.ms", self.metadata.refresh_interval.0.as_millis().to_string()),
        ]);
        let tls = self.tls.filter(|tls| !tls.insecure);
        let protocol = match (tls.is_some(), self.auth.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        properties.insert("security.protocol", protocol.to_owned());
        if let Some(tls) = tls {
            let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
            let named = [
                ("ssl.ca.location", tls.ca_file.clone()),
                ("ssl.ca.pem", secret(&tls.ca_pem)),
                ("ssl.certificate.location", tls.cert_file.clone()),
                ("ssl.certificate.pem", secret(&tls.cert_pem)),
                ("ssl.key.location", tls.key_file.clone()),
                ("ssl.key.pem", secret(&tls.key_pem)),
            ];
            properties.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
            if tls.insecure_skip_verify {
                properties.insert("enable.ssl.certificate.verification", "false".to_owned());
            }
        }
        if let Some(sasl) = &self.auth.sasl {
            let mechanism = match sasl.mechanism {
                SaslMechanism::Plain => "PLAIN",
                SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            properties.insert("sasl.mechanism", mechanism.to_owned());
            properties.insert("sasl.username", sasl.username.clone());
            properties.insert("sasl.password", sasl.password.expose().to_owned());
        }
        properties
    }
}

impl KafkaReceiver {
    /// How its clients reach the brokers.
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
}
