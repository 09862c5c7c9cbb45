//! Own metrics, for Prometheus. Their help texts are the docs in `names.rs`, so there is one place to keep.

use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Installs the recorder of the process, and describes every metric. Call once.
///
/// # Errors
/// If a recorder was installed before.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    describe();
    Ok(handle)
}

/// Describes every metric of `names.rs`: `_total` is a counter, `_seconds` a histogram, anything else a gauge.
fn describe() {
    for (name, help) in described() {
        if name.ends_with("_total") {
            metrics::describe_counter!(name, Unit::Count, help);
        } else if name.ends_with("_seconds") {
            metrics::describe_histogram!(name, Unit::Seconds, help);
        } else if name.ends_with("_bytes") {
            metrics::describe_gauge!(name, Unit::Bytes, help);
        } else {
            metrics::describe_gauge!(name, Unit::Count, help);
        }
    }
}

/// Name and meaning of every metric.
pub fn described() -> Vec<(&'static str, String)> {
    let mut described = Vec::new();
    let mut help = String::new();
    for line in include_str!("names.rs").lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            if !help.is_empty() {
                help.push(' ');
            }
            help.push_str(text);
        } else if let Some(name) = line.split('"').nth(1).filter(|_| line.contains("&str =")) {
            described.push((name, std::mem::take(&mut help)));
        }
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_described() {
        let described = described();
        assert_eq!(described.len(), include_str!("names.rs").matches("pub const").count());
        for (name, help) in &described {
            assert!(name.starts_with("casefile_") && !help.is_empty(), "{name}: {help}");
        }
        let traces = (crate::telemetry::names::WINDOW_TRACES, "Traces in open windows.".to_owned());
        assert!(described.contains(&traces), "{described:?}");
    }
}
