//! Which traces had records that went without being sampled: one that fails after that is told as late, since what came first is not
//! there any more.
//!
//! Nearly all traces go so, and nobody told them apart while they were held. A run that goes leaves the tags of its traces here: 44
//! bits of a hash each. Beside a million of them, one other trace in seventeen million is taken for one of them.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, OnceLock};

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, RandomState};
use parking_lot::Mutex;

use super::runs::{Run, tag};
use crate::model::TraceId;

/// Hashes trace ids for all who share it, by a seed that stays as it is once it was used.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher(Arc<OnceLock<Seeded>>);

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

/// Traces whose records went together, not sampled; to be kept beside memory for the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    pub(super) seed: u64,
    pub(super) check: u64,
    pub(super) tags: Vec<u64>,
}

/// Tags that are noted at once: whoever asks meanwhile waits for so many.
const AT_ONCE: usize = 256;

/// The last traces of which records went, the oldest forgotten first: in two generations, so that forgetting costs nothing. It has a lock
/// of its own, so that what a run holds is noted while nobody waits for the window.
#[derive(Debug, Clone)]
pub(super) struct Gone(Arc<Mutex<Traces>>);

#[derive(Debug)]
struct Traces {
    /// Traces that are remembered at least.
    size: usize,
    /// Runs that have gone and are not noted yet.
    leaving: Vec<Arc<Run>>,
    new: HashSet<u64, RandomState>,
    old: HashSet<u64, RandomState>,
}

impl Gone {
    pub(super) fn new(size: usize) -> Self {
        let (new, old) = (HashSet::default(), HashSet::default());
        Self(Arc::new(Mutex::new(Traces { size, leaving: Vec::new(), new, old })))
    }

    /// A run goes: until it is [`Gone::noted`], it tells its traces itself.
    pub(super) fn leave(&self, run: Arc<Run>) {
        let mut traces = self.0.lock();
        if traces.size > 0 {
            traces.leaving.push(run);
        }
    }

    /// Remembers the tags of the traces of a run.
    pub(super) fn noted(&self, run: &Arc<Run>, tags: &[u64]) {
        self.add(tags);
        self.0.lock().leaving.retain(|leaving| !Arc::ptr_eq(leaving, run));
    }

    /// Remembers tags of a run. Generations change between runs: what is remembered does not depend on how ids are hashed.
    pub(super) fn add(&self, tags: &[u64]) {
        self.0.lock().turn();
        tags.chunks(AT_ONCE).for_each(|tags| self.0.lock().add(tags));
    }

    /// Whether records of a trace with this hash have gone.
    pub(super) fn contains(&self, hash: u64) -> bool {
        let Traces { leaving, new, old, .. } = &*self.0.lock();
        new.contains(&tag(hash)) || old.contains(&tag(hash)) || leaving.iter().any(|run| run.holds(hash))
    }
}

impl Traces {
    /// Forgets the older generation if the newer one is full.
    fn turn(&mut self) {
        if self.new.len() >= self.size {
            std::mem::swap(&mut self.new, &mut self.old);
            self.new.clear();
        }
    }

    fn add(&mut self, tags: &[u64]) {
        if self.size > 0 {
            self.new.extend(tags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_traces_are_remembered_and_those_before_them_forgotten() {
        let gone = Gone::new(100);
        // The tag of such a hash is the hash.
        let hash = |trace: u64| trace << 32;
        for run in 0..20 {
            gone.add(&(run * 10..run * 10 + 10).map(hash).collect::<Vec<u64>>());
        }
        assert!((100..200).all(|trace| gone.contains(hash(trace))), "the last 100 at least");
        gone.add(&[hash(1_000)]);
        let contains = |trace| gone.contains(hash(trace));
        assert!((100..200).all(contains) && !(0..100).any(contains));
        let none = Gone::new(0);
        none.add(&[hash(1)]);
        assert!(!none.contains(hash(1)), "it can be turned off");
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
