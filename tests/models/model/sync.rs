//! `model::sync` of the program, made of loom's types: with the methods that the program calls, under the names that it knows them by.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub use std::sync::OnceLock;

pub use loom::sync::atomic::{AtomicU64, Ordering};

/// loom's has no `try_update` yet, which is the newer name of `fetch_update`.
#[derive(Debug)]
pub struct AtomicUsize(loom::sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub fn new(value: usize) -> Self {
        Self(loom::sync::atomic::AtomicUsize::new(value))
    }

    pub fn try_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        update: impl FnMut(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        self.0.fetch_update(set, fetch, update)
    }
}

impl Deref for AtomicUsize {
    type Target = loom::sync::atomic::AtomicUsize;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Locks as parking_lot's: nothing is poisoned.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> Guard<'_, T> {
        Guard(Some(self.0.lock().unwrap()))
    }
}

/// There, but while somebody waits with it.
pub struct Guard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

pub type MutexGuard<'a, T> = Guard<'a, T>;

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Time never passes here: who is not woken sleeps for ever, and loom says so.
    pub fn wait_for<T>(&self, guard: &mut Guard<'_, T>, _: Duration) {
        guard.0 = guard.0.take().map(|guard| self.0.wait(guard).unwrap());
    }
}
