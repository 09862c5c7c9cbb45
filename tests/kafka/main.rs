//! Kafka, against real brokers, and beside the real Collector.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test")]

mod broker;
mod collector;
mod doctor;
mod examples;
mod gateway;
#[path = "../support/kafka/mod.rs"]
mod kafka;
mod lanes;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
