//! Attributes read off the wire, for decisions that are taken before anything is decoded.

use super::wire::{Payload, Reader};
use crate::model::{Record, Signal};

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
    /// Bytes, arrays and maps, and values that are not set.
    Other,
}

/// The values of attribute `key` of a record: its own first, then its resource's. Malformed parts are passed over.
///
/// A key that occurs more than once yields each of its values, in wire order.
pub fn attribute<'a>(record: &'a Record, key: &str) -> impl Iterator<Item = Value<'a>> {
    own_attributes(record)
        .chain(resource_attributes(record))
        .filter(move |(found, _)| *found == key.as_bytes())
        .map(|(_, value)| value)
}

/// The attributes of the record itself (of an exemplar: its filtered attributes), in wire order.
pub fn own_attributes(record: &Record) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    let field = match record.signal() {
        Signal::Traces => 9,
        Signal::Logs => 6,
        Signal::Metrics => 7,
    };
    attributes(record.body(), field)
}

/// The attributes of the record's resource, in wire order.
pub fn resource_attributes(record: &Record) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    attributes(record.resource(), 1)
}

/// The key-value pairs in field `number` of a message, in wire order. What is malformed, and all after it, is left out.
pub(super) fn attributes(message: &[u8], number: u32) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || {
        while let Ok(Some((found, payload))) = reader.next() {
            if let (true, Payload::Len(start, end)) = (found == number, payload) {
                return Some(key_value(reader.within(start, end)));
            }
        }
        None
    })
}

fn key_value<'a>(mut reader: Reader<'a>) -> (&'a [u8], Value<'a>) {
    let (mut key, mut value): (&[u8], _) = (&[], Value::Other);
    while let Ok(Some((number, payload))) = reader.next() {
        match (number, payload) {
            (1, Payload::Len(start, end)) => key = reader.slice(start, end),
            // A value that occurs twice is merged: the last member of the oneof stands.
            (2, Payload::Len(start, end)) => any_value(reader.within(start, end), &mut value),
            _ => {}
        }
    }
    (key, value)
}

fn any_value<'a>(mut reader: Reader<'a>, value: &mut Value<'a>) {
    while let Ok(Some((number, payload))) = reader.next() {
        *value = match (number, payload) {
            (1, Payload::Len(start, end)) => Value::String(reader.slice(start, end)),
            (2, Payload::Varint(bits)) => Value::Bool(bits != 0),
            (3, Payload::Varint(bits)) => Value::Int(bits.cast_signed()),
            (4, Payload::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5..=8, _) => Value::Other,
            _ => *value,
        };
    }
}
