//! OTLP on the wire: one walk over the raw protobuf bytes, full decode for the few traces that are kept, and JSON.

use crate::model::{Entry, Record, Signal};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Exemplar;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

/// Bounds that hold before anything is decoded or allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most records of a request.
    pub max_records: usize,
    /// Most `ResourceSpans` / `ScopeSpans` (and their like) of a request.
    pub max_envelopes: usize,
    /// Deepest nesting of messages.
    pub max_depth: usize,
}

/// What a walk over a request found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The valid records, in wire order.
    pub entries: Vec<Entry>,
    /// Records that were refused, by reason. The rest of the request is kept.
    pub rejected: Rejected,
}

/// Records of a request that were refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Trace id all zero or not 16 bytes long (logs: not 16 bytes and not absent).
    pub trace_id: u64,
    /// Span id all zero or not 8 bytes long (logs: not 8 bytes and not absent).
    pub span_id: u64,
}

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not protobuf of this message.
    #[error("malformed protobuf at byte {offset}: {what}")]
    Malformed {
        /// Offset into the request.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// More elements than [`Limits`] allow.
    #[error("more than {limit} {what} in one request")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Not OTLP/JSON.
    #[error("malformed OTLP/JSON: {0}")]
    Json(String),
}

/// Walks a request once, without decoding it.
///
/// # Errors
/// If the bytes are not a request of that signal, or it exceeds `limits`.
pub fn scan(signal: Signal, request: &[u8], limits: &Limits) -> Result<Scan, WireError> {
    let _ = (signal, request, limits);
    unimplemented!()
}

/// A record, decoded in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Its resource.
    pub resource: Resource,
    /// Its scope.
    pub scope: InstrumentationScope,
    /// The record.
    pub body: Body,
}

/// The three kinds of record.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A span.
    Span(Span),
    /// A log record.
    Log(LogRecord),
    /// An exemplar and the metric it stands in.
    Exemplar {
        /// The exemplar.
        exemplar: Exemplar,
        /// `Metric.name`.
        metric: String,
        /// `Metric.unit`.
        unit: String,
    },
}

/// Decodes a record in full. Invalid UTF-8 becomes U+FFFD.
///
/// # Errors
/// If its bytes are malformed.
pub fn decode(record: &Record) -> Result<Decoded, WireError> {
    let _ = record;
    unimplemented!()
}

/// OTLP/JSON to the protobuf request that it stands for.
///
/// # Errors
/// If it is not OTLP/JSON of that signal, or exceeds `limits`.
pub fn from_json(signal: Signal, json: &[u8], limits: &Limits) -> Result<Vec<u8>, WireError> {
    let _ = (signal, json, limits);
    unimplemented!()
}

/// A protobuf request to OTLP/JSON.
///
/// # Errors
/// If the bytes are malformed.
pub fn to_json(signal: Signal, request: &[u8]) -> Result<Vec<u8>, WireError> {
    let _ = (signal, request);
    unimplemented!()
}

/// A value of an attribute, read off the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `string_value`, as it came: perhaps not UTF-8.
    String(&'a [u8]),
    /// `bool_value`.
    Bool(bool),
    /// `int_value`.
    Int(i64),
    /// `double_value`.
    Double(f64),
    /// Bytes, arrays and maps.
    Other,
}

/// The values of attribute `key` of a record: its own first, then its resource's. Malformed parts are passed over.
pub fn attribute<'a>(record: &'a Record, key: &str) -> impl Iterator<Item = Value<'a>> {
    let _ = (record, key);
    std::iter::empty()
}
