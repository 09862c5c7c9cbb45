//! What a name tells of the value behind it.

use super::detect::{Finding, WITHHELD};
use super::encoding;
use super::keys::{KeyClass, Keys};
use super::token;

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
    of_class(keys.content(name), value, start, end)
}

/// What the value behind a name of this class becomes; `None` if that tells nothing.
pub(crate) fn of_class(class: KeyClass, value: &str, start: usize, end: usize) -> Option<Finding> {
    let rule = match class {
        KeyClass::Blocked => return Some(Finding::withhold(start, end, "blocked_key")),
        _ => class.rule(),
    };
    let token = class.token()?;
    Some(Finding::token(start, end, rule, token, token.canonical(value)).by_name())
}
