//! Group commit: one `fdatasync` for all requests that were appended while the one before it ran.

use std::io;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::sync::{AtomicU64, Condvar, Mutex, Ordering};

/// Longest sleep of the thread that syncs: after it, it looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);

/// What has been synced.
#[derive(Debug, Clone, Copy, Default)]
struct Synced {
    /// Appends up to this one were there when the last sync began.
    upto: u64,
    /// Whether one has failed. What the disk has is not known from then on, so nothing is acknowledged any more.
    failed: bool,
}

/// Who waits for the disk, and what is on it.
#[derive(Debug)]
pub(super) struct Commit {
    asked: AtomicU64,
    wake: (Mutex<()>, Condvar),
    synced: watch::Sender<Synced>,
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
        Self { asked: AtomicU64::new(0), wake: (Mutex::new(()), Condvar::new()), synced: watch::Sender::default() }
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

    /// Syncs once somebody has asked for it, or returns after a while.
    ///
    /// # Errors
    /// If the sync fails. There is no second try: the system may have let go of what it could not write.
    pub(super) fn serve(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut asleep = self.wake.0.lock();
        if self.asked.load(Ordering::Acquire) == self.synced.borrow().upto {
            self.wake.1.wait_for(&mut asleep, TICK);
        }
        drop(asleep);
        let upto = self.asked.load(Ordering::Acquire);
        if upto == self.synced.borrow().upto {
            return Ok(());
        }
        let done = sync();
        self.synced.send_modify(|synced| {
            synced.upto = upto;
            synced.failed |= done.is_err();
        });
        done
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
