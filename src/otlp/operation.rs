//! Which operation a span is of, read off the wire.

use std::borrow::Cow;

use super::attribute::{Value, resource_attributes};
use super::wire::{Payload, Reader};
use crate::model::Record;

/// What spans that do the same have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<'a> {
    /// `service.name` of the span's resource; empty if absent.
    pub service: Cow<'a, str>,
    /// The span's name.
    pub name: Cow<'a, str>,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: &'static str,
}

/// The operation of a span. What is malformed, and all after it, is left out.
#[must_use]
pub fn operation(span: &Record) -> Operation<'_> {
    let service = resource_attributes(span).find_map(|(key, value)| match value {
        Value::String(name) if key == b"service.name" => Some(name),
        _ => None,
    });
    let (mut name, mut kind): (&[u8], i32) = (&[], 0);
    let mut reader = Reader::new(span.body());
    while let Ok(Some((number, payload))) = reader.next() {
        match (number, payload) {
            (5, Payload::Len(start, end)) => name = reader.slice(start, end),
            (6, Payload::Varint(number)) => kind = i32::try_from(number).unwrap_or_default(),
            _ => {}
        }
    }
    Operation {
        service: String::from_utf8_lossy(service.unwrap_or_default()),
        name: String::from_utf8_lossy(name),
        kind: span_kind(kind),
    }
}

/// A `Span.SpanKind` in a word.
#[must_use]
pub fn span_kind(number: i32) -> &'static str {
    match number {
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "unspecified",
    }
}
