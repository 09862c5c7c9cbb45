//! From a line to its tokens: words, values and signs, in one pass over the bytes and without allocation.
//!
//! A *value* is what no program writes as a constant: a number, an id, a path, an address, a date, `true`. Neighbouring
//! values are one (`10.0.0.1:80`, `3 5 7`, `Fri Jun 17 07:07:00 2005`, `18.4 KB`), so that lists of any length look alike.

use super::words::{self, Flags};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// May be a constant.
    Word,
    /// Varies: shown as `<*>`.
    Value,
    /// One sign.
    Sign(u8),
}

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// No space before it.
    pub(super) glued: bool,
    /// Bytes of the line.
    pub(super) start: u32,
    /// Behind its last byte.
    pub(super) end: u32,
    /// What makes it equal to another: of a word its hash, of a sign its code, [`VALUE`].
    pub(super) slot: u64,
}

/// Most tokens of what is said of each value in a list.
const MAX_REPEATED: usize = 5;

/// Slot of a value.
pub(super) const VALUE: u64 = 0;

/// Bytes of a line that are looked at; what follows is one value.
pub(super) const MAX_BYTES: usize = 16 << 10;
/// Tokens of a line that are told apart; what follows is one value.
const MAX_TOKENS: usize = 256;

/// Splits lines, and keeps its buffer from one to the next.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    tokens: Vec<Token>,
}

impl Scanner {
    /// The tokens of a line.
    pub(super) fn scan(&mut self, line: &str) -> &[Token] {
        self.tokens.clear();
        let bytes = line.as_bytes().get(..line.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
        let (mut at, mut glued) = (0, false);
        while let Some(&byte) = bytes.get(at) {
            let flags = words::flags(byte);
            let is_stop = flags.has(Flags::DOT) && words::is_stop(bytes, at);
            if flags.has(Flags::SPACE) || is_stop {
                at += 1;
                glued &= is_stop;
                continue;
            }
            if self.tokens.len() >= MAX_TOKENS {
                break;
            }
            at = if flags.has(Flags::SIGN) { self.sign(bytes, at, glued) } else { self.word(bytes, at, glued) };
            glued = true;
        }
        if at < line.len() {
            self.value(bytes, at, line.len(), glued);
        }
        &self.tokens
    }

    /// Takes the sign at `at`, and says where to go on.
    fn sign(&mut self, bytes: &[u8], at: usize, glued: bool) -> usize {
        let sign = bytes.get(at).copied().unwrap_or_default();
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        match sign {
            // `<1 sec`: less than a value is a value.
            b'<' if next.is_ascii_digit() => {
                self.value(bytes, at, at + 1, glued);
                return at + 1;
            }
            // An empty list is a list, and an empty place a place (`f()` is a name).
            b'[' | b'(' if (sign, next) == (b'[', b']') || ((sign, next) == (b'(', b')') && !glued) => {
                self.push(Kind::Sign(sign), at, at + 1, glued);
                self.value(bytes, at + 1, at + 1, true);
                return at + 1;
            }
            // `key="one-word"`: a value like any other behind `=`.
            b'"' | b'\'' if glued && self.is_behind(b'=') => {
                let inside = bytes.get(at + 1..).unwrap_or_default();
                let length = inside.iter().take(256).position(|byte| matches!(byte, b' ' | b'"' | b'\''));
                if let Some(end) = length.filter(|end| inside.get(*end) == Some(&sign)).map(|length| at + 1 + length) {
                    self.push(Kind::Sign(sign), at, at + 1, glued);
                    self.value(bytes, at + 1, end, true);
                    self.push(Kind::Sign(sign), end, end + 1, true);
                    return end + 1;
                }
            }
            _ => {}
        }
        self.push(Kind::Sign(sign), at, at + 1, glued);
        at + 1
    }

    /// Takes the word that begins at `at`, and says where to go on.
    fn word(&mut self, bytes: &[u8], at: usize, glued: bool) -> usize {
        let (end, flags) = words::extent(bytes, at);
        let word = bytes.get(at..end).unwrap_or_default();
        let is_group = || glued && self.is_behind(b':') && self.is_value_before_last() && words::is_group(word, 4);
        if words::is_value(word, flags) || (glued && self.is_behind(b'=')) || is_group() {
            self.value(bytes, at, end, glued);
            return end;
        }
        match self.tokens.last_mut() {
            Some(last) if last.kind == Kind::Value && words::follows_value(word) => last.end = offset(end),
            _ => self.tokens.push(Token {
                kind: Kind::Word,
                glued,
                start: offset(at),
                end: offset(end),
                slot: words::hash(word),
            }),
        }
        end
    }

    /// Whether the last token is this sign, and glued to what it stands behind.
    fn is_behind(&self, sign: u8) -> bool {
        self.tokens.len() > 1 && self.tokens.last().is_some_and(|last| last.kind == Kind::Sign(sign) && last.glued)
    }

    fn is_value_before_last(&self) -> bool {
        self.tokens.iter().rev().nth(1).is_some_and(|token| token.kind == Kind::Value)
    }

    /// Takes a value, and what belongs to it before it.
    fn value(&mut self, bytes: &[u8], start: usize, end: usize, glued: bool) {
        let (mut start, mut glued) = (offset(start), glued);
        loop {
            match self.tokens.as_mut_slice() {
                [.., last] if last.kind == Kind::Value => {
                    last.end = offset(end);
                    return;
                }
                [.., before, last] if before.kind == Kind::Value && joins(last.kind) => {
                    before.end = offset(end);
                    self.tokens.pop();
                    return;
                }
                // `fe80::1`
                [.., before, one, two]
                    if before.kind == Kind::Value && glued && is_glued(one, b':') && is_glued(two, b':') =>
                {
                    before.end = offset(end);
                    self.tokens.truncate(self.tokens.len() - 2);
                    return;
                }
                // `::1`
                [.., one, two]
                    if (one.kind, one.glued) == (Kind::Sign(b':'), false) && is_glued(two, b':') && glued =>
                {
                    (start, glued) = (one.start, false);
                    self.tokens.truncate(self.tokens.len() - 2);
                }
                // `[fe80::1]:80`
                [.., open, before, close, colon]
                    if (open.kind, open.glued) == (Kind::Sign(b'['), false)
                        && before.kind == Kind::Value
                        && is_glued(close, b']')
                        && is_glued(colon, b':')
                        && glued =>
                {
                    (start, glued) = (open.start, false);
                    self.tokens.truncate(self.tokens.len() - 4);
                }
                [.., word] if word.kind == Kind::Word && words::precedes_value(text(bytes, word)) => {
                    (start, glued) = (word.start, word.glued);
                    self.tokens.pop();
                }
                // `host.example:80`, `ff:00`
                [.., host, colon]
                    if host.kind == Kind::Word
                        && is_glued(colon, b':')
                        && glued
                        && (words::is_host(text(bytes, host)) || words::is_group(text(bytes, host), 2)) =>
                {
                    (start, glued) = (host.start, host.glued);
                    self.tokens.truncate(self.tokens.len() - 2);
                }
                _ => break,
            }
        }
        self.tokens.push(Token { kind: Kind::Value, glued, start, end: offset(end), slot: VALUE });
        self.end_repetition();
    }

    /// Makes one of what was said of the last value and, in the same words, of the one before: lists are of any length.
    fn end_repetition(&mut self) {
        let count = self.tokens.len();
        for length in 2..=MAX_REPEATED.min(count / 2) {
            let (before, last) = self.tokens.split_at(count - length);
            let before = before.get(before.len() - length..).unwrap_or_default();
            if before.iter().map(|token| token.slot).eq(last.iter().map(|token| token.slot)) {
                let end = last.last().map_or(0, |token| token.end);
                self.tokens.truncate(count - length);
                if let Some(value) = self.tokens.last_mut() {
                    value.end = end;
                }
                return;
            }
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize, glued: bool) {
        let slot = match kind {
            Kind::Sign(sign) => 1 + u64::from(sign),
            Kind::Word | Kind::Value => VALUE,
        };
        self.tokens.push(Token { kind, glued, start: offset(start), end: offset(end), slot });
    }
}

fn is_glued(token: &Token, sign: u8) -> bool {
    token.glued && token.kind == Kind::Sign(sign)
}

/// Signs between two values that make one of them.
fn joins(kind: Kind) -> bool {
    matches!(kind, Kind::Sign(b',' | b':' | b';' | b'|'))
}

/// The bytes of a token.
pub(super) fn text<'t>(bytes: &'t [u8], token: &Token) -> &'t [u8] {
    bytes.get(token.start as usize..token.end as usize).unwrap_or_default()
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
