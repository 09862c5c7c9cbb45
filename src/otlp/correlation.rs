//! The values by which log records without a trace id are joined with traces: read off the wire, no more of a record than
//! its attributes.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;

use super::attribute::own_texts;
use crate::model::Record;

/// What may stand before a name without being part of it.
const PREFIXES: [&str; 4] = ["http.request.header.", "http.response.header.", "http.", "x-"];
/// What stands for a value that is not there, in the spellings of many programs.
const PLACEHOLDERS: [&str; 9] = ["0", "null", "(null)", "none", "nil", "n/a", "unknown", "undefined", "<nil>"];
/// Most bytes of a value: an id is shorter.
const MAX_VALUE: usize = 256;

/// Attributes by whose value records are joined.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// Each name as its letters and digits in lower case, without a prefix.
    names: Vec<Vec<u8>>,
    /// Seeded at random: values come from outside, and chosen ones must not collide.
    hasher: RandomState,
}

/// A value of one of the names: equal for equal values of one name, within a process.
pub type CorrelationId = u64;

impl Correlation {
    /// By the attributes of these names, in all of their spellings.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        let spelt = |name: &String| letters(name.as_bytes()).collect();
        Self { names: names.iter().map(spelt).collect(), hasher: RandomState::default() }
    }

    /// The name as it is compared; `None` if nothing is left of it.
    #[must_use]
    pub fn spelling(name: &str) -> Option<String> {
        let letters: Vec<u8> = letters(name.as_bytes()).collect();
        if letters.is_empty() { None } else { Some(String::from_utf8_lossy(&letters).into_owned()) }
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.names.is_empty()
    }

    /// Hands over the id of each value that the record's own attributes have.
    pub fn each_id(&self, record: &Record, mut each: impl FnMut(CorrelationId)) {
        if self.is_off() {
            return;
        }
        own_texts(
            record,
            |key| self.names.iter().position(|name| name.iter().copied().eq(letters(key))),
            |name, value| {
                let value = value.trim_ascii();
                if is_id(value) {
                    let mut hash = self.hasher.build_hasher();
                    name.hash(&mut hash);
                    value.hash(&mut hash);
                    each(hash.finish());
                }
            },
        );
    }
}

/// A key without its prefix, and without what does not count.
fn letters(mut key: &[u8]) -> impl Iterator<Item = u8> {
    for prefix in PREFIXES {
        if let Some((head, rest)) = key.split_at_checked(prefix.len())
            && head.eq_ignore_ascii_case(prefix.as_bytes())
        {
            key = rest;
        }
    }
    key.iter().filter(|byte| !matches!(byte, b'.' | b'_' | b'-')).map(u8::to_ascii_lowercase)
}

/// Whether a value names anything. Zeros and signs alone, as of an id that was never set, do not.
fn is_id(value: &[u8]) -> bool {
    let says_something = |byte: &u8| !matches!(byte, b'0' | b'-' | b'_' | b'.' | b'{' | b'}');
    value.len() <= MAX_VALUE
        && value.iter().any(says_something)
        && !PLACEHOLDERS.iter().any(|none| value.eq_ignore_ascii_case(none.as_bytes()))
}
