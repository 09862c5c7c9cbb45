//! Texts that were searched already.
//!
//! The traces of a program say the same over and over: routes, statements, names of functions, keys of attributes, addresses of peers. A text
//! is known by its hash: 128 bits, keyed by chance at every start, so that nobody can make a text that is taken for another. Of those that
//! hold nothing, which are most, nothing else is kept; of some short others, what was found. What is in the memo changes no output.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::detect::Finding;
use super::remarks::Replaced;
use super::token::Class;

/// Texts that hold nothing which are remembered at most: 16 bytes each. One that comes in the place of another takes it.
const SLOTS: usize = 1 << 15;

/// Longer texts hardly come again, and are searched each time.
const MAX_TEXT: usize = 4096;

/// Texts that hold something which are remembered at most, and how long they are. When there are more, all are forgotten.
const MAX_FOUND: usize = 4096;
const MAX_FOUND_TEXT: usize = 512;

/// The memo of all rules of one redactor.
#[derive(Debug)]
pub(crate) struct Memo {
    keys: [u64; 2],
    clean: Box<[[AtomicU64; 2]]>,
    found: Mutex<HashMap<Print, Arc<Found>, foldhash::fast::RandomState>>,
}

/// What was found in a text, and what became of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) findings: Vec<Finding>,
    pub(crate) settled: String,
    pub(crate) edits: Vec<Replaced>,
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'s> {
    /// By its words alone.
    Text,
    /// The same, and it may be all of somebody's number.
    Message,
    /// Its parameters are judged by their names.
    Url,
    /// An id of ours, in which nothing may stand that is anybody's.
    Ours,
    /// Its literals are cut out: a statement for this system.
    Statement(&'s str),
    /// By its name it is one value of this class, as this rule says.
    Value(Class, &'s str),
}

/// The hash of a text that is to be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Print([u64; 2]);

impl Memo {
    pub(crate) fn new() -> Self {
        let clean = (0..SLOTS).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect();
        // The standard library has no other source of chance; its own hash has 64 bits.
        let key = || RandomState::new().hash_one(());
        Self { keys: [key(), key()], clean, found: Mutex::default() }
    }

    /// The hash of a text as these rules (`rules`) read a field of this kind. `None` if the text is too long to be remembered.
    pub(crate) fn print(&self, rules: usize, kind: Kind<'_>, text: &str) -> Option<Print> {
        let (number, told) = match kind {
            Kind::Text => (0, None),
            Kind::Message => (1, None),
            Kind::Url => (2, None),
            Kind::Ours => (3, None),
            Kind::Statement(system) => (4, Some(system)),
            Kind::Value(class, rule) => (5 + class as u64, Some(rule)),
        };
        (text.len() <= MAX_TEXT).then(|| {
            // Rules and kinds have keys of their own: to write them before each text takes as long as a short text does.
            let [first, second] = self.keys;
            let mut hasher = SipHasher13::new_with_keys(first ^ ((rules as u64) << 8 | number), second);
            if let Some(told) = told {
                hasher.write_u64(told.len() as u64);
                hasher.write(told.as_bytes());
            }
            hasher.write(text.as_bytes());
            let hash = hasher.finish128();
            Print([hash.h1, hash.h2])
        })
    }

    /// Whether it is that of a text which was found to hold nothing.
    ///
    /// The two halves are read apart. Halves of two texts never make a third one's: each is as good as unique by itself.
    pub(crate) fn is_clean(&self, print: Print) -> bool {
        let Print([first, second]) = print;
        self.slot(print).is_some_and(|slot| {
            let [a, b] = [&slot[0], &slot[1]].map(|half| half.load(Ordering::Relaxed));
            (a, b) == (first, second) && (a, b) != (0, 0)
        })
    }

    /// Remembers a text that holds nothing.
    pub(crate) fn add_clean(&self, print: Print) {
        let Print([first, second]) = print;
        if let Some(slot) = self.slot(print) {
            slot[0].store(first, Ordering::Relaxed);
            slot[1].store(second, Ordering::Relaxed);
        }
    }

    /// What was found in a text.
    pub(crate) fn found(&self, print: Print) -> Option<Arc<Found>> {
        self.found.lock().get(&print).cloned()
    }

    /// Remembers what was found in a text.
    pub(crate) fn add_found(&self, print: Print, found: &Arc<Found>) {
        if found.settled.len() <= MAX_FOUND_TEXT {
            let mut all = self.found.lock();
            if all.len() >= MAX_FOUND {
                all.clear();
            }
            all.insert(print, Arc::clone(found));
        }
    }

    fn slot(&self, Print([first, second]): Print) -> Option<&[AtomicU64; 2]> {
        let index = usize::try_from((first ^ second.rotate_left(32)) % SLOTS as u64).ok()?;
        self.clean.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_remembered_for_the_rules_and_the_kind_of_field_that_it_was_clean_for() {
        let memo = Memo::new();
        let print = memo.print(0, Kind::Text, "GET /orders").unwrap();
        assert!(!memo.is_clean(print));
        memo.add_clean(print);
        assert!(memo.is_clean(print));
        assert!(memo.is_clean(memo.print(0, Kind::Text, "GET /orders").unwrap()));
        for (rules, kind, text) in
            [(1, Kind::Text, "GET /orders"), (0, Kind::Url, "GET /orders"), (0, Kind::Text, "GET /order")]
        {
            assert!(!memo.is_clean(memo.print(rules, kind, text).unwrap()), "{rules} {kind:?} {text}");
        }
        assert!(memo.print(0, Kind::Text, &"x".repeat(MAX_TEXT + 1)).is_none());
    }

    #[test]
    fn what_was_found_is_remembered_for_short_texts_and_forgotten_when_there_is_too_much_of_it() {
        let memo = Memo::new();
        let found =
            |settled: &str| Arc::new(Found { findings: Vec::new(), settled: settled.to_owned(), edits: Vec::new() });
        let prints: Vec<Print> = (0..=MAX_FOUND).map(|n| memo.print(0, Kind::Text, &n.to_string()).unwrap()).collect();
        for print in &prints[..MAX_FOUND] {
            memo.add_found(*print, &found("x"));
        }
        assert_eq!(memo.found(prints[0]).unwrap().settled, "x");
        memo.add_found(prints[MAX_FOUND], &found("y"));
        assert!(memo.found(prints[0]).is_none() && memo.found(prints[MAX_FOUND]).is_some());
        let long = memo.print(0, Kind::Text, "long").unwrap();
        memo.add_found(long, &found(&"x".repeat(MAX_FOUND_TEXT + 1)));
        assert!(memo.found(long).is_none());
    }

    #[test]
    fn more_texts_than_there_is_place_for_take_the_places_of_others() {
        let memo = Memo::new();
        let prints: Vec<Print> = (0..4 * SLOTS).map(|n| memo.print(0, Kind::Text, &n.to_string()).unwrap()).collect();
        prints.iter().for_each(|print| memo.add_clean(*print));
        let kept = prints.iter().filter(|print| memo.is_clean(**print)).count();
        assert!((SLOTS / 2..=SLOTS).contains(&kept), "{kept}");
        assert!(memo.is_clean(*prints.last().unwrap()));
    }
}
