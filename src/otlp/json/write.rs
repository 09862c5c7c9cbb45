//! Protobuf to OTLP/JSON, message by message, without decoding into types.

use std::borrow::Cow;

use data_encoding::{BASE64, HEXLOWER};

use crate::model::Signal;
use crate::otlp::check::Check;
use crate::otlp::schema::{self, Field, Kind, Message, Number};
use crate::otlp::wire::{MAX_DEPTH, Payload, Reader};
use crate::otlp::{Limits, WireError};

/// A protobuf request to OTLP/JSON, on one line.
///
/// Fields stand in the order of the schema; those at their default are left out, and unknown ones too. Invalid UTF-8
/// becomes U+FFFD.
///
/// # Errors
/// If the bytes are malformed, or nested deeper than 100 levels.
pub fn to_json(signal: Signal, request: &[u8]) -> Result<Vec<u8>, WireError> {
    let bounds = Limits { max_depth: MAX_DEPTH, max_elements: usize::MAX, ..Limits::default() };
    Check::new(&bounds).message(schema::request(signal), Reader::new(request), 0)?;
    let mut out = Vec::with_capacity(request.len() * 2);
    object(schema::request(signal), request, &mut out)?;
    Ok(out)
}

/// A value as it was read: enough to write it.
type Seen = (&'static Field, Payload);

/// Writes a message that has passed the check, so that the nesting is bounded and no error is left to meet.
fn object(message: &'static Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    let mut seen: Vec<Seen> = Vec::new();
    let mut member_of_oneof = 0;
    while let Some((number, payload)) = reader.next()? {
        let Some(field) = message.field(number) else { continue };
        // Another member of a oneof replaces the one before it.
        if field.oneof && std::mem::replace(&mut member_of_oneof, number) != number {
            seen.retain(|(other, _)| !other.oneof);
        }
        seen.push((field, payload));
    }
    out.push(b'{');
    let mut first = true;
    for field in message.fields {
        let values = seen.iter().filter(|(other, _)| other.number == field.number).map(|(_, payload)| *payload);
        member(field, values, bytes, out, &mut first)?;
    }
    out.push(b'}');
    Ok(())
}

fn member(
    field: &'static Field,
    mut values: impl DoubleEndedIterator<Item = Payload> + Clone,
    bytes: &[u8],
    out: &mut Vec<u8>,
    first: &mut bool,
) -> Result<(), WireError> {
    let Some(last) = values.clone().next_back() else { return Ok(()) };
    if !field.repeated && !field.presence && is_default(field.kind, last) {
        return Ok(());
    }
    if !std::mem::take(first) {
        out.push(b',');
    }
    string(field.json.as_bytes(), out);
    out.push(b':');
    match (field.repeated, field.kind) {
        (true, _) => list(field.kind, values, bytes, out),
        // One message in several pieces is the message of the pieces laid end to end.
        (false, Kind::Message(message)) => {
            let mut whole = Cow::Borrowed(content(bytes, values.next())?);
            for piece in values {
                whole.to_mut().extend_from_slice(content(bytes, Some(piece))?);
            }
            object(message, &whole, out)
        }
        (false, kind) => scalar(kind, last, bytes, out),
    }
}

fn list(kind: Kind, values: impl Iterator<Item = Payload>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    out.push(b'[');
    let mut first = true;
    for value in values {
        match (kind, value) {
            (Kind::Message(message), _) => {
                comma(&mut first, out);
                object(message, content(bytes, Some(value))?, out)?;
            }
            (Kind::String | Kind::Bytes | Kind::Id, _) => {
                comma(&mut first, out);
                scalar(kind, value, bytes, out)?;
            }
            (_, Payload::Len(..)) => {
                let mut packed = Reader::new(content(bytes, Some(value))?);
                while !packed.is_empty() {
                    let value = match kind {
                        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => Payload::Fixed64(packed.fixed64()?),
                        Kind::Fixed32 => Payload::Fixed32(packed.fixed32()?),
                        _ => Payload::Varint(packed.varint()?),
                    };
                    comma(&mut first, out);
                    scalar(kind, value, bytes, out)?;
                }
            }
            _ => {
                comma(&mut first, out);
                scalar(kind, value, bytes, out)?;
            }
        }
    }
    out.push(b']');
    Ok(())
}

fn comma(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn scalar(kind: Kind, value: Payload, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    match (kind, value) {
        (Kind::Bool, Payload::Varint(bits)) => out.extend_from_slice(if bits != 0 { b"true" } else { b"false" }),
        // 32-bit numbers are the low half of their varint.
        (Kind::Int(Number::I32) | Kind::Enum, Payload::Varint(bits)) => display(bits as i32, out),
        (Kind::Int(Number::U32), Payload::Varint(bits)) => display(bits as u32, out),
        (Kind::Int(Number::I64), Payload::Varint(bits)) | (Kind::Sfixed64, Payload::Fixed64(bits)) => {
            quoted(bits.cast_signed(), out);
        }
        (Kind::Int(Number::U64), Payload::Varint(bits)) | (Kind::Fixed64, Payload::Fixed64(bits)) => quoted(bits, out),
        (Kind::Sint32, Payload::Varint(bits)) => {
            let bits = bits as u32;
            display((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed(), out);
        }
        (Kind::Fixed32, Payload::Fixed32(bits)) => display(bits, out),
        (Kind::Double, Payload::Fixed64(bits)) => double(f64::from_bits(bits), out),
        (Kind::String, Payload::Len(..)) => string(content(bytes, Some(value))?, out),
        (Kind::Bytes, Payload::Len(..)) => {
            string(BASE64.encode(content(bytes, Some(value))?).as_bytes(), out);
        }
        (Kind::Id, Payload::Len(..)) => string(HEXLOWER.encode(content(bytes, Some(value))?).as_bytes(), out),
        _ => return Err(WireError::Malformed { offset: 0, what: "wrong wire type" }),
    }
    Ok(())
}

fn is_default(kind: Kind, value: Payload) -> bool {
    match value {
        Payload::Varint(bits) => bits == 0,
        Payload::Fixed64(bits) => bits == 0,
        Payload::Fixed32(bits) => bits == 0,
        Payload::Len(start, end) => start == end && !matches!(kind, Kind::Message(_)),
        Payload::Group => false,
    }
}

fn content(bytes: &[u8], value: Option<Payload>) -> Result<&[u8], WireError> {
    match value {
        Some(Payload::Len(start, end)) => Ok(bytes.get(start..end).unwrap_or_default()),
        _ => Err(WireError::Malformed { offset: 0, what: "wrong wire type" }),
    }
}

fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn quoted(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    out.push(b'"');
    display(value, out);
    out.push(b'"');
}

fn double(value: f64, out: &mut Vec<u8>) {
    match value {
        _ if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
        f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
        f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        // Debug is the shortest text that reads back as the same double, always with a point or an exponent.
        _ => out.extend_from_slice(format!("{value:?}").as_bytes()),
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '\x7f' => out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes()),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
