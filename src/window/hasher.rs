//! Hashes of trace ids, by seeds that can be kept.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, OnceLock};

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, RandomState};

use super::gone::LetGo;
use super::runs::tag;
use crate::model::TraceId;

/// Hashes trace ids for all who share it, by a seed that stays as it is once it was used.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Arc<OnceLock<Seeded>>);

impl Hasher {
    pub(super) fn seeded(&self) -> &Seeded {
        self.0.get_or_init(Seeded::random)
    }

    pub(super) fn hash(&self, trace_id: TraceId) -> u64 {
        self.seeded().hash(trace_id)
    }

    /// Takes over the seed of this note, if this version hashes as it says and no seed was used yet.
    pub(super) fn take_over(&self, note: &LetGo) {
        if let Some(seeded) = Seeded::of(note) {
            self.0.set(seeded).map_or_else(drop, drop);
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
