//! The structural check: are these bytes a message of this schema, within bounds?
//!
//! A walk checks every field of every record, so that a request whose records cannot be decoded later is refused while
//! its sender still listens. Text is not looked at: invalid UTF-8 is repaired at decoding.

use super::schema::{ANY_VALUE, Field, Kind, Message};
use super::wire::{MAX_DEPTH, Payload, Reader};
use super::{Limits, WireError};

/// Checks messages against bounds of nesting and of elements.
#[derive(Debug)]
pub(super) struct Check {
    max_depth: usize,
    max_elements: usize,
    elements: usize,
}

impl Check {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { max_depth: limits.max_depth.min(MAX_DEPTH), max_elements: limits.max_elements, elements: 0 }
    }

    /// Starts counting elements afresh: at each record, resource and scope.
    pub(super) fn restart(&mut self) {
        self.elements = 0;
    }

    /// Counts one element of a repeated field whose elements cost memory beyond their bytes.
    #[inline]
    pub(super) fn element(&mut self) -> Result<(), WireError> {
        self.elements += 1;
        if self.elements > self.max_elements {
            return Err(WireError::TooMany {
                what: "attributes, events, links and values of a record",
                limit: self.max_elements,
            });
        }
        Ok(())
    }

    /// Checks that a message at this depth is not nested too deep.
    #[inline]
    pub(super) fn depth(&self, depth: usize) -> Result<(), WireError> {
        if depth > self.max_depth {
            return Err(WireError::TooMany { what: "levels of nested messages", limit: self.max_depth });
        }
        Ok(())
    }

    /// Checks the `AnyValue` at `start..end`.
    #[inline]
    pub(super) fn any_value(
        &mut self,
        reader: &Reader<'_>,
        start: usize,
        end: usize,
        depth: usize,
    ) -> Result<(), WireError> {
        match is_plain(reader.slice(start, end)) {
            true => self.depth(depth),
            false => self.message(&ANY_VALUE, reader.within(start, end), depth),
        }
    }

    /// Checks the message that `reader` stands at, which is `depth` levels below the request.
    pub(super) fn message(&mut self, message: &Message, mut reader: Reader<'_>, depth: usize) -> Result<(), WireError> {
        self.depth(depth)?;
        while let Some((number, payload)) = reader.next()? {
            if let Some(field) = message.field(number) {
                self.field(field, payload, &reader, depth)?;
            }
        }
        Ok(())
    }

    /// Checks the value of a field of a message at `depth`.
    #[inline]
    pub(super) fn field(
        &mut self,
        field: &Field,
        payload: Payload,
        reader: &Reader<'_>,
        depth: usize,
    ) -> Result<(), WireError> {
        match (field.kind, payload) {
            (Kind::Bool | Kind::Int(_) | Kind::Sint32 | Kind::Enum, Payload::Varint(_))
            | (Kind::Fixed64 | Kind::Sfixed64 | Kind::Double, Payload::Fixed64(_))
            | (Kind::Fixed32, Payload::Fixed32(_)) => Ok(()),
            (Kind::String | Kind::Bytes | Kind::Id, Payload::Len(..)) => match field.repeated {
                true => self.element(),
                false => Ok(()),
            },
            (Kind::Message(message), Payload::Len(start, end)) => {
                if field.repeated {
                    self.element()?;
                }
                self.message(message, reader.within(start, end), depth + 1)
            }
            (kind, Payload::Len(start, end)) if field.repeated => packed(kind, reader.within(start, end)),
            _ => Err(reader.malformed("wrong wire type")),
        }
    }
}

/// Whether the bytes are an `AnyValue` of one short string, number or truth value and nothing else, as most are: then there is no more to check.
#[inline(always)]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    match bytes {
        [0x0a, length @ 0..=0x7f, rest @ ..] => rest.len() == usize::from(*length),
        // A varint of nine bytes is of 63 bits: whether a tenth is too much is not asked here.
        [0x10 | 0x18, more @ .., 0..=0x7f] => more.len() < 9 && more.iter().all(|byte| *byte >= 0x80),
        [0x21, rest @ ..] => rest.len() == 8,
        _ => false,
    }
}

/// Checks a packed repeated number.
fn packed(kind: Kind, mut reader: Reader<'_>) -> Result<(), WireError> {
    while !reader.is_empty() {
        match kind {
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => reader.fixed64().map(drop)?,
            Kind::Fixed32 => reader.fixed32().map(drop)?,
            _ => reader.varint().map(drop)?,
        }
    }
    Ok(())
}
