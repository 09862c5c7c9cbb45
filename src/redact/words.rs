//! Many words looked for at once, in any case: a table of how words begin, which stays in the nearest cache, tells at each byte
//! whether one can begin there, and the few that can are compared.
//!
//! An automaton reads a text once too, but waits for its own last step at each byte; its table of a thousand words is megabytes.

/// How many bytes of a word's beginning are in the table, and the bits of each.
const HEAD: usize = 3;
const BITS: u32 = 5;
const SIZE: usize = 1 << (BITS as usize * HEAD);
const MASK: usize = SIZE - 1;

/// What a byte is in the table: letters have numbers of their own in either case, digits share one, and so do most signs.
static FOLDED: [u8; 256] = {
    let mut table = [31; 256];
    let mut letter = 0;
    while letter < 26 {
        table[b'a' as usize + letter as usize] = letter;
        table[b'A' as usize + letter as usize] = letter;
        letter += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = 26;
        digit += 1;
    }
    table[b'/' as usize] = 27;
    table[b'_' as usize] = 28;
    table[b'.' as usize] = 29;
    table[b'-' as usize] = 30;
    table
};

/// Words, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Words {
    /// In lower case (ASCII).
    words: Vec<Box<[u8]>>,
    /// For each beginning, one bit: whether a word begins so.
    begins: Vec<u64>,
    /// For each beginning, where its words stand in `order`: from here to the next.
    buckets: Vec<u32>,
    order: Vec<u32>,
}

impl Words {
    /// Makes the tables. Empty words are never found.
    pub(crate) fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let words: Vec<Box<[u8]>> =
            words.into_iter().map(|word| word.as_ref().to_ascii_lowercase().into_bytes().into_boxed_slice()).collect();
        let mut by_head: Vec<Vec<u32>> = vec![Vec::new(); SIZE];
        for (index, word) in (0_u32..).zip(&words).filter(|(_, word)| !word.is_empty()) {
            let head = word.iter().take(HEAD).fold(0, |head, byte| push(head, *byte));
            // A word shorter than a head is found whatever comes behind it.
            let open = HEAD.saturating_sub(word.len()) * BITS as usize;
            let heads = by_head.iter_mut().skip(head << open).take(1 << open);
            heads.for_each(|list| list.push(index));
        }
        let mut found = Self { words, begins: vec![0; SIZE / 64], buckets: vec![0; SIZE + 1], order: Vec::new() };
        for (head, list) in by_head.iter().enumerate() {
            if let (Some(bits), false) = (found.begins.get_mut(head / 64), list.is_empty()) {
                *bits |= 1 << (head % 64);
            }
            found.order.extend(list);
            if let Some(end) = found.buckets.get_mut(head + 1) {
                *end = u32::try_from(found.order.len()).unwrap_or(u32::MAX);
            }
        }
        found
    }

    /// Calls `each` with the number, the beginning and the end of every word in `text`, in the order of their beginnings. Words may
    /// overlap.
    pub(crate) fn find(&self, text: &str, mut each: impl FnMut(usize, usize, usize)) {
        let bytes = text.as_bytes();
        let mut head = bytes.iter().take(HEAD - 1).fold(0, |head, byte| push(head, *byte));
        // Behind the end of the text stands nothing that a word could have.
        let tail = [0; HEAD - 1];
        for (start, next) in bytes.iter().skip(HEAD - 1).chain(&tail).take(bytes.len()).enumerate() {
            head = push(head, *next) & MASK;
            if self.begins[head / 64] >> (head % 64) & 1 != 0 {
                self.compare(bytes, head, start, &mut each);
            }
        }
    }

    #[inline(never)]
    fn compare(&self, text: &[u8], head: usize, start: usize, each: &mut impl FnMut(usize, usize, usize)) {
        let [first, end] = [head, head + 1].map(|at| self.buckets.get(at).map_or(0, |at| *at as usize));
        let rest = text.get(start..).unwrap_or_default();
        for index in self.order.get(first..end).unwrap_or_default() {
            let index = *index as usize;
            let Some(word) = self.words.get(index) else { continue };
            if rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)) {
                each(index, start, start + word.len());
            }
        }
    }
}

#[inline]
fn push(head: usize, byte: u8) -> usize {
    head << BITS | usize::from(FOLDED[usize::from(byte)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_word_is_found_wherever_it_stands(
            words in proptest::collection::vec("[a-c/é._0-9]{1,6}", 0..12),
            text in "[a-cA-C/éÉ._0-9 ]{0,60}",
        ) {
            let mut found = Vec::new();
            Words::new(&words).find(&text, |word, start, end| found.push((start, end, word)));
            prop_assert!(found.is_sorted_by_key(|(start, _, _)| *start));
            found.sort_unstable();
            let lower = text.to_ascii_lowercase();
            let mut plainly: Vec<_> = words
                .iter()
                .enumerate()
                .flat_map(|(index, word)| {
                    let word = word.to_ascii_lowercase();
                    (0..lower.len())
                        .filter(|at| lower.as_bytes()[*at..].starts_with(word.as_bytes()))
                        .map(|at| (at, at + word.len(), index))
                        .collect::<Vec<_>>()
                })
                .collect();
            plainly.sort_unstable();
            prop_assert_eq!(found, plainly);
        }
    }
}
