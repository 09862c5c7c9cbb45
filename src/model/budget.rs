//! The byte budget of the windows: taken before a request is admitted, given back when its last record is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A limit on bytes held, shared by all shards.
#[derive(Debug, Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    inner: Arc<Inner>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes, all free.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { inner: Arc::new(Inner { limit, used: AtomicUsize::new(0) }) }
    }

    /// Takes `bytes`, or `None` if so many are not free.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Option<Permit> {
        self.inner
            .used
            .try_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(bytes).filter(|next| *next <= self.inner.limit)
            })
            .ok()
            .map(|_| Permit { inner: Arc::clone(&self.inner), bytes })
    }

    /// Takes `bytes` whether or not so many are free: for what is owed to input that was admitted before. While more is
    /// taken than there is, [`Budget::take`] refuses.
    #[must_use]
    pub fn take_anyway(&self, bytes: usize) -> Permit {
        self.inner.used.fetch_add(bytes, Ordering::AcqRel);
        Permit { inner: Arc::clone(&self.inner), bytes }
    }

    /// Bytes taken at this moment.
    #[must_use]
    pub fn used(&self) -> usize {
        self.inner.used.load(Ordering::Acquire)
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.inner.limit
    }
}

impl Permit {
    /// Makes it one of `bytes`, whether or not so many are free, as [`Budget::take_anyway`] does.
    pub fn resize(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.inner.used.fetch_add(bytes - self.bytes, Ordering::AcqRel);
        } else if bytes < self.bytes {
            self.inner.used.fetch_sub(self.bytes - bytes, Ordering::AcqRel);
        }
        self.bytes = bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
