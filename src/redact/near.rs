//! What stands near some places of a long text.
//!
//! A file of logs is one text, and a single escape in it must not mean that all of it is decoded and searched once more. What a text says in
//! other words, or after an edit, is said near the escape or the edit: so only whole lines around those are looked at.

use std::ops::Range;

/// Shorter texts are looked at whole.
const LONG: usize = 16 << 10;

/// How far around a place is looked, before whole lines are made of it.
const REACH: usize = 2 << 10;

/// A line that goes on longer is none: then the text is looked at whole.
const LONGEST_LINE: usize = 16 << 10;

/// The parts of a text around `places` (in order), as whole lines, apart and in order. `None` if the text is to be looked at whole: it is
/// short, its lines are long, or there is hardly anything else.
pub(crate) fn parts(text: &str, places: impl Iterator<Item = Range<usize>>) -> Option<Vec<Range<usize>>> {
    if text.len() < LONG {
        return None;
    }
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut sum = 0;
    for place in places {
        let covered = parts.last().map_or(0, |part| part.end);
        if place.end + REACH <= covered {
            continue;
        }
        let start = line_start(text, place.start.saturating_sub(REACH))?.max(covered);
        let end = line_end(text, (place.end + REACH).min(text.len()))?;
        match parts.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => parts.push(start..end),
        }
        sum += end - start;
        if sum > text.len() / 2 {
            return None;
        }
    }
    Some(parts)
}

/// Where the line begins that `at` stands in.
fn line_start(text: &str, at: usize) -> Option<usize> {
    let from = at.saturating_sub(LONGEST_LINE);
    let head = text.as_bytes().get(from..at)?;
    match memchr::memrchr(b'\n', head) {
        Some(newline) => Some(from + newline + 1),
        None => (from == 0).then_some(0),
    }
}

/// Behind the newline that ends the line in which `at` stands.
fn line_end(text: &str, at: usize) -> Option<usize> {
    let to = (at + LONGEST_LINE).min(text.len());
    let rest = text.as_bytes().get(at..to)?;
    match memchr::memchr(b'\n', rest) {
        Some(newline) => Some(at + newline + 1),
        None => (to == text.len()).then_some(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines_around_places_and_none_where_all_would_be_one() {
        let line = format!("{}\n", "x".repeat(99));
        let text = line.repeat(1000);
        let all = |places: &[(usize, usize)]| {
            let parts = parts(&text, places.iter().map(|(start, end)| *start..*end))?;
            Some(parts.into_iter().map(|part| (part.start, part.end)).collect::<Vec<_>>())
        };
        assert_eq!(all(&[(50_050, 50_051)]), Some(vec![(48_000, 52_100)]));
        let apart = Some(vec![(0, 4_100), (87_900, 92_100)]);
        assert_eq!(all(&[(10, 11), (2_000, 2_001), (90_000, 90_010)]), apart);
        assert_eq!(all(&[]), Some(vec![]));
        let everywhere: Vec<(usize, usize)> = (0..100).map(|n| (n * 1000, n * 1000 + 1)).collect();
        assert_eq!(all(&everywhere), None);
        assert_eq!(parts("short", std::iter::once(0..1)), None);
        assert_eq!(parts(&"x".repeat(100_000), std::iter::once(50_000..50_001)), None);
    }
}
