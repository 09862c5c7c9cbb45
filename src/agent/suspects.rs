//! Suspects and where the time went, as a page says it: each suspect with what its pointer leads to.

use serde_json::Value;

use super::prose::{heading, line, one_line, prose};
use crate::model::Bundle;

/// The section; nothing where nothing is suspected.
pub(super) fn section(page: &mut String, bundle: &Bundle) {
    if bundle.suspects.is_empty() {
        return;
    }
    // A bundle that was read from JSON can be written as JSON.
    let document = serde_json::to_value(bundle).unwrap_or_default();
    heading(page, "Suspects");
    for (number, suspect) in (1..).zip(&bundle.suspects) {
        let place = document.pointer(&suspect.at).map(place).unwrap_or_default();
        line(page, &format!("{number}. {}: {}", prose(&place), prose(&suspect.reason)));
    }
}

/// A frame, a span, a log line, repeated calls or flags in one line.
fn place(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(one_line);
    if let (Some(func), Some(file)) = (text("func"), text("file")) {
        let at = value.get("line").and_then(Value::as_u64).map_or_else(String::new, |line| format!(":{line}"));
        return format!("{func} ({file}{at})");
    }
    if let (Some(level), Some(message)) = (text("level"), text("msg")) {
        return format!("{level} {message}");
    }
    match (text("service"), text("name"), value.as_object()) {
        (Some(service), Some(name), _) => format!("{service}: {name}"),
        (_, _, Some(flags)) => flags.keys().map(|key| one_line(key)).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}
