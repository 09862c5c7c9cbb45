//! `service:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentId, Duration};

/// Which components run, and how they are connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Extensions that run.
    pub extensions: Vec<ComponentId>,
    /// How components are connected.
    pub pipelines: Pipelines,
    /// Casefile's own logs and metrics.
    pub telemetry: Telemetry,
    /// Time that a graceful stop may take from SIGTERM to the end of the drain.
    pub shutdown_timeout: Duration,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            extensions: Vec::new(),
            pipelines: Pipelines::default(),
            telemetry: Telemetry::default(),
            shutdown_timeout: Duration::seconds(25),
        }
    }
}

/// The pipelines.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pipelines {
    /// Spans: from `otlp` or `kafka` to `incident`; in a gateway from `otlp` to `kafka`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Pipeline>,
    /// Log records: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<Pipeline>,
    /// Metric exemplars: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Pipeline>,
    /// Bundles: from `incident` through `redaction` to `bundle`, `raw` and `webhook`. A gateway has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundles: Option<Pipeline>,
}

/// One pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// Where it begins.
    pub receivers: Vec<ComponentId>,
    /// What it goes through, in order.
    pub processors: Vec<ComponentId>,
    /// Where it ends.
    pub exporters: Vec<ComponentId>,
}

/// Casefile's own logs and metrics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Own logs, on stderr.
    pub logs: LogTelemetry,
    /// Own metrics, for Prometheus.
    pub metrics: MetricTelemetry,
    /// Own traces, sent over OTLP: how bundles are made and stored. By default none.
    #[serde(skip_serializing_if = "TraceTelemetry::is_empty")]
    pub traces: TraceTelemetry,
}

/// Own traces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraceTelemetry {
    /// Where they are sent: one at most.
    pub processors: Vec<TelemetryProcessor>,
}

impl TraceTelemetry {
    fn is_empty(&self) -> bool {
        self.processors.is_empty()
    }
}

/// What own traces or logs go through, as the Collector writes it: `batch: {exporter: {otlp: {protocol: grpc, endpoint: …}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryProcessor {
    /// Several are sent together.
    pub batch: TelemetryBatch,
}

/// Several are sent together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryBatch {
    /// Where.
    pub exporter: TelemetryExporter,
}

/// Where own traces or logs are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryExporter {
    /// Over OTLP.
    pub otlp: TelemetryOtlp,
}

/// An endpoint of OTLP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryOtlp {
    /// `grpc`.
    pub protocol: TelemetryProtocol,
    /// `http://host:port`: a Collector on this machine or in this pod, since it is not encrypted.
    pub endpoint: String,
}

/// How own traces and logs are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TelemetryProtocol {
    /// OTLP over gRPC.
    Grpc,
}

/// Own logs, on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogTelemetry {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a directive such as `casefile::exporter=debug,info`.
    pub level: String,
    /// `console` or `json`.
    pub encoding: String,
    /// Where they are sent besides: one at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processors: Vec<TelemetryProcessor>,
}

impl Default for LogTelemetry {
    fn default() -> Self {
        Self { level: "info".to_owned(), encoding: "console".to_owned(), processors: Vec::new() }
    }
}

/// Own metrics, for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricTelemetry {
    /// `none` or any of the Collector's levels (`basic`, `normal`, `detailed`), which mean the same here.
    pub level: String,
    /// Address and port of `/metrics`.
    pub address: String,
    /// The same as the Collector writes it now, one at most: `{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 8888}}}}`. It takes the place of
    /// `address`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<MetricReader>,
}

impl Default for MetricTelemetry {
    fn default() -> Self {
        Self { level: "normal".to_owned(), address: "127.0.0.1:8888".to_owned(), readers: Vec::new() }
    }
}

impl MetricTelemetry {
    /// Address and port of `/metrics`, whichever way they are written.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let Some(reader) = self.readers.first() else { return self.address.clone() };
        let PrometheusReader { host, port, .. } = &reader.pull.exporter.prometheus;
        // An address of IPv6 stands in brackets before its port.
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Who reads own metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricReader {
    /// Prometheus, which comes for them.
    pub pull: MetricPull,
}

/// Who comes for own metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricPull {
    /// How they are shown.
    pub exporter: PullExporter,
}

/// How own metrics are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PullExporter {
    /// In the format of Prometheus.
    pub prometheus: PrometheusReader,
}

/// Where Prometheus finds own metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusReader {
    /// Address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Taken and of no effect, as the two below: names are those of the reference of metrics.
    pub without_scope_info: bool,
    /// Of no effect.
    pub without_type_suffix: bool,
    /// Of no effect.
    pub without_units: bool,
}

impl Default for PrometheusReader {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8888,
            without_scope_info: false,
            without_type_suffix: false,
            without_units: false,
        }
    }
}
