//! The real binary as it is trusted with others' data: tenants that never meet, configuration that changes under it, probes that answer
//! while it is busy, and hostile inputs under load.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::string_slice, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod busy;
#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/h2.rs"]
mod h2;
mod hostile;
mod reload;
mod sent;
mod tenants;
