//! SQL without its literals, lexed by ISO/IEC 9075-2 §5.3 with the quoting of PostgreSQL, MySQL, SQL Server and Oracle.
//!
//! A statement may stand alone or inside a message, where it ends with the quote or bracket that it stands in, or where prose begins.
//! What cannot be lexed to its end is cut from there on.

mod words;

pub(crate) use self::words::is_keyword;
use self::words::{ends_before_table, ends_with_function, goes_on, opens_list, word};
use super::edits::Piece;

/// Most digits of a placeholder that is a number.
const MAX_PLACE: usize = 4;

/// Longest name (PostgreSQL: 63 bytes, MySQL: 64 characters, SQL Server and Oracle: 128).
const MAX_IDENTIFIER: usize = 128;

/// What stands for a literal.
pub(crate) const PLACE: char = '?';

/// So many words in a row that are no words of SQL are prose: a name has one alias.
const PROSE: usize = 3;

/// Whose SQL a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A double quote opens a string everywhere, and `#` a comment.
    MySql,
    /// A double quote opens a name, and `#` is an operator or a part of a name.
    Standard,
    /// Either, by what stands around it.
    Unknown,
}

/// The statement with [`PLACE`] for each literal and without comments, and what stands for what.
pub(crate) fn without_literals(text: &str, dialect: Dialect) -> (String, Vec<Piece>) {
    let mut lexer = Lexer::new(text, dialect);
    while let Some(char) = lexer.rest.chars().next() {
        lexer.step(char);
    }
    (lexer.out, lexer.cuts)
}

/// The quote that a statement inside a text stands in, and how many backslashes stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enclosing {
    pub(crate) mark: char,
    pub(crate) level: usize,
}

/// The literals of a statement that begins a text and ends somewhere in it, and where it ends.
pub(crate) fn embedded(text: &str, enclosing: Option<Enclosing>) -> (Vec<Piece>, usize) {
    embedded_within(text, enclosing, text.len()).unwrap_or_default()
}

/// The same of a statement that ends within the first `most` bytes; `None` if it goes on.
pub(crate) fn embedded_within(text: &str, enclosing: Option<Enclosing>, most: usize) -> Option<(Vec<Piece>, usize)> {
    let mut lexer = Lexer::new(text, Dialect::Unknown);
    lexer.prose = Some(Prose::default());
    while let Some(char) = lexer.rest.chars().next().filter(|_| lexer.at() <= most) {
        match enclosing.filter(|enclosing| enclosing.mark == char) {
            // A quote inside quotes of its kind is doubled.
            Some(_) if char == '\'' && lexer.rest.starts_with("''") => {
                let end = lexer.rest.get(2..).and_then(|body| body.find("''")).map_or(lexer.rest.len(), |end| end + 4);
                lexer.literal();
                lexer.skip(end);
                continue;
            }
            Some(enclosing) if lexer.backslashes() <= enclosing.level => break,
            _ if lexer.ends_at(char) => break,
            _ => {}
        }
        lexer.step(char);
    }
    let end = lexer.at() - lexer.backslashes();
    (lexer.at() <= most).then_some((lexer.cuts, end))
}

struct Lexer<'t> {
    text: &'t str,
    rest: &'t str,
    out: String,
    cuts: Vec<Piece>,
    /// Whether what came before (an operator, `LIKE`) calls for a value, so that a double quote opens one (MySQL).
    expects_value: bool,
    /// For each open parenthesis, whether it encloses a list of values.
    in_list: Vec<bool>,
    dialect: Dialect,
    /// Whether a name of a table stands in double quotes, so that none of them opens a string.
    has_quoted_names: bool,
    /// Whether names stand in backquotes, so that a bare word where a value belongs is one (Laravel writes values so).
    has_backquotes: bool,
    /// Looks for the end of a statement inside a message.
    prose: Option<Prose>,
}

/// What tells that a statement inside a message has ended.
#[derive(Debug, Default)]
struct Prose {
    /// Words in a row that are no words of SQL.
    words: usize,
    /// Open square brackets.
    brackets: usize,
    /// Whether the last thing was a literal.
    after_literal: bool,
    /// Whether a clause has begun in which a literal has no alias.
    in_clause: bool,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t str, dialect: Dialect) -> Self {
        Self {
            text,
            rest: text,
            out: String::with_capacity(text.len().min(512)),
            cuts: Vec::new(),
            expects_value: false,
            in_list: Vec::new(),
            dialect,
            has_quoted_names: false,
            has_backquotes: false,
            prose: None,
        }
    }

    /// How much has been read.
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Whether double quotes open strings: names in backquotes are those of MySQL.
    fn is_mysql(&self) -> bool {
        self.dialect == Dialect::MySql || self.dialect == Dialect::Unknown && self.has_backquotes
    }

    /// Whether a `#` opens a comment, and is no operator (`#>`, `#-`) or temporary table (`FROM #t`).
    fn opens_comment(&self) -> bool {
        let next = self.rest.chars().nth(1);
        match self.dialect {
            Dialect::MySql => true,
            _ if self.rest.starts_with("# ") => true,
            Dialect::Standard => false,
            Dialect::Unknown => {
                next.is_some_and(|next| !matches!(next, '>' | '-' | '#' | '=')) && !ends_before_table(&self.out)
            }
        }
    }

    /// How many backslashes stand before what comes next.
    fn backslashes(&self) -> usize {
        self.out.len() - self.out.trim_end_matches('\\').len()
    }

    /// Whether a statement inside a message has ended before `char`.
    fn ends_at(&mut self, char: char) -> bool {
        let is_top = self.in_list.is_empty();
        let Some(prose) = &mut self.prose else { return false };
        match char {
            ')' => is_top,
            ';' => is_top,
            // A list behind the statement: what was bound to it. The names of SQL Server and the indices of arrays have other neighbours.
            '[' if self.out.ends_with(char::is_whitespace) && self.rest.get(1..).is_some_and(opens_list) => true,
            '[' => {
                prose.brackets += 1;
                false
            }
            ']' if prose.brackets == 0 => true,
            ']' => {
                prose.brackets -= 1;
                false
            }
            ':' => is_top && self.rest.starts_with(": "),
            // The quote that closes what the statement is in.
            '"' => {
                is_top
                    && self
                        .rest
                        .get(1..)
                        .is_none_or(|rest| rest.is_empty() || rest.starts_with([',', ';', ')', ']', '}', ' ', '\n']))
            }
            // `… VALUES ('x') - Duplicate entry`
            '-' if is_top => {
                let next = self.rest.strip_prefix("- ").unwrap_or_default();
                next.starts_with(char::is_uppercase) && next.chars().nth(1).is_some_and(char::is_lowercase)
            }
            '\n' if is_top => !goes_on(&self.out, self.rest),
            char if char.is_alphabetic() => {
                let word = word(self.rest);
                if is_keyword(word) {
                    prose.words = 0;
                    prose.in_clause |=
                        ["WHERE", "VALUES", "SET", "LIMIT"].iter().any(|clause| word.eq_ignore_ascii_case(clause));
                    prose.after_literal = false;
                    return false;
                }
                let is_prose = is_top && prose.after_literal && prose.in_clause && self.out.ends_with([' ', ','])
                    || is_top && prose.words + 1 >= PROSE;
                prose.words += 1;
                prose.after_literal = false;
                is_prose
            }
            char if char.is_whitespace() => false,
            _ => {
                prose.words = 0;
                prose.after_literal = false;
                false
            }
        }
    }

    fn step(&mut self, char: char) {
        match char {
            '\'' => self.quoted('\''),
            '\\' if self.prose.is_some() && self.rest.starts_with("\\\"") => self.escaped(),
            '"' if self.expects_value || self.is_mysql() || !self.is_name() => self.quoted('"'),
            '"' => {
                self.has_quoted_names |= ends_before_table(&self.out);
                self.identifier('"');
            }
            '`' => {
                self.has_backquotes = true;
                self.identifier('`');
            }
            '-' if self.rest.starts_with("--") => self.skip_line(),
            '#' if self.opens_comment() => self.skip_line(),
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
                let is_unknown = self.dialect == Dialect::Unknown && !self.has_quoted_names;
                self.expects_value |= is_unknown && ends_with_function(&self.out);
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
            char if char.is_ascii_digit() && self.has_backquotes && self.expects_value => self.bare(),
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
        // `'O'Brien'`: what is behind the quote was meant to be before it.
        if mark == '\'' && self.rest.starts_with(char::is_alphanumeric) {
            self.skip(self.rest.len());
        }
    }

    /// Quotes with a backslash: the statement is in a string itself.
    fn escaped(&mut self) {
        let body = self.rest.get(2..).unwrap_or_default();
        let end = body.find("\\\"").unwrap_or(body.len());
        let is_name = body.get(..end).is_some_and(|name| {
            name.len() <= MAX_IDENTIFIER
                && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '$' | '.'))
        });
        if is_name && !self.expects_value {
            self.copy(end + 4);
        } else {
            self.literal();
            self.skip(end + 4);
        }
        self.expects_value = false;
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
        let end = word(self.rest).len();
        let word = word(self.rest).to_ascii_uppercase();
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
        if self.is_bare_value(&word, next) {
            return self.bare();
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

    /// Whether a word is a value without its quotes: where all names have quotes of their own.
    fn is_bare_value(&self, word: &str, next: Option<char>) -> bool {
        self.has_backquotes && self.expects_value && !is_keyword(word) && !matches!(next, Some('(' | '.'))
    }

    fn bare(&mut self) {
        let end = self.bare_end();
        self.literal();
        self.skip(end);
    }

    /// Where a value without quotes ends: before a comma, a bracket that closes or the next word of SQL.
    fn bare_end(&self) -> usize {
        let mut end = 0;
        for part in self.rest.split_inclusive([' ', ',', ')', '\n']) {
            if end > 0 && is_keyword(word(part)) {
                break;
            }
            end += part.len();
            if part.ends_with([',', ')', '\n']) {
                end -= 1;
                break;
            }
        }
        self.rest.get(..end).unwrap_or_default().trim_end().len()
    }

    fn after_name(&self) -> bool {
        self.out.chars().next_back().is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '"' | '`' | ']'))
    }

    fn literal(&mut self) {
        let start = self.out.len();
        self.out.push(PLACE);
        let from = self.at();
        match self.cuts.last_mut() {
            // The letter before its quote is gone already.
            Some(cut) if cut.to == from && cut.start == start => cut.end = self.out.len(),
            _ => self.cuts.push(Piece { start, end: self.out.len(), from, to: from }),
        }
        self.expects_value = false;
        if let Some(prose) = &mut self.prose {
            prose.after_literal = true;
        }
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
        let from = self.at();
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        let to = self.at();
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
