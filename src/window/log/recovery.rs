//! What an earlier process left in the log.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commit::sync_directory;
use super::file::{Found, Frames, LogFile};
use super::frame::{Frame, Kind};
use super::marks::Marks;
use super::{FILE, LogError, QUARANTINE, SPARE, Shared, frame, make_private};
use crate::model::{Encoding, Origin, Signal, Timestamp};

/// A request that was found in the log.
#[derive(Debug)]
pub struct Recovered {
    /// When it was appended.
    pub arrived: Timestamp,
    /// Its signal.
    pub signal: Signal,
    /// How `body` is compressed.
    pub encoding: Encoding,
    /// As it came.
    pub body: Vec<u8>,
    /// Keeps it in the log.
    pub origin: Origin,
}

/// What was found, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoveryStats {
    /// Files.
    pub files: u64,
    /// Requests that can be read.
    pub requests: u64,
    /// Bytes of frames that a kill cut off before they were acknowledged, or of room that was left for such.
    pub torn_bytes: u64,
    /// Frames, or stretches between frames, that cannot be read.
    pub damaged: u64,
}

/// What is in the log's files: an iterator over its requests, in the order of their arrival.
#[derive(Debug)]
pub struct Recovery {
    shared: Arc<Shared>,
    marks: Marks,
    last: Timestamp,
    files: VecDeque<Arc<LogFile>>,
    current: VecDeque<Recovered>,
    stats: RecoveryStats,
}

/// Looks through the directory: opens its files, reads their marks, and says which numbers are free.
pub(super) fn find(shared: &Arc<Shared>) -> Result<Recovery, LogError> {
    let directory = &shared.settings.directory;
    let failed = |source: io::Error| LogError::Directory { directory: directory.clone(), source };
    let mut recovery = Recovery {
        shared: Arc::clone(shared),
        marks: Marks::default(),
        last: Timestamp::default(),
        files: VecDeque::new(),
        current: VecDeque::new(),
        stats: RecoveryStats::default(),
    };
    let mut files = shared.files.lock();
    for (_, path) in names(directory, SPARE).map_err(failed)? {
        fs::remove_file(&path).map_err(failed)?;
    }
    for (number, path) in names(directory, FILE).map_err(failed)? {
        files.next_file = number + 1;
        if !fs::symlink_metadata(&path).map_err(failed)?.is_file() {
            recovery.foreign(&path)?;
            continue;
        }
        let bytes = fs::read(&path).map_err(failed)?;
        let Some(cipher) = shared.keys.open(&bytes) else {
            recovery.unreadable(&path, &bytes)?;
            continue;
        };
        // A power failure has left the name of a new life and the content of an earlier one, whose records have had their outcome. It
        // is kept all the same: it may be somebody else who has renamed it.
        if !frame::is_numbered(&bytes, number) {
            recovery.set_aside(&path)?;
            continue;
        }
        let file =
            LogFile::reopen(&path, number, bytes.len() as u64, cipher, Arc::downgrade(shared)).map_err(failed)?;
        recovery.read_marks(&file, &bytes, &mut files.next_frame);
        let file = Arc::new(file);
        files.all.push_back(Arc::clone(&file));
        recovery.files.push_back(file);
        recovery.stats.files += 1;
    }
    drop(files);
    Ok(recovery)
}

impl Recovery {
    /// Which traces have been decided.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// When the last frame was appended: the process lived until then, at least.
    #[must_use]
    pub fn last_append(&self) -> Timestamp {
        self.last
    }

    /// What has been found so far.
    #[must_use]
    pub fn stats(&self) -> RecoveryStats {
        self.stats
    }

    fn read_marks(&mut self, file: &LogFile, bytes: &[u8], next_frame: &mut u64) {
        for found in Frames::of(bytes, file.cipher.life()) {
            let Found::Frame(at, header) = found else { continue };
            self.last = self.last.max(header.arrived);
            *next_frame = (*next_frame).max(header.number.saturating_add(1));
            if header.kind == Kind::Marks {
                let content = bytes.get(at..).and_then(|frame| file.cipher.open(at, &header, frame));
                self.marks.read(&content.unwrap_or_default());
            }
        }
    }

    /// Sets aside what has the name of a file and is none, such as a link or a pipe. It is not opened: what it leads to is not the log's.
    fn foreign(&mut self, path: &Path) -> Result<(), LogError> {
        let failed = |source| LogError::Directory { directory: path.to_owned(), source };
        self.stats.damaged += 1;
        let directory = self.shared.settings.directory.join(QUARANTINE);
        make_private(&directory).map_err(failed)?;
        let to = directory.join(path.file_name().unwrap_or_default());
        fs::rename(path, &to).map_err(failed)?;
        tracing::error!(file = %to.display(), "what has the name of a file of the window log is no file, and has been set aside");
        sync_directory(&directory).map_err(failed)
    }

    /// Deals with a file whose header does not fit any key.
    fn unreadable(&mut self, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
        let failed = |source| LogError::Directory { directory: path.to_owned(), source };
        // A kill came between making the file and writing its header, so nothing in it was acknowledged.
        if bytes.len() < frame::FILE_HEADER {
            self.stats.torn_bytes += bytes.len() as u64;
            return fs::remove_file(path).map_err(failed);
        }
        if frame::version(bytes).is_some() {
            return Err(LogError::Key(path.to_owned()));
        }
        self.set_aside(path)
    }

    fn set_aside(&mut self, path: &Path) -> Result<(), LogError> {
        let failed = |source| LogError::Directory { directory: path.to_owned(), source };
        self.stats.damaged += 1;
        self.quarantine(path).and_then(|()| fs::remove_file(path)).map_err(failed)
    }

    /// Sets a file aside, for people to look at: what can be read of it has been taken.
    fn quarantine(&self, path: &Path) -> io::Result<()> {
        let directory = self.shared.settings.directory.join(QUARANTINE);
        make_private(&directory)?;
        let to = directory.join(path.file_name().unwrap_or_default());
        // A second name: the file itself stays in the log until its records have had their outcome.
        fs::hard_link(path, &to).or_else(|_| fs::copy(path, &to).map(drop))?;
        tracing::error!(file = %to.display(), "a file of the window log is damaged and has been set aside");
        sync_directory(&directory)
    }

    /// Reads the next file.
    fn read(&mut self, file: &Arc<LogFile>) -> io::Result<()> {
        let bytes = file.read()?;
        let before = self.stats.damaged;
        let mut frames = Frames::of(&bytes, file.cipher.life()).peekable();
        while let Some(found) = frames.next() {
            match found {
                Found::Frame(at, header) => {
                    if self.take(file, at, header, &bytes) {
                        continue;
                    }
                    // Cut off before what an earlier life left there was all written over.
                    if matches!(frames.peek(), Some(Found::Tail { .. })) {
                        self.stats.torn_bytes += header.span() as u64;
                    } else {
                        self.stats.damaged += 1;
                    }
                }
                // Blocks that the disk never got.
                Found::Gap { len, zero: true } => self.stats.torn_bytes += len as u64,
                Found::Gap { .. } => self.stats.damaged += 1,
                Found::Tail { torn } => self.stats.torn_bytes += torn as u64,
            }
        }
        if self.stats.damaged > before {
            self.quarantine(&file.path)?;
        }
        Ok(())
    }

    /// Takes a request; `false` if it cannot be read.
    fn take(&mut self, file: &Arc<LogFile>, at: usize, header: Frame, bytes: &[u8]) -> bool {
        let Kind::Request { signal, encoding } = header.kind else { return true };
        let content = bytes.get(at..).and_then(|frame| file.cipher.open(at, &header, frame));
        let Some(body) = content else { return false };
        self.stats.requests += 1;
        let origin = Origin { number: header.number, keeper: Arc::clone(file) as _ };
        self.current.push_back(Recovered { arrived: header.arrived, signal, encoding, body, origin });
        true
    }
}

impl Iterator for Recovery {
    type Item = io::Result<Recovered>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.current.is_empty() {
            let file = self.files.pop_front()?;
            if let Err(error) = self.read(&file) {
                return Some(Err(error));
            }
        }
        self.current.pop_front().map(Ok)
    }
}

/// The files of the directory whose names begin so, in the order of their numbers.
fn names(directory: &Path, prefix: &str) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(".log"))
            .and_then(|number| u64::from_str_radix(number, 16).ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
