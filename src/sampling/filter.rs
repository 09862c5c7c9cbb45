//! Which ids may have been remembered: asked for every record, so that nearly all of them need no look at a cache.
//!
//! A blocked Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2007) with blocks of
//! one word, in two generations: when one is full, the older is forgotten.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::model::TraceId;

/// Bits for each id of a generation: fewer than one unknown id in a hundred is taken for a known one.
const BITS_PER_ID: u64 = 16;
/// Most words of a generation (16 MiB). With more ids than they are made for, there are more mistakes and nothing worse.
const MAX_WORDS: u64 = 1 << 21;

/// A set of ids that may answer "perhaps" for one that is not in it, and never "no" for one of the last `size`.
#[derive(Debug)]
pub(super) struct Filter {
    /// Seeded at random: ids come from outside, and chosen ones must not fill one word.
    hasher: RandomState,
    generations: [Box<[AtomicU64]>; 2],
    current: AtomicUsize,
    /// Ids put into the current generation.
    count: Mutex<u64>,
    size: u64,
}

impl Filter {
    /// A filter that remembers at least the last `size` ids.
    pub(super) fn new(size: u64) -> Self {
        let words = (size.saturating_mul(BITS_PER_ID) / 64).clamp(1, MAX_WORDS).next_power_of_two();
        let generation = || (0..words).map(|_| AtomicU64::new(0)).collect();
        Self {
            hasher: RandomState::default(),
            generations: [generation(), generation()],
            current: AtomicUsize::new(0),
            count: Mutex::new(0),
            size: size.max(1),
        }
    }

    /// Remembers an id.
    pub(super) fn insert(&self, id: TraceId) {
        let mut count = self.count.lock();
        if *count >= self.size {
            let older = 1 - self.current.load(Ordering::Relaxed);
            self.generations.iter().skip(older).take(1).flatten().for_each(|word| word.store(0, Ordering::Relaxed));
            self.current.store(older, Ordering::Relaxed);
            *count = 0;
        }
        *count += 1;
        let (at, bits) = self.place(id);
        let generation = self.generations.get(self.current.load(Ordering::Relaxed));
        generation.and_then(|words| words.get(at)).into_iter().for_each(|word| {
            word.fetch_or(bits, Ordering::Release);
        });
    }

    /// Whether this id may have been remembered.
    pub(super) fn may_contain(&self, id: TraceId) -> bool {
        let (at, bits) = self.place(id);
        let holds = |words: &[AtomicU64]| words.get(at).is_some_and(|word| word.load(Ordering::Acquire) & bits == bits);
        self.generations.iter().any(|words| holds(words))
    }

    /// The word of an id, and its bits there.
    fn place(&self, id: TraceId) -> (usize, u64) {
        let hash = self.hasher.hash_one(id.0);
        let words = self.generations[0].len();
        (hash as usize & (words - 1), 1 << (hash >> 58) | 1 << (hash >> 52 & 63) | 1 << (hash >> 46 & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TraceId {
        TraceId([n.to_be_bytes(), [7; 8]].concat().try_into().unwrap())
    }

    #[test]
    fn the_last_ids_are_never_forgotten_however_many_come() {
        let filter = Filter::new(100);
        for n in 0..1_000 {
            filter.insert(id(n));
            assert!((n.saturating_sub(99)..=n).all(|known| filter.may_contain(id(known))), "after {n}");
        }
    }

    #[test]
    fn few_unknown_ids_are_taken_for_known_ones_and_old_ones_are_forgotten() {
        let filter = Filter::new(10_000);
        (0..100_000).for_each(|n| filter.insert(id(n)));
        let mistaken = |ids: std::ops::Range<u64>| ids.filter(|n| filter.may_contain(id(*n))).count();
        assert!(mistaken(0..10_000) < 200, "old ids are still there");
        assert!(mistaken(1_000_000..1_010_000) < 200, "unknown ids are taken for known ones");
    }
}
