//! What a text says once it is decoded: escapes in place, base64 and hex runs apart.

use data_encoding::Encoding;
use memchr::{memchr_iter, memchr3_iter};

use super::near;
use super::survey::{MIN_ENCODED, Survey};

/// A text with its escapes decoded, and where each byte came from. Of a long text only the lines around escapes: the rest says what it says.
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

/// What counts as an escape. A sign that is an escape in one of them is itself in another (`a+b@x.example`, `code=4111…`), so a text
/// may have to be read in more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `%40`, `\u0040`, `\x40`, `\100`, `\n`, `\"`, `&#64;`, `&#x40;` and the like.
    Escapes,
    /// The same in a form, where `+` within a value is a space.
    Form,
    /// `=40` and soft line breaks (RFC 2045 §6.7).
    QuotedPrintable,
}

/// What the text says in each style in which it is written.
pub(crate) fn views(text: &str, survey: &Survey) -> Vec<View> {
    let styles = [
        (Style::Escapes, survey.has_any(b"%\\&")),
        (Style::Form, survey.has_any(b"+") && is_form(text.as_bytes(), survey)),
        (
            Style::QuotedPrintable,
            survey.has_any(b"=") && memchr_iter(b'=', text.as_bytes()).any(|at| is_quoted(text, at)),
        ),
    ];
    styles.into_iter().filter(|(_, is_on)| *is_on).filter_map(|(style, _)| unescape(text, style)).collect()
}

/// What the value of a parameter says.
pub(crate) fn form_value(text: &str) -> String {
    unescaped(&text.replace('+', " "))
}

/// What a text says without its escapes.
pub(crate) fn unescaped(text: &str) -> String {
    unescape(text, Style::Escapes).map_or_else(|| text.to_owned(), |view| view.text)
}

/// Whether a `+` between two letters, digits or escapes (whose last sign is one) stands at `at`.
fn is_space(text: &[u8], at: usize) -> bool {
    let around = at.checked_sub(1).and_then(|before| text.get(before..at + 2));
    matches!(around, Some([before, b'+', after])
        if before.is_ascii_alphanumeric() && (after.is_ascii_alphanumeric() || *after == b'%'))
}

/// Whether some `+` may be a space. That of a time zone is the only one between digits; a number in a form has more.
fn is_form(text: &[u8], survey: &Survey) -> bool {
    let mut spaces = memchr_iter(b'+', text).filter(|at| is_space(text, *at));
    let Some(first) = spaces.next() else { return false };
    let is_word = text.get(..first).and_then(<[u8]>::last).is_some_and(u8::is_ascii_alphabetic);
    let is_before_escape = text.get(first + 1) == Some(&b'%');
    (is_word || is_before_escape) && survey.has_any(b"=") || spaces.next().is_some()
}

/// Whether the `=` at `at` can hardly be that of a pair.
fn is_quoted(text: &str, at: usize) -> bool {
    match text.as_bytes().get(at..).unwrap_or_default() {
        [_, b'4', b'0', next, ..] => next.is_ascii_alphabetic(),
        [_, b'3', b'D', ..] | [_, b'\n', ..] | [_, b'\r', b'\n', ..] => true,
        [_, high, low, b'=', next @ ..] => {
            quoted([*high, *low]).and(next.first_chunk()).copied().and_then(quoted).is_some()
        }
        _ => false,
    }
}

/// Decodes the escapes of one style. `None` if there is none.
fn unescape(text: &str, style: Style) -> Option<View> {
    let any = decode(text, style, true)?;
    match String::from_utf8(any.bytes) {
        Ok(text) => Some(View { text, from: any.from, escapes: any.escapes }),
        // Bytes that are not UTF-8: those beyond ASCII stay as they are written.
        Err(_) => {
            let ascii = decode(text, style, false)?;
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

fn decode(text: &str, style: Style, all_bytes: bool) -> Option<Decoded> {
    let source = text.as_bytes();
    let escape = |at: usize| {
        escape_at(source, at, style)
            .filter(|(value, _)| all_bytes || !matches!(value, Escaped::Byte(byte) if !byte.is_ascii()))
    };
    // In most texts with a sign of escapes there is none.
    let mut marks = marks(source, style).filter_map(|at| Some((at, escape(at)?))).peekable();
    marks.peek()?;
    let parts = near::parts(text, self::marks(source, style).filter_map(|at| Some(at..at + escape(at)?.1)));
    let parts = parts.unwrap_or_else(|| std::iter::once(0..source.len()).collect());
    let size = parts.iter().map(ExactSizeIterator::len).sum::<usize>() + 1;
    let mut out = Decoded { bytes: Vec::with_capacity(size), from: Vec::with_capacity(size), escapes: Vec::new() };
    for part in parts {
        let mut at = part.start;
        while let Some((mark, (value, length))) = marks.next_if(|(mark, _)| *mark < part.end) {
            // What stands in an escape begins none: of `\\n` the second backslash is the end of the first.
            if mark < at {
                continue;
            }
            out.copy(source, at, mark);
            out.escapes.push((mark, mark + length));
            match value {
                Escaped::Nothing => {}
                Escaped::Byte(byte) => out.push(byte, mark),
                Escaped::Char(char) => char.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push(byte, mark)),
            }
            at = mark + length;
        }
        out.copy(source, at, part.end);
    }
    out.from.push(source.len());
    Some(out)
}

impl Decoded {
    fn push(&mut self, byte: u8, from: usize) {
        self.bytes.push(byte);
        self.from.push(from);
    }

    /// Takes over what is no escape.
    fn copy(&mut self, source: &[u8], start: usize, end: usize) {
        self.bytes.extend_from_slice(source.get(start..end).unwrap_or_default());
        self.from.extend(start..end);
    }
}

/// Where an escape of this style may begin.
fn marks(source: &[u8], style: Style) -> Box<dyn Iterator<Item = usize> + '_> {
    match style {
        Style::Escapes => Box::new(memchr3_iter(b'%', b'\\', b'&', source)),
        Style::QuotedPrintable => Box::new(memchr_iter(b'=', source)),
        Style::Form => {
            let is_mark = |byte: &u8| matches!(byte, b'%' | b'\\' | b'&' | b'+');
            Box::new(source.iter().enumerate().filter(move |(_, byte)| is_mark(byte)).map(|(at, _)| at))
        }
    }
}

/// The escape that begins at `at`, and its length.
fn escape_at(source: &[u8], at: usize, style: Style) -> Option<(Escaped, usize)> {
    let rest = source.get(at..)?;
    match (rest.first()?, style) {
        (b'=', Style::QuotedPrintable) => equals(rest),
        (_, Style::QuotedPrintable) => None,
        (b'%', _) => escaped_byte(rest, 1, 16, 3),
        (b'\\', _) => backslash(rest),
        (b'&', _) => entity(rest),
        (b'+', Style::Form) => is_space(source, at).then_some((Escaped::Char(' '), 1)),
        _ => None,
    }
}

enum Escaped {
    Byte(u8),
    Char(char),
    /// A line that was broken for length.
    Nothing,
}

/// The byte whose number stands at `from..to`.
fn escaped_byte(rest: &[u8], from: usize, radix: u32, to: usize) -> Option<(Escaped, usize)> {
    let byte = u8::try_from(number(rest.get(from..to)?, radix)?).ok()?;
    Some((Escaped::Byte(byte), to))
}

fn equals(rest: &[u8]) -> Option<(Escaped, usize)> {
    match rest.get(1..)? {
        [b'\n', ..] => Some((Escaped::Nothing, 2)),
        [b'\r', b'\n', ..] => Some((Escaped::Nothing, 3)),
        [high, low, ..] => Some((Escaped::Byte(quoted([*high, *low])?), 3)),
        _ => None,
    }
}

/// Digits of quoted-printable are upper-case.
fn quoted(digits: [u8; 2]) -> Option<u8> {
    let is_digit = |digit: &u8| digit.is_ascii_digit() || matches!(digit, b'A'..=b'F');
    digits.iter().all(is_digit).then(|| number(&digits, 16)).flatten().and_then(|value| u8::try_from(value).ok())
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
        b'x' => escaped_byte(rest, 2, 16, 4),
        b'0'..=b'3' => escaped_byte(rest, 1, 8, 4),
        b'u' => {
            let unit = number(rest.get(2..6)?, 16)?;
            if let Some(char) = char::from_u32(unit) {
                return Some((Escaped::Char(char), 6));
            }
            let low = rest
                .get(6..8)
                .filter(|mark| *mark == br"\u")
                .and(rest.get(8..12))
                .and_then(|digits| number(digits, 16))?;
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

/// At most eight digits.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| Some(value * radix + char::from(*digit).to_digit(radix)?))
}

/// A run of base64 or hex that decodes to text.
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

/// The runs of `text` that decode to printable text.
pub(crate) fn runs(text: &str, survey: &Survey) -> Vec<Run> {
    let mut found = Vec::new();
    for span in &survey.encoded {
        candidates(text, span.start, span.end, &mut found);
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
        if segment.len() >= MIN_ENCODED
            && segment.len() < run.len()
            && let Some(decoded) = printable(segment)
        {
            found.push(Run { start: at, end: if last == end { end + padding } else { last }, text: decoded });
        }
        at = last + 1;
    }
}

/// What a run of base64 or hex says, if that is text.
pub(crate) fn printable(run: &str) -> Option<String> {
    use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
    if !may_begin_text(run.as_bytes()) {
        return None;
    }
    let decoders = [&HEXLOWER_PERMISSIVE, &BASE64_NOPAD, &BASE64URL_NOPAD];
    decoders.into_iter().filter(|decoder| may_say_text(decoder, run.as_bytes())).find_map(|decoder| {
        let text = String::from_utf8(decoder.decode(run.as_bytes()).ok()?).ok()?;
        text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t')).then_some(text)
    })
}

/// Whether the first four letters can begin a text, read as base64 or as hex: those of most runs cannot.
fn may_begin_text(run: &[u8]) -> bool {
    let Some(letters) = run.first_chunk::<4>() else { return true };
    let six = letters.iter().fold(0, |bits, letter| bits << 6 | base64_value(*letter));
    let [_, three @ ..] = six.to_be_bytes();
    let four = letters.iter().try_fold(0_u16, |bits, letter| Some(bits << 4 | hex_value(*letter)?));
    begins_text(&three) || four.is_some_and(|four| begins_text(&four.to_be_bytes()))
}

/// What a letter of base64 or base64url stands for.
fn base64_value(letter: u8) -> u32 {
    u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    })
}

fn hex_value(letter: u8) -> Option<u16> {
    char::from(letter).to_digit(16).and_then(|value| u16::try_from(value).ok())
}

/// Whether the first bytes of what a run says are text. Those of nearly all runs are not, and the rest need not be decoded.
fn may_say_text(decoder: &Encoding, run: &[u8]) -> bool {
    let Some(head) = run.first_chunk::<MIN_ENCODED>() else { return true };
    let mut bytes = [0_u8; MIN_ENCODED];
    let decoded = decoder.decode_len(head.len()).ok().and_then(|length| bytes.get_mut(..length));
    decoded.is_some_and(|bytes| decoder.decode_mut(head, bytes).is_ok() && begins_text(bytes))
}

/// Whether bytes are the beginning of a text without control characters.
fn begins_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t');
    !bytes.iter().any(is_control)
        && match std::str::from_utf8(bytes) {
            Ok(_) => true,
            // A character may be cut at the end.
            Err(error) => error.error_len().is_none(),
        }
}
