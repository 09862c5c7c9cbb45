//! A serializer that writes canonical JSON at once, without a tree of the document in between.
//!
//! Fields are written as they come and put in order when their object ends: what was written of each is moved, which costs a copy where
//! they did not come in order.

use std::cmp::Ordering;
use std::fmt::Display;

use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::MAX_EXACT;

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum Fault {
    /// The document has an integer that a double cannot hold.
    Inexact,
    /// It has no JSON form.
    Json(serde_json::Error),
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inexact => f.write_str("an integer is beyond ±2^53"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::Json(serde_json::Error::custom(message))
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// Where a field of an object that is not ended yet stands in the output: its key in quotes, a colon, its value.
#[derive(Debug, Clone, Copy)]
struct Field {
    start: usize,
    key_end: usize,
    end: usize,
    /// The first bytes of the key, if they are plain: they tell nearly any two apart.
    head: Option<u64>,
}

/// What has been written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    /// Fields of the objects that are not ended yet, the innermost object's last.
    fields: Vec<Field>,
    /// Where fields are put in order.
    scratch: Vec<u8>,
}

impl Writer {
    /// The canonical JSON of `value`.
    pub(super) fn written<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Fault> {
        let mut writer = Self { out: Vec::with_capacity(8 << 10), ..Self::default() };
        value.serialize(&mut writer)?;
        Ok(writer.out)
    }

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        // Strings are escaped as RFC 8785 §3.2.2.2 wants it.
        Ok(serde_json::to_writer(&mut self.out, text)?)
    }

    fn integer(&mut self, magnitude: u64, is_negative: bool) -> Result<(), Fault> {
        if magnitude > MAX_EXACT {
            return Err(Fault::Inexact);
        }
        if is_negative {
            self.out.push(b'-');
        }
        Ok(serde_json::to_writer(&mut self.out, &magnitude)?)
    }

    fn list(&mut self) -> List<'_> {
        self.out.push(b'[');
        let start = self.out.len();
        List { writer: self, start, closing: b"]" }
    }

    fn object(&mut self) -> Object<'_> {
        self.out.push(b'{');
        let first = self.fields.len();
        Object { writer: self, first, closing: b"}" }
    }

    /// Begins `{"variant":`, in which the content of a variant stands.
    fn variant(&mut self, variant: &str) -> Result<(), Fault> {
        self.out.push(b'{');
        self.text(variant)?;
        self.out.push(b':');
        Ok(())
    }

    /// Puts the fields of the innermost object, from `first` on, in the order of their keys.
    fn arrange(&mut self, first: usize) {
        let Self { out, fields, scratch } = self;
        let mine = fields.get_mut(first..).unwrap_or_default();
        let key = |field: &Field| out.get(field.start..field.key_end).unwrap_or_default();
        let order = |a: &Field, b: &Field| match (a.head, b.head) {
            (Some(a), Some(b)) if a != b => a.cmp(&b),
            _ => in_order(key(a), key(b)),
        };
        if let Some(start) = mine.first().map(|field| field.start)
            && !mine.is_sorted_by(|a, b| order(a, b) != Ordering::Greater)
        {
            mine.sort_by(order);
            scratch.clear();
            for (index, field) in mine.iter().enumerate() {
                if index > 0 {
                    scratch.push(b',');
                }
                scratch.extend_from_slice(out.get(field.start..field.end).unwrap_or_default());
            }
            out.truncate(start);
            out.extend_from_slice(scratch);
        }
        fields.truncate(first);
    }
}

/// The first eight bytes of a key, which stands in quotes; zeros, which no key has, behind a shorter one. `None` if one is not plain.
fn head(key: &[u8]) -> Option<u64> {
    let mut head = [0; 8];
    let inside = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    head.iter_mut().zip(inside).for_each(|(to, from)| *to = *from);
    head.iter().all(|byte| is_plain(*byte)).then_some(u64::from_be_bytes(head))
}

/// Whether keys of this byte are in the order of their UTF-16 where they are in that of their UTF-8 (no character from U+E000 up), and
/// as they stand in quotes.
fn is_plain(byte: u8) -> bool {
    byte < 0xee && byte != b'\\'
}

/// The order of keys, which stand in quotes: that of their UTF-16 (RFC 8785 §3.2.3).
fn in_order(a: &[u8], b: &[u8]) -> Ordering {
    let are_plain = |key: &[u8]| key.iter().all(|byte| is_plain(*byte));
    if are_plain(a) && are_plain(b) {
        // Without the quote at the end, which is greater than a space.
        return a.strip_suffix(b"\"").cmp(&b.strip_suffix(b"\""));
    }
    let units =
        |key: &[u8]| serde_json::from_slice::<String>(key).unwrap_or_default().encode_utf16().collect::<Vec<_>>();
    units(a).cmp(&units(b))
}

/// A list that is being written.
pub(super) struct List<'w> {
    writer: &'w mut Writer,
    start: usize,
    closing: &'static [u8],
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        if self.writer.out.len() > self.start {
            self.writer.out.push(b',');
        }
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.out.extend_from_slice(self.closing);
    }
}

/// An object that is being written.
pub(super) struct Object<'w> {
    writer: &'w mut Writer,
    /// Its first field among those of all objects.
    first: usize,
    closing: &'static [u8],
}

impl Object<'_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        let writer = &mut *self.writer;
        if writer.fields.len() > self.first {
            writer.out.push(b',');
        }
        let start = writer.out.len();
        key.serialize(&mut *writer)?;
        match writer.out.get(start) {
            Some(b'"') => {}
            // Numbers and booleans are keys in quotes.
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                writer.out.insert(start, b'"');
                writer.out.push(b'"');
            }
            _ => return Err(Fault::custom("the key of a map must be a string")),
        }
        let key_end = writer.out.len();
        let head = head(writer.out.get(start..key_end).unwrap_or_default());
        writer.fields.push(Field { start, key_end, end: key_end, head });
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.writer.out.push(b':');
        value.serialize(&mut *self.writer)?;
        let end = self.writer.out.len();
        if let Some(field) = self.writer.fields.last_mut() {
            field.end = end;
        }
        Ok(())
    }

    fn close(self) {
        self.writer.arrange(self.first);
        self.writer.out.extend_from_slice(self.closing);
    }
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'w>;
    type SerializeTuple = List<'w>;
    type SerializeTupleStruct = List<'w>;
    type SerializeTupleVariant = List<'w>;
    type SerializeMap = Object<'w>;
    type SerializeStruct = Object<'w>;
    type SerializeStructVariant = Object<'w>;

    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        self.integer(value.unsigned_abs(), value < 0)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Fault> {
        self.serialize_i64(value.try_into().map_err(|_| Fault::Inexact)?)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        self.integer(value, false)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Fault> {
        self.serialize_u64(value.try_into().map_err(|_| Fault::Inexact)?)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Fault> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Fault> {
        if value.is_finite() {
            // Numbers are written as ECMAScript does.
            self.out.extend_from_slice(&serde_json_canonicalizer::to_vec(&value)?);
        } else {
            self.null();
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Fault> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Fault> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w>, Fault> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'w>, Fault> {
        Ok(self.list())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'w>, Fault> {
        Ok(self.list())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'w>, Fault> {
        self.variant(variant)?;
        Ok(List { closing: b"]}", ..self.list() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'w>, Fault> {
        Ok(self.object())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'w>, Fault> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'w>, Fault> {
        self.variant(variant)?;
        Ok(Object { closing: b"}}", ..self.object() })
    }
}

/// The traits of lists, which differ in a name.
macro_rules! list {
    ($($kind:ident $item:ident),*) => { $(impl $kind for List<'_> {
        type Ok = ();
        type Error = Fault;

        fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
            self.item(value)
        }

        fn end(self) -> Result<(), Fault> {
            self.close();
            Ok(())
        }
    })* };
}

list!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field);

/// The traits of objects whose keys are names of fields.
macro_rules! object {
    ($($kind:ident),*) => { $(impl $kind for Object<'_> {
        type Ok = ();
        type Error = Fault;

        fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
            self.key(key)?;
            self.value(value)
        }

        fn end(self) -> Result<(), Fault> {
            self.close();
            Ok(())
        }
    })* };
}

object!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.value(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.close();
        Ok(())
    }
}
