//! Kafka, against real brokers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod broker;
#[path = "../support/kafka/mod.rs"]
mod kafka;
