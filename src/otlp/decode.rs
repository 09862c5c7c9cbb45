//! Full decode of the few records that are kept, by prost.
//!
//! prost refuses a message for one invalid byte in one string, where the Collector passes it on. So a message that
//! prost refuses is written again with U+FFFD in place of what is not UTF-8, and decoded once more.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Exemplar;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::WireError;
use super::lossy::repair;
use super::schema::{self, Message};
use super::wire::{Payload, Reader};
use crate::model::{ByteRange, Record, Signal};

/// What records that stand beside one another in a request have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// Their resource.
    pub resource: Resource,
    /// Their scope.
    pub scope: InstrumentationScope,
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

/// Decodes a record, without what it has in common with its neighbours ([`decode_origin`]). Invalid UTF-8 becomes U+FFFD, at whatever depth
/// and in keys too.
///
/// # Errors
/// If its bytes are malformed, which those of an entry that [`scan()`](super::scan()) yielded are not.
pub fn decode(record: &Record) -> Result<Body, WireError> {
    let bytes = &record.batch.bytes;
    let entry = &record.entry;
    Ok(match record.signal() {
        Signal::Traces => Body::Span(message(&schema::SPAN, bytes, entry.body)?),
        Signal::Logs => Body::Log(message(&schema::LOG_RECORD, bytes, entry.body)?),
        Signal::Metrics => {
            let (metric, unit) = name_and_unit(record.metric())?;
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let exemplar = message(&schema::EXEMPLAR, bytes, entry.body)?;
            Body::Exemplar { exemplar, metric: text(metric), unit: text(unit) }
        }
    })
}

/// Decodes a record's resource and scope, as [`decode`] does the rest.
///
/// # Errors
/// As those of [`decode`].
pub fn decode_origin(record: &Record) -> Result<Origin, WireError> {
    let bytes = &record.batch.bytes;
    Ok(Origin {
        resource: message(&schema::RESOURCE, bytes, record.entry.resource)?,
        scope: message(&schema::SCOPE, bytes, record.entry.scope)?,
    })
}

/// Decodes the message at `range`.
fn message<M: prost::Message + Default>(
    schema: &'static Message,
    request: &[u8],
    range: ByteRange,
) -> Result<M, WireError> {
    let bytes = range.of(request);
    M::decode(bytes).or_else(|_| {
        M::decode(repair(schema, bytes)?.as_slice())
            .map_err(|_| WireError::Malformed { offset: range.start as usize, what: "message that prost refuses" })
    })
}

/// `Metric.name` and `Metric.unit`, without decoding the data points between them.
pub(super) fn name_and_unit(metric: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut unit): (&[u8], &[u8]) = (&[], &[]);
    let mut reader = Reader::new(metric);
    while let Some((number, payload)) = reader.next()? {
        match (number, payload) {
            (1, Payload::Len(start, end)) => name = reader.slice(start, end),
            (3, Payload::Len(start, end)) => unit = reader.slice(start, end),
            _ => {}
        }
    }
    Ok((name, unit))
}
