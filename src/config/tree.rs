//! The document between YAML and [`super::Config`]: a tree that knows where each value was written.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Secret;

/// Where something was written. `line` 0 means the source as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// File name, `env:NAME`, `yaml:` or `--set key`.
    pub(super) source: Arc<str>,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
}

impl Place {
    pub(super) fn whole(source: &Arc<str>) -> Self {
        Self { source: Arc::clone(source), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// A value and where it was written. Has no `Debug`: it may hold secrets.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
    /// Set on a value that has been reported as wrong, so that the rest can be read without it.
    pub(super) set_aside: Cell<bool>,
}

#[derive(Clone)]
pub(super) enum Value {
    Scalar(Scalar),
    Map(Vec<Entry>),
    Seq(Vec<Node>),
    /// An expression that was not resolved, on request: fits anywhere.
    Unresolved,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Place,
    pub(super) node: Node,
}

#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) text: Zeroizing<String>,
    /// Quoted or a block: a string whatever it looks like.
    pub(super) quoted: bool,
    /// What stands in the document in place of `text`, if `text` came from elsewhere. Then it serves as a string even
    /// where it looks like a number, and messages show this instead.
    pub(super) written: Option<String>,
    /// The map or list that a substituted text stands for.
    pub(super) structure: Option<Box<Node>>,
}

/// What a scalar is by YAML's core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

impl Scalar {
    pub(super) fn literal(text: impl Into<String>, quoted: bool) -> Self {
        Self { text: Zeroizing::new(text.into()), quoted, written: None, structure: None }
    }

    pub(super) fn kind(&self) -> Kind {
        if self.quoted { Kind::Text } else { kind_of(&self.text) }
    }
}

/// YAML 1.2, core schema. `yes`, `on` and their like are strings.
fn kind_of(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let based =
        |prefix: &str, radix| text.strip_prefix(prefix).and_then(|digits| i128::from_str_radix(digits, radix).ok());
    if let Some(value) = based("0x", 16).or_else(|| based("0o", 8)) {
        return Kind::Int(value);
    }
    // Rust's parsers also read `inf`, `infinity` and `nan`, which YAML does not.
    let numeric = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    if numeric {
        if let Ok(value) = text.parse() {
            return Kind::Int(value);
        }
        if let Ok(value) = text.parse() {
            return Kind::Float(value);
        }
    }
    Kind::Text
}

impl Node {
    pub(super) fn new(at: Place, value: Value) -> Self {
        Self { at, value, set_aside: Cell::new(false) }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null)
    }

    /// The value under `key`, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The entries of a map; none for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(Scalar { structure: Some(node), .. }) => node.entries(),
            _ => &[],
        }
    }

    /// Whether it can be read: not set aside, not unresolved.
    pub(super) fn is_readable(&self) -> bool {
        !self.set_aside.get() && !matches!(self.value, Value::Unresolved)
    }

    /// For messages: `a map`, `a string`.
    pub(super) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Map(_) => "a map",
            Value::Seq(_) => "a list",
            Value::Unresolved => "an unresolved expression",
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "no value",
                Kind::Bool(_) => "a boolean",
                Kind::Int(_) => "a whole number",
                Kind::Float(_) => "a number",
                Kind::Text => "a string",
            },
        }
    }

    /// Lays `over` on top: maps are merged key by key, anything else is replaced.
    pub(super) fn merge(&mut self, over: Node) {
        match (&mut self.value, over.value) {
            (Value::Map(under), Value::Map(entries)) => {
                for entry in entries {
                    match under.iter_mut().find(|known| known.key == entry.key) {
                        Some(known) => {
                            known.at = entry.at;
                            known.node.merge(entry.node);
                        }
                        None => under.push(entry),
                    }
                }
            }
            (value, over_value) => {
                *value = over_value;
                self.at = over.at;
            }
        }
    }

    /// A map of one entry at each step of `keys`, with `node` innermost.
    pub(super) fn nested(keys: &[&str], at: &Place, node: Node) -> Node {
        keys.iter().rev().fold(node, |node, key| {
            let entry = Entry { key: (*key).to_owned(), at: at.clone(), node };
            Node::new(at.clone(), Value::Map(vec![entry]))
        })
    }

    /// The places of this tree, without its values but for those that were fetched, which are kept so that no message shows them.
    pub(super) fn places(&self) -> Places {
        self.places_under(None)
    }

    /// The same, where all of it stands for the expression `written`.
    fn places_under(&self, written: Option<&str>) -> Places {
        let (inner, fetched, written) = match &self.value {
            Value::Scalar(Scalar { structure: Some(node), written, .. }) => (&**node, None, written.as_deref()),
            Value::Scalar(Scalar { text, written: own, .. }) => {
                let written = own.as_deref().or(written);
                let fetched = written.filter(|_| !text.is_empty());
                (self, fetched.map(|written| (Secret::new(text.as_str()), written.to_owned())), None)
            }
            _ => (self, None, written),
        };
        let children = match &inner.value {
            Value::Map(entries) => entries
                .iter()
                .map(|entry| {
                    let mut places = entry.node.places_under(written);
                    // A container begins at its key for a reader: the line below is that of its first entry.
                    if !places.children.is_empty() || entry.node.is_null() {
                        places.at = entry.at.clone();
                    }
                    (entry.key.clone(), places)
                })
                .collect(),
            Value::Seq(nodes) => {
                nodes.iter().enumerate().map(|(at, node)| (format!("[{at}]"), node.places_under(written))).collect()
            }
            _ => Vec::new(),
        };
        Places { at: self.at.clone(), unresolved: matches!(self.value, Value::Unresolved), fetched, children }
    }
}

/// Fetched values with fewer bytes are looked for in quotes alone.
const SHORT: usize = 6;

/// Where each value of a document was written, for problems that are found later.
#[derive(Debug, Clone)]
pub(super) struct Places {
    at: Place,
    unresolved: bool,
    /// What was fetched for it, and the expression in its place.
    fetched: Option<(Secret, String)>,
    children: Vec<(String, Places)>,
}

impl Places {
    /// The place of `path`, or of the nearest value above it that was written.
    pub(super) fn find(&self, path: &str) -> &Place {
        self.step(path).map_or(&self.at, |(child, rest)| child.find(rest))
    }

    /// Takes what was fetched for the value at `path`, and for those in it, out of a text about it.
    pub(super) fn without_fetched(&self, path: &str, text: String) -> String {
        match self.step(path) {
            Some((child, rest)) => child.without_fetched(rest, text),
            None => self.hide(text),
        }
    }

    fn hide(&self, text: String) -> String {
        let text = match &self.fetched {
            // A value of a few letters is part of other words, and quoted where it is itself.
            Some((fetched, written)) if fetched.expose().len() < SHORT => {
                text.replace(&format!("`{}`", fetched.expose()), &format!("`{written}`"))
            }
            Some((fetched, written)) => text.replace(fetched.expose(), written),
            None => text,
        };
        self.children.iter().fold(text, |text, (_, child)| child.hide(text))
    }

    /// Whether the value at `path`, or one directly in it, was not resolved.
    pub(super) fn is_unresolved(&self, path: &str) -> bool {
        match self.step(path) {
            Some((child, rest)) => child.unresolved || child.is_unresolved(rest),
            None => path.is_empty() && self.children.iter().any(|(_, child)| child.unresolved),
        }
    }

    /// The child that `path` leads to, and the rest of the path. Keys may hold dots: the longest that fits is taken.
    fn step<'a>(&self, path: &'a str) -> Option<(&Places, &'a str)> {
        let fitting = self.children.iter().filter_map(|(key, child)| {
            let rest = path.strip_prefix(key.as_str())?;
            if rest.is_empty() || rest.starts_with('[') {
                return Some((key.len(), child, rest));
            }
            rest.strip_prefix('.').map(|rest| (key.len(), child, rest))
        });
        fitting.max_by_key(|(length, ..)| *length).map(|(_, child, rest)| (child, rest))
    }
}
