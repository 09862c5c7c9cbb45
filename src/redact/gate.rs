//! Which detectors a text can concern at all: one pass over its bytes and one over its words, instead of one a detector.
//!
//! Most texts hold nothing. A detector says what must occur in a text for it to find anything ([`Anchor`]); only those whose
//! anchor occurs are asked.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// What must occur in a text for a detector to find something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Nothing in particular.
    Any,
    /// One of these bytes.
    Bytes(&'static [u8]),
    /// So many digits.
    Digits(usize),
    /// A run of so many letters, digits and signs of base64.
    Run(usize),
    /// One of these words, in any case (ASCII).
    Words(Vec<String>),
}

impl Anchor {
    /// One of these words, in any case.
    pub(crate) fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        Self::Words(words.into_iter().map(str::to_owned).collect())
    }
}

/// Most detectors that a gate can tell apart.
const MAX_DETECTORS: usize = 64;

/// A set of detectors, by their rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Open(u64);

impl Open {
    pub(crate) fn has(self, rank: usize) -> bool {
        self.0 & bit(rank) != 0
    }
}

fn bit(rank: usize) -> u64 {
    // What does not fit shares the last bit: it is asked more often than it must be.
    1 << rank.min(MAX_DETECTORS - 1)
}

/// What is in a text, from one pass over its bytes.
pub(crate) struct Profile {
    seen: [bool; 256],
    digits: usize,
    /// Length of the longest run of letters, digits and the signs of base64.
    pub(crate) longest_run: usize,
}

impl Profile {
    pub(crate) fn of(text: &str) -> Self {
        let mut profile = Self { seen: [false; 256], digits: 0, longest_run: 0 };
        let mut run = 0_usize;
        for byte in text.bytes() {
            profile.seen[usize::from(byte)] = true;
            profile.digits += usize::from(byte.is_ascii_digit());
            run = if RUN[usize::from(byte)] { run + 1 } else { 0 };
            profile.longest_run = profile.longest_run.max(run);
        }
        profile
    }

    /// Whether one of `bytes` occurs.
    pub(crate) fn has_any(&self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| self.seen[usize::from(*byte)])
    }
}

/// The bytes that base64, base64url and hex are written in.
static RUN: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0_usize;
    while at < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let byte = at as u8;
        table[at] = super::encoding::is_base64(byte);
        at += 1;
    }
    table
};

/// The anchors of all detectors.
#[derive(Debug)]
pub(crate) struct Gate {
    always: u64,
    bytes: Vec<(&'static [u8], u64)>,
    digits: Vec<(usize, u64)>,
    runs: Vec<(usize, u64)>,
    words: AhoCorasick,
    /// For each word, the detectors that it opens.
    opened: Vec<u64>,
    /// The detectors that any word opens.
    by_word: u64,
}

impl Gate {
    /// The gate before detectors with these anchors, in order of rank.
    pub(crate) fn new(anchors: impl IntoIterator<Item = Anchor>) -> Result<Self, String> {
        let (mut always, mut bytes, mut digits, mut runs) = (0, Vec::new(), Vec::new(), Vec::new());
        let mut words = std::collections::BTreeMap::<String, u64>::new();
        for (rank, anchor) in anchors.into_iter().enumerate() {
            match anchor {
                Anchor::Any => always |= bit(rank),
                Anchor::Bytes(set) => bytes.push((set, bit(rank))),
                Anchor::Digits(count) => digits.push((count, bit(rank))),
                Anchor::Run(length) => runs.push((length, bit(rank))),
                Anchor::Words(list) => {
                    for word in list {
                        *words.entry(word.to_ascii_lowercase()).or_default() |= bit(rank);
                    }
                }
            }
        }
        let opened: Vec<u64> = words.values().copied().collect();
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words.keys())
            .map_err(|error| error.to_string())?;
        let by_word = opened.iter().fold(0, |all, one| all | one);
        Ok(Self { always, bytes, digits, runs, words, opened, by_word })
    }

    /// The detectors that can find something in `text`.
    pub(crate) fn open(&self, text: &str, profile: &Profile) -> Open {
        let mut open = self.always;
        for (set, detectors) in &self.bytes {
            open |= if profile.has_any(set) { *detectors } else { 0 };
        }
        for (count, detectors) in &self.digits {
            open |= if profile.digits >= *count { *detectors } else { 0 };
        }
        for (length, detectors) in &self.runs {
            open |= if profile.longest_run >= *length { *detectors } else { 0 };
        }
        for found in self.words.find_overlapping_iter(text) {
            open |= self.opened.get(found.pattern().as_usize()).copied().unwrap_or(self.by_word);
            if open & self.by_word == self.by_word {
                break;
            }
        }
        Open(open)
    }
}
