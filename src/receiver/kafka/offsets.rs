//! Which offsets of a partition may be committed, and where whoever takes it over must begin to read.
//!
//! An offset may be committed once every message before it has had its outcome. The traces that it cuts in two have records
//! before it as well, so reading begins earlier: at the first message that a trace with a record after it can have a record in.
//! That place goes into the metadata of the commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::model::{Decision, Keeper, Origin, Timestamp, TraceId};

/// Places that are remembered behind the committed offset lie at least so far apart: a broker may be given thousands of messages a
/// second.
const APART: Duration = Duration::from_millis(50);

/// Where a message stands in its partition, and in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its offset.
    pub offset: i64,
    /// Its time in the lane.
    pub at: Timestamp,
    /// Its timestamp as the broker tells it, in milliseconds: knows the message again.
    pub stamp: i64,
}

/// The messages of one partition that are being worked on.
#[derive(Debug)]
pub struct Offsets(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    /// Given to somebody else: nothing counts any more.
    frozen: bool,
    /// The offset after the last message that was taken.
    next: i64,
    /// Messages that have had no outcome, and those behind them.
    open: VecDeque<(Place, bool)>,
    /// Some of those before, the oldest first.
    past: VecDeque<Place>,
}

/// What is committed of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The offset of the first message that has had no outcome.
    pub offset: i64,
    /// Where reading must begin.
    pub from: Restart,
}

/// Where reading must begin, before the committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// The offset.
    pub offset: i64,
    /// The broker's timestamp of the message there, in milliseconds, if one was read.
    pub stamp: Option<i64>,
}

impl Restart {
    /// As the metadata of a commit.
    #[must_use]
    pub fn to_metadata(self) -> String {
        let stamp = self.stamp.map_or_else(|| "-".to_owned(), |stamp| stamp.to_string());
        format!("casefile/1 {} {stamp}", self.offset)
    }

    /// Out of the metadata of a commit; `None` if it is not by this program.
    #[must_use]
    pub fn from_metadata(metadata: &str) -> Option<Self> {
        let mut words = metadata.split(' ');
        if words.next() != Some("casefile/1") {
            return None;
        }
        let offset = words.next()?.parse().ok()?;
        let stamp = words.next()?;
        let stamp = if stamp == "-" { None } else { Some(stamp.parse().ok()?) };
        Some(Self { offset, stamp })
    }
}

impl Offsets {
    /// Of a partition whose committed offset is `next`.
    #[must_use]
    pub fn from(next: i64) -> Self {
        Self(Mutex::new(Inner { frozen: false, next, open: VecDeque::new(), past: VecDeque::new() }))
    }

    /// Notes a message before the committed offset that was read once more.
    pub fn reread(&self, place: Place) {
        remember(&mut self.0.lock().past, place);
    }

    /// Notes a message. What is returned keeps its offset from being committed.
    #[must_use]
    pub fn take(self: &Arc<Self>, place: Place) -> Origin {
        let mut inner = self.0.lock();
        inner.next = place.offset + 1;
        inner.open.push_back((place, false));
        let held = Held { offsets: Arc::clone(self), offset: place.offset, carried: AtomicBool::new(false) };
        Origin { number: u64::try_from(place.offset).unwrap_or(0), keeper: Arc::new(held) }
    }

    /// No message that comes has an offset before `next`.
    pub fn pass(&self, next: i64) {
        let mut inner = self.0.lock();
        inner.next = inner.next.max(next);
    }

    /// The offset of the first message that has had no outcome, else the one after the last; and that message's time.
    #[must_use]
    pub fn low(&self) -> (i64, Option<Timestamp>) {
        let mut inner = self.0.lock();
        while let Some((place, true)) = inner.open.front().copied() {
            inner.open.pop_front();
            remember(&mut inner.past, place);
        }
        inner.open.front().map_or((inner.next, None), |(place, _)| (place.offset, Some(place.at)))
    }

    /// Where reading must begin so that every message since `since` is read. What lies before is forgotten.
    pub fn restart(&self, since: Timestamp) -> Restart {
        let mut inner = self.0.lock();
        while inner.past.get(1).is_some_and(|place| place.at <= since) {
            inner.past.pop_front();
        }
        let first = inner.past.front().or_else(|| inner.open.front().map(|(place, _)| place));
        first.map_or(Restart { offset: inner.next, stamp: None }, |place| Restart {
            offset: place.offset,
            stamp: Some(place.stamp),
        })
    }

    /// From now on no outcome counts: the partition is given to somebody else.
    pub fn freeze(&self) {
        self.0.lock().frozen = true;
    }

    /// Messages that have had no outcome, or stand behind one that has none.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.lock().open.len()
    }

    fn done(&self, offset: i64) {
        let mut inner = self.0.lock();
        if inner.frozen {
            return;
        }
        if let Ok(at) = inner.open.binary_search_by_key(&offset, |(place, _)| place.offset)
            && let Some((_, done)) = inner.open.get_mut(at)
        {
            *done = true;
        }
    }
}

fn remember(past: &mut VecDeque<Place>, place: Place) {
    if past.back().is_none_or(|last| place.at.since(last.at) >= APART) {
        past.push_back(place);
    }
}

/// Keeps the offset of one message from being committed for as long as a record of it has had no outcome.
#[derive(Debug)]
struct Held {
    offsets: Arc<Offsets>,
    offset: i64,
    carried: AtomicBool,
}

impl Keeper for Held {
    /// What was decided stands in the store, and in the offset.
    fn settled(&self, _: TraceId, _: &Decision, _: &[u64]) {}

    fn carried(&self) {
        self.carried.store(true, Ordering::Release);
    }
}

impl Drop for Held {
    /// What a panic takes along has had no outcome.
    fn drop(&mut self) {
        if !self.carried.load(Ordering::Acquire) && !std::thread::panicking() {
            self.offsets.done(self.offset);
        }
    }
}

/// Where a message was kept that nobody has taken in yet: dropped before somebody has, it is left to the next reader.
#[derive(Debug, Default)]
pub struct Claim(Option<Origin>);

impl Claim {
    /// On the offset of a message; on none where it was committed before.
    #[must_use]
    pub fn on(origin: Option<Origin>) -> Self {
        Self(origin)
    }

    /// For who takes the message in.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.0.clone()
    }

    /// The message was taken in, or holds nothing: its offset is for others to keep.
    pub fn taken(&mut self) {
        self.0 = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(origin) = &self.0 {
            origin.keeper.carried();
        }
    }
}

/// How far a lane has come: what its partitions may commit together.
#[derive(Debug)]
pub struct Progress {
    parts: Vec<Arc<Offsets>>,
    /// The lane's time.
    now: AtomicU64,
    retention: Duration,
}

impl Progress {
    /// Of a lane whose windows hold records for `retention`.
    #[must_use]
    pub fn new(parts: Vec<Arc<Offsets>>, retention: Duration) -> Self {
        Self { parts, now: AtomicU64::new(0), retention }
    }

    /// Tells the lane's time: no message that comes is older.
    pub fn advance(&self, now: Timestamp) {
        self.now.store(now.0, Ordering::Release);
    }

    /// The lane's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Acquire))
    }

    /// What may be committed of each partition, and the time of the oldest message that has had no outcome (else the lane's).
    #[must_use]
    pub fn commits(&self) -> (Vec<Commit>, Timestamp) {
        // Before the offsets: a message that comes in between is younger.
        let now = self.now();
        let lows: Vec<_> = self.parts.iter().map(|part| part.low()).collect();
        let low = lows.iter().filter_map(|(_, at)| *at).min().map_or(now, |at| at.min(now));
        // A trace that has a record at `low` or later has none that is older than this.
        let since = low.before(self.retention);
        let commit = |(part, (offset, _)): (&Arc<Offsets>, &(i64, _))| {
            let from = part.restart(since);
            Commit {
                offset: *offset,
                from: if from.offset > *offset { Restart { offset: *offset, stamp: None } } else { from },
            }
        };
        (self.parts.iter().zip(&lows).map(commit).collect(), low)
    }

    /// From now on nothing counts: the lane is given to somebody else.
    pub fn freeze(&self) {
        self.parts.iter().for_each(|part| part.freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: i64, seconds: u64) -> Place {
        Place { offset, at: Timestamp(seconds * 1_000_000_000), stamp: i64::try_from(seconds).unwrap() * 1000 }
    }

    #[test]
    fn an_offset_is_committable_once_all_before_it_have_had_their_outcome() {
        let offsets = Arc::new(Offsets::from(10));
        assert_eq!(offsets.low(), (10, None));
        let [a, b, c] = [10, 11, 13].map(|offset| offsets.take(place(offset, 1)));
        drop(b);
        assert_eq!(offsets.low().0, 10);
        drop(a);
        assert_eq!(offsets.low().0, 13, "a gap in the offsets is passed over");
        drop(c);
        assert_eq!(offsets.low(), (14, None));
        offsets.pass(16);
        assert_eq!(offsets.low(), (16, None), "as is one at the end");
    }

    #[test]
    fn what_is_left_to_the_next_reader_holds_its_offset_for_good() {
        let offsets = Arc::new(Offsets::from(0));
        let (a, b) = (offsets.take(place(0, 1)), offsets.take(place(1, 1)));
        a.keeper.carried();
        drop((a, b));
        assert_eq!(offsets.low().0, 0);
    }

    #[test]
    fn what_nobody_took_in_and_what_a_panic_took_along_is_left_to_the_next_reader() {
        let offsets = Arc::new(Offsets::from(0));
        let mut taken = Claim::on(Some(offsets.take(place(0, 1))));
        let dropped = Claim::on(Some(offsets.take(place(1, 1))));
        let held = offsets.take(place(2, 1));
        taken.taken();
        drop((taken, dropped));
        assert_eq!(offsets.low().0, 1);
        let offsets = Arc::new(Offsets::from(2));
        drop(held);
        let held = offsets.take(place(2, 1));
        let thread = std::thread::spawn(move || {
            let _held = held;
            panic!("as a reader of stacks might");
        });
        assert!(thread.join().is_err());
        assert_eq!(offsets.low().0, 2);
    }

    #[test]
    fn nothing_counts_after_the_partition_was_given_away() {
        let offsets = Arc::new(Offsets::from(0));
        let held = offsets.take(place(0, 1));
        offsets.freeze();
        drop(held);
        assert_eq!(offsets.low().0, 0);
    }

    #[test]
    fn reading_begins_one_retention_before_the_oldest_message_of_the_lane() {
        let (spans, logs) = (Arc::new(Offsets::from(0)), Arc::new(Offsets::from(0)));
        let progress = Progress::new(vec![Arc::clone(&spans), Arc::clone(&logs)], Duration::from_secs(10));
        let span_origins: Vec<_> = (0..30).map(|i| spans.take(place(i, 100 + i.unsigned_abs()))).collect();
        let log_origins: Vec<_> = (0..30).map(|i| logs.take(place(i, 100 + i.unsigned_abs()))).collect();
        progress.advance(Timestamp(130 * 1_000_000_000));
        // The spans have all had their outcome, of the logs those before 120 s.
        drop(span_origins);
        let waiting = log_origins.into_iter().skip(20).collect::<Vec<_>>();
        let (commits, low) = progress.commits();
        assert_eq!(low, place(0, 120).at);
        let at = |offset, stamp: i64| Restart { offset, stamp: Some(stamp * 1000) };
        assert_eq!(commits[0], Commit { offset: 30, from: at(10, 110) });
        assert_eq!(commits[1], Commit { offset: 20, from: at(10, 110) });
        drop(waiting);
        let (commits, low) = progress.commits();
        assert_eq!((low, commits[1].offset), (Timestamp(130 * 1_000_000_000), 30));
        assert_eq!(commits[1].from, at(20, 120));
    }

    #[test]
    fn metadata_comes_back_as_it_was_written_and_others_is_told() {
        for restart in [Restart { offset: 17, stamp: Some(1_700_000_000_000) }, Restart { offset: 0, stamp: None }] {
            assert_eq!(Restart::from_metadata(&restart.to_metadata()), Some(restart));
        }
        for other in ["", "sarama", "casefile/1", "casefile/1 x -", "casefile/2 1 -"] {
            assert_eq!(Restart::from_metadata(other), None, "{other}");
        }
    }
}
