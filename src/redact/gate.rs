//! Which detectors a text can concern at all: one pass over its bytes and one over its words, instead of one a detector.
//!
//! Most texts hold nothing. A detector says what must occur in a text for it to find anything ([`Anchor`]); only those whose
//! anchor occurs are asked.

use std::collections::BTreeMap;

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

/// Sixty-four detectors are a word of a set.
const WORDS: usize = 8;

/// A set of detectors, by their rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Open([u64; WORDS]);

impl Open {
    /// The detector of one rank. Ranks that do not fit share the last place: such detectors are asked more often than they must be.
    fn one(rank: usize) -> Self {
        let rank = rank.min(WORDS * 64 - 1);
        let mut set = Self::default();
        if let Some(word) = set.0.get_mut(rank / 64) {
            *word = 1 << (rank % 64);
        }
        set
    }

    fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }

    fn has_all(&self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(word, all)| word & all == all)
    }

    /// Whether the detector of this rank is in it.
    pub(crate) fn has(self, rank: usize) -> bool {
        let rank = rank.min(WORDS * 64 - 1);
        self.0.get(rank / 64).is_some_and(|word| word & (1 << (rank % 64)) != 0)
    }
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
    always: Open,
    bytes: Vec<(&'static [u8], Open)>,
    digits: Vec<(usize, Open)>,
    runs: Vec<(usize, Open)>,
    words: AhoCorasick,
    /// For each word, the detectors that it opens.
    opened: Vec<Open>,
    /// The detectors that any word opens.
    by_word: Open,
}

impl Gate {
    /// The gate before detectors with these anchors, in order of rank.
    ///
    /// # Errors
    /// If the words are too many for one automaton.
    pub(crate) fn new(anchors: impl IntoIterator<Item = Anchor>) -> Result<Self, String> {
        let (mut always, mut by_word) = (Open::default(), Open::default());
        let (mut bytes, mut digits, mut runs) = (Vec::new(), Vec::new(), Vec::new());
        let mut words = BTreeMap::<String, Open>::new();
        for (rank, anchor) in anchors.into_iter().enumerate() {
            let one = Open::one(rank);
            match anchor {
                Anchor::Any => always.add(one),
                Anchor::Bytes(set) => bytes.push((set, one)),
                Anchor::Digits(count) => digits.push((count, one)),
                Anchor::Run(length) => runs.push((length, one)),
                Anchor::Words(list) => {
                    by_word.add(one);
                    list.iter().for_each(|word| words.entry(word.to_ascii_lowercase()).or_default().add(one));
                }
            }
        }
        let opened = words.values().copied().collect();
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words.keys())
            .map_err(|error| error.to_string())?;
        Ok(Self { always, bytes, digits, runs, words, opened, by_word })
    }

    /// The detectors that can find something in `text`.
    pub(crate) fn open(&self, text: &str, profile: &Profile) -> Open {
        let mut open = self.always;
        let bytes = self.bytes.iter().filter(|(set, _)| profile.has_any(set)).map(|(_, one)| *one);
        let digits = self.digits.iter().filter(|(count, _)| profile.digits >= *count).map(|(_, one)| *one);
        let runs = self.runs.iter().filter(|(length, _)| profile.longest_run >= *length).map(|(_, one)| *one);
        bytes.chain(digits).chain(runs).for_each(|one| open.add(one));
        for found in self.words.find_overlapping_iter(text) {
            open.add(self.opened.get(found.pattern().as_usize()).copied().unwrap_or(self.by_word));
            if open.has_all(self.by_word) {
                break;
            }
        }
        open
    }
}
