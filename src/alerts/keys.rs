//! Fields of a payload, whatever case its tool writes them in.

use serde_json::{Map, Value};

/// The first of these fields that is there and not null.
pub(super) fn field<'a>(object: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(*name)).filter(|value| !value.is_null())
}

/// The first of these fields that is a text that is not empty, or a number.
pub(super) fn string(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match object.get(*name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The elements of a list; none where it is something else.
pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Pairs that are written as an object, as a list of pairs, or as a list of objects with `key` and `value`.
pub(super) fn pairs(value: Option<&Value>) -> Vec<(String, Value)> {
    match value {
        Some(Value::Object(map)) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        Some(Value::Array(items)) => items.iter().filter_map(pair).collect(),
        _ => Vec::new(),
    }
}

fn pair(item: &Value) -> Option<(String, Value)> {
    match item {
        Value::Array(two) => match two.as_slice() {
            [Value::String(key), value] => Some((key.clone(), value.clone())),
            _ => None,
        },
        Value::Object(_) => Some((string(item, &["key", "name"])?, item.get("value")?.clone())),
        _ => None,
    }
}

/// The payload: a JSON object.
pub(super) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body).ok()? {
        Value::Object(map) => Some(map),
        _ => None,
    }
}
