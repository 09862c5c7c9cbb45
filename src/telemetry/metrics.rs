//! Own metrics, for Prometheus. Their help texts are the docs in `names.rs`, so there is one place to keep.

use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::names;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often a value was how large.
    Histogram,
}

/// A metric, as people read of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its unit: `1`, `By`, `s`.
    pub unit: &'static str,
    /// What it means, and its labels.
    pub help: String,
}

/// Counters under the Collector's names, which do not say so.
const COUNTERS: &[&str] = &[
    names::RECEIVER_ACCEPTED_SPANS,
    names::RECEIVER_REFUSED_SPANS,
    names::RECEIVER_ACCEPTED_LOG_RECORDS,
    names::RECEIVER_REFUSED_LOG_RECORDS,
    names::RECEIVER_ACCEPTED_METRIC_POINTS,
    names::RECEIVER_REFUSED_METRIC_POINTS,
    names::EXPORTER_SENT_BUNDLES,
    names::EXPORTER_SEND_FAILED_BUNDLES,
    names::TAIL_SAMPLING_TRACES,
    names::TAIL_SAMPLING_GLOBAL,
    names::TAIL_SAMPLING_TOO_EARLY,
];

/// Histograms, all of them in seconds.
const HISTOGRAMS: &[&str] = &[names::ERROR_TO_BUNDLE];

/// Upper bounds of their buckets in seconds: a decision takes seconds, a store that is gone hours.
const BUCKETS: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// Installs the recorder of the process, and describes every metric. Call once.
///
/// # Errors
/// If a recorder was installed before.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for name in HISTOGRAMS {
        builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), BUCKETS)?;
    }
    let handle = builder.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    for Described { name, kind, unit, help } in described() {
        let unit = match unit {
            "By" => Unit::Bytes,
            "s" => Unit::Seconds,
            _ => Unit::Count,
        };
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}

/// Every metric of `names.rs`.
#[must_use]
pub fn described() -> Vec<Described> {
    let mut described = Vec::new();
    let mut help = String::new();
    for line in include_str!("names.rs").lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            if !help.is_empty() {
                help.push(' ');
            }
            help.push_str(text);
        } else if let Some(name) = line.split('"').nth(1).filter(|_| line.contains("&str =")) {
            let kind = if name.ends_with("_total") || COUNTERS.contains(&name) {
                Kind::Counter
            } else if HISTOGRAMS.contains(&name) {
                Kind::Histogram
            } else {
                Kind::Gauge
            };
            let unit = match name {
                name if name.ends_with("_seconds") => "s",
                name if name.ends_with("_bytes") => "By",
                _ => "1",
            };
            described.push(Described { name, kind, unit, help: std::mem::take(&mut help) });
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
        for Described { name, help, .. } in &described {
            assert!(name.starts_with("casefile_") && !help.is_empty(), "{name}: {help}");
        }
        let traces = Described {
            name: names::WINDOW_TRACES,
            kind: Kind::Gauge,
            unit: "1",
            help: "Open traces in windows: those with a trigger, or all where a policy needs whole traces.".to_owned(),
        };
        assert!(described.contains(&traces), "{described:?}");
    }
}
