//! A name with a value in it (`LOCAL(0)`, `eth0:avahi`) where other lines have a plain value.

use super::cluster::Cluster;
use super::form;
use super::scan::VALUE;
use super::words;

/// The forms that this line would have if one of its names with a value in it were a plain value.
pub(super) fn shortened(cluster: &Cluster) -> impl Iterator<Item = u64> {
    let names = names(cluster);
    let all = cluster.slots.iter().filter(|slot| words::is_hash(**slot)).count();
    names.into_iter().filter_map(move |(from, to)| {
        let inside = cluster.slots.get(from..to)?;
        let constants = all - inside.iter().filter(|slot| words::is_hash(**slot)).count();
        let before = cluster.slots.get(..from)?.iter().copied();
        let behind = cluster.slots.get(to..)?.iter().copied();
        (constants > 1).then(|| form(before.chain([VALUE]).chain(behind)))
    })
}

/// Runs of tokens without a space that begin with a word and have a value in them: without the signs of the sentence behind
/// them and, where they are in brackets or quotes, without those.
fn names(cluster: &Cluster) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while from < cluster.slots.len() {
        let mut to = from + 1;
        while cluster.is_glued(to) {
            to += 1;
        }
        let is_sign = |at: usize| cluster.slots.get(at).is_some_and(|slot| *slot != VALUE && !words::is_hash(*slot));
        let begin = (from..to).find(|at| !is_sign(*at)).unwrap_or(to);
        let mut end = to;
        while end > begin && matches!(cluster.word(end - 1), b"," | b";" | b":" | b"!" | b"?") {
            end -= 1;
        }
        let opened = begin - from;
        for end in [end, end.saturating_sub(opened)] {
            let slots = cluster.slots.get(begin..end).unwrap_or_default();
            if slots.len() > 1 && slots.first().is_some_and(|slot| words::is_hash(*slot)) && slots.contains(&VALUE) {
                found.push((begin, end));
            }
        }
        from = to;
    }
    found
}
