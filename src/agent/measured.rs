//! What was measured in the trace, on a page: exemplars of metrics.

use super::prose::{heading, line, prose};
use crate::model::ExemplarEvidence;

/// Exemplars that are shown.
const MAX_EXEMPLARS: usize = 20;

pub(super) fn section(page: &mut String, exemplars: &[ExemplarEvidence]) {
    if exemplars.is_empty() {
        return;
    }
    heading(page, "Metrics");
    for exemplar in exemplars.iter().take(MAX_EXEMPLARS) {
        line(page, &format!("- {}", prose(&measured(exemplar))));
    }
    if exemplars.len() > MAX_EXEMPLARS {
        line(page, &format!("- … and {} more", exemplars.len() - MAX_EXEMPLARS));
    }
}

/// An exemplar in one line.
pub(super) fn measured(exemplar: &ExemplarEvidence) -> String {
    let ExemplarEvidence { time, metric, unit, value, span_id, service, attrs } = exemplar;
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let mut told = format!("{time} {service}: {metric} = {value}{unit}");
    if let Some(span) = span_id {
        told.push_str(&format!(" in span {span}"));
    }
    for (key, value) in attrs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        told.push_str(&format!(", {key}: {value}"));
    }
    told
}
