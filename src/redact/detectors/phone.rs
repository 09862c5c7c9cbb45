//! Telephone numbers: international (ITU-T E.164, E.123), North American (NANP) and other national ones by their layout, and any
//! number beside a word that names one.
//!
//! A run of digits alone is any number. It is a telephone number if it begins with `+` or `00` and a country code, is laid out as
//! only telephone numbers are (`(555) 234-5678`, `555-234-5678`, `020 7946 0958`), has an extension, or is named
//! (`phone: 5552345678`).

use regex::Regex;

use super::text::{after, before, is_called_otherwise, line_before, line_behind, run_end, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::survey::Span;
use crate::redact::token::Class;

/// Fewest digits of a number that is named; E.164 §6.1 allows 15 at most.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// How far a name may stand before the number, and behind it.
const NAME_BEFORE: usize = 36;
const NAME_BEHIND: usize = 12;

/// Names of a number that stand before it, as a part of a regex.
const WORDS: &str = "phones?|telephone|telefono?|téléphone|teléfono|tel|mobile|cell|cellphone|handy|fax|sms|msisdn|whatsapp|\
                     call|called|calling|callback|dial|dialed|ring|text me|reach|contact|desk|hotline|landline|gsm|cep";
/// Names that a key in camel case ends in.
const CAMEL: &str = "Phone|Telephone|Mobile|Cell|Tel|Fax|Msisdn";
/// Names that stand before it, whatever stands between, as a part of a regex.
const SURE: &str = "phones?|telephone|téléphone|teléfono|mobile|cellphone|fax|sms|msisdn|whatsapp|hotline|landline";
/// Names that stand behind it.
const BEHIND: [&str; 9] = ["office", "fax", "mobile", "cell", "home", "work", "desk", "phone", "tel"];
/// How much longer what stands between a name and its number may be than [`NAME_BEFORE`] tells, in bytes.
const SLACK: usize = 8;

#[derive(Debug)]
pub(super) struct Phone {
    before: Regex,
    /// A name that needs not stand right before it.
    sure: Regex,
    behind: Regex,
    /// A sentence that says where somebody is reached.
    reached: Regex,
}

impl Phone {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            before: compile(&format!(
                r"(?:(?:^|[^\p{{L}}]|_)(?i:{WORDS})|\p{{Ll}}(?:{CAMEL}))(?i)(?:[_ -]?(?:number|num|no|nr|me|us|him|her|home|work|is|at|on|back))*[^\p{{L}}\d]{{0,6}}(?:[a-z]{{1,8}}[ :=]{{1,2}}){{0,2}}[^\p{{L}}\d+(]{{0,3}}$"
            ))?,
            sure: compile(&format!(r"(?i)(?:^|[^\p{{L}}]|_)(?:{SURE})\b[^\d\n]*$"))?,
            reached: compile(r"(?i)\b(?:reach|call|contact|ring|text)\b[^\d\n]{0,28}\b(?:on|at|under)\s\(?$")?,
            behind: compile(&format!(r"(?i)^\s{{0,2}}(?:\(\s*)?(?:{})\b", BEHIND.join("|")))?,
        })
    }

    /// The number that begins with the first of these groups, or with a plus sign or a parenthesis before it.
    /// `is_row` tells that they begin a chain.
    fn number(&self, seen: Seen<'_>, groups: &[Span], is_row: bool) -> Option<Number> {
        let (first, last) = (groups.first()?, groups.last()?);
        let head = seen.text.as_bytes().get(..first.start)?;
        let signs: &[usize] = match head {
            [.., b'(', b'+'] | [.., b'+', b'('] => &[2, 1],
            [.., b'+', b' '] => &[2],
            [.., b'+' | b'('] => &[1],
            _ if Self::may_be_one(seen, groups, is_row) => &[],
            _ => return None,
        };
        signs.iter().chain(&[0]).find_map(|length| {
            let number = Number::read(seen.text, first.start - length)?;
            let is_alone = is_row && number.groups.len() == groups.len() && number.last_digit == last.end;
            let is_one = number.stands_alone(seen.text)
                && (number.is_certain()
                    || is_alone && number.is_national() && !is_called_otherwise(seen.text, number.start)
                    || self.is_named(seen, &number));
            is_one.then_some(number)
        })
    }

    /// Whether groups with nothing before them may be a number at all: they are laid out as one, have an extension, or a name
    /// of one stands near.
    fn may_be_one(seen: Seen<'_>, groups: &[Span], is_row: bool) -> bool {
        let lengths = |at: usize| groups.get(at).map(|group| group.len());
        let has_layout =
            matches!((lengths(0), lengths(1), lengths(2)), (Some(3), Some(3), _) | (Some(1), Some(3), Some(3)))
                || matches!((lengths(0), lengths(1)), (Some(2 | 3), Some(4)));
        let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
        let has_extension = || {
            let rest = seen.text.get(last.end..).unwrap_or_default().trim_start_matches([' ', ',']);
            groups.len() >= 3 && rest.starts_with(['e', 'E', 'x', 'X', '#'])
        };
        let is_national = || is_row && groups.len() >= 2 && seen.text.as_bytes().get(first.start) == Some(&b'0');
        let groups_of_one = groups.get(..*DIGITS.end()).unwrap_or(groups);
        let (from, to) =
            (first.start.saturating_sub(NAME_BEFORE + SLACK), groups_of_one.last().map_or(0, |last| last.end));
        // Where no word is near any group, there is none near each.
        let is_near = || seen.has_word_behind(from, to + NAME_BEHIND + SLACK - from);
        let is_named = || {
            has_name_before(seen, first.start)
                || groups_of_one.iter().any(|group| seen.has_word_behind(group.end, NAME_BEHIND + SLACK))
        };
        has_layout || is_national() || has_extension() || is_near() && is_named()
    }

    fn is_named(&self, seen: Seen<'_>, number: &Number) -> bool {
        let (text, start, end) = (seen.text, number.start, number.end);
        let head = line_before(text, start, NAME_BEFORE);
        let tail = line_behind(text, end, NAME_BEHIND);
        // Most numbers have none of the words near them, and to know that is cheaper than to try what they may be a part of.
        let may_precede = has_name_before(seen, start) || !seen.tells_words(head, start - head.len());
        let may_follow = || seen.has_word_behind(end, NAME_BEHIND + SLACK) || !seen.tells_words(tail, end);
        may_precede && (self.before.is_match(head) || self.sure.is_match(head))
            || number.groups.len() > 1 && leads_on(head) && self.reached.is_match(head)
            || may_follow() && self.behind.is_match(tail)
    }
}

/// Whether a name that stands before numbers stands near before `at`: most words there are parts of others (`worker 17`).
fn has_name_before(seen: Seen<'_>, at: usize) -> bool {
    seen.words_before(at, NAME_BEFORE + SLACK).any(|word| !(..BEHIND.len()).contains(&word.index))
}

/// Whether a text ends like one that says where somebody is reached: `on `, `at (`, `under `.
fn leads_on(text: &str) -> bool {
    let mut chars = text.strip_suffix('(').unwrap_or(text).chars().rev();
    chars.next().is_some_and(char::is_whitespace) && matches!(chars.next(), Some('n' | 'N' | 't' | 'T' | 'r' | 'R'))
}

impl Detector for Phone {
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>) {
        let mut done = 0;
        for chain in seen.survey.chains(*DIGITS.start()) {
            for at in 0..chain.len() {
                let groups = chain.get(at..).unwrap_or_default();
                if groups.first().is_none_or(|first| first.start < done) {
                    continue;
                }
                if let Some(number) = self.number(seen, groups, at == 0) {
                    done = number.end;
                    found.push(Finding::token(number.start, number.end, "phone", Class::Phone, number.canonical()));
                }
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Chain(*DIGITS.start())
    }

    fn words(&self) -> Vec<String> {
        let words = WORDS.split('|').map(|word| word.trim_end_matches("s?").trim_end_matches("o?"));
        // Letters beyond ASCII are found as they are written in either case.
        let upper = words.clone().filter(|word| !word.is_ascii()).map(str::to_uppercase);
        BEHIND.into_iter().chain(words).map(str::to_owned).chain(upper).collect()
    }
}

/// Digits in groups, as they stand in a text.
struct Number {
    start: usize,
    end: usize,
    digits: String,
    /// Lengths of the groups.
    groups: Vec<usize>,
    has_plus: bool,
    has_parentheses: bool,
    /// What begins the gaps between groups, if it is the same everywhere.
    separator: Option<char>,
    /// Whether one of them begins with a blank, and whether all do so with a blank, a hyphen or the end of parentheses.
    has_blank: bool,
    is_plain: bool,
    /// One past its last digit, without an extension.
    last_digit: usize,
    extension: Option<String>,
}

impl Number {
    fn read(text: &str, start: usize) -> Option<Self> {
        let mut number = Self {
            start,
            end: start,
            digits: String::new(),
            groups: Vec::new(),
            has_plus: false,
            has_parentheses: false,
            separator: None,
            has_blank: false,
            is_plain: true,
            last_digit: start,
            extension: None,
        };
        let mut at = start;
        let mut mixed = false;
        loop {
            let (between, had_parentheses) = (at, number.has_parentheses);
            at = number.punctuation(text, at)?;
            let end = run_end(text, at, DIGITS.end() + 1, |char| char.is_ascii_digit());
            if end == at {
                number.has_parentheses = had_parentheses;
                break;
            }
            if let (Some(mark), false) = (slice(text, between, at).chars().next(), number.groups.is_empty()) {
                mixed |= number.separator.is_some_and(|one| one != mark);
                number.separator = Some(mark);
                number.has_blank |= mark == ' ';
                number.is_plain &= matches!(mark, ' ' | '-' | ')' | '\u{a0}' | '\u{2011}');
            }
            number.digits.push_str(slice(text, at, end));
            number.groups.push(end - at);
            number.end = end;
            number.last_digit = end;
            at = end;
            if number.digits.len() > *DIGITS.end() {
                return None;
            }
        }
        if mixed {
            number.separator = None;
        }
        DIGITS.contains(&number.digits.len()).then_some(())?;
        number.read_extension(text);
        Some(number)
    }

    /// Skips what may stand between two groups, or before the first: `+`, one pair of parentheses, one separator.
    fn punctuation(&mut self, text: &str, at: usize) -> Option<usize> {
        let is_first = self.groups.is_empty();
        let end = run_end(text, at, 4, |char| {
            matches!(char, ' ' | '-' | '.' | '/' | '(' | ')' | '+' | '\u{a0}' | '\u{2011}' | '–')
        });
        let marks = slice(text, at, end);
        if is_first {
            self.has_plus = marks.starts_with('+') || marks.starts_with("(+");
            self.has_parentheses = marks.contains('(');
            return matches!(marks, "" | "+" | "(" | "(+" | "+(" | "+ ").then_some(end);
        }
        self.has_parentheses |= marks.contains('(');
        let is_one = matches!(
            marks.trim_start_matches(')'),
            "" | " " | "-" | "." | "/" | "\u{a0}" | "\u{2011}" | "–" | " - " | " (" | "(" | "-(" | " / "
        );
        // Anything else ends the number: the digits behind it are not looked at.
        Some(if is_one && !marks.contains('+') { end } else { text.len() })
    }

    fn read_extension(&mut self, text: &str) {
        let rest = text.get(self.end..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', ',']);
        let lower: String = trimmed.chars().take(10).collect::<String>().to_ascii_lowercase();
        let Some(mark) =
            ["extension ", "ext. ", "ext.", "ext ", "ext", "x", "#"].into_iter().find(|mark| lower.starts_with(mark))
        else {
            return;
        };
        let start = self.end + (rest.len() - trimmed.len()) + mark.len();
        let end = run_end(text, start, 7, |char| char.is_ascii_digit());
        if (1..=6).contains(&(end - start)) && !after(text, end).is_some_and(char::is_alphanumeric) {
            self.extension = Some(slice(text, start, end).to_owned());
            self.end = end;
        }
    }

    /// Whether it is written as no other number in a list or a path is.
    fn has_blanks(&self) -> bool {
        self.has_parentheses || self.has_blank
    }

    /// Not a part of a word, a path, a decimal number or a longer number.
    fn stands_alone(&self, text: &str) -> bool {
        let head = before(text, self.start);
        let further = head.and_then(|char| before(text, self.start - char.len_utf8()));
        let begins = match head {
            Some('.' | ',' | '-' | ':' | '/' | '_') if self.has_plus => true,
            // A cell of a table, a part of a path: blanks are in no other number there.
            Some(',') if self.has_blanks() => true,
            Some('/') if self.has_blanks() => !further.is_some_and(|char| char.is_ascii_digit()),
            Some('.' | ',' | '-' | ':' | '/') => !further.is_some_and(|char| char.is_alphanumeric()),
            Some('_' | '%' | '#' | '$' | '\\' | '@') => false,
            Some(char) => !char.is_alphanumeric(),
            None => true,
        };
        let tail = after(text, self.end);
        let next = tail.and_then(|char| after(text, self.end + char.len_utf8()));
        let ends = match tail {
            Some('/' | ',') if self.has_plus => true,
            Some(',') if self.has_blanks() => true,
            Some('/') if self.has_blanks() => !next.is_some_and(|char| char.is_ascii_digit()),
            // The user of a SIP URI (RFC 3261 §19.1.1).
            Some('@') if self.has_plus => {
                slice(text, 0, self.start).ends_with("sip:") || slice(text, 0, self.start).ends_with("sips:")
            }
            Some('.' | ',' | '-' | ':' | '/') => !next.is_some_and(|char| char.is_alphanumeric()),
            Some('_' | '%' | '@') => false,
            Some(char) => !char.is_alphanumeric(),
            None => true,
        };
        begins && ends && !self.is_date()
    }

    /// `2026-11-02`, `02.11.2026`, and with a time behind them.
    fn is_date(&self) -> bool {
        let year = match self.groups.as_slice() {
            [4, 2, 2] | [4, 2, 2, _] | [4, 2, 2, 2, ..] => self.digits.get(..4),
            [2, 2, 4, ..] => self.digits.get(4..8),
            _ => None,
        };
        let is_year = year.is_some_and(|year| !year.starts_with('0') || year == "0000" || year == "0001");
        is_year && !self.has_plus && !self.has_parentheses
    }

    /// Whether nothing else is written like this.
    fn is_certain(&self) -> bool {
        if self.has_plus {
            return has_national_length(&self.digits, 6);
        }
        let nanp = |digits: &str| {
            let digits = digits.as_bytes();
            digits.len() == 10
                && digits.first().is_some_and(|one| *one > b'1')
                && digits.get(3).is_some_and(|one| *one > b'1')
        };
        let tail = |skip: usize| self.digits.get(skip..).unwrap_or_default();
        let same = self.separator.is_some_and(|mark| matches!(mark, '-' | '.' | '\u{2011}'));
        match self.groups.as_slice() {
            [3, 3, 4] => (same || self.has_parentheses) && nanp(&self.digits),
            [1, 3, 3, 4] => (same || self.has_parentheses) && self.digits.starts_with('1') && nanp(tail(1)),
            [3, 3, 3, 4] => self.digits.starts_with("001") && (same || self.extension.is_some()),
            [1, 3, 3, 2, 2] => self.has_parentheses && self.digits.starts_with(['7', '8']),
            [2 | 3, 4, 3 | 4] => self.has_parentheses && self.digits.starts_with('0'),
            _ => self.extension.is_some() && self.groups.len() >= 3 && same,
        }
    }

    /// Whether a number that stands alone is written as nearly nothing else is: with a trunk prefix (ITU-T E.164 §6.1, E.123 §3.2)
    /// or an international one, in groups, or with its area in parentheses.
    fn is_national(&self) -> bool {
        let length = self.digits.len();
        let Some((first, rest)) = self.groups.split_first() else { return false };
        let all = |lengths: std::ops::RangeInclusive<usize>| rest.iter().all(|group| lengths.contains(group));
        if let Some(international) = self.digits.strip_prefix("00") {
            return !rest.is_empty() && all(1..=8) && has_national_length(international, 7);
        }
        // A day behind a number in parentheses has eight digits, too.
        let is_day = matches!(rest, [8])
            && self.digits.get(*first..).is_some_and(|day| day.starts_with("19") || day.starts_with("20"));
        if self.has_parentheses {
            let shortest = if self.digits.starts_with('0') { 2 } else { 3 };
            return (1..=5).contains(first)
                && !rest.is_empty()
                && all(shortest..=8)
                && (8..=11).contains(&length)
                && !is_day;
        }
        let has_trunk = self.digits.starts_with('0') && ((2..=5).contains(first) || *first == 1 && rest.len() >= 2);
        // Mobile numbers of Germany have twelve digits, those of China no trunk prefix.
        let longest = if *first >= 4 && self.digits.starts_with("01") { 12 } else { 11 };
        let is_chinese = self.groups == [3, 4, 4] && matches!(self.digits.as_bytes(), [b'1', b'3'..=b'9', ..]);
        let is_trunk = (1..=4).contains(&rest.len()) && (9..=longest).contains(&length) && all(2..=9) && has_trunk;
        self.is_plain && (is_trunk || is_chinese)
    }

    /// E.164 where the country is written or tells by the layout; else the digits as they are dialled.
    fn canonical(&self) -> String {
        let digits = self.digits.as_str();
        let number = match digits {
            _ if self.has_plus => format!("+{digits}"),
            _ if digits.starts_with("00") && country(digits.trim_start_matches('0')).is_some() => {
                format!("+{}", digits.trim_start_matches('0'))
            }
            _ if digits.len() == 11 && digits.starts_with('1') => format!("+{digits}"),
            _ if digits.len() == 10 && !digits.starts_with(['0', '1']) => format!("+1{digits}"),
            _ => digits.to_owned(),
        };
        match &self.extension {
            Some(extension) => format!("{number};ext={extension}"),
            None => number,
        }
    }
}

/// The telephone number that is all of a text, by a layout that only there tells one: without groups as it is dialled within a country,
/// ten digits or with the trunk prefix eleven, or in at least three groups.
pub(super) fn alone(text: &str) -> Option<Finding> {
    let number = Number::read(text, 0).filter(|number| number.end == text.len() && !number.is_date())?;
    let (digits, groups) = (number.digits.as_str(), number.groups.as_slice());
    // The seconds since 1970 begin with 1.
    let is_dialled = match digits.len() {
        10 => !digits.starts_with("00") && !digits.starts_with('1'),
        11 => digits.starts_with('0') && !digits.starts_with("00"),
        _ => false,
    };
    let is_grouped = number.is_plain && groups.len() >= 3 && (9..=11).contains(&digits.len());
    let has_layout = match groups {
        [_] => is_dialled,
        // A social security number that none has.
        [.., 3, 2, 4] => false,
        [1..=4, rest @ ..] => is_grouped && rest.iter().all(|group| (2..=4).contains(group)),
        _ => false,
    };
    (has_layout || number.is_national())
        .then(|| Finding::token(number.start, number.end, "phone", Class::Phone, number.canonical()))
}

/// Whether a country code and as many digits as may follow it stand there: ten in North America, at least `shortest` elsewhere.
fn has_national_length(digits: &str, shortest: usize) -> bool {
    country(digits)
        .is_some_and(|code| (if code == "1" { 10..=10 } else { shortest..=13 }).contains(&(digits.len() - code.len())))
}

/// The country code that digits begin with (ITU-T E.164, list of assigned codes, annex to Operational Bulletin 1114).
fn country(digits: &str) -> Option<&str> {
    const TWO: &[u8] = &[
        20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61,
        62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
    ];
    /// Tens of the codes of three digits, and whether each of the ten is assigned.
    const THREE: &[(u16, &str)] = &[
        (21, "1110001110"),
        (22, "1111111111"),
        (23, "1111111111"),
        (24, "1111111111"),
        (25, "1111111110"),
        (26, "1111111111"),
        (29, "1100000111"),
        (35, "1111111111"),
        (37, "1111111110"),
        (38, "1111011101"),
        (42, "1101000000"),
        (50, "1111111111"),
        (59, "1111111111"),
        (67, "1011111111"),
        (68, "1111111111"),
        (69, "1110000000"),
        (80, "1000000010"),
        (85, "1010011000"),
        (87, "1000000010"),
        (88, "1110001010"),
        (96, "1111111101"),
        (97, "1111111110"),
        (99, "1011101001"),
    ];
    if digits.starts_with(['1', '7']) {
        return digits.get(..1);
    }
    let two = digits.get(..2)?;
    if TWO.contains(&two.parse().ok()?) {
        return Some(two);
    }
    let three = digits.get(..3)?;
    let tens = two.parse::<u16>().ok()?;
    let unit = usize::from(three.as_bytes().get(2)? - b'0');
    let (_, assigned) = THREE.iter().find(|(one, _)| *one == tens)?;
    (assigned.as_bytes().get(unit) == Some(&b'1')).then_some(three)
}
