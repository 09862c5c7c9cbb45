//! Kafka, against real brokers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod bed;
mod broker;
mod faults;
mod inputs;
#[path = "../support/kafka/mod.rs"]
mod kafka;
mod lanes;
mod proxy;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
