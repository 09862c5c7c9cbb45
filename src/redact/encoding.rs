//! What a text says once it is decoded: escapes in place, base64 and hex runs apart.

/// A text with its escapes decoded, and where each byte came from.
pub(crate) struct View {
    pub(crate) text: String,
    /// For each byte of `text`, and one past it, the offset in the source.
    from: Vec<usize>,
    /// The source ranges that were escapes.
    escapes: Vec<(usize, usize)>,
}

impl View {
    /// The offset in the source of an offset in `text`.
    pub(crate) fn source(&self, at: usize) -> usize {
        self.from.get(at).or(self.from.last()).copied().unwrap_or_default()
    }

    /// The range without the escapes, or parts of escapes, at its two ends.
    pub(crate) fn without_escapes(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        while let Some((_, after)) = self.escape_at(start) {
            start = after;
        }
        while let Some((before, _)) = end.checked_sub(1).and_then(|last| self.escape_at(last)) {
            end = before;
        }
        (start, end.max(start))
    }

    fn escape_at(&self, at: usize) -> Option<(usize, usize)> {
        let index = self.escapes.partition_point(|(_, end)| *end <= at);
        self.escapes.get(index).copied().filter(|(start, _)| *start <= at)
    }
}

/// The bytes that escapes begin with.
pub(crate) const ESCAPES: &[u8] = b"%\\&";

/// Decodes `%40`, `\u0040`, `\x40`, `\n`, `\"`, `&#64;`, `&#x40;` and the like. `None` if there is no escape.
pub(crate) fn unescape(text: &str) -> Option<View> {
    let any = decode(text, true)?;
    match String::from_utf8(any.bytes) {
        Ok(text) => Some(View { text, from: any.from, escapes: any.escapes }),
        // Percent-encoded bytes that are not UTF-8: those beyond ASCII stay as they are written.
        Err(_) => {
            let ascii = decode(text, false)?;
            let text = String::from_utf8(ascii.bytes).ok()?;
            Some(View { text, from: ascii.from, escapes: ascii.escapes })
        }
    }
}

struct Decoded {
    bytes: Vec<u8>,
    from: Vec<usize>,
    escapes: Vec<(usize, usize)>,
}

fn decode(text: &str, all_bytes: bool) -> Option<Decoded> {
    let source = text.as_bytes();
    let mut out = Decoded {
        bytes: Vec::with_capacity(source.len()),
        from: Vec::with_capacity(source.len() + 1),
        escapes: Vec::new(),
    };
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let rest = source.get(at..).unwrap_or_default();
        let escape = match byte {
            b'%' => percent(rest, all_bytes),
            b'\\' => backslash(rest),
            b'&' => entity(rest),
            _ => None,
        };
        if let Some((value, length)) = escape {
            out.escapes.push((at, at + length));
            match value {
                Escaped::Byte(byte) => {
                    out.bytes.push(byte);
                    out.from.push(at);
                }
                Escaped::Char(char) => {
                    let mut buffer = [0; 4];
                    for byte in char.encode_utf8(&mut buffer).bytes() {
                        out.bytes.push(byte);
                        out.from.push(at);
                    }
                }
            }
            at += length;
        } else {
            out.bytes.push(byte);
            out.from.push(at);
            at += 1;
        }
    }
    out.from.push(source.len());
    (!out.escapes.is_empty()).then_some(out)
}

enum Escaped {
    Byte(u8),
    Char(char),
}

fn percent(rest: &[u8], all_bytes: bool) -> Option<(Escaped, usize)> {
    let byte = u8::try_from(hex(rest.get(1..3)?)?).ok()?;
    (all_bytes || byte.is_ascii()).then_some((Escaped::Byte(byte), 3))
}

fn backslash(rest: &[u8]) -> Option<(Escaped, usize)> {
    let simple = |char| Some((Escaped::Char(char), 2));
    match rest.get(1)? {
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'b' | b'f' => simple(' '),
        b'"' => simple('"'),
        b'\'' => simple('\''),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'x' => {
            let value = hex(rest.get(2..4)?)?;
            (value < 0x80).then_some(())?;
            Some((Escaped::Char(char::from_u32(value)?), 4))
        }
        b'u' => {
            let unit = hex(rest.get(2..6)?)?;
            if let Some(char) = char::from_u32(unit) {
                return Some((Escaped::Char(char), 6));
            }
            let low = rest.get(6..8).filter(|mark| *mark == br"\u").and(rest.get(8..12)).and_then(hex)?;
            let pair = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
            let char = char::decode_utf16(pair).next()?.ok()?;
            Some((Escaped::Char(char), 12))
        }
        _ => None,
    }
}

fn entity(rest: &[u8]) -> Option<(Escaped, usize)> {
    let named: [(&[u8], char); 5] =
        [(b"&amp;", '&'), (b"&quot;", '"'), (b"&apos;", '\''), (b"&lt;", '<'), (b"&gt;", '>')];
    if let Some((name, char)) = named.iter().find(|(name, _)| rest.starts_with(name)) {
        return Some((Escaped::Char(*char), name.len()));
    }
    let digits = rest.strip_prefix(b"&#")?;
    let end = digits.iter().take(9).position(|byte| *byte == b';')?;
    let number = std::str::from_utf8(digits.get(..end)?).ok()?;
    let value = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((Escaped::Char(char::from_u32(value)?), 2 + end + 1))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| Some((value << 4) | char::from(*digit).to_digit(16)?))
}

/// A run of base64 or hex that decodes to text.
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

/// Shortest run that is decoded: shorter ones cannot hold an address or a key, and ordinary words are such runs.
pub(crate) const MIN_RUN: usize = 16;

/// The runs of `text` that decode to printable text.
pub(crate) fn runs(text: &str) -> Vec<Run> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes.iter().skip(at).take_while(|byte| is_base64(**byte)).count();
        if length >= MIN_RUN {
            candidates(text, at, at + length, &mut found);
        }
        at += length.max(1);
    }
    found
}

/// The run as a whole; failing that, its segments between slashes (a path is written in the same letters).
fn candidates(text: &str, start: usize, end: usize, found: &mut Vec<Run>) {
    let Some(run) = text.get(start..end) else { return };
    let padding = text.get(end..).map_or(0, |rest| rest.bytes().take(2).take_while(|byte| *byte == b'=').count());
    if let Some(decoded) = printable(run) {
        found.push(Run { start, end: end + padding, text: decoded });
        return;
    }
    let mut at = start;
    for segment in run.split('/') {
        let last = at + segment.len();
        if segment.len() >= MIN_RUN
            && segment.len() < run.len()
            && let Some(decoded) = printable(segment)
        {
            found.push(Run { start: at, end: if last == end { end + padding } else { last }, text: decoded });
        }
        at = last + 1;
    }
}

pub(crate) const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn printable(run: &str) -> Option<String> {
    use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
    let decoders = [&HEXLOWER_PERMISSIVE, &BASE64_NOPAD, &BASE64URL_NOPAD];
    decoders.into_iter().find_map(|decoder| {
        let text = String::from_utf8(decoder.decode(run.as_bytes()).ok()?).ok()?;
        text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t')).then_some(text)
    })
}
