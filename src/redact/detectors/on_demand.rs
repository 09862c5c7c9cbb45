//! Patterns of tables, compiled when something is first looked for with them.
//!
//! The tables have hundreds, each of which takes tens of kilobytes once it is compiled, and most processes never see a text in which the
//! word stands that leads to one.

use std::sync::OnceLock;

/// A pattern that is compiled when it is first asked for.
#[derive(Debug)]
pub(super) struct OnDemand<R> {
    pattern: String,
    compile: fn(&str) -> Result<R, String>,
    compiled: OnceLock<Option<R>>,
}

impl<R> OnDemand<R> {
    pub(super) fn new(pattern: String, compile: fn(&str) -> Result<R, String>) -> Self {
        Self { pattern, compile, compiled: OnceLock::new() }
    }

    /// The pattern, compiled. If it cannot be (tests compile all), all that it would have been shown is to be taken for what it finds.
    pub(super) fn get(&self) -> Option<&R> {
        let compile = || {
            let compiled = (self.compile)(&self.pattern);
            let told = compiled.inspect_err(|error| {
                tracing::error!(
                    pattern = self.pattern,
                    error,
                    "a pattern cannot be compiled, what it is about is withheld"
                );
            });
            told.ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn a_pattern_is_compiled_when_it_is_asked_for_and_says_if_it_cannot_be() {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        let (good, bad) = (OnDemand::new("a+".to_owned(), compile), OnDemand::new("a(".to_owned(), compile));
        assert!(good.compiled.get().is_none());
        assert!(good.get().is_some_and(|regex| regex.is_match("aa")));
        assert!(bad.get().is_none());
    }
}
