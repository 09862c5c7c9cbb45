//! From words to an expression. Binding, from the loosest: `or`, `and`, `not`, comparisons.

use regex::bytes::Regex;

use super::words::{Word, words};
use super::{Comparison, Expression, Operand, Path};

/// What a condition is about, and so what a path without a context means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sampling) enum Context {
    Span,
    Event,
}

/// Deepest parentheses.
const MAX_DEPTH: usize = 50;

const PATHS: &str = "name, kind, kind.string, status.code, status.message, attributes[\"…\"], trace_state, trace_id.string, \
                     span_id.string, parent_span_id.string, start_time_unix_nano and end_time_unix_nano of span, name and \
                     attributes[\"…\"] of spanevent, name, version and attributes[\"…\"] of scope, attributes[\"…\"] of resource";

/// Parses a condition.
///
/// # Errors
/// What is wrong with it, or not supported, by its name.
pub(in crate::sampling) fn parse(text: &str, context: Context) -> Result<Expression, String> {
    let words = words(text)?;
    let mut parser = Parser { words: &words, context, depth: 0 };
    let expression = parser.any()?;
    match parser.words.first() {
        None => Ok(expression),
        Some(word) => Err(format!("{} is not expected after a condition", shown(word))),
    }
}

struct Parser<'w> {
    words: &'w [Word],
    context: Context,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.take_name("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Or))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.term()?];
        while self.take_name("and") {
            parts.push(self.term()?);
        }
        Ok(one_or(parts, Expression::And))
    }

    fn term(&mut self) -> Result<Expression, String> {
        if self.take_name("not") {
            return Ok(Expression::Not(Box::new(self.plain()?)));
        }
        self.plain()
    }

    fn plain(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(format!("parentheses are nested more than {MAX_DEPTH} deep"));
            }
            let inner = self.any()?;
            self.expect(")")?;
            self.depth -= 1;
            return Ok(inner);
        }
        let left = self.operand()?;
        let comparison = match self.words.first() {
            Some(Word::Sign("==")) => Comparison::Equal,
            Some(Word::Sign("!=")) => Comparison::Unequal,
            Some(Word::Sign("<")) => Comparison::Less,
            Some(Word::Sign("<=")) => Comparison::LessOrEqual,
            Some(Word::Sign(">")) => Comparison::Greater,
            Some(Word::Sign(">=")) => Comparison::GreaterOrEqual,
            _ if matches!(left, Operand::Bool(_) | Operand::IsMatch(..) | Operand::IsRootSpan) => {
                return Ok(Expression::Is(left));
            }
            Some(word) => return Err(format!("a comparison is expected before {}", shown(word))),
            None => return Err("a comparison is expected: a value alone is no condition".to_owned()),
        };
        self.next();
        Ok(Expression::Compare(left, comparison, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.next() {
            Some(Word::Text(text)) => Ok(Operand::Text(text)),
            Some(Word::Int(number)) => Ok(Operand::Int(number)),
            Some(Word::Float(number)) => Ok(Operand::Float(number)),
            Some(Word::Name(name)) => self.named(name),
            Some(word) => Err(format!("{} is not supported where a value is expected", shown(&word))),
            None => Err("a value is expected at the end".to_owned()),
        }
    }

    fn named(&mut self, name: String) -> Result<Operand, String> {
        match name.as_str() {
            "nil" => return Ok(Operand::Nil),
            "true" => return Ok(Operand::Bool(true)),
            "false" => return Ok(Operand::Bool(false)),
            _ => {}
        }
        if self.take("(") {
            return self.function(&name);
        }
        if name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return constant(&name)
                .map(Operand::Int)
                .ok_or_else(|| format!("`{name}` is not a constant that is known"));
        }
        self.path(name).map(Operand::Path)
    }

    fn function(&mut self, name: &str) -> Result<Operand, String> {
        match name {
            "IsRootSpan" if self.context == Context::Event => {
                Err("the function `IsRootSpan` belongs under `span`".to_owned())
            }
            "IsRootSpan" => {
                self.expect(")")?;
                Ok(Operand::IsRootSpan)
            }
            "IsMatch" => {
                let target = self.operand()?;
                self.expect(",")?;
                let Some(Word::Text(pattern)) = self.next() else {
                    return Err("`IsMatch` needs a pattern in quotes".to_owned());
                };
                self.expect(")")?;
                let pattern = Regex::new(&pattern).map_err(|error| {
                    let text = error.to_string();
                    let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    format!("`{pattern}` is not a regular expression: {reason}")
                })?;
                Ok(Operand::IsMatch(Box::new(target), pattern))
            }
            _ => Err(format!("the function `{name}` is not supported; use IsMatch or IsRootSpan")),
        }
    }

    fn path(&mut self, first: String) -> Result<Path, String> {
        let mut names = vec![first];
        while self.take(".") {
            match self.next() {
                Some(Word::Name(name)) => names.push(name),
                _ => return Err(format!("`{}.` is no path", names.join("."))),
            }
        }
        let mut key = None;
        if self.take("[") {
            let Some(Word::Text(text)) = self.next() else {
                return Err(format!("`{}[` needs a key in quotes", names.join(".")));
            };
            key = Some(text);
            self.expect("]")?;
        }
        let written = names.join(".");
        if matches!(self.words.first(), Some(Word::Sign("["))) {
            return Err(format!("`{written}`: a key inside of a value is not supported"));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (context, rest) = match names.as_slice() {
            [context @ ("span" | "spanevent" | "resource" | "scope" | "instrumentation_scope"), rest @ ..]
                if !rest.is_empty() =>
            {
                (*context, rest)
            }
            rest => (if self.context == Context::Span { "span" } else { "spanevent" }, rest),
        };
        let known = match (context, rest, key) {
            ("span", ["attributes"], Some(key)) => Some(Path::Attribute(key)),
            ("resource", ["attributes"], Some(key)) => Some(Path::ResourceAttribute(key)),
            ("scope" | "instrumentation_scope", ["attributes"], Some(key)) => Some(Path::ScopeAttribute(key)),
            ("spanevent", ["attributes"], Some(key)) => Some(Path::EventAttribute(key)),
            (_, _, Some(_)) => None,
            ("span", rest, None) => of_span(rest),
            ("scope" | "instrumentation_scope", ["name"], None) => Some(Path::ScopeName),
            ("scope" | "instrumentation_scope", ["version"], None) => Some(Path::ScopeVersion),
            ("spanevent", ["name"], None) => Some(Path::EventName),
            _ => None,
        };
        let known = known.ok_or_else(|| format!("the path `{written}` is not supported; known are {PATHS}"))?;
        if self.context == Context::Span && matches!(known, Path::EventName | Path::EventAttribute(_)) {
            return Err(format!("the path `{written}` belongs under `spanevent`"));
        }
        Ok(known)
    }

    fn next(&mut self) -> Option<Word> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.words.first(), Some(Word::Sign(found)) if *found == sign);
        if found {
            self.next();
        }
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.words.first(), Some(Word::Name(found)) if found == name);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) {
            return Ok(());
        }
        let found = self.words.first().map_or_else(|| "the end".to_owned(), shown);
        Err(format!("`{sign}` is expected before {found}"))
    }
}

fn of_span(rest: &[&str]) -> Option<Path> {
    Some(match rest {
        ["name"] => Path::Name,
        ["kind"] => Path::Kind,
        ["kind", "string"] => Path::KindText,
        ["status", "code"] => Path::StatusCode,
        ["status", "message"] => Path::StatusMessage,
        ["trace_state"] => Path::TraceState,
        ["trace_id", "string"] => Path::TraceId,
        ["span_id", "string"] => Path::SpanId,
        ["parent_span_id", "string"] => Path::ParentSpanId,
        ["start_time_unix_nano"] => Path::Start,
        ["end_time_unix_nano"] => Path::End,
        _ => return None,
    })
}

fn constant(name: &str) -> Option<i64> {
    Some(match name {
        "STATUS_CODE_UNSET" | "SPAN_KIND_UNSPECIFIED" => 0,
        "STATUS_CODE_OK" | "SPAN_KIND_INTERNAL" => 1,
        "STATUS_CODE_ERROR" | "SPAN_KIND_SERVER" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => return None,
    })
}

fn one_or(mut parts: Vec<Expression>, join: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    join(parts)
}

fn shown(word: &Word) -> String {
    match word {
        Word::Name(name) => format!("`{name}`"),
        Word::Text(text) => format!("`\"{text}\"`"),
        Word::Int(number) => format!("`{number}`"),
        Word::Float(number) => format!("`{number}`"),
        Word::Sign(sign) => format!("`{sign}`"),
    }
}
