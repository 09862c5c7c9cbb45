//! Raw evidence for the holder of a key: the other half of `raw`.

use std::io::Read as _;

use age::Decryptor;
use zeroize::Zeroizing;

/// Private keys that raw evidence may be encrypted to.
pub struct Identities(Vec<age::x25519::Identity>);

/// Why a text is not a file of identities. Its lines are never shown.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A line is no private X25519 key.
    #[error("line {0} is neither a comment nor a private X25519 key (AGE-SECRET-KEY-1…)")]
    Line(usize),
    /// There is no key at all.
    #[error("there is no private key in it")]
    Empty,
}

/// Why an object cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// It is encrypted to other keys.
    #[error("it is encrypted to none of the keys given")]
    OtherKey,
    /// It is not an age file, or has been changed or cut.
    #[error("it is not an age file, or is damaged")]
    Damaged(#[source] age::DecryptError),
    /// Its content has been changed or cut.
    #[error("its content is damaged")]
    Content(#[source] std::io::Error),
}

impl Identities {
    /// Reads what `age-keygen` writes: a key a line, with comments (`#`) and empty lines between.
    ///
    /// # Errors
    /// If a line is something else, or there is no key.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let lines = text.lines().map(str::trim).enumerate();
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<_> =
            keys.map(|(at, line)| line.parse().map_err(|_| IdentityError::Line(at + 1))).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(IdentityError::Empty) } else { Ok(Self(keys)) }
    }

    /// Decrypts an object.
    ///
    /// # Errors
    /// If no key fits, or the object is damaged; no part of it is handed out then.
    pub fn open(&self, object: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let decryptor = Decryptor::new(object).map_err(UnsealError::Damaged)?;
        let mut reader = match decryptor.decrypt(self.0.iter().map(|key| key as &dyn age::Identity)) {
            Ok(reader) => reader,
            Err(age::DecryptError::NoMatchingKeys) => return Err(UnsealError::OtherKey),
            Err(error) => return Err(UnsealError::Damaged(error)),
        };
        let mut plain = Zeroizing::new(Vec::with_capacity(object.len()));
        reader.read_to_end(&mut plain).map_err(UnsealError::Content)?;
        Ok(plain)
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identities({} [secret])", self.0.len())
    }
}
