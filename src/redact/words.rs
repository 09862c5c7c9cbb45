//! Many words looked for at once, in any case: a table of how words begin, which stays in the nearest cache, tells at each byte
//! whether one can begin there, and the few that can are compared.
//!
//! An automaton reads a text once too, but waits for its own last step at each byte; its table of a thousand words is megabytes.

/// How many bytes of a word's beginning are looked up together, and the bits of each.
const HEAD: usize = 3;
const BITS: usize = 6;
const MASK: u32 = (1 << (BITS * (HEAD + 1))) - 1;

/// How many beginnings the table tells apart, as a power of two: many times as many as words have.
const SLOTS: u32 = 15;
const SIZE: usize = 1 << SLOTS;

/// How many bytes of a text are looked up before what was found is compared.
const BLOCK: usize = 64;

/// How many bytes are compared at once.
const AT_ONCE: usize = 8;

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
    /// For each slot, which bytes stand behind the heads that words have there: one bit for each eighth of all bytes.
    next: Box<[u8; SIZE]>,
    /// For each slot, where its words end in `words`; they begin where those of the slot before end.
    ends: Box<[u32; SIZE]>,
    words: Vec<Entry>,
}

/// A word of a slot.
#[derive(Debug)]
struct Entry {
    /// Its number.
    index: usize,
    /// Its first bytes, which of them it has, and the others, in lower case (ASCII).
    first: u64,
    mask: u64,
    rest: Box<[u8]>,
    length: usize,
}

impl Entry {
    fn new(index: usize, word: &str) -> Self {
        let word = word.to_ascii_lowercase().into_bytes();
        let (first, rest) = word.split_at(word.len().min(AT_ONCE));
        let all = [0xff; AT_ONCE];
        let mask = eight(all.get(..first.len()).unwrap_or_default());
        Self { index, first: eight(first), mask, rest: rest.into(), length: word.len() }
    }
}

impl Words {
    /// Makes the tables. Empty words are never found.
    pub(crate) fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let mut entries = Vec::new();
        let mut next = Box::new([0; SIZE]);
        for (index, word) in words.into_iter().enumerate() {
            let word = word.as_ref();
            if word.is_empty() {
                continue;
            }
            let head = word.bytes().take(HEAD).fold(0, push);
            // A word that ends with its head or within is found whatever comes behind it.
            let behind = word.as_bytes().get(HEAD).map_or(u8::MAX, |byte| eighth(push(0, *byte)));
            let open = HEAD.saturating_sub(word.len()) * BITS;
            for rest in 0..1_u32 << open {
                let slot = slot(head << open | rest);
                next[slot] |= behind;
                entries.push((slot, Entry::new(index, word)));
            }
        }
        entries.sort_by_key(|(slot, entry)| (*slot, entry.index));
        // A word may have one slot for several of its heads.
        entries.dedup_by_key(|(slot, entry)| (*slot, entry.index));
        let mut ends = Box::new([0; SIZE]);
        for (slot, _) in &entries {
            ends[*slot] += 1;
        }
        let mut sum = 0;
        for end in ends.iter_mut() {
            sum += *end;
            *end = sum;
        }
        Self { next, ends, words: entries.into_iter().map(|(_, entry)| entry).collect() }
    }

    /// Whether a word may begin with what the last bytes, of which this is the head and one more, are.
    #[inline]
    fn has(&self, head: u32) -> bool {
        self.next[slot(head >> BITS)] & eighth(head) != 0
    }

    /// The words of the slot of a head.
    fn of(&self, slot: usize) -> &[Entry] {
        let first = slot.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(slot).copied().unwrap_or_default();
        self.words.get(first as usize..end as usize).unwrap_or_default()
    }

    /// Calls `each` with the number, the beginning and the end of every word in `text`, in the order of their beginnings. Words may
    /// overlap.
    pub(crate) fn find(&self, text: &str, mut each: impl FnMut(usize, usize, usize)) {
        const LAST: [u8; HEAD] = [0; HEAD];
        let bytes = text.as_bytes();
        let (first, nexts) = bytes.split_at(bytes.len().min(LAST.len()));
        // Behind the end of the text stands nothing that a word could have.
        let last = LAST.get(..first.len()).unwrap_or_default();
        let mut head = first.iter().chain(&LAST).copied().take(LAST.len()).fold(0, push);
        let mut base = 0;
        for block in nexts.chunks(BLOCK).chain([last]) {
            let mut hits = 0_u64;
            for next in block {
                head = push(head, *next);
                hits = hits >> 1 | u64::from(self.has(head)) << (BLOCK - 1);
            }
            hits = hits.unbounded_shr((BLOCK - block.len()) as u32);
            while hits != 0 {
                self.compare(bytes, base + hits.trailing_zeros() as usize, &mut each);
                hits &= hits - 1;
            }
            base += block.len();
        }
    }

    /// Calls `each` with the words that begin at `start`, in the order of their numbers.
    #[inline(never)]
    fn compare(&self, text: &[u8], start: usize, each: &mut impl FnMut(usize, usize, usize)) {
        let tail = text.get(start..).unwrap_or_default();
        let begin = tail.first_chunk().map_or_else(|| eight(tail), |first| u64::from_le_bytes(*first));
        let head = begin.to_le_bytes().into_iter().take(HEAD).fold(0, push);
        let begin = lower(begin);
        for word in self.of(slot(head)) {
            if (begin ^ word.first) & word.mask != 0 {
                continue;
            }
            let rest = || tail.get(AT_ONCE..word.length).is_some_and(|rest| rest.eq_ignore_ascii_case(&word.rest));
            if word.length <= tail.len() && (word.length <= AT_ONCE || rest()) {
                each(word.index, start, start + word.length);
            }
        }
    }
}

/// The last bytes with one more.
#[inline]
fn push(head: u32, byte: u8) -> u32 {
    (head << BITS | u32::from(FOLDED[usize::from(byte)])) & MASK
}

/// Where a head stands in the tables. Heads that share a slot share their words, too.
#[inline]
fn slot(head: u32) -> usize {
    (head.wrapping_mul(0x9e37_79b1) >> (u32::BITS - SLOTS)) as usize
}

/// The bit of the last byte.
#[inline]
fn eighth(head: u32) -> u8 {
    1 << (head & 7)
}

/// At most eight bytes as one number.
fn eight(bytes: &[u8]) -> u64 {
    let mut eight = [0; AT_ONCE];
    eight.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(eight)
}

/// Eight bytes in lower case (ASCII).
fn lower(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = bytes & (0x7f * ONES);
    // The highest bit of each byte tells whether it is at least `A`, and whether it is more than `Z`.
    let (from_a, past_z) = (low + (0x80 - 0x41) * ONES, low + (0x80 - 0x5b) * ONES);
    bytes | (from_a & !past_z & !bytes & (0x80 * ONES)) >> 2
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
