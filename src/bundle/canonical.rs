//! Canonical JSON, with a check for what the canonical form would change silently.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

/// The largest integer that a JSON number holds exactly (RFC 8785, §3.2.2.3: numbers are IEEE 754 doubles).
const MAX_EXACT: u64 = 1 << 53;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A map whose keys are not strings.
    #[error("the document has no JSON form")]
    Json(#[from] serde_json::Error),
    /// An integer that a double cannot hold.
    #[error("the integer at `{0}` is beyond ±2^53 and should be a string")]
    Integer(String),
}

/// The canonical JSON of `value` (RFC 8785).
///
/// # Errors
/// If it holds an integer beyond ±2^53: the canonical form would be another value. NaN and infinities, for which JSON has no number, are
/// `null`.
pub fn to_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let document = serde_json::to_value(value)?;
    if let Some(path) = inexact_integer(&document) {
        return Err(CanonicalError::Integer(path));
    }
    if !is_in_order(&document) {
        return Ok(serde_json_canonicalizer::to_vec(&document)?);
    }
    let mut bytes = Vec::with_capacity(8 << 10);
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Canonical))?;
    Ok(bytes)
}

/// The form of RFC 8785 for values whose keys are in its order already. Strings and integers are written as `serde_json` writes them.
struct Canonical;

impl Formatter for Canonical {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Numbers are written as ECMAScript does.
        writer.write_all(&serde_json_canonicalizer::to_vec(&value)?)
    }
}

/// Whether every object's keys are in the order of their UTF-16 (RFC 8785 §3.2.3). In a map they are in that of their UTF-8, which is the
/// same as long as no key has a character from U+E000 up.
fn is_in_order(value: &Value) -> bool {
    const FIRST: u8 = 0xee;
    match value {
        Value::Array(items) => items.iter().all(is_in_order),
        Value::Object(fields) => {
            fields.keys().is_sorted()
                && fields.iter().all(|(key, field)| key.bytes().all(|byte| byte < FIRST) && is_in_order(field))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// The JSON pointer of the first integer that a double cannot hold.
fn inexact_integer(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            magnitude.is_some_and(|magnitude| magnitude > MAX_EXACT).then(String::new)
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| inexact_integer(item).map(|below| format!("/{index}{below}"))),
        // The key may be anything and the error is logged, so only its place is named.
        Value::Object(fields) => fields.iter().enumerate().find_map(|(index, (key, field))| {
            inexact_integer(field).map(|below| format!("/{}{below}", plain(key, index)))
        }),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

fn plain(key: &str, index: usize) -> String {
    let known = !key.is_empty() && key.len() <= 32 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if known { key.to_owned() } else { format!("[{index}]") }
}
