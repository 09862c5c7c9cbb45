//! Values behind names that tell what they hold, in every notation that programs print objects in: JSON (in strings, too), Python, Ruby,
//! PHP, JavaScript, Java's `toString`, Go's `%+v`, Rust's `Debug`, forms, logfmt, XML and HTML, YAML, multipart bodies.
//!
//! Which names they are, [`Keys`](crate::redact::keys::Keys) says. A name in quotes is one whatever stands behind it; behind a bare one must stand what such a value
//! looks like, because sentences have colons, too (`phone: is required`).

mod apart;
mod likely;
mod value;
mod words;

use std::borrow::Cow;

use self::value::{Value, Values};
use super::text::{after, before, run_end, run_start, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::encoding;
use crate::redact::gate::{Anchor, Seen, Word};
use crate::redact::keys::KeyClass;
use crate::redact::structured::{is_ours, judged, of_class};
use crate::redact::token;

/// Longest name that is looked at, to each side of what tells it.
const MAX_NAME: usize = 128;

/// Longest spaces between a name, its sign and its value.
const MAX_GAP: usize = 16;

#[derive(Debug)]
pub(super) struct Fields {
    values: Values,
    /// Whether some of the user's patterns tell of names: then any name may be one.
    any_name: bool,
}

impl Fields {
    pub(super) fn new(any_name: bool) -> Result<Self, String> {
        Ok(Self { values: Values::new()?, any_name })
    }

    /// What stands behind the name around `start..end`; where to go on.
    fn at(&self, Seen { text, keys, .. }: Seen<'_>, start: usize, end: usize, found: &mut Vec<Finding>) -> usize {
        let name = Name::around(text, start, end);
        let (from, next) = (found.len(), name.end.max(end));
        if name.is_token(text) {
            return next;
        }
        // `"First Name"` names what `first_name` does.
        let key = name.of(text);
        let key = if key.contains(' ') { Cow::Owned(key.replace(' ', "_")) } else { Cow::Borrowed(key) };
        let Some(sign) = Sign::behind(text, &name) else {
            let value = apart::before_name(text, &name).map(|(start, end)| (start, end, slice(text, start, end)));
            let value = value.filter(|(.., said)| !is_ours(said.trim()));
            found.extend(value.and_then(|(start, end, said)| judged(keys, &key, said, start, end)));
            return next;
        };
        let class = keys.content(&key);
        let is_told = !matches!(class, KeyClass::Content | KeyClass::Raw);
        let is_bare = name.quote.is_none() && !matches!(sign.mark, Mark::Apart { .. });
        if !is_told || is_bare && !is_bare_name(class, &key) {
            return next;
        }
        let mut push = |value: Value| {
            let raw = slice(text, value.start, value.end);
            // A list of names is none of a name and its value.
            let is_list = sign.mark == Mark::Comma && keys.content(raw) != KeyClass::Content;
            if is_list || is_ours(raw.trim()) {
                return;
            }
            let said = if value.is_form { Cow::Owned(encoding::form_value(raw)) } else { Cow::Borrowed(raw) };
            found.extend(of_class(class, &said, value.start, value.end));
        };
        let read = self.values.behind(text, &name, sign, class, &mut push).unwrap_or(next);
        found.get(from..).unwrap_or_default().last().map_or(next, |last| last.end.max(next)).max(read)
    }
}

impl Detector for Fields {
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>) {
        let text = seen.text;
        let mut done = 0;
        if !seen.keys.patterns.blocked.is_empty() {
            for at in memchr::memchr3_iter(b':', b'=', b'>', text.as_bytes()) {
                let closed = run_start(text, at, MAX_GAP, |char| matches!(char, ' ' | '"' | '\'' | '\\' | ']' | '`'));
                if closed > done && before(text, closed).is_some_and(is_part) {
                    done = self.at(seen, closed, closed, found).max(at);
                }
            }
            return;
        }
        for Word { start, end, .. } in seen.words_apart() {
            if start >= done {
                let end = words::name_end(slice(text, start, end));
                done = self.at(seen, start, start + end, found);
            }
        }
    }

    fn anchor(&self) -> Anchor {
        if self.any_name { Anchor::Signs(b":=>") } else { Anchor::Words }
    }

    fn words(&self) -> Vec<String> {
        words::all()
    }
}

/// What is a secret by a bare name, [`super::pairs`] finds, but for names that are too short for it.
fn is_bare_name(class: KeyClass, name: &str) -> bool {
    const SHORT: [&str; 4] = ["pin", "otp", "cvv", "cvc"];
    class != KeyClass::Blocked || SHORT.iter().any(|short| name.eq_ignore_ascii_case(short))
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | '.')
}

/// A name in a text.
#[derive(Debug, Clone, Copy)]
struct Name {
    start: usize,
    end: usize,
    /// The quote around it, and how many backslashes stand before each.
    quote: Option<(char, usize)>,
}

impl Name {
    /// The name that `start..end` is a part of.
    fn around(text: &str, start: usize, end: usize) -> Self {
        let bare = Self {
            start: run_start(text, start, MAX_NAME, is_part),
            end: run_end(text, end, MAX_NAME, is_part),
            quote: None,
        };
        if let Some(quoted) = bare.quoted(text) {
            return quoted;
        }
        // A name of several words.
        let is_worded = |char: char| is_part(char) || char == ' ';
        let spaced = Self {
            start: run_start(text, bare.start, MAX_NAME, is_worded),
            end: run_end(text, bare.end, MAX_NAME, is_worded),
            quote: None,
        };
        spaced.quoted(text).unwrap_or(bare)
    }

    fn quoted(self, text: &str) -> Option<Self> {
        let mark = before(text, self.start).filter(|char| matches!(char, '"' | '\'' | '`'))?;
        let head = slice(text, 0, self.start - mark.len_utf8());
        let level = head.len() - head.trim_end_matches('\\').len();
        let closing = run_end(text, self.end, 8, |char| char == '\\');
        let is_closed = closing - self.end == level && after(text, closing) == Some(mark);
        is_closed.then_some(Self { quote: Some((mark, level)), ..self })
    }

    fn of<'t>(&self, text: &'t str) -> &'t str {
        slice(text, self.start, self.end).trim_matches(['-', '.'])
    }

    /// Past the quote that closes it.
    fn closed(&self) -> usize {
        self.end + self.quote.map_or(0, |(_, level)| level + 1)
    }

    /// Before the quote that opens it.
    fn opened(&self) -> usize {
        self.start - self.quote.map_or(0, |(_, level)| level + 1)
    }

    /// Whether it is the class of one of our tokens.
    fn is_token(&self, text: &str) -> bool {
        text.get(self.start..).and_then(token::shape).is_some()
    }
}

/// What stands between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// `=`, whether spaces stand around it.
    Equals { is_spaced: bool },
    /// `:`, whether a space stands behind it.
    Colon { is_spaced: bool },
    /// `=>`
    Arrow,
    /// `>` of an element.
    Element,
    /// `, ` in a list of two.
    Comma,
    /// `" value="` and the like. Whether the value is all of its line.
    Apart { is_line: bool },
}

#[derive(Debug, Clone, Copy)]
struct Sign {
    mark: Mark,
    /// Where the value begins.
    end: usize,
}

impl Sign {
    fn behind(text: &str, name: &Name) -> Option<Self> {
        // `user[first_name]=…`
        let closed = run_end(text, name.closed(), 2, |char| char == ']');
        let at = run_end(text, closed, 4, |char| matches!(char, ' ' | '\t'));
        let rest = text.get(at..)?;
        let gap = |length: usize| run_end(text, at + length, MAX_GAP, char::is_whitespace);
        let (mark, length) = if rest.starts_with("=>") {
            (Mark::Arrow, 2)
        } else if rest.starts_with("==") || rest.starts_with("::") {
            return None;
        } else if rest.starts_with(":=") {
            (Mark::Equals { is_spaced: true }, 2)
        } else if rest.starts_with('=') {
            (Mark::Equals { is_spaced: at > closed || gap(1) > at + 1 }, 1)
        } else if rest.starts_with(':') {
            (Mark::Colon { is_spaced: gap(1) > at + 1 }, 1)
        } else if let Some(sign) = apart::sign(text, name, closed) {
            return Some(sign);
        } else if name.quote.is_none() && is_element(text, name) {
            // Its attributes end within a name's length.
            let end = run_end(text, name.end, MAX_NAME, |char| char != '>');
            return (after(text, end) == Some('>')).then_some(Self { mark: Mark::Element, end: end + 1 });
        } else {
            return None;
        };
        // Behind a bare name a value stands on its line.
        let is_inline = |char: char| matches!(char, ' ' | '\t');
        let end = if name.quote.is_some() { gap(length) } else { run_end(text, at + length, MAX_GAP, is_inline) };
        Some(Self { mark, end })
    }
}

/// Whether a name opens an element: `<firstName>`, `<ns:firstName type="…">`.
fn is_element(text: &str, name: &Name) -> bool {
    let start = match before(text, name.start) {
        Some(':') => run_start(text, name.start - 1, 32, char::is_alphanumeric),
        _ => name.start,
    };
    before(text, start) == Some('<') && matches!(after(text, name.end), Some('>' | ' '))
}
