//! Many words looked for at once, in any case: a table of how words begin, which stays in the nearest cache, tells at each byte
//! whether one can begin there, and the few that can are compared.
//!
//! An automaton reads a text once too, but waits for its own last step at each byte; its table of a thousand words is megabytes.

/// How many bytes of a word's beginning are in the table, and the bits of each.
const HEAD: usize = 3;
const BITS: usize = 6;
const SIZE: usize = 1 << (BITS * HEAD);
const MASK: usize = SIZE - 1;

/// What a byte is in the table: letters and digits have numbers of their own, in either case; other bytes share the rest, so that
/// those of other scripts are not those of punctuation.
static FOLDED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte.to_ascii_lowercase() {
            lower @ b'a'..=b'z' => lower - b'a',
            b'0'..=b'9' => 26 + (byte - b'0'),
            b' ' => 36,
            b'_' => 37,
            b'-' => 38,
            b'.' => 39,
            b'/' => 40,
            0..=127 => 41,
            _ => 42 + byte % 22,
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

/// Words, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Words {
    /// In lower case (ASCII).
    words: Vec<Box<[u8]>>,
    /// For each beginning, one bit: whether a word begins so.
    begins: Box<[u64]>,
    /// How many bits are set in the blocks of `begins` before each.
    before: Box<[u32]>,
    /// For each beginning that a word has, where its words stand in `order`: from here to the next.
    buckets: Vec<usize>,
    /// Numbers of words, each with the byte behind its beginning, if it has more.
    order: Vec<(usize, Option<u8>)>,
}

impl Words {
    /// Makes the tables. Empty words are never found.
    pub(crate) fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let words: Vec<Box<[u8]>> =
            words.into_iter().map(|word| word.as_ref().to_ascii_lowercase().into_bytes().into_boxed_slice()).collect();
        let mut by_head: Vec<(usize, usize)> = Vec::new();
        for (index, word) in words.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
            let head = word.iter().take(HEAD).fold(0, |head, byte| push(head, *byte));
            // A word shorter than a head is found whatever comes behind it.
            let open = HEAD.saturating_sub(word.len()) * BITS;
            by_head.extend((0..1 << open).map(|rest| (head << open | rest, index)));
        }
        by_head.sort_unstable();
        let mut begins = vec![0_u64; SIZE / 64].into_boxed_slice();
        let (mut buckets, mut order) = (Vec::new(), Vec::with_capacity(by_head.len()));
        for group in by_head.chunk_by(|a, b| a.0 == b.0) {
            buckets.push(order.len());
            for (head, index) in group {
                begins[head / 64] |= 1 << (head % 64);
                order.push((*index, words.get(*index).and_then(|word| word.get(HEAD)).copied()));
            }
        }
        buckets.push(order.len());
        let before = begins.iter().scan(0, |sum, block| {
            let before = *sum;
            *sum += block.count_ones();
            Some(before)
        });
        Self { before: before.collect(), words, begins, buckets, order }
    }

    /// Calls `each` with the number, the beginning and the end of every word in `text`, in the order of their beginnings. Words may
    /// overlap.
    pub(crate) fn find(&self, text: &str, mut each: impl FnMut(usize, usize, usize)) {
        let bytes = text.as_bytes();
        // Behind the end of the text stands nothing that a word could have.
        let padded = || bytes.iter().chain(&[0; HEAD - 1]);
        let mut head = padded().take(HEAD - 1).fold(0, |head, byte| push(head, *byte));
        padded().skip(HEAD - 1).enumerate().for_each(|(start, next)| {
            head = push(head, *next) & MASK;
            let block = self.begins[head / 64];
            if block >> (head % 64) & 1 != 0 {
                let below = block & ((1 << (head % 64)) - 1);
                let bucket = (self.before[head / 64] + below.count_ones()) as usize;
                self.compare(bytes, bucket, start, &mut each);
            }
        });
    }

    #[inline(never)]
    fn compare(&self, text: &[u8], bucket: usize, start: usize, each: &mut impl FnMut(usize, usize, usize)) {
        let (Some(first), Some(end)) = (self.buckets.get(bucket), self.buckets.get(bucket + 1)) else { return };
        let rest = text.get(start..).unwrap_or_default();
        let next = rest.get(HEAD).map(u8::to_ascii_lowercase);
        for (index, fourth) in self.order.get(*first..*end).unwrap_or_default() {
            if fourth.is_some() && *fourth != next {
                continue;
            }
            let Some(word) = self.words.get(*index) else { continue };
            if rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)) {
                each(*index, start, start + word.len());
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
