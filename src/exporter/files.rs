//! Threads on which the files of a folder are worked with.
//!
//! `object_store` hands each single operation on a file to another thread where it finds a runtime, and does it at once where it finds none:
//! as here. So all operations of a request cost one hand-over. There are as many threads as requests were under way at once.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// Most threads of a folder.
const MAX_THREADS: usize = 64;
/// Most requests that wait for a thread: more come only from those who gave up while a disk hangs.
const MAX_WAITING: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;

/// The threads of one folder: one that hangs holds up no other. They end with the last owner.
#[derive(Default)]
pub(super) struct FileThreads {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    ended: bool,
}

impl fmt::Debug for FileThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileThreads").finish_non_exhaustive()
    }
}

impl FileThreads {
    /// Has a thread do `work`. If whoever waits gives up, it is not begun, but what was begun is done. `None` if there is no thread for it,
    /// or it panics.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, done) = oneshot::channel();
        let job = move || {
            if !answer.is_closed() {
                answer.send(work()).map_or_else(drop, drop);
            }
        };
        self.put(Box::new(job));
        done.await.ok()
    }

    /// A job that finds no place is dropped, which tells whoever waits for it.
    fn put(&self, job: Job) {
        let mut state = self.shared.state.lock();
        if state.waiting.len() >= MAX_WAITING {
            return;
        }
        if state.waiting.len() >= state.idle && state.threads < MAX_THREADS {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new().name("files".to_owned()).spawn(move || shared.serve()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    tracing::error!(%error, "no thread to work with files");
                    return;
                }
                // Those that there are do it later.
                Err(error) => tracing::debug!(%error, "no further thread to work with files"),
            }
        }
        state.waiting.push_back(job);
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl Drop for FileThreads {
    fn drop(&mut self) {
        self.shared.state.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn serve(&self) {
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a request to a folder was broken off");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            if state.ended {
                return None;
            }
            state.idle += 1;
            self.changed.wait(&mut state);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_waits_for_other_work_finds_a_thread() {
        let (threads, barrier) = (FileThreads::default(), Arc::new(Barrier::new(8)));
        let meet = |n: usize| {
            let barrier = Arc::clone(&barrier);
            threads.run(move || (barrier.wait(), n).1)
        };
        let met = futures::future::join_all((0..8).map(meet)).await;
        assert_eq!(met, (0..8).map(Some).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn no_more_threads_are_begun_than_work_was_under_way() {
        let threads = FileThreads::default();
        for n in 0..100 {
            assert_eq!(threads.run(move || n).await, Some(n));
        }
        // Not one alone: an answer can come before its thread is idle again.
        assert!(threads.shared.state.lock().threads < 20);
    }

    #[tokio::test]
    async fn a_panic_is_told_and_leaves_the_thread_at_work() {
        let threads = FileThreads::default();
        assert_eq!(threads.run(|| -> u8 { panic!("on purpose") }).await, None);
        assert_eq!(threads.run(|| 1).await, Some(1));
    }

    /// Guarantee: what nobody waits for any more is not begun, so that a disk that hung has no heap of old work to do.
    #[tokio::test]
    async fn work_that_was_given_up_is_not_begun() {
        let (threads, begun) = (FileThreads::default(), Arc::new(AtomicUsize::new(0)));
        let barrier = Arc::new(Barrier::new(MAX_THREADS + 1));
        let hang = |_| {
            let barrier = Arc::clone(&barrier);
            Box::pin(threads.run(move || {
                barrier.wait();
            }))
        };
        let mut hung: Vec<_> = (0..MAX_THREADS).map(hang).collect();
        for hung in &mut hung {
            assert!(futures::poll!(hung).is_pending());
        }
        let count = Arc::clone(&begun);
        let mut given_up = Box::pin(threads.run(move || count.fetch_add(1, Ordering::Relaxed)));
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        barrier.wait();
        futures::future::join_all(hung).await;
        assert_eq!(threads.run(|| 7).await, Some(7));
        assert_eq!(begun.load(Ordering::Relaxed), 0);
    }
}
