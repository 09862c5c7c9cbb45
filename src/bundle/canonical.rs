//! Canonical JSON, with a check for what the canonical form would change silently.

mod writer;

use serde::Serialize;
use serde_json::Value;

use self::writer::{Fault, Writer};

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
    Writer::written(value).map_err(|fault| match fault {
        Fault::Inexact => {
            let place = serde_json::to_value(value).ok().and_then(|document| inexact_integer(&document));
            CanonicalError::Integer(place.unwrap_or_default())
        }
        Fault::Json(error) => CanonicalError::Json(error),
    })
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
