//! From a configuration that parses to one that can run.

use super::{
    ApiExtension, BundleExporter, Config, HealthCheck, IncidentConnector, MemoryLimiter, OtlpReceiver,
    RedactionProcessor, Signing, Telemetry, WebhookExporter,
};

/// A configuration that can run: every reference resolved, every rule of the pipelines held.
#[derive(Debug, Clone)]
pub struct ValidatedConfig {
    /// The document it came from, expanded and merged.
    pub document: Config,
    /// `sha256:` of the parts of the document that shape a bundle (without secrets, endpoints and stores).
    pub digest: String,
    /// The components that run.
    pub pipelines: ValidatedPipelines,
}

/// The components that the pipelines name.
#[derive(Debug, Clone)]
pub struct ValidatedPipelines {
    /// OTLP receivers, each with the signals that its pipelines take.
    pub otlp: Vec<(OtlpReceiver, Vec<crate::model::Signal>)>,
    /// The memory limit, if a pipeline has one.
    pub memory_limiter: Option<MemoryLimiter>,
    /// The connector.
    pub incident: IncidentConnector,
    /// The redaction that bundles go through.
    pub redaction: RedactionProcessor,
    /// Stores, with the component's id.
    pub bundles: Vec<(String, BundleExporter)>,
    /// Webhooks, with the component's id.
    pub webhooks: Vec<(String, WebhookExporter)>,
    /// The signing key, if bundles are signed.
    pub signing: Option<Signing>,
    /// Probes.
    pub health_check: Option<HealthCheck>,
    /// The query API.
    pub api: Option<ApiExtension>,
    /// Own telemetry.
    pub telemetry: Telemetry,
    /// Time for a graceful stop.
    pub shutdown_timeout: std::time::Duration,
}
