//! From a bundle to a verified patch: three services fail for real, and what a repair agent needs is made of what they sent.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test")]

#[path = "../e2e/service.rs"]
#[allow(dead_code, reason = "the tests of bundles use the rest")]
mod service;
#[path = "../support/mod.rs"]
mod support;

mod agent;
mod ci;
mod container;
mod example;
mod express;
mod flask;
mod go;
mod ledger;
mod mcp;
mod signed;
mod typed;
