//! What a file of the log consists of: a header, then frames, each encrypted by itself.
//!
//! ```text
//! file header, 64 bytes:  "casefile" | version u32 | number u32 | salt [32] | check [16]
//! frame:                  header, 32 bytes | ciphertext, `len` bytes | tag [16]
//! frame header:           "CFWL" | kind u8 | signal u8 | encoding u8 | 0 u8 | len u32 | arrived u64 | number u64 | crc u32
//! ```
//!
//! Numbers are little-endian. Frames are AES-256-GCM with a key that is derived from the root key and the file's salt; the
//! nonce is the frame's number, of which each is given out once. The frame header is authenticated, and has a
//! checksum of its own so that the frames behind a damaged one can be found again.
//!
//! A file is used again, and what stood in it stands behind its last frame until it is written over. The checksum begins with the
//! file's salt: a header of an earlier life is none. So does a file say which number of file it is, which its name says too: the two
//! differ where a power failure left the name of a new life and the content of an old one.
//!
//! Of version 1, which is read too, the nonce is the frame's offset in the file, the checksum begins with nothing, and the file has no number.

use std::io;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

use crate::model::{Encoding, RootKey, Signal, Timestamp};

/// Length of a file's header, in bytes.
pub(super) const FILE_HEADER: usize = 64;
/// Length of a frame's header, in bytes.
pub(super) const FRAME_HEADER: usize = 32;
/// Length of a frame's authentication tag, in bytes.
pub(super) const TAG: usize = 16;

const FILE_MAGIC: &[u8; 8] = b"casefile";
/// Files are written in the last of these.
const VERSIONS: [u32; 2] = [1, 2];
/// What every frame begins with.
pub(super) const FRAME_MAGIC: &[u8; 4] = b"CFWL";
/// Bytes of the frame header before its checksum.
const CHECKED: usize = FRAME_HEADER - 4;
/// Longest content of a frame: what a request may be.
const MAX_LEN: u32 = u32::MAX - 1024;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request as it came.
    Request { signal: Signal, encoding: Encoding },
    /// Traces that have been decided.
    Marks,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Length of the content, in bytes.
    pub(super) len: u32,
    /// When it was appended.
    pub(super) arrived: Timestamp,
    /// No other frame of the log has it, and each has a higher one than those that were appended before.
    pub(super) number: u64,
}

impl Frame {
    /// Length of the frame whole, in bytes.
    pub(super) fn span(&self) -> usize {
        FRAME_HEADER + self.len as usize + TAG
    }

    fn to_bytes(self, life: Life) -> [u8; FRAME_HEADER] {
        let (kind, signal, encoding) = match self.kind {
            Kind::Request { signal, encoding } => (1, signal_code(signal), encoding_code(encoding)),
            Kind::Marks => (2, 0, 0),
        };
        let mut bytes = [0; FRAME_HEADER];
        let mut rest = bytes.as_mut_slice();
        for part in [
            FRAME_MAGIC.as_slice(),
            &[kind, signal, encoding, 0],
            &self.len.to_le_bytes(),
            &self.arrived.0.to_le_bytes(),
            &self.number.to_le_bytes(),
        ] {
            rest = put(rest, part);
        }
        let (checked, crc) = bytes.split_at_mut(CHECKED);
        crc.copy_from_slice(&life.checksum(checked));
        bytes
    }

    /// The header at the beginning of `bytes`, if there is one whole that was written in this life of its file.
    pub(super) fn parse(bytes: &[u8], life: Life) -> Option<Self> {
        let (checked, rest) = bytes.split_at_checked(CHECKED)?;
        if !checked.starts_with(FRAME_MAGIC) || rest.first_chunk() != Some(&life.checksum(checked)) {
            return None;
        }
        let [_, _, _, _, kind, signal, encoding, ..] = *checked else { return None };
        let kind = match kind {
            1 => Kind::Request { signal: signal_of(signal)?, encoding: encoding_of(encoding)? },
            2 => Kind::Marks,
            _ => return None,
        };
        let len = u32::from_le_bytes(*checked.get(8..)?.first_chunk()?);
        let arrived = Timestamp(u64::from_le_bytes(*checked.get(12..)?.first_chunk()?));
        let number = u64::from_le_bytes(*checked.get(20..)?.first_chunk()?);
        Some(Self { kind, len, arrived, number })
    }
}

/// Why a frame cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealError {
    /// It is too long for a file.
    #[error("{0} bytes are more than a frame can hold")]
    TooLong(usize),
    /// The cipher refused it.
    #[error("it cannot be encrypted")]
    Cipher,
}

/// The length of a frame of `content` bytes, as its header has it.
///
/// # Errors
/// If it is more than a frame can hold.
pub(super) fn len_of(content: usize) -> Result<u32, SealError> {
    u32::try_from(content).ok().filter(|len| *len <= MAX_LEN).ok_or(SealError::TooLong(content))
}

/// The keys of the log: for each file another.
#[derive(Clone)]
pub(super) struct Keys(std::sync::Arc<Vec<RootKey>>);

impl Keys {
    /// Files are written with the first of these, and read with any.
    pub(super) fn new(roots: Vec<RootKey>) -> Self {
        Self(std::sync::Arc::new(roots))
    }

    /// The header of the file of this number in a new life, and its cipher.
    ///
    /// # Errors
    /// If there is no key, or no randomness.
    pub(super) fn create(&self, number: u64) -> io::Result<([u8; FILE_HEADER], Cipher)> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
        self.header(number, &salt).ok_or_else(|| io::Error::other("no key to encrypt with"))
    }

    fn header(&self, number: u64, salt: &[u8; 32]) -> Option<([u8; FILE_HEADER], Cipher)> {
        let root = self.0.first()?;
        let [_, version] = VERSIONS;
        let mut header = [0; FILE_HEADER];
        let mut rest = header.as_mut_slice();
        for part in [FILE_MAGIC.as_slice(), &version.to_le_bytes(), &low(number), salt] {
            rest = put(rest, part);
        }
        put(rest, &check(root, salt)?);
        Some((header, Cipher::of(root, salt, version)?))
    }

    /// The cipher of the file that begins with `header`; `None` if the header is damaged, or none of these keys is its own.
    pub(super) fn open(&self, header: &[u8]) -> Option<Cipher> {
        let version = version(header)?;
        let salt: &[u8; 32] = header.get(16..)?.first_chunk()?;
        let own: &[u8; 16] = header.get(48..)?.first_chunk()?;
        let root = self.0.iter().find(|root| check(root, salt).as_ref() == Some(own))?;
        Cipher::of(root, salt, version)
    }
}

/// The version of a file, if it begins as one does.
pub(super) fn version(file: &[u8]) -> Option<u32> {
    if file.len() < FILE_HEADER || !file.starts_with(FILE_MAGIC) {
        return None;
    }
    let version = u32::from_le_bytes(*file.get(8..)?.first_chunk()?);
    VERSIONS.contains(&version).then_some(version)
}

/// Whether a file with this header may have this number in its name.
pub(super) fn is_numbered(header: &[u8], number: u64) -> bool {
    version(header) == Some(1) || header.get(12..16) == Some(low(number).as_slice())
}

/// What the header of a file says of its number: four thousand million files lie between two that it does not tell apart.
fn low(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}

/// What tells frames of a file from those of its earlier lives, by their headers alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life(u32);

impl Life {
    fn checksum(self, checked: &[u8]) -> [u8; 4] {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(checked);
        hasher.finalize().to_le_bytes()
    }
}

/// Tells whose key a file was written with.
fn check(root: &RootKey, salt: &[u8; 32]) -> Option<[u8; 16]> {
    let key = root.derive("casefile/window-log/check/v1");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).ok()?;
    mac.update(salt);
    mac.finalize().into_bytes().first_chunk().copied()
}

/// The cipher of one file, in one of its lives.
pub(super) struct Cipher {
    key: LessSafeKey,
    version: u32,
    life: Life,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher([secret])")
    }
}

impl Cipher {
    fn of(root: &RootKey, salt: &[u8; 32], version: u32) -> Option<Self> {
        let purpose = format!("casefile/window-log/v1/{}", data_encoding::HEXLOWER.encode(salt));
        let key = UnboundKey::new(&AES_256_GCM, root.derive(&purpose).as_slice()).ok()?;
        let life = Life(if version == 1 { 0 } else { u32::from_le_bytes(*salt.first_chunk()?) });
        Some(Self { key: LessSafeKey::new(key), version, life })
    }

    /// What its frames are told by.
    pub(super) fn life(&self) -> Life {
        self.life
    }

    fn nonce(&self, offset: usize, number: u64) -> Nonce {
        let mut nonce = [0; 12];
        put(&mut nonce, &if self.version == 1 { offset as u64 } else { number }.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    /// Writes a frame into `frame` (what was in it goes). Its number is used once. Not of a file of version 1.
    pub(super) fn seal(&self, header: Frame, content: &[u8], frame: &mut Vec<u8>) -> Result<(), SealError> {
        let bytes = header.to_bytes(self.life);
        frame.clear();
        frame.reserve(header.span());
        frame.extend_from_slice(&bytes);
        frame.extend_from_slice(content);
        let sealed = frame.get_mut(FRAME_HEADER..).unwrap_or_default();
        let nonce = self.nonce(0, header.number);
        let tag =
            self.key.seal_in_place_separate_tag(nonce, Aad::from(bytes), sealed).map_err(|_| SealError::Cipher)?;
        frame.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// The content of the frame that stands at `offset` of its file and at the beginning of `frame`; `None` if it is
    /// damaged or cut off.
    pub(super) fn open(&self, offset: usize, header: &Frame, frame: &[u8]) -> Option<Vec<u8>> {
        let aad = Aad::from(frame.get(..FRAME_HEADER)?);
        let mut content = frame.get(FRAME_HEADER..header.span())?.to_vec();
        let opened = self.key.open_in_place(self.nonce(offset, header.number), aad, &mut content).ok()?.len();
        content.truncate(opened);
        Some(content)
    }
}

/// Writes `part` to the beginning of `bytes`; the rest of them.
fn put<'a>(bytes: &'a mut [u8], part: &[u8]) -> &'a mut [u8] {
    let (place, rest) = bytes.split_at_mut(part.len().min(bytes.len()));
    place.copy_from_slice(part.get(..place.len()).unwrap_or_default());
    rest
}

fn signal_code(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => 1,
        Signal::Logs => 2,
        Signal::Metrics => 3,
    }
}

fn signal_of(code: u8) -> Option<Signal> {
    Signal::ALL.into_iter().find(|signal| signal_code(*signal) == code)
}

fn encoding_code(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
        Encoding::Zstd => 2,
    }
}

fn encoding_of(code: u8) -> Option<Encoding> {
    [Encoding::Identity, Encoding::Gzip, Encoding::Zstd].into_iter().find(|encoding| encoding_code(*encoding) == code)
}
