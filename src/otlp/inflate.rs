//! Decompression within bounds. The limit holds while bytes come out, so that a small request cannot become a large one.
//!
//! Nearly every body tells its size and is what it tells: that one is inflated at once, into room that is used again and again. What
//! leaves any doubt is read step by step, and what is said of that is what counts: so nothing depends on what a body tells of itself
//! but how long it takes.

use std::io::{self, Read};

use bytes::Bytes;
use memchr::memmem;
use parking_lot::Mutex;
use zstd::zstd_safe;

use crate::model::Encoding;

/// Why a body could not be decompressed.
#[derive(Debug)]
pub enum InflateError {
    /// It grows beyond the limit.
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// Not memory enough at the moment.
    Full,
    /// Not what it says it is, cut short, or its checksum is wrong.
    Corrupt(io::Error),
}

/// Output is taken in steps of this size, and each is paid for before the next.
const STEP: usize = 64 * 1024;
/// A zstd frame asks for a window, and so for memory, of its own choice: 2^23 must be allowed (RFC 9659), more is only
/// of use for larger frames than the limit allows, and beyond 2^27 is never given.
const WINDOW_LOG: std::ops::RangeInclusive<u32> = 23..=27;
/// What a gzip member, its header being this long at least, begins with: the two bytes of its mark, and its method.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 8];
/// A byte of DEFLATE makes no more than this many.
const DEFLATE_MOST: usize = 1032;
/// Workspaces that wait for use.
const IDLE: usize = 16;
/// Bytes of all room that waits for use, and of the smallest of it: smaller is quick to get.
const IDLE_ROOM: std::ops::RangeInclusive<usize> = 16 * 1024..=4 * 1024 * 1024;
/// Room is no wider than its body but for this part of it.
const SPARE: usize = 8;

/// Decompresses `wire` to at most `limit` bytes, for which it asks `pay` beforehand. All members of a concatenated gzip and all frames of
/// a concatenated zstd count as one body, as RFC 1952 and RFC 8878 have it.
///
/// What it answers may lie in room that is lent, and a little wider: whoever keeps it for long is to keep a copy.
///
/// # Errors
/// If it is corrupt, larger than `limit`, or `pay` says no.
pub fn inflate(
    encoding: Encoding,
    wire: &[u8],
    limit: usize,
    mut pay: impl FnMut(usize) -> bool,
) -> Result<Bytes, InflateError> {
    if let Some(size) = told_size(encoding, wire).filter(|size| (1..=limit).contains(size)) {
        if !pay(size) {
            return Err(InflateError::Full);
        }
        if let Some(inflated) = at_once(encoding, wire, size) {
            return Ok(inflated);
        }
    }
    match encoding {
        Encoding::Identity => read_bounded(wire, limit, pay),
        Encoding::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(wire), limit, pay),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(wire).map_err(InflateError::Corrupt)?;
            let window = limit.next_power_of_two().ilog2().clamp(*WINDOW_LOG.start(), *WINDOW_LOG.end());
            decoder.window_log_max(window).map_err(InflateError::Corrupt)?;
            read_bounded(decoder, limit, pay)
        }
    }
}

/// Decompresses the body of a request that was accepted before, and so was within the limits: to `limit` bytes, where that many came out.
///
/// # Errors
/// If it is corrupt.
pub fn inflate_again(encoding: Encoding, body: &Bytes, limit: usize) -> io::Result<Bytes> {
    if encoding == Encoding::Identity {
        return Ok(body.clone());
    }
    inflate(encoding, body, limit, |_| true).map_err(|error| match error {
        InflateError::Corrupt(error) => error,
        InflateError::TooLarge { .. } | InflateError::Full => io::ErrorKind::FileTooLarge.into(),
    })
}

/// The size that a body tells, if it may be the size of all of it. No more than that: a body may tell anything.
fn told_size(encoding: Encoding, wire: &[u8]) -> Option<usize> {
    match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => {
            let deflated = wire.strip_prefix(GZIP_MAGIC)?;
            let size = usize::try_from(u32::from_le_bytes(*wire.last_chunk()?)).ok()?;
            // Where another member may begin, the size is that of the last one.
            let is_one = memmem::find(deflated, GZIP_MAGIC).is_none();
            (is_one && size / DEFLATE_MOST <= wire.len()).then_some(size)
        }
        Encoding::Zstd => usize::try_from(zstd_safe::get_frame_content_size(wire).ok()??).ok(),
    }
}

/// Decompresses `wire` where that makes `size` bytes and leaves nothing over; `None` if it does not.
fn at_once(encoding: Encoding, wire: &[u8], size: usize) -> Option<Bytes> {
    let mut lent = Lent::of(size);
    let room = lent.room.get_mut(..size)?;
    let idle = WORKSPACES.lock().pop();
    let Workspace { mut gzip, mut zstd } = idle.unwrap_or_default();
    let made = match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => gzip.get_or_insert_with(libdeflater::Decompressor::new).gzip_decompress(wire, room).ok(),
        Encoding::Zstd => zstd.get_or_insert_default().decompress_to_buffer(wire, room).ok(),
    };
    let mut idle = WORKSPACES.lock();
    if idle.len() < IDLE {
        idle.push(Workspace { gzip, zstd });
    }
    drop(idle);
    // A gzip that goes on behind its first member would end with the size of another.
    (made == Some(size)).then(|| Bytes::from_owner(lent))
}

/// What an encoding takes to be inflated, once that comes.
#[derive(Default)]
struct Workspace {
    gzip: Option<libdeflater::Decompressor>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

/// Those that wait for use.
static WORKSPACES: Mutex<Vec<Workspace>> = Mutex::new(Vec::new());
/// Room that waits for use, what was used last at the end: it costs more to get from the system than to fill. Of zeros or what was there
/// before.
static ROOMS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Room with a body of `len` bytes in it; it goes back when nobody looks at that any more.
struct Lent {
    room: Vec<u8>,
    len: usize,
}

impl Lent {
    fn of(len: usize) -> Self {
        let fits = |room: &Vec<u8>| (len..=len + len / SPARE).contains(&room.len());
        let mut idle = ROOMS.lock();
        let found = idle.iter().rposition(fits).map(|at| idle.remove(at));
        drop(idle);
        // Fresh, and not grown: nothing is copied, and zeros cost nothing until they are written to.
        Self { room: found.unwrap_or_else(|| vec![0; len + len / SPARE / 2]), len }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !IDLE_ROOM.contains(&self.room.len()) {
            return;
        }
        let mut idle = ROOMS.lock();
        idle.push(std::mem::take(&mut self.room));
        let surplus = surplus(&mut idle, *IDLE_ROOM.end());
        drop(idle);
        // After the lock: to free it may take the system a while.
        drop(surplus);
    }
}

/// Takes out the first rooms, so that the others are `most` bytes or less.
pub(super) fn surplus(idle: &mut Vec<Vec<u8>>, most: usize) -> Vec<Vec<u8>> {
    let mut bytes = 0;
    let fits = |room: &&Vec<u8>| {
        bytes += room.len();
        bytes <= most
    };
    let kept = idle.iter().rev().take_while(fits).count();
    idle.drain(..idle.len() - kept).collect()
}

fn read_bounded(
    mut reader: impl Read,
    limit: usize,
    mut pay: impl FnMut(usize) -> bool,
) -> Result<Bytes, InflateError> {
    let mut inflated = Vec::new();
    loop {
        // One byte more than the limit tells "exactly the limit" from "beyond it".
        let room = limit.saturating_add(1).saturating_sub(inflated.len()).min(STEP);
        let read = (&mut reader).take(room as u64).read_to_end(&mut inflated).map_err(InflateError::Corrupt)?;
        if inflated.len() > limit {
            return Err(InflateError::TooLarge { limit });
        }
        if read == 0 {
            return Ok(inflated.into());
        }
        if !pay(read) {
            return Err(InflateError::Full);
        }
    }
}
