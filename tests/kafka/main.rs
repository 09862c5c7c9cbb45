//! Kafka, against real brokers, and beside the real Collector.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test")]

mod bed;
mod broker;
mod collector;
mod doctor;
mod examples;
mod faults;
mod gateway;
mod inputs;
#[path = "../support/kafka/mod.rs"]
mod kafka;
mod lanes;
mod metrics;
mod proxy;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
