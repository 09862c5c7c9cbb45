//! What a repair agent sees of a store: late evidence merged in, lists page by page, bundles verified and rendered, over the
//! command line and the query service.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod late;
mod lists;
mod query;
mod recording;
mod render;
mod verify;
