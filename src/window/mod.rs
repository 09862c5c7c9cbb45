//! Holds the records of every trace until the trace can be decided. Synchronous: time is an argument.
//!
//! A [`Window`] is one shard: which traces it sees is the caller's choice, as long as all records of a trace come to the
//! same one. Spans, logs and exemplars join by trace id alone, so it does not matter which comes first.
//!
//! # When a trace closes
//!
//! | the trace | closes | [`CloseReason`] |
//! |---|---|---|
//! | has a trigger (with `longest`: or takes longer) | `decision_wait` after its first trigger | `DecisionWait` |
//! | has a trigger, and its root has ended | `decision_wait_after_root` after the later of the two, if that is sooner | `RootReceived` |
//! | has no trigger | `retention` after its first record | `Retention` |
//! | any, with `whole_traces` | `decision_wait` after its first record, or after its root as above | `DecisionWait`, `RootReceived` |
//! | has a trigger, and `max_records` records | at once | `TraceLimit` |
//! | was sampled before ([`Window::admit_late`]) | as a triggered one | `Late` |
//! | any, when memory runs short ([`Window::relieve`]) | the oldest first | `Pressure` |
//!
//! All of these count from when a record *arrived*, never from what it says about itself: a sender whose clock is wrong
//! disturbs nobody. Traces whose deadlines are equal close in the order of their ids.
//!
//! # Cost
//!
//! Of an open trace a record costs one hash lookup; the order of deadlines is touched only when a trace's deadline moves, which
//! happens at most four times in its life. All records of a window share one [`Tracked`], split again when a trace closes.
//!
//! Where policies keep a trace only for a record that triggers ([`Window::by_trigger`]), a trace is open from its first trigger
//! on, and until then its records cost 16 bytes each (`runs`). They expire by their own age then. There a request may be held as it
//! came, compressed: the records of a closed trace are then without bytes until an [`Unpacker`] gives them theirs. With `longest` each
//! trace also has an entry that says how long it takes so far (`extent`).

mod admit;
mod clock;
mod extent;
mod gone;
mod hasher;
mod kept;
mod log;
mod loose;
mod open;
mod ready;
mod runs;
#[cfg(test)]
mod tests;
mod unpack;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::model::{Batch, CloseReason, ClosedTrace, Outcome, Permit, Record, Timestamp, TraceId, Tracked};

pub use log::{Appended, LogError, LogSettings, Marks, Recovered, Recovery, RecoveryStats, SYNCS, Ticket, WindowLog};

use clock::Clock;
use extent::Extents;
pub use gone::LetGo;
pub use hasher::Hasher;
use kept::Kept;
pub use loose::{Late, LooseLogs};
use open::{Deadline, Open};
pub use ready::Ready;
use runs::{Gathered, LeftRuns, Run, Runs};
pub use unpack::Unpacker;

/// What a record of an open trace is counted for besides its bytes: itself, and room for its share of its trace's place.
pub const OPEN_COST: usize = size_of::<Record>() + 160;
/// What one is counted for whose trace is not open, in a window [`Window::by_trigger`].
pub const WAITING_COST: usize = 24;

/// How long a shard holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// From a trace's first trigger to its close.
    pub decision_wait: Duration,
    /// From the end of its root, if that is sooner; zero turns it off.
    pub decision_wait_after_root: Duration,
    /// From the first record of an untriggered trace to its expiry.
    pub retention: Duration,
    /// A trace that has a trigger and so many records closes.
    pub max_records: usize,
    /// A trace that takes longer than this has a trigger by that, because a policy asks for it.
    pub longest: Option<Duration>,
    /// Whether every trace is decided (`decision_wait` after its first record), because a policy needs whole traces.
    pub whole_traces: bool,
    /// In a window [`Window::by_trigger`]: of so many traces it is remembered at least that they were let go, not sampled.
    pub remembered: usize,
}

/// One shard of the window.
#[derive(Debug)]
pub struct Window {
    settings: Settings,
    clock: Clock,
    hasher: Hasher,
    /// Seeded at random: trace ids come from outside, and chosen ones must not collide.
    traces: HashMap<TraceId, Open, RandomState>,
    /// The deadline of every open trace.
    order: BTreeSet<(Timestamp, TraceId)>,
    kept: Kept,
    /// What all records here are owed; `None` until the first one comes.
    tracked: Option<Tracked>,
    /// Where traces without a trigger are told apart by nobody: their records. Otherwise they are open like others.
    runs: Option<Runs>,
    /// How long those traces take so far.
    extents: Extents,
    /// Whether what nothing keeps beside memory has had its outcome before.
    rereads: bool,
    /// What is held for open traces, and for how long the others take, beyond what was taken when their requests were admitted.
    room: Option<Permit>,
    /// What has gone, to be freed when nobody waits for the window.
    spent: Vec<Run>,
    /// The same, not sampled: its traces are to be noted before.
    left: Vec<Arc<Run>>,
    /// Requests of it that went before it.
    trimmed: Vec<Arc<Batch>>,
}

/// What a record says about whether its trace is worth deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// It alone makes it worth deciding.
    Trigger,
    /// It was sampled before: as a trigger, and it closes as [`CloseReason::Late`].
    Late,
}

/// Memory that a window has no use for any more: [`Window::take_spent`].
#[derive(Debug)]
#[must_use = "traces that have gone are to be remembered"]
pub struct Spent {
    left: Option<LeftRuns>,
    #[expect(dead_code, reason = "they are there to be dropped")]
    others: (Vec<Run>, Vec<Arc<Batch>>),
}

impl Spent {
    /// Remembers which traces were let go, not sampled. Until then what held them stays in memory, and tells it at a higher price. The
    /// answer says the same, to be kept beside memory before this is dropped.
    #[must_use]
    pub fn remember(&self) -> Vec<LetGo> {
        self.left.as_ref().map(LeftRuns::remember).unwrap_or_default()
    }
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Clock::default(),
            hasher: Hasher::default(),
            traces: HashMap::default(),
            order: BTreeSet::new(),
            kept: Kept::default(),
            tracked: None,
            runs: None,
            extents: Extents::new(settings.retention),
            rereads: false,
            room: None,
            spent: Vec::new(),
            left: Vec::new(),
            trimmed: Vec::new(),
        }
    }

    /// A window of traces that are sampled only if a record of theirs triggers. The others never come out of it: their records
    /// go one by one, not sampled, `retention` after they came (or up to a 64th later), and cost little until then. What open
    /// traces cost beyond that is held in `room`.
    #[must_use]
    pub fn by_trigger(settings: Settings, room: Permit) -> Self {
        let window = Self::new(settings);
        let runs = Runs::new(settings.retention, settings.remembered, room.limit(), window.hasher.clone());
        Self { runs: Some(runs), room: Some(room), ..window }
    }

    /// The same, where requests without an origin are read once more: when a record of one goes, it has had its outcome before
    /// ([`Outcome::Reread`]).
    #[must_use]
    pub fn by_trigger_with_rereads(settings: Settings, room: Permit) -> Self {
        Self { rereads: true, ..Self::by_trigger(settings, room) }
    }

    /// Changes the settings. They hold for traces that open from now on, and for open ones once something changes their deadline.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Marks a trace as one to keep, whether its records are here already or not ("keep this id"): as if one of its
    /// records had triggered at `now`.
    ///
    /// Where none is here, the id is remembered for `retention` (a bounded number of ids, the oldest forgotten first), and
    /// the first record that comes triggers.
    pub fn keep(&mut self, now: Timestamp, trace_id: TraceId) {
        let now = self.clock.observe(now);
        if self.traces.contains_key(&trace_id) || self.open_held(now, Timestamp::default(), trace_id) {
            self.change(trace_id, |open| open.trigger(now));
            self.account();
        } else {
            self.kept.remember(now, trace_id, now.after(self.settings.retention));
        }
    }

    /// As [`Window::keep`], of a trace whose decision has fallen: what came for it since it was `closed` is not to wait until it
    /// would expire. What comes from now on is late by itself.
    pub fn keep_open(&mut self, now: Timestamp, trace_id: TraceId, closed: Timestamp) {
        let since = self.clock.inside(closed);
        if self.traces.contains_key(&trace_id) || self.open_held(self.clock.observed(), since, trace_id) {
            self.keep(now, trace_id);
        }
    }

    /// The records of a trace that are here ("the pieces of this id"), without closing it. Those of a request that is held as it came are
    /// without bytes.
    #[must_use]
    pub fn pieces(&self, trace_id: TraceId) -> Vec<Record> {
        let held = || self.runs.as_ref().map_or_else(Vec::new, |runs| runs.pieces(trace_id));
        self.traces.get(&trace_id).map_or_else(held, |open| open.records.clone())
    }

    /// Closes at most `limit` traces whose deadline has come, in the order (deadline, trace id).
    ///
    /// A `now` that lies before an earlier one brings no deadline nearer and moves none away: the window's own time never
    /// runs backwards. A `now` that jumps ahead closes everything whose deadline it passes; what comes for those traces
    /// afterwards opens them anew.
    pub fn advance(&mut self, now: Timestamp, limit: usize) -> Vec<ClosedTrace> {
        let now = self.clock.observe(now);
        self.kept.expire(now);
        self.extents.expire(now);
        while self.runs.as_ref().and_then(Runs::deadline).is_some_and(|deadline| deadline <= now) {
            self.let_go(Outcome::NotSampled);
        }
        self.trimmed.extend(self.runs.iter_mut().flat_map(|runs| runs.trim(now)));
        self.close(now, limit, |deadline| deadline <= now, None)
    }

    /// Closes at most `limit` traces whatever their deadline, in the order (deadline, trace id).
    pub fn drain(&mut self, now: Timestamp, reason: CloseReason, limit: usize) -> Vec<ClosedTrace> {
        let now = self.clock.observe(now);
        self.close(now, limit, |_| true, Some(reason))
    }

    /// Lets go of all records whose traces are not open, with this outcome. There are none but in a window
    /// [`Window::by_trigger`].
    pub fn let_go_waiting(&mut self, outcome: Outcome) {
        while self.let_go(outcome) {}
    }

    /// Lets go of the oldest records whose traces are not open, before their time, because memory runs short: if they are older
    /// than `decision_wait` (an error that belongs to them would have come by now), or it is `urgent` and no open trace is due
    /// before they are. Where none is held any more, what is known of how long their traces take goes. `false` if nothing went.
    pub fn relieve_waiting(&mut self, now: Timestamp, urgent: bool) -> bool {
        let now = self.clock.observe(now);
        let Some(runs) = &self.runs else { return false };
        let settled = runs.oldest().is_some_and(|oldest| oldest.after(self.settings.decision_wait) <= now);
        let first =
            || self.order.first().is_none_or(|(deadline, _)| runs.deadline().is_some_and(|due| due <= *deadline));
        let is_empty = runs.records() == 0;
        let done = match settled || (urgent && first()) {
            true => self.let_go(Outcome::NotSampled),
            false => is_empty && self.extents.forget(),
        };
        self.account();
        done
    }

    /// What has gone. To be remembered and dropped when nobody waits for the window: both take their time.
    pub fn take_spent(&mut self) -> Spent {
        let left = std::mem::take(&mut self.left);
        let left = self.runs.as_ref().filter(|_| !left.is_empty()).map(|runs| runs.left(left));
        Spent { left, others: (std::mem::take(&mut self.spent), std::mem::take(&mut self.trimmed)) }
    }

    /// Takes up what an earlier process noted, before the first record comes.
    pub fn recall_let_go(&mut self, notes: &[LetGo]) {
        if let Some(runs) = &mut self.runs {
            runs.recall(notes);
        }
    }

    /// Closes at most `limit` traces before their time, because memory runs short: those that would have been the first to
    /// expire. Of these only the ones that have no trigger and are older than `decision_wait` (an error that belongs to them
    /// would have come by now), unless it is `urgent`.
    pub fn relieve(&mut self, now: Timestamp, urgent: bool, limit: usize) -> Vec<ClosedTrace> {
        let now = self.clock.observe(now);
        if self.runs.is_some() && !urgent {
            // Every open trace has a trigger.
            return Vec::new();
        }
        let settled = |open: &Open| open.opened().after(self.settings.decision_wait) <= now;
        let mut oldest = Vec::new();
        for (deadline, trace_id) in &self.order {
            let Some(open) =
                self.traces.get(trace_id).filter(|open| urgent || open.deadline.reason == CloseReason::Retention)
            else {
                continue;
            };
            // Those behind it came later.
            if oldest.len() == limit || (!urgent && !settled(open)) {
                break;
            }
            oldest.push((*deadline, *trace_id));
        }
        for place in &oldest {
            self.order.remove(place);
        }
        let take = |(_, trace_id)| self.take(now, trace_id, Some(CloseReason::Pressure));
        let closed = oldest.into_iter().filter_map(take).collect();
        self.account();
        closed
    }

    /// Open traces: in a window [`Window::by_trigger`] those that have a trigger.
    #[must_use]
    pub fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Records held.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.tracked.as_ref().map_or(0, Tracked::records)
    }

    /// Opens a trace with those of its records that have come since `since` and wait; `false` if there are none.
    fn open_held(&mut self, now: Timestamp, since: Timestamp, trace_id: TraceId) -> bool {
        let held = self.gather(now, since, trace_id);
        let is_held = !held.pieces.is_empty();
        if is_held {
            self.open(now, trace_id, held);
        }
        is_held
    }

    /// Takes out what waits of a trace.
    fn gather(&mut self, now: Timestamp, since: Timestamp, trace_id: TraceId) -> Gathered {
        let none = || Gathered { pieces: Vec::new(), missed: false };
        self.runs.as_mut().map_or_else(none, |runs| runs.gather(now, since, trace_id))
    }

    fn open(&mut self, now: Timestamp, trace_id: TraceId, Gathered { pieces, missed }: Gathered) {
        let (opened, outside) =
            pieces.first().map_or_else(|| (now, self.clock.outside(now)), |first| (first.arrived, first.outside));
        let mut open = Open::new(opened, outside, &self.settings);
        open.missed = missed;
        for piece in pieces {
            open.take(piece.arrived, piece.record, piece.ends_root);
        }
        self.order.insert((open.deadline.at, trace_id));
        self.traces.insert(trace_id, open);
    }

    /// Lets go of the oldest run; `false` if there is none.
    fn let_go(&mut self, outcome: Outcome) -> bool {
        let Some(run) = self.runs.as_mut().and_then(Runs::pop) else { return false };
        if let Some(tracked) = &mut self.tracked {
            let reread = if self.rereads && outcome != Outcome::Carried { run.unkept } else { 0 };
            tracked.split(reread).settle(Outcome::Reread);
            tracked.split(run.records - reread).settle(outcome);
        }
        if outcome == Outcome::Carried {
            run.carry();
            self.spent.push(run);
        } else if let Some(runs) = &mut self.runs {
            self.left.push(runs.leave(run));
        }
        true
    }

    /// Holds what open traces cost.
    fn account(&mut self) {
        if let (Some(room), Some(runs)) = (&mut self.room, &self.runs) {
            let open = self.tracked.as_ref().map_or(0, Tracked::records).saturating_sub(runs.records());
            let open = usize::try_from(open).unwrap_or(usize::MAX).saturating_mul(OPEN_COST);
            room.resize(open.saturating_add(self.extents.bytes()));
        }
    }

    /// Changes an open trace, and its place in the order if its deadline has moved.
    fn change(&mut self, trace_id: TraceId, change: impl FnOnce(&mut Open)) {
        let Some(open) = self.traces.get_mut(&trace_id) else { return };
        change(open);
        let before = open.deadline.at;
        open.deadline = open.due(&self.settings);
        if open.deadline.at != before {
            self.order.remove(&(before, trace_id));
            self.order.insert((open.deadline.at, trace_id));
        }
    }

    fn close(
        &mut self,
        now: Timestamp,
        limit: usize,
        due: impl Fn(Timestamp) -> bool,
        reason: Option<CloseReason>,
    ) -> Vec<ClosedTrace> {
        let mut closed = Vec::new();
        while closed.len() < limit && self.order.first().is_some_and(|(deadline, _)| due(*deadline)) {
            let Some((_, trace_id)) = self.order.pop_first() else { break };
            closed.extend(self.take(now, trace_id, reason));
        }
        self.account();
        closed
    }

    /// Takes a trace out that stands in no order any more.
    fn take(&mut self, now: Timestamp, trace_id: TraceId, reason: Option<CloseReason>) -> Option<ClosedTrace> {
        let open = self.traces.remove(&trace_id)?;
        let Open { records, opened_outside, deadline: Deadline { reason: own, .. }, missed, .. } = open;
        Some(ClosedTrace {
            trace_id,
            tracked: self.tracked.as_mut()?.split(records.len() as u64).of_trace(trace_id, &records),
            records,
            reason: reason.unwrap_or(own),
            missed,
            opened: opened_outside,
            closed: self.clock.outside(now),
        })
    }
}
