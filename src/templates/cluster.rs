//! Lines that are alike, and what is still the same in all of them.

use std::ops::Range;

use super::PLACEHOLDER;
use super::scan::{MAX_BYTES, Token, VALUE};
use super::words;

/// Lines that are alike so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster {
    /// What each token is; [`VALUE`] where lines differ.
    pub(super) slots: Vec<u64>,
    /// Places of words that were found to be values.
    pub(super) learned: Vec<usize>,
    /// A line that belongs to it.
    pub(super) line: Box<str>,
    /// Where its tokens stand in that line, in bytes.
    pub(super) places: Box<[Range<u32>]>,
    /// The template that it is already, if any.
    pub(super) template: Option<usize>,
    /// Which of the new forms belong to it.
    pub(super) members: Vec<usize>,
}

impl Cluster {
    /// A line by itself: the new form of this number.
    pub(super) fn of(line: &str, tokens: &[Token], member: usize) -> Self {
        Self {
            slots: tokens.iter().map(|token| token.slot).collect(),
            learned: Vec::new(),
            line: line.get(..line.floor_char_boundary(MAX_BYTES)).unwrap_or_default().into(),
            places: tokens.iter().map(|token| token.start..token.end).collect(),
            template: None,
            members: vec![member],
        }
    }

    /// Whether the token here is a word in which its lines agree.
    pub(super) fn is_word(&self, position: usize) -> bool {
        self.slots.get(position).is_some_and(|slot| words::is_hash(*slot))
    }

    /// Whether there is a token here, and nothing between it and the one before.
    pub(super) fn is_glued(&self, position: usize) -> bool {
        let ends = position.checked_sub(1).and_then(|before| self.places.get(before)).map(|place| place.end);
        self.places.get(position).is_some_and(|place| Some(place.start) == ends)
    }

    /// The text of a token; empty where there is none.
    pub(super) fn word(&self, position: usize) -> &[u8] {
        let place = self.places.get(position).cloned().unwrap_or_default();
        self.line.as_bytes().get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// The line, with a placeholder for each value.
    pub(super) fn render(&self) -> String {
        let mut text = String::with_capacity(self.line.len());
        let mut last = 0;
        for (slot, place) in self.slots.iter().zip(&self.places) {
            let (start, end) = (place.start as usize, place.end as usize);
            text.push_str(self.line.get(last..start).unwrap_or_default());
            text.push_str(if *slot == VALUE { PLACEHOLDER } else { self.line.get(start..end).unwrap_or_default() });
            last = end;
        }
        text.push_str(self.line.get(last..).unwrap_or_default());
        text
    }
}
