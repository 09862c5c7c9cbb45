//! One file a subcommand.

pub mod components;
pub mod keys;
pub mod print_config;
pub mod schema;
pub mod sources;
pub mod validate;
