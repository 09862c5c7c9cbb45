//! What a process says of itself: when it did what, and digests of what was encrypted. Any digits may stand there by chance, and
//! none of them say what was sent.
//!
//! A canary of nine digits is in the fractions of a second of one run in twelve. So they are taken out before a text is searched, but
//! only where their form and their value leave no doubt.

use std::collections::BTreeSet;

use jiff::Timestamp;
use regex::{Captures, Regex};
use sha2::{Digest as _, Sha256};

/// What is taken out.
#[derive(Debug)]
pub(crate) struct Own {
    /// Instants with fractions of a second, numbers that count from the clock, and digests.
    said: Regex,
    /// When the process was started.
    from: Timestamp,
    /// The digests of objects that differ from run to run: `sha256` in hex.
    digests: BTreeSet<String>,
}

impl Own {
    /// Of a process that was started then.
    pub(crate) fn since(from: Timestamp) -> Self {
        let said =
            r#"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z|"lateness_ms":\d+|webhook-timestamp: \d+|\b[0-9a-f]{64}\b"#;
        Self { said: Regex::new(said).unwrap(), from, digests: BTreeSet::new() }
    }

    /// Also an object that was encrypted.
    pub(crate) fn add(&mut self, object: &[u8]) {
        self.digests.insert(data_encoding::HEXLOWER.encode(&Sha256::digest(object)));
    }

    /// The text without what the process says of itself until now.
    pub(crate) fn without(&self, text: &str) -> String {
        let now = Timestamp::now();
        let blank = |said: &Captures<'_>| {
            let said = &said[0];
            let is_counted = said.starts_with('"') || said.starts_with("webhook");
            let is_own = match said.parse::<Timestamp>() {
                Ok(instant) => self.from <= instant && instant <= now,
                Err(_) => is_counted || self.digests.contains(said),
            };
            // Letters, so that what stood on both sides does not become one number.
            if is_own { "own".to_owned() } else { said.to_owned() }
        };
        self.said.replace_all(text, blank).into_owned()
    }
}
