//! SQL inside messages. A statement is known by its grammar, because its first words are words of English, too.

use regex::{Captures, Regex};

use super::Sink;
use crate::redact::detectors::text::{before, run_end, run_start, slice};
use crate::redact::edits::Piece;
use crate::redact::literals::{self, BareWords, bracket_end};
use crate::redact::sql::{self, Enclosing};

/// How much of a statement is looked at to know it for one.
const WINDOW: usize = 4096;

/// So many tables are looked at to know a statement by one.
const FROMS: usize = 8;

#[derive(Debug)]
pub(super) struct Statements {
    /// What a query of values begins with.
    values: Regex,
    /// `FROM` and what names a table, in capitals: they are meant as such; the table's name is `table`.
    upper: Regex,
    /// The same in small letters, and what a table stands before.
    lower: Regex,
    /// What any other statement begins with.
    forms: Vec<Regex>,
    /// What no sentence has right behind an article: a comparison, an assignment of a literal, rows.
    certain: Regex,
}

/// A name, in quotes or brackets or without, with those of its schema.
const NAME: &str = r#"(?:\\*["`\[]?[\w$]+\\*["`\]]?\.){0,3}\\*["`\[]?(?P<table>[\w$]+)\\*["`\]]?"#;

impl Statements {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        let forms = [
            format!(
                r"^(?i:insert|replace)\s+(?i:ignore\s+|or\s+\w+\s+)?(?i:into)\s+{NAME}\s*(?i:\(|values|select|default|set\s|as\s|$)"
            ),
            format!(r"^(?i:update)\s+(?i:only\s+|ignore\s+)?{NAME}(?:\s+(?i:as\s+)?\w+)?\s+(?i:set)\s+[^=]{{1,160}}="),
            format!(r"^(?i:delete\s+from)\s+(?i:only\s+)?{NAME}(?:\s+(?i:as\s+)?\w+)?\s+(?i:where|using|limit)\s"),
            format!(r"^(?i:merge\s+into)\s+{NAME}\s"),
            r"^(?i:values)\s?\(".to_owned(),
            r"^(?i:create|alter)\s+(?i:user|role)\s(?s:.){1,200}?(?i:identified|password|\swith\s)".to_owned(),
            r"^(?i:exec)\s+[\w.\[\]]+\s+@\w+\s*=".to_owned(),
            r"^(?i:call)\s+[A-Za-z_`][\w.`]*\(".to_owned(),
        ];
        let upper = format!(r#"^FROM\s+(?:ONLY\s+)?(?:\(|{NAME})"#);
        let lower = format!(
            r#"^(?i:from)\s+(?:(?i:only)\s+)?{NAME}(?:\s+(?i:as\s+)?\w+)?\s*(?:,|\)|\b(?i:where|inner|left|right|full|cross|natural|join|group\s+by|order\s+by|union|limit)\s)"#
        );
        let certain = r#"(?i)^\\*["`\]]?\s+(?:where\s+\(*[\w.`"\[\]]+\s*(?:[=<>]|!=|(?:not\s+)?like\s|(?:not\s+)?in\s*\(|between\s)|set\s+[\w.`"\[\]]+\s*=\s*['"\d?$:@]|(?:\([^()]*\)\s*)?values\s*\()"#;
        Ok(Self {
            values: compile(r#"^SELECT\s+(?:\d|'|\w+\()"#)?,
            upper: compile(&upper)?,
            lower: compile(&lower)?,
            forms: forms.iter().map(|form| compile(form)).collect::<Result<_, _>>()?,
            certain: compile(certain)?,
        })
    }

    /// The literals of the statement that begins at `start`, if one does, and where it ends.
    pub(super) fn at(&self, text: &str, start: usize, froms: &mut Froms, sink: &mut Sink<'_, '_>) -> Option<usize> {
        if before(text, start).is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-')) {
            return None;
        }
        let rest = text.get(start..)?;
        let window = rest.get(..rest.floor_char_boundary(WINDOW))?;
        let is_statement = if window.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select")) {
            self.is_query(text, start, start + window.len(), froms)
        } else {
            self.forms.iter().find_map(|form| form.captures(window)).is_some_and(|found| self.is_meant(&found, window))
        };
        if !is_statement {
            return None;
        }
        let (cuts, end) = literals_of(rest, enclosing(text, start));
        cuts.iter().for_each(|one| cut(text, start, *one, sink));
        Some(bound(text, start + end, sink))
    }

    /// Whether a query begins at `start`.
    fn is_query(&self, text: &str, start: usize, limit: usize, froms: &mut Froms) -> bool {
        const SELECT: usize = 7;
        let window = slice(text, start, limit);
        if self.values.is_match(window) {
            return true;
        }
        let is_upper = window.starts_with("SELECT");
        let mut at = start + SELECT;
        for _ in 0..FROMS {
            let Some(from) = froms.behind(text, at).filter(|from| *from < limit) else { return false };
            let rest = slice(text, from, limit);
            let found = if is_upper { self.upper.captures(rest) } else { None }.or_else(|| self.lower.captures(rest));
            if found.is_some_and(|found| self.is_meant(&found, rest)) {
                return true;
            }
            at = from + 1;
        }
        false
    }

    /// Whether what was found in `text` names a table: `select the items from the list` does not.
    fn is_meant(&self, found: &Captures<'_>, text: &str) -> bool {
        let Some(table) = found.name("table") else { return true };
        let is_article = ARTICLES.iter().any(|word| table.as_str().eq_ignore_ascii_case(word));
        !is_article || self.certain.is_match(slice(text, table.end(), text.len()))
    }
}

/// Where `from` stands in a text, which is asked for in order: so that nothing is looked through twice.
#[derive(Debug, Default)]
pub(super) struct Froms {
    /// Between these two there is none.
    asked: usize,
    next: Option<usize>,
}

impl Froms {
    /// The next one at `at` or behind it, as a word of its own.
    fn behind(&mut self, text: &str, at: usize) -> Option<usize> {
        let is_known = self.asked > 0 && at >= self.asked && self.next.is_none_or(|next| at <= next);
        if !is_known {
            self.asked = at;
            self.next = find(text.as_bytes(), at);
        }
        self.next
    }
}

fn find(text: &[u8], at: usize) -> Option<usize> {
    const WORD: &[u8] = b"from";
    memchr::memchr2_iter(b'f', b'F', text.get(at..)?).map(|offset| at + offset).find(|start| {
        let is_word = text.get(*start..start + WORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(WORD));
        let is_apart = start.checked_sub(1).and_then(|before| text.get(before));
        is_word && is_apart.is_none_or(|before| !before.is_ascii_alphanumeric() && *before != b'_')
    })
}

/// Rows that go on so far are no reason to read on where the statement in front of them has ended, and how far behind its end the lexer
/// may have looked.
const NEAR: usize = 320;
const LOOK_AHEAD: usize = 192;

/// What stands between two rows.
const BETWEEN: [char; 3] = [',', ' ', '\n'];

/// The literals of the statement that a text begins with, and where it ends. Of rows, no more is read than twice what is one's own.
fn literals_of(text: &str, enclosing: Option<Enclosing>) -> (Vec<Piece>, usize) {
    let window = slice(text, 0, text.floor_char_boundary(WINDOW));
    let near = slice(window, 0, window.floor_char_boundary(NEAR));
    let ends_near = rows(near).filter(|rows| rows.len() == near.len() && near.len() < window.len());
    if let Some(found) = ends_near.and_then(|_| sql::embedded_within(window, enclosing, NEAR - LOOK_AHEAD)) {
        return found;
    }
    let mut reach = WINDOW;
    loop {
        let head = slice(text, 0, text.floor_char_boundary(reach));
        let Some(rows) = rows(head) else { return sql::embedded(text, enclosing) };
        let (cuts, end) = sql::embedded(rows, enclosing);
        // Behind a comma there may be one more row.
        let is_whole = !slice(head, rows.len(), head.len()).trim_start_matches(BETWEEN).is_empty();
        if end < rows.len() || is_whole || head.len() == text.len() {
            return (cuts, end);
        }
        reach *= 2;
    }
}

/// The rows of values that a text begins with, if it does: what is behind them may be anything.
fn rows(text: &str) -> Option<&str> {
    let open = text
        .find('(')
        .filter(|open| text.get(..*open).is_some_and(|head| head.trim().eq_ignore_ascii_case("values")))?;
    let mut end = bracket_end(text, open, text.len());
    while let Some(next) = text.get(end..).and_then(|rest| rest.trim_start_matches(BETWEEN).strip_prefix('(')) {
        end = bracket_end(text, text.len() - next.len() - 1, text.len());
    }
    text.get(..end)
}

/// Words that stand before a noun, not for a table.
#[rustfmt::skip]
const ARTICLES: &[&str] = &[
    "the", "a", "an", "this", "that", "these", "those", "your", "our", "my", "its", "their", "all", "each", "any", "it",
];

/// The quote that the text at `start` is in.
fn enclosing(text: &str, start: usize) -> Option<Enclosing> {
    let opened = run_start(text, start, 8, char::is_whitespace);
    let mark = before(text, opened).filter(|char| matches!(char, '"' | '\'' | '`'))?;
    let head = slice(text, 0, opened - 1);
    Some(Enclosing { mark, level: head.len() - head.trim_end_matches('\\').len() })
}

/// A literal without its quotes, or a comment.
pub(super) fn cut(text: &str, offset: usize, cut: Piece, sink: &mut Sink<'_, '_>) {
    let (mut start, mut end) = (offset + cut.from, offset + cut.to);
    let written = slice(text, start, end);
    // The letters before a quote: `E'…'`, `_utf8'…'`.
    let prefix = run_end(written, 0, 8, |char| char.is_alphanumeric() || char == '_');
    let quoted = slice(written, prefix, written.len());
    let mark = quoted.chars().next().filter(|char| matches!(char, '\'' | '"'));
    if let Some(mark) = mark.filter(|mark| quoted.len() > 1 && quoted.ends_with(*mark)) {
        start += prefix + mark.len_utf8();
        end -= mark.len_utf8();
    }
    sink.value(start, end);
}

/// The values that are listed behind a statement that ends at `end`: `[["email", "x"], ["LIMIT", 1]]`, `[ 'x', 3 ]`. In a list of lists of
/// two, the first is the column.
fn bound(text: &str, end: usize, sink: &mut Sink<'_, '_>) -> usize {
    let open = run_end(text, end, 8, |char| matches!(char, ' ' | '"' | ';' | ']' | '\\'));
    if !slice(text, open, open + 1).starts_with('[') || super::is_withheld(text, open) {
        return end;
    }
    let close = bracket_end(text, open, text.len());
    // The code of an error: `[42102-200]`.
    if slice(text, open + 1, close - 1).split('-').filter(|part| part.bytes().all(|byte| byte.is_ascii_digit())).count()
        == 2
    {
        return close;
    }
    let values = literals::values(text, open, close, BareWords::Go);
    let is_list_of_pairs = slice(text, open, open + 2) == "[[";
    for value in values {
        let behind = text.get(value.end..close).unwrap_or_default().trim_start_matches('\\');
        let is_column = is_list_of_pairs
            && behind.starts_with("\", ")
            && text.get(..value.start).is_some_and(|head| head.trim_end_matches(['"', '\\']).ends_with('['));
        if !is_column {
            sink.value(value.start, value.end);
        }
    }
    close
}
