//! The evidence that a word is a value: how many others stand in its place, what stands around it, how it is written.

use super::cluster::Cluster;
use super::scan::VALUE;
use super::words;

/// Words behind which a value stands.
const ANNOUNCERS: &[&[u8]] = &[b"user", b"username", b"hostname"];
/// Words behind which a value may stand, and those that may follow it then.
const LEADERS: &[&[u8]] = &[b"for", b"from", b"by"];
const FOLLOWERS: &[&[u8]] = &[b"at", b"by", b"from", b"on", b"port", b"with"];
/// Words for a boolean.
const SWITCHES: &[&[u8]] = &[b"on", b"off", b"yes", b"no"];

/// Whether what stands in this place of otherwise equal lines is a value.
pub(super) fn is_value(position: usize, members: &[&Cluster]) -> bool {
    let Some(first) = members.first() else { return false };
    let constants = constants(first, &[position]);
    let words: Vec<&[u8]> =
        members.iter().filter(|cluster| cluster.is_word(position)).map(|cluster| cluster.word(position)).collect();
    if words.is_empty() {
        return true;
    }
    if stands_alone(position, first) && words.iter().all(|word| is_switch(word)) {
        return constants > 0;
    }
    if members.iter().any(|cluster| cluster.learned.contains(&position)) {
        return constants > 0;
    }
    if is_announced(position, first) {
        return constants > 0 || members.len() > 3;
    }
    let most = |looks: fn(&[u8]) -> bool| words.iter().filter(|word| looks(word)).count() * 4 >= words.len() * 3;
    // `READY` and `BUSY` are as often two states that one statement has as two that two statements name.
    let is_named = most(|word| is_name(word) && (word.len() == 1 || word.iter().any(u8::is_ascii_lowercase)));
    if words.len() < members.len() {
        // A number stands there too.
        return match constants {
            0 => false,
            1 => members.len() > 3,
            2 => is_named || members.len() > 3,
            _ => true,
        };
    }
    let needed = match (constants, is_named) {
        (0, _) => return false,
        (2.., true) if most(is_qualified) => 2,
        (6.., false) if is_led(position, first) => 2,
        (3.., false) if is_led(position, first) && is_followed(position, first) => 2,
        (2..=5, false) if is_led(position, first) => 4,
        (1, false) => 8,
        (2 | 3, false) => 6,
        (8.., false) if most(is_name) => 2,
        (_, false) => 5,
        (1, true) => 4,
        (2..=7, true) => 3,
        (_, true) => 2,
    };
    members.len() >= if begins(position, first) { needed * 3 } else { needed }
}

/// Where two lines differ, if only in what looks like values, while much more of them is alike.
pub(super) fn differing_values(a: &Cluster, b: &Cluster) -> Option<Vec<usize>> {
    let pairs = a.slots.iter().zip(&b.slots);
    let places: Vec<usize> = pairs.enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
    if !(2..=MAX_PLACES).contains(&places.len()) {
        return None;
    }
    let both = |place: &usize, looks: fn(&[u8]) -> bool| {
        [a, b].iter().all(|cluster| !cluster.is_word(*place) || looks(cluster.word(*place)))
    };
    let all = |looks: fn(&[u8]) -> bool| places.iter().all(|place| both(place, looks));
    let alike = match () {
        () if all(is_switch) => 1,
        () if all(is_qualified) => places.len(),
        () => 3 * places.len(),
    };
    let is_value = |place: &usize| {
        is_announced(*place, a) || both(place, is_switch) || (!begins(*place, a) && both(place, is_name))
    };
    (constants(a, &places) >= alike && places.iter().all(is_value)).then_some(places)
}

/// Whether lines that differ in these places, by many words in each, are alike enough to be one.
pub(super) fn are_values(line: &Cluster, places: &[usize]) -> bool {
    constants(line, places) >= places.len().max(2) && places.iter().all(|place| !begins(*place, line))
}

/// Most places in which a pair may differ.
const MAX_PLACES: usize = 4;

/// How many words a cluster has besides those in these places.
fn constants(cluster: &Cluster, but_for: &[usize]) -> usize {
    (0..cluster.slots.len()).filter(|at| cluster.is_word(*at) && !but_for.contains(at)).count()
}

/// Whether a value is what stands here: `key=`, `key:` without a space, a quoted word, `user …`.
fn is_announced(position: usize, cluster: &Cluster) -> bool {
    let Some(before) = position.checked_sub(1) else { return false };
    if cluster.is_word(before) {
        return is_one_of(cluster.word(before), ANNOUNCERS);
    }
    match cluster.word(before) {
        b"=" => true,
        b"," => closes_list(position, cluster),
        b":" => position > 1 && cluster.is_glued(position) && cluster.is_word(position - 2),
        quote @ (b"\"" | b"'") => cluster.is_glued(position + 1) && cluster.word(position + 1) == quote,
        _ => false,
    }
}

/// Whether it is the last of a list in brackets, behind a value: `(54, powerd)`.
fn closes_list(position: usize, cluster: &Cluster) -> bool {
    position > 1
        && cluster.slots.get(position - 2) == Some(&VALUE)
        && matches!(cluster.word(position + 1), b")" | b"]" | b"}")
}

/// Whether it stands behind a word that leads to a name.
fn is_led(position: usize, cluster: &Cluster) -> bool {
    position.checked_sub(1).is_some_and(|before| cluster.is_word(before) && is_one_of(cluster.word(before), LEADERS))
}

/// Whether a word that leads on stands behind it: `for root from`.
fn is_followed(position: usize, cluster: &Cluster) -> bool {
    cluster.is_word(position + 1) && is_one_of(cluster.word(position + 1), FOLLOWERS)
}

/// Whether no verb that it may belong to stands before it (`turn off`).
fn stands_alone(position: usize, cluster: &Cluster) -> bool {
    position.checked_sub(1).is_some_and(|before| !cluster.is_word(before) || is_switch(cluster.word(before)))
}

/// A boolean in words.
fn is_switch(word: &[u8]) -> bool {
    is_one_of(word, SWITCHES)
}

/// Whether no word stands before it: statements begin with what they are about.
fn begins(position: usize, cluster: &Cluster) -> bool {
    !(0..position).any(|at| cluster.is_word(at))
}

fn is_one_of(word: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// `org.example.Name`
fn is_qualified(word: &[u8]) -> bool {
    words::dots(word) > 1
}

/// Names are of one letter, or written with signs and capitals within them; words of a sentence are not.
fn is_name(word: &[u8]) -> bool {
    let inner = word.get(1..).unwrap_or_default();
    let in_names = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'.' | b'_' | b'/' | b'$' | b'#' | b'@' | b'+');
    inner.is_empty() || inner.iter().any(in_names) || word.ends_with(b"-")
}
