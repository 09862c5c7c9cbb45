//! OTLP/JSON: protobuf's JSON mapping with OTLP's exceptions (ids are hex, enums are integers, names are lowerCamelCase).
//!
//! Source: opentelemetry-proto `docs/specification.md`, "JSON Protobuf Encoding". Both directions are driven by the
//! schema tables and pass the request through without an object model between. The serde support of
//! opentelemetry-proto is not used: it refuses `null`, lone surrogates and a NaN in an attribute (which it writes as
//! `null`), one bad id fails a whole request, and its errors quote the values that they refuse.

mod read;
mod write;

pub use read::from_json;
pub use write::to_json;

use super::WireError;

/// Deepest nesting of JSON: the limit of serde_json, held for ignored values too.
const MAX_JSON_DEPTH: usize = 128;

/// Walks over JSON text without parsing it: strings apart, brackets counted.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    pub(super) depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Brackets {
    /// Takes the next byte in; whether it closed the outermost bracket.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// Refuses what is nested too deep, before anything recurses into it.
fn check_depth(json: &[u8]) -> Result<(), WireError> {
    let mut brackets = Brackets::default();
    for byte in json {
        brackets.push(*byte);
        if brackets.depth > MAX_JSON_DEPTH {
            return Err(WireError::Json(format!("nested deeper than {MAX_JSON_DEPTH} levels")));
        }
    }
    Ok(())
}
