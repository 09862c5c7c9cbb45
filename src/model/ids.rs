//! Trace and span ids as they stand on the wire: 16 and 8 bytes, hex in text.
//!
//! Source: W3C Trace Context §3.2.2; OTLP `docs/specification.md`, "JSON Protobuf Encoding".

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id must be {expected} hex digits, not all zero")]
pub struct IdError {
    expected: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $hex:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The id in these wire bytes; `None` if the length is wrong or every byte is zero (invalid by W3C).
            #[must_use]
            pub fn from_wire(bytes: &[u8]) -> Option<Self> {
                let id = Self(bytes.try_into().ok()?);
                (!id.is_zero()).then_some(id)
            }

            /// Whether this is the invalid all-zero id, which stands for "none".
            #[must_use]
            pub fn is_zero(&self) -> bool {
                self.0 == [0; $len]
            }
        }

        /// Without the length before it, which is the same for all.
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                state.write(&self.0);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                data_encoding::HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| Self::from_wire(&bytes))
                    .ok_or(IdError { expected: $len * 2 })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $hex})
            }
        }
    };
}

id!(
    /// The id of a trace: 16 bytes, 32 lower-case hex digits in text.
    TraceId, 16, "^[0-9a-f]{32}$"
);
id!(
    /// The id of a span: 8 bytes, 16 lower-case hex digits in text. All zero stands for "no span" (a root's parent).
    SpanId, 8, "^[0-9a-f]{16}$"
);
