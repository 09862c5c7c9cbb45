//! `casefile inspect` as a person uses it who extends what reads evidence.

#![allow(clippy::unwrap_used, reason = "a test")]

mod logs;
