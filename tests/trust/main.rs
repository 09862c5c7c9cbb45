//! The real binary as it is trusted with others' data: tenants that never meet, configuration that changes under it, and probes that answer
//! while it is busy.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::string_slice, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod busy;
mod reload;
mod sent;
mod tenants;
