//! `password=…`-like pairs in free text, queries, forms, JSON, Python and Ruby literals, headers and command lines.
//!
//! The value is withheld, without a token: what people choose as a password can be guessed.

use super::text::{after, line_before, run_end, run_start, slice};
use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::structured::is_ours;
use crate::redact::token;

/// A name that tells a secret, and how sure it is of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// Whatever stands behind it is secret.
    Always,
    /// Only with `=` or quotes around it, or if it does not look like a word: `unexpected token: end of file`.
    Somewhat,
    /// A header: everything up to the end of the line.
    Line,
    /// A number of a few digits.
    Code,
}

pub(super) const NAMES: &[(&str, Sure)] = &[
    ("password", Sure::Always),
    ("passwd", Sure::Always),
    ("passphrase", Sure::Always),
    ("passcode", Sure::Always),
    ("passwort", Sure::Always),
    ("contraseña", Sure::Always),
    ("mot_de_passe", Sure::Always),
    ("pwd", Sure::Always),
    ("_pass", Sure::Always),
    ("secret", Sure::Always),
    ("api_key", Sure::Always),
    ("api-key", Sure::Always),
    ("api.key", Sure::Always),
    ("apikey", Sure::Always),
    ("access_key", Sure::Always),
    ("access-key", Sure::Always),
    ("accesskey", Sure::Always),
    ("account_key", Sure::Always),
    ("accountkey", Sure::Always),
    ("private_key", Sure::Always),
    ("private-key", Sure::Always),
    ("privatekey", Sure::Always),
    ("encryption_key", Sure::Always),
    ("signing_key", Sure::Always),
    ("master_key", Sure::Always),
    ("credential", Sure::Somewhat),
    ("token", Sure::Somewhat),
    ("session", Sure::Somewhat),
    ("signature", Sure::Somewhat),
    ("x-amz-security", Sure::Somewhat),
    ("otp", Sure::Somewhat),
    ("cvv", Sure::Always),
    ("cvc", Sure::Somewhat),
    ("pin_code", Sure::Always),
    ("pincode", Sure::Always),
    ("psk", Sure::Always),
    ("verification code", Sure::Code),
    ("verification_code", Sure::Code),
    ("verificationcode", Sure::Code),
    ("security code", Sure::Code),
    ("login code", Sure::Code),
    ("one-time code", Sure::Code),
    ("one time code", Sure::Code),
    ("authorization", Sure::Line),
    ("set-cookie", Sure::Line),
    ("cookie", Sure::Line),
];

/// Names that only speak of a secret: `token_type`, `password_policy`.
const ABOUT: &[&str] = &[
    "type",
    "url",
    "uri",
    "endpoint",
    "count",
    "length",
    "len",
    "size",
    "limit",
    "expires",
    "expires_in",
    "expires_at",
    "expiry",
    "expiration",
    "ttl",
    "name",
    "policy",
    "field",
    "reset",
    "attempts",
    "enabled",
    "required",
    "valid",
    "changed",
    "usage",
    "manager",
    "smanager",
];

/// Longest rest of a name behind the keyword.
const MAX_NAME: usize = 64;

/// How much of a value tells whether it is secret. What goes on longer is read to its end only if it is, so that nothing is read twice.
const HEAD: usize = 512;

#[derive(Debug)]
pub(super) struct Pairs;

impl Detector for Pairs {
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>) {
        let mut done = 0;
        for keyword in seen.words_apart() {
            let Some((_, sure)) = NAMES.get(keyword.index).filter(|_| keyword.start >= done) else { continue };
            if let Some(finding) = value(seen, keyword.start, keyword.end, *sure) {
                done = finding.end;
                found.push(finding);
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        NAMES.iter().map(|(name, _)| (*name).to_owned()).collect()
    }
}

/// The value that the keyword at `start..end` names.
fn value(Seen { text, survey, .. }: Seen<'_>, start: usize, end: usize, sure: Sure) -> Option<Finding> {
    // `secret:S-…` is a token of ours.
    if text.get(start..).and_then(token::shape).is_some() {
        return None;
    }
    let is_name = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    let name_start = run_start(text, start, MAX_NAME, is_name);
    let name_end = run_end(text, end, MAX_NAME, is_name);
    let rest = slice(text, end, name_end).trim_matches(['_', '-', '.']).to_ascii_lowercase();
    if ABOUT.contains(&rest.as_str())
        || ABOUT.iter().any(|about| rest.strip_suffix(about).is_some_and(|head| head.ends_with(['_', '-', '.'])))
    {
        return None;
    }
    if is_in_arn(text, name_start) {
        return None;
    }
    let is_option = slice(text, name_start, start).starts_with("--");
    if let Some((start, end)) = compared_with(text, name_start)
        && is_secret(slice(text, start, end), sure, '=', true, &rest)
    {
        return Some(Finding::withhold(start, end, "secret_pair"));
    }
    let separator = separator(text, name_end, is_option).or_else(|| apart(text, name_end));
    let Some(separator) = separator else {
        return said(text, start, end, name_end, sure).map(|(start, end)| Finding::withhold(start, end, "secret_pair"));
    };
    let quote = quote(text, separator.end);
    if let Some((mark, length)) = quote {
        let value_start = separator.end + length;
        let escaped = slice(text, separator.end, value_start).contains('\\');
        let value_end = quoted_end(text, value_start, mark, escaped);
        return is_secret(slice(text, value_start, value_end), sure, separator.mark, true, &rest)
            .then(|| Finding::withhold(value_start, value_end, "secret_pair"));
    }
    let start = separator.end;
    // `session: [main] up` is a line of a log; `"session": [` is a field.
    let is_field = sure == Sure::Always || matches!(after(text, name_end), Some('"' | '\'' | '\\'));
    let is_nested = is_field && opens_nested(text, start);
    let end_in = |text: &str| {
        if is_nested {
            nested_end(text, start)
        } else if sure == Sure::Line && separator.mark == ':' {
            run_end(text, start, usize::MAX, |char| !matches!(char, '\n' | '\r' | '"' | '\''))
        } else if separator.mark == '>' {
            run_end(text, start, usize::MAX, |char| char != '<')
        } else {
            bare_end(text, start)
        }
    };
    let is_secret = |end: usize| is_secret(slice(text, start, end), sure, separator.mark, is_nested, &rest);
    let head = slice(text, 0, text.ceil_char_boundary(start + HEAD));
    // Behind a colon such a value is secret for its digits alone.
    if sure == Sure::Somewhat && separator.mark == ':' && !is_nested && !survey.has_digit_within(start, head.len()) {
        return None;
    }
    // What begins like a place for a secret may go on otherwise; a word without a digit does not.
    let may_go_on = head.len() < text.len() && matches!(sure, Sure::Always | Sure::Line);
    if !may_go_on && !is_secret(end_in(head)) {
        return None;
    }
    let end = end_in(text);
    is_secret(end).then(|| Finding::withhold(start, end, "secret_pair"))
}

/// Whether what begins there is a part of the name of a resource of AWS: `arn:aws:secretsmanager:…:secret:prod/db-AbCdEf` names a secret and
/// holds none.
fn is_in_arn(text: &str, at: usize) -> bool {
    const SERVICE: &str = ":secretsmanager:";
    let head =
        slice(text, run_start(text, at, MAX_NAME, |char| char.is_alphanumeric() || matches!(char, ':' | '-')), at);
    let is_part = |char: char| char.is_ascii_digit();
    let Some((partition, rest)) = head.rsplit_once(SERVICE) else { return false };
    let parts: Vec<&str> = rest.split(':').collect();
    partition.starts_with("arn:aws") && matches!(parts.as_slice(), [_, account, ""] if account.chars().all(is_part))
}

/// The quoted text that the name at `at` is compared with: `"…" == password`.
fn compared_with(text: &str, at: usize) -> Option<(usize, usize)> {
    const LONGEST: usize = 256;
    let head = line_before(text, at, LONGEST);
    let operand = head.trim_end();
    let operand =
        ["===", "!==", "==", "!="].into_iter().find_map(|operator| operand.strip_suffix(operator))?.trim_end();
    let mark = operand.chars().next_back().filter(|char| matches!(char, '"' | '\'' | '`'))?;
    let quoted = operand.strip_suffix(mark)?;
    let open = quoted.rfind(mark)?;
    let base = at - head.len();
    Some((base + open + mark.len_utf8(), base + quoted.len()))
}

struct Separator {
    mark: char,
    end: usize,
}

/// `=`, `:`, `=>`, `:=`, `>` of an element, or the space after a command line option, with the quote that closes the name.
fn separator(text: &str, name_end: usize, is_option: bool) -> Option<Separator> {
    let mut at = run_end(text, name_end, 4, |char| matches!(char, '"' | '\'' | '\\' | ']' | '`'));
    // An element or the size of an array.
    if slice(text, at, at + 1) == "[" {
        let index = run_end(text, at + 1, 8, |char| char.is_ascii_digit());
        at = if after(text, index) == Some(']') { index + 1 } else { at };
    }
    let closed = at;
    at = run_end(text, at, 4, |char| matches!(char, ' ' | '\t'));
    let mark = after(text, at);
    let next = mark.and_then(|mark| after(text, at + mark.len_utf8()));
    let (mark, length) = match (mark, next) {
        // Compared with a text: that text is it.
        (Some('=' | '!'), Some('=')) => {
            let end = run_end(text, at, 3, |char| matches!(char, '=' | '!'));
            let value = run_end(text, end, 4, |char| char == ' ');
            quote(text, value)?;
            ('=', end - at)
        }
        // `password "…"`: only what no sentence would put in quotes.
        (Some('"' | '\'' | '`'), _) if at > closed => {
            let (mark, length) = quote(text, at)?;
            let value = slice(text, at + length, quoted_end(text, at + length, mark, false));
            // A statement of a database; its keywords are mostly in capitals.
            let is_keyword = mark == '\'' && slice(text, 0, closed).ends_with("PASSWORD");
            let is_odd = is_keyword || value.bytes().any(|byte| !byte.is_ascii_alphabetic()) && !value.contains(' ');
            if value.len() < 8 || !is_odd || after(text, at + length + value.len()) != Some(mark) {
                return None;
            }
            ('=', 0)
        }
        (Some('='), Some('>')) | (Some(':'), Some('=')) => ('=', 2),
        (Some('='), _) => ('=', 1),
        // A path of C++ or Rust.
        (Some(':'), Some(':')) => return None,
        (Some(':'), _) => (':', 1),
        (Some('>'), _) if at == name_end => ('>', 1),
        _ if is_option && at > closed => ('=', 0),
        _ => return None,
    };
    let end = run_end(text, at + length, 16, |char| matches!(char, ' ' | '\t'));
    Some(Separator { mark, end })
}

/// The sign behind `value` or `default`, where that stands behind the name in an object of its own: `- name: DB_PASSWORD⏎  value: …`,
/// `variable "db_password" { default = "…" }`.
fn apart(text: &str, name_end: usize) -> Option<Separator> {
    const WORDS: [&str; 3] = ["value", "default", "defaultvalue"];
    let is_between = |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | '{' | '}' | ',' | '\\');
    let start = run_end(text, name_end, MAX_NAME, is_between);
    let end = run_end(text, start, MAX_NAME, char::is_alphabetic);
    let word = slice(text, start, end);
    let is_word = WORDS.iter().any(|one| one.eq_ignore_ascii_case(word));
    if start == name_end || !is_word { None } else { separator(text, end, false) }
}

/// The value that a sentence says behind the name: `the password is …`, `with password …`. The next word of most sentences is none.
fn said(text: &str, start: usize, end: usize, name_end: usize, sure: Sure) -> Option<(usize, usize)> {
    const LEADING: &[&str] = &["is ", "was ", "to ", "ist ", "es ", "est "];
    let gap = |at: usize| run_end(text, at, 2, |char| char == ' ');
    let is_spoken = sure == Sure::Code || slice(text, start, end).eq_ignore_ascii_case("password");
    let behind = gap(name_end);
    if name_end != end || behind == end || !is_spoken {
        return None;
    }
    let rest = slice(text, behind, run_end(text, behind, MAX_NAME, |char| char != '\n'));
    let start = behind + LEADING.iter().find(|word| rest.starts_with(**word)).map_or(0, |word| word.len());
    let until = run_end(text, start, MAX_NAME, |char| !char.is_whitespace());
    let value = slice(text, start, until).trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']);
    let is_value = if sure == Sure::Code { is_code(value) } else { is_chosen(value) };
    is_value.then_some((start, start + value.len()))
}

/// Whether a word may be a password that somebody chose: letters and digits, and no name of an algorithm or version.
fn is_chosen(value: &str) -> bool {
    const METHODS: &[&str] = &[
        "sha", "md5", "bcrypt", "argon", "pbkdf", "scrypt", "base", "utf", "rfc", "http", "oauth", "aes", "rsa",
        "ntlm", "v1", "v2", "v3", "win", "x86", "x64", "ipv", "iso", "user",
    ];
    let lower = value.to_ascii_lowercase();
    (6..=64).contains(&value.len())
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !value.contains(['/', ':', '=', '(', ')', '<', '>', '[', ']', '{', '}', '"'])
        && !METHODS.iter().any(|method| lower.starts_with(method))
}

fn is_code(value: &str) -> bool {
    (4..=10).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// The opening quote at `at`, plain, escaped by a backslash or after the letter of a literal (`b'…'`), and its length.
fn quote(text: &str, at: usize) -> Option<(char, usize)> {
    let rest = text.get(at..)?;
    let unprefixed = rest.strip_prefix(['b', 'u', 'r', 'f', 'B', 'U', 'N', '@']).unwrap_or(rest);
    let bare = unprefixed.trim_start_matches('\\');
    let mark = bare.chars().next().filter(|char| matches!(char, '"' | '\'' | '`'))?;
    Some((mark, rest.len() - bare.len() + 1))
}

/// Where a quoted value ends: before the same quote, escaped as the opening one was; else at the end of the text.
fn quoted_end(text: &str, start: usize, mark: char, escaped: bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let mut backslashes = 0;
    for (offset, char) in rest.char_indices() {
        if char == '\\' {
            backslashes += 1;
            continue;
        }
        if char == mark && (backslashes % 2 == 0 || escaped) {
            return start + offset - if escaped { backslashes.min(offset) } else { 0 };
        }
        backslashes = 0;
    }
    text.len()
}

/// Whether an object or a list opens at `start`: `"password": {"$eq": "…"}`.
fn opens_nested(text: &str, start: usize) -> bool {
    let rest = slice(text, start, text.len());
    rest.starts_with(['{', '[']) && !rest.starts_with(WITHHELD)
}

/// Where the object or list that opens at `start` ends, or the text, if it is cut off.
fn nested_end(text: &str, start: usize) -> usize {
    let rest = slice(text, start, text.len());
    let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
    for (offset, char) in rest.char_indices() {
        match (char, quote) {
            // In a text that is JSON's once more, the quotes themselves are escaped.
            ('\\', _) => {
                is_escaped = !is_escaped;
                continue;
            }
            ('"' | '\'', None) => quote = Some((char, is_escaped)),
            (_, Some(open)) if open == (char, is_escaped) => quote = None,
            ('{' | '[', None) => depth += 1,
            ('}' | ']', None) if depth == 1 => return start + offset + 1,
            ('}' | ']', None) => depth -= 1,
            _ => {}
        }
        is_escaped = false;
    }
    text.len()
}

/// Where a value without quotes ends: at white space, a quote or a bracket that closes, or where the next pair begins.
fn bare_end(text: &str, start: usize) -> usize {
    let rest = slice(text, start, text.len());
    if rest.starts_with(WITHHELD) {
        return start + WITHHELD.len();
    }
    let is_end = |char: char| char.is_whitespace() || matches!(char, '&' | '<');
    // A quote closes what the pair stands in, unless the value goes on behind it.
    let closes = |at: usize| !after(rest, at + 1).is_some_and(char::is_alphanumeric);
    let is_name = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    let begins_pair = |at: usize| {
        let name = run_end(rest, at, MAX_NAME, is_name);
        match after(rest, name) {
            Some('=' | ':') => name > at,
            Some('"' | '\'' | '`') => name == at && closes(name),
            next => name == at && next.is_none_or(is_end),
        }
    };
    // Nearly all signs of a value end nothing, and need no look at what they are.
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.' | b'/' | b'+' | b'=');
    let mut at = 0;
    let end = loop {
        at += rest.bytes().skip(at).take_while(|byte| is_plain(*byte)).count();
        let Some(char) = after(rest, at) else { break rest.len() };
        let is_over = match char {
            '"' | '\'' | '`' => closes(at),
            ',' | ';' | '|' => begins_pair(at + 1),
            char => is_end(char),
        };
        if is_over {
            break at;
        }
        at += char.len_utf8();
    };
    let value = slice(rest, 0, end);
    start + value.trim_end_matches([',', ';', ')', '}', ']', '.']).len()
}

fn is_secret(value: &str, sure: Sure, mark: char, quoted: bool, rest: &str) -> bool {
    let bare = value.trim();
    let is_empty = bare.chars().all(|char| matches!(char, '*' | '•' | 'x' | 'X' | '.' | '-'));
    let is_nothing = ["null", "none", "nil", "undefined", "true", "false", "yes", "no", "?", "%s", "{}", "[]"]
        .contains(&bare.to_ascii_lowercase().as_str());
    let is_scheme_and_ours = bare.ends_with(WITHHELD) && bare.split_whitespace().count() == 2;
    // `${DB_PASSWORD}`, `$API_KEY`, `<password>`, `{{ secret }}`: a place for a secret, not one.
    let is_name = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | ' ' | ':');
    let is_place = [("${", "}"), ("{{", "}}"), ("<", ">"), ("$(", ")"), ("$", ""), ("%(", ")s"), ("${", "")]
        .into_iter()
        .any(|(open, close)| {
            bare.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(|name| {
                !name.is_empty()
                    && name.chars().all(is_name)
                    && (open != "$"
                        || !name.starts_with(|char: char| char.is_ascii_digit())
                            && name.chars().all(|char| char.is_ascii_uppercase() || char == '_'))
            })
        });
    if is_empty || is_ours(bare) || is_nothing || is_place || is_scheme_and_ours {
        return false;
    }
    let has_digit = bare.bytes().any(|byte| byte.is_ascii_digit());
    match sure {
        Sure::Always => true,
        // `max_tokens=4096`
        Sure::Somewhat if rest.starts_with('s') || bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            bare.len() >= 8 && has_digit && !bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        }
        Sure::Somewhat if mark == ':' && !quoted => bare.len() >= 8 && has_digit,
        Sure::Somewhat => bare.len() >= 4,
        Sure::Code => is_code(bare),
        Sure::Line => mark == '=' || bare.len() >= 4,
    }
}
