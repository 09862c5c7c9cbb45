//! The threads of the log that windows are kept in: one tidies it, the others make clients wait for the disk no longer than needed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::telemetry::Clock;
use crate::window::{SYNCS, WindowLog};

/// How often the log is tidied.
const TIDY: Duration = Duration::from_millis(100);

/// The running threads.
pub(super) struct LogKeeper {
    log: Arc<WindowLog>,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    failed: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl LogKeeper {
    /// Starts them.
    pub(super) fn spawn(log: Arc<WindowLog>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let failed = CancellationToken::new();
        let spawn = |name: &str, work: Box<dyn Fn() -> bool + Send>| {
            let stop = Arc::clone(&stop);
            thread::Builder::new().name(name.to_owned()).spawn(move || while !stop.load(Ordering::Acquire) && work() {})
        };
        let (tidied, tidied_at) = (Arc::clone(&log), Arc::clone(&clock));
        let mut threads = vec![spawn(
            "window-tidy",
            Box::new(move || {
                tidied.tidy(tidied_at.now());
                thread::sleep(TIDY);
                true
            }),
        )?];
        for _ in 0..SYNCS {
            let (synced, fails) = (Arc::clone(&log), failed.clone());
            threads.push(spawn(
                "window-sync",
                Box::new(move || {
                    synced.serve_syncs().unwrap_or_else(|error| {
                        tracing::error!(%error, "windows could not be synced to the disk");
                        fails.cancel();
                        false
                    })
                }),
            )?);
        }
        Ok(Self { log, clock, stop, failed, threads })
    }

    /// Waits until the disk cannot be synced: nothing can be acknowledged from then on.
    pub(super) async fn failure(&self) {
        self.failed.cancelled().await;
    }

    /// Ends them, once nobody waits for the disk any more, and closes the log.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the window log has panicked");
            }
        }
        self.log.close(self.clock.now());
    }
}
