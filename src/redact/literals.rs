//! The literals of objects and lists as programs print them: JSON5, Python, Ruby, shells of databases, GraphQL. Names of values stay.

/// What becomes of a word without quotes that is no name: `[x, 3]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BareWords {
    /// It is a name of the notation (`{ user { id } }`).
    Stay,
    /// It is a value printed without its quotes.
    Go,
}

/// A literal, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Literal {
    pub(crate) fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// A text in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) inner: Literal,
    /// Past its closing quote, or the end of what was looked at.
    pub(crate) end: usize,
    /// Whether its closing quote was there.
    pub(crate) is_closed: bool,
}

/// What is in the quotes that open at `at`, within `limit`. The quote may be escaped, as in JSON inside a string: then the same number of
/// backslashes stands before the one that closes.
pub(crate) fn quoted(text: &str, at: usize, limit: usize) -> Option<Quoted> {
    let bytes = text.as_bytes().get(..limit)?;
    let level = bytes.get(at..)?.iter().take_while(|byte| **byte == b'\\').count();
    let mark = *bytes.get(at + level).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let start = at + level + 1;
    let mut backslashes = 0;
    for (index, byte) in bytes.iter().enumerate().skip(start) {
        if *byte == b'\\' {
            backslashes += 1;
            continue;
        }
        // Behind more backslashes it is a quote inside the text; behind fewer, the string around it ends.
        if *byte == mark && (backslashes <= level || level == 0 && backslashes % 2 == 0) {
            let inner = Literal { start, end: index - backslashes.min(index - start) };
            return Some(Quoted { inner, end: index + 1, is_closed: true });
        }
        backslashes = 0;
    }
    Some(Quoted { inner: Literal { start, end: limit }, end: limit, is_closed: false })
}

/// Where the bracket that opens at `open` is closed, past it; `limit` if it is not.
pub(crate) fn bracket_end(text: &str, open: usize, limit: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = open;
    while at < limit {
        match bytes.get(at) {
            Some(b'\\' | b'"' | b'\'' | b'`') => {
                if let Some(quoted) = opens_quote(text, at).then(|| quoted(text, at, limit)).flatten() {
                    at = quoted.end;
                    continue;
                }
            }
            Some(b'{' | b'[' | b'(') => depth += 1,
            Some(b'}' | b']' | b')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            None => break,
            _ => {}
        }
        at += 1;
    }
    limit
}

/// Whether a quote at `at` can open a text: an apostrophe in a word does not.
fn opens_quote(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|head| head.chars().next_back());
    !before.is_some_and(char::is_alphanumeric) || matches!(before, Some('b' | 'u' | 'r' | 'N' | 'E'))
}

/// The literals between `start` and `limit`, in order.
pub(crate) fn values(text: &str, start: usize, limit: usize, bare: BareWords) -> Vec<Literal> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = start;
    while at < limit {
        let Some(&byte) = bytes.get(at) else { break };
        if matches!(byte, b'"' | b'\'' | b'`' | b'\\')
            && opens_quote(text, at)
            && let Some(quoted) = quoted(text, at, limit)
        {
            if !(quoted.is_closed && is_name(text, quoted.end, limit)) && quoted.inner.start < quoted.inner.end {
                found.push(quoted.inner);
            }
            at = quoted.end;
            continue;
        }
        if !is_word(byte) {
            at += 1;
            continue;
        }
        let end = bare_end(text, at, limit);
        let word = text.get(at..end).unwrap_or_default();
        let is_number = word.trim_start_matches(['+', '-', '.']).starts_with(|char: char| char.is_ascii_digit());
        let is_value = is_number
            || bare == BareWords::Go
                && !is_constant(word)
                && word.bytes().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
        if is_value && !is_name(text, end, limit) && !is_call(text, end) && !is_ours(text, at, end) {
            found.push(Literal { start: at, end });
        }
        at = end;
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'$' | b'+' | b'-' | b'.' | b'@' | b'%' | b'/' | b'#')
        || !byte.is_ascii()
}

/// Where a word or number ends; a time has colons between its digits.
fn bare_end(text: &str, at: usize, limit: usize) -> usize {
    let bytes = text.as_bytes().get(..limit).unwrap_or_default();
    let mut end = at;
    while let Some(&byte) = bytes.get(end) {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let is_time = byte == b':' && end > at && is_digit(end - 1) && is_digit(end + 1);
        if !is_word(byte) && !is_time {
            break;
        }
        end += 1;
    }
    end.max(at + 1)
}

/// Whether what ends at `end` is the name of a value: a colon, an arrow or an equals sign stands behind it.
fn is_name(text: &str, end: usize, limit: usize) -> bool {
    let rest = text.get(end..limit).unwrap_or_default().trim_start_matches([' ', '\t']);
    rest.starts_with(':') && !rest.starts_with("::")
        || rest.starts_with("=>")
        || rest.starts_with('=') && !rest.starts_with("==")
}

fn is_call(text: &str, end: usize) -> bool {
    text.get(end..).is_some_and(|rest| rest.starts_with('('))
}

/// What says that there is no value, or a truth: it is nobody's.
pub(crate) fn is_constant(word: &str) -> bool {
    ["none", "null", "nil", "true", "false", "undefined", "nan", "?"]
        .iter()
        .any(|constant| word.eq_ignore_ascii_case(constant))
}

/// Whether the word at `start..end` is a part of what stands where a value was: `[withheld]`, `email:E-…`.
fn is_ours(text: &str, start: usize, end: usize) -> bool {
    let word = text.get(start..end).unwrap_or_default();
    let is_withheld = word == "withheld" && text.get(..start).is_some_and(|head| head.ends_with('['));
    let is_token = || text.get(start..).and_then(super::token::shape).is_some() || after_class(text, start);
    is_withheld || is_token()
}

/// Whether the name of a token's class and its colon stand before `start`.
fn after_class(text: &str, start: usize) -> bool {
    let head = text.get(..start).unwrap_or_default();
    let Some(head) = head.strip_suffix(':') else { return false };
    let from = head.rfind(|char: char| !(char.is_ascii_lowercase() || char == '_')).map_or(0, |at| at + 1);
    text.get(from..).and_then(super::token::shape).is_some()
}
