//! Secrets by name and chance: a text that looks random beside the name of a service or a word that tells a credential.
//!
//! Looking random is not enough: ids of blocks, commits and traces do. What stands around the text decides.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use super::chance::{Chance, looks_random};
use super::services::{SERVICES, WORDS};
use crate::redact::detect::{Detector, Finding};
use crate::redact::detectors::text::{after, before, line_behind, run_start, slice};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token;

/// Shortest text that is looked at, and longest.
const LENGTH: std::ops::RangeInclusive<usize> = 15..=512;
/// Longest name of a class of tokens, and its colon.
const LONGEST_CLASS: usize = 16;
/// How far before a text its name counts, and how far behind it on the same line.
const LOOK_BACK: usize = 64;
const LOOK_AHEAD: usize = 32;
/// Longest name that `=` joins to its value.
const LONGEST_NAME: usize = 64;

#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// Names of services, and whether each is a word besides.
    services: AhoCorasick,
    /// A credential's name with a sign that gives it this value.
    credential: Regex,
    /// A credential's name that a sentence says before this value.
    spoken: Regex,
    /// A credential's name in an object whose next field gives this value.
    apart: Regex,
    /// A word of credentials anywhere.
    noun: Regex,
    /// Any name with a sign that gives it this value.
    assigned: Regex,
    /// Names of what looks random and is no secret.
    harmless: Regex,
}

/// The compiled names, which never change.
static NAMED: LazyLock<Result<Named, String>> = LazyLock::new(Named::compile);

impl Named {
    pub(crate) fn new() -> Result<Self, String> {
        NAMED.clone()
    }

    fn compile() -> Result<Self, String> {
        let compile = |pattern: &str| {
            // Where letters beyond ASCII count for the bounds of a word, one of them makes a search many times as slow.
            let pattern = pattern.replace(r"\b", r"(?-u:\b)");
            regex::RegexBuilder::new(&pattern).size_limit(16 << 20).build().map_err(|error| error.to_string())
        };
        const GIVEN: &str = r#"["'\])}\\]{0,4}[\s,]{0,3}(?:[:=]{1,3}>?|=>|->|\bis\b|>|\()[\s]{0,3}(?:[A-Za-z]{1,12}[ ])?[@"'`(\[{\\]{0,4}$"#;
        Ok(Self {
            services: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostLongest)
                // Few texts come this far, and short ones: the automaton that is a little faster takes 2.5 MB.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(SERVICES.iter().chain(WORDS))
                .map_err(|error| error.to_string())?,
            credential: compile(&format!(
                r"(?i)(?:key|token|secret|passw|passwd|pwd|pass|auth|cred|\bpat\b|signature|\bsig\b|bearer|webhook|licen[cs]e[ _-]?key|client|account|jwt|cookie|session|salt|nonce)[a-z0-9_.-]{{0,24}}{GIVEN}"
            ))?,
            spoken: compile(
                r#"(?i)(?:\b|_)(?:(?:api|access|secret|auth|private|licen[cs]e|app|consumer|service|account|master)[ _-]?keys?|(?:\w{1,12}[ _-])?(?:token|secret|credential|password|passphrase)s?)(?: (?:is|was|of|for|to|with|value|string|named|called|provided|given|supplied|used|received|found|rejected|refused|sent)){0,2}[\s:=|-]{1,4}["'`(\[<]{0,2}$"#,
            )?,
            apart: compile(&format!(
                r#"(?i)(?:key|token|secret|auth|cred|webhook)[a-z0-9_.-]{{0,24}}["'\\]{{0,4}}[\s{{}},]{{1,24}}["'\\]{{0,2}}(?:value|default|defaultvalue){GIVEN}"#
            ))?,
            noun: compile(r"(?i)(?:key|token|secret|passw|pwd|auth|cred|login)")?,
            assigned: compile(&format!(r"[A-Za-z0-9_.-]{GIVEN}"))?,
            harmless: compile(
                r"(?i)(?:commit|revision|\brev\b|sha-?\d*|digest|etag|checksum|md5|crc|hash|trace|span|request|correlation|transaction|version|build|blk|block|public[_ -]?key|fingerprint|uuid|guid|thread|task|attempt|container|\bpod\b|instance|message[_-]?id)(?:s|ids?|no|number|value|code|parent|ed)?(?:[_ .-][a-z_ .-]{0,11})?[^A-Za-z0-9]{0,6}$",
            )?,
        })
    }

    /// Whether what has this chance is a secret by what stands around it.
    fn is_secret(&self, text: &str, start: usize, end: usize, chance: Chance) -> bool {
        let from = text.ceil_char_boundary(start.saturating_sub(LOOK_BACK));
        let (head, tail) = (slice(text, from, start), line_behind(text, end, LOOK_AHEAD));
        // Nothing is said of what stands alone.
        if head.is_empty() && tail.is_empty() || self.harmless.is_match(head) {
            return false;
        }
        if chance >= Chance::Uuid
            && (self.credential.is_match(head) || self.spoken.is_match(head) || self.apart.is_match(head))
        {
            return true;
        }
        let is_assigned = self.assigned.is_match(head);
        let is_given = is_assigned || head.ends_with(['"', '\'', '`']);
        let has_noun = || self.noun.is_match(head) || self.noun.is_match(tail);
        let may_be_one = match chance {
            Chance::Good => true,
            Chance::Fair | Chance::Uuid => is_given,
            Chance::Poor => is_assigned && has_noun(),
            Chance::None => false,
        };
        // To look for all names of services is dear.
        let Some(service) = may_be_one.then(|| self.service(text, from, start, end + tail.len())).flatten() else {
            return false;
        };
        match chance {
            // A service's name is no more than a hint: its id of an object looks as random as its key.
            Chance::Good => !service.is_word && (is_given || service.is_beside) || has_noun(),
            Chance::Fair => !service.is_word || has_noun(),
            Chance::Uuid => is_assigned && !service.is_word || has_noun(),
            Chance::Poor => true,
            Chance::None => false,
        }
    }

    /// The service that is named around a text: the last before it, else the first behind it.
    fn service(&self, text: &str, from: usize, start: usize, to: usize) -> Option<Service> {
        let is_name = |one: &aho_corasick::Match, base: usize| begins_word(text, base + one.start(), base + one.end());
        let of = |one: aho_corasick::Match, base: usize| {
            let gap = slice(text, base + one.end(), start);
            Service {
                is_word: one.pattern().as_usize() >= SERVICES.len(),
                is_beside: base + one.end() <= start
                    && !gap.contains(|char: char| char.is_alphanumeric() || char == '/'),
            }
        };
        let before = self.services.find_iter(slice(text, from, start)).filter(|one| is_name(one, from)).last();
        before.map(|one| of(one, from)).or_else(|| {
            self.services.find_iter(slice(text, start, to)).find(|one| is_name(one, start)).map(|one| of(one, start))
        })
    }
}

/// A service that is named near a text.
struct Service {
    /// Whether its name is a word besides.
    is_word: bool,
    /// Whether nothing but signs stands between the two.
    is_beside: bool,
}

/// Whether a name begins a word, also one in camel case, and a short one ends it too.
fn begins_word(text: &str, start: usize, end: usize) -> bool {
    const SHORT: usize = 5;
    let begins = !before(text, start).is_some_and(|char| char.is_alphanumeric())
        || after(text, start).is_some_and(char::is_uppercase) && before(text, start).is_some_and(char::is_lowercase);
    let is_camel =
        after(text, end).is_some_and(char::is_uppercase) && before(text, end).is_some_and(char::is_lowercase);
    let ends = !after(text, end).is_some_and(char::is_alphanumeric) || is_camel;
    begins && (end - start > SHORT || ends)
}

impl Detector for Named {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for run in &survey.runs {
            let whole = slice(text, run.start, run.end);
            let whole = whole.trim_start_matches(|char: char| !char.is_ascii_alphanumeric());
            let start = run.end - whole.len();
            let is_hook = is_hook(text, start, whole);
            let mut look_at = |(start, end): (usize, usize)| {
                let chance = Chance::of(slice(text, start, end));
                let is_part_of_hook = is_hook && chance >= Chance::Uuid;
                let is_secret = || is_part_of_hook || self.is_secret(text, start, end, chance);
                if chance != Chance::None && !is_ours(text, start, end) && is_secret() {
                    let start = with_id(text, start);
                    found.push(super::secret(start, end, "named_secret", slice(text, start, end)));
                }
            };
            if is_hook {
                path_parts(text, start, run.end).into_iter().for_each(look_at);
            } else if let Some(value) = value(text, start, run.end) {
                look_at(value);
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Run
    }
}

/// Whether a run of signs is the rest of a hook's URL: whoever knows its path may call it.
fn is_hook(text: &str, start: usize, run: &str) -> bool {
    text.get(..start).is_some_and(|head| head.ends_with("//")) && run.to_ascii_lowercase().contains("hook")
}

/// The parts of a path that are as long as keys.
fn path_parts(text: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    let mut at = start;
    let parts = slice(text, start, end).split('/').map(|part| {
        let from = at;
        at += part.len() + 1;
        (from, from + part.len())
    });
    parts.skip(1).filter(|(from, to)| LENGTH.contains(&(to - from))).collect()
}

/// What may be a key in a run of signs: what stands behind the name that `=` joins to it.
fn value(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let mut from = start;
    while let Some((name, value)) = slice(text, from, end).split_once('=')
        && !value.trim_end_matches('=').is_empty()
        && name.len() <= LONGEST_NAME
        && !looks_random(name)
    {
        from += name.len() + 1;
    }
    let value = slice(text, from, end).trim_end_matches(['.', '!', '~']);
    let end = from + value.len();
    // A key of base64url may begin with a sign.
    let head = run_start(text, from, 2, |char| matches!(char, '-' | '_'));
    let is_begun = match before(text, head) {
        Some('"' | '\'' | '`' | '=') => true,
        Some(' ') => slice(text, head, from).starts_with('_'),
        _ => false,
    };
    let from = if is_begun { head } else { from };
    LENGTH.contains(&(end - from)).then_some((from, end))
}

/// Whether `start..end` is the end of one of our tokens.
fn is_ours(text: &str, start: usize, end: usize) -> bool {
    let is_name = |char: char| char.is_ascii_lowercase() || char == '_';
    let shape = |from: usize| text.get(from..).and_then(token::shape).map(|length| from + length);
    shape(run_start(text, start, LONGEST_CLASS, |char| is_name(char) || char == ':')).is_some()
        // Behind a name: `user:user:U-…`.
        || before(text, start) == Some(':')
            && shape(run_start(text, start - 1, LONGEST_CLASS, is_name)).is_some_and(|token| token >= end)
}

/// The id that stands before a secret, joined by a colon, belongs to it: `123456:s3cr…`.
fn with_id(text: &str, start: usize) -> usize {
    const SHORTEST: usize = 6;
    let Some(head) = text.get(..start).and_then(|head| head.strip_suffix(':')) else { return start };
    let from = run_start(text, head.len(), LONGEST_NAME, |char| {
        char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.')
    });
    let id = slice(text, from, head.len());
    let is_id = id.len() >= SHORTEST && id.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if is_id && !is_ours(text, from, start) { from } else { start }
}
