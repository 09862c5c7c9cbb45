//! Past decisions, as many as are configured, the least recently used forgotten first.
//!
//! Forgetting is safe: a late record of a forgotten sampled trace is judged by the policies again, and the store tells a
//! bundle from an amendment by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::filter::Filter;
use crate::config::DecisionCache;
use crate::model::TraceId;

type Decisions<V> = Cache<TraceId, V, RandomState>;

/// What became of a trace that was not sampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Past {
    /// No policy asked for it.
    Unwanted,
    /// This `drop` policy matched.
    Dropped(Arc<str>),
}

/// What became of a trace that was sampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sampled {
    /// This policy asked for it first.
    pub(super) policy: Arc<str>,
    /// Its incident had as many bundles as it may, so it has none.
    pub(super) over_limit: bool,
}

/// Decisions by trace id; `None` where the configured size is 0.
#[derive(Debug)]
pub(super) struct Memory {
    /// What may be in `sampled`, which is asked for every record: a cache costs more than all else that a record needs.
    perhaps_sampled: Filter,
    sampled: Option<Decisions<Sampled>>,
    /// How often a trace was put there.
    times_sampled: AtomicU64,
    not_sampled: Option<Decisions<Past>>,
}

impl Memory {
    pub(super) fn new(config: &DecisionCache) -> Self {
        Self {
            perhaps_sampled: Filter::new(config.sampled_cache_size),
            sampled: cache(config.sampled_cache_size),
            times_sampled: AtomicU64::new(0),
            not_sampled: cache(config.non_sampled_cache_size),
        }
    }

    /// What became of this trace, if it was sampled.
    pub(super) fn sampled(&self, trace_id: TraceId) -> Option<Sampled> {
        let sampled = self.sampled.as_ref()?;
        self.perhaps_sampled.may_contain(trace_id).then(|| sampled.get(&trace_id))?
    }

    /// Which of these traces may have been sampled: of the others, none was.
    pub(super) fn perhaps_sampled(&self, ids: impl Iterator<Item = TraceId>) -> Vec<bool> {
        self.perhaps_sampled.may_contain_each(ids)
    }

    /// Grows with every trace that is remembered as sampled, once that can be seen.
    pub(super) fn times_sampled(&self) -> u64 {
        self.times_sampled.load(Ordering::Acquire)
    }

    /// Why this trace was not sampled.
    pub(super) fn not_sampled(&self, trace_id: TraceId) -> Option<Past> {
        self.not_sampled.as_ref()?.get(&trace_id)
    }

    pub(super) fn remember_sampled(&self, trace_id: TraceId, policy: &Arc<str>) {
        self.remember(trace_id, Sampled { policy: Arc::clone(policy), over_limit: false });
    }

    /// That this trace, which was sampled, has no bundle. One that is forgotten already stays so.
    pub(super) fn remember_over_limit(&self, trace_id: TraceId) {
        if let Some(sampled) = self.sampled(trace_id) {
            self.remember(trace_id, Sampled { over_limit: true, ..sampled });
        }
    }

    fn remember(&self, trace_id: TraceId, sampled: Sampled) {
        if let Some(cache) = &self.sampled {
            cache.insert(trace_id, sampled);
            self.perhaps_sampled.insert(trace_id, || cache.iter().map(|(known, _)| *known));
        }
        // Who sees this sees what was put there before.
        self.times_sampled.fetch_add(1, Ordering::Release);
        if let Some(cache) = &self.not_sampled {
            cache.invalidate(&trace_id);
        }
    }

    pub(super) fn remember_not_sampled(&self, trace_id: TraceId, past: Past) {
        if let Some(cache) = &self.not_sampled {
            cache.insert(trace_id, past);
        }
    }

    /// Carries out evictions that are still to be done.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        self.sampled.iter().for_each(Cache::run_pending_tasks);
    }
}

fn cache<V: Clone + Send + Sync + 'static>(size: u64) -> Option<Decisions<V>> {
    // LRU, because the default (TinyLFU) refuses new ids while the cache is full of others that were asked for as often.
    (size > 0).then(|| {
        Cache::builder()
            .max_capacity(size)
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(RandomState::default())
    })
}
