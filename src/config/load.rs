//! Sources → one tree → [`Config`](super::Config) → [`ValidatedConfig`].

use std::sync::Arc;

use super::errors::{ConfigErrors, Fault};
use super::expand::{self, Mode};
use super::source::{self, Environment};
use super::tree::{Node, Place, Value};
use super::validate::{self, ValidatedConfig};
use super::{Problem, read, unavailable};

/// The configuration that runs where none is given.
const DEFAULT: &str = include_str!("default.yaml");

/// What `default.yaml` refers to: the keys, and the folder of bundles.
const ROOT_KEY: &str = "CASEFILE_REDACTION_KEY";
const SIGNING_KEY: &str = "CASEFILE_SIGNING_KEY";
const DATA_DIR: &str = "CASEFILE_DATA_DIR";

/// Loads, merges, expands and validates a configuration.
///
/// `sources` are paths or `file:path`, `env:NAME`, `yaml:text`; later ones are laid over earlier ones (maps merged, anything
/// else replaced), and `sets` (`key.key=value`) over all of them.
///
/// # Errors
/// Everything that is wrong, with file and line.
pub fn load(sources: &[String], sets: &[String], env: &dyn Environment) -> Result<ValidatedConfig, ConfigErrors> {
    finish(documents(sources, sets, env)?, env, Mode::Resolve)
}

/// As [`load`], but reads no variable and no file that the documents refer to: values that depend on one are taken to fit.
///
/// # Errors
/// Everything else that is wrong, with file and line.
pub fn load_without_environment(
    sources: &[String],
    sets: &[String],
    env: &dyn Environment,
) -> Result<ValidatedConfig, ConfigErrors> {
    finish(documents(sources, sets, env)?, env, Mode::LeaveOpen)
}

/// The built-in configuration, with bundles under `data_dir` and `sets` laid over it. Without `signing`, nothing is signed.
///
/// # Errors
/// If `sets` or a key are wrong.
pub fn embedded(
    root: &str,
    signing: Option<&str>,
    data_dir: &str,
    sets: &[String],
) -> Result<ValidatedConfig, ConfigErrors> {
    let name: Arc<str> = Arc::from("built-in configuration");
    let mut tree = source::document(DEFAULT, &name).map_err(ConfigErrors::new)?;
    if signing.is_none() {
        without_signing(&mut tree);
    }
    lay_over(&mut tree, sets.iter().map(|set| source::set(set)))?;
    finish(tree, &Given { root, signing, data_dir }, Mode::Resolve)
}

fn documents(sources: &[String], sets: &[String], env: &dyn Environment) -> Result<Node, ConfigErrors> {
    let mut tree = Node::new(Place::whole(&Arc::from("configuration")), Value::Map(Vec::new()));
    if let [only] = sources {
        tree.at = Place { source: source::name(only), line: 1, column: 1 };
    }
    let at = tree.at.clone();
    lay_over(
        &mut tree,
        sources.iter().map(|uri| source::read(uri, env)).chain(sets.iter().map(|set| source::set(set))),
    )?;
    tree.at = at;
    Ok(tree)
}

fn lay_over(tree: &mut Node, layers: impl Iterator<Item = Result<Node, Vec<Fault>>>) -> Result<(), ConfigErrors> {
    let mut faults = Vec::new();
    for layer in layers {
        match layer {
            Ok(layer) => tree.merge(layer),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ConfigErrors::new(faults)) }
}

fn finish(mut tree: Node, env: &dyn Environment, mode: Mode) -> Result<ValidatedConfig, ConfigErrors> {
    let mut faults = expand::expand(&mut tree, env, mode);
    faults.extend(unavailable::check(&tree));
    let (document, unreadable) = read::config(&tree);
    faults.extend(unreadable);
    if faults.is_empty() {
        return validate::validate(document, tree.places());
    }
    // The rules are for documents that were read whole: what is missing from this one was reported above.
    Err(ConfigErrors::new(faults))
}

fn without_signing(tree: &mut Node) {
    let Value::Map(sections) = &mut tree.value else { return };
    for section in sections {
        match (section.key.as_str(), &mut section.node.value) {
            ("extensions", Value::Map(extensions)) => extensions.retain(|entry| entry.key != "signing"),
            ("service", Value::Map(settings)) => {
                for setting in settings.iter_mut().filter(|setting| setting.key == "extensions") {
                    if let Value::Seq(names) = &mut setting.node.value {
                        names.retain(|name| !matches!(&name.value, Value::Scalar(scalar) if *scalar.text == "signing"));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The environment of the built-in configuration: what the caller gave, and nothing else.
struct Given<'a> {
    root: &'a str,
    signing: Option<&'a str>,
    data_dir: &'a str,
}

impl Environment for Given<'_> {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        match name {
            ROOT_KEY => Ok(Some(self.root.to_owned())),
            SIGNING_KEY => Ok(self.signing.map(str::to_owned)),
            DATA_DIR => Ok(Some(self.data_dir.to_owned())),
            _ => super::ProcessEnvironment.variable(name),
        }
    }

    fn read(&self, path: &std::path::Path) -> std::io::Result<String> {
        super::ProcessEnvironment.read(path)
    }
}

impl ValidatedConfig {
    /// Gives problems that a stage found (such as one of `connectors.incident.tail_sampling.policies[0].type`) their file
    /// and line.
    #[must_use]
    pub fn locate(&self, problems: Vec<Problem>) -> ConfigErrors {
        ConfigErrors::new(problems.into_iter().map(|problem| validate::place(&self.places, problem)).collect())
    }
}
