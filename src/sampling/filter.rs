//! Which ids may have been remembered: asked for every record, so that nearly all of them need no look at a cache.
//!
//! A blocked Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2007) with blocks of
//! one word, in two generations: when one is full, the older is forgotten. It uses no more words than the ids so far need, so that it stays in
//! the nearest cache of a core where few traces are sampled, whatever number of them is to be remembered at most.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::model::TraceId;

/// Bits for each id of a generation: fewer than one unknown id in a hundred is taken for a known one.
const BITS_PER_ID: u64 = 16;
/// Words of a generation that are used at first (16 KiB), and most of them (16 MiB). With more ids than these are made for, there are more
/// mistakes and nothing worse.
const FIRST_WORDS: usize = 1 << 11;
const MAX_WORDS: u64 = 1 << 21;

/// A set of ids that may answer "perhaps" for one that is not in it, and never "no" for one of the last `size`.
#[derive(Debug)]
pub(super) struct Filter {
    /// Seeded at random: ids come from outside, and chosen ones must not fill one word.
    hasher: RandomState,
    /// Of both generations, side by side: they are looked at together.
    words: Box<[[AtomicU64; 2]]>,
    /// How many of the words are in use: a power of two.
    used: AtomicUsize,
    state: Mutex<State>,
    size: u64,
}

#[derive(Debug, Default)]
struct State {
    current: usize,
    /// Ids put into the current generation.
    count: u64,
}

impl Filter {
    /// A filter that remembers at least the last `size` ids.
    pub(super) fn new(size: u64) -> Self {
        let words = (size.saturating_mul(BITS_PER_ID) / 64).clamp(1, MAX_WORDS).next_power_of_two();
        let words: Box<[_]> = (0..words).map(|_| [const { AtomicU64::new(0) }; 2]).collect();
        Self {
            hasher: RandomState::default(),
            used: AtomicUsize::new(words.len().min(FIRST_WORDS)),
            words,
            state: Mutex::default(),
            size: size.max(1),
        }
    }

    /// Remembers an id. `known` are all that are to be remembered, this one or not: they are asked for where more words come into use.
    pub(super) fn insert<I: Iterator<Item = TraceId>>(&self, id: TraceId, known: impl FnOnce() -> I) {
        let mut state = self.state.lock();
        let used = self.used.load(Ordering::Relaxed);
        if state.count >= self.size {
            state.current = 1 - state.current;
            self.words.iter().filter_map(|word| word.get(state.current)).for_each(|word| {
                word.store(0, Ordering::Relaxed);
            });
            state.count = 0;
        } else if used < self.words.len() && state.count >= used as u64 * 64 / BITS_PER_ID {
            // Whoever looks by the fewer words meanwhile finds them as they were. No generation was forgotten yet: all is in the current one.
            known().for_each(|known| self.set(known, 2 * used, state.current));
            self.used.store(2 * used, Ordering::Release);
        }
        state.count += 1;
        self.set(id, self.used.load(Ordering::Relaxed), state.current);
    }

    /// Whether this id may have been remembered.
    pub(super) fn may_contain(&self, id: TraceId) -> bool {
        let (at, bits) = self.place(id, self.used.load(Ordering::Acquire));
        let holds = |word: &AtomicU64| word.load(Ordering::Acquire) & bits == bits;
        self.words.get(at).is_some_and(|generations| generations.iter().any(holds))
    }

    fn set(&self, id: TraceId, used: usize, generation: usize) {
        let (at, bits) = self.place(id, used);
        if let Some(word) = self.words.get(at).and_then(|generations| generations.get(generation)) {
            word.fetch_or(bits, Ordering::Release);
        }
    }

    /// The word of an id, and its bits there.
    fn place(&self, id: TraceId, used: usize) -> (usize, u64) {
        let hash = self.hasher.hash_one(id.0);
        (hash as usize & (used - 1), 1 << (hash >> 58) | 1 << (hash >> 52 & 63) | 1 << (hash >> 46 & 63))
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
            filter.insert(id(n), std::iter::empty);
            assert!((n.saturating_sub(99)..=n).all(|known| filter.may_contain(id(known))), "after {n}");
        }
    }

    #[test]
    fn few_unknown_ids_are_taken_for_known_ones_and_old_ones_are_forgotten() {
        let filter = Filter::new(10_000);
        (0..100_000).for_each(|n| filter.insert(id(n), || (0..n).map(id)));
        let mistaken = |ids: std::ops::Range<u64>| ids.filter(|n| filter.may_contain(id(*n))).count();
        assert!(mistaken(0..10_000) < 200, "old ids are still there");
        assert!(mistaken(1_000_000..1_010_000) < 200, "unknown ids are taken for known ones");
    }

    /// Guarantee: as more words come into use no id is lost, and few unknown ones are taken for known at any time.
    #[test]
    fn ids_are_kept_while_the_words_in_use_double() {
        let filter = Filter::new(200_000);
        let mut used = vec![filter.used.load(Ordering::Relaxed)];
        for n in 0..200_000 {
            filter.insert(id(n), || (0..=n).map(id));
            let now = filter.used.load(Ordering::Relaxed);
            if used.last() != Some(&now) || n == 199_999 {
                used.push(now);
                assert!((0..=n).all(|known| filter.may_contain(id(known))), "after {n}, {now} words");
                let mistaken = (1_000_000..1_010_000).filter(|n| filter.may_contain(id(*n))).count();
                assert!(mistaken < 200, "{mistaken} of 10,000 after {n}, {now} words");
            }
        }
        assert_eq!((used[0], used.last()), (FIRST_WORDS, Some(&filter.words.len())), "{used:?}");
    }
}
