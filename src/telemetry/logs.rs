//! Casefile's own logs, on stderr.

use std::io::IsTerminal;

use rdkafka::config::RDKafkaLogLevel;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::otlp::SelfTelemetry;
use crate::config::{LogTelemetry, Problem};

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];

/// Starts logging, and what `own` sends besides. Call once.
///
/// # Errors
/// If the level is no directive, or logging was started before.
pub fn init(config: &LogTelemetry, own: &SelfTelemetry) -> Result<(), Problem> {
    let filter = filter(&config.level)?;
    let registry = tracing_subscriber::registry().with(own.layers());
    let started = if config.encoding == "json" {
        let shown = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
        registry.with(shown.with_filter(filter)).try_init()
    } else {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let shown = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(std::io::stderr);
        registry.with(shown.with_filter(filter)).try_init()
    };
    started.map_err(|error| Problem::new("service.telemetry.logs", format!("logging cannot be started: {error}")))
}

/// Carries a line of librdkafka's over. What it calls an error it gets over by itself (a connection that fails is made again), so that is
/// a warning here; what it cannot get over is told by whoever holds the client.
pub fn librdkafka(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::warn!(facility, "librdkafka: {message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(facility, "librdkafka: {message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(facility, "librdkafka: {message}"),
    }
}

/// Reads directives such as `info` or `casefile::exporter=debug,info`.
fn filter(text: &str) -> Result<EnvFilter, Problem> {
    let wrong = |message: String| {
        Problem::new("service.telemetry.logs.level", message).instead(
            "write `error`, `warn`, `info`, `debug` or `trace`, or a directive such as `casefile::exporter=debug,info`",
        )
    };
    // The library takes a misspelt level for the name of a module, and logs nothing.
    let is_level = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
    if let Some(word) = text.split(',').find(|word| !word.contains(['=', '[', ':']) && !is_level(word)) {
        return Err(wrong(format!("`{word}` is not a level")));
    }
    EnvFilter::try_new(text).map_err(|error| wrong(format!("not a log directive: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_refused_and_directives_are_read() {
        for good in ["info", "DEBUG", "casefile::exporter=debug,info", "warn,casefile=trace", "off"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["inof", "", "info,debgu", "casefile=loud"] {
            let problem = filter(bad).unwrap_err();
            assert_eq!(problem.path, "service.telemetry.logs.level");
            assert!(problem.instead.is_some());
        }
    }
}
