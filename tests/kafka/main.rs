//! Kafka, against real brokers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr, reason = "a test")]

mod broker;
mod gateway;
#[path = "../support/kafka/mod.rs"]
mod kafka;
mod lanes;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
