//! Which traces had records that went without being sampled: one that fails after that is told as late, since what came first is not
//! there any more.
//!
//! Nearly all traces go so, and nobody told them apart while they were held. A run that goes leaves the tags of its traces here: 44
//! bits of a hash each. Beside a million of them, one other trace in seventeen million is taken for one of them.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, RandomState};

use super::runs::tag;
use crate::model::TraceId;

/// Hashes trace ids by a seed that can be kept: tags mean nothing without the seed that they were made with.
#[derive(Debug)]
pub(super) struct Seeded {
    seed: u64,
    shared: SharedSeed,
}

impl Seeded {
    /// Seeded at random: trace ids come from outside, and chosen ones must not fill one chain.
    pub(super) fn random() -> Self {
        Self::with(RandomState::default().hash_one(TraceId::default().0))
    }

    fn with(seed: u64) -> Self {
        Self { seed, shared: SharedSeed::from_u64(seed) }
    }

    pub(super) fn hash(&self, trace_id: TraceId) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(&trace_id.0);
        hasher.finish()
    }

    /// Differs where another version, or another of the hash, which promises no more than to be fast, makes other tags of the same seed.
    fn check(&self) -> u64 {
        tag(self.hash(TraceId([0x5a; 16])))
    }

    /// What is to be kept of a run that went.
    pub(super) fn note(&self, tags: Vec<u64>) -> LetGo {
        LetGo { seed: self.seed, check: self.check(), tags }
    }

    /// The hasher that the tags of a note were made with, if this version has it.
    pub(super) fn of(note: &LetGo) -> Option<Self> {
        let seeded = Self::with(note.seed);
        (seeded.check() == note.check).then_some(seeded)
    }

    pub(super) fn is_of(&self, note: &LetGo) -> bool {
        self.seed == note.seed && self.check() == note.check
    }
}

/// Traces whose records went together, not sampled; to be kept beside memory for the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    pub(super) seed: u64,
    pub(super) check: u64,
    pub(super) tags: Vec<u64>,
}

/// The last traces of which records went, the oldest forgotten first: in two generations, so that forgetting costs nothing.
#[derive(Debug)]
pub(super) struct Gone {
    /// Traces that are remembered at least.
    size: usize,
    new: HashSet<u64, RandomState>,
    old: HashSet<u64, RandomState>,
}

impl Gone {
    pub(super) fn new(size: usize) -> Self {
        Self { size, new: HashSet::default(), old: HashSet::default() }
    }

    /// Remembers the traces of a run. Generations change between runs: what is remembered does not depend on how ids are hashed.
    pub(super) fn add(&mut self, tags: &[u64]) {
        if self.size == 0 {
            return;
        }
        if self.new.len() >= self.size {
            std::mem::swap(&mut self.new, &mut self.old);
            self.new.clear();
        }
        self.new.extend(tags);
    }

    pub(super) fn contains(&self, tag: u64) -> bool {
        self.new.contains(&tag) || self.old.contains(&tag)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_traces_are_remembered_and_those_before_them_forgotten() {
        let mut gone = Gone::new(100);
        for run in 0..20 {
            gone.add(&(run * 10..run * 10 + 10).collect::<Vec<u64>>());
        }
        assert!((100..200).all(|tag| gone.contains(tag)), "the last 100 at least");
        gone.add(&[1_000]);
        assert!((100..200).all(|tag| gone.contains(tag)) && !(0..100).any(|tag| gone.contains(tag)));
        let mut none = Gone::new(0);
        none.add(&[1]);
        assert!(!none.contains(1) && none.is_empty(), "it can be turned off");
    }

    #[test]
    fn tags_are_known_again_by_the_seed_they_were_made_with_and_by_no_other() {
        let (one, other) = (Seeded::random(), Seeded::random());
        let note = one.note(vec![1]);
        let again = Seeded::of(&note).unwrap();
        assert_eq!(again.hash(TraceId([7; 16])), one.hash(TraceId([7; 16])));
        assert_ne!(other.hash(TraceId([7; 16])), one.hash(TraceId([7; 16])));
        assert!(again.is_of(&note) && !other.is_of(&note));
        assert!(Seeded::of(&LetGo { check: note.check ^ 1, ..note }).is_none(), "another version hashes otherwise");
    }
}
