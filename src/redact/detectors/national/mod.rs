//! National numbers of people, firms and health systems. A number counts beside a word that names it and with right check
//! digits, where it has any: a number with a wrong one is another number.

mod checks;
mod table;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use self::table::{COUNTRIES, GENERAL};
use super::on_demand::OnDemand;
use super::text::{after, before, is_unspaced, run_start, slice, stands_alone};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen, Word};
use crate::redact::token::Class;

pub(crate) use self::table::ids;

/// How far behind its name a number may stand, and how far before it.
const BEHIND: usize = 48;
const BEFORE: usize = 28;
/// How far from the name of a number its country may be named.
const COUNTRY_NEAR: usize = 28;
/// Longest number, with what groups it.
const LONGEST: usize = 28;

/// A kind of number.
#[derive(Debug)]
pub(crate) struct Id {
    /// Country and number.
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// What it is called, in lower case. Where words are joined by spaces or hyphens, other signs or none may join them.
    pub(crate) words: &'static [&'static str],
    /// What else names it.
    pub(crate) named: Named,
    /// How it is written.
    pub(crate) pattern: &'static str,
    /// Whether its check digits are right. It gets capitals and digits only.
    pub(crate) check: fn(&str) -> bool,
    /// Who defines it.
    pub(crate) source: &'static str,
}

impl Id {
    fn country(&self) -> &'static str {
        self.name.get(..2).unwrap_or_default()
    }
}

/// What names a kind besides its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// Nothing: too much else is written like it.
    Itself,
    /// A general name of such numbers beside the name of its country.
    Country,
    /// Any general name: form and check digits are worth so much.
    General,
}

/// What a word names.
#[derive(Debug, Default)]
struct Target {
    /// Kinds whose own name it is.
    kinds: Vec<usize>,
    /// Whether it is what any kind is called.
    is_general: bool,
    /// The country whose name it is.
    country: Option<&'static str>,
}

#[derive(Debug)]
pub(super) struct National {
    /// Every name, in each way that it is written.
    words: Vec<String>,
    /// For each word, what it names.
    targets: Vec<Target>,
    ids: Vec<&'static Id>,
    patterns: &'static [OnDemand<Regex>],
    /// Kinds by country, and those that any general name names.
    of_country: BTreeMap<&'static str, Vec<usize>>,
    general: Vec<usize>,
    countries: AhoCorasick,
    /// For each name of a country, its code.
    country_of: Vec<&'static str>,
    nouns: Regex,
}

/// The forms, which never change.
static PATTERNS: LazyLock<Vec<OnDemand<Regex>>> = LazyLock::new(|| {
    let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
    ids().map(|id| OnDemand::new(format!("(?i-u){}", id.pattern), compile)).collect()
});

impl National {
    pub(super) fn new() -> Result<Self, String> {
        let ids: Vec<&'static Id> = ids().collect();
        let targets = targets(&ids);
        let named: Vec<(&str, &'static str)> =
            targets.iter().filter_map(|(name, target)| Some((name.as_str(), target.country?))).collect();
        let countries = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(named.iter().map(|(name, _)| *name))
            .map_err(|error| error.to_string())?;
        let country_of = named.iter().map(|(_, country)| *country).collect();
        let mut of_country = BTreeMap::<&str, Vec<usize>>::new();
        for (kind, id) in ids.iter().enumerate().filter(|(_, id)| id.named != Named::Itself) {
            of_country.entry(id.country()).or_default().push(kind);
        }
        // Numbers that several countries share.
        let shared = |country, kind| ids.iter().position(|id| id.name == kind).map(|kind| (country, kind));
        let sharing = [
            shared("sk", "cz-sk-rodne-cislo"),
            shared("sk", "cz-sk-ico"),
            shared("lt", "ee-lt-isikukood"),
            shared("rs", "si-emso"),
            shared("hr", "si-emso"),
            shared("dk", "eu-vat"),
        ];
        for (country, kind) in sharing.into_iter().flatten() {
            of_country.entry(country).or_default().push(kind);
        }
        Ok(Self {
            general: (0..ids.len())
                .filter(|kind| ids.get(*kind).is_some_and(|id| id.named == Named::General))
                .collect(),
            words: targets.keys().cloned().collect(),
            targets: targets.into_values().collect(),
            patterns: &PATTERNS,
            of_country,
            countries,
            country_of,
            nouns: Regex::new(table::NOUNS).map_err(|error| error.to_string())?,
            ids,
        })
    }

    /// The kinds that the word at `start..end` names there.
    fn named(&self, text: &str, word: usize, start: usize, end: usize) -> Vec<usize> {
        let Some(target) = self.targets.get(word) else { return Vec::new() };
        let mut kinds = target.kinds.clone();
        if target.is_general {
            kinds.extend(self.by_general_name(text, start, end));
        }
        if let Some(country) = target.country {
            let near = slice(text, start, text.ceil_char_boundary(end + COUNTRY_NEAR));
            if self.nouns.is_match(near) || matches!(after(text, end), Some(':' | '=')) {
                kinds.extend(self.of_country.get(country).into_iter().flatten());
            }
        }
        kinds
    }

    /// Whether a word is a part of a longer one that names a kind, or a general one that overlaps with such: `registration number` in
    /// `resident registration number`. Words come in the order of their beginnings.
    fn is_part_of_a_name(&self, words: &[Word], at: usize) -> bool {
        /// How many words may begin within a name.
        const NEAR: usize = 12;
        let Some(word) = words.get(at) else { return false };
        let names_a_kind = |word: &Word| self.targets.get(word.index).is_some_and(|target| !target.kinds.is_empty());
        let from = at.saturating_sub(NEAR);
        words.iter().skip(from).take(2 * NEAR).any(|other| {
            let is_longer = || {
                other.start <= word.start && word.end <= other.end && other.end - other.start > word.end - word.start
            };
            let overlaps = || other.start < word.end && word.start < other.end && !names_a_kind(word);
            names_a_kind(other) && (is_longer() || overlaps())
        })
    }

    /// The kinds of the countries named beside a general name; where none is, those that any name will do for.
    fn by_general_name(&self, text: &str, start: usize, end: usize) -> Vec<usize> {
        let from = text.floor_char_boundary(start.saturating_sub(COUNTRY_NEAR));
        let to = text.ceil_char_boundary(end + COUNTRY_NEAR);
        let near = slice(text, from, to);
        let mut named: Vec<&str> = self
            .countries
            .find_overlapping_iter(near)
            .filter(|one| is_word(near, one.start(), one.end()))
            .filter_map(|one| self.country_of.get(one.pattern().as_usize()).copied())
            .collect();
        named.extend(self.code_before(text, start));
        let kinds: Vec<usize> =
            named.iter().filter_map(|country| self.of_country.get(country)).flatten().copied().collect();
        if kinds.is_empty() { self.general.clone() } else { kinds }
    }

    /// The code of a country that a name begins with: `de_tax_id`, `UK national insurance`.
    fn code_before(&self, text: &str, start: usize) -> Option<&'static str> {
        let joint = before(text, start).filter(|char| matches!(char, '_' | '-' | '.' | ' '))?;
        let end = start - joint.len_utf8();
        let begin = run_start(text, end, 4, char::is_alphanumeric);
        let code = slice(text, begin, end);
        let lower = code.to_ascii_lowercase();
        let lower = if lower == "gb" { "uk" } else { lower.as_str() };
        let country = self.of_country.keys().find(|country| **country == lower)?;
        let is_name = joint == '_'
            || code.bytes().all(|byte| byte.is_ascii_uppercase())
            || !table::WORDS_TOO.contains(country)
            || matches!(before(text, begin), None | Some('\n' | '"' | '\'' | '`' | '{' | ','));
        is_name.then_some(*country)
    }

    /// The numbers of one kind around its name.
    fn around(&self, text: &str, kind: usize, from: usize, to: usize, found: &mut Vec<Finding>) {
        let (Some(id), Some(pattern)) = (self.ids.get(kind), self.patterns.get(kind)) else { return };
        let Some(pattern) = pattern.get() else {
            found.push(Finding::withhold(from, to, "national_id"));
            return;
        };
        for one in pattern.find_iter(slice(text, from, to)) {
            let (first, last) = (from + one.start(), from + one.end());
            let compact: String = one
                .as_str()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|char| char.to_ascii_uppercase())
                .collect();
            // Groups that go on are of a longer number.
            let goes_on = one.as_str().contains(' ') && is_grouped(text, first, last);
            let is_alone = stands_alone(text, first, last)
                || is_glued(text, first, id) && stands_alone(text.get(first..).unwrap_or_default(), 0, last - first);
            if is_alone && !goes_on && (id.check)(&compact) {
                // A number is one by whichever of its names it is called.
                found.push(Finding::token(first, last, "national_id", id.class, compact));
            }
        }
    }
}

impl Detector for National {
    fn find(&self, Seen { text, survey, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let is_near_digit =
            |word: &Word| survey.has_digit_within(word.start.saturating_sub(2 * BEFORE), word.end + 2 * BEHIND);
        let words: Vec<Word> =
            words.iter().filter(|word| is_word(text, word.start, word.end) && is_near_digit(word)).copied().collect();
        if words.is_empty() {
            return;
        }
        // A text of nothing but names is looked at once for each kind, not once for each name.
        let mut seen = vec![0_usize; self.ids.len()];
        for (at, word) in words.iter().enumerate() {
            if self.is_part_of_a_name(&words, at) {
                continue;
            }
            let from = text.floor_char_boundary(word.start.saturating_sub(BEFORE));
            let to = text.ceil_char_boundary(word.end.saturating_add(BEHIND));
            for kind in self.named(text, word.index, word.start, word.end) {
                let Some(seen) = seen.get_mut(kind).filter(|seen| **seen < to) else { continue };
                let unseen = text.floor_char_boundary(seen.saturating_sub(LONGEST).max(from));
                *seen = to;
                self.around(text, kind, unseen, to, found);
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        self.words.clone()
    }
}

/// Every name, in each way that it is written, and what it names.
fn targets(ids: &[&'static Id]) -> BTreeMap<String, Target> {
    let mut targets = BTreeMap::<String, Target>::new();
    let mut add = |name: &str, note: &dyn Fn(&mut Target)| {
        for spelling in spellings(name) {
            note(targets.entry(spelling).or_default());
        }
    };
    for (kind, id) in ids.iter().enumerate() {
        for name in id.words {
            add(name, &|target: &mut Target| target.kinds.push(kind));
        }
    }
    for name in GENERAL {
        add(name, &|target: &mut Target| target.is_general = true);
    }
    for (country, names) in COUNTRIES {
        for name in *names {
            add(name, &|target: &mut Target| target.country = Some(country));
        }
    }
    targets
}

/// A name as words, and as the key of a field: joined by underscores, hyphens, dots or capitals, with and without its accents. Also in
/// capitals where the automaton, which knows ASCII only, would not see that they are the same.
fn spellings(name: &str) -> Vec<String> {
    /// A shorter name without what joins it would be a word of its own.
    const JOINED: usize = 5;
    let mut spellings = vec![name.to_owned()];
    for name in [name.to_owned(), without_accents(name)] {
        let parts: Vec<&str> = name.split([' ', '-']).collect();
        let capitals: Vec<String> = parts.iter().map(|part| with_capital(part)).collect();
        spellings.extend([" ", "_", "-", "."].map(|joint| parts.join(joint)));
        if parts.len() == 1 || parts.concat().chars().count() >= JOINED {
            spellings.push(parts.concat());
            spellings.push(capitals.concat());
            spellings
                .push(parts.first().into_iter().copied().chain(capitals.iter().skip(1).map(String::as_str)).collect());
        }
        spellings.extend([parts.join(" ").to_uppercase(), parts.join("_").to_uppercase(), capitals.join(" ")]);
        spellings.push(with_capital(&parts.join(" ")));
        spellings.push(name.to_lowercase());
    }
    // In ASCII they are one whatever their case.
    for spelling in &mut spellings {
        if spelling.is_ascii() {
            spelling.make_ascii_lowercase();
        }
    }
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}

fn with_capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// Latin letters without the marks that programs drop from names.
fn without_accents(name: &str) -> String {
    const BARE: &[(&str, char)] = &[
        ("áàâäãåāăắạảấầậ", 'a'),
        ("éèêëěēếềệẹ", 'e'),
        ("íìîïī", 'i'),
        ("óòôöõøốồộơọ", 'o'),
        ("úùûüūưứụ", 'u'),
        ("čćç", 'c'),
        ("šśș", 's'),
        ("žźż", 'z'),
        ("řŕ", 'r'),
        ("ñňń", 'n'),
        ("ýÿ", 'y'),
        ("ďđ", 'd'),
        ("ťț", 't'),
        ("łľ", 'l'),
        ("ğģ", 'g'),
        ("ı", 'i'),
    ];
    let bare = |char: char| BARE.iter().find(|(marked, _)| marked.contains(char)).map_or(char, |(_, bare)| *bare);
    name.chars().map(bare).collect()
}

/// Whether only the number's name, or the word that leads from there to it, stands right before its first digit: `PESEL44051401359`,
/// `my id is44051401359`.
fn is_glued(text: &str, start: usize, id: &Id) -> bool {
    const LEADING: &[&str] = &["is", "no", "nr", "num", "number", "nummer", "id", "code"];
    /// A shorter one may be a part of any word.
    const SHORTEST: usize = 3;
    if !after(text, start).is_some_and(|char| char.is_ascii_digit()) {
        return false;
    }
    let word = slice(text, run_start(text, start, BEHIND, char::is_alphabetic), start).to_lowercase();
    let ends_in = |name: &str| {
        let last = name.rsplit([' ', '-']).next().unwrap_or_default();
        last.chars().count() >= SHORTEST && word.ends_with(last)
    };
    LEADING.contains(&word.as_str()) || id.words.iter().any(|name| ends_in(name))
}

/// Whether a blank and a digit stand before or behind.
fn is_grouped(text: &str, start: usize, end: usize) -> bool {
    let is_digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    before(text, start) == Some(' ') && is_digit(before(text, start - 1))
        || after(text, end) == Some(' ') && is_digit(after(text, end + 1))
}

/// Whether letters do not go on around a name. In `customerTfn` it begins with a capital.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    if after(text, start).is_some_and(is_unspaced) {
        return true;
    }
    let begins = !before(text, start).is_some_and(char::is_alphabetic)
        || after(text, start).is_some_and(char::is_uppercase) && before(text, start).is_some_and(char::is_lowercase);
    let tail = after(text, end);
    let is_plural = tail == Some('s') && !after(text, end + 1).is_some_and(char::is_alphabetic);
    let is_camel = tail.is_some_and(char::is_uppercase) && before(text, end).is_some_and(char::is_lowercase);
    begins && (!tail.is_some_and(char::is_alphabetic) || is_plural || is_camel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles() {
        for (id, pattern) in ids().zip(PATTERNS.iter()) {
            assert!(pattern.get().is_some(), "{id:?}");
        }
    }
}
