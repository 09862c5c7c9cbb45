//! One thread a shard: it closes the traces that are due, judges them, and hands bundles to the exporter.
//!
//! The hand-over waits while the exporter's queue is full. Decisions then wait too, the windows grow, and in the end the
//! byte budget refuses input: back-pressure without a queue of its own.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Core;
use crate::exporter::ExportQueue;
use crate::model::{CloseReason, ClosedTrace, DropReason, Outcome, Timestamp};
use crate::telemetry::Clock;

/// Traces that one pass closes: bounds how long the shard's lock is held.
const PASS: usize = 512;
/// Traces that are closed before their time at once, when memory runs short: few, so that no more go than need to.
const RELIEVED: usize = 64;
/// Time between two looks at the deadlines: those that lie close together are met together.
const TICK: Duration = Duration::from_millis(50);

/// What a shard's thread works with.
#[derive(Clone)]
pub(super) struct ShardLoop {
    pub(super) core: Arc<Core>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) exporter: Arc<ExportQueue>,
    pub(super) runtime: Handle,
    pub(super) stop: CancellationToken,
}

impl ShardLoop {
    /// Starts a thread for each shard. Each ends once `stop` is cancelled and its shard is empty.
    pub(super) fn spawn(self) -> std::io::Result<Vec<JoinHandle<()>>> {
        (0..self.core.shards())
            .map(|shard| {
                let this = self.clone();
                thread::Builder::new().name(format!("shard-{shard}")).spawn(move || this.run(shard))
            })
            .collect()
    }

    fn run(&self, shard: usize) {
        while !self.stop.is_cancelled() {
            let now = self.clock.now();
            let relieved = self.judge(now, self.core.relieve(now, shard, RELIEVED));
            if self.pass(shard, now, None) < PASS && relieved == 0 {
                thread::sleep(TICK);
            }
        }
        if self.core.log().is_some() {
            self.carry(shard);
        } else {
            while self.pass(shard, self.clock.now(), Some(CloseReason::Shutdown)) > 0 {}
        }
    }

    /// Leaves open windows to the next start, which finds them on disk.
    fn carry(&self, shard: usize) {
        for trace in self.core.close_all(self.clock.now(), shard, CloseReason::Shutdown, usize::MAX) {
            trace.tracked.settle(Outcome::Carried);
        }
    }

    /// Closes and judges up to [`PASS`] traces: those that are due, or all of them for `reason`. Returns how many.
    fn pass(&self, shard: usize, now: Timestamp, reason: Option<CloseReason>) -> usize {
        let closed = match reason {
            None => self.core.close_due(now, shard, PASS),
            Some(reason) => self.core.close_all(now, shard, reason, PASS),
        };
        self.judge(now, closed)
    }

    /// Judges traces, and hands on what becomes a bundle. Returns how many there were.
    fn judge(&self, now: Timestamp, closed: Vec<ClosedTrace>) -> usize {
        let count = closed.len();
        for trace in closed {
            if let Some(sealed) = self.core.judge(now, trace) {
                // The queue is closed only once the time for a graceful stop is over.
                if let Err(refused) = self.runtime.block_on(self.exporter.send(sealed)) {
                    refused.sealed.into_tracked().settle(Outcome::Dropped(DropReason::ShutdownDeadline));
                }
            }
        }
        count
    }
}
