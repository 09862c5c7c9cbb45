//! Canonical JSON, with a check for what the canonical form would change silently.

use serde::Serialize;
use serde_json::Value;

/// The largest integer that a JSON number holds exactly (RFC 8785, §3.2.2.3: numbers are IEEE 754 doubles).
const MAX_EXACT: u64 = 1 << 53;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// NaN, an infinity, or a map whose keys are not strings.
    #[error("the document has no JSON form")]
    Json(#[from] serde_json::Error),
    /// An integer that a double cannot hold.
    #[error("the integer at `{0}` is beyond ±2^53 and should be a string")]
    Integer(String),
}

/// The canonical JSON of `value` (RFC 8785).
///
/// # Errors
/// If it holds NaN, an infinity or an integer beyond ±2^53: the canonical form would be another value.
pub fn to_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let bytes = serde_json_canonicalizer::to_vec(value)?;
    match inexact_integer(&serde_json::to_value(value)?, String::new()) {
        Some(path) => Err(CanonicalError::Integer(path)),
        None => Ok(bytes),
    }
}

/// The JSON pointer of the first integer that a double cannot hold.
fn inexact_integer(value: &Value, path: String) -> Option<String> {
    match value {
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            magnitude.is_some_and(|magnitude| magnitude > MAX_EXACT).then_some(path)
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| inexact_integer(item, format!("{path}/{index}")))
        }
        // The key may be anything and the error is logged, so only its place is named.
        Value::Object(fields) => fields
            .iter()
            .enumerate()
            .find_map(|(index, (key, field))| inexact_integer(field, format!("{path}/{}", plain(key, index)))),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

fn plain(key: &str, index: usize) -> String {
    let known = !key.is_empty() && key.len() <= 32 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if known { key.to_owned() } else { format!("[{index}]") }
}
