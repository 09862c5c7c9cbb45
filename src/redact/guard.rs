//! Work that may panic or never end, done by threads that can be left behind.
//!
//! A detector has no way to be stopped from outside. A case whose redaction takes longer than it may is given up together with
//! the thread that works on it; the bundle is held back, and its shard goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

/// Threads that may hang at once. Beyond that nothing is redacted any more, and so nothing is written.
const MAX_STALLED: usize = 16;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for work.
#[derive(Debug)]
pub(crate) struct Guard {
    timeout: Duration,
    idle: Mutex<Vec<SyncSender<Job>>>,
    stalled: AtomicUsize,
}

impl Guard {
    /// Threads whose work may take `timeout`. None is started before it is needed.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, idle: Mutex::new(Vec::new()), stalled: AtomicUsize::new(0) }
    }

    /// The answer of `work`.
    ///
    /// # Errors
    /// If it panics or takes too long, or if too many others have taken too long.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        if self.stalled.load(Ordering::Relaxed) >= MAX_STALLED {
            return Err(format!("{MAX_STALLED} redactions have stalled: restart, and report the rule"));
        }
        let worker = self.idle.lock().pop();
        let worker = match worker {
            Some(worker) => worker,
            None => start().map_err(|error| format!("no thread could be started: {error}"))?,
        };
        let (answer, answered): (SyncSender<Result<T, ()>>, _) = sync_channel(1);
        let job: Job = Box::new(move || {
            // What the work goes by is never changed, so nothing half done can be seen after a panic.
            let result = catch_unwind(AssertUnwindSafe(work)).map_err(drop);
            // Nobody waits any more where the time is up.
            answer.send(result).unwrap_or_default();
        });
        worker.send(job).map_err(|_| "a thread has ended".to_owned())?;
        match answered.recv_timeout(self.timeout) {
            Ok(result) => {
                self.idle.lock().push(worker);
                result.map_err(|()| "a detector panicked".to_owned())
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stalled.fetch_add(1, Ordering::Relaxed);
                Err(format!("a detector did not end within {} s", self.timeout.as_secs_f64()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("a thread has ended".to_owned()),
        }
    }
}

/// Starts a thread that works until nobody can send it work any more.
fn start() -> std::io::Result<SyncSender<Job>> {
    let (jobs, received): (SyncSender<Job>, Receiver<Job>) = sync_channel(1);
    std::thread::Builder::new().name("redact".to_owned()).spawn(move || {
        for job in received {
            job();
        }
    })?;
    Ok(jobs)
}
