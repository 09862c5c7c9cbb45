//! Lanes of Kafka, worked on by one thread a core: a lane belongs to one thread, so nothing in it is locked.
//!
//! A thread that waits for room in the exporter's queue takes nothing in. What is fetched for its lanes waits then, partitions are
//! paused, and offsets stand still: that is the back-pressure.

mod lane;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Core;
use crate::bundle::Sealed;
use crate::exporter::ExportQueue;
use crate::model::{Outcome, Timestamp};
use crate::receiver::kafka::{LaneIntake, LaneStart, Message};
use lane::{Lane, Ran, Sink};

/// Longest wait for something to come.
const TICK: Duration = Duration::from_millis(20);
/// Wait for room in the windows.
const FULL: Duration = Duration::from_millis(5);
/// What is taken off the channel before lanes are looked at again.
const TAKEN: usize = 256;

enum Event {
    Start(LaneStart),
    Message(Box<Message>),
    KnownThrough { lane: i32, part: usize, at: Timestamp },
    Stop(i32),
}

/// The way of messages to the threads.
#[derive(Clone)]
pub(super) struct LaneSender(Arc<[Sender<Event>]>);

impl LaneSender {
    /// A thread that has ended takes nothing: its lanes' offsets stand still, and the service ends.
    fn tell(&self, lane: i32, event: Event) {
        let thread = lane.unsigned_abs() as usize % self.0.len().max(1);
        if self.0.get(thread).is_none_or(|sender| sender.send(event).is_err()) {
            tracing::debug!(lane, "a lane's thread has ended");
        }
    }
}

impl LaneIntake for LaneSender {
    fn start(&self, lane: LaneStart) {
        self.tell(lane.lane, Event::Start(lane));
    }

    fn message(&self, message: Message) {
        self.tell(message.lane, Event::Message(Box::new(message)));
    }

    fn known_through(&self, lane: i32, part: usize, at: Timestamp) {
        self.tell(lane, Event::KnownThrough { lane, part, at });
    }

    fn stop(&self, lane: i32) {
        self.tell(lane, Event::Stop(lane));
    }
}

/// What the threads of a receiver share.
struct Shared {
    core: Arc<Core>,
    exporter: Arc<ExportQueue>,
    runtime: Handle,
    stopping: AtomicBool,
    open_traces: AtomicUsize,
}

impl Sink for Shared {
    fn send(&self, sealed: Sealed) {
        // The queue is closed only when the process stops: whoever reads the lane next makes this bundle again.
        if let Err(refused) = self.runtime.block_on(self.exporter.send(sealed)) {
            refused.sealed.into_tracked().settle(Outcome::Carried);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The threads of one receiver.
pub(super) struct Lanes {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    failed: CancellationToken,
}

impl Lanes {
    /// Starts them. They end when the sender is dropped.
    pub(super) fn spawn(
        core: Arc<Core>,
        exporter: Arc<ExportQueue>,
        runtime: Handle,
    ) -> io::Result<(Self, LaneSender)> {
        let shared = Arc::new(Shared {
            core,
            exporter,
            runtime,
            stopping: AtomicBool::new(false),
            open_traces: AtomicUsize::new(0),
        });
        let failed = CancellationToken::new();
        let (mut threads, mut senders) = (Vec::new(), Vec::new());
        for number in 0..shared.core.shards() {
            #[expect(
                clippy::disallowed_methods,
                reason = "bounded in bytes, by pausing partitions; who reads must never wait"
            )]
            let (sender, events) = channel();
            senders.push(sender);
            let (shared, failed) = (Arc::clone(&shared), failed.clone());
            threads.push(thread::Builder::new().name(format!("lanes-{number}")).spawn(move || {
                // Without this thread its lanes would stand still for ever: another process is to take them.
                if catch_unwind(AssertUnwindSafe(|| work(&shared, &events))).is_err() {
                    failed.cancel();
                }
            })?);
        }
        Ok((Self { shared, threads, failed }, LaneSender(senders.into())))
    }

    /// Nothing is decided from now on.
    pub(super) fn stop_deciding(&self) {
        self.shared.stopping.store(true, Ordering::Release);
    }

    /// Waits until one of them has panicked.
    pub(super) async fn failure(&self) {
        self.failed.cancelled().await;
    }

    /// Traces in the windows of all lanes.
    pub(super) fn open_traces(&self) -> impl Fn() -> usize + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.open_traces.load(Ordering::Relaxed)
    }

    /// Waits for their end, which comes when the sender is gone.
    pub(super) async fn ended(self) {
        let join = || self.threads.into_iter().for_each(|thread| thread.join().unwrap_or_default());
        tokio::task::spawn_blocking(join).await.unwrap_or_default();
    }
}

fn work(shared: &Shared, events: &Receiver<Event>) {
    let mut lanes: BTreeMap<i32, Lane> = BTreeMap::new();
    let mut wait = TICK;
    let mut counted = 0;
    loop {
        let first = match events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        for event in first.into_iter().chain(events.try_iter().take(TAKEN)) {
            take(shared, &mut lanes, event);
        }
        wait = TICK;
        for lane in lanes.values_mut() {
            if lane.run(shared) == Ran::Full {
                wait = FULL;
            }
        }
        let open = lanes.values().map(Lane::open_traces).sum();
        shared.open_traces.fetch_add(open, Ordering::Relaxed);
        shared.open_traces.fetch_sub(std::mem::replace(&mut counted, open), Ordering::Relaxed);
    }
    lanes.into_values().for_each(Lane::let_go);
}

fn take(shared: &Shared, lanes: &mut BTreeMap<i32, Lane>, event: Event) {
    match event {
        Event::Start(start) => match shared.core.apart(u64::try_from(start.lanes).unwrap_or(1)) {
            Ok(core) => {
                lanes.insert(start.lane, Lane::new(core, start)).map(Lane::let_go).unwrap_or_default();
            }
            // The same configuration has been compiled before.
            Err(problems) => tracing::error!(?problems, lane = start.lane, "a lane cannot be worked on"),
        },
        Event::Message(message) => {
            if let Some(lane) = lanes.get_mut(&message.lane) {
                lane.put(*message);
            }
        }
        Event::KnownThrough { lane, part, at } => {
            if let Some(lane) = lanes.get_mut(&lane) {
                lane.known_through(part, at);
            }
        }
        Event::Stop(lane) => lanes.remove(&lane).map(Lane::let_go).unwrap_or_default(),
    }
}
