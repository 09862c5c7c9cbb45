//! Secrets that show by their form: PEM blocks, JWTs, keys of well-known issuers, `Authorization` credentials.

mod chance;
mod issuers;
mod named;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use regex_syntax::hir::literal::{Extractor, Literal};

pub(super) use self::chance::entropy;
pub(crate) use self::issuers::ISSUERS;
use self::issuers::Issuer;
pub(super) use self::named::Named;
pub(crate) use self::services::{SERVICES, WORDS};

use crate::redact::detect::{Detector, Finding, JWT, WITHHELD};
use crate::redact::detectors::on_demand::OnDemand;
use crate::redact::detectors::text::Here;
use crate::redact::gate::{Anchor, Seen, Word};
use crate::redact::token::{self, Class};

/// A secret shorter than this gets no token: it could be guessed, and its token compared.
const MIN_TOKEN_LEN: usize = 16;

/// A secret: a token where it is long enough to be unguessable, else withheld.
pub(super) fn secret(start: usize, end: usize, rule: &'static str, value: &str) -> Finding {
    if value.len() >= MIN_TOKEN_LEN {
        Finding::token(start, end, rule, Class::Secret, value)
    } else {
        Finding::withhold(start, end, rule)
    }
}

/// PEM blocks (RFC 7468). One without an end reaches to the end of the text.
#[derive(Debug)]
pub(super) struct Pem;

impl Detector for Pem {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        const BEGIN: &str = "-----BEGIN ";
        const END: &str = "-----END ";
        const DASHES: &str = "-----";
        let mut from = 0;
        while let Some(start) = text.get(from..).and_then(|rest| rest.find(BEGIN)).map(|at| from + at) {
            let body = start + BEGIN.len();
            let end = text
                .get(body..)
                .and_then(|rest| rest.find(END))
                .map(|at| body + at + END.len())
                .and_then(|label| {
                    text.get(label..).and_then(|rest| rest.find(DASHES)).map(|at| label + at + DASHES.len())
                })
                .unwrap_or(text.len());
            let block = text.get(start..end).unwrap_or_default();
            let canonical: String = block.chars().filter(|char| !char.is_whitespace()).collect();
            found.push(secret(start, end, "pem", &canonical));
            from = end;
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        vec!["-----begin ".to_owned()]
    }
}

/// JSON Web Tokens (RFC 7519 in the compact forms of RFC 7515 and RFC 7516).
#[derive(Debug)]
pub(super) struct Jwt(Regex);

impl Jwt {
    pub(super) fn new() -> Result<Self, String> {
        regex(r"(?-u:\b)ey[IJ][A-Za-z0-9_=-]{4,}\.[A-Za-z0-9_=-]{2,}(?:\.[A-Za-z0-9_=-]*){0,3}").map(Self)
    }
}

impl Detector for Jwt {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        found.extend(self.0.find_iter(text).map(|one| secret(one.start(), one.end(), JWT, one.as_str())));
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        vec!["eyi".to_owned(), "eyj".to_owned()]
    }
}

/// How far around its mark a key may reach.
const BEFORE: usize = 96;
const BEHIND: usize = 512;

/// Where the keys of an issuer are looked for.
#[derive(Debug)]
enum Format {
    /// From the mark on: they begin with it.
    AtMark(OnDemand<Here>),
    /// In the run of signs that the mark stands in.
    InRun(OnDemand<Regex>),
    /// Around the mark: they may stand apart from it.
    Near(OnDemand<Regex>),
    /// In any run that is long enough: they have no mark of their own.
    Unmarked(OnDemand<Regex>),
}

/// Shortest key without a mark.
const UNMARKED: usize = 50;

/// The formats, which never change. ASCII word boundaries: keys are ASCII, and Unicode boundaries would take the fast
/// engine away.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| ISSUERS.iter().map(format).collect());

/// A mark of so many letters stands in many words; so many at the beginning of a key tell it from most.
const FEW: usize = 2;
const TELLING: usize = 4;

/// The texts, in lower case, one of which stands in every key of an issuer, where its mark does: the mark, or how keys go on behind it where
/// it is short.
fn marks(issuer: &Issuer, format: &Format) -> Vec<String> {
    let mark = || vec![issuer.mark.to_owned()];
    if issuer.mark.len() > FEW || !matches!(format, Format::AtMark(_)) {
        return mark();
    }
    let Ok(pattern) = regex_syntax::parse(&pattern(issuer)) else { return mark() };
    let mut extractor = Extractor::new();
    extractor.limit_class(64).limit_literal_len(TELLING).limit_total(1 << 14);
    let beginnings = extractor.extract(&pattern);
    let lower = |literal: &Literal| String::from_utf8_lossy(literal.as_bytes()).to_ascii_lowercase();
    let lower: BTreeSet<String> = beginnings.literals().unwrap_or_default().iter().map(lower).collect();
    let is_sound = !lower.is_empty() && lower.iter().all(|text| text.starts_with(issuer.mark));
    if is_sound { lower.into_iter().collect() } else { mark() }
}

fn pattern(issuer: &Issuer) -> String {
    format!("(?-u){}", issuer.pattern)
}

fn format(issuer: &Issuer) -> Format {
    let pattern = pattern(issuer);
    let literal = issuer.pattern.trim_start_matches(r"\b").replace('\\', "");
    let head = literal.get(..issuer.mark.len()).unwrap_or_default();
    if issuer.mark.is_empty() {
        Format::Unmarked(OnDemand::new(pattern, regex))
    } else if issuer.pattern.contains(' ') || issuer.pattern.contains(r"\s") {
        Format::Near(OnDemand::new(pattern, regex))
    } else if head.eq_ignore_ascii_case(issuer.mark) {
        Format::AtMark(OnDemand::new(pattern, Here::new))
    } else {
        Format::InRun(OnDemand::new(pattern, regex))
    }
}

/// Keys whose form tells their issuer.
#[derive(Debug)]
pub(super) struct Issuers {
    /// By the issuer.
    formats: &'static [Format],
    /// Those that have no mark.
    unmarked: Vec<&'static OnDemand<Regex>>,
    /// The words, each with the format whose mark it is.
    marks: Vec<(String, usize)>,
}

impl Issuers {
    pub(super) fn new() -> Self {
        let all = ISSUERS.iter().zip(FORMATS.iter()).enumerate();
        let marks =
            all.flat_map(|(format, (issuer, form))| marks(issuer, form).into_iter().map(move |mark| (mark, format)));
        Self::of_formats(&FORMATS, marks.collect())
    }

    fn of_formats(formats: &'static [Format], marks: Vec<(String, usize)>) -> Self {
        let unmarked = formats.iter().filter_map(|format| match format {
            Format::Unmarked(format) => Some(format),
            _ => None,
        });
        Self { unmarked: unmarked.collect(), marks, formats }
    }
}

/// Shortest key.
const SHORTEST: usize = 13;

/// Whether a key may have this sign in it, percent-encoded or not.
#[rustfmt::skip]
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(
        byte,
        b'_' | b'-' | b'.' | b'/' | b'+' | b'=' | b'~' | b':' | b'%' | b'!' | b'$' | b'*' | b'@' | b'?' | b'&' | b'#' | b'^'
    )
}

/// The run of signs that a mark stands in, at most so far to both sides.
fn run_around(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let head = text.get(..start).unwrap_or_default().iter().rev().take(BEFORE).take_while(|byte| is_part(**byte));
    let tail = text.get(end..).unwrap_or_default().iter().take(BEHIND).take_while(|byte| is_part(**byte));
    (start - head.count(), end + tail.count())
}

/// Where a run ends that goes on at `at`, at `limit` at the latest.
fn run_behind(text: &[u8], at: usize, limit: usize) -> usize {
    let tail = text.get(at..limit.min(text.len()).max(at)).unwrap_or_default();
    at + tail.iter().take_while(|byte| is_part(**byte)).count()
}

impl Issuers {
    /// The number of the format whose mark a word is, and its format.
    fn of(&self, mark: &Word) -> Option<(usize, &Format)> {
        let number = self.marks.get(mark.index)?.1;
        Some((number, self.formats.get(number)?))
    }

    /// The parts of a text that each format is looked for in, in order; what overlaps is one part.
    fn parts(&self, text: &str, words: &[Word]) -> BTreeMap<usize, Vec<(usize, usize)>> {
        let mut parts: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for mark in words {
            let Some((number, format)) = self.of(mark) else { continue };
            let (start, end) = match format {
                // In a run that is known, only what lies behind that is new.
                Format::InRun(_) => match parts.get(&number).and_then(|parts| parts.last()) {
                    Some(last) if mark.start < last.1 && last.1 >= mark.end => {
                        (mark.start, run_behind(text.as_bytes(), last.1, mark.end + BEHIND))
                    }
                    _ => run_around(text.as_bytes(), mark.start, mark.end),
                },
                Format::Near(_) => (mark.start.saturating_sub(BEFORE), mark.end + BEHIND),
                _ => continue,
            };
            let (start, end) = (text.floor_char_boundary(start), text.ceil_char_boundary(end));
            let parts = parts.entry(number).or_default();
            match parts.last_mut() {
                Some(last) if start <= last.1 => last.1 = end.max(last.1),
                _ if end - start >= SHORTEST => parts.push((start, end)),
                _ => {}
            }
        }
        parts
    }
}

impl Detector for Issuers {
    fn find(&self, Seen { text, survey, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let mut key = |start: usize, end: usize| {
            found.push(secret(start, end, "issuer_key", text.get(start..end).unwrap_or_default()));
        };
        // Where the last key of a format ends: its own marks within it are none.
        let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
        for mark in words {
            let Some((number, Format::AtMark(format))) = self.of(mark) else { continue };
            if ends.get(&number).is_some_and(|end| mark.start < *end) {
                continue;
            }
            // In most texts a mark is a part of a word.
            let tail = text.as_bytes().get(mark.end..).unwrap_or_default();
            let rest = || tail.iter().take(SHORTEST).take_while(|byte| is_part(**byte)).count();
            let find = || match format.get() {
                Some(format) => format.find(text, mark.start, mark.end + BEHIND).map(|(_, key)| key),
                None => Some(mark.start..run_behind(text.as_bytes(), mark.end, mark.end + BEHIND)),
            };
            if mark.end - mark.start + rest() >= SHORTEST
                && let Some(one) = find()
            {
                ends.insert(number, one.end);
                key(one.start, one.end);
            }
        }
        let mut keys_in = |format: &OnDemand<Regex>, start: usize, end: usize| {
            let Some(format) = format.get() else {
                key(start, end);
                return;
            };
            for captures in format.captures_iter(text.get(start..end).unwrap_or_default()) {
                if let Some(one) = captures.get(1).or_else(|| captures.get(0)) {
                    key(start + one.start(), start + one.end());
                }
            }
        };
        for (format, parts) in self.parts(text, words) {
            if let Some(Format::InRun(format) | Format::Near(format)) = self.formats.get(format) {
                parts.into_iter().for_each(|(start, end)| keys_in(format, start, end));
            }
        }
        for run in survey.runs.iter().filter(|run| run.len() >= UNMARKED) {
            self.unmarked.iter().for_each(|format| keys_in(format, run.start, run.end));
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Any
    }

    fn words(&self) -> Vec<String> {
        self.marks.iter().map(|(mark, _)| mark.clone()).collect()
    }
}

/// `Bearer`, `Basic` and the like (RFC 9110 §11.4) wherever they stand in a text.
#[derive(Debug)]
pub(super) struct Authorization {
    bearer: Here,
    basic: Here,
}

impl Authorization {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            bearer: Here::new(r"(?i-u:\bbearer)[ :=\t]{1,4}([A-Za-z0-9._~+/:\-]{8,}=*)")?,
            basic: Here::new(r"(?i-u:\bbasic)[ \t]{1,4}([A-Za-z0-9+/_-]{4,}=*)")?,
        })
    }
}

impl Detector for Authorization {
    fn find(&self, Seen { text, words, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let mut done = 0;
        for word in words {
            let scheme = if word.index == 0 { &self.bearer } else { &self.basic };
            let Some((_, one)) = scheme.find(text, word.start, text.len()).filter(|_| word.start >= done) else {
                continue;
            };
            done = one.end;
            let value = text.get(one.start..one.end).unwrap_or_default();
            if word.index == 0 {
                // `bearer authentication failed` speaks of tokens and holds none.
                let is_word = value.len() < 20 && !value.bytes().any(|byte| byte.is_ascii_digit());
                if !is_word && token::shape(value) != Some(value.len()) {
                    found.push(secret(one.start, one.end, "bearer", value));
                }
            } else {
                let credentials = data_encoding::BASE64_NOPAD.decode(value.trim_end_matches('=').as_bytes());
                if value != WITHHELD && credentials.is_ok_and(|bytes| bytes.contains(&b':')) {
                    found.push(Finding::withhold(one.start, one.end, "basic"));
                }
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        vec!["bearer".to_owned(), "basic".to_owned()]
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(16 << 20).build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use regex::RegexSet;

    use super::*;
    use crate::redact::gate::Gate;
    use crate::redact::keys::{KeyPatterns, Keys};
    use crate::redact::survey::Survey;

    #[test]
    fn every_format_compiles() {
        let compiles = |format: &Format| match format {
            Format::AtMark(format) => format.get().is_some(),
            Format::InRun(format) | Format::Near(format) | Format::Unmarked(format) => format.get().is_some(),
        };
        for (issuer, format) in ISSUERS.iter().zip(FORMATS.iter()) {
            assert!(compiles(format), "{issuer:?}");
        }
    }

    #[test]
    fn a_format_that_cannot_be_compiled_takes_all_that_it_is_shown() {
        let forms: [fn(String) -> Format; 4] = [
            |pattern| Format::AtMark(OnDemand::new(pattern, Here::new)),
            |pattern| Format::InRun(OnDemand::new(pattern, regex)),
            |pattern| Format::Near(OnDemand::new(pattern, regex)),
            |pattern| Format::Unmarked(OnDemand::new(pattern, regex)),
        ];
        let run = "mark0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN";
        let text = &format!("the run {run} stands here");
        let start = text.find(run).unwrap();
        let patterns = KeyPatterns { ignored: RegexSet::empty(), blocked: RegexSet::empty() };
        let keys = Keys::new(false, BTreeSet::new(), BTreeSet::new(), patterns, false, false).unwrap();
        for form in forms {
            let formats = Box::leak(Box::new([form("a(".to_owned())]));
            let issuers = Issuers::of_formats(formats, vec![("mark".to_owned(), 0)]);
            let (survey, mut found) = (Survey::of(text), Vec::new());
            Gate::new([(issuers.anchor(), issuers.words())]).open(text, &survey, &[], |_, words| {
                issuers.find(Seen { text, survey: &survey, words, tokens: &[], keys: &keys }, &mut found);
            });
            let [one] = found.as_slice() else { panic!("{formats:?}: {found:?}") };
            assert!(one.start <= start && start + run.len() <= one.end, "{formats:?}: {found:?}");
        }
    }
}
