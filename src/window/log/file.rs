//! One file of the log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::frame::{self, Cipher, FILE_HEADER, Frame, Keys, Life};
use super::{Shared, marks};
use crate::model::{Decision, Keeper, Timestamp, TraceId};

/// A file of the log. It may go once the log alone holds it.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    /// In its name.
    pub(super) number: u64,
    pub(super) opened: Timestamp,
    pub(super) cipher: Cipher,
    descriptors: Descriptors,
    room: Mutex<Room>,
    /// Writes so far, and how many of them are on the disk.
    written: AtomicU64,
    synced: AtomicU64,
    /// Whether the next start is to read it, whoever holds it until then.
    pub(super) carried: AtomicBool,
    log: Weak<Shared>,
}

/// A file that is open.
#[derive(Debug)]
struct Descriptors {
    file: File,
    /// Where each sync that may run beside others has a descriptor of its own: empty if there are none.
    syncing: Vec<File>,
}

/// How far a file is written.
#[derive(Debug)]
struct Room {
    /// Where the next frame comes.
    end: u64,
    /// Bytes of the file: what is behind the end is of an earlier life.
    len: u64,
    /// See [`LogFile::is_sound`].
    is_sound: bool,
}

impl LogFile {
    /// A file of an earlier run: it is read and kept, and not written any more.
    pub(super) fn reopen(path: &Path, number: u64, len: u64, cipher: Cipher, log: Weak<Shared>) -> io::Result<Self> {
        let descriptors = Descriptors { file: File::open(path)?, syncing: Vec::new() };
        let path = path.to_owned();
        let ([written, synced], carried) = ([0; 2].map(AtomicU64::new), AtomicBool::new(false));
        let room = Mutex::new(Room { end: len, len, is_sound: false });
        let opened = Timestamp::default();
        Ok(Self { path, number, opened, cipher, descriptors, room, written, synced, carried, log })
    }

    /// Appends a frame; `buffer` is used for it. Frames stand one behind the other as they are written: nothing is between them that
    /// was not, whenever a kill comes. (The system writes to a file one at a time in any case.)
    ///
    /// # Errors
    /// If it cannot be encrypted, or not be written whole: then nothing of it stays, as far as that can be.
    pub(super) fn append(&self, header: Frame, content: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
        self.cipher.seal(header, content, buffer).map_err(io::Error::other)?;
        let mut room = self.room.lock();
        let done = self.descriptors.file.write_all_at(buffer, room.end);
        if done.is_err() {
            room.is_sound = false;
            // Also room for those who come next.
            self.cut_to(&mut room);
        } else {
            room.end += buffer.len() as u64;
            room.len = room.len.max(room.end);
            self.written.fetch_add(1, Ordering::Release);
        }
        done
    }

    /// Whether something of an earlier life stands behind the last frame.
    pub(super) fn has_tail(&self) -> bool {
        let room = self.room.lock();
        room.len > room.end
    }

    /// Cuts that off. The file may still grow.
    pub(super) fn cut(&self) {
        self.cut_to(&mut self.room.lock());
    }

    fn cut_to(&self, room: &mut Room) {
        match self.descriptors.file.set_len(room.end) {
            Ok(()) => room.len = room.end,
            Err(error) => tracing::debug!(%error, "what is no frame stays at the end of a window log's file"),
        }
    }

    /// Its size in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.room.lock().len
    }

    /// Whether it may have another life: this process has made it, and nothing has failed in it.
    pub(super) fn is_sound(&self) -> bool {
        self.room.lock().is_sound
    }

    /// Whether all that has been written is on the disk.
    pub(super) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire) == self.written.load(Ordering::Acquire)
    }

    /// Brings what has been written to the disk, unless it is there. No other sync may have the same `slot` meanwhile.
    ///
    /// # Errors
    /// If it cannot be written; then it may be lost.
    pub(super) fn sync(&self, slot: usize) -> io::Result<()> {
        let written = self.written.load(Ordering::Acquire);
        if self.synced.load(Ordering::Acquire) < written {
            self.descriptors.syncing.get(slot).unwrap_or(&self.descriptors.file).sync_data()?;
            self.synced.fetch_max(written, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Everything in the file.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        std::fs::read(&self.path)
    }
}

impl Keeper for LogFile {
    /// What has no mark is read again, if the file is still there then.
    fn carried(&self) {
        self.carried.store(true, Ordering::Release);
    }

    fn settled(&self, trace_id: TraceId, decision: &Decision, requests: &[u64]) {
        if let Some(log) = self.log.upgrade() {
            marks::write(&mut log.marks.lock(), trace_id, decision, requests);
        }
    }
}

/// A file whose records have all had their outcome, to be used again: its blocks and pages are there already, which is more than
/// half of what writing a new one costs.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    descriptors: Descriptors,
    len: u64,
}

impl Spare {
    /// Makes a new file, which nobody but its owner can read: it waits for its first life, as others do for their next. So many syncs of it may
    /// run at the same time.
    ///
    /// # Errors
    /// If it cannot be made; nothing of it is left then.
    pub(super) fn create(path: PathBuf, syncs: usize) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // Opened before anything is written: a descriptor is not told of what failed before it was there.
        let syncing: io::Result<Vec<File>> = (0..syncs).map(|_| File::open(&path)).collect();
        if syncing.is_err() {
            std::fs::remove_file(&path)?;
        }
        Ok(Self { descriptors: Descriptors { file, syncing: syncing? }, path, len: 0 })
    }

    /// Takes a file out of the log, under a name that is none of the log's: a start does not read it.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub(super) fn of(file: LogFile, path: PathBuf) -> io::Result<Self> {
        std::fs::rename(&file.path, &path)?;
        Ok(Self { path, len: file.bytes(), descriptors: file.descriptors })
    }

    /// Its size in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.len
    }

    /// Begins a life as the log's file of this number and `path`: the header first, then the name.
    ///
    /// # Errors
    /// If either fails; the file is removed then.
    pub(super) fn begin(
        self,
        path: PathBuf,
        number: u64,
        now: Timestamp,
        keys: &Keys,
        log: Weak<Shared>,
    ) -> io::Result<LogFile> {
        let begun = keys.create(number).and_then(|(header, cipher)| {
            self.descriptors.file.write_all_at(&header, 0)?;
            std::fs::rename(&self.path, &path).map(|()| cipher)
        });
        if begun.is_err() {
            std::fs::remove_file(&self.path)?;
        }
        let (cipher, end) = (begun?, FILE_HEADER as u64);
        Ok(LogFile {
            path,
            number,
            opened: now,
            cipher,
            descriptors: self.descriptors,
            room: Mutex::new(Room { end, len: self.len.max(end), is_sound: true }),
            written: AtomicU64::new(1),
            synced: AtomicU64::new(0),
            carried: AtomicBool::new(false),
            log,
        })
    }

    /// Removes it.
    ///
    /// # Errors
    /// If it cannot be.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A frame, at this offset.
    Frame(usize, Frame),
    /// Bytes that are no frame, up to the next one.
    Gap { len: usize, zero: bool },
    /// Bytes behind the last frame: a torn one's, `torn` of them, or an earlier life's.
    Tail { torn: usize },
}

/// Walks over the frames of a file's bytes, by their headers alone.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    life: Life,
    at: usize,
}

impl<'a> Frames<'a> {
    pub(super) fn of(bytes: &'a [u8], life: Life) -> Self {
        Self { bytes, life, at: FILE_HEADER.min(bytes.len()) }
    }

    /// The frame at the beginning of what is left, if it is there whole.
    fn here(&self) -> Option<Frame> {
        let rest = self.bytes.get(self.at..)?;
        Frame::parse(rest, self.life).filter(|frame| frame.span() <= rest.len())
    }
}

impl Iterator for Frames<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        if let Some(frame) = self.here() {
            self.at += frame.span();
            return Some(Found::Frame(start, frame));
        }
        let rest = self.bytes.get(start..).unwrap_or_default();
        self.at += 1;
        while let Some(next) = self.bytes.get(self.at..).and_then(|rest| memchr::memmem::find(rest, frame::FRAME_MAGIC))
        {
            self.at += next;
            if self.here().is_some() {
                let gap = self.bytes.get(start..self.at).unwrap_or_default();
                return Some(Found::Gap { len: gap.len(), zero: gap.iter().all(|byte| *byte == 0) });
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
        Some(Found::Tail { torn: Frame::parse(rest, self.life).map_or(0, |_| rest.len()) })
    }
}
