//! Configuration documents, and what the stages say to those that are valid.

use std::io;
use std::path::Path;

use casefile::config::{self, Environment, Problem, ValidatedConfig};
use casefile::evidence::AppRules;
use casefile::sampling::Sampler;

/// What variables and files hold: a secret, as far as anyone knows.
const FETCHED: &str = "fetched-7f3a9c";

struct Secrets;

impl Environment for Secrets {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        Ok((name != "ABSENT").then(|| FETCHED.to_owned()))
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(FETCHED.to_owned())
    }
}

/// The document, as text.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources = [format!("yaml:{text}")];
    let open = config::load_without_environment(&sources, &[], &Secrets);
    let said = match config::load(&sources, &[], &Secrets) {
        Err(errors) => errors.to_string(),
        Ok(config) => {
            assert!(open.is_ok(), "what is valid with an environment is valid without one: {}", open.unwrap_err());
            config.locate(compile(&config)).to_string()
        }
    };
    assert!(text.contains(FETCHED) || !said.contains(FETCHED), "a fetched value was shown: {said}");
}

/// What is compiled of it, without the redactor: that takes seconds where its regexes are instrumented.
fn compile(config: &ValidatedConfig) -> Vec<Problem> {
    let incident = &config.pipelines.incident;
    let mut problems = Sampler::compile(&incident.tail_sampling).err().unwrap_or_default();
    if let Err((at, error)) = AppRules::new(&incident.in_app) {
        problems.push(Problem::new(format!("connectors.incident.in_app[{at}]"), error.to_string()));
    }
    problems
}
