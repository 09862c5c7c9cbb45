//! Database statements without their literals: the shape stays, the values go.
//!
//! SQL is lexed ([`sql`]), statements in JSON lose the values of their leaves, those in the notation of a shell ([`literals`]) their
//! literals, commands of key-value stores their arguments.

use serde_json::Value;

use super::edits::Piece;
use super::literals::{self, BareWords};
use super::sql::{self, Dialect, PLACE};

/// The system of a document of GraphQL.
pub(crate) const GRAPHQL: &str = "graphql";

/// The statement without its literals and comments, and what stands for what: `start..end` of it for `from..to` of `text`. One that
/// is not lexed by position (JSON, commands) is one cut if it changed. `system` is the value of `db.system.name`.
pub(crate) fn cut_literals(text: &str, system: Option<&str>) -> (String, Vec<Piece>) {
    let whole = |stripped: String, count: u64| {
        let piece = Piece { start: 0, end: stripped.len(), from: 0, to: text.len() };
        (stripped, if count > 0 { vec![piece] } else { Vec::new() })
    };
    // Strings and comments of GraphQL are written as those of MySQL.
    if system == Some(GRAPHQL) {
        return sql::without_literals(text, Dialect::MySql);
    }
    let trimmed = text.trim_start();
    if let Some((stripped, count)) = documents(trimmed) {
        return if count > 0 { whole(stripped, count) } else { (text.to_owned(), Vec::new()) };
    }
    if is_notation(trimmed) {
        return notation(text);
    }
    match system {
        Some("redis" | "memcached" | "valkey" | "keydb") => {
            let (stripped, count) = commands(text);
            whole(stripped, count)
        }
        _ => sql::without_literals(text, dialect(system)),
    }
}

fn dialect(system: Option<&str>) -> Dialect {
    match system {
        Some("mysql" | "mariadb" | "tidb") => Dialect::MySql,
        Some(
            "postgresql"
            | "cockroachdb"
            | "redshift"
            | "aws.redshift"
            | "microsoft.sql_server"
            | "mssql"
            | "oracle"
            | "oracle.db"
            | "h2database"
            | "h2"
            | "hsqldb"
            | "db2"
            | "ibm.db2"
            | "derby"
            | "firebirdsql",
        ) => Dialect::Standard,
        _ => Dialect::Unknown,
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

/// Whether a statement is written as objects of a shell or in GraphQL: `db.users.find({email: "x"})`, `query { user(id: 1) { name } }`.
fn is_notation(text: &str) -> bool {
    let word = text.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
    match word {
        "" => text.starts_with(['{', '[']),
        "db" => text.starts_with("db."),
        "query" | "mutation" | "subscription" | "fragment" => text.contains('{'),
        _ => false,
    }
}

fn notation(text: &str) -> (String, Vec<Piece>) {
    let mut out = String::with_capacity(text.len());
    let mut cuts = Vec::new();
    let mut at = 0;
    for literal in literals::values(text, 0, text.len(), BareWords::Stay) {
        if literal.of(text) == PLACE.to_string() {
            continue;
        }
        out.push_str(text.get(at..literal.start).unwrap_or_default());
        cuts.push(Piece { start: out.len(), end: out.len() + PLACE.len_utf8(), from: literal.start, to: literal.end });
        out.push(PLACE);
        at = literal.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out, cuts)
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
