//! What differs between two bundles: of one incident, what the failures do not share is where to look for the condition.
//!
//! Ids, times and durations differ always and tell nothing, so they are left out. Lists that hold what happened (log lines, spans)
//! are compared as bags of what they say; lists whose places mean something (frames) place by place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::BundleView;
use super::page::slice;

/// A place in which two bundles differ.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// JSON pointer (RFC 6901); of a bag, that of the list.
    pub path: String,
    /// What stands there in the first; null where nothing does.
    pub a: Value,
    /// What stands there in the second; null where nothing does.
    pub b: Value,
}

/// Some differences of two bundles.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Differences {
    /// Id of the first bundle.
    pub a: String,
    /// Id of the second.
    pub b: String,
    /// The differences.
    pub items: Vec<Difference>,
    /// How many there are.
    pub total: usize,
    /// How many are here.
    pub returned: usize,
    /// Whether there are more.
    pub truncated: bool,
    /// Pass it as `after` to get the next ones; null where there are none.
    pub next: Option<usize>,
}

impl Differences {
    /// At most `limit` (at least one) differences of two bundles, behind the first `after`.
    ///
    /// # Errors
    /// If a bundle cannot be written as JSON.
    pub fn of(a: &BundleView, b: &BundleView, limit: usize, after: usize) -> serde_json::Result<Self> {
        let all = differences(&a.merged()?, &b.merged()?);
        let total = all.len();
        let (items, next) = slice(all.into_iter(), limit, after);
        let [a, b] = [a, b].map(|view| view.bundle.bundle_id.clone());
        Ok(Self { a, b, total, returned: items.len(), items, truncated: next.is_some(), next })
    }
}

/// Fields that are another in every bundle.
const OWN: [&str; 17] = [
    "bundle_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "time",
    "start",
    "first",
    "last",
    "duration_ms",
    "self_ms",
    "total_ms",
    "tokens",
    "first_seen",
    "last_seen",
    "count_24h",
    "template",
    "id",
];
/// Sections about the bundle and not about the failure.
const ABOUT: [&str; 7] = [
    "/redaction",
    "/completeness",
    "/provenance",
    "/incident/history",
    "/trace/critical_path",
    "/exception/stacktrace",
    "/logs/templates",
];
/// Lists that are compared as bags.
const BAGS: [&str; 5] = ["/logs/window", "/logs/ambient", "/trace/spans", "/metrics/exemplars", "/attachments"];

/// The differences, in the order of their paths.
fn differences(a: &Value, b: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", a, b, &mut found);
    found
}

fn compare(path: &str, a: &Value, b: &Value, found: &mut Vec<Difference>) {
    if ABOUT.contains(&path) || a == b {
        return;
    }
    match (a, b) {
        (Value::Object(mine), Value::Object(theirs)) => {
            let mut keys: Vec<&String> = mine.keys().chain(theirs.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys.into_iter().filter(|key| !OWN.contains(&key.as_str()) || path == "/incident") {
                let (x, y) = (mine.get(key).unwrap_or(&Value::Null), theirs.get(key).unwrap_or(&Value::Null));
                if path == "/incident" && OWN.contains(&key.as_str()) && key != "id" {
                    continue;
                }
                compare(&format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), x, y, found);
            }
        }
        (Value::Array(mine), Value::Array(theirs)) if BAGS.contains(&path) => bags(path, mine, theirs, found),
        (Value::Array(mine), Value::Array(theirs)) => {
            for at in 0..mine.len().max(theirs.len()) {
                let (x, y) = (mine.get(at).unwrap_or(&Value::Null), theirs.get(at).unwrap_or(&Value::Null));
                compare(&format!("{path}/{at}"), x, y, found);
            }
        }
        _ => found.push(Difference { path: path.to_owned(), a: a.clone(), b: b.clone() }),
    }
}

/// What one list says and the other does not, however often each says it.
fn bags(path: &str, mine: &[Value], theirs: &[Value], found: &mut Vec<Difference>) {
    let said = |items: &[Value]| -> BTreeMap<String, Value> {
        items.iter().map(without_own).map(|item| (item.to_string(), item)).collect()
    };
    let (mine, theirs) = (said(mine), said(theirs));
    for (key, item) in &mine {
        if !theirs.contains_key(key) {
            found.push(Difference { path: path.to_owned(), a: item.clone(), b: Value::Null });
        }
    }
    for (key, item) in theirs {
        if !mine.contains_key(&key) {
            found.push(Difference { path: path.to_owned(), a: Value::Null, b: item });
        }
    }
}

fn without_own(item: &Value) -> Value {
    match item {
        Value::Object(fields) => {
            let kept =
                fields.iter().filter(|(key, _)| !OWN.contains(&key.as_str()) && *key != "count" && *key != "others");
            Value::Object(kept.map(|(key, value)| (key.clone(), without_own(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_own).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_said_of_the_failure_differs() {
        let bundle = |trace: &str, time: &str, coupon: &str| {
            json!({"bundle_id": trace, "incident": {"id": "INC-1", "count_24h": trace.len()}, "redaction": {"policy": trace},
                "logs": {"window": [{"time": time, "msg": "begin", "span_id": trace}, {"time": time, "msg": format!("coupon {coupon}")}]},
                "exception": {"frames": [{"func": "apply", "line": 3}]}, "repro": {"inputs": {"coupon": coupon}}})
        };
        assert_eq!(differences(&bundle("a", "1", "10"), &bundle("bb", "2", "10")), []);
        let found = differences(&bundle("a", "1", "10"), &bundle("bb", "2", "10%"));
        let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, ["/logs/window", "/logs/window", "/repro/inputs/coupon"]);
        assert_eq!((&found[2].a, &found[2].b), (&json!("10"), &json!("10%")));
    }
}
