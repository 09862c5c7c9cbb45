//! `${env:NAME}`, `${env:NAME:-default}`, `${file:/path}`, `${NAME}` and `$$`, as the Collector expands them.
//!
//! What is fetched is taken as it is: a `$` in a secret does not start another expression. (The Collector expands again.)
//! A value that consists of one expression takes the type that its text has in YAML, where a type is wanted; as a string
//! it is always the text itself, so that a key made of digits stays a key.

use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::errors::Fault;
use super::source::Environment;
use super::tree::{Kind, Node, Place, Scalar, Value};
use super::{Problem, yaml};

/// Deepest nesting of expressions.
const MAX_DEPTH: usize = 8;

/// Whether expressions are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// All of them.
    Resolve,
    /// None that would read the environment: their values stay open, and fit anywhere.
    LeaveOpen,
}

/// Expands every scalar of a tree.
pub(super) fn expand(node: &mut Node, env: &dyn Environment, mode: Mode) -> Vec<Fault> {
    let mut expander = Expander { env, mode, faults: Vec::new() };
    expander.walk(node, "");
    expander.faults
}

struct Expander<'a> {
    env: &'a dyn Environment,
    mode: Mode,
    faults: Vec<Fault>,
}

/// What a text became.
enum Expanded {
    /// A text; `whole` if it is the value of one expression and nothing else.
    Text { text: Zeroizing<String>, whole: bool, fetched: bool },
    /// It depends on something that was not read.
    Open,
}

impl Expander<'_> {
    fn walk(&mut self, node: &mut Node, path: &str) {
        match &mut node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                    self.walk(&mut entry.node, &path);
                }
            }
            Value::Seq(nodes) => {
                for (at, node) in nodes.iter_mut().enumerate() {
                    self.walk(node, &format!("{path}[{at}]"));
                }
            }
            Value::Scalar(scalar) if scalar.text.contains('$') => match self.text(&scalar.text, 0) {
                Ok(Expanded::Open) => node.value = Value::Unresolved,
                Ok(Expanded::Text { text, whole, fetched }) => {
                    let written = scalar.written.take().unwrap_or_else(|| scalar.text.to_string());
                    let structure = if whole { structure(&text, &node.at) } else { None };
                    // Without an expression (`$$`), it is the text that was written.
                    let quoted = if fetched { !whole } else { scalar.quoted };
                    let written = fetched.then_some(written);
                    node.value = Value::Scalar(Scalar { text, quoted, written, structure });
                }
                Err(problem) => {
                    self.faults.push(Fault::at(&node.at, problem.under(path)));
                    node.set_aside.set(true);
                }
            },
            Value::Scalar(_) | Value::Unresolved => {}
        }
    }

    fn text(&self, text: &str, depth: usize) -> Result<Expanded, Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::new("", "expressions are nested too deep"));
        }
        let mut out = Zeroizing::new(String::with_capacity(text.len()));
        let (mut rest, mut expressions, mut literals) = (text, 0_usize, 0_usize);
        while let Some((before, after)) = rest.split_once('$') {
            literals += before.len();
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                literals += 1;
                out.push('$');
                rest = after;
            } else if let Some((expression, after)) = braced(after) {
                let Some(value) = self.resolve(expression, depth)? else { return Ok(Expanded::Open) };
                out.push_str(&value);
                expressions += 1;
                rest = after;
            } else {
                literals += 1;
                out.push('$');
                rest = after;
            }
        }
        literals += rest.len();
        out.push_str(rest);
        Ok(Expanded::Text { text: out, whole: expressions == 1 && literals == 0, fetched: expressions > 0 })
    }

    /// The value of an expression; nothing if it is to stay open.
    fn resolve(&self, expression: &str, depth: usize) -> Result<Option<Zeroizing<String>>, Problem> {
        if let Some(path) = expression.strip_prefix("file:") {
            let Expanded::Text { text: path, .. } = self.text(path, depth + 1)? else { return Ok(None) };
            return self.file(&path);
        }
        let reference = expression.strip_prefix("env:").unwrap_or(expression);
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let Expanded::Text { text: name, .. } = self.text(name, depth + 1)? else { return Ok(None) };
        if !is_name(&name) {
            // What is not a name may be a secret that holds `${`: it is not shown.
            return Err(Problem::new("", "`${…}` holds neither `env:NAME`, `file:/path` nor a variable's name")
                .instead(
                    "write `${env:NAME}`, `${env:NAME:-default}` or `${file:/path}`, and `$$` for a dollar sign",
                ));
        }
        if self.mode == Mode::Resolve {
            match self.env.variable(&name) {
                Ok(Some(value)) => return Ok(Some(Zeroizing::new(value))),
                Ok(None) => {}
                Err(why) => {
                    return Err(Problem::new("", format!("environment variable `{}` cannot be read: {why}", *name)));
                }
            }
        }
        match (default, self.mode) {
            (Some(default), _) => match self.text(default, depth + 1)? {
                Expanded::Text { text, .. } => Ok(Some(text)),
                Expanded::Open => Ok(None),
            },
            (None, Mode::LeaveOpen) => Ok(None),
            (None, Mode::Resolve) => Err(Problem::new("", format!("environment variable `{}` is not set", *name))
                .instead(format!("set it, or write a default: `${{env:{}:-default}}`", *name))),
        }
    }

    fn file(&self, path: &str) -> Result<Option<Zeroizing<String>>, Problem> {
        if self.mode == Mode::LeaveOpen {
            return Ok(None);
        }
        let text = self.env.read(Path::new(path)).map(Zeroizing::new).map_err(|error| {
            Problem::new("", format!("file `{path}` cannot be read: {error}")).instead("create it, or correct the path")
        })?;
        let trimmed = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        Ok(Some(Zeroizing::new(trimmed.to_owned())))
    }
}

/// The map or list that a fetched text is, if it is one.
fn structure(text: &str, at: &Place) -> Option<Box<Node>> {
    let mut node = yaml::parse(text, &Arc::clone(&at.source)).ok()?;
    if let Value::Scalar(_) = node.value {
        return None;
    }
    move_to(&mut node, at);
    Some(Box::new(node))
}

/// What stands in a fetched text is reported at the expression that fetched it, and by no part of its content.
fn move_to(node: &mut Node, at: &Place) {
    node.at = at.clone();
    match &mut node.value {
        Value::Map(entries) => {
            for entry in entries {
                entry.at = at.clone();
                move_to(&mut entry.node, at);
            }
        }
        Value::Seq(nodes) => nodes.iter_mut().for_each(|node| move_to(node, at)),
        Value::Scalar(scalar) => {
            scalar.quoted |= scalar.kind() == Kind::Text;
            scalar.written = Some("a fetched value".to_owned());
        }
        Value::Unresolved => {}
    }
}

/// Splits `{expression}rest`, minding braces of expressions inside.
fn braced(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{')?;
    let mut depth = 1_usize;
    let mut previous = ' ';
    for (at, character) in inner.char_indices() {
        match character {
            '{' if previous == '$' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((inner.get(..at)?, inner.get(at + 1..)?));
        }
        previous = character;
    }
    None
}

fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
