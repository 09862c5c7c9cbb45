//! Where configuration comes from: files, the environment, the command line.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Problem;
use super::errors::Fault;
use super::tree::{Node, Place, Scalar, Value};
use super::yaml;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// What the loader may ask of the process around it.
pub trait Environment {
    /// The value of an environment variable, if it is set.
    ///
    /// # Errors
    /// If it is not UTF-8.
    fn variable(&self, name: &str) -> Result<Option<String>, String>;

    /// The content of a file.
    ///
    /// # Errors
    /// If it cannot be read, is larger than 4 MiB, or is not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err("its value is not UTF-8".to_owned()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        let mut file = std::fs::File::open(path)?;
        io::Read::read_to_string(&mut io::Read::take(&mut file, MAX_FILE + 1), &mut text)?;
        if text.len() as u64 > MAX_FILE {
            return Err(io::Error::other("it is larger than 4 MiB"));
        }
        Ok(text)
    }
}

/// Remembers, as a digest, all that was read through it: two readings of a configuration are of the same one if their digests are equal,
/// whatever became of its files in between.
pub struct Witness<'a> {
    env: &'a dyn Environment,
    seen: RefCell<Sha256>,
}

impl<'a> Witness<'a> {
    /// Reads through `env`.
    #[must_use]
    pub fn of(env: &'a dyn Environment) -> Self {
        Self { env, seen: RefCell::new(Sha256::new()) }
    }

    /// The digest of what was read so far.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.seen.borrow().clone().finalize().into()
    }

    fn note(&self, name: &str, value: Option<&str>) {
        let mut seen = self.seen.borrow_mut();
        for text in [name, value.unwrap_or_default()] {
            seen.update((text.len() as u64).to_be_bytes());
            seen.update(text.as_bytes());
        }
        seen.update([u8::from(value.is_some())]);
    }
}

impl Environment for Witness<'_> {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        let value = self.env.variable(name);
        self.note(name, value.as_ref().ok().and_then(|value| value.as_deref()));
        value
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = self.env.read(path);
        self.note(&path.to_string_lossy(), text.as_deref().ok());
        text
    }
}

/// Reads one source: a path, `file:path`, `env:NAME` or `yaml:text`.
pub(super) fn read(uri: &str, env: &dyn Environment) -> Result<Node, Vec<Fault>> {
    let text = match uri.split_once(':') {
        Some(("yaml", text)) => Ok(text.to_owned()),
        Some(("env", variable)) => from_variable(variable, env),
        Some(("file", path)) => from_file(path, env),
        Some((scheme, _)) if is_scheme(scheme) => {
            let problem = Problem::new("", format!("`{scheme}:` is not a source of configuration"));
            Err(whole(uri, problem.instead("use a path, `file:path`, `env:NAME` or `yaml:text`")))
        }
        _ => from_file(uri, env),
    };
    document(&text.map_err(|fault| vec![fault])?, &name(uri))
}

/// Reads a text that is a configuration document.
pub(super) fn document(text: &str, name: &Arc<str>) -> Result<Node, Vec<Fault>> {
    let node = yaml::parse(text, name)?;
    let at = node.at.clone();
    match node.value {
        Value::Map(entries) => {
            // The Collector's key delimiter: `service::telemetry: …` at the top of a document.
            let mut document = Node::new(at, Value::Map(Vec::new()));
            for entry in entries {
                let keys: Vec<&str> = entry.key.split("::").collect();
                document.merge(Node::nested(&keys, &entry.at, entry.node));
            }
            Ok(document)
        }
        _ if node.is_null() => Ok(Node::new(at, Value::Map(Vec::new()))),
        _ => {
            let problem = Problem::new("", format!("a configuration is a map, and this is {}", node.describe()));
            Err(vec![Fault::at(&at, problem.instead("begin with a key such as `receivers:`"))])
        }
    }
}

/// Reads `key.key=value` of `--set`. The value is YAML.
pub(super) fn set(text: &str) -> Result<Node, Vec<Fault>> {
    let Some((path, value)) = text.split_once('=') else {
        // The text is not shown: what was meant as a value may be a secret.
        let problem = Problem::new("", "there is no `=` in it").instead("write `--set key.key=value`");
        return Err(vec![whole("--set", problem)]);
    };
    let name: Arc<str> = Arc::from(format!("--set {path}"));
    let keys: Vec<&str> = path.trim().split('.').flat_map(|key| key.split("::")).collect();
    if keys.iter().any(|key| key.is_empty()) {
        let problem = Problem::new("", "an empty key").instead("write `--set key.key=value`");
        return Err(vec![whole(&name, problem)]);
    }
    let at = Place::whole(&name);
    // A text that is no YAML, such as a key in PEM, stands for itself.
    let mut node = yaml::parse(value, &name)
        .unwrap_or_else(|_| Node::new(at.clone(), Value::Scalar(Scalar::literal(value, true))));
    if let Value::Scalar(scalar) = &mut node.value {
        scalar.written = Some(format!("the value of --set {path}"));
    }
    node.at = at.clone();
    Ok(Node::nested(&keys, &at, node))
}

fn from_variable(name: &str, env: &dyn Environment) -> Result<String, Fault> {
    let uri = format!("env:{name}");
    match env.variable(name) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => {
            let problem = Problem::new("", format!("environment variable `{name}` is not set"));
            Err(whole(&uri, problem.instead("set it to a configuration document in YAML")))
        }
        Err(why) => Err(whole(&uri, Problem::new("", format!("environment variable `{name}` cannot be read: {why}")))),
    }
}

fn from_file(path: &str, env: &dyn Environment) -> Result<String, Fault> {
    env.read(Path::new(path)).map_err(|error| {
        let problem = Problem::new("", format!("cannot be read: {error}"));
        whole(path, problem.instead("give the path of a configuration file"))
    })
}

fn whole(source: &str, problem: Problem) -> Fault {
    Fault::at(&Place::whole(&Arc::from(source)), problem)
}

/// One letter before a colon is a drive, not a scheme.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
}

/// The name of a source in messages: never the text of a `yaml:` source.
pub(super) fn name(uri: &str) -> Arc<str> {
    match uri.split_once(':') {
        Some(("yaml", _)) => Arc::from("yaml:"),
        Some(("file", path)) => Arc::from(path),
        _ => Arc::from(uri),
    }
}
