//! OTLP conformance and bad inputs, over real sockets. A test carries the number of the guarantee that it proves: `otlp_12`
//! is a line of the conformance list (the OTLP specification's demands), `input_6` one of the list of hostile inputs.
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on shall fail")]

mod access;
#[path = "../support/certificates.rs"]
mod certificates;
mod data;
mod evidence;
mod grpc;
#[path = "../support/h2.rs"]
mod h2;
mod http;
mod inputs;
mod json;
mod support;
mod tls;
mod transport;
