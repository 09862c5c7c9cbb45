//! Decompression within bounds. The limit holds while bytes come out, so that a small request cannot become a large one.

use std::io::{self, Read};

use super::held::Held;
use crate::model::{Budget, Encoding};

/// What the servers take, as `grpc-accept-encoding` and `Accept-Encoding` write it.
pub(super) const ACCEPTED: &str = "gzip, zstd, identity";

/// The encoding of this name (`grpc-encoding`, `Content-Encoding`); `None` if the servers do not know it.
pub(super) fn named(name: &str) -> Option<Encoding> {
    let name = name.trim();
    [
        ("", Encoding::Identity),
        ("identity", Encoding::Identity),
        ("gzip", Encoding::Gzip),
        ("x-gzip", Encoding::Gzip),
        ("zstd", Encoding::Zstd),
    ]
    .into_iter()
    .find_map(|(known, encoding)| name.eq_ignore_ascii_case(known).then_some(encoding))
}

/// Why a body could not be decompressed.
#[derive(Debug)]
pub(super) enum InflateError {
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

/// Decompresses `wire` to at most `limit` bytes. All members of a concatenated gzip and all frames of a concatenated zstd
/// count as one body, as RFC 1952 and RFC 8878 have it.
pub(super) fn inflate(encoding: Encoding, wire: &[u8], limit: usize, held: &mut Held) -> Result<Vec<u8>, InflateError> {
    match encoding {
        Encoding::Identity => read_bounded(wire, limit, held),
        Encoding::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(wire), limit, held),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(wire).map_err(InflateError::Corrupt)?;
            let window = limit.next_power_of_two().ilog2().clamp(*WINDOW_LOG.start(), *WINDOW_LOG.end());
            decoder.window_log_max(window).map_err(InflateError::Corrupt)?;
            read_bounded(decoder, limit, held)
        }
    }
}

/// Decompresses the body of a request that was accepted before, and so was within the limits.
///
/// # Errors
/// If it is corrupt.
pub fn inflate_again(encoding: Encoding, body: Vec<u8>) -> io::Result<Vec<u8>> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    let mut held = Held::new(&Budget::new(usize::MAX));
    inflate(encoding, &body, u32::MAX as usize, &mut held).map_err(|error| match error {
        InflateError::Corrupt(error) => error,
        InflateError::TooLarge { .. } | InflateError::Full => io::ErrorKind::FileTooLarge.into(),
    })
}

fn read_bounded(mut reader: impl Read, limit: usize, held: &mut Held) -> Result<Vec<u8>, InflateError> {
    let mut inflated = Vec::new();
    loop {
        // One byte more than the limit tells "exactly the limit" from "beyond it".
        let room = limit.saturating_add(1).saturating_sub(inflated.len()).min(STEP);
        let read = (&mut reader).take(room as u64).read_to_end(&mut inflated).map_err(InflateError::Corrupt)?;
        if inflated.len() > limit {
            return Err(InflateError::TooLarge { limit });
        }
        if read == 0 {
            return Ok(inflated);
        }
        if !held.grow(read) {
            return Err(InflateError::Full);
        }
    }
}
