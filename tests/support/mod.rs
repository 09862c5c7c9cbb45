//! What the black-box tests share.

#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod casefile;
pub(crate) mod collector;
pub(crate) mod http;
pub(crate) mod mcp;
pub(crate) mod otlp;
pub(crate) mod ports;
pub(crate) mod schema;
pub(crate) mod store;
