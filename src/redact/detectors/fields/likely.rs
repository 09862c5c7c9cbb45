//! Whether what stands behind a bare name is a value of it: the next word of a sentence, a type or an expression is none.

use crate::redact::detectors::home::ROLES;
use crate::redact::keys::KeyClass;
use crate::redact::literals::is_constant;
use crate::redact::token::Class;

/// Words that speak of a value: `user_name: missing`.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "absent", "admin", "administrator", "already", "any", "anonymous", "bad", "blank", "bool", "cannot", "char", "date", "denied", "disabled",
    "does", "email", "empty", "error", "exists", "expected", "expired", "failed", "failure", "field", "found", "guest", "has",
    "incorrect", "int", "integer", "invalid", "is", "locked", "malformed", "may", "missing", "must", "name", "no",
    "not", "number", "object", "ok", "option", "optional", "phone", "required", "self", "should", "str", "string",
    "success", "system", "text", "this", "too", "unknown", "unset", "user", "username", "valid", "value", "varchar", "was",
    "wrong",
];

/// Most words of a person's name, and of an address.
const NAME_WORDS: usize = 5;
const ADDRESS_WORDS: usize = 12;
/// Most words of a date.
const DATE_WORDS: usize = 4;

/// Most words that a value behind a bare name of this class has.
pub(super) fn most_words(class: KeyClass) -> usize {
    match class {
        KeyClass::Personal(Class::Name) => NAME_WORDS,
        KeyClass::Personal(Class::Address) => ADDRESS_WORDS,
        KeyClass::Personal(Class::BirthDate) => DATE_WORDS,
        KeyClass::Personal(Class::User | Class::Email) | KeyClass::Blocked => 1,
        _ => usize::MAX,
    }
}

/// Whether `value` looks like one that belongs behind a bare name of this class.
pub(super) fn is_value(class: KeyClass, name: &str, value: &str) -> bool {
    let value = value.trim();
    let has = |count: usize| value.bytes().filter(u8::is_ascii_digit).count() >= count;
    let words = || value.split_whitespace();
    let is_about = || {
        let first = words().next().unwrap_or_default().trim_matches(|char: char| !char.is_alphanumeric());
        ABOUT.iter().any(|about| first.eq_ignore_ascii_case(about)) || is_constant(first)
    };
    if value.is_empty() || is_name_of_itself(name, value) || is_expression(value) {
        return false;
    }
    match class {
        KeyClass::Personal(Class::Name) => {
            let is_part = |char: char| {
                char.is_alphabetic() || char.is_whitespace() || matches!(char, '\'' | '-' | '.' | ',' | '’')
            };
            let is_single = || words().count() == 1;
            let is_capital = |word: &str| word.starts_with(|char: char| char.is_uppercase() || !char.is_ascii());
            // What is no name shows it by one of its first characters mostly.
            value.chars().all(is_part)
                && words().all(|word| word.contains(char::is_alphabetic))
                && words().count() <= NAME_WORDS
                && (is_single() || words().next().is_some_and(is_capital) && words().last().is_some_and(is_capital))
                && !is_about()
        }
        KeyClass::Personal(Class::User) => {
            words().count() == 1
                && !is_system_id(name, value)
                && !is_about()
                && !ROLES.iter().any(|role| value.eq_ignore_ascii_case(role))
        }
        KeyClass::Personal(Class::Address) => {
            words().count() <= ADDRESS_WORDS
                && (has(1) || value.starts_with(char::is_uppercase) && words().count() > 1 && !is_about())
                && !is_about()
        }
        KeyClass::Personal(Class::Email) => value.contains('@') && words().count() == 1,
        KeyClass::Personal(Class::Phone) => has(5) && !value.chars().any(|char| char.is_alphabetic() && char != 'x'),
        KeyClass::Personal(Class::BirthDate) => has(4) && words().count() <= DATE_WORDS,
        KeyClass::Blocked => has(3) && words().count() == 1,
        // Numbers of people and their health have detectors that judge them by their digits.
        _ => false,
    }
}

/// Whether a text in quotes behind a bare name is a place for a value, or speaks of the name: `first_name="%s"`.
pub(super) fn is_place(name: &str, value: &str) -> bool {
    is_name_of_itself(name, value) || is_constant(value.trim()) || is_expression(value) && !value.contains(' ')
}

/// `email=email`, `first_name=self.first_name`, `userName: username`.
fn is_name_of_itself(name: &str, value: &str) -> bool {
    fn plain(text: &str) -> impl Iterator<Item = char> {
        text.chars().rev().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase)
    }
    let mut value = plain(value);
    plain(name).all(|char| value.next() == Some(char))
}

/// A call, a place for a value or a path of names: code, not what it made.
fn is_expression(value: &str) -> bool {
    let has_call = value.contains('(') || value.contains("->") || value.contains("::");
    let is_place = value.starts_with(['$', '%', '{', '<', '[', '(', '*', '?', '&', '@', ':', '#'])
        || value.bytes().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'_'));
    has_call || is_place
}

/// The ids of a system's accounts name nobody: `uid=0`.
fn is_system_id(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("uid") && value.bytes().all(|byte| byte.is_ascii_digit())
}
