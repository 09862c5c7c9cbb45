//! Random seeds: with the same ones, a run that shuffles, samples or guesses does the same again.
//!
//! A seed is what is called one and is a plain number: an attribute or an environment variable whose name ends in `seed`, an option of
//! the command that is called so or is Go's `-shuffle`, or what a report of tests prints about the seed of its run. Anything else under such a
//! name (`random`, a phrase of words, bytes) is none, and is not taken from where it stands.

use serde_json::Value;

use super::files::File;
use super::{Path, environment};
use crate::model::{Attributes, Completeness, Repro, Seed};

/// Most seeds that are shown.
const MAX_SEEDS: usize = 50;
/// The longest number: one of 128 bits in decimal.
const MAX_DIGITS: usize = 40;

/// Adds the seeds of the path's spans and of this resource, those of the command and of test reports. Of an attribute or a variable that was
/// recorded more than once the value nearest to the failure counts.
pub(super) fn put(
    repro: &mut Repro,
    path: &Path,
    anchor: (&Attributes, &Attributes),
    reported: Vec<Seed>,
    complete: &mut Completeness,
) {
    let (attrs, resource) = anchor;
    let resources = path.loaded.iter().rev().map(|span| &*span.resource);
    let places = path.attrs.iter().rev().chain([attrs, resource]).chain(resources);
    let mut seeds: Vec<Seed> = Vec::new();
    for found in places.flat_map(recorded) {
        if seeds.iter().all(|known| known.name != found.name) {
            seeds.push(found);
        }
    }
    seeds.extend(of_command(&repro.command));
    seeds.extend(reported);
    seeds.sort();
    seeds.dedup();
    if seeds.len() > MAX_SEEDS {
        complete.truncated.push(format!("repro.seeds: {MAX_SEEDS} of {} are shown", seeds.len()));
        seeds.truncate(MAX_SEEDS);
    }
    repro.seeds = seeds;
}

/// Says that there is none where one would tell how to make the failure happen again: of a test's run, by its spans or by a report that
/// alone tells of a failure (`is_of_report`), and of what depends on order.
pub(super) fn note_missing(repro: &Repro, class: &str, is_of_report: bool, complete: &mut Completeness) {
    let is_test = repro.test.as_ref().is_some_and(|test| test.case.is_some() || test.suite.is_some());
    if repro.seeds.is_empty() && (is_test || is_of_report || class == "concurrency") {
        complete.missing.push(Completeness::NO_SEEDS.to_owned());
    }
}

/// The seeds that test reports name. Where a report tells of each package by itself, those that failed count.
pub(super) fn reported(files: &[File], complete: &mut Completeness) -> Vec<Seed> {
    let left_out: u64 = files.iter().map(|file| file.seeds.1).sum();
    if left_out > 0 {
        complete.truncated.push(format!("repro.seeds: {left_out} that test reports name are left out"));
    }
    let of = |file: &File, seed: &crate::attachments::Seed| Seed {
        name: seed.option.to_owned(),
        value: seed.value.clone(),
        of: seed.package.clone().or_else(|| Some(file.name.clone()).filter(|name| !name.is_empty())),
    };
    let counts = |file: &File, package: Option<&str>| package.is_none_or(|package| file.failed_in(package));
    files
        .iter()
        .flat_map(|file| {
            let counting = file.seeds.0.iter().filter(|seed| counts(file, seed.package.as_deref()));
            counting.map(|seed| of(file, seed)).collect::<Vec<_>>()
        })
        .collect()
}

/// Attributes and environment variables.
fn recorded(attrs: &Attributes) -> Vec<Seed> {
    let variables = environment::variables(attrs).filter_map(|(name, value)| seed(name, value));
    let named = attrs.iter().filter(|(key, _)| !key.starts_with("process.environment_variable."));
    named.filter_map(|(key, value)| seed(key, value)).chain(variables).collect()
}

fn seed(name: &str, value: &Value) -> Option<Seed> {
    let value = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    (is_named(name) && is_number(&value)).then(|| Seed { name: name.to_owned(), value, of: None })
}

/// Options of a command: `--randomly-seed=1`, `--seed 1`, `-shuffle=1`.
fn of_command(command: &[Value]) -> Vec<Seed> {
    let words: Vec<&str> = command.iter().filter_map(Value::as_str).flat_map(str::split_whitespace).collect();
    let option = |at: usize, word: &&str| {
        let (name, value) = word.split_once('=').or_else(|| Some((*word, *words.get(at + 1)?)))?;
        let is_option = name.starts_with('-') && (is_named(name) || matches!(name, "-shuffle" | "-test.shuffle"));
        (is_option && is_number(value)).then(|| Seed { name: name.to_owned(), value: value.to_owned(), of: None })
    };
    words.iter().enumerate().filter_map(|(at, word)| option(at, word)).collect()
}

/// Whether the last word of a name is `seed`: `random.seed`, `RSPEC_SEED`, `--randomly-seed`, `shuffleSeed`, `PYTHONHASHSEED`.
fn is_named(name: &str) -> bool {
    let last = name.rsplit(['.', '_', '-']).next().unwrap_or_default();
    last.ends_with("Seed")
        || ["seed", "randomseed", "rngseed", "pythonhashseed"].iter().any(|seed| last.eq_ignore_ascii_case(seed))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
