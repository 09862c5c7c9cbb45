//! Which detectors a text can concern at all, and where: one pass over its bytes ([`Survey`]) and one over its words, instead of
//! one a detector.
//!
//! Most texts hold nothing. A detector says what must occur in a text for it to find anything ([`Anchor`]) and which words it
//! goes by; only those whose anchor occurs are asked, and each is told where its words stand.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::survey::{Few, MIN_CHAIN, Span, Survey};
use super::words::Words;

/// What must occur in a text for a detector to find something in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Nothing in particular.
    Any,
    /// One of these signs.
    Signs(&'static [u8]),
    /// A digit.
    Digit,
    /// A chain of so many digits.
    Chain(usize),
    /// A run of letters and digits.
    Run,
    /// A run of hex digits, colons, dots and hyphens.
    Address,
    /// One of the detector's words.
    Words,
}

/// Where a word stands. Words are found in any case (ASCII), inside other words too, and may overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// The detector's rank.
    rank: usize,
    /// Which of the detector's words it is.
    pub(crate) index: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A text, what is in it, and where the words of one detector stand in it, in the order of their beginnings.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'s> {
    pub(crate) text: &'s str,
    pub(crate) survey: &'s Survey,
    pub(crate) words: &'s [Word],
    /// Where tokens of ours stand, in order: their letters are no words.
    pub(crate) tokens: &'s [Span],
    /// What the names of values tell, for the service that the text is of.
    pub(crate) keys: &'s Keys,
}

impl Seen<'_> {
    /// The words that do not overlap: leftmost, then longest.
    pub(crate) fn words_apart(&self) -> impl Iterator<Item = Word> {
        let mut words = self.words.to_vec();
        words.sort_by(|a, b| (a.start, b.end).cmp(&(b.start, a.end)));
        let mut done = 0;
        words.retain(|word| {
            let is_apart = word.start >= done;
            done = if is_apart { word.end } else { done };
            is_apart
        });
        words.into_iter()
    }

    /// The words that begin in the `reach` bytes before `at`, the last of them first.
    pub(crate) fn words_before(&self, at: usize, reach: usize) -> impl Iterator<Item = &Word> {
        let behind = self.words.partition_point(|word| word.start < at);
        let before = self.words.get(..behind).unwrap_or_default().iter().rev();
        before.take_while(move |word| word.start + reach >= at)
    }

    /// Whether the words in `part` of the text, which begins at `start`, are all that a regex can take for one of them there: no token of
    /// ours hides any, and no letter stands for one of ASCII (`ſ`).
    pub(crate) fn tells_words(&self, part: &str, start: usize) -> bool {
        let first = self.tokens.partition_point(|token| token.end <= start);
        part.is_ascii() && self.tokens.get(first).is_none_or(|token| token.start >= start + part.len())
    }

    /// Whether a word begins within `reach` bytes from `at`.
    pub(crate) fn has_word_behind(&self, at: usize, reach: usize) -> bool {
        let first = self.words.partition_point(|word| word.start < at);
        self.words.get(first).is_some_and(|word| word.start <= at + reach)
    }
}

/// Words in the order of their ranks, each rank's in the order that they have.
fn by_rank(mut words: Few<Word, 16>) -> Few<Word, 16> {
    /// So many are sorted faster by comparing them.
    const FEW: usize = 64;
    let (Some(first), true) = (words.first().copied(), words.len() > FEW) else {
        words.sort_by_key(|word| word.rank);
        return words;
    };
    let ranks = words.iter().map(|word| word.rank + 1).max().unwrap_or_default();
    let mut places = vec![0_usize; ranks + 1];
    words.iter().for_each(|word| places[word.rank + 1] += 1);
    for rank in 0..ranks {
        places[rank + 1] += places[rank];
    }
    let mut sorted = Few::from_elem(first, words.len());
    for word in words {
        sorted[places[word.rank]] = word;
        places[word.rank] += 1;
    }
    sorted
}

/// The anchors of all detectors.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The detectors that are not opened by words alone, by rank.
    anchors: Vec<(usize, Anchor)>,
    words: Words,
    /// For each word, the detectors that go by it, and which of their words it is.
    owners: Vec<Vec<(usize, usize)>>,
}

impl Gate {
    /// The gate before detectors with these anchors and words, in order of rank.
    pub(crate) fn new(detectors: impl IntoIterator<Item = (Anchor, Vec<String>)>) -> Self {
        let mut anchors = Vec::new();
        let mut owners = BTreeMap::<String, Vec<(usize, usize)>>::new();
        for (rank, (anchor, mine)) in detectors.into_iter().enumerate() {
            if anchor != Anchor::Words {
                anchors.push((rank, anchor));
            }
            for (index, word) in mine.into_iter().enumerate() {
                owners.entry(word.to_ascii_lowercase()).or_default().push((rank, index));
            }
        }
        Self { anchors, words: Words::new(owners.keys()), owners: owners.into_values().collect() }
    }

    /// The words in `text` outside of `tokens`, by rank of the detectors that go by them, each detector's in the order of their beginnings.
    fn words(&self, text: &str, tokens: &[Span]) -> Few<Word, 16> {
        let mut found = Few::new();
        self.words.find(text, |word, start, end| {
            let token = tokens.partition_point(|token| token.end <= start);
            if tokens.get(token).is_some_and(|token| token.start < end) {
                return;
            }
            let owners = self.owners.get(word).map(Vec::as_slice).unwrap_or_default();
            found.extend(owners.iter().map(|(rank, index)| Word { rank: *rank, index: *index, start, end }));
        });
        by_rank(found)
    }

    /// Calls `ask` with the rank of each detector that can find something in `text`, and with its words. `tokens` are where
    /// tokens of ours stand, in order.
    pub(crate) fn open(&self, text: &str, survey: &Survey, tokens: &[Span], mut ask: impl FnMut(usize, &[Word])) {
        let words = self.words(text, tokens);
        let of = |rank: usize| {
            let first = words.partition_point(|word| word.rank < rank);
            let end = words.partition_point(|word| word.rank <= rank);
            words.get(first..end).unwrap_or_default()
        };
        for (rank, anchor) in &self.anchors {
            let is_open = match anchor {
                Anchor::Any => true,
                Anchor::Signs(signs) => survey.has_any(signs),
                Anchor::Digit => !survey.groups().is_empty(),
                Anchor::Chain(digits) => survey.has_chain((*digits).max(MIN_CHAIN)),
                Anchor::Run => !survey.runs.is_empty(),
                Anchor::Address => !survey.addresses.is_empty(),
                Anchor::Words => false,
            };
            if is_open {
                ask(*rank, of(*rank));
            }
        }
        for mine in words.chunk_by(|a, b| a.rank == b.rank) {
            let Some(first) = mine.first() else { continue };
            if self.anchors.binary_search_by_key(&first.rank, |(rank, _)| *rank).is_err() {
                ask(first.rank, mine);
            }
        }
    }
}
