//! What was measured in the trace, on a page: exemplars of metrics.

use super::prose::{heading, line, prose, said};
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
    let value = said(value);
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let mut told = format!("{time} {service}: {metric} = {value}{unit}");
    if let Some(span) = span_id {
        told.push_str(&format!(" in span {span}"));
    }
    for (key, value) in attrs {
        told.push_str(&format!(", {key}: {}", said(value)));
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::bundle;
    use super::super::{BundleView, markdown};

    #[test]
    fn a_page_shows_what_was_measured_and_how_much_more_there_is() {
        let bundle = bundle("b", |document| {
            let exemplar = |number: u32| {
                json!({"time": "2026-11-23T12:00:01Z", "metric": format!("queue.depth.{number}"), "unit": "ms", "value": 1.5,
                    "span_id": "0000000000000001", "service": "checkout", "attrs": {"queue": "<b>orders"}})
            };
            document["metrics"]["exemplars"] = (0..23).map(exemplar).collect();
        });
        let page = markdown(&BundleView { bundle, numbers: None, manifests: Vec::new() });
        let section = page.split("## Metrics").nth(1).unwrap().split("\n## ").next().unwrap();
        assert_eq!(section.lines().filter(|line| line.starts_with("- ")).count(), 21, "{section}");
        assert!(section.contains("= 1.5 ms in span 0000000000000001") && section.contains("\\<b>orders"), "{section}");
        assert!(section.contains("- … and 3 more") && !section.contains("depth.20"), "{section}");
    }
}
