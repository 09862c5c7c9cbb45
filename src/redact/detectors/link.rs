//! Links that open something for whoever has them: a reset of a password, an invitation, a signed download. What opens it is the segment
//! of the path that looks random, behind a segment that says what the link does.
//!
//! A random segment behind any other word names an object (`/orders/7d1f4c2e-…`): it opens nothing without a login, the same object is
//! the same id in a log, a span and a database, and it is evidence. It stays.

use super::text::{after, run_end, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen, Word};
use crate::redact::token::Class;

/// What the segments of such links begin with.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "/reset", "/password", "/forgot", "/recover", "/invit", "/unsubscribe", "/opt-out", "/optout", "/verif", "/confirm", "/activat", "/magic",
    "/one-time", "/onetime", "/signed", "/share/", "/shared/", "/join/", "/accept", "/hooks/", "/webhook", "/token", "/auth/", "/login/",
    "/blobs/", "/representations/", "/redirect/", "/callback/", "/approve", "/validate", "/preview/",
];

/// How many segments behind the word are looked at: ids of users and names of actions may stand between.
const SEGMENTS: usize = 3;

/// Shortest segment that opens something.
const MIN_KEY: usize = 8;

#[derive(Debug)]
pub(super) struct Link;

impl Detector for Link {
    fn find(&self, Seen { text, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let mut done = 0;
        for Word { start, end, .. } in words {
            if *start < done {
                continue;
            }
            // The rest of the word: `/reset-password/`.
            let rest =
                if slice(text, *start, *end).ends_with('/') { end - 1 } else { run_end(text, *end, 64, is_segment) };
            let mut at = rest;
            for _ in 0..SEGMENTS {
                if after(text, at) != Some('/') {
                    break;
                }
                let end = run_end(text, at + 1, usize::MAX, is_segment);
                let segment = slice(text, at + 1, end).trim_end_matches('.');
                if opens(segment) {
                    let start = at + 1;
                    found.push(Finding::token(start, start + segment.len(), "link_key", Class::Secret, segment));
                    done = end;
                }
                at = end;
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        WORDS.iter().map(|word| (*word).to_owned()).collect()
    }
}

fn is_segment(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | '~' | '=' | '%' | '+')
}

/// Whether a segment is no word, number, date or file: letters and digits change in it as chance would have it.
fn opens(segment: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let (digits, letters) =
        (segment.bytes().filter(is_digit).count(), segment.bytes().filter(u8::is_ascii_alphabetic).count());
    let changes =
        segment.as_bytes().windows(2).filter(|pair| matches!(pair, [a, b] if is_digit(a) != is_digit(b))).count();
    let cases = segment
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    let is_file = segment
        .rsplit_once('.')
        .is_some_and(|(_, kind)| (2..=4).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_alphabetic()));
    segment.len() >= MIN_KEY
        && !is_file
        && letters > 0
        && (digits >= 2 && changes >= 2 || segment.len() >= 20 && cases >= 3)
}
