//! What a name tells of the value behind it.

use super::detect::{Finding, WITHHELD};
use super::encoding;
use super::keys::{KeyClass, Keys};
use super::token::{self, Class};

/// The values of a URL, path, query or form that their parameters' names tell to be somebody's or secret.
pub(crate) fn parameters(keys: &Keys, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut at = 0;
    for part in text.split(['?', '&', ';', '#']) {
        if let Some((name, value)) = part.split_once('=')
            && !is_ours(value)
        {
            let name = name.replace("%5B", "[").replace("%5D", "]");
            let end = at + part.len();
            // A token is that of what the value says, however it is written.
            found.extend(judged(keys, &name, &encoding::form_value(value), end - value.len(), end));
        }
        at += part.len() + 1;
    }
    found
}

/// Nothing, or what stands where a value was.
pub(crate) fn is_ours(value: &str) -> bool {
    value.is_empty() || value == WITHHELD || token::shape(value) == Some(value.len())
}

/// What the value behind `name` becomes; `None` if the name tells nothing.
pub(crate) fn judged(keys: &Keys, name: &str, value: &str, start: usize, end: usize) -> Option<Finding> {
    let token = |class, rule| Some(Finding::token(start, end, rule, class, canonical(class, value)));
    match keys.content(name) {
        KeyClass::Blocked => Some(Finding::withhold(start, end, "blocked_key")),
        KeyClass::User => token(Class::User, "user_key"),
        KeyClass::Name => token(Class::Name, "name_key"),
        KeyClass::Personal(class) => token(class, "personal_key"),
        KeyClass::Opaque => token(Class::Opaque, "opaque_key"),
        KeyClass::Health => token(Class::Health, "health_key"),
        _ => None,
    }
}

/// How a value of a class is written, where no detector has read it.
pub(crate) fn canonical(class: Class, value: &str) -> String {
    let compact = || value.chars().filter(|char| char.is_alphanumeric());
    let written = match class {
        Class::Email => value.trim().to_lowercase(),
        Class::Phone if value.bytes().any(|byte| byte.is_ascii_digit()) => {
            value.chars().filter(|char| char.is_ascii_digit() || *char == '+').collect()
        }
        Class::Health => super::detectors::health_canonical(value),
        Class::Iban | Class::NationalId | Class::Imei => compact().flat_map(char::to_uppercase).collect(),
        Class::Mac => compact().flat_map(char::to_lowercase).collect(),
        _ => String::new(),
    };
    if written.is_empty() { value.trim().to_owned() } else { written }
}
