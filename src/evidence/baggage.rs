//! Baggage: what a caller sent along with the context, as far as somebody recorded it.
//!
//! Source: W3C Baggage, section 3.2 (the header, its limits) and section 3.3.1.2 (values are percent-encoded). Recorded it is as a
//! header that was captured, or entry by entry as `baggage.<key>`: so the appenders of Java's instrumentation (`add-baggage`) and
//! Datadog's tracers write it. What copies entries under their bare names (the span processors of the SDKs' contribs) leaves
//! attributes that nothing tells from others: these are shown where they stand.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::gather::LogFact;
use super::{Path, values};
use crate::model::{Attributes, Completeness};

/// What the key of an entry begins with.
const PREFIX: &str = "baggage.";

/// The header, under the names by which instrumentations capture it.
const HEADERS: [&str; 6] = [
    "http.request.header.baggage",
    "rpc.request.metadata.baggage",
    "rpc.request.header.baggage",
    "rpc.grpc.request.metadata.baggage",
    "rpc.connect_rpc.request.metadata.baggage",
    "messaging.header.baggage",
];

/// Most entries and most bytes of keys and values that are shown: those that every platform has to pass on.
const MAX_ENTRIES: usize = 64;
const MAX_BYTES: usize = 8192;

/// Whether a log record tells of an entry.
pub(super) fn is_in(pairs: &[KeyValue]) -> bool {
    pairs.iter().any(|pair| pair.key.starts_with(PREFIX))
}

/// The entries that held where it failed: of an entry that was recorded more than once, the value nearest to the failure. That is
/// the one of the lowest span of the path, there its attribute before its last log record and that before the header it got. Where
/// there is no path, the last log record that has the entry tells.
pub(super) fn baggage(path: &Path, logs: &[LogFact], complete: &mut Completeness) -> Attributes {
    let mut found = Attributes::new();
    let mut take = |entries: Vec<(String, Value)>| {
        for (key, value) in entries {
            found.entry(key).or_insert(value);
        }
    };
    for (span, attrs) in path.loaded.iter().zip(&path.attrs).rev() {
        let id = values::span_id(&span.body.span_id);
        take(recorded(attrs));
        take(logged(logs.iter().rev().filter(|log| log.span == id)));
        take(received(attrs));
    }
    if path.loaded.is_empty() {
        take(logged(logs.iter().rev()));
    }
    bounded(found, complete)
}

/// Attributes that are entries.
fn recorded(attrs: &Attributes) -> Vec<(String, Value)> {
    let entry = |(key, value): (&String, &Value)| Some((key.strip_prefix(PREFIX)?.to_owned(), value.clone()));
    attrs.iter().filter_map(entry).filter(|(key, value)| !key.is_empty() && !value.is_null()).collect()
}

/// Those of the first of these log records that has any: whoever writes them writes all of them.
fn logged<'l>(mut logs: impl Iterator<Item = &'l LogFact>) -> Vec<(String, Value)> {
    let log = logs.find(|log| log.baggage).and_then(LogFact::load);
    log.map(|log| recorded(&values::attributes(&log.body.attributes))).unwrap_or_default()
}

/// The entries of the header. Of a key that occurs twice the last holds; what is said of an entry (`;…`) is left out.
fn received(attrs: &Attributes) -> Vec<(String, Value)> {
    let texts = HEADERS.iter().filter_map(|key| attrs.get(*key)).flat_map(|value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect::<Vec<_>>(),
    });
    let mut entries: Vec<(String, Value)> = texts
        .flat_map(|text| text.split(','))
        .filter_map(|member| {
            let (key, value) = member.split(';').next()?.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
            Some((key.trim().to_owned(), Value::String(value)))
        })
        .filter(|(key, _)| !key.is_empty())
        .collect();
    entries.reverse();
    entries
}

/// What fits of it, in the order of keys. An entry that does not is left out whole.
fn bounded(found: Attributes, complete: &mut Completeness) -> Attributes {
    let total = found.len();
    let mut room = MAX_BYTES;
    let mut fits = |key: &String, value: &Value| {
        let left = room.checked_sub(key.len() + values::text(value).len());
        room = left.unwrap_or(room);
        left.is_some()
    };
    let shown: Attributes = found.into_iter().filter(|(key, value)| fits(key, value)).take(MAX_ENTRIES).collect();
    if shown.len() < total {
        complete.truncated.push(format!("environment.baggage: {} of {total} entries are shown", shown.len()));
    }
    shown
}
