//! Configuration documents, and what the stages say to those that are valid.

use std::io;
use std::path::Path;

use casefile::config::{self, Environment};

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
            let problems = casefile::pipeline::check(&config);
            config.locate(problems).to_string()
        }
    };
    assert!(text.contains(FETCHED) || !said.contains(FETCHED), "a fetched value was shown: {said}");
    if let Ok(config) = open {
        std::hint::black_box(config.locate(casefile::pipeline::check(&config)));
    }
}
