//! What must hold of any input, by target. Each takes bytes and panics where it does not hold.
#![allow(dead_code, clippy::unwrap_used, reason = "each fuzzer is one of these; a target that does not hold panics")]

pub(crate) mod bundle;
pub(crate) mod config;
pub(crate) mod json;
pub(crate) mod redact;
pub(crate) mod stack;
pub(crate) mod wire;

use casefile::model::Signal;

/// The signal that an input's first byte names.
pub(crate) fn signal(byte: u8) -> Signal {
    [Signal::Traces, Signal::Logs, Signal::Metrics][usize::from(byte % 3)]
}

/// A value that a redactor must find wherever it stands.
pub(crate) const CANARY: &str = "ada.lovelace@example.org";
