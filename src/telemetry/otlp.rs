//! Own traces and logs over OTLP, where they are configured. Of other crates nothing is sent: what the sender itself says would be sent again.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{ExporterBuildError, LogExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Telemetry, TelemetryProcessor};

/// What is sent is what this crate says, from INFO on.
fn own() -> Targets {
    Targets::new().with_target("casefile", Level::INFO)
}

/// The senders. What waits is sent by [`SelfTelemetry::finish`].
#[derive(Debug, Default)]
pub struct SelfTelemetry {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
}

impl SelfTelemetry {
    /// Makes what is configured; nothing connects before there is something to send.
    ///
    /// Must be called in a tokio runtime.
    ///
    /// # Errors
    /// If an endpoint cannot be used.
    pub fn build(config: &Telemetry) -> Result<Self, ExporterBuildError> {
        let endpoint = |all: &[TelemetryProcessor]| all.first().map(|first| first.batch.exporter.otlp.endpoint.clone());
        let resource = Resource::builder()
            .with_service_name("casefile")
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let traces = match endpoint(&config.traces.processors) {
            None => None,
            Some(endpoint) => {
                let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
                let provider = SdkTracerProvider::builder().with_resource(resource.clone());
                Some(provider.with_batch_exporter(exporter).build())
            }
        };
        let logs = match endpoint(&config.logs.processors) {
            None => None,
            Some(endpoint) => {
                let exporter = LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
                Some(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
            }
        };
        Ok(Self { traces, logs })
    }

    /// What carries spans and events over; nothing where nothing is sent.
    // An empty list of layers would have the others see nothing.
    pub fn layers<S>(&self) -> Option<Vec<Box<dyn Layer<S> + Send + Sync>>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let mut layers: Vec<Box<dyn Layer<S> + Send + Sync>> = Vec::new();
        if let Some(traces) = &self.traces {
            let tracer = traces.tracer("casefile");
            layers.push(tracing_opentelemetry::layer().with_tracer(tracer).with_filter(own()).boxed());
        }
        if let Some(logs) = &self.logs {
            layers.push(OpenTelemetryTracingBridge::new(logs).with_filter(own()).boxed());
        }
        Some(layers).filter(|layers| !layers.is_empty())
    }

    /// Sends what waits, and ends.
    ///
    /// Blocks for some seconds where the endpoint does not answer.
    pub fn finish(self) {
        let traces = self.traces.map(|traces| traces.shutdown());
        let logs = self.logs.map(|logs| logs.shutdown());
        for error in [traces, logs].into_iter().flatten().filter_map(Result::err) {
            tracing::debug!(%error, "own telemetry was not sent to its end");
        }
    }
}
