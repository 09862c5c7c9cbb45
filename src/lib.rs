//! Casefile turns production failures seen through OpenTelemetry into evidence.
pub mod agent;
pub mod bundle;
pub mod cli;
pub mod config;
pub mod evidence;
pub mod exporter;
pub mod model;
pub mod otlp;
pub mod pipeline;
pub mod receiver;
pub mod redact;
pub mod sampling;
pub mod telemetry;
pub mod window;
