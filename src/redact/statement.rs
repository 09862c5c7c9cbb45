//! Database statements without their literals: the shape stays, the values go.
//!
//! SQL is lexed (ISO/IEC 9075-2 §5.3 with the quoting of PostgreSQL, MySQL, SQL Server and Oracle), statements in JSON lose the values
//! of their leaves, commands of key-value stores their arguments. What cannot be lexed to its end is cut from there on.

use serde_json::Value;

use super::detect::Piece;

/// Most digits of a placeholder that is a number.
const MAX_PLACE: usize = 4;

/// Longest name (PostgreSQL: 63 bytes, MySQL: 64 characters, SQL Server and Oracle: 128).
const MAX_IDENTIFIER: usize = 128;

/// What stands for a literal.
const PLACE: char = '?';

/// The statement, and how many literals it had. `system` is the value of `db.system.name`.
pub(crate) fn without_literals(text: &str, system: Option<&str>) -> (String, u64) {
    let (stripped, cuts) = cut_literals(text, system);
    (stripped, cuts.len() as u64)
}

/// The statement without its literals and comments, and what stands for what: `start..end` of it for `from..to` of `text`. One that
/// is not lexed by position (JSON, commands) is one cut if it changed.
pub(crate) fn cut_literals(text: &str, system: Option<&str>) -> (String, Vec<Piece>) {
    let whole = |stripped: String, count: u64| {
        let piece = Piece { start: 0, end: stripped.len(), from: 0, to: text.len() };
        (stripped, if count > 0 { vec![piece] } else { Vec::new() })
    };
    let trimmed = text.trim_start();
    if let Some((stripped, count)) = documents(trimmed) {
        return if count > 0 { whole(stripped, count) } else { (text.to_owned(), Vec::new()) };
    }
    match system {
        Some("redis" | "memcached" | "valkey" | "keydb") => {
            let (stripped, count) = commands(text);
            whole(stripped, count)
        }
        _ => sql(text, matches!(system, Some("mysql" | "mariadb" | "tidb"))),
    }
}

/// A JSON document, or several: bulk requests of search engines.
fn documents(text: &str) -> Option<(String, u64)> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut count = 0;
    let mut documents = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let mut document = document.ok()?;
        blank(&mut document, &mut count);
        documents.push(document.to_string());
    }
    Some((documents.join("\n"), count))
}

fn blank(value: &mut Value, count: &mut u64) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| blank(value, count)),
        Value::Array(items) => items.iter_mut().for_each(|item| blank(item, count)),
        Value::Null => {}
        Value::String(text) if text.len() == 1 && text.starts_with(PLACE) => {}
        other => {
            *other = Value::String(PLACE.to_string());
            *count += 1;
        }
    }
}

/// The first word of each line is the command.
fn commands(text: &str) -> (String, u64) {
    let mut count = 0;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut out = words.next().unwrap_or_default().to_owned();
            for word in words {
                count += u64::from(word.len() != 1 || !word.starts_with(PLACE));
                out.push(' ');
                out.push(PLACE);
            }
            out
        })
        .collect();
    (lines.join("\n"), count)
}

/// Lexes SQL and writes it again with [`PLACE`] for each literal; comments go.
fn sql(text: &str, is_mysql: bool) -> (String, Vec<Piece>) {
    let mut lexer = Lexer {
        rest: text,
        out: String::with_capacity(text.len()),
        length: text.len(),
        cuts: Vec::new(),
        expects_value: false,
        in_list: Vec::new(),
        is_mysql,
    };
    while let Some(char) = lexer.rest.chars().next() {
        lexer.step(char);
    }
    (lexer.out, lexer.cuts)
}

struct Lexer<'t> {
    rest: &'t str,
    out: String,
    /// Length of the whole statement.
    length: usize,
    cuts: Vec<Piece>,
    /// Whether what came before (an operator, `LIKE`) calls for a value, so that a double quote opens one (MySQL).
    expects_value: bool,
    /// For each open parenthesis, whether it encloses a list of values.
    in_list: Vec<bool>,
    /// In MySQL a double quote opens a string everywhere, and `#` a comment.
    is_mysql: bool,
}

impl<'t> Lexer<'t> {
    fn step(&mut self, char: char) {
        match char {
            '\'' => self.quoted('\''),
            '"' if self.expects_value || self.is_mysql || !self.is_name() => self.quoted('"'),
            '"' => self.identifier('"'),
            '`' => self.identifier('`'),
            '-' if self.rest.starts_with("--") => self.skip_line(),
            '#' if self.is_mysql || self.rest.starts_with("# ") => self.skip_line(),
            '/' if self.rest.starts_with("/*") => {
                let end = self.rest.find("*/").map_or(self.rest.len(), |end| end + 2);
                self.skip(end);
                self.out.push(' ');
                if let Some(cut) = self.cuts.last_mut() {
                    cut.end += 1;
                }
            }
            '$' => self.dollar(),
            ':' | '@' | '%' => self.placeholder(char),
            '(' => {
                self.in_list.push(self.expects_value);
                self.copy(1);
            }
            ')' => {
                self.in_list.pop();
                self.copy(1);
                self.expects_value = false;
            }
            ',' => {
                self.copy(1);
                self.expects_value = self.in_list.last().copied().unwrap_or(false);
            }
            '=' | '<' | '>' | '!' | '~' | '|' | '+' | '*' | '/' => {
                self.copy(char.len_utf8());
                self.expects_value = true;
            }
            char if char.is_whitespace() => self.copy(char.len_utf8()),
            char if char.is_ascii_digit() => self.number(),
            '.' if self.rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit()) && !self.after_name() => {
                self.number()
            }
            char if char.is_alphabetic() || char == '_' => self.word(),
            char => {
                self.copy(char.len_utf8());
                self.expects_value = false;
            }
        }
    }

    /// A string: a doubled quote stays inside, and so does one behind a backslash (MySQL, and `E'…'`). Standard SQL has no such escape;
    /// where the two readings differ the statement is cut, because one of them would show a literal.
    fn quoted(&mut self, mark: char) {
        let body = self.rest.get(1..).unwrap_or_default();
        let plain = string_end(body, mark, false);
        let escaped = string_end(body, mark, true);
        self.literal();
        match (plain, escaped) {
            (Some(plain), Some(escaped)) if plain == escaped => self.skip(1 + plain),
            (None, Some(escaped)) => self.skip(1 + escaped),
            _ => self.skip(self.rest.len()),
        }
    }

    /// Whether what is in double quotes may be the name of a table or column.
    fn is_name(&self) -> bool {
        let body = self.rest.get(1..).unwrap_or_default();
        let name = body.find('"').and_then(|end| body.get(..end)).unwrap_or_default();
        name.len() <= MAX_IDENTIFIER
            && name.starts_with(|char: char| char.is_alphabetic() || matches!(char, '_' | '#' | '$'))
            && name
                .chars()
                .all(|char| char.is_alphanumeric() || matches!(char, '_' | '#' | '$' | '.' | '-' | ' ' | ':'))
    }

    fn identifier(&mut self, mark: char) {
        let end = self.rest.get(1..).and_then(|body| string_end(body, mark, false));
        match end {
            Some(end) => self.copy(1 + end),
            None => {
                self.literal();
                self.skip(self.rest.len());
            }
        }
        self.expects_value = false;
    }

    /// `$1` is a placeholder, `$tag$ … $tag$` a string (PostgreSQL).
    fn dollar(&mut self) {
        let tag = self.rest.get(1..).and_then(|rest| rest.split_once('$')).map(|(tag, _)| tag);
        let is_tag = |tag: &&str| {
            tag.chars().all(|char| char.is_alphanumeric() || char == '_')
                && !tag.starts_with(|char: char| char.is_ascii_digit())
        };
        if let Some(tag) = tag.filter(is_tag) {
            let delimiter = format!("${tag}$");
            let body = self.rest.get(delimiter.len()..).unwrap_or_default();
            let end = body.find(&delimiter).map_or(self.rest.len(), |end| end + 2 * delimiter.len());
            self.literal();
            self.skip(end);
        } else {
            self.placeholder('$');
        }
    }

    /// `:name`, `@p1`, `%s`, `%(name)s`: names of values.
    fn placeholder(&mut self, mark: char) {
        let is_behind_name = self.after_name();
        self.copy(mark.len_utf8());
        let end = self
            .rest
            .find(|char: char| !(char.is_alphanumeric() || matches!(char, '_' | ':' | '@')))
            .unwrap_or(self.rest.len());
        // A number is one by its place (`:1`); a long one is a literal, and so is the rest of one
        // that was percent-encoded (`4111%20…`).
        let is_literal = self.rest.starts_with(|char: char| char.is_ascii_digit())
            && (mark == '%' && !is_behind_name || end > MAX_PLACE && mark != '%');
        if !is_literal {
            self.copy(end);
        }
        self.expects_value = false;
    }

    fn number(&mut self) {
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '.' | '_');
        let mut end = self.rest.find(|char: char| !is_part(char)).unwrap_or(self.rest.len());
        // The sign of an exponent.
        if self.rest.get(..end).is_some_and(|number| number.ends_with(['e', 'E']) && !number.starts_with("0x"))
            && self.rest.get(end..).is_some_and(|rest| rest.starts_with(['+', '-']))
        {
            let digits = self.rest.get(end + 1..).unwrap_or_default();
            end += 1 + digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
        }
        self.literal();
        self.skip(end);
    }

    fn word(&mut self) {
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$' | '#');
        let end = self.rest.find(|char: char| !is_part(char)).unwrap_or(self.rest.len());
        let word = self.rest.get(..end).unwrap_or_default().to_ascii_uppercase();
        let next = self.rest.get(end..).and_then(|rest| rest.chars().next());
        let mark = match (word.as_str(), next) {
            ("E" | "N" | "B" | "X" | "U" | "R" | "Q" | "_UTF8" | "_LATIN1" | "_BINARY", Some('\'')) => Some('\''),
            // BigQuery's raw strings and bytes.
            ("R" | "B" | "RB" | "BR", Some('"')) => Some('"'),
            _ => None,
        };
        if let Some(mark) = mark {
            // Oracle's `q'[…]'` has quotes of its own kind.
            if word == "Q" {
                self.literal();
                self.skip(self.rest.len());
                return;
            }
            self.skip(end);
            self.quoted(mark);
            return;
        }
        self.copy(end);
        self.expects_value = matches!(
            word.as_str(),
            "LIKE"
                | "ILIKE"
                | "RLIKE"
                | "REGEXP"
                | "IN"
                | "VALUES"
                | "VALUE"
                | "BETWEEN"
                | "THEN"
                | "ELSE"
                | "IS"
                | "ESCAPE"
                | "RETURN"
                | "MATCH"
                | "AGAINST"
        );
    }

    fn after_name(&self) -> bool {
        self.out.chars().next_back().is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '"' | '`' | ']'))
    }

    fn literal(&mut self) {
        let start = self.out.len();
        self.out.push(PLACE);
        let from = self.length - self.rest.len();
        match self.cuts.last_mut() {
            // The letter before its quote is gone already.
            Some(cut) if cut.to == from && cut.start == start => cut.end = self.out.len(),
            _ => self.cuts.push(Piece { start, end: self.out.len(), from, to: from }),
        }
        self.expects_value = false;
    }

    fn skip_line(&mut self) {
        self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
    }

    fn copy(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.out.push_str(taken);
        self.rest = rest;
    }

    fn skip(&mut self, bytes: usize) {
        let from = self.length - self.rest.len();
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        let to = self.length - self.rest.len();
        match self.cuts.last_mut() {
            // What a literal stands for, with the letter before its quote.
            Some(cut) if cut.to == from => cut.to = to,
            _ => self.cuts.push(Piece { start: self.out.len(), end: self.out.len(), from, to }),
        }
    }
}

/// Where a string ends, past its closing quote; `None` if it does not.
fn string_end(body: &str, mark: char, backslash: bool) -> Option<usize> {
    let mut chars = body.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if backslash && char == '\\' {
            chars.next();
        } else if char == mark {
            if chars.peek().is_some_and(|(_, next)| *next == mark) {
                chars.next();
            } else {
                return Some(at + mark.len_utf8());
            }
        }
    }
    None
}
