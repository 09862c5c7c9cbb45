//! Records on their way into a window.

use std::ops::Range;
use std::sync::Arc;

use super::open::ends_root;
use super::{Hasher, Mark, Ready, Unpacker, Window};
use crate::model::{Batch, Entry, Outcome, Record, Signal, Timestamp, TraceId, Tracked};

/// Where a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In an open trace, or one to be opened.
    Open,
    /// The same, and it triggers.
    Triggered,
    /// Among those of traces that nothing triggers.
    Waiting,
}

impl Window {
    /// For requests that are made ready for this window.
    #[must_use]
    pub fn hasher(&self) -> Hasher {
        self.hasher.clone()
    }

    /// Takes in the records of a request that have a trace id; `tracked` is theirs, and each has its mark. Where it is held as it came,
    /// `unpacker` gives records of open traces their bytes.
    pub fn admit_request(
        &mut self,
        now: Timestamp,
        ready: &Ready<'_>,
        tracked: Tracked,
        marks: &[Mark],
        unpacker: &Unpacker,
    ) {
        let now = self.clock.observe(now);
        self.owe(tracked);
        let Ready { batch, entries, .. } = *ready;
        let mut joined: Vec<TraceId> = Vec::new();
        // From here on records wait that are in no run yet.
        let mut from = 0;
        for (at, (entry, mark)) in entries.iter().zip(marks).enumerate() {
            let trace_id = entry.head.trace_id;
            let place = if trace_id.is_zero() { None } else { Some(self.place(now, batch, entry, *mark)) };
            if place == Some(Place::Waiting) {
                continue;
            }
            self.wait(now, ready, from..at);
            from = at + 1;
            let Some(place) = place else { continue };
            self.join(now, batch, entry, *mark, place);
            if batch.packed.is_some() {
                joined.push(trace_id);
            }
        }
        self.wait(now, ready, from..entries.len());
        for trace_id in joined {
            let others = self.traces.get_mut(&trace_id).map_or(0, |open| open.unpack(trace_id, unpacker));
            self.tracked.iter_mut().for_each(|tracked| tracked.split(others).settle(Outcome::NotSampled));
        }
        self.account();
    }

    /// Takes in a record; `tracked` is that one record's. `triggered` says that it alone makes its trace worth deciding.
    ///
    /// A record of a trace that has closed opens it anew.
    pub fn admit(&mut self, now: Timestamp, record: Record, tracked: Tracked, triggered: bool) {
        self.admit_as(now, record, tracked, if triggered { Mark::Trigger } else { Mark::None });
    }

    /// Takes in a record of a trace that was sampled before: it triggers, and its trace closes as [`CloseReason::Late`](crate::model::CloseReason::Late).
    pub fn admit_late(&mut self, now: Timestamp, record: Record, tracked: Tracked) {
        self.admit_as(now, record, tracked, Mark::Late);
    }

    fn admit_as(&mut self, now: Timestamp, record: Record, tracked: Tracked, mark: Mark) {
        debug_assert_eq!(tracked.records(), 1, "a record is admitted with what is owed to it, no more and no less");
        let now = self.clock.observe(now);
        self.owe(tracked);
        match self.place(now, &record.batch, &record.entry, mark) {
            Place::Waiting => {
                let ready = Ready::new(&self.hasher, &record.batch, std::slice::from_ref(&record.entry));
                self.wait(now, &ready, 0..1);
            }
            place => self.join(now, &record.batch, &record.entry, mark, place),
        }
        self.account();
    }

    fn owe(&mut self, tracked: Tracked) {
        match &mut self.tracked {
            Some(all) => all.merge(tracked),
            none => *none = Some(tracked),
        }
    }

    /// Where a record belongs.
    fn place(&mut self, now: Timestamp, batch: &Batch, entry: &Entry, mark: Mark) -> Place {
        let trace_id = entry.head.trace_id;
        let is_open = self.traces.contains_key(&trace_id);
        if mark != Mark::None || self.kept.take(now, trace_id) || (!is_open && self.takes_long(now, batch, entry)) {
            Place::Triggered
        } else if is_open || self.runs.is_none() {
            Place::Open
        } else {
            Place::Waiting
        }
    }

    /// Takes in records of traces that nothing triggers.
    fn wait(&mut self, now: Timestamp, ready: &Ready<'_>, records: Range<usize>) {
        if let Some(runs) = &mut self.runs {
            runs.put(now, self.clock.outside(now), ready, ready.rows(records));
        }
    }

    /// Takes in a record of an open trace, or one that opens it.
    fn join(&mut self, now: Timestamp, batch: &Arc<Batch>, entry: &Entry, mark: Mark, place: Place) {
        let trace_id = entry.head.trace_id;
        if !self.traces.contains_key(&trace_id) {
            let held = self.gather(now, Timestamp::default(), trace_id);
            self.open(now, trace_id, held);
        }
        let longest = self.settings.longest;
        self.change(trace_id, |open| {
            open.late |= mark == Mark::Late;
            let record = Record { batch: Arc::clone(batch), entry: *entry };
            open.take(now, record, ends_root(batch.signal, &entry.head));
            if place == Place::Triggered || longest.is_some_and(|most| open.is_longer(most)) {
                open.trigger(now);
            }
        });
    }

    /// Whether the trace of a record that waits takes longer than it may with it. Open ones know that of themselves.
    fn takes_long(&mut self, now: Timestamp, batch: &Batch, entry: &Entry) -> bool {
        let most = self.settings.longest.filter(|_| self.runs.is_some() && batch.signal == Signal::Traces);
        most.is_some_and(|most| self.extents.is_longer(now, &entry.head, most))
    }
}
