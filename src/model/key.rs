//! The root key, from which every other key derives.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Why a text is not a root key. The text itself is never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no text.
    #[error("the root key is empty")]
    Empty,
    /// It is neither hex nor base64.
    #[error("the root key is neither hex nor base64")]
    Encoding,
    /// It is too short.
    #[error("the root key has {0} bytes, and 32 or more are needed")]
    Short(usize),
}

/// At least 32 secret bytes, wiped when dropped.
pub struct RootKey(Zeroizing<Vec<u8>>);

impl RootKey {
    /// Fewest bytes of a root key.
    pub const MIN_LEN: usize = 32;

    /// Reads a key written as hex (64 digits or more) or base64 (standard or URL alphabet, padded or not).
    ///
    /// # Errors
    /// If the text is empty, is in neither encoding, or stands for fewer than 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let unpadded = text.trim_end_matches('=');
        let bytes = [
            data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
            data_encoding::BASE64_NOPAD.decode(unpadded.as_bytes()),
            data_encoding::BASE64URL_NOPAD.decode(unpadded.as_bytes()),
        ]
        .into_iter()
        .find_map(Result::ok)
        .map(Zeroizing::new)
        .ok_or(KeyError::Encoding)?;
        if bytes.len() < Self::MIN_LEN {
            return Err(KeyError::Short(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The 32-byte key for one purpose: HKDF-SHA256 (RFC 5869) of the root key with `purpose` as `info`.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        // 32 bytes are one block of the hash, so the only error (more than 255 blocks asked for) cannot occur.
        let expanded = Hkdf::<Sha256>::new(None, &self.0).expand(purpose.as_bytes(), key.as_mut_slice());
        debug_assert!(expanded.is_ok(), "HKDF refused one block");
        key
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey([secret])")
    }
}
