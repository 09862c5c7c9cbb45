//! Log records without a trace id, held for a while so that bundles can take them in.
//!
//! Two things join them to a trace: a value that they share with a span or log of it ([`Correlation`]), or, where they carry
//! no such value, that they were written by the instance of the service that failed, around the failure. They belong to no
//! trace and so to no shard: all shards share one [`LooseLogs`].
//!
//! This memory may forget, and then their outcome is what it would have been without it (`no_trace_id`): it keeps them for a
//! time, within a share of the windows' bytes, and gives way whenever a request needs the room. It is no cache of moka's: those
//! expire by the machine's clock, and a replay has its own; and of too many records the oldest must go, not the least asked for.
//!
//! What is found depends on the records that are here, never on their order or batching: records are chosen by their times, and
//! where those are equal by their bytes.

mod instance;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;
use smallvec::SmallVec;

use self::instance::Instance;
use super::clock::Clock;
use crate::config::{LogJoin, Problem};
use crate::model::{
    Batch, Budget, DropReason, Entry, Loose, LooseSet, Outcome, Record, Signal, Timestamp, TraceId, Tracked,
};
use crate::otlp::{Correlation, CorrelationId, carries_trace_id};

/// What a record is counted for besides its bytes: itself, and its places in the indexes.
const RECORD_COST: usize = size_of::<Loose>() + 256;
/// The share of the windows' bytes that these records may hold: a fourth.
const SHARE: usize = 4;
/// Most ids of which it is remembered which trace was kept with them. Each counts for one record that is still to come.
const MAX_IDS: u64 = 100_000;
/// `severity_number` from which a record is noteworthy (`SEVERITY_NUMBER_WARN`).
const SEVERITY_WARN: i32 = 13;

/// Held log records without a trace id. Shared by all shards.
#[derive(Debug)]
pub struct LooseLogs {
    settings: LogJoin,
    hold: Duration,
    max_bytes: usize,
    budget: Budget,
    correlation: Correlation,
    held: Mutex<Held>,
    /// The trace that was kept last with an id, and when.
    kept: Cache<CorrelationId, (TraceId, Timestamp), RandomState>,
}

#[derive(Debug, Default)]
struct Held {
    clock: Clock,
    /// In the order of arrival, which is that of expiry.
    queue: VecDeque<Place>,
    /// Bytes of the records in the queue, with what keeping them costs.
    bytes: usize,
    arrived: u64,
    /// Those that carry an id, by each of theirs.
    by_id: HashMap<CorrelationId, VecDeque<(u64, Arc<Loose>)>, RandomState>,
    /// Those that carry none.
    by_instance: BTreeMap<Arc<Instance>, Written>,
}

/// What an instance wrote, by time: what is noteworthy, and the rest.
type Written = [BTreeMap<(Timestamp, u64), Arc<Loose>>; 2];

/// A record in the queue, and where it stands in the indexes.
#[derive(Debug)]
struct Place {
    until: Timestamp,
    number: u64,
    loose: Arc<Loose>,
    at: Index,
}

#[derive(Debug)]
enum Index {
    Ids(SmallVec<[CorrelationId; 2]>),
    Instance(Arc<Instance>),
}

/// A record that belongs to a trace which was kept before.
#[derive(Debug)]
pub struct Late {
    /// The trace.
    pub trace_id: TraceId,
    /// The record, as one of that trace.
    pub record: Record,
    /// What it is owed.
    pub tracked: Tracked,
}

impl LooseLogs {
    /// A memory that keeps records for `hold`, out of `budget`.
    ///
    /// # Errors
    /// Every name in `correlate_by` that says nothing or repeats another, with its path under `logs`.
    pub fn compile(settings: &LogJoin, hold: Duration, budget: &Budget) -> Result<Self, Vec<Problem>> {
        let problems = problems_of(&settings.correlate_by);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            settings: settings.clone(),
            hold,
            max_bytes: budget.limit() / SHARE,
            budget: budget.clone(),
            correlation: Correlation::new(&settings.correlate_by),
            held: Mutex::default(),
            kept: Cache::builder()
                .max_capacity(if settings.correlate_by.is_empty() { 0 } else { MAX_IDS })
                .eviction_policy(EvictionPolicy::lru())
                .build_with_hasher(RandomState::default()),
        })
    }

    /// Takes in those of a batch's entries that are log records without a trace id; `tracked` is theirs. What nothing can join
    /// has its outcome at once. Answers with those that belong to a trace which was kept already.
    pub fn admit<'e>(
        &self,
        now: Timestamp,
        batch: &Arc<Batch>,
        entries: impl Iterator<Item = &'e Entry>,
        mut tracked: Tracked,
    ) -> Vec<Late> {
        let mut late = Vec::new();
        if batch.signal == Signal::Logs && !self.is_off() {
            let mut instances = Instances::default();
            let mut held = self.held.lock();
            let now = held.clock.observe(now);
            held.expire(now);
            for entry in entries {
                let record = Record { batch: Arc::clone(batch), entry: *entry };
                let Some(at) = self.index(&record, &mut instances) else { continue };
                let mut owed = Some(tracked.split(1));
                if let Some(trace_id) = self.kept_with(now, &at) {
                    let mut record = record.clone();
                    record.entry.head.trace_id = trace_id;
                    late.extend(owed.take().map(|tracked| Late { trace_id, record, tracked }));
                }
                // Other traces that carry its id may be open still.
                let loose = Arc::new(Loose::new(record, owed, self.budget.take_anyway(RECORD_COST)));
                held.put(now.after(self.hold), loose, at);
            }
            while held.bytes > self.max_bytes && held.forget_oldest() {}
        }
        tracked.settle(Outcome::Dropped(DropReason::NoTraceId));
        late
    }

    /// The ids that records carry which came with the id of their trace.
    #[must_use]
    pub fn ids(&self, records: &[Record]) -> BTreeSet<CorrelationId> {
        let mut ids = BTreeSet::new();
        // One that was joined by an id itself brings no other ids in: nobody could say what those have to do with the trace.
        for record in records.iter().filter(|record| !self.correlation.is_off() && carries_trace_id(record)) {
            self.correlation.each_id(record, |id| {
                ids.insert(id);
            });
        }
        ids
    }

    /// From now on a record with one of these ids belongs to this trace.
    pub fn keep(&self, now: Timestamp, trace_id: TraceId, ids: &BTreeSet<CorrelationId>) {
        if ids.is_empty() {
            return;
        }
        let now = self.held.lock().clock.observe(now);
        ids.iter().for_each(|id| self.kept.insert(*id, (trace_id, now)));
    }

    /// Takes [`LooseLogs::keep`] back: the trace is not kept after all.
    pub fn release(&self, trace_id: TraceId, ids: &BTreeSet<CorrelationId>) {
        for id in ids {
            if self.kept.get(id).is_some_and(|(kept, _)| kept == trace_id) {
                self.kept.invalidate(id);
            }
        }
    }

    /// Those that carry one of these ids; of more than `max_per_trace` the latest.
    #[must_use]
    pub fn sharing(&self, ids: &BTreeSet<CorrelationId>) -> LooseSet {
        let mut found = BTreeMap::new();
        if !ids.is_empty() {
            let held = self.held.lock();
            for (number, loose) in ids.iter().filter_map(|id| held.by_id.get(id)).flatten() {
                found.insert(*number, Arc::clone(loose));
            }
        }
        let mut logs: Vec<Arc<Loose>> = found.into_values().collect();
        logs.sort_unstable_by(|a, b| order(b).cmp(&order(a)));
        logs.dedup_by(|again, loose| is_again(again, loose));
        let more = logs.len() > self.settings.max_per_trace;
        logs.truncate(self.settings.max_per_trace);
        LooseSet { logs, more }
    }

    /// Those without any id that were written around `at` by the instance that this resource (its message) speaks of.
    #[must_use]
    pub fn around(&self, resource: &[u8], at: Timestamp) -> LooseSet {
        let ambient = &self.settings.ambient;
        let Some(instance) = Instance::of(resource).filter(|_| ambient.max > 0 && at.0 > 0) else {
            return LooseSet::default();
        };
        let (from, to) = (at.before(ambient.lookback.0), at.after(ambient.lookahead.0));
        let held = self.held.lock();
        let written: Vec<&Written> =
            held.by_instance.iter().filter(|(other, _)| instance.fits(other)).map(|(_, written)| written).collect();
        // One more than may be shown tells that there are more.
        let mut logs: Vec<&Arc<Loose>> = Vec::new();
        for kind in 0..2 {
            let of_kind = written.iter().filter_map(|written| written.get(kind));
            logs.extend(nearest(of_kind, from, at, to, ambient.max + 1 - logs.len()));
        }
        let more = logs.len() > ambient.max;
        LooseSet { logs: logs.into_iter().take(ambient.max).map(Arc::clone).collect(), more }
    }

    /// Lets go of those whose time is over.
    pub fn expire(&self, now: Timestamp) {
        if self.is_off() {
            return;
        }
        let mut held = self.held.lock();
        let now = held.clock.observe(now);
        held.expire(now);
    }

    /// Lets go of the one that is here longest; `false` if there is none.
    #[must_use]
    pub fn forget_oldest(&self) -> bool {
        self.held.lock().forget_oldest()
    }

    /// Lets go of all, and leaves them to the next start, which finds them on disk.
    pub fn carry(&self) {
        self.held.lock().queue.iter().for_each(|place| place.loose.settle(Outcome::Carried));
        self.clear();
    }

    /// Lets go of all.
    pub fn clear(&self) {
        let mut held = self.held.lock();
        while held.forget_oldest() {}
    }

    /// Records held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.lock().queue.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_off(&self) -> bool {
        self.correlation.is_off() && self.settings.ambient.max == 0
    }

    /// Where a record is looked for; `None` if nothing can join it.
    fn index(&self, record: &Record, instances: &mut Instances) -> Option<Index> {
        let mut ids = SmallVec::new();
        self.correlation.each_id(record, |id| {
            if !ids.contains(&id) {
                ids.push(id);
            }
        });
        if !ids.is_empty() {
            return Some(Index::Ids(ids));
        }
        // Somebody else's request is no surroundings, so a record with an id is never ambient.
        let is_ambient = self.settings.ambient.max > 0 && record.entry.head.start.0 > 0;
        is_ambient.then(|| instances.of(record))?.map(Index::Instance)
    }

    /// The trace that was kept with one of these ids, if that is not too long ago for an id to mean the same.
    fn kept_with(&self, now: Timestamp, at: &Index) -> Option<TraceId> {
        let Index::Ids(ids) = at else { return None };
        let kept = ids.iter().filter_map(|id| self.kept.get(id));
        kept.filter(|(_, since)| now.since(*since) <= self.hold).map(|(trace_id, _)| trace_id).min()
    }
}

impl Held {
    fn put(&mut self, until: Timestamp, loose: Arc<Loose>, at: Index) {
        self.arrived += 1;
        let number = self.arrived;
        self.bytes += cost(&loose);
        match &at {
            Index::Ids(ids) => {
                for id in ids {
                    self.by_id.entry(*id).or_default().push_back((number, Arc::clone(&loose)));
                }
            }
            Index::Instance(instance) => {
                let kinds = self.by_instance.entry(Arc::clone(instance)).or_default();
                kinds[kind(&loose)].insert((loose.record().entry.head.start, number), Arc::clone(&loose));
            }
        }
        self.queue.push_back(Place { until, number, loose, at });
    }

    fn expire(&mut self, now: Timestamp) {
        while self.queue.front().is_some_and(|place| place.until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(Place { number, loose, at, .. }) = self.queue.pop_front() else { return false };
        self.bytes -= cost(&loose);
        match at {
            Index::Ids(ids) => {
                for id in ids {
                    let Some(places) = self.by_id.get_mut(&id) else { continue };
                    while places.front().is_some_and(|(other, _)| *other <= number) {
                        places.pop_front();
                    }
                    if places.is_empty() {
                        self.by_id.remove(&id);
                    }
                }
            }
            Index::Instance(instance) => {
                if let Some(kinds) = self.by_instance.get_mut(&instance) {
                    kinds[kind(&loose)].remove(&(loose.record().entry.head.start, number));
                    if kinds.iter().all(BTreeMap::is_empty) {
                        self.by_instance.remove(&instance);
                    }
                }
            }
        }
        true
    }
}

/// The instances that a batch speaks of: records that stand together share a resource.
#[derive(Debug, Default)]
struct Instances {
    last: Option<(crate::model::ByteRange, Option<Arc<Instance>>)>,
}

impl Instances {
    fn of(&mut self, record: &Record) -> Option<Arc<Instance>> {
        let range = record.entry.resource;
        match &self.last {
            Some((known, instance)) if *known == range => instance.clone(),
            _ => {
                let instance = Instance::of(record.resource()).map(Arc::new);
                self.last = Some((range, instance.clone()));
                instance
            }
        }
    }
}

/// The distinct records that lie nearest to `at`, at most `most` of them.
fn nearest<'h>(
    written: impl Iterator<Item = &'h BTreeMap<(Timestamp, u64), Arc<Loose>>>,
    from: Timestamp,
    at: Timestamp,
    to: Timestamp,
    most: usize,
) -> Vec<&'h Arc<Loose>> {
    let mut found: Vec<&Arc<Loose>> = Vec::new();
    for by_time in written {
        let before = by_time.range((from, 0)..=(at, u64::MAX)).rev();
        let after = by_time.range((Timestamp(at.0.saturating_add(1)), 0)..=(to.max(at), u64::MAX));
        found.extend(first(before.map(|(_, loose)| loose), most));
        found.extend(first(after.map(|(_, loose)| loose), most));
    }
    let distance = |loose: &Arc<Loose>| {
        let time = loose.record().entry.head.start;
        time.since(at).max(at.since(time))
    };
    found.sort_unstable_by(|a, b| (distance(a), order(a)).cmp(&(distance(b), order(b))));
    found.dedup_by(|again, loose| is_again(again, loose));
    found.truncate(most);
    found
}

/// The first distinct ones of records that come by time, and all whose time is that of the last of these.
fn first<'h>(logs: impl Iterator<Item = &'h Arc<Loose>>, most: usize) -> Vec<&'h Arc<Loose>> {
    let mut found: Vec<&Arc<Loose>> = Vec::new();
    let mut begin = 0;
    for loose in logs {
        let time = |loose: &Arc<Loose>| loose.record().entry.head.start;
        if found.last().is_some_and(|last| time(last) != time(loose)) {
            distinct(&mut found, begin);
            if found.len() >= most {
                return found;
            }
            begin = found.len();
        }
        found.push(loose);
    }
    distinct(&mut found, begin);
    found
}

/// Leaves one of each record among those from `begin` on, which are of one time.
fn distinct(found: &mut Vec<&Arc<Loose>>, begin: usize) {
    let mut same_time = found.split_off(begin);
    same_time.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    same_time.dedup_by(|again, loose| is_again(again, loose));
    found.append(&mut same_time);
}

/// By time, then by content.
fn order(loose: &Arc<Loose>) -> (Timestamp, &[u8], &[u8], &[u8]) {
    let record = loose.record();
    (record.entry.head.start, record.body(), record.resource(), record.scope())
}

/// Whether a record was delivered once more, which then is its outcome.
fn is_again(again: &Arc<Loose>, loose: &Arc<Loose>) -> bool {
    let same = order(again) == order(loose);
    if same {
        again.settle(Outcome::Dropped(DropReason::Duplicate));
    }
    same
}

fn kind(loose: &Loose) -> usize {
    usize::from(loose.record().entry.head.severity < SEVERITY_WARN)
}

fn cost(loose: &Loose) -> usize {
    loose.record().body().len() + RECORD_COST
}

fn problems_of(names: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: Vec<(String, &String)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let path = format!("correlate_by[{at}]");
        match Correlation::spelling(name) {
            None => problems.push(
                Problem::new(path, format!("`{name}` names no attribute"))
                    .instead("write the name of an attribute whose value is an id, such as `request_id`"),
            ),
            Some(spelling) => match known.iter().find(|(other, _)| *other == spelling) {
                Some((_, other)) => problems.push(
                    Problem::new(path, format!("`{name}` is `{other}` in another spelling"))
                        .instead("name it once: all spellings of a name count"),
                ),
                None => known.push((spelling, name)),
            },
        }
    }
    problems
}
