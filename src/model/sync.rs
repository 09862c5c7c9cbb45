//! What threads share without a lock, or wait for one another with, is made of these. `tests/models` compiles the files that use them with
//! loom's types in their place, and so goes through every order in which threads can meet in them.

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
