//! A tree to a typed document. Every message says what was expected and never shows a value that was fetched; reading goes
//! on past a fault, so that several are reported at once.

use std::fmt;

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::errors::Fault;
use super::suggest;
use super::tree::{Entry, Kind, Node, Place, Scalar, Value};
use super::{Config, Problem};

/// Most faults that are reported of one document.
const MAX_FAULTS: usize = 50;

/// Reads the document, and reports all that does not fit.
pub(super) fn config(root: &Node) -> (Config, Vec<Fault>) {
    let mut faults = Vec::new();
    loop {
        match <Config as serde::Deserialize>::deserialize(Reader { node: root }) {
            Ok(config) => return (config, faults),
            Err(failure) => {
                // The value that failed has been set aside: read again without it. A failure of the root has no such value.
                let at_root = failure.at.is_none();
                let problem = Problem { path: failure.path, message: failure.message, instead: failure.instead };
                faults.push(Fault { at: Some(failure.at.unwrap_or_else(|| root.at.clone())), problem });
                if at_root || faults.len() >= MAX_FAULTS {
                    return (Config::default(), faults);
                }
            }
        }
    }
}

/// Why a value does not fit.
#[derive(Debug)]
struct Failure {
    path: String,
    at: Option<Place>,
    message: String,
    instead: Option<String>,
}

impl Failure {
    fn new(message: impl Into<String>, instead: Option<String>) -> Self {
        Self { path: String::new(), at: None, message: message.into(), instead }
    }

    /// Adds the step from a container to the value that failed.
    fn under(mut self, step: &str) -> Self {
        self.path = Problem::new(self.path, "").under(step).path;
        self
    }

    /// Takes what was fetched out of the message. Innermost only: it knows the value.
    fn of(mut self, node: &Node) -> Self {
        if let Value::Scalar(Scalar { structure: Some(_), written, .. }) = &node.value {
            // Even the keys of a fetched map may be a secret that was put in the wrong place.
            node.set_aside.set(true);
            let written = written.as_deref().unwrap_or("the expression");
            self = Self::new(
                format!("what `{written}` stands for does not fit here"),
                Some("to see why, give it as a source of its own (`--config env:NAME`)".to_owned()),
            );
            self.at = Some(node.at.clone());
            return self;
        }
        if self.at.is_some() {
            return self;
        }
        self.at = Some(node.at.clone());
        node.set_aside.set(true);
        if let Value::Scalar(Scalar { text, written: Some(written), .. }) = &node.value
            && !text.is_empty()
        {
            self.message = self.message.replace(text.as_str(), written);
            self.instead = self.instead.map(|instead| instead.replace(text.as_str(), written));
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), None)
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        mismatch(kind_of(&found), &expected.to_string())
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let kind = match found {
            de::Unexpected::Signed(_) => "a negative number",
            de::Unexpected::Unsigned(_) => "a number beyond its range",
            other => kind_of(&other),
        };
        mismatch(kind, &expected.to_string())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown value `{variant}`"), Some(suggest::one_of(variant, expected)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new("unknown key", Some(suggest::one_of(field, expected)))
    }
}

fn kind_of(found: &de::Unexpected<'_>) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "a boolean",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a whole number",
        de::Unexpected::Float(_) => "a number",
        de::Unexpected::Str(_) | de::Unexpected::Char(_) => "a string",
        de::Unexpected::Unit | de::Unexpected::Option => "no value",
        de::Unexpected::Seq => "a list",
        de::Unexpected::Map => "a map",
        _ => "something else",
    }
}

fn mismatch(found: &str, expected: &str) -> Failure {
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    };
    let instead = match (expected, found) {
        ("a string", "a whole number" | "a number" | "a boolean") => Some("write it in quotes"),
        ("a boolean", _) => Some("write `true` or `false`"),
        ("a whole number, 0 or more" | "a whole number" | "a number", "a string") => {
            Some("write the number alone, without quotes or unit")
        }
        ("a list", "a string") => Some("write it in brackets: `[…]`"),
        (_, "no value") => Some("give it one, or leave the key out for its default"),
        _ => None,
    };
    Failure::new(format!("expected {expected}, found {found}"), instead.map(str::to_owned))
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
}

impl<'a> Reader<'a> {
    /// The map or list that a fetched text stands for, where one is wanted.
    fn structured(self) -> Self {
        match &self.node.value {
            Value::Scalar(Scalar { structure: Some(node), .. }) => Self { node },
            _ => self,
        }
    }

    fn expected(self, what: &str) -> Failure {
        mismatch(self.node.describe(), what)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V, what: &str) -> Result<V::Value, Failure> {
        let Value::Scalar(scalar) = &self.node.value else { return Err(self.expected(what)) };
        match scalar.kind() {
            Kind::Int(value) => match (u64::try_from(value), i64::try_from(value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => Err(mismatch("a number beyond its range", what)),
            },
            Kind::Float(value) => visitor.visit_f64(value),
            _ => Err(self.expected(what)),
        }
    }
}

macro_rules! numbers {
    ($what:literal: $($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.number(visitor, $what)
        })+
    };
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let this = self.structured();
        match &this.node.value {
            Value::Map(_) => this.deserialize_map(visitor),
            Value::Seq(_) => this.deserialize_seq(visitor),
            Value::Unresolved => visitor.visit_unit(),
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => visitor.visit_unit(),
                Kind::Bool(value) => visitor.visit_bool(value),
                Kind::Int(_) | Kind::Float(_) => this.number(visitor, "a number"),
                Kind::Text => visitor.visit_str(&scalar.text),
            },
        }
    }

    numbers!("a whole number, 0 or more": deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    numbers!("a whole number": deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    numbers!("a number": deserialize_f32 deserialize_f64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar(scalar) if matches!(scalar.kind(), Kind::Bool(_)) => self.deserialize_any(visitor),
            _ => Err(self.expected("a boolean")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar(scalar) if scalar.written.is_some() || scalar.kind() == Kind::Text => {
                visitor.visit_str(&scalar.text)
            }
            _ => Err(self.expected("a string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let this = self.structured();
        match &this.node.value {
            Value::Seq(nodes) => visitor.visit_seq(Elements { nodes: nodes.iter().enumerate() }),
            _ if this.node.is_null() => visitor.visit_seq(Elements { nodes: [].iter().enumerate() }),
            _ => Err(this.expected("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let this = self.structured();
        match &this.node.value {
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
            // `grpc:` alone means all defaults, as in the Collector.
            _ if this.node.is_null() => visitor.visit_map(Entries { entries: [].iter(), value: None }),
            _ => Err(this.expected("a map of settings")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let this = self.structured();
        for entry in this.node.entries() {
            if !entry.node.set_aside.get() && !fields.contains(&entry.key.as_str()) {
                // Set aside, so that the next reading goes past it; its path is completed on the way out.
                let failure = <Failure as de::Error>::unknown_field(&entry.key, fields);
                entry.node.set_aside.set(true);
                return Err(Failure { at: Some(entry.at.clone()), ..failure }.under(&entry.key));
            }
        }
        this.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar(scalar) if scalar.written.is_some() || scalar.kind() == Kind::Text => {
                visitor.visit_enum(de::value::StrDeserializer::new(&scalar.text))
            }
            _ => Err(self.expected("a string")),
        }
    }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

struct Elements<'a> {
    nodes: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some((at, node)) = self.nodes.by_ref().find(|(_, node)| node.is_readable()) else { return Ok(None) };
        seed.deserialize(Reader { node }).map(Some).map_err(|failure| failure.of(node).under(&format!("[{at}]")))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some(entry) = self.entries.by_ref().find(|entry| entry.node.is_readable()) else { return Ok(None) };
        self.value = Some(entry);
        let key: de::value::StrDeserializer<'_, Failure> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|failure| {
            entry.node.set_aside.set(true);
            Failure { at: Some(entry.at.clone()), ..failure }.under(&entry.key)
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(entry) = self.value.take() else { return Err(Failure::new("a key without a value", None)) };
        seed.deserialize(Reader { node: &entry.node }).map_err(|failure| failure.of(&entry.node).under(&entry.key))
    }
}
