//! What a span says of itself beside its attributes, read off the wire, for policies that ask for it.

use super::attribute::{Value, attributes};
use super::wire::{Payload, Reader};
use crate::model::Record;

/// Fields of a `Span`. Texts are as they came: perhaps not UTF-8.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanFields<'a> {
    /// `trace_state`, as W3C writes it.
    pub trace_state: &'a [u8],
    /// `name`.
    pub name: &'a [u8],
    /// `kind`, as its number.
    pub kind: i64,
    /// `status.message`.
    pub status_message: &'a [u8],
    /// `flags`: the lowest eight bits are those of W3C.
    pub flags: u32,
}

/// Reads the fields of a span. What is malformed, and all after it, is left out.
pub fn span_fields(span: &Record) -> SpanFields<'_> {
    let mut fields = SpanFields::default();
    let mut reader = Reader::new(span.body());
    while let Ok(Some((number, payload))) = reader.next() {
        match (number, payload) {
            (3, Payload::Len(start, end)) => fields.trace_state = reader.slice(start, end),
            (5, Payload::Len(start, end)) => fields.name = reader.slice(start, end),
            (6, Payload::Varint(bits)) => fields.kind = bits.cast_signed(),
            (15, Payload::Len(start, end)) => fields.status_message = text(reader.within(start, end), 2),
            (16, Payload::Fixed32(bits)) => fields.flags = bits,
            _ => {}
        }
    }
    fields
}

/// Whether a span has its fields `parent_span_id` and `status`, be they empty.
#[must_use]
pub fn has_parent_and_status(span: &Record) -> (bool, bool) {
    let (mut parent, mut status, mut reader) = (false, false, Reader::new(span.body()));
    while let Ok(Some((number, _))) = reader.next() {
        parent |= number == 4;
        status |= number == 15;
    }
    (parent, status)
}

/// An event of a span.
#[derive(Debug, Clone, Copy)]
pub struct SpanEvent<'a>(&'a [u8]);

/// The events of a span, in wire order.
pub fn span_events(span: &Record) -> impl Iterator<Item = SpanEvent<'_>> {
    let mut reader = Reader::new(span.body());
    std::iter::from_fn(move || {
        while let Ok(Some((number, payload))) = reader.next() {
            if let (11, Payload::Len(start, end)) = (number, payload) {
                return Some(SpanEvent(reader.slice(start, end)));
            }
        }
        None
    })
}

impl<'a> SpanEvent<'a> {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        text(Reader::new(self.0), 2)
    }

    /// Its attributes, in wire order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        attributes(self.0, 3)
    }
}

/// Name and version of the record's instrumentation scope.
#[must_use]
pub fn scope_name_and_version(record: &Record) -> (&[u8], &[u8]) {
    (text(Reader::new(record.scope()), 1), text(Reader::new(record.scope()), 2))
}

/// The attributes of the record's instrumentation scope, in wire order.
pub fn scope_attributes(record: &Record) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    attributes(record.scope(), 3)
}

/// A text field of a message; empty where it is absent.
fn text(mut reader: Reader<'_>, wanted: u32) -> &[u8] {
    let mut found: &[u8] = &[];
    while let Ok(Some((number, payload))) = reader.next() {
        if let (true, Payload::Len(start, end)) = (number == wanted, payload) {
            found = reader.slice(start, end);
        }
    }
    found
}
