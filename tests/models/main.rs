//! What threads do to one another in the parts of the program that share state without a lock, or wait for one another by hand: gone through
//! in every order, and with every value that a weak memory may show.
//!
//! The files under test are the program's own, compiled once more with loom's types for `model::sync`. loom knows nothing of the others: an `Arc`
//! and a `OnceLock` are the standard library's, and a channel is tokio's.
//!
//! Not here are: the count of holders by which a file of the window log goes (an `Arc<dyn Keeper>`, which loom's `Arc` cannot be made of without
//! changing each place that makes one); the memo of clean texts (its halves mean nothing by themselves, whatever their order); flags that are set
//! once (`closed`, `stopping`) and numbers that are only shown; and what stands under one lock.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "of the program's files only some is used here"
)]

#[path = "../../src/exporter/kafka/answers.rs"]
mod answers;
#[path = "../../src/window/log/commit.rs"]
mod commit;
#[path = "../../src/sampling/filter.rs"]
mod filter;
mod model;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use answers::{Answered, Answers};
use commit::{Commit, SYNCS, Ticket};
use filter::Filter;
use model::{Budget, DropReason, Ledger, Outcome, TraceId};

// Hashes are seeded at random, and loom has to see the same in every run. The files find this in the place of the crate.
extern crate foldhash as real_foldhash;
extern crate self as foldhash;

pub mod fast {
    pub use real_foldhash::fast::FixedState as RandomState;
}

/// Switches between threads that nothing forces, in models of more than two threads: nearly all faults need no more than two.
const SWITCHES: usize = 2;

const MODELS: &[(&str, fn())] = &[
    (
        "a budget never gives out more than it has, and has all back in the end",
        a_budget_never_gives_out_more_than_it_has,
    ),
    (
        "what is taken anyway is given back too, however a permit grows and shrinks",
        what_is_taken_anyway_is_given_back_too,
    ),
    ("records are never fewer than their outcomes, and each has one", records_are_never_fewer_than_their_outcomes),
    ("an id that was remembered is found while the filter doubles", an_id_is_found_while_the_filter_doubles),
    (
        "the last ids are found while the filter forgets the oldest",
        the_last_ids_are_found_while_the_oldest_are_forgotten,
    ),
    (
        "nobody is told that the disk has what was written after a sync began",
        nobody_is_told_too_early_that_the_disk_has_it,
    ),
    ("of two syncs at a time each tells only of what it has seen", nobody_is_told_too_early_by_either_of_two_syncs),
    ("a write that failed is told to all that waited for it", nobody_is_told_that_the_disk_has_what_was_lost),
    ("the thread that syncs does not sleep while somebody waits", whoever_waits_for_the_disk_is_served),
    ("a request has one answer, when all of its messages have theirs", a_request_has_one_answer),
];

/// Runs the models whose names contain the first argument, as the usual harness does.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        MODELS.iter().for_each(|(name, _)| println!("{name}: test"));
        return;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).map_or("", String::as_str);
    for (name, run) in MODELS.iter().filter(|(name, _)| name.contains(filter)) {
        run();
        println!("model: {name} ... ok");
    }
}

fn model(threads: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = (threads > 2).then_some(SWITCHES);
    builder.check(run);
}

fn a_budget_never_gives_out_more_than_it_has() {
    model(3, || {
        let whole = Budget::new(3);
        let part = whole.part(2);
        let held = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let hold = |budget: &Budget, bytes: usize, is_part: bool| {
            let (budget, held) = (budget.clone(), Arc::clone(&held));
            move || {
                let Some(permit) = budget.take(bytes) else { return };
                for (held, limit, counts) in [(&held[0], 3, true), (&held[1], 2, is_part)] {
                    let bytes = if counts { bytes } else { 0 };
                    assert!(held.fetch_add(bytes, Ordering::SeqCst) + bytes <= limit, "more is held than there is");
                }
                assert!(budget.used() >= bytes && budget.used() <= budget.limit());
                held[0].fetch_sub(bytes, Ordering::SeqCst);
                held[1].fetch_sub(if is_part { bytes } else { 0 }, Ordering::SeqCst);
                drop(permit);
            }
        };
        let others = [thread::spawn(hold(&part, 2, true)), thread::spawn(hold(&whole, 2, false))];
        hold(&part, 1, true)();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!((part.used(), whole.used()), (0, 0));
    });
}

fn what_is_taken_anyway_is_given_back_too() {
    model(2, || {
        let whole = Budget::new(4);
        let part = whole.part(4);
        let other = thread::spawn({
            let part = part.clone();
            move || {
                let mut permit = part.take_anyway(3);
                permit.resize(6);
                permit.resize(1);
            }
        });
        let permit = part.take(2);
        assert!(permit.is_none() || whole.used() >= 2);
        drop(permit);
        other.join().unwrap();
        assert_eq!((part.used(), whole.used()), (0, 0));
    });
}

fn records_are_never_fewer_than_their_outcomes() {
    model(3, || {
        let ledger = Arc::new(Ledger::default());
        let admitting = thread::spawn({
            let ledger = Arc::clone(&ledger);
            move || {
                let mut all = ledger.accept(2);
                let part = all.split(1);
                let judging = thread::spawn(move || part.settle(Outcome::Bundled));
                all.settle(Outcome::Dropped(DropReason::IncidentLimit));
                judging.join().unwrap();
            }
        });
        let seen = ledger.totals();
        let settled = seen.bundled + seen.dropped;
        assert!(seen.accepted >= settled, "{settled} of {} records have had their outcome", seen.accepted);
        admitting.join().unwrap();
        let totals = ledger.totals();
        assert_eq!((totals.accepted, totals.bundled, totals.dropped, totals.undecided), (2, 1, 1, 0));
        assert_eq!((totals.pending(), ledger.dropped(DropReason::IncidentLimit)), (0, 1));
    });
}

fn id(n: u8) -> TraceId {
    TraceId([n; 16])
}

/// What the cache beside the filter knows, and the filter: in this order, as the sampler remembers.
struct Remembered {
    known: Mutex<Vec<TraceId>>,
    filter: Filter,
}

impl Remembered {
    fn new(first: usize, size: u64) -> Self {
        Self { known: Mutex::new(Vec::new()), filter: Filter::beginning_with(first, size) }
    }

    fn remember(&self, n: u8) {
        self.known.lock().unwrap().push(id(n));
        self.filter.insert(id(n), || self.known.lock().unwrap().clone().into_iter());
    }
}

// Who looks has a thread of its own: loom sees that two threads meet in a place where the one that runs first writes and the other reads, and
// not always the other way round.

fn an_id_is_found_while_the_filter_doubles() {
    model(3, || {
        // A table of one word is made for four ids.
        let all = Arc::new(Remembered::new(1, 8));
        (0..3).for_each(|n| all.remember(n));
        let looking = thread::spawn({
            let all = Arc::clone(&all);
            move || assert!((0..3).all(|n| all.filter.may_contain(id(n))), "while it doubles")
        });
        let other = thread::spawn({
            let all = Arc::clone(&all);
            move || all.remember(3)
        });
        all.remember(4);
        assert!(all.filter.may_contain(id(4)), "one's own");
        looking.join().unwrap();
        other.join().unwrap();
        assert!((0..5).all(|n| all.filter.may_contain(id(n))), "after it has doubled");
    });
}

fn the_last_ids_are_found_while_the_oldest_are_forgotten() {
    model(3, || {
        let all = Arc::new(Remembered::new(1, 2));
        // The next one clears the generation of the first two.
        (0..4).for_each(|n| all.remember(n));
        let looking = thread::spawn({
            let all = Arc::clone(&all);
            move || assert!(all.filter.may_contain(id(3)), "one of the last two, until two more have come")
        });
        let other = thread::spawn({
            let all = Arc::clone(&all);
            move || all.remember(5)
        });
        all.remember(4);
        assert!(all.filter.may_contain(id(4)), "one's own");
        looking.join().unwrap();
        other.join().unwrap();
        assert!([4, 5].iter().all(|n| all.filter.may_contain(id(*n))));
    });
}

/// Whether the disk has what the ticket is for, as far as is known.
fn is_synced(ticket: Ticket) -> bool {
    match pin!(ticket.synced()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.is_ok(),
        Poll::Pending => false,
    }
}

/// What was written, and what of it the last syncs have seen.
struct Disk {
    commit: Commit,
    written: [AtomicBool; 2],
    synced: [AtomicBool; 2],
    /// For whom there is news of a write that failed: for each descriptor once.
    lost: [AtomicBool; SYNCS],
}

impl Disk {
    fn new() -> Arc<Self> {
        let flags = || [(); 2].map(|()| AtomicBool::new(false));
        Arc::new(Self {
            commit: Commit::new(),
            written: flags(),
            synced: flags(),
            lost: [(); SYNCS].map(|()| AtomicBool::new(false)),
        })
    }

    fn write(&self, n: usize) -> Ticket {
        self.written[n].store(true, Ordering::Relaxed);
        self.commit.ask()
    }

    /// As it is: loom does not know that who is told so by the channel has to see it.
    fn has(&self, n: usize) -> bool {
        self.synced[n].fetch_or(false, Ordering::AcqRel)
    }

    /// A sync, of everything that was written before.
    fn see(&self, slot: usize) -> std::io::Result<()> {
        if self.lost[slot].swap(false, Ordering::Relaxed) {
            return Err(std::io::Error::other("lost"));
        }
        for (written, synced) in self.written.iter().zip(&self.synced) {
            synced.fetch_or(written.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Once somebody waits.
    fn serve(&self) {
        self.commit.serve(|slot| self.see(slot)).unwrap();
    }

    /// Whether or not somebody waits.
    fn sync(&self) -> std::io::Result<()> {
        self.commit.sync(|slot| self.see(slot))
    }
}

fn nobody_is_told_too_early_that_the_disk_has_it() {
    model(3, || {
        let disk = Disk::new();
        let first = disk.write(0);
        let syncing = thread::spawn({
            let disk = Arc::clone(&disk);
            move || disk.serve()
        });
        let second = disk.write(1);
        let told = is_synced(second);
        assert!(!told || disk.has(1), "it was told that what it wrote is on the disk");
        syncing.join().unwrap();
        assert!(is_synced(first) && disk.has(0));
    });
}

fn nobody_is_told_too_early_by_either_of_two_syncs() {
    model(3, || {
        let disk = Disk::new();
        let first = disk.write(0);
        let syncing = [(); 2].map(|()| {
            let disk = Arc::clone(&disk);
            thread::spawn(move || disk.sync().unwrap())
        });
        let second = disk.write(1);
        let told = is_synced(second);
        assert!(!told || disk.has(1), "it was told that what it wrote is on the disk");
        syncing.into_iter().for_each(|syncing| syncing.join().unwrap());
        assert!(is_synced(first) && disk.has(0));
    });
}

fn nobody_is_told_that_the_disk_has_what_was_lost() {
    model(3, || {
        let disk = Disk::new();
        disk.lost.iter().for_each(|lost| lost.store(true, Ordering::Relaxed));
        let tickets = [disk.write(0), disk.write(1)];
        let syncing = [(); 2].map(|()| {
            let disk = Arc::clone(&disk);
            thread::spawn(move || disk.sync().unwrap_err())
        });
        assert!(tickets.into_iter().all(|ticket| !is_synced(ticket)));
        syncing.into_iter().for_each(|syncing| drop(syncing.join().unwrap()));
    });
}

/// The clock stands still: a thread that should have been woken and was not would sleep for ever.
fn whoever_waits_for_the_disk_is_served() {
    model(2, || {
        let disk = Disk::new();
        let syncing = thread::spawn({
            let disk = Arc::clone(&disk);
            move || disk.serve()
        });
        let ticket = disk.write(0);
        syncing.join().unwrap();
        assert!(is_synced(ticket));
    });
}

fn a_request_has_one_answer() {
    model(3, || {
        let answers = Arc::new(Answers::new());
        let told = Arc::new(Mutex::new(Vec::new()));
        let brokers = [true, false].map(|is_delivered| {
            answers.expect();
            let (answers, told) = (Arc::clone(&answers), Arc::clone(&told));
            thread::spawn(move || {
                let answered = answers.answer(is_delivered);
                told.lock().unwrap().extend(answered);
            })
        });
        let answered = answers.sent();
        told.lock().unwrap().extend(answered);
        brokers.into_iter().for_each(|broker| broker.join().unwrap());
        assert_eq!(*told.lock().unwrap(), [Answered { delivered: 1, failed: 1 }]);
    });
}
