//! Looking around an offset in a text.

use std::ops::Range;

use regex_automata::meta;
use regex_automata::{Anchored, Input};

/// A regex that is tried at one place: where a word stands that it begins with.
#[derive(Debug, Clone)]
pub(super) struct Here(meta::Regex);

impl Here {
    /// Compiles `pattern`.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let config = meta::Config::new().nfa_size_limit(Some(16 << 20));
        meta::Regex::builder().configure(config).build(pattern).map(Self).map_err(|error| error.to_string())
    }

    /// What begins at `start` and ends at `limit` at the latest: all of it, and its first group, or all where there is none.
    pub(super) fn find(&self, text: &str, start: usize, limit: usize) -> Option<(Range<usize>, Range<usize>)> {
        let limit = text.floor_char_boundary(limit);
        if start > limit {
            return None;
        }
        let here = Input::new(text).span(start..limit).anchored(Anchored::Yes);
        // Nearly always there is nothing, and that is cheap to know.
        self.0.search_half(&here)?;
        let mut captures = self.0.create_captures();
        self.0.search_captures(&here, &mut captures);
        let whole = captures.get_group(0)?;
        let group = captures.get_group(1).unwrap_or(whole);
        Some((whole.range(), group.range()))
    }
}

/// The part of a text between two offsets; empty where they are not character boundaries in order.
pub(super) fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// The character before an offset.
pub(super) fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at)?.chars().next_back()
}

/// The character at an offset.
pub(super) fn after(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

/// The offset after the longest run of `accept`ed characters from `at`, at most `limit` bytes on.
pub(super) fn run_end(text: &str, at: usize, limit: usize, accept: impl Fn(char) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest
        .char_indices()
        .find(|(offset, char)| *offset >= limit || !accept(*char))
        .map_or(rest.len(), |(offset, _)| offset);
    at + end
}

/// The offset where the run of `accept`ed characters that ends at `at` begins, at most `limit` bytes back.
pub(super) fn run_start(text: &str, at: usize, limit: usize, accept: impl Fn(char) -> bool) -> usize {
    let head = text.get(..at).unwrap_or_default();
    head.char_indices()
        .rev()
        .take_while(|(offset, char)| at - offset <= limit && accept(*char))
        .last()
        .map_or(at, |(offset, _)| offset)
}

/// Whether a number is not a part of a word, of a decimal number or of a longer number in groups.
pub(super) fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let is_part = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() && !is_unspaced(char));
    let joins = |char: Option<char>| matches!(char, Some('.' | '-' | '/'));
    let is_digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    let (head, tail) = (before(text, start), after(text, end));
    let goes_back = is_part(head) || joins(head) && is_digit(before(text, start - 1));
    let goes_on = is_part(tail) || joins(tail) && is_digit(after(text, end + 1));
    !(goes_back || goes_on)
}

/// Whether a letter is of a script that puts no spaces between words, or particles behind them: Thai, Chinese, Japanese, Korean.
pub(super) fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}
