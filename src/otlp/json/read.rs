//! OTLP/JSON to protobuf, in one pass of a serde visitor that writes the wire format as it goes.

use std::fmt;

use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::check_depth;
use crate::model::Signal;
use crate::otlp::schema::{self, Field, Kind, Message, Number};
use crate::otlp::wire::{put_bytes, put_key, put_nested, put_varint};
use crate::otlp::{Limits, WireError, scan};

/// OTLP/JSON to the protobuf request that it stands for.
///
/// Unknown fields are ignored at every depth, and so is `null`. An id of hex digits of the wrong length is passed on, so
/// that [`scan()`] rejects that record alone; an id that is not hex (base64, say) fails the request.
///
/// # Errors
/// If it is not OTLP/JSON of that signal, is nested deeper than 128 levels, or exceeds `limits`.
pub fn from_json(signal: Signal, json: &[u8], limits: &Limits) -> Result<Vec<u8>, WireError> {
    check_depth(json)?;
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Fields { message: schema::request(signal), out: &mut out }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| json_error(&error))?;
    scan(signal, &out, limits)?;
    Ok(out)
}

/// What went wrong and where. serde's own words about a value quote it, and what came in must not come out in an error.
fn json_error(error: &serde_json::Error) -> WireError {
    let text = error.to_string();
    WireError::Json(match error.classify() {
        Category::Data if !text.starts_with(OURS) => {
            format!("value of the wrong type at line {} column {}", error.line(), error.column())
        }
        _ => text,
    })
}

/// How our own messages about a value start.
const OURS: &str = "field ";

/// Reads an object as the fields of a message.
struct Fields<'w> {
    message: &'static Message,
    out: &'w mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name(self.message))? {
            match field {
                Some(field) => map.next_value_seed(Item { field, element: false, out: &mut *self.out })?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

/// Reads a key as a field of the message; `None` if it has none of that name.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.named(name))
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(std::str::from_utf8(name).ok().and_then(|name| self.0.named(name)))
    }
}

/// Reads the value of a field, or one element of a repeated field.
struct Item<'w> {
    field: &'static Field,
    element: bool,
    out: &'w mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let list = self.field.repeated && !self.element;
        match self.field.kind {
            // Text is asked for as bytes, after a look for null: invalid UTF-8 and lone surrogates are repaired, not refused.
            Kind::String | Kind::Bytes | Kind::Id if !list => deserializer.deserialize_option(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl Item<'_> {
    fn wrong<E: Error>(&self, expected: &str) -> E {
        E::custom(format_args!("{OURS}`{}` must be {expected}", self.field.json))
    }

    /// What a value of this field looks like.
    fn expected(&self) -> &'static str {
        match self.field.kind {
            _ if self.field.repeated && !self.element => "an array",
            Kind::Bool => "true or false",
            Kind::Int(_) | Kind::Sint32 | Kind::Fixed32 | Kind::Fixed64 | Kind::Sfixed64 => {
                "an integer in range, as a number or a string"
            }
            Kind::Enum => "the integer of the enum",
            Kind::Double => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            Kind::String => "a string",
            Kind::Bytes => "base64",
            Kind::Id => "hex digits",
            Kind::Message(_) => "an object",
        }
    }

    fn integer<E: Error>(self, value: i128) -> Result<(), E> {
        if self.field.repeated && !self.element {
            return Err(self.wrong(self.expected()));
        }
        let fits = match self.field.kind {
            Kind::Double => return self.visit_f64(value as f64),
            Kind::Int(Number::I32) | Kind::Sint32 | Kind::Enum => i32::try_from(value).is_ok(),
            Kind::Int(Number::U32) | Kind::Fixed32 => u32::try_from(value).is_ok(),
            Kind::Int(Number::I64) | Kind::Sfixed64 => i64::try_from(value).is_ok(),
            Kind::Int(Number::U64) | Kind::Fixed64 => u64::try_from(value).is_ok(),
            _ => false,
        };
        if !fits {
            return Err(self.wrong(self.expected()));
        }
        // In range, so the low 64 bits are the two's complement that the wire wants.
        let bits = value as u64;
        let number = self.field.number;
        match self.field.kind {
            Kind::Fixed64 | Kind::Sfixed64 => {
                put_key(self.out, number, 1);
                self.out.extend_from_slice(&bits.to_le_bytes());
            }
            Kind::Fixed32 => {
                put_key(self.out, number, 5);
                self.out.extend_from_slice(&(bits as u32).to_le_bytes());
            }
            kind => {
                put_key(self.out, number, 0);
                let zigzag = (value << 1) ^ (value >> 127);
                put_varint(self.out, if matches!(kind, Kind::Sint32) { zigzag as u64 } else { bits });
            }
        }
        Ok(())
    }

    fn text<E: Error>(self, text: &[u8]) -> Result<(), E> {
        if self.field.repeated && !self.element {
            return Err(self.wrong(self.expected()));
        }
        let number = self.field.number;
        match self.field.kind {
            Kind::String => put_bytes(self.out, number, String::from_utf8_lossy(text).as_bytes()),
            Kind::Id => match id(text) {
                Some(bytes) => put_bytes(self.out, number, &bytes),
                None => return Err(self.wrong(self.expected())),
            },
            Kind::Bytes => match base64(text) {
                Some(bytes) => put_bytes(self.out, number, &bytes),
                None => return Err(self.wrong(self.expected())),
            },
            Kind::Double => match double(text) {
                Some(value) => return self.visit_f64(value),
                None => return Err(self.wrong(self.expected())),
            },
            Kind::Int(_) | Kind::Sint32 | Kind::Fixed32 | Kind::Fixed64 | Kind::Sfixed64 => {
                match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
                    Some(value) => return self.integer(value),
                    None => return Err(self.wrong(self.expected())),
                }
            }
            Kind::Bool | Kind::Enum | Kind::Message(_) => return Err(self.wrong(self.expected())),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    /// `null` is the same as no value; in a list of messages it is an empty one.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.field.kind {
            _ if !self.element => Ok(()),
            Kind::Message(_) => {
                put_bytes(self.out, self.field.number, &[]);
                Ok(())
            }
            _ => Err(self.wrong(self.expected())),
        }
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_bytes(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool if !self.field.repeated => {
                put_key(self.out, self.field.number, 0);
                self.out.push(u8::from(value));
                Ok(())
            }
            _ => Err(self.wrong(self.expected())),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.field.kind {
            Kind::Double if !self.field.repeated || self.element => {
                put_key(self.out, self.field.number, 1);
                self.out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            Kind::Double => Err(self.wrong(self.expected())),
            // 1e3 is an integer, as long as a double tells integers apart.
            _ if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => self.integer(value as i128),
            _ => Err(self.wrong(self.expected())),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text.as_bytes())
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<(), E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let field = self.field;
        if !field.repeated || self.element {
            return Err(self.wrong(self.expected()));
        }
        while seq.next_element_seed(Item { field, element: true, out: &mut *self.out })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.field.kind {
            Kind::Message(message) if !self.field.repeated || self.element => {
                put_nested(self.out, self.field.number, |out| Fields { message, out }.visit_map(map))
            }
            _ => Err(self.wrong(self.expected())),
        }
    }
}

/// The bytes of an id in hex; `None` if it is not hex.
///
/// An odd number of digits is no whole number of bytes. One byte stands for it, which is the length of no id, so that
/// the record is rejected and not the request.
fn id(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() % 2 == 1 && text.iter().all(u8::is_ascii_hexdigit) {
        return Some(vec![0]);
    }
    HEXLOWER_PERMISSIVE.decode(text).ok()
}

/// Base64 in either alphabet, with padding or without.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let standard: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    let end = standard.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    if standard.len() - end > 2 {
        return None;
    }
    BASE64_NOPAD.decode(standard.get(..end)?).ok()
}

/// A double in text. Rust's own parser takes more spellings of infinity than JSON's mapping has.
fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
            std::str::from_utf8(text).ok()?.parse().ok()
        }
        _ => None,
    }
}
