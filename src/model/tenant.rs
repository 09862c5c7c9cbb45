//! Whose records they are.

use std::fmt;
use std::sync::Arc;

/// The tenant of whatever says of no other.
pub const DEFAULT_TENANT: &str = "default";

/// A tenant: what of one is kept never meets what is of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// Most bytes of a name.
    const MAX_NAME: usize = 64;

    /// The tenant of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Whether a text can be a tenant's name: letters, digits, `-`, `_` and `.`, at most 64 of them, and no dot alone.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=Self::MAX_NAME).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('.')
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new(DEFAULT_TENANT)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
