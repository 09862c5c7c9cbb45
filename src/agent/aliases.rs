//! Short names for tokens: `user:U-1` for `user:U-a4k7tq2mz9a`, numbered by class in the order in which they are met. They exist in
//! what is rendered and nowhere else.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

#[expect(clippy::unwrap_used, reason = "a constant pattern, compiled in every test run")]
static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([a-z_]+):([A-Z])-([a-z0-9]{11,})(?:H-[a-z0-9]+)?\b").unwrap());
#[expect(clippy::unwrap_used, reason = "a constant pattern, compiled in every test run")]
static ALIAS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[a-z_]+:[A-Z]-[0-9]+(?:H-[0-9]+)?\b").unwrap());

/// The names that were given so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases {
    by_token: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
    networks: BTreeMap<String, usize>,
    /// As they were given: alias, token.
    given: Vec<(String, String)>,
    /// What stands in the text already and looks like an alias: whoever wrote it shall not name another's token.
    taken: Vec<String>,
}

impl Aliases {
    /// Gives none of the names that occur in this text.
    pub(super) fn beside(text: &str) -> Self {
        let taken = ALIAS.find_iter(text).map(|found| found.as_str().to_owned()).collect();
        Self { taken, ..Self::default() }
    }

    /// The text with its tokens shortened.
    pub(super) fn shorten(&mut self, text: &str) -> String {
        TOKEN
            .replace_all(text, |found: &regex::Captures<'_>| {
                let token = &found[0];
                self.by_token.get(token).cloned().unwrap_or_else(|| self.name(token, &found[1], &found[2]))
            })
            .into_owned()
    }

    /// Alias and token of each, in the order in which they were met.
    pub(super) fn given(&self) -> &[(String, String)] {
        &self.given
    }

    fn name(&mut self, token: &str, class: &str, letter: &str) -> String {
        // Addresses of one network share its number: `ip:N-1H-1` and `ip:N-1H-2` are neighbours.
        let network = token.split_once("H-").filter(|_| class == "ip").map(|(network, _)| {
            let next = self.networks.len() + 1;
            *self.networks.entry(network.to_owned()).or_insert(next)
        });
        let alias = loop {
            let count = self.counts.entry(class.to_owned()).or_default();
            *count += 1;
            let alias = match network {
                Some(network) => format!("{class}:{letter}-{network}H-{count}"),
                None => format!("{class}:{letter}-{count}"),
            };
            if !self.taken.contains(&alias) {
                break alias;
            }
        };
        self.given.push((alias.clone(), token.to_owned()));
        self.by_token.insert(token.to_owned(), alias.clone());
        alias
    }
}
