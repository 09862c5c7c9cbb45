//! Group commit: one `fdatasync` for all requests that were appended while the ones before it ran.
//!
//! Two run at a time. Each covers by itself all that was written before it began: it leaves out only files that another one has
//! synced, never those that another one is about to. And each has descriptors of its own, since the system tells of a write that failed once
//! for each of them.

use std::io;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering};

/// Longest sleep of a thread that syncs: after it, it looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);

/// What has been synced.
#[derive(Debug, Clone, Copy, Default)]
struct Synced {
    /// Appends up to this one were there when the last sync began.
    upto: u64,
    /// Whether one has failed. What the disk has is not known from then on, so nothing is acknowledged any more.
    failed: bool,
}

/// Syncs that run at the same time. While one waits for the disk's journal, the next one's bytes are on their way.
pub const SYNCS: usize = 2;

/// Who waits for the disk, and what is on it.
#[derive(Debug)]
pub(super) struct Commit {
    asked: AtomicU64,
    wake: (Mutex<Turns>, Condvar),
    /// A sync has ended.
    ended: Condvar,
    synced: watch::Sender<Synced>,
}

/// The syncs that run.
#[derive(Debug, Default)]
struct Turns {
    /// Appends up to this one are seen by a sync that has begun.
    begun: u64,
    /// Which slots are taken.
    taken: [bool; SYNCS],
}

impl Turns {
    /// Begins a sync, if there is a slot for one.
    fn begin(&mut self, upto: u64) -> Option<usize> {
        let (slot, taken) = self.taken.iter_mut().enumerate().find(|(_, taken)| !**taken)?;
        *taken = true;
        self.begun = upto;
        Some(slot)
    }

    fn end(&mut self, slot: usize) {
        if let Some(taken) = self.taken.get_mut(slot) {
            *taken = false;
        }
    }
}

/// A wait for the disk.
#[derive(Debug)]
pub struct Ticket {
    append: u64,
    synced: watch::Receiver<Synced>,
}

impl Ticket {
    /// Waits until what was appended is on the disk.
    ///
    /// # Errors
    /// If a sync has failed: then nobody knows.
    pub async fn synced(mut self) -> io::Result<()> {
        let append = self.append;
        match self.synced.wait_for(|synced| synced.upto >= append || synced.failed).await {
            Ok(now) if !now.failed => Ok(()),
            Ok(_) => Err(io::Error::other("the disk could not be synced")),
            Err(_) => Err(io::Error::other("the log has been closed")),
        }
    }
}

impl Commit {
    pub(super) fn new() -> Self {
        Self {
            asked: AtomicU64::new(0),
            wake: (Mutex::new(Turns::default()), Condvar::new()),
            ended: Condvar::new(),
            synced: watch::Sender::default(),
        }
    }

    /// Asks for a sync of what has been written before.
    pub(super) fn ask(&self) -> Ticket {
        let synced = self.synced.subscribe();
        let append = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        // Under the lock, or the thread could look between the number and this, and then sleep.
        drop(self.wake.0.lock());
        self.wake.1.notify_one();
        Ticket { append, synced }
    }

    /// Syncs once somebody has asked for it, or returns after a while. `sync` is told which of [`SYNCS`] it is: no other has that number
    /// meanwhile.
    ///
    /// # Errors
    /// If this sync or another one has failed. There is no second try: the system may have let go of what it could not write.
    pub(super) fn serve(&self, sync: impl FnOnce(usize) -> io::Result<()>) -> io::Result<()> {
        let mut turns = self.wake.0.lock();
        if self.asked.load(Ordering::Acquire) == turns.begun {
            self.wake.1.wait_for(&mut turns, TICK);
        }
        if self.asked.load(Ordering::Acquire) == turns.begun {
            return self.healthy();
        }
        self.run(turns, sync)
    }

    /// Syncs what has been written, whether or not somebody waits for it.
    ///
    /// # Errors
    /// As of [`Commit::serve`].
    pub(super) fn sync(&self, sync: impl FnOnce(usize) -> io::Result<()>) -> io::Result<()> {
        self.run(self.wake.0.lock(), sync)
    }

    fn run(&self, mut turns: MutexGuard<'_, Turns>, sync: impl FnOnce(usize) -> io::Result<()>) -> io::Result<()> {
        let (slot, upto) = loop {
            let upto = self.asked.load(Ordering::Acquire);
            if let Some(slot) = turns.begin(upto) {
                break (slot, upto);
            }
            self.ended.wait_for(&mut turns, TICK);
        };
        drop(turns);
        let done = sync(slot);
        self.synced.send_modify(|synced| {
            // One that began later may have ended before.
            synced.upto = synced.upto.max(upto);
            synced.failed |= done.is_err();
        });
        self.wake.0.lock().end(slot);
        self.ended.notify_one();
        done.and_then(|()| self.healthy())
    }

    fn healthy(&self) -> io::Result<()> {
        if self.synced.borrow().failed { Err(io::Error::other("an earlier sync has failed")) } else { Ok(()) }
    }
}

/// Syncs the directory: a new file is there after a power failure only if its name is.
pub(super) fn sync_directory(directory: &std::path::Path) -> io::Result<()> {
    std::fs::File::open(directory)?.sync_all()
}

/// As long as this lives, no other process uses the directory.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: std::fs::File,
}

impl DirectoryLock {
    /// Locks `directory`.
    ///
    /// # Errors
    /// If another process has it ([`io::ErrorKind::WouldBlock`]), or the file cannot be made.
    pub(super) fn take(directory: &std::path::Path) -> io::Result<Self> {
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}
