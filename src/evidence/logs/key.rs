//! Which log lines are key events: by level, by an exception, by words for errors and decisions.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Entry;

/// Severity number of WARN.
const WARN: i32 = 13;

/// What a message is looked through for, at the beginning of words.
const WORDS: &[&str] = &[
    // what went wrong
    "abort",
    "cannot",
    "conflict",
    "corrupt",
    "could not",
    "couldn't",
    "crash",
    "deadlock",
    "denied",
    "error",
    "exceeded",
    "exception",
    "expired",
    "fail",
    "fatal",
    "invalid",
    "lost",
    "mismatch",
    "missing",
    "not found",
    "out of memory",
    "overflow",
    "panic",
    "refused",
    "reject",
    "timed out",
    "timeout",
    "unable",
    "unavailable",
    "unexpected",
    "unknown",
    // what was decided
    "assum",
    "cache miss",
    "choos",
    "chose",
    "circuit",
    "decid",
    "default",
    "degrad",
    "disabl",
    "discard",
    "evict",
    "fall back",
    "fallback",
    "falling back",
    "feature flag",
    "ignor",
    "instead",
    "override",
    "overrid",
    "retry",
    "retries",
    "roll back",
    "rollback",
    "rolled back",
    "selected",
    "skip",
    "switch",
];

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS).ok());

/// Whether its level or an exception makes it one.
pub(super) fn is_severe(entry: &Entry<'_>) -> bool {
    const LEVELS: [&str; 7] = ["warn", "err", "crit", "fatal", "alert", "emerg", "severe"];
    let level = entry.level.to_ascii_lowercase();
    entry.log.exception.is_some() || entry.log.severity >= WARN || LEVELS.iter().any(|name| level.starts_with(name))
}

/// Whether a message speaks of an error or a decision.
pub(super) fn speaks_of_it(message: &str) -> bool {
    let begins_word = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| message.as_bytes().get(before));
        // `ConnectTimeout`: a word within a name begins with a capital.
        before.is_none_or(|byte| !byte.is_ascii_alphabetic())
            || message.as_bytes().get(at).is_some_and(u8::is_ascii_uppercase)
    };
    FINDER.as_ref().is_some_and(|finder| finder.find_overlapping_iter(message).any(|found| begins_word(found.start())))
}
