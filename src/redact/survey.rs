//! What one pass over a text's bytes tells: which signs occur, where its numbers stand and where its long runs of letters and
//! digits. Detectors read this instead of the text, so that an ordinary text costs the pass and little else.

use smallvec::{Array, SmallVec};

/// From where to where something stands in a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }
}

/// Groups of digits that may be one number: nothing stands between them but a few signs that numbers are written with.
#[derive(Debug, Clone, Copy)]
struct Chain {
    /// Index of its first group.
    first: usize,
    /// One past the index of its last group.
    end: usize,
    /// How many digits it has.
    digits: usize,
}

/// Fewest digits of a chain that is worth a look: those of a telephone number.
pub(crate) const MIN_CHAIN: usize = 7;
/// Most bytes between two groups of a chain.
const MAX_GAP: usize = 4;
/// Shortest run that is worth a look: no key that only looks random is shorter.
const MIN_RUN: usize = 15;
/// Shortest run of the letters of base64 and hex that is decoded: shorter ones cannot hold an address or a key, and ordinary words are
/// such runs.
pub(crate) const MIN_ENCODED: usize = 16;
/// Shortest hex that is worth a look: `1.1.1.1`, `fe80::1`. Shorter addresses have two colons side by side.
const MIN_ADDRESS: usize = 7;

/// A list that needs no memory of its own where it is as short as that of a line.
pub(crate) type Few<T, const N: usize> = SmallVec<[T; N]>;

/// What is in a text.
#[derive(Debug)]
pub(crate) struct Survey {
    signs: u16,
    groups: Few<Span, 16>,
    chains: Few<Chain, 4>,
    /// The longest runs of letters, digits and the signs that keys are written with ([`is_key`]), of at least [`MIN_RUN`] bytes.
    pub(crate) runs: Few<Span, 8>,
    /// The longest runs of the letters of base64, base64url and hex, of at least [`MIN_ENCODED`] bytes.
    pub(crate) encoded: Few<Span, 4>,
    /// The longest runs of hex digits, colons, dots and hyphens, of at least seven bytes.
    pub(crate) addresses: Few<Span, 8>,
}

/// The signs that [`Survey::has_any`] knows.
const SIGNS: &[u8] = b"%\\&+=@\xef.:-\">";

/// How many bytes have their bits in one number, and how many of them are looked at in one step.
const BLOCK: usize = 64;
const STEP: usize = 16;

/// Which of [`SIGNS`] each byte is, one bit a sign.
static SIGN_BITS: [u16; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < SIGNS.len() {
        table[SIGNS[at] as usize] |= 1 << at;
        at += 1;
    }
    table
};

/// Which runs each byte can be in: one bit in each of the four lanes of a number, for digits, keys, base64 and addresses.
static LANES: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let is_address = byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'-');
        table[byte as usize] = byte.is_ascii_digit() as u64
            | (is_key(byte) as u64) << STEP
            | (is_base64(byte) as u64) << (2 * STEP)
            | (is_address as u64) << (3 * STEP);
        byte += 1;
    }
    table
};

/// Whether keys are written with this byte.
const fn is_key(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'.' | b'~' | b'!' | b'=')
}

/// Whether base64, base64url and hex are.
const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

impl Survey {
    /// Looks at every byte of `text` once.
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut survey = Self {
            signs: 0,
            groups: Few::new(),
            chains: Few::new(),
            runs: Few::new(),
            encoded: Few::new(),
            addresses: Few::new(),
        };
        let (mut digits, mut addresses) = (Edges::<1>::default(), Edges::<MIN_ADDRESS>::default());
        let (mut keys, mut letters) = (Edges::<MIN_RUN>::default(), Edges::<MIN_ENCODED>::default());
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        // Zeros are in no run, and no sign.
        let mut last = [0; BLOCK];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let last = (!rest.is_empty()).then_some(&last);
        for (index, block) in blocks.iter().chain(last).enumerate() {
            let mut rows = [0; 4];
            for (at, step) in block.as_chunks::<STEP>().0.iter().enumerate() {
                // Backwards, so that the first byte has the lowest bit of each lane.
                let mut lanes = 0;
                for byte in step.iter().rev() {
                    lanes = lanes << 1 | LANES[usize::from(*byte)];
                    survey.signs |= SIGN_BITS[usize::from(*byte)];
                }
                for (lane, row) in rows.iter_mut().enumerate() {
                    *row |= (lanes >> (lane * STEP) & ((1 << STEP) - 1)) << (at * STEP);
                }
            }
            let (base, [digit, key, letter, address]) = (index * BLOCK, rows);
            digits.block(digit, base, &mut survey.groups);
            keys.block(key, base, &mut survey.runs);
            letters.block(letter, base, &mut survey.encoded);
            addresses.block(address, base, &mut survey.addresses);
        }
        digits.end(bytes.len(), &mut survey.groups);
        keys.end(bytes.len(), &mut survey.runs);
        letters.end(bytes.len(), &mut survey.encoded);
        addresses.end(bytes.len(), &mut survey.addresses);
        survey.chain(bytes);
        survey
    }

    /// Whether one of `signs` occurs. Each must be one of [`SIGNS`].
    pub(crate) fn has_any(&self, signs: &[u8]) -> bool {
        signs.iter().any(|sign| self.signs & SIGN_BITS[usize::from(*sign)] != 0)
    }

    /// Every group of digits.
    pub(crate) fn groups(&self) -> &[Span] {
        &self.groups
    }

    /// Whether a digit stands somewhere in `start..end`.
    pub(crate) fn has_digit_within(&self, start: usize, end: usize) -> bool {
        let first = self.groups.partition_point(|group| group.end <= start);
        self.groups.get(first).is_some_and(|group| group.start < end)
    }

    /// The chains of at least `digits` digits (not fewer than [`MIN_CHAIN`]), each as its groups.
    pub(crate) fn chains(&self, digits: usize) -> impl Iterator<Item = &[Span]> {
        let enough = self.chains.iter().filter(move |chain| chain.digits >= digits);
        enough.map(|chain| self.groups.get(chain.first..chain.end).unwrap_or_default())
    }

    /// Whether there is a chain of so many digits.
    pub(crate) fn has_chain(&self, digits: usize) -> bool {
        self.chains.iter().any(|chain| chain.digits >= digits)
    }

    fn chain(&mut self, bytes: &[u8]) {
        let mut chain = Chain { first: 0, end: 0, digits: 0 };
        let mut at = 0;
        for (index, group) in self.groups.iter().enumerate() {
            if index > 0 && !joins(bytes.get(at..group.start).unwrap_or_default()) {
                if chain.digits >= MIN_CHAIN {
                    self.chains.push(chain);
                }
                chain = Chain { first: index, end: index, digits: 0 };
            }
            chain.end = index + 1;
            chain.digits += group.len();
            at = group.end;
        }
        if chain.digits >= MIN_CHAIN {
            self.chains.push(chain);
        }
    }
}

/// Whether two groups with this between them may belong to one number.
fn joins(gap: &[u8]) -> bool {
    gap.len() <= MAX_GAP
        && gap.iter().all(|byte| !byte.is_ascii() || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+'))
}

/// Finds the runs of set bits of a long row of bits, block by block: those of at least `SHORTEST`.
#[derive(Default)]
struct Edges<const SHORTEST: usize> {
    /// The block before.
    previous: u64,
    /// Where the run that is still going on began.
    open: Option<usize>,
}

impl<const SHORTEST: usize> Edges<SHORTEST> {
    #[inline]
    fn block<const N: usize>(&mut self, bits: u64, base: usize, found: &mut Few<Span, N>)
    where
        [Span; N]: Array<Item = Span>,
    {
        let long = self.ends(bits);
        self.previous = bits;
        // A bit differs from the one before it where a run begins to be long enough or ends.
        let mut edges = long ^ (long << 1 | u64::from(self.open.is_some()));
        while edges != 0 {
            let at = base + edges.trailing_zeros() as usize;
            edges &= edges - 1;
            match self.open.take() {
                Some(start) => found.push(Span { start, end: at }),
                None => self.open = Some(at + 1 - SHORTEST),
            }
        }
    }

    /// The bits with so many set ones up to and with them that a run of them counts.
    #[inline]
    fn ends(&self, bits: u64) -> u64 {
        let mut row = u128::from(bits) << 64 | u128::from(self.previous);
        let mut length = 1;
        while length < SHORTEST {
            let step = length.min(SHORTEST - length);
            row &= row << step;
            length += step;
        }
        u64::try_from(row >> 64).unwrap_or_default()
    }

    fn end(self, length: usize, found: &mut impl Extend<Span>) {
        found.extend(self.open.map(|start| Span { start, end: length }));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test")]

    use proptest::prelude::*;

    use super::*;

    /// The runs that a plain loop finds.
    fn plainly(text: &str, shortest: usize, accept: impl Fn(u8) -> bool) -> Vec<Span> {
        let bytes = text.as_bytes();
        let mut spans = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let length = bytes[at..].iter().take_while(|byte| accept(**byte)).count();
            if length >= shortest {
                spans.push(Span { start: at, end: at + length });
            }
            at += length.max(1);
        }
        spans
    }

    proptest! {
        #[test]
        fn runs_are_those_of_a_plain_loop(text in "([a-z0-9:.+/= -]|é|[0-9]{5,70}|[A-Za-z0-9_]{60,70}){0,60}") {
            let survey = Survey::of(&text);
            prop_assert_eq!(survey.groups(), plainly(&text, 1, |byte| byte.is_ascii_digit()));
            prop_assert_eq!(survey.runs.as_slice(), &plainly(&text, MIN_RUN, is_key));
            let is_address = |byte: u8| byte.is_ascii_hexdigit() || b":.-".contains(&byte);
            prop_assert_eq!(survey.encoded.as_slice(), &plainly(&text, MIN_ENCODED, is_base64));
            prop_assert_eq!(survey.addresses.as_slice(), &plainly(&text, MIN_ADDRESS, is_address));
            for sign in SIGNS.iter().filter(|sign| sign.is_ascii()) {
                prop_assert_eq!(survey.has_any(&[*sign]), text.as_bytes().contains(sign));
            }
        }
    }

    #[test]
    fn groups_are_one_chain_where_only_a_few_signs_of_numbers_stand_between_them() {
        let text = "id 1234567, call +1 (555) 234-5678 or 12 34 by 10:00:00 on 2026-11-02";
        let chains: Vec<&str> = Survey::of(text)
            .chains(MIN_CHAIN)
            .map(|groups| &text[groups.first().unwrap().start..groups.last().unwrap().end])
            .collect();
        assert_eq!(chains, ["1234567", "1 (555) 234-5678", "2026-11-02"]);
    }
}
