//! Texts that are known to hold nothing.
//!
//! The traces of a program say the same over and over: routes, statements, names of functions, keys of attributes. A text in which the
//! rules found nothing once need not be searched again. Only its hash is kept: 128 bits, keyed by chance at every start, so that nobody
//! can make a text that is taken for another, and nothing of the text stands in memory. What is in the memo changes no output.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Texts that are remembered at most: 16 bytes each. One that comes in the place of another takes it.
const SLOTS: usize = 1 << 15;

/// Longer texts hardly come again, and are searched each time.
const MAX_TEXT: usize = 4096;

/// The memo of all rules of one redactor.
#[derive(Debug)]
pub(crate) struct Memo {
    keys: [RandomState; 2],
    slots: Box<[[AtomicU64; 2]]>,
}

/// The hash of a text that is to be searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Print([u64; 2]);

impl Memo {
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect();
        Self { keys: [RandomState::new(), RandomState::new()], slots }
    }

    /// The hash of a text as these rules (`rules`) read a field of this kind. `None` if the text is too long to be remembered.
    pub(crate) fn print(&self, rules: usize, kind: &str, text: &str) -> Option<Print> {
        let hash = |key: &RandomState| key.hash_one((rules, kind, text));
        let [first, second] = &self.keys;
        (text.len() <= MAX_TEXT).then(|| Print([hash(first), hash(second)]))
    }

    /// Whether it is that of a text which was found to hold nothing.
    ///
    /// The two halves are read apart. Halves of two texts never make a third one's: each is as good as unique by itself.
    pub(crate) fn holds(&self, print: Print) -> bool {
        let Print([first, second]) = print;
        self.slot(print).is_some_and(|slot| {
            let [a, b] = [&slot[0], &slot[1]].map(|half| half.load(Ordering::Relaxed));
            (a, b) == (first, second) && (a, b) != (0, 0)
        })
    }

    /// Remembers a text that holds nothing.
    pub(crate) fn add(&self, print: Print) {
        let Print([first, second]) = print;
        if let Some(slot) = self.slot(print) {
            slot[0].store(first, Ordering::Relaxed);
            slot[1].store(second, Ordering::Relaxed);
        }
    }

    fn slot(&self, Print([first, second]): Print) -> Option<&[AtomicU64; 2]> {
        let index = usize::try_from((first ^ second.rotate_left(32)) % SLOTS as u64).ok()?;
        self.slots.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_remembered_for_the_rules_and_the_kind_of_field_that_it_was_clean_for() {
        let memo = Memo::new();
        let print = memo.print(0, "text", "GET /orders").unwrap();
        assert!(!memo.holds(print));
        memo.add(print);
        assert!(memo.holds(print));
        assert!(memo.holds(memo.print(0, "text", "GET /orders").unwrap()));
        for (rules, kind, text) in [(1, "text", "GET /orders"), (0, "url", "GET /orders"), (0, "text", "GET /order")] {
            assert!(!memo.holds(memo.print(rules, kind, text).unwrap()), "{rules} {kind} {text}");
        }
        assert!(memo.print(0, "text", &"x".repeat(MAX_TEXT + 1)).is_none());
    }

    #[test]
    fn more_texts_than_there_is_place_for_take_the_places_of_others() {
        let memo = Memo::new();
        let prints: Vec<Print> = (0..4 * SLOTS).map(|n| memo.print(0, "text", &n.to_string()).unwrap()).collect();
        prints.iter().for_each(|print| memo.add(*print));
        let kept = prints.iter().filter(|print| memo.holds(**print)).count();
        assert!((SLOTS / 2..=SLOTS).contains(&kept), "{kept}");
        assert!(memo.holds(*prints.last().unwrap()));
    }
}
