//! Windows on disk (`window.storage: file_storage`): every request is appended here, encrypted, before it is acknowledged.
//!
//! The windows themselves stay in memory; the log is read when the process starts, and never else. It keeps requests as they
//! came, compressed if they did, in files of bounded size and age. A file goes once every record in it has had its
//! outcome, and never before an older one: it is removed, or waits to be used again ([`file::Spare`]).
//!
//! # After a kill
//!
//! [`WindowLog::open`] gives back what the files hold ([`Recovery`]): first [`Marks`], then the requests in the order of their
//! arrival. What was not acknowledged may be there too; a record that its client sends again is told by its digest.
//!
//! - A *torn* tail, which the kill cut off, was never acknowledged. It is skipped.
//! - A *damaged* frame is skipped and counted, the ones behind it are read, and the file is set aside under `quarantine/`.
//! - A file that was written with a key which is not configured stops the start: it holds what was acknowledged.
//!
//! Marks say which traces have been decided. Losing one (they are written a moment later) is harmless: the trace is decided
//! again, to the same bundle. Since older files go first, a mark outlives every record that it speaks of.
//!
//! # Cost
//!
//! One copy and AES-256-GCM outside of any lock, and one `pwrite` a request. With `fsync`, requests wait for an `fdatasync` that
//! they share ([`commit`]); two of them overlap.

mod commit;
mod file;
mod frame;
mod marks;
mod recovery;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::model::{Encoding, Origin, RootKey, Signal, Timestamp};

use super::LetGo;
use commit::{Commit, DirectoryLock, sync_directory};
pub use commit::{SYNCS, Ticket};
use file::{LogFile, Spare};
use frame::{FILE_HEADER, Frame, Keys, Kind};
pub use marks::Marks;
pub use recovery::{Recovered, Recovery, RecoveryStats};

/// A file is followed by another once it has so many bytes: small enough that a long trace does not keep much beside it.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Files that one retention is spread over, if they do not fill up before.
const FILES_A_RETENTION: u32 = 8;
/// Files that wait to be used again: so many, which is what comes between two looks, and of those in use one in so many more. Whoever
/// gives windows a disk counts on little beside the bytes of windows.
const SPARES: usize = 2;
const FILES_A_SPARE: usize = 32;
/// What names of the log's files begin with, and those of files that wait to be used again.
const FILE: &str = "window-";
const SPARE: &str = "spare-";
/// A buffer that has grown beyond this is given back.
const BUFFER: usize = 4 * 1024 * 1024;
/// The directory of damaged files, under the log's own.
const QUARANTINE: &str = "quarantine";

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Where its files are. It is made if it is not there.
    pub directory: PathBuf,
    /// Whether a request is acknowledged only once it is on the disk.
    pub fsync: bool,
    /// How long windows hold records.
    pub retention: Duration,
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The directory cannot be used.
    #[error("the window's directory `{}` cannot be used", directory.display())]
    Directory {
        /// As configured.
        directory: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("another process keeps its windows in `{}`: give each a directory of its own", .0.display())]
    Busy(PathBuf),
    /// No key opens a file.
    #[error(
        "`{}` holds acknowledged records, and was written with a key that is not configured: name that key under \
         `processors.redaction.previous_keys`, or take the file away to give the records up",
        .0.display()
    )]
    Key(PathBuf),
}

/// The log of one process.
#[derive(Debug)]
pub struct WindowLog {
    shared: Arc<Shared>,
}

/// What the log and its files share.
struct Shared {
    settings: LogSettings,
    keys: Keys,
    files: Mutex<Files>,
    /// Marks that are still to be written.
    marks: Mutex<Vec<u8>>,
    /// Notes about traces that were let go, still to be written, and the files that hold some, each with when it need not be kept for them.
    let_go: Mutex<Vec<u8>>,
    noted: Mutex<VecDeque<(Timestamp, Arc<LogFile>)>>,
    commit: Option<Commit>,
    failing: AtomicBool,
    _lock: DirectoryLock,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Files {
    /// The file that is appended to, and its bytes once all have been written that have a place in it.
    current: Option<(Arc<LogFile>, u64)>,
    /// All files, the oldest first.
    all: VecDeque<Arc<LogFile>>,
    /// Those that wait to be used again.
    spare: Vec<Spare>,
    /// In the name of the next file.
    next_file: u64,
    /// Number of the next frame.
    next_frame: u64,
}

impl Files {
    /// Most files that are to wait: none if nothing comes.
    fn spares(&self) -> usize {
        if self.current.is_some() { self.all.len() / FILES_A_SPARE + SPARES } else { 0 }
    }

    fn is_current(&self, file: &Arc<LogFile>) -> bool {
        self.current.as_ref().is_some_and(|(current, _)| Arc::ptr_eq(current, file))
    }
}

/// A request that is in the log.
#[derive(Debug)]
pub struct Appended {
    /// Keeps it there.
    pub origin: Origin,
    /// To be waited for before it is acknowledged.
    pub ticket: Option<Ticket>,
}

impl WindowLog {
    /// Opens the log, with what an earlier process left in it. Files are written with a key derived from the first of
    /// `roots`, and read with those of any.
    ///
    /// # Errors
    /// If the directory cannot be used, another process uses it, or a file in it needs another key.
    pub fn open(settings: LogSettings, roots: Vec<RootKey>) -> Result<(Self, Recovery), LogError> {
        let directory = settings.directory.clone();
        let failed = |source: io::Error| LogError::Directory { directory: directory.clone(), source };
        make_private(&directory).map_err(failed)?;
        let lock = DirectoryLock::take(&directory).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => LogError::Busy(directory.clone()),
            _ => failed(error),
        })?;
        let commit = settings.fsync.then(Commit::new);
        let shared = Arc::new(Shared {
            settings,
            keys: Keys::new(roots),
            files: Mutex::default(),
            marks: Mutex::default(),
            let_go: Mutex::default(),
            noted: Mutex::default(),
            commit,
            failing: AtomicBool::new(false),
            _lock: lock,
        });
        let recovery = recovery::find(&shared)?;
        Ok((Self { shared }, recovery))
    }

    /// Names whoever writes to this directory: the same after a restart, so that what was begun can be told from what others did.
    ///
    /// # Errors
    /// If it can be neither read nor made.
    pub fn owner(&self) -> Result<String, LogError> {
        let directory = &self.shared.settings.directory;
        owner(directory).map_err(|source| LogError::Directory { directory: directory.clone(), source })
    }

    /// Appends a request: `body` as it came, compressed as `encoding` says.
    ///
    /// # Errors
    /// If it cannot be written, as when the disk is full. The next append tries again, in another file.
    pub fn append(&self, now: Timestamp, signal: Signal, encoding: Encoding, body: &[u8]) -> io::Result<Appended> {
        let written = self.shared.append(now, Kind::Request { signal, encoding }, body);
        if self.shared.failing.swap(written.is_err(), Ordering::AcqRel) != written.is_err() {
            match &written {
                Err(error) => tracing::error!(%error, "the window log cannot be written: input is refused"),
                Ok(_) => tracing::info!("the window log can be written again"),
            }
        }
        let (file, number) = written?;
        let ticket = self.shared.commit.as_ref().map(Commit::ask);
        Ok(Appended { origin: Origin { number, keeper: file }, ticket })
    }

    /// Notes which traces were let go, not sampled, for the next start. It is written when the log is tidied next.
    pub fn note_let_go(&self, notes: &[LetGo]) {
        if !notes.is_empty() {
            let mut content = self.shared.let_go.lock();
            notes.iter().filter(|note| !note.tags.is_empty()).for_each(|note| marks::write_let_go(&mut content, note));
        }
    }

    /// Writes outstanding marks, and removes files whose records have all had their outcome. To be called a few times a
    /// second.
    pub fn tidy(&self, now: Timestamp) {
        if let Err(error) = self.shared.tidy(now) {
            tracing::error!(%error, "the window log could not be tidied");
        }
    }

    /// Serves those who wait for the disk, or returns after a while. `false` if nobody ever will: `fsync` is off. To be called from
    /// [`SYNCS`] threads.
    ///
    /// # Errors
    /// If the disk cannot be synced. Nothing is acknowledged any more then; the process is to end.
    pub fn serve_syncs(&self) -> io::Result<bool> {
        let Some(commit) = &self.shared.commit else { return Ok(false) };
        commit.serve(|slot| self.shared.sync(slot)).map(|()| true)
    }

    /// Bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let (files, spare) = {
            let files = self.shared.files.lock();
            (files.all.clone(), files.spare.iter().map(Spare::bytes).sum::<u64>())
        };
        // One may be written to for as long as the disk likes.
        spare + files.iter().map(|file| file.bytes()).sum::<u64>()
    }

    /// The last marks, and everything on the disk. Nothing is to be appended afterwards.
    pub fn close(&self, now: Timestamp) {
        self.tidy(now);
        self.shared.files.lock().current = None;
        if let Err(error) = self.shared.shed() {
            tracing::error!(%error, "files that waited to be used again stay in the window log's directory");
        }
        if let Err(error) = self.shared.sync_all() {
            tracing::error!(%error, "the window log could not be synced");
        }
    }
}

impl Shared {
    fn append(self: &Arc<Self>, now: Timestamp, kind: Kind, content: &[u8]) -> io::Result<(Arc<LogFile>, u64)> {
        let len = frame::len_of(content.len()).map_err(io::Error::other)?;
        let mut header = Frame { kind, len, arrived: now, number: 0 };
        let file = self.place(now, &mut header)?;
        let written = with_buffer(|buffer| file.append(header, content, buffer));
        if let Err(error) = written {
            self.give_up(&file);
            return Err(error);
        }
        Ok((file, header.number))
    }

    /// The file that a frame is to stand in, and the frame's number.
    fn place(self: &Arc<Self>, now: Timestamp, header: &mut Frame) -> io::Result<Arc<LogFile>> {
        let mut files = self.files.lock();
        let age = self.settings.retention / FILES_A_RETENTION;
        if files.current.as_ref().is_some_and(|(file, len)| *len >= FILE_BYTES || now.since(file.opened) > age) {
            files.current = None;
        }
        if files.current.is_none() {
            let file = Arc::new(self.begin(now, &mut files)?);
            files.all.push_back(Arc::clone(&file));
            files.current = Some((file, FILE_HEADER as u64));
        }
        header.number = files.next_frame;
        files.next_frame += 1;
        let Some((file, len)) = &mut files.current else { return Err(io::ErrorKind::NotFound.into()) };
        *len += header.span() as u64;
        Ok(Arc::clone(file))
    }

    /// The next file, of one that waits to be used again if there is any.
    fn begin(self: &Arc<Self>, now: Timestamp, files: &mut Files) -> io::Result<LogFile> {
        let number = files.next_file;
        let path = |prefix| self.settings.directory.join(name(prefix, number));
        let syncs = if self.commit.is_some() { SYNCS } else { 0 };
        let spare = files.spare.pop().map_or_else(|| Spare::create(path(SPARE), syncs), Ok)?;
        let file = spare.begin(path(FILE), number, now, &self.keys, Arc::downgrade(self))?;
        if self.commit.is_some() {
            sync_directory(&self.settings.directory)?;
        }
        files.next_file += 1;
        Ok(file)
    }

    /// Appends nothing more to a file that something failed in.
    fn give_up(&self, failed: &Arc<LogFile>) {
        let mut files = self.files.lock();
        if files.is_current(failed) {
            files.current = None;
        }
    }

    fn tidy(self: &Arc<Self>, now: Timestamp) -> io::Result<()> {
        let mut marks = std::mem::take(&mut *self.marks.lock());
        let let_go = std::mem::take(&mut *self.let_go.lock());
        marks.extend_from_slice(&let_go);
        let mut noted = self.noted.lock();
        if !marks.is_empty() {
            let (file, _) = self.append(now, Kind::Marks, &marks)?;
            // What came after them is held so long anyway: no file waits for this that would not wait.
            noted.extend((!let_go.is_empty()).then(|| (now.after(self.settings.retention), file)));
        }
        while noted.front().is_some_and(|(until, _)| *until <= now) {
            noted.pop_front();
        }
        drop(noted);
        let (done, ended) = self.take_done(now);
        ended.iter().for_each(|file| file.cut());
        drop(ended);
        if !done.is_empty() && self.commit.is_some() {
            self.sync_all()?;
        }
        let removed = done.into_iter().map(|file| self.retire(file)).fold(Ok(()), io::Result::and);
        removed.and(self.shed())
    }

    /// Takes a file out of the log, to be used again or for good.
    fn retire(&self, file: LogFile) -> io::Result<()> {
        let is_wanted = {
            let files = self.files.lock();
            files.spare.len() < files.spares()
        };
        if !is_wanted || !file.is_sound() {
            return std::fs::remove_file(&file.path);
        }
        let path = self.settings.directory.join(name(SPARE, file.number));
        let spare = Spare::of(file, path)?;
        self.files.lock().spare.push(spare);
        Ok(())
    }

    /// Removes files that wait to be used again, as far as they are too many by now.
    fn shed(&self) -> io::Result<()> {
        let surplus: Vec<_> = {
            let mut files = self.files.lock();
            let spares = files.spares().min(files.spare.len());
            files.spare.drain(spares..).collect()
        };
        surplus.into_iter().map(Spare::remove).fold(Ok(()), io::Result::and)
    }

    /// The oldest files, as far as nobody needs them, and those of the others that have ended and hold something of an earlier life.
    fn take_done(&self, now: Timestamp) -> (Vec<LogFile>, Vec<Arc<LogFile>>) {
        let mut files = self.files.lock();
        let age = self.settings.retention / FILES_A_RETENTION;
        // A process that hears nothing any more keeps nothing either.
        if files.current.as_ref().is_some_and(|(file, _)| now.since(file.opened) > age) {
            files.current = None;
        }
        let mut done = Vec::new();
        // Who holds a file that is not written any more can only let go of it: one is the log itself.
        let is_done = |file: &mut Arc<LogFile>| Arc::get_mut(file).is_some_and(|file| !*file.carried.get_mut());
        while files.all.front_mut().is_some_and(is_done) {
            done.extend(files.all.pop_front().and_then(Arc::into_inner));
        }
        let ended = files.all.iter().filter(|file| !files.is_current(file) && file.has_tail()).cloned().collect();
        (done, ended)
    }

    /// Everything on the disk. Among the syncs that requests wait for: if it fails, they have to know.
    fn sync_all(&self) -> io::Result<()> {
        match &self.commit {
            Some(commit) => commit.sync(|slot| self.sync(slot)),
            None => self.sync(0),
        }
    }

    fn sync(&self, slot: usize) -> io::Result<()> {
        // Not those that need none: whoever holds a file keeps it.
        let files: Vec<_> = self.files.lock().all.iter().filter(|file| !file.is_synced()).cloned().collect();
        for file in files {
            if let Err(error) = file.sync(slot) {
                self.give_up(&file);
                return Err(error);
            }
        }
        Ok(())
    }
}

fn owner(directory: &Path) -> io::Result<String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = directory.join("owner");
    // A link is not followed: what it leads to is neither read nor written.
    let is_file = std::fs::symlink_metadata(&path).map(|about| about.is_file());
    match is_file.and_then(|is_file| if is_file { std::fs::read_to_string(&path) } else { Ok(String::new()) }) {
        Ok(owner) if owner.len() == 16 && owner.bytes().all(|byte| byte.is_ascii_hexdigit()) => return Ok(owner),
        // Cut off while it was made.
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let owner = data_encoding::HEXLOWER.encode(&random);
    // Another file that takes the place of what is there.
    let new = directory.join("owner.new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(owner.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, &path)?;
    Ok(owner)
}

/// The name of a file. Names sort as the files were made.
fn name(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:016x}.log")
}

fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Calls `work` with a buffer of this thread's: a fresh one for every request would cost more than what is done in it.
fn with_buffer<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    thread_local! {
        static BUFFERS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFERS.with_borrow_mut(|buffer| {
        let done = work(buffer);
        buffer.clear();
        buffer.shrink_to(BUFFER);
        done
    })
}
