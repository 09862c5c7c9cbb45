//! Which ids may have been remembered: asked for every record, so that nearly all of them need no look at a cache.
//!
//! A blocked Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2007) with blocks of
//! one word, in two generations: when one is full, the older is forgotten. Its table is made for the ids that there are so far, so that it stays
//! in the nearest cache of a core where few traces are sampled, whatever number of them is to be remembered at most.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::model::TraceId;
use crate::model::sync::{AtomicU64, AtomicUsize, Mutex, OnceLock, Ordering};

/// Bits for each id of a generation: fewer than one unknown id in a hundred is taken for a known one.
const BITS_PER_ID: u64 = 16;
/// Words of a generation in the first table (16 KiB) and in the largest (16 MiB). With more ids than these are made for, there are more
/// mistakes and nothing worse.
const FIRST_WORDS: usize = 1 << 11;
const MAX_WORDS: u64 = 1 << 21;

/// Of both generations, side by side: they are looked at together.
type Table = Box<[[AtomicU64; 2]]>;

/// A set of ids that may answer "perhaps" for one that is not in it, and never "no" for one of the last `size`.
#[derive(Debug)]
pub(super) struct Filter {
    /// Seeded at random: ids come from outside, and chosen ones must not fill one word.
    hasher: RandomState,
    /// Each has twice the words of the one before, and none of its bits: what ids left in their former places would be taken for others.
    /// The former ones stay, because somebody may be looking at them; together they are as large as the last.
    tables: Box<[OnceLock<Table>]>,
    /// Which of the tables is in use.
    level: AtomicUsize,
    state: Mutex<State>,
    size: u64,
    /// Words of a generation in the first table.
    first: usize,
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
        Self::beginning_with(FIRST_WORDS, size)
    }

    /// The same with a first table of so many words, a power of two.
    pub(super) fn beginning_with(first: usize, size: u64) -> Self {
        let words = (size.saturating_mul(BITS_PER_ID) / 64).clamp(1, MAX_WORDS).next_power_of_two();
        let levels = 1 + words.ilog2().saturating_sub(first.ilog2());
        Self {
            hasher: RandomState::default(),
            tables: (0..levels).map(|_| OnceLock::new()).collect(),
            level: AtomicUsize::new(0),
            state: Mutex::default(),
            size: size.max(1),
            first,
        }
    }

    /// Remembers an id. `known` are all that are to be remembered, this one or not: they are asked for where a larger table comes into use.
    pub(super) fn insert<I: Iterator<Item = TraceId>>(&self, id: TraceId, known: impl FnOnce() -> I) {
        let mut state = self.state.lock();
        let mut level = self.level.load(Ordering::Relaxed);
        if state.count >= self.size {
            state.current = 1 - state.current;
            self.table(level).iter().filter_map(|word| word.get(state.current)).for_each(|word| {
                word.store(0, Ordering::Relaxed);
            });
            state.count = 0;
        } else if level + 1 < self.tables.len() && state.count >= self.table(level).len() as u64 * 64 / BITS_PER_ID {
            // Whoever looks at the former table meanwhile finds it as it was. No generation was forgotten yet: all is in the current one.
            level += 1;
            known().for_each(|known| self.set(known, level, state.current));
            self.level.store(level, Ordering::Release);
        }
        state.count += 1;
        self.set(id, level, state.current);
    }

    /// Whether this id may have been remembered.
    pub(super) fn may_contain(&self, id: TraceId) -> bool {
        let table = self.in_use();
        holds(table, self.place(id, table.len()))
    }

    /// The same of each of these. They are looked at together: what of the table is not in a core's nearest cache comes for many at once.
    pub(super) fn may_contain_each(&self, ids: impl Iterator<Item = TraceId>) -> Vec<bool> {
        let table = self.in_use();
        let places: Vec<_> = ids.map(|id| self.place(id, table.len())).collect();
        places.into_iter().map(|place| holds(table, place)).collect()
    }

    fn in_use(&self) -> &[[AtomicU64; 2]] {
        self.table(self.level.load(Ordering::Acquire))
    }

    fn set(&self, id: TraceId, level: usize, generation: usize) {
        let table = self.table(level);
        let (at, bits) = self.place(id, table.len());
        if let Some(word) = table.get(at).and_then(|generations| generations.get(generation)) {
            word.fetch_or(bits, Ordering::Release);
        }
    }

    fn table(&self, level: usize) -> &[[AtomicU64; 2]] {
        self.tables.get(level).map_or(&[], |table| {
            table.get_or_init(|| (0..self.first << level).map(|_| [0; 2].map(AtomicU64::new)).collect())
        })
    }

    /// The word of an id in a table of so many words, and its bits there.
    fn place(&self, id: TraceId, words: usize) -> (usize, u64) {
        let hash = self.hasher.hash_one(id);
        (hash as usize & words.wrapping_sub(1), 1 << (hash >> 58) | 1 << (hash >> 52 & 63) | 1 << (hash >> 46 & 63))
    }
}

/// Whether the bits of an id are set at its place.
fn holds(table: &[[AtomicU64; 2]], (at, bits): (usize, u64)) -> bool {
    let load = |word: &AtomicU64| word.load(Ordering::Acquire);
    let [one, other] = table.get(at).map_or([0; 2], |generations| generations.each_ref().map(load));
    // Without a branch, which would wait for what is loaded.
    (one & bits == bits) | (other & bits == bits)
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

    /// Guarantee: as larger tables come into use no id is lost, and few unknown ones are taken for known at any time.
    #[test]
    fn ids_are_kept_while_the_tables_double() {
        let filter = Filter::new(200_000);
        let mut level = 0;
        for n in 0..200_000 {
            let last = level;
            filter.insert(id(n), || (0..=n).map(id));
            level = filter.level.load(Ordering::Relaxed);
            if level != last || n == 199_999 {
                assert!((0..=n).all(|known| filter.may_contain(id(known))), "after {n}, level {level}");
                let mistaken = (1_000_000..1_010_000).filter(|n| filter.may_contain(id(*n))).count();
                assert!(mistaken < 100, "{mistaken} of 10,000 after {n}, level {level}");
            }
        }
        assert_eq!(level + 1, filter.tables.len(), "the last table is never used");
        assert_eq!(filter.table(level).len(), 65_536);
    }
}
