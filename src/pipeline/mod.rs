//! Wires the stages: [`Core`] is their synchronous middle; [`Service`] runs it on the machine's clock between receivers
//! and exporters; [`replay`] runs it over a recording in virtual time. A [`Gateway`] has no middle: it joins a receiver and an exporter.

mod build;
mod core;
mod gateway;
mod intake;
mod keeper;
mod lanes;
mod limit;
mod normals;
mod recover;
pub mod replay;
mod report;
mod service;
mod shards;
mod symbols;
#[cfg(test)]
mod tests;

pub use self::core::{Core, DEFAULT_TENANT};
pub use build::check;
pub use gateway::Gateway;
pub use service::{Addresses, Service, ServiceError};
