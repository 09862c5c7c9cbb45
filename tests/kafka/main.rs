//! Kafka, against real brokers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod bed;
mod broker;
#[path = "../support/kafka/mod.rs"]
mod kafka;
mod lanes;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
