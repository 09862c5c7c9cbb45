//! What the bytes of a word tell: where it ends, whether it is a value, which words belong to dates and amounts.

/// What a byte may be part of; of a word, what its bytes are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    const NONE: Self = Self(0);
    /// Ends a word and says nothing.
    pub(super) const SPACE: Self = Self(1);
    /// A token of its own.
    pub(super) const SIGN: Self = Self(2);
    /// `0` to `9`.
    pub(super) const DIGIT: Self = Self(4);
    /// `.`, part of a word where a word goes on behind it.
    pub(super) const DOT: Self = Self(8);
    /// `/` or `\`.
    pub(super) const SLASH: Self = Self(16);
    /// `@`.
    pub(super) const AT: Self = Self(32);
    /// A letter of ASCII.
    pub(super) const LETTER: Self = Self(64);
    /// `scheme://…`, `C:\…`, `/…`.
    pub(super) const PATH: Self = Self(128);

    /// Whether any of these is set.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const TABLE: [Flags; 256] = table();

const fn table() -> [Flags; 256] {
    let mut table = [Flags::NONE; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            0..=b' ' | 127 => Flags::SPACE,
            b'0'..=b'9' => Flags::DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => Flags::LETTER,
            b'=' | b':' | b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'"' | b'\'' | b'`'
            | b'|' | b'!' | b'?' => Flags::SIGN,
            b'.' => Flags::DOT,
            b'/' | b'\\' => Flags::SLASH,
            b'@' => Flags::AT,
            _ => Flags::NONE,
        };
        if byte == 255 {
            return table;
        }
        byte += 1;
    }
}

/// What a byte may be part of.
pub(super) fn flags(byte: u8) -> Flags {
    TABLE[usize::from(byte)]
}

fn at(bytes: &[u8], index: usize) -> Flags {
    bytes.get(index).map_or(Flags::SPACE, |byte| flags(*byte))
}

/// Where the word that begins at `start` ends, and what is in it. Never empty.
pub(super) fn extent(bytes: &[u8], start: usize) -> (usize, Flags) {
    if bytes.get(start) == Some(&b'/') && !at(bytes, start + 1).has(Flags::SPACE.with(Flags::SIGN)) {
        return (path_end(bytes, start + 1, b':'), Flags::PATH);
    }
    let mut seen = Flags::NONE;
    let mut end = start;
    while let Some(&byte) = bytes.get(end) {
        let flags = flags(byte);
        if !flags.has(Flags::SPACE.with(Flags::SIGN).with(Flags::DOT)) {
            seen = seen.with(flags);
            end += 1;
            continue;
        }
        match byte {
            b'.' if !is_stop(bytes, end) => {
                seen = seen.with(Flags::DOT);
            }
            // Can't
            b'\'' if seen.has(Flags::LETTER) && at(bytes, end + 1).has(Flags::LETTER) => {}
            b':' if seen.has(Flags::LETTER) && bytes.get(end + 1..end + 3) == Some(b"//") => {
                return (path_end(bytes, end + 3, b' '), Flags::PATH);
            }
            b':' if end == start + 1 && seen.has(Flags::LETTER) && at(bytes, end + 1).has(Flags::SLASH) => {
                return (path_end(bytes, end + 1, b' '), Flags::PATH);
            }
            _ => break,
        }
        end += 1;
    }
    (end, seen)
}

/// Whether the dot here ends a word or stands beside another, and so says nothing.
pub(super) fn is_stop(bytes: &[u8], dot: usize) -> bool {
    at(bytes, dot + 1).has(Flags::SPACE.with(Flags::SIGN).with(Flags::DOT))
}

/// A name with dots, which may stand before `:80`.
pub(super) fn is_host(word: &[u8]) -> bool {
    word == b"localhost" || dots(word) > 0
}

/// How many dots are in a word.
pub(super) fn dots(word: &[u8]) -> usize {
    word.iter().filter(|byte| **byte == b'.').count()
}

/// A group of a hardware or network address: two to `most` hex digits.
pub(super) fn is_group(word: &[u8], most: usize) -> bool {
    (2..=most).contains(&word.len()) && word.iter().all(u8::is_ascii_hexdigit)
}

/// Where a path or URL ends.
fn path_end(bytes: &[u8], from: usize, also: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let ends = |byte: &u8| {
        flags(*byte).has(Flags::SPACE)
            || *byte == also
            || matches!(byte, b'"' | b'\'' | b',' | b')' | b']' | b'>' | b';' | b'}' | b'`' | b'|')
    };
    rest.iter().position(ends).map_or(bytes.len(), |length| from + length)
}

/// Whether no program writes this word as a constant.
pub(super) fn is_value(word: &[u8], seen: Flags) -> bool {
    if seen.has(Flags::PATH) {
        return true;
    }
    if seen.has(Flags::DIGIT) {
        return !is_identifier(word);
    }
    if seen.has(Flags::SLASH) {
        return word.contains(&b'\\')
            || word.iter().filter(|byte| **byte == b'/').count() > 1
            || (word.contains(&b'/') && dots(word) > 1);
    }
    if seen.has(Flags::AT) {
        return word.first() != Some(&b'@') && word.last() != Some(&b'@');
    }
    match word.len() {
        4 | 5 => [&b"true"[..], b"false", b"null"].iter().any(|name| word.eq_ignore_ascii_case(name)),
        8.. => word.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

/// A name with a digit or two within it, such as `jk2_init`: a word goes on behind them.
fn is_identifier(word: &[u8]) -> bool {
    let Some(last) = word.iter().rposition(u8::is_ascii_digit) else { return true };
    let rest = &word[last + 1..];
    rest.iter().filter(|byte| byte.is_ascii_alphabetic()).count() >= 4
        && rest.iter().any(|byte| !byte.is_ascii_hexdigit())
        && word.first().is_some_and(u8::is_ascii_alphabetic)
        && word.iter().filter(|byte| byte.is_ascii_digit()).count() <= 2
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// Units and zones: part of the value before them.
pub(super) fn follows_value(word: &[u8]) -> bool {
    const UNITS: &[&[u8]] = &[
        b"AM",
        b"B",
        b"CEST",
        b"CET",
        b"CST",
        b"CDT",
        b"EDT",
        b"EST",
        b"GB",
        b"GHz",
        b"GMT",
        b"GiB",
        b"Hz",
        b"KB",
        b"KHz",
        b"KiB",
        b"MB",
        b"MDT",
        b"MHz",
        b"MST",
        b"MiB",
        b"PB",
        b"PDT",
        b"PM",
        b"PST",
        b"TB",
        b"TiB",
        b"UTC",
        b"byte",
        b"bytes",
        b"day",
        b"days",
        b"hour",
        b"hours",
        b"kB",
        b"kHz",
        b"kb",
        b"microseconds",
        b"milliseconds",
        b"mins",
        b"minute",
        b"minutes",
        b"ms",
        b"nanoseconds",
        b"ns",
        b"s",
        b"sec",
        b"second",
        b"seconds",
        b"secs",
        b"us",
    ];
    word.len() <= 12 && UNITS.contains(&word)
}

/// Days and months: part of the value behind them.
pub(super) fn precedes_value(word: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"Mon",
        b"Tue",
        b"Wed",
        b"Thu",
        b"Fri",
        b"Sat",
        b"Sun",
        b"Monday",
        b"Tuesday",
        b"Wednesday",
        b"Thursday",
        b"Friday",
        b"Saturday",
        b"Sunday",
        b"Jan",
        b"Feb",
        b"Mar",
        b"Apr",
        b"May",
        b"Jun",
        b"Jul",
        b"Aug",
        b"Sep",
        b"Oct",
        b"Nov",
        b"Dec",
        b"January",
        b"February",
        b"March",
        b"April",
        b"June",
        b"July",
        b"August",
        b"September",
        b"October",
        b"November",
        b"December",
    ];
    (3..=9).contains(&word.len()) && word[0].is_ascii_uppercase() && NAMES.contains(&word)
}

/// A hash that is the same everywhere and always, and never that of a sign or value.
pub(super) fn hash(word: &[u8]) -> u64 {
    let mut hash = word.len() as u64;
    let mut chunks = word.chunks_exact(8);
    for chunk in &mut chunks {
        hash = fold(hash, chunk.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)));
    }
    let rest = chunks.remainder().iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
    fold(hash, rest) | 1 << 63
}

/// Whether a slot is the hash of a word.
pub(super) fn is_hash(slot: u64) -> bool {
    slot >> 63 == 1
}

/// Mixes a number into a hash.
pub(super) fn fold(hash: u64, with: u64) -> u64 {
    let wide = u128::from(hash ^ with ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd6e8_feb8_6659_fd93_u64);
    (wide >> 64) as u64 ^ wide as u64
}
