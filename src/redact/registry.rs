//! The attributes of the OpenTelemetry semantic conventions, and the headers that requests carry, each with a class.
//!
//! The table ([`attributes`]) is the conventions' attribute registry, judged by what an attribute is defined to hold:
//!
//! | field class | holds | becomes |
//! |---|---|---|
//! | identifier | who somebody is, what of a person it is, an id that could be used or followed | a token of the whole |
//! | secret | what opens something; values that were taken out of a statement | withheld |
//! | content | anybody's text: messages, URLs, statements, addresses, names of files | what detectors find goes |
//! | metadata | enumerations, numbers, versions, names of parts of the system | the same: somebody may have put anything there |

mod attributes;

use std::fmt;

use self::attributes::{ATTRIBUTES, HEADERS, RETIRED, TEMPLATES};
use super::token::Class;

/// What to do with the value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyClass {
    /// The user wants it as it is.
    Raw,
    /// It names a part of the system or measures it: detectors run.
    Metadata,
    /// Text of anybody's, or allowed: detectors run.
    Content,
    /// A URL, path, query, form or baggage: detectors run, parameters are judged by their names.
    Url,
    /// A database statement: its literals go.
    Statement,
    /// A GraphQL document: its literals go.
    Graphql,
    /// A command line, or its arguments one by one: what stands behind a flag is judged by the flag.
    Arguments,
    /// Who somebody is: a token of the whole.
    User,
    /// What somebody is called: a token of the whole.
    Name,
    /// Something else of a person: a token of the whole.
    Personal(Class),
    /// A number of the health system: a token of the whole.
    Health,
    /// An id that could be used or followed: a token of the whole.
    Opaque,
    /// A key that tells a secret.
    Blocked,
    /// A value that was taken out of a database statement or request.
    Literal,
    /// A key that nobody has classed.
    Unknown,
}

/// What an attribute holds, in the words of the configuration and of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Identifier,
    Secret,
    Content,
    Metadata,
}

impl KeyClass {
    /// The class of the field; `None` where nobody has classed the key.
    pub(crate) fn field(self) -> Option<Field> {
        match self {
            Self::User | Self::Name | Self::Personal(_) | Self::Health | Self::Opaque => Some(Field::Identifier),
            Self::Blocked | Self::Literal => Some(Field::Secret),
            Self::Content | Self::Url | Self::Statement | Self::Graphql | Self::Arguments => Some(Field::Content),
            Self::Metadata => Some(Field::Metadata),
            Self::Raw | Self::Unknown => None,
        }
    }

    /// How much of a value may stay: nothing (0), what detectors leave (1), all (2).
    pub(crate) fn openness(self) -> u8 {
        match (self, self.field()) {
            (Self::Raw, _) => 2,
            (_, Some(Field::Content | Field::Metadata)) => 1,
            _ => 0,
        }
    }

    /// The name of the rule that replaces the whole value, for remarks.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::User => "user_key",
            Self::Name => "name_key",
            Self::Personal(_) => "personal_key",
            Self::Health => "health_key",
            Self::Opaque => "opaque_key",
            Self::Literal => "statement_literal",
            Self::Unknown => "unknown_key",
            Self::Blocked => "blocked_key",
            _ => "withheld_class",
        }
    }

    /// The class of the token that the whole value becomes.
    pub(crate) fn token(self) -> Option<Class> {
        match self {
            Self::User => Some(Class::User),
            Self::Name => Some(Class::Name),
            Self::Personal(class) => Some(class),
            Self::Health => Some(Class::Health),
            Self::Opaque => Some(Class::Opaque),
            _ => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identifier => "identifier",
            Self::Secret => "secret",
            Self::Content => "content",
            Self::Metadata => "metadata",
        })
    }
}

/// How the made-up end of a key is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    /// The name of a header or of RPC metadata.
    Header,
    /// The name of an environment variable.
    Variable,
    /// A label or annotation: metadata, unless its name tells more.
    Label,
    /// An entry of the baggage, which the program named: content, unless its name tells more.
    Entry,
    /// A parameter of a statement: withheld, unless its name tells of which kind a token may be.
    Parameter,
}

/// Namespaces of the system's own parts, for keys that are younger than the table: metadata, unless their names tell more.
const NAMESPACES: &[&str] = &[
    "android.",
    "artifact.",
    "aspnetcore.",
    "aws.ecs.",
    "aws.eks.",
    "aws.lambda.",
    "aws.log.",
    "az.",
    "azure.",
    "cassandra.",
    "cicd.",
    "cloud.",
    "cloudfoundry.",
    "code.",
    "container.",
    "cpu.",
    "cpython.",
    "db.client.",
    "db.response.",
    "deployment.",
    "disk.",
    "dotnet.",
    "elasticsearch.",
    "gcp.",
    "gen_ai.request.",
    "gen_ai.usage.",
    "go.",
    "heroku.",
    "host.cpu.",
    "host.image.",
    "hw.",
    "ios.",
    "jvm.",
    "k8s.",
    "linux.",
    "mainframe.",
    "network.carrier.",
    "network.connection.",
    "network.protocol.",
    "nfs.",
    "nodejs.",
    "oci.",
    "onc_rpc.",
    "openshift.",
    "oracle_cloud.",
    "os.",
    "otel.",
    "pprof.",
    "process.executable.",
    "process.runtime.",
    "profile.",
    "rpc.",
    "service.",
    "signalr.",
    "system.",
    "telemetry.",
    "test.",
    "thread.",
    "tls.protocol.",
    "user_agent.",
    "v8js.",
    "vcs.",
    "webengine.",
    "zos.",
];

/// A row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Attribute(&'static str, KeyClass),
    Retired(&'static str, KeyClass),
    Header(&'static str, KeyClass),
    Template(&'static str, Template),
    Namespace(&'static str),
}

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = Row> {
    let attributes = ATTRIBUTES.iter().map(|(key, class)| Row::Attribute(key, *class));
    let retired = RETIRED.iter().map(|(key, class)| Row::Retired(key, *class));
    let headers = HEADERS.iter().map(|(name, class)| Row::Header(name, *class));
    let templates = TEMPLATES.iter().map(|(prefix, template)| Row::Template(prefix, *template));
    attributes
        .chain(retired)
        .chain(headers)
        .chain(templates)
        .chain(NAMESPACES.iter().map(|prefix| Row::Namespace(prefix)))
}

/// What the registry knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known<'k> {
    /// It has a row of its own.
    Attribute(KeyClass),
    /// It is one of a template's: the part that is made up.
    Template(Template, &'k str),
    /// It is of a namespace of the system's own parts.
    Namespace,
}

/// What the registry knows of a key. Rows come before templates, those before namespaces; the longest fits first.
pub(crate) fn registered(key: &str) -> Option<Known<'_>> {
    if let Some(class) = row(ATTRIBUTES, key).or_else(|| row(RETIRED, key)) {
        return Some(Known::Attribute(class));
    }
    let prefixes = || key.rmatch_indices('.').filter_map(|(dot, _)| key.split_at_checked(dot + 1));
    let template = prefixes().find_map(|(prefix, name)| {
        let template = row(TEMPLATES, prefix)?;
        (!name.is_empty()).then_some(Known::Template(template, name))
    });
    template
        .or_else(|| prefixes().any(|(prefix, _)| NAMESPACES.binary_search(&prefix).is_ok()).then_some(Known::Namespace))
}

/// The class of a header.
pub(crate) fn header(name: &str) -> Option<KeyClass> {
    // Instrumentations write `content_type` for `content-type`.
    let name = name.to_ascii_lowercase().replace('_', "-");
    row(HEADERS, &name)
}

fn row<T: Copy>(table: &[(&str, T)], key: &str) -> Option<T> {
    let at = table.binary_search_by(|(name, _)| (*name).cmp(key)).ok()?;
    table.get(at).map(|(_, value)| *value)
}

/// The tables as text, for the digest of the rules in force.
pub(crate) fn tables() -> String {
    format!("{ATTRIBUTES:?}{RETIRED:?}{TEMPLATES:?}{HEADERS:?}{NAMESPACES:?}")
}

#[cfg(test)]
mod tests;
