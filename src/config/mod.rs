//! YAML → [`Config`] → [`ValidatedConfig`]. Pure: nothing here opens a socket or writes a file.
//!
//! The documents' types live here, one file a section, because their field docs are the user's reference and the JSON
//! Schema is made of them. Stages compile them into what they run on. Keys and names are the OpenTelemetry Collector's
//! wherever it has one; unknown keys are refused with the line and a suggestion.

mod access;
mod auth;
mod component;
mod errors;
mod expand;
mod exporters;
mod extensions;
mod gateway;
mod incident;
mod kafka;
mod load;
mod problem;
mod processors;
mod read;
mod receivers;
mod rules;
mod service;
mod source;
mod suggest;
mod tail_sampling;
mod tls;
mod tree;
mod unavailable;
mod units;
mod validate;
mod yaml;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use auth::{Authentication, BearerTokenAuth, TenantOf, TenantSource, TenantToken, TokenEntry, is_token};
pub use component::{Component, ComponentId, Components};
pub use errors::ConfigErrors;
pub use exporters::{
    BundleExporter, Compression, EncryptionKind, Exporter, MIN_RETENTION, RawExporter, RetryOnFailure, SendingQueue,
    ServerSideEncryption, StoreClient, WebhookExporter,
};
pub use extensions::{ApiExtension, Extension, FileStorage, HealthCheck, Signing};
pub use incident::{
    AmbientLogs, BundleSize, Connector, IncidentConnector, IncidentLimit, LogJoin, ServiceFacts, Storage, SymbolFolder,
    TenantLimits, WindowConfig,
};
pub use kafka::{
    CompressionParams, DeadLetter, GroupProtocol, HeaderExtraction, InitialOffset, KafkaAuth, KafkaCompression,
    KafkaConnection, KafkaExporter, KafkaMessages, KafkaMetadata, KafkaReceiver, KafkaSasl, KafkaTls, KeyHasher,
    LogEncoding, LogTopic, LogTopics, MetricTopic, MetricTopics, OtlpEncoding, ProducerSettings, RecordPartitioner,
    RequiredAcks, SaslMechanism, StickyKey, TraceTopic, TraceTopics,
};
pub use load::{embedded, load, load_without_environment};
pub use problem::Problem;
pub use processors::{
    ClassAction, CustomPattern, KeyId, MemoryLimiter, PreviousKey, Processor, RedactionClass, RedactionProcessor,
    ServiceRedaction,
};
pub use receivers::{
    AlertWebhooks, DatadogWebhook, GrpcServer, HttpServer, OtlpProtocols, OtlpReceiver, Receiver, SentryWebhook,
};
pub use service::{
    LogTelemetry, MetricPull, MetricReader, MetricTelemetry, Pipeline, Pipelines, PrometheusReader, PullExporter,
    Service, Telemetry, TelemetryBatch, TelemetryExporter, TelemetryOtlp, TelemetryProcessor, TelemetryProtocol,
    TraceTelemetry,
};
pub use source::{Environment, ProcessEnvironment, Witness};
pub use tail_sampling::*;
pub use tls::{ClientTls, ServerTls, TlsVersion};
pub use units::{ByteSize, Duration, Secret};
pub use validate::{ValidatedConfig, ValidatedPipelines};

/// A configuration document, with the Collector's own top-level keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where records come from: `otlp`, `kafka`.
    pub receivers: Components<Receiver>,
    /// What happens to them on the way: `memory_limiter`, `redaction`.
    pub processors: Components<Processor>,
    /// What turns records into bundles: `incident`.
    pub connectors: Components<Connector>,
    /// Where bundles go: `bundle`, `raw`, `webhook`; and where a gateway sends records: `kafka`.
    pub exporters: Components<Exporter>,
    /// What stands beside the pipelines: `signing`, `health_check`, `api`.
    pub extensions: Components<Extension>,
    /// Which of them run, and how they are connected.
    pub service: Service,
}

#[cfg(test)]
mod tests;
