//! How long traces take so far: from the earliest start to the latest end of their spans.
//!
//! A trace that takes longer than a policy asks for is one to be decided, and the span that shows it is its trigger, as a span that failed
//! is one by itself. For traces that nothing triggers this is all that is kept of each.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::model::{Head, Timestamp, TraceId};

/// From when to when. A time of zero is none (OTLP).
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    start: Timestamp,
    end: Timestamp,
}

impl Default for Extent {
    fn default() -> Self {
        Self { start: Timestamp::MAX, end: Timestamp::default() }
    }
}

impl Extent {
    /// Takes in a span.
    pub(super) fn add(&mut self, head: &Head) {
        if head.start > Timestamp::default() {
            self.start = self.start.min(head.start);
        }
        self.end = self.end.max(head.end);
    }

    /// Whether it is longer than `most`, in whole milliseconds, as the Collector's `latency` policy counts.
    pub(super) fn is_longer(self, most: Duration) -> bool {
        self.end.since(self.start).as_millis() > most.as_millis()
    }
}

/// The extents of the traces that have come within a time, each counted from its first span.
#[derive(Debug)]
pub(super) struct Extents {
    life: Duration,
    /// Those that came since `since`, and those that came before.
    new: Table,
    old: Table,
    since: Timestamp,
}

/// With the instant at which the first span came.
type Table = HashMap<TraceId, (Timestamp, Extent), RandomState>;

impl Extents {
    pub(super) fn new(life: Duration) -> Self {
        Self { life, new: Table::default(), old: Table::default(), since: Timestamp::default() }
    }

    /// Forgets what came long ago, and gives back most of the room that it took.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if now >= self.since.after(self.life) {
            std::mem::swap(&mut self.new, &mut self.old);
            self.new.clear();
            self.new.shrink_to(self.old.len());
            self.since = now;
        }
    }

    /// Forgets all, because memory runs short; `false` if that gives back nothing.
    pub(super) fn forget(&mut self) -> bool {
        let held = self.bytes() > 0;
        (self.new, self.old) = (Table::default(), Table::default());
        held
    }

    /// Takes in a span; whether its trace takes longer than `most` with it. If so it is forgotten: whoever asks acts on it.
    pub(super) fn is_longer(&mut self, now: Timestamp, head: &Head, most: Duration) -> bool {
        self.expire(now);
        let mut place = match self.new.entry(head.trace_id) {
            Occupied(place) => place,
            Vacant(place) => {
                let known = self.old.remove(&head.trace_id);
                place.insert_entry(known.unwrap_or_else(|| (now, Extent::default())))
            }
        };
        let (first, extent) = place.get_mut();
        if now >= first.after(self.life) {
            (*first, *extent) = (now, Extent::default());
        }
        extent.add(head);
        let is_longer = extent.is_longer(most);
        if is_longer {
            place.remove();
        }
        is_longer
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        // A table takes a byte beside each place.
        (self.new.capacity() + self.old.capacity()) * (size_of::<(TraceId, (Timestamp, Extent))>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);
    const MOST: Duration = Duration::from_millis(500);

    fn at(ms: u64) -> Timestamp {
        Timestamp(ms * 1_000_000)
    }

    /// A span that ran between these milliseconds.
    fn span(trace: u8, from: u64, to: u64) -> Head {
        Head { trace_id: TraceId([trace; 16]), start: at(from), end: at(to), ..Head::default() }
    }

    #[test]
    fn a_trace_is_as_long_as_its_spans_together_whatever_their_order() {
        let mut extents = Extents::new(LIFE);
        let mut longer = |trace, from, to| extents.is_longer(at(1), &span(trace, from, to), MOST);
        assert!(!longer(1, 1_000, 1_300) && !longer(2, 1_400, 1_900));
        assert!(longer(1, 1_400, 1_501), "from 1,000 to 1,501");
        assert!(!longer(2, 1_450, 1_900) && longer(2, 1_399, 1_500), "from 1,399 to 1,900");
        assert!(longer(3, 1_000, 1_501) && !longer(4, 1_000, 1_500));
        // What is not known counts for nothing, nor does a span that ends before it starts.
        assert!(!longer(5, 0, 9_000) && !longer(6, 9_000, 0) && !longer(7, 9_000, 1_000));
    }

    #[test]
    fn it_is_forgotten_when_it_was_told_and_a_life_after_its_first_span() {
        let mut extents = Extents::new(LIFE);
        let minute = 60_000;
        assert!(!extents.is_longer(at(10), &span(1, 1_000, 1_001), MOST));
        assert!(!extents.is_longer(at(20), &span(2, 1_000, 1_001), MOST));
        assert!(extents.is_longer(at(minute), &span(1, 3_000, 3_001), MOST));
        assert!(!extents.is_longer(at(minute), &span(1, 9_000, 9_001), MOST), "it was told");
        assert!(!extents.is_longer(at(minute + 20), &span(2, 3_000, 3_001), MOST), "it is another trace by now");
        for trace in 3..=255 {
            assert!(!extents.is_longer(at(minute + 30), &span(trace, 1, 2), MOST));
        }
        let bytes = extents.bytes();
        assert!(bytes > 253 * 40 && bytes < 253 * 200, "{bytes}");
        for turn in 2..5 {
            extents.expire(at(turn * minute + 30));
        }
        assert_eq!(
            (extents.new.len() + extents.old.len(), extents.bytes()),
            (0, 0),
            "those that came long ago are gone"
        );
    }

    #[test]
    fn all_of_it_can_be_given_up() {
        let mut extents = Extents::new(LIFE);
        assert!(!extents.forget());
        assert!(!extents.is_longer(at(10), &span(1, 1_000, 1_001), MOST));
        assert!(extents.forget() && extents.bytes() == 0);
        assert!(!extents.is_longer(at(20), &span(1, 3_000, 3_001), MOST), "nobody knows when it began");
    }
}
