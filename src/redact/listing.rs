//! The keys, for people: what each is defined to hold, and what becomes of it.

use serde::Serialize;

use super::keys::{KeyClass, name_patterns};
use super::registry::{self, Row, Template};

/// A key, or a pattern of keys, and what becomes of its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyRow {
    /// The key. `<key>` stands for any end, `~` opens a regex over the words of a name (`customerName` is `customer_name`).
    pub key: String,
    /// `identifier`, `secret`, `content` or `metadata`; `by name` where the end of the key decides.
    pub class: String,
    /// The class of the token that the value becomes, `withheld`, or what kind of text it is read as.
    pub becomes: &'static str,
    /// Who defines the key.
    pub source: String,
}

/// Every key and pattern of this version, by key.
#[must_use]
pub fn keys() -> Vec<KeyRow> {
    let rows = registry::rows().map(|row| {
        let source = source(&row);
        match row {
            Row::Attribute(key, class) | Row::Retired(key, class) => of(key.to_owned(), class, source),
            Row::Header(name, class) => of(format!("http.request.header.{name}"), class, source),
            Row::Template(prefix, template) => {
                let becomes = match template {
                    Template::Header => "by header",
                    Template::Variable => "by variable",
                    Template::Entry | Template::Label => "by name, else text",
                    Template::Parameter => "by name, else withheld",
                };
                KeyRow { key: format!("{prefix}<key>"), class: "by name".to_owned(), becomes, source }
            }
            Row::Namespace(prefix) => of(format!("{prefix}<key>"), KeyClass::Metadata, source),
        }
    });
    let patterns =
        name_patterns().map(|(pattern, class)| of(format!("~{pattern}"), class, "names of this version".to_owned()));
    let mut rows: Vec<KeyRow> = rows.chain(patterns).collect();
    rows.sort_unstable();
    rows
}

fn of(key: String, class: KeyClass, source: String) -> KeyRow {
    let becomes = match class {
        KeyClass::Blocked | KeyClass::Literal | KeyClass::Unknown => "withheld",
        KeyClass::Url => "url or form",
        KeyClass::Statement | KeyClass::Graphql => "statement",
        KeyClass::Arguments => "arguments",
        _ => class.token().map_or("text", |class| class.name()),
    };
    let class = class.field().map(|field| field.to_string()).unwrap_or_default();
    KeyRow { key, class, becomes, source }
}

fn source(row: &Row) -> String {
    match row {
        Row::Attribute(key, _) | Row::Template(key, _) => {
            let page = key.split('.').next().unwrap_or_default().replace('_', "-");
            format!("https://opentelemetry.io/docs/specs/semconv/registry/attributes/{page}/")
        }
        Row::Retired(..) => "earlier semantic conventions, OpenTracing".to_owned(),
        Row::Header(..) => "RFC 9110, IANA HTTP fields, tracing and proxies".to_owned(),
        Row::Namespace(_) => "namespaces of this version".to_owned(),
    }
}
