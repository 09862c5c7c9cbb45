//! Which traces had records that went without being sampled: one that fails after that is told as late, since what came first is not
//! there any more.
//!
//! Nearly all traces go so, and nobody told them apart while they were held. A run that goes leaves the tags of its traces here: 44
//! bits of a hash each. Beside a million of them, one other trace in seventeen million is taken for one of them.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::runs::{Run, tag};

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
}
