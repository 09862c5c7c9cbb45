//! Alerts of other tools as records: what Sentry and Datadog post to a webhook becomes OTLP log records of the trace that
//! it names, so that its incident is made, joined with spans, redacted and stored on the way of every record.
//!
//! The error is one record of severity ERROR with `exception.*` attributes; each breadcrumb or sample is one more, with its own time
//! and level. Everything in them is a function of the payload: an alert that is delivered twice is one.
//!
//! An alert that names no trace gets one of its own: its event id, where that is 32 hex digits (Sentry's are), else the first 16
//! bytes of SHA-256 over `casefile/alert`, the tool's name and its id, each after a NUL but the first.

mod datadog;
mod keys;
mod sentry;
mod signature;
mod stack;

pub use datadog::read as datadog;
pub use sentry::read as sentry;
pub use signature::{is_same, is_signed};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::{SpanId, Timestamp, TraceId};

/// Attribute of an exception's record: its frames as a JSON array in Sentry's frame shape (`filename`, `abs_path`, `function`, `module`,
/// `lineno`, `colno`, `in_app`, `vars`, `pre_context`, `context_line`, `post_context`), the innermost last.
pub const FRAMES_KEY: &str = "casefile.exception.frames";

/// Why a payload makes no records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// Not JSON, or not an object.
    #[error("the payload is not {0}")]
    Malformed(&'static str),
    /// A payload of another purpose, which is fine: an installation, a comment.
    #[error("the payload tells of no error: {0}")]
    NoError(String),
}

/// The records of one alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The trace they belong to.
    pub trace_id: TraceId,
    /// What is said of where it happened.
    resource: Vec<KeyValue>,
    /// The records.
    records: Vec<LogRecord>,
    /// `sentry` or `datadog`.
    scope: &'static str,
}

impl Alert {
    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The request that brings them.
    #[must_use]
    pub fn request(self) -> Vec<u8> {
        let Self { resource, records, scope, .. } = self;
        let scope =
            InstrumentationScope { name: format!("casefile/alerts/{scope}"), ..InstrumentationScope::default() };
        let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records: records, ..ScopeLogs::default() }];
        let resource = Resource { attributes: resource, ..Resource::default() };
        let resource_logs = vec![ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() }];
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    }
}

/// A record in the making.
#[derive(Debug, Default)]
struct Line {
    time: Timestamp,
    span: Option<SpanId>,
    level: Option<SeverityNumber>,
    body: String,
    attributes: Attributes,
}

impl Line {
    fn record(self, trace_id: TraceId) -> LogRecord {
        let Self { time, span, level, body, attributes } = self;
        let level = level.unwrap_or(SeverityNumber::Info);
        LogRecord {
            trace_id: trace_id.0.to_vec(),
            span_id: span.map(|span| span.0.to_vec()).unwrap_or_default(),
            time_unix_nano: time.0,
            severity_number: level as i32,
            severity_text: name_of(level).to_owned(),
            body: Some(text(body)),
            attributes: attributes.0,
            ..LogRecord::default()
        }
    }
}

/// Attributes in order; what is empty is left out, and a key that is there already stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn put(&mut self, key: &str, value: AnyValue) {
        if !self.0.iter().any(|pair| pair.key == key) {
            self.0.push(KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 });
        }
    }

    /// A string, number or flag; an object or a list as JSON.
    fn put_json(&mut self, key: &str, value: Option<&Value>) {
        let found = match value {
            None | Some(Value::Null) => return,
            Some(Value::Bool(flag)) => Any::BoolValue(*flag),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Any::IntValue(whole),
                (None, Some(double)) => Any::DoubleValue(double),
                (None, None) => return,
            },
            Some(Value::String(text)) if text.is_empty() => return,
            Some(Value::String(text)) => Any::StringValue(text.clone()),
            Some(other) => Any::StringValue(other.to_string()),
        };
        self.put(key, AnyValue { value: Some(found) });
    }

    fn put_text(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.put(key, text(value));
        }
    }

    fn put_list(&mut self, key: &str, value: String) {
        let values = vec![text(value)];
        self.put(key, AnyValue { value: Some(Any::ArrayValue(ArrayValue { values })) });
    }
}

fn text(text: String) -> AnyValue {
    AnyValue { value: Some(Any::StringValue(text)) }
}

fn name_of(level: SeverityNumber) -> &'static str {
    match level {
        SeverityNumber::Debug => "DEBUG",
        SeverityNumber::Warn => "WARN",
        SeverityNumber::Error => "ERROR",
        SeverityNumber::Fatal => "FATAL",
        _ => "INFO",
    }
}

/// The trace of an alert that names none.
fn trace_of_id(tool: &str, id: &str) -> TraceId {
    let digits: String = id.chars().filter(|char| *char != '-').collect();
    if let Some(trace) = digits.to_ascii_lowercase().parse::<TraceId>().ok().filter(|trace| !trace.is_zero()) {
        return trace;
    }
    let digest = Sha256::digest(format!("casefile/alert\0{tool}\0{id}"));
    let mut trace = [0; 16];
    trace.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    TraceId(trace)
}

/// An instant: seconds (or milliseconds, where there are so many) since 1970 as a number or text, or RFC 3339; a date without an offset is UTC.
fn instant(value: &Value) -> Option<Timestamp> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    if let Some(nanos) = epoch(&text) {
        return Some(Timestamp(nanos));
    }
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}Z").parse());
    parsed.ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok()).map(Timestamp)
}

/// Nanoseconds since 1970 of a decimal number of seconds or milliseconds, with no digit lost to a double.
fn epoch(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    // Beyond the year 5138 in seconds: these are milliseconds.
    let (unit, digits): (u64, usize) = if whole >= 100_000_000_000 { (1_000_000, 6) } else { (1_000_000_000, 9) };
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(digits).collect();
    whole.checked_mul(unit)?.checked_add(fraction.parse().ok()?)
}

#[cfg(test)]
mod tests;
