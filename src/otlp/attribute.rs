//! Attributes read off the wire, for decisions that are taken before anything is decoded.

use super::wire::{Payload, Reader};
use crate::model::{Record, Signal, TraceId};

/// Deepest lists within lists that [`own_texts`] looks into: headers are lists of texts.
const MAX_LIST_DEPTH: usize = 1;

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
    /// `bytes_value`.
    Bytes(&'a [u8]),
    /// Arrays and maps, and values that are not set.
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
    attributes(record.body(), own_field(record.signal()))
}

/// The field of a record's message that holds its attributes.
fn own_field(signal: Signal) -> u32 {
    match signal {
        Signal::Traces => 9,
        Signal::Logs => 6,
        Signal::Metrics => 7,
    }
}

/// The attributes of the record's resource, in wire order.
pub fn resource_attributes(record: &Record) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    attributes_of_resource(record.resource())
}

/// The attributes of a `Resource` message, in wire order.
pub fn attributes_of_resource(resource: &[u8]) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    attributes(resource, 1)
}

/// Whether the record itself says which trace it belongs to. A log record that was joined with one otherwise does not.
#[must_use]
pub fn carries_trace_id(record: &Record) -> bool {
    if record.signal() != Signal::Logs {
        return true;
    }
    let (mut reader, mut id): (_, &[u8]) = (Reader::new(record.body()), &[]);
    while let Ok(Some((number, payload))) = reader.next() {
        if let (9, Payload::Len(start, end)) = (number, payload) {
            id = reader.slice(start, end);
        }
    }
    TraceId::from_wire(id).is_some()
}

/// Hands over the texts of the record's own attributes whose key `wanted` knows: strings, whole numbers as digits, and those in
/// lists. A value of another type, or of a key that is not wanted, costs no more than passing it over.
pub(super) fn own_texts<T: Copy>(record: &Record, wanted: impl Fn(&[u8]) -> Option<T>, mut each: impl FnMut(T, &[u8])) {
    let mut reader = Reader::new(record.body());
    let number = own_field(record.signal());
    while let Ok(Some((found, payload))) = reader.next() {
        let (true, Payload::Len(start, end)) = (found == number, payload) else { continue };
        let (mut key, mut value): (&[u8], _) = (&[], None);
        let mut pair = reader.within(start, end);
        while let Ok(Some((number, payload))) = pair.next() {
            match (number, payload) {
                (1, Payload::Len(start, end)) => key = pair.slice(start, end),
                (2, Payload::Len(start, end)) => value = Some(pair.within(start, end)),
                _ => {}
            }
        }
        if let (Some(known), Some(value)) = (wanted(key), value) {
            texts(value, MAX_LIST_DEPTH, &mut |text| each(known, text));
        }
    }
}

/// The texts of an `AnyValue`, and of those in its lists.
fn texts(mut value: Reader<'_>, depth: usize, each: &mut impl FnMut(&[u8])) {
    while let Ok(Some((number, payload))) = value.next() {
        match (number, payload) {
            (1, Payload::Len(start, end)) => each(value.slice(start, end)),
            (3, Payload::Varint(bits)) => each(bits.cast_signed().to_string().as_bytes()),
            (5, Payload::Len(start, end)) if depth > 0 => {
                let mut list = value.within(start, end);
                while let Ok(Some((number, payload))) = list.next() {
                    if let (1, Payload::Len(start, end)) = (number, payload) {
                        texts(list.within(start, end), depth - 1, each);
                    }
                }
            }
            _ => {}
        }
    }
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
            (7, Payload::Len(start, end)) => Value::Bytes(reader.slice(start, end)),
            (5..=8, _) => Value::Other,
            _ => *value,
        };
    }
}
