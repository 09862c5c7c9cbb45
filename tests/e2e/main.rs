//! The main job on real input: a service with the real SDK fails, and a bundle lies in a real store.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test")]

#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

mod flask;
mod go;
mod java;
mod judge;
mod service;
mod stores;
mod three;
mod typescript;
