//! OTLP values as JSON.
//!
//! A key that occurs twice among a record's attributes keeps its last value: the OpenTelemetry attribute specification
//! says that setting an attribute again overwrites it. Integers that a JSON number cannot hold exactly, NaN and the
//! infinities are strings, spelled as protobuf's JSON mapping does; bytes are base64.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Number, Value};

use crate::model::{Attributes, SpanId};

/// The largest magnitude up to which every integer is an IEEE 754 double.
const EXACT: u64 = 1 << 53;

/// Attributes by key; of a key that occurs twice the last value.
pub(super) fn attributes(pairs: &[KeyValue]) -> Attributes {
    pairs.iter().map(|pair| (pair.key.clone(), optional(pair.value.as_ref()))).collect()
}

/// A value as JSON; an empty one is null.
pub(super) fn optional(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        // A reference into a table that only the profiling signal has is to be read as an empty value.
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(text)) => Value::String(text.clone()),
        Some(Any::BoolValue(flag)) => Value::Bool(*flag),
        Some(Any::IntValue(number)) => integer(*number),
        Some(Any::DoubleValue(number)) => double(*number),
        Some(Any::BytesValue(bytes)) => Value::String(data_encoding::BASE64.encode(bytes)),
        Some(Any::ArrayValue(array)) => array.values.iter().map(|value| optional(Some(value))).collect(),
        Some(Any::KvlistValue(list)) => Value::Object(
            list.values.iter().map(|pair| (pair.key.clone(), optional(pair.value.as_ref()))).collect::<Map<_, _>>(),
        ),
    }
}

/// An integer, as a string where it lies beyond ±2^53.
pub(super) fn integer(number: i64) -> Value {
    if number.unsigned_abs() <= EXACT { Value::from(number) } else { Value::String(number.to_string()) }
}

/// A double, as a string where JSON has no number for it.
pub(super) fn double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(
        || {
            let name = match number {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            };
            Value::String(name.to_owned())
        },
        Value::Number,
    )
}

/// Text for a person: a string as it is, anything else as JSON, null as nothing.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The same of a value as it came.
pub(super) fn said(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        _ => text(&optional(value)),
    }
}

/// The string under `key`, if it is one and not empty.
pub(super) fn string<'a>(attrs: &'a Attributes, key: &str) -> Option<&'a str> {
    attrs.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The first of `keys` that holds a string that is not empty.
pub(super) fn first_string<'a>(attrs: &'a Attributes, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| string(attrs, key))
}

/// The integer under `key`; instrumentations also write it as a string of digits.
pub(super) fn whole(attrs: &Attributes, key: &str) -> Option<i64> {
    match attrs.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// A span id off the wire; all zero where there is none.
pub(super) fn span_id(bytes: &[u8]) -> SpanId {
    SpanId::from_wire(bytes).unwrap_or_default()
}

/// A span id that stands for a span.
pub(super) fn present(id: SpanId) -> Option<SpanId> {
    (!id.is_zero()).then_some(id)
}
