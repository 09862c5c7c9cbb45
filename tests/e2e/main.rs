//! The main job on real input: a service with the real SDK fails, and a bundle lies in a real store.

#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

mod flask;
mod stores;
