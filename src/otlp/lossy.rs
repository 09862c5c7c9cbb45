//! Repair of text that is not UTF-8.

use super::WireError;
use super::schema::{Kind, Message};
use super::wire::{MAX_DEPTH, Payload, Reader, put_bytes, put_nested};

/// The same message with U+FFFD in every string in place of what is not UTF-8. Everything else is copied as it stands.
///
/// # Errors
/// If the bytes are malformed or nested deeper than prost decodes.
pub(super) fn repair(message: &Message, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    rewrite(message, Reader::new(bytes), &mut out, 0)?;
    Ok(out)
}

fn rewrite(message: &Message, mut reader: Reader<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), WireError> {
    if depth > MAX_DEPTH {
        return Err(WireError::TooMany { what: "levels of nested messages", limit: MAX_DEPTH });
    }
    loop {
        let before = reader.pos();
        let Some((number, payload)) = reader.next()? else { return Ok(()) };
        match (message.field(number).map(|field| field.kind), payload) {
            (Some(Kind::String), Payload::Len(start, end)) => {
                put_bytes(out, number, String::from_utf8_lossy(reader.slice(start, end)).as_bytes());
            }
            (Some(Kind::Message(inner)), Payload::Len(start, end)) => {
                put_nested(out, number, |out| rewrite(inner, reader.within(start, end), out, depth + 1))?;
            }
            _ => out.extend_from_slice(reader.slice(before, reader.pos())),
        }
    }
}
