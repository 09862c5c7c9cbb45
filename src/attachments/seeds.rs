//! The random seeds that a report of tests names, so that a run in the same order, with the same values, can be had again.
//!
//! Source: what each tool prints about it, by the table. Go prints one for each package and, with `-json`, as an event.

use std::sync::LazyLock;

use regex::Regex;

use super::jest::uncoloured;
use super::{Kind, go, text};

/// Most seeds of one file.
const MAX_SEEDS: usize = 20;

/// What takes a seed, and how a report names it. Only digits are taken: what is no number is no seed of these tools.
static NAMED: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    [
        // pytest-randomly and pytest-random-order say so in the header, Hypothesis below a failure.
        ("--randomly-seed", r"(?m)^Using --randomly-seed=(\d{1,40})\s*$"),
        ("--random-order-seed", r"(?m)^Using --random-order-seed=(\d{1,40})\s*$"),
        ("--hypothesis-seed", r"run pytest with --hypothesis-seed=(\d{1,40}) to reproduce"),
        // Vitest with sequence.shuffle.
        ("--sequence.seed", r#"Running tests with seed "(-?\d{1,40})""#),
        // RSpec, Minitest and ExUnit.
        ("--seed", r"(?m)^Randomized with seed (\d{1,40})\s*$"),
        ("--seed", r"(?m)^Run options:.* --seed (\d{1,40})(?:\s|$)"),
        // PHPUnit, Surefire with runOrder=random, GoogleTest, libtest with --shuffle.
        ("--random-order-seed", r"(?m)^Random Seed: +(\d{1,40})\s*$"),
        ("-Dsurefire.runOrder.random.seed", r"-Dsurefire\.runOrder\.random\.seed=(\d{1,40})"),
        ("--gtest_random_seed", r"(?m)^Note: Randomizing tests' orders with a seed of (\d{1,40}) ?\.\s*$"),
        ("--shuffle-seed", r"(?m)^running \d+ tests? \(shuffle seed: (\d{1,40})\)\s*$"),
    ]
    .into_iter()
    .map(|(option, pattern)| (option, compiled(pattern)))
    .collect()
});

/// Jest with `--showSeed` or `--randomize`: no words that other texts might not have.
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?m)^Seed: {1,12}(-?\d{1,40})\s*$"));
/// A property of a suite in JUnit XML, as RSpec's formatter writes it.
static PROPERTY: LazyLock<Regex> = LazyLock::new(|| compiled(r#"<property name="seed" value="(\d{1,40})"\s*/>"#));

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled in every test run")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// A seed that a report names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed {
    /// The option that takes it.
    pub option: &'static str,
    /// Digits, with a sign or without.
    pub value: String,
    /// The package that it is of, where each has its own.
    pub package: Option<String>,
}

/// The seeds that the content names, each once, in the order of the table, and how many more there are. Files that no tool of tests writes
/// have none.
#[must_use]
pub fn seeds(kind: Kind, content: &[u8]) -> (Vec<Seed>, u64) {
    let prints_tests = matches!(kind, Kind::Junit | Kind::Pytest | Kind::Jest | Kind::GoTest | Kind::Text);
    if !prints_tests || content.len() > super::MAX_TEXT {
        return (Vec::new(), 0);
    }
    let text = uncoloured(&text(content));
    let of_packages = go::seeds(&text).into_iter().map(|(package, value)| Seed {
        option: "-shuffle",
        value,
        package: Some(package).filter(|package| !package.is_empty()),
    });
    let of_kind = match kind {
        Kind::Jest => Some(("--seed", &*SUMMARY)),
        Kind::Junit => Some(("--seed", &*PROPERTY)),
        _ => None,
    };
    let patterns = NAMED.iter().map(|(option, pattern)| (*option, pattern)).chain(of_kind);
    let named = patterns.flat_map(|(option, pattern)| {
        let value = |found: regex::Captures<'_>| Some(found.get(1)?.as_str().to_owned());
        pattern.captures_iter(&text).filter_map(value).map(move |value| Seed { option, value, package: None })
    });
    let mut found: Vec<Seed> = Vec::new();
    let mut more = 0;
    for seed in of_packages.chain(named) {
        match found.contains(&seed) {
            true => {}
            false if found.len() < MAX_SEEDS => found.push(seed),
            false => more += 1,
        }
    }
    (found, more)
}
