//! Repetition in the window: records of one service and level that are of one template.
//!
//! Of each such group the first and the last line stay, those shortly before the error, and where it speaks of an error or a
//! decision some more from both ends. The rest is counted by the first line, with the messages of a few. Groups of a few
//! lines stay as they are: what is rare is what tells.
//!
//! The texts of templates are not made here but by the redactor, of messages that it has been through.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, key};
use crate::model::LogTemplate;
use crate::templates::Miner;

/// Lines from either end of a group of key events that are never folded.
const KEY_ENDS: usize = 3;
/// Fewest lines that are worth folding.
const FEWEST: usize = 2;
/// Most messages that are given of what was folded.
const OTHERS: usize = 4;

/// What was folded.
pub(super) struct Folded {
    /// Lines of one service, level and template, by the first of them.
    pub(super) groups: Vec<Vec<usize>>,
    /// Records of each group.
    pub(super) counts: Vec<u64>,
    /// Records that have no line of their own any more.
    pub(super) records: u64,
}

/// Folds repetition, but none of the `last` lines before the error.
pub(super) fn fold(entries: &mut [Entry<'_>], last: usize) -> Folded {
    let groups = groups(entries);
    let pivot = entries.partition_point(|entry| entry.before);
    let near = pivot.saturating_sub(last)..pivot;
    let counts = groups.iter().map(|group| group.iter().map(|index| entries[*index].count).sum()).collect();
    let mut records = 0;
    for group in &groups {
        let is_key = group.iter().any(|index| key::is_severe(&entries[*index]))
            || group.first().is_some_and(|first| key::speaks_of_it(&entries[*first].msg));
        group.iter().for_each(|index| entries[*index].key = is_key);
        let ends = if is_key { KEY_ENDS } else { 1 };
        let inner = group.get(ends..group.len().saturating_sub(ends)).unwrap_or_default();
        let inner: Vec<usize> = inner.iter().copied().filter(|index| !near.contains(index)).collect();
        if let (true, Some(first)) = (inner.len() >= FEWEST, group.first()) {
            records += hide(entries, *first, &inner);
        }
    }
    Folded { groups, counts, records }
}

/// Lets `first` stand for these lines.
fn hide(entries: &mut [Entry<'_>], first: usize, inner: &[usize]) -> u64 {
    let mut said = BTreeSet::from([entries[first].msg.clone()]);
    let mut messages = Vec::new();
    let mut records = 0;
    for index in inner {
        let entry = &mut entries[*index];
        entry.shown = false;
        records += entry.count;
        if said.insert(entry.msg.clone()) {
            messages.push(entry.msg.clone());
        }
    }
    let line = &mut entries[first];
    line.count += records;
    line.others = spread(messages);
    records
}

/// [`OTHERS`] of them at equal distances, with the first and the last.
fn spread(messages: Vec<String>) -> Vec<String> {
    let count = messages.len();
    if count <= OTHERS {
        return messages;
    }
    let chosen: BTreeSet<usize> = (0..OTHERS).map(|at| at * (count - 1) / (OTHERS - 1)).collect();
    messages.into_iter().enumerate().filter(|(index, _)| chosen.contains(index)).map(|(_, message)| message).collect()
}

fn groups(entries: &[Entry<'_>]) -> Vec<Vec<usize>> {
    let mut miner = Miner::new();
    let templates = miner.read(entries.iter().map(|entry| entry.msg.as_str()));
    let mut groups: BTreeMap<(&str, &str, usize), Vec<usize>> = BTreeMap::new();
    for (index, (entry, template)) in entries.iter().zip(templates).enumerate() {
        // Behind all templates each line of the rest is a group of its own.
        let template = if miner.is_rest(template) { usize::MAX - index } else { template };
        groups.entry((entry.service(), &entry.level, template)).or_default().push(index);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort();
    groups
}

/// How often what was said: of each group of two records and more of which a line is shown. Names the template in its lines.
pub(super) fn table(entries: &mut [Entry<'_>], folded: &Folded) -> Vec<LogTemplate> {
    let mut rows: Vec<(u64, &Vec<usize>)> = folded
        .groups
        .iter()
        .zip(&folded.counts)
        .filter(|(group, count)| **count > 1 && group.iter().any(|index| entries[*index].shown))
        .map(|(group, count)| (*count, group))
        .collect();
    rows.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let mut table = Vec::new();
    for ((count, group), id) in rows.into_iter().zip(1..) {
        group.iter().for_each(|index| entries[*index].template = Some(id));
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (first, last) = (&entries[*first], &entries[*last]);
        table.push(LogTemplate {
            id,
            template: String::new(),
            level: first.level.clone(),
            service: first.service().to_owned(),
            count,
            first: first.log.time.to_rfc3339(),
            last: last.log.time.to_rfc3339(),
        });
    }
    table
}
