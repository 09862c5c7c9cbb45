//! What a repair agent sees of a store: late evidence merged in, lists page by page, bundles verified and rendered, over the
//! command line and the query service; and what is left once retention has been there.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod classes;
mod gc;
mod late;
mod lists;
mod locals;
mod mcp;
mod prompt;
mod query;
mod read;
mod recording;
mod render;
mod repository;
mod size;
mod verify;
mod versions;
