//! Wires the stages: [`Core`] is their synchronous middle; [`Service`] runs it on the machine's clock between receivers
//! and exporters; [`replay`] runs it over a recording in virtual time. A [`Gateway`] has no middle: it joins a receiver and an exporter.

mod build;
mod core;
mod counts;
mod gateway;
mod intake;
mod keeper;
mod lanes;
mod limit;
mod normals;
mod recover;
mod reload;
pub mod replay;
mod report;
mod rules;
mod service;
mod shards;
mod symbols;
mod tenants;
#[cfg(test)]
mod tests;

pub use self::core::{Core, Reloaded};
pub use build::check;
pub use gateway::Gateway;
pub use reload::unchangeable;
pub use service::{Addresses, ReloadError, Service, ServiceError};
