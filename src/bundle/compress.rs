//! Compression of stored documents: the same bytes for the same document, and a bounded way back.

use std::io::{self, Read};

use bytes::Bytes;
use zstd::zstd_safe::CParameter;

use crate::config::Compression;

/// Most bytes that a reader inflates a stored document to.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024 * 1024;

const LEVEL: i32 = 3;

/// Why a stored object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not the Zstandard frame that its name says, or its checksum is wrong.
    #[error("the object is not valid Zstandard")]
    Corrupt(#[source] io::Error),
    /// It is larger than the limit.
    #[error("the document is larger than {0} bytes")]
    TooLarge(usize),
}

/// The name's ending that stands for this compression.
#[must_use]
pub fn suffix(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "",
        Compression::Zstd => ".zst",
    }
}

/// The stored form of a document. Level and frame parameters are fixed and there is one thread, so one version of the
/// library gives equal bytes for equal documents; readers compare documents, never compressed bytes.
///
/// # Errors
/// If the library cannot get memory.
pub fn pack(document: &Bytes, compression: Compression) -> io::Result<Bytes> {
    match compression {
        Compression::None => Ok(document.clone()),
        Compression::Zstd => {
            let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
            compressor.compress(document).map(Bytes::from)
        }
    }
}

/// The document in a stored object, told by the ending of its name, and at most `limit` bytes of it.
///
/// # Errors
/// If it is damaged, or larger than `limit`.
pub fn unpack(name: &str, stored: &Bytes, limit: usize) -> Result<Bytes, UnpackError> {
    if !name.ends_with(suffix(Compression::Zstd)) {
        return if stored.len() <= limit { Ok(stored.clone()) } else { Err(UnpackError::TooLarge(limit)) };
    }
    let decoder = zstd::stream::read::Decoder::new(stored.as_ref()).map_err(UnpackError::Corrupt)?;
    let mut document = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(bound).read_to_end(&mut document).map_err(UnpackError::Corrupt)?;
    if document.len() > limit { Err(UnpackError::TooLarge(limit)) } else { Ok(Bytes::from(document)) }
}
