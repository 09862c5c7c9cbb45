//! From lines that are equal but for their values to those that are equal but for words that are values too.
//!
//! Clusters of one shape (the same signs, the same number of tokens) are compared. Those that differ in one place are joined
//! where [`judge`] finds evidence enough, those with most evidence first, and what came of it is compared again.

use std::collections::BTreeSet;

use super::cluster::Cluster;
use super::judge;
use super::scan::VALUE;
use super::words;
use super::{Forms, form};

/// Most times that the clusters of a shape are compared.
const MAX_ROUNDS: usize = 16;
/// Fewest lines, and fewest words in a place of them, that tell of values in several places.
const MANY: usize = 10;
/// Stands for any word that is rare in its place.
const RARE: u64 = u64::MAX;
/// Most clusters that are compared pair by pair.
const MAX_PAIRED: usize = 256;

/// Joins clusters of one shape until none is left that should be.
pub(super) fn merge(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let mut clusters = columns(absorb(clusters));
    for _ in 0..MAX_ROUNDS {
        let before = clusters.len();
        clusters = one_place(clusters);
        if clusters.len() == before && before <= MAX_PAIRED {
            clusters = several_places(clusters);
        }
        if clusters.len() == before {
            break;
        }
    }
    clusters
}

/// Joins to templates what differs from them only in words that were found to be values before.
fn absorb(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let known: BTreeSet<Vec<usize>> =
        clusters.iter().filter(|cluster| cluster.template.is_some()).map(|cluster| cluster.learned.clone()).collect();
    let mut clusters: Vec<Option<Cluster>> = clusters.into_iter().map(Some).collect();
    for learned in known.iter().filter(|learned| !learned.is_empty()) {
        let mut groups = Groups::default();
        for (index, cluster) in clusters.iter().enumerate() {
            let Some(cluster) = cluster.as_ref().filter(|one| one.template.is_none() || one.learned == *learned) else {
                continue;
            };
            let key = form(cluster.slots.iter().enumerate().map(|(at, slot)| match learned.contains(&at) {
                true => VALUE,
                false => *slot,
            }));
            groups.add(key, index);
        }
        // Templates stand before what is new.
        let has_template = |index: &usize| matches!(clusters.get(*index), Some(Some(one)) if one.template.is_some());
        let groups: Vec<Vec<usize>> =
            groups.of(2).into_iter().filter(|group| group.first().is_some_and(has_template)).collect();
        groups.iter().for_each(|group| join(&mut clusters, group, learned));
    }
    clusters.into_iter().flatten().collect()
}

/// Joins clusters that differ in several places in which many words stand, none of them often, and are alike in as many.
fn columns(clusters: Vec<Cluster>) -> Vec<Cluster> {
    if clusters.len() < MANY {
        return clusters;
    }
    let uneven = uneven(&clusters);
    let mut often = Forms::default();
    for cluster in &clusters {
        for position in &uneven {
            *often.entry(cluster.slots.get(*position).map_or(0, |slot| summand(*position, *slot))).or_default() += 1;
        }
    }
    let enough = MANY.max(clusters.len() / 20);
    let is_rare = |(position, slot): (usize, u64)| {
        words::is_hash(slot) && often.get(&summand(position, slot)).is_some_and(|count| *count < enough)
    };
    let mut groups = Groups::default();
    for (index, cluster) in clusters.iter().enumerate() {
        let slots = cluster.slots.iter().enumerate();
        let key = form(slots.map(|(at, slot)| if is_rare((at, *slot)) { RARE } else { *slot }));
        groups.add(key, index);
    }
    let found: Vec<(Vec<usize>, Vec<usize>)> = groups
        .of(MANY)
        .into_iter()
        .filter_map(|group| {
            let first = clusters.get(*group.first()?)?;
            let slots = first.slots.iter().enumerate();
            let rare: Vec<usize> = slots.filter(|(at, slot)| is_rare((*at, **slot))).map(|(at, _)| at).collect();
            let varies = |at: &usize| {
                let words: BTreeSet<u64> =
                    group.iter().filter_map(|index| clusters.get(*index)?.slots.get(*at).copied()).collect();
                words.len() >= MANY
            };
            (rare.len() > 1 && judge::are_values(first, &rare) && rare.iter().all(varies)).then_some((group, rare))
        })
        .collect();
    let mut clusters: Vec<Option<Cluster>> = clusters.into_iter().map(Some).collect();
    found.iter().for_each(|(group, rare)| join(&mut clusters, group, rare));
    clusters.into_iter().flatten().collect()
}

/// Joins the clusters that differ in one place.
fn one_place(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let sums: Vec<u64> = clusters.iter().map(sum).collect();
    let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
    for position in uneven(&clusters) {
        for group in alike_but_for(position, &clusters, &sums) {
            let members: Vec<&Cluster> = group.iter().filter_map(|index| clusters.get(*index)).collect();
            if judge::is_value(position, &members) {
                found.push((position, group));
            }
        }
    }
    found.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    let mut clusters: Vec<Option<Cluster>> = clusters.into_iter().map(Some).collect();
    // What was joined is no longer what was compared: it waits for the next round.
    let mut joined = BTreeSet::new();
    for (position, group) in found {
        if group.iter().all(|index| !joined.contains(index)) {
            join(&mut clusters, &group, &[position]);
            joined.extend(group);
        }
    }
    clusters.into_iter().flatten().collect()
}

/// The places in which not all clusters are alike.
fn uneven(clusters: &[Cluster]) -> Vec<usize> {
    let Some((first, rest)) = clusters.split_first() else { return Vec::new() };
    let differs = |at: &usize| rest.iter().any(|cluster| cluster.slots.get(*at) != first.slots.get(*at));
    (0..first.slots.len()).filter(differs).collect()
}

/// The groups of clusters that are alike everywhere but here.
fn alike_but_for(position: usize, clusters: &[Cluster], sums: &[u64]) -> Vec<Vec<usize>> {
    let mut groups = Groups::default();
    for (index, (cluster, sum)) in clusters.iter().zip(sums).enumerate() {
        let here = cluster.slots.get(position).copied().unwrap_or(VALUE);
        groups.add(sum.wrapping_sub(summand(position, here)), index);
    }
    groups.of(2)
}

/// Clusters by a hash of what they have in common.
#[derive(Default)]
struct Groups {
    numbers: Forms,
    groups: Vec<Vec<usize>>,
}

impl Groups {
    fn add(&mut self, key: u64, cluster: usize) {
        let number = *self.numbers.entry(key).or_insert(self.groups.len());
        match self.groups.get_mut(number) {
            Some(group) => group.push(cluster),
            None => self.groups.push(vec![cluster]),
        }
    }

    /// Those of `fewest` clusters or more, in the order of their first.
    fn of(self, fewest: usize) -> Vec<Vec<usize>> {
        self.groups.into_iter().filter(|group| group.len() >= fewest).collect()
    }
}

/// A hash of all places from which one can be taken away.
fn sum(cluster: &Cluster) -> u64 {
    cluster.slots.iter().enumerate().fold(0, |sum, (position, slot)| sum.wrapping_add(summand(position, *slot)))
}

fn summand(position: usize, slot: u64) -> u64 {
    words::fold(position as u64, slot)
}

/// Joins pairs that differ in several places.
fn several_places(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let mut clusters: Vec<Option<Cluster>> = clusters.into_iter().map(Some).collect();
    for first in 0..clusters.len() {
        for second in first + 1..clusters.len() {
            let (Some(Some(a)), Some(Some(b))) = (clusters.get(first), clusters.get(second)) else { continue };
            if let Some(places) = judge::differing_values(a, b) {
                join(&mut clusters, &[first, second], &places);
            }
        }
    }
    clusters.into_iter().flatten().collect()
}

/// Makes one of a group whose members differ in these places. Of two that are templates already, both stay.
fn join(clusters: &mut [Option<Cluster>], group: &[usize], places: &[usize]) {
    let Some((first, rest)) = group.split_first() else { return };
    let Some(mut joined) = clusters.get_mut(*first).and_then(Option::take) else { return };
    let mut grew = false;
    for index in rest {
        let Some(place) = clusters.get_mut(*index) else { continue };
        if joined.template.is_some() && place.as_ref().is_some_and(|other| other.template.is_some()) {
            continue;
        }
        if let Some(other) = place.take() {
            joined.template = joined.template.or(other.template);
            joined.members.extend(other.members);
            grew = true;
        }
    }
    for place in places.iter().filter(|_| grew) {
        if let Some(slot) = joined.slots.get_mut(*place).filter(|slot| **slot != VALUE) {
            *slot = VALUE;
            joined.learned.push(*place);
        }
    }
    if let Some(place) = clusters.get_mut(*first) {
        *place = Some(joined);
    }
}
