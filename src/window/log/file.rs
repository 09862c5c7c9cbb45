//! One file of the log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::frame::{self, Cipher, FILE_HEADER, Frame, Keys};
use super::{Shared, marks};
use crate::model::{Decision, Keeper, Timestamp, TraceId};

/// A file of the log. It may be removed once the log alone holds it.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) opened: Timestamp,
    pub(super) cipher: Cipher,
    pub(super) file: File,
    /// Where each sync that may run beside others has a descriptor of its own: empty if there are none.
    syncing: Vec<File>,
    /// Writes so far, and how many of them are on the disk.
    written: AtomicU64,
    synced: AtomicU64,
    /// Whether the next start is to read it, whoever holds it until then.
    pub(super) carried: AtomicBool,
    log: Weak<Shared>,
}

impl LogFile {
    /// Makes a new file, which nobody but its owner can read. So many syncs of it may run at the same time.
    ///
    /// # Errors
    /// If it cannot be made or its header not be written; nothing of it is left then.
    pub(super) fn create(
        path: PathBuf,
        now: Timestamp,
        keys: &Keys,
        syncs: usize,
        log: Weak<Shared>,
    ) -> io::Result<Self> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
        let (header, cipher) = keys.create(&salt).ok_or_else(|| io::Error::other("no key to encrypt with"))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // Opened before anything is written: a descriptor is not told of what failed before it was there.
        let syncing: io::Result<Vec<File>> = (0..syncs).map(|_| File::open(&path)).collect();
        let syncing = match syncing.and_then(|syncing| file.write_all_at(&header, 0).map(|()| syncing)) {
            Ok(syncing) => syncing,
            Err(error) => {
                std::fs::remove_file(&path)?;
                return Err(error);
            }
        };
        let (written, synced) = (AtomicU64::new(1), AtomicU64::new(0));
        Ok(Self { path, opened: now, cipher, file, syncing, written, synced, carried: AtomicBool::new(false), log })
    }

    /// A file of an earlier run: it is read and kept, and not written any more.
    pub(super) fn reopen(path: &Path, cipher: Cipher, log: Weak<Shared>) -> io::Result<Self> {
        let file = File::open(path)?;
        let path = path.to_owned();
        let ([written, synced], carried) = ([0; 2].map(AtomicU64::new), AtomicBool::new(false));
        let opened = Timestamp::default();
        Ok(Self { path, opened, cipher, file, syncing: Vec::new(), written, synced, carried, log })
    }

    /// Writes a frame at `offset`, which was reserved for it; `buffer` is used for it.
    ///
    /// # Errors
    /// If it cannot be encrypted, or not be written whole.
    pub(super) fn write(&self, offset: u64, header: Frame, content: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
        self.cipher.seal(offset, header, content, buffer).map_err(io::Error::other)?;
        self.file.write_all_at(buffer, offset)?;
        self.written.fetch_add(1, Ordering::Release);
        Ok(())
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
            self.syncing.get(slot).unwrap_or(&self.file).sync_data()?;
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

/// The part of a file between two frames that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A frame, at this offset.
    Frame(usize, Frame),
    /// Bytes that are no frame, up to the next one.
    Gap { len: usize, zero: bool, last: bool },
}

/// Walks over the frames of a file's bytes, by their headers alone.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: FILE_HEADER.min(bytes.len()) }
    }

    /// The frame at the beginning of what is left, if it is there whole.
    fn here(&self) -> Option<Frame> {
        let rest = self.bytes.get(self.at..)?;
        Frame::parse(rest).filter(|frame| frame.span() <= rest.len())
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
        self.at += 1;
        while let Some(next) = self.bytes.get(self.at..).and_then(|rest| memchr::memmem::find(rest, frame::FRAME_MAGIC))
        {
            self.at += next;
            if self.here().is_some() {
                return Some(self.gap(start, false));
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
        Some(self.gap(start, true))
    }
}

impl Frames<'_> {
    fn gap(&self, start: usize, last: bool) -> Found {
        let gap = self.bytes.get(start..self.at).unwrap_or_default();
        Found::Gap { len: gap.len(), zero: gap.iter().all(|byte| *byte == 0), last }
    }
}
