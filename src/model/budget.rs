//! The byte budget of the windows: taken before a request is admitted, given back when its last record is gone.

use std::sync::Arc;

use super::sync::{AtomicUsize, Ordering};

/// A limit on bytes held, shared by all shards.
#[derive(Debug, Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: usize,
    used: AtomicUsize,
    /// What it is a part of: bytes are taken there too.
    whole: Option<Arc<Inner>>,
}

impl Inner {
    fn take(&self, bytes: usize) -> bool {
        let free = |used: usize| used.checked_add(bytes).filter(|next| *next <= self.limit);
        if self.used.try_update(Ordering::AcqRel, Ordering::Acquire, free).is_err() {
            return false;
        }
        let is_taken = self.whole.as_ref().is_none_or(|whole| whole.take(bytes));
        if !is_taken {
            self.used.fetch_sub(bytes, Ordering::AcqRel);
        }
        is_taken
    }

    fn take_anyway(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
        if let Some(whole) = &self.whole {
            whole.take_anyway(bytes);
        }
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }

    fn is_short(&self, percent: usize) -> bool {
        self.used.load(Ordering::Acquire) >= self.limit / 100 * percent
            || self.whole.as_ref().is_some_and(|whole| whole.is_short(percent))
    }
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
        Self { inner: Arc::new(Inner { limit, used: AtomicUsize::new(0), whole: None }) }
    }

    /// A part of this budget, of `limit` bytes at most: what is taken of it is taken of the whole too.
    #[must_use]
    pub fn part(&self, limit: usize) -> Self {
        let (limit, whole) = (limit.min(self.limit()), Some(Arc::clone(&self.inner)));
        Self { inner: Arc::new(Inner { limit, used: AtomicUsize::new(0), whole }) }
    }

    /// Whether so many percent are taken, of this budget or of what it is a part of.
    #[must_use]
    pub fn is_short(&self, percent: usize) -> bool {
        self.inner.is_short(percent)
    }

    /// Takes `bytes`, or `None` if so many are not free.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Option<Permit> {
        self.inner.take(bytes).then(|| Permit { inner: Arc::clone(&self.inner), bytes })
    }

    /// Takes `bytes` whether or not so many are free: for what is owed to input that was admitted before. While more is
    /// taken than there is, [`Budget::take`] refuses.
    #[must_use]
    pub fn take_anyway(&self, bytes: usize) -> Permit {
        self.inner.take_anyway(bytes);
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
    /// Bytes taken.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The limit in bytes of the budget that it was taken from.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.inner.limit
    }

    /// Takes `bytes` more; `false` if so many are not free.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let is_taken = self.inner.take(bytes);
        self.bytes += if is_taken { bytes } else { 0 };
        is_taken
    }

    /// Makes it one of `bytes`, whether or not so many are free, as [`Budget::take_anyway`] does.
    pub fn resize(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.inner.take_anyway(bytes - self.bytes);
        } else if bytes < self.bytes {
            self.inner.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_of_the_whole_and_never_more_than_its_own() {
        let whole = Budget::new(100);
        let part = whole.part(60);
        let held = part.take(50).unwrap();
        assert_eq!((part.used(), whole.used()), (50, 50));
        assert!(part.take(20).is_none() && whole.used() == 50, "what is refused is taken nowhere");
        let mut others = whole.take(40).unwrap();
        assert!(others.grow(5) && !others.grow(6) && others.bytes() == 45, "no more than is free");
        assert!(part.take(10).is_none() && part.used() == 50, "the whole is used up");
        assert!(part.is_short(90), "and the part is told so");
        drop((held, others));
        assert_eq!((part.used(), whole.used()), (0, 0));
        let mut held = part.take_anyway(500);
        held.resize(700);
        assert_eq!((part.used(), whole.used()), (700, 700));
        held.resize(30);
        assert_eq!((part.used(), whole.used()), (30, 30));
        drop(held);
        assert_eq!((part.used(), whole.used()), (0, 0));
    }
}
