//! What names inside a text tell of the values behind them: parameters of URLs, fields of JSON.

use super::detect::{Finding, WITHHELD};
use super::encoding;
use super::keys::{KeyClass, Keys};
use super::token;

/// Longest name that is looked at.
const MAX_NAME: usize = 128;

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

/// The values of JSON in a text, whole or a part of it, that their names tell to be somebody's or secret. Quotes may be escaped:
/// then it is JSON in a string of JSON.
pub(crate) fn fields(keys: &Keys, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (colon, _) in text.match_indices(':') {
        if let Some((name, quote)) = name_before(text, colon)
            && let Some((start, end)) = value_behind(text, colon + 1, quote)
            && let Some(value) = text.get(start..end).filter(|value| !is_ours(value))
            && let Some(finding) = judged(keys, name, value, start, end)
        {
            found.push(finding);
        }
    }
    found
}

/// The quoted name before a colon, and how its quotes are written (`"`, `\"`, `\\\"`).
fn name_before(text: &str, colon: usize) -> Option<(&str, &str)> {
    let head = text.get(..colon)?.trim_end_matches([' ', '\t']);
    let body = head.strip_suffix('"')?;
    let bare = body.trim_end_matches('\\');
    let quote = head.get(bare.len()..)?;
    let from = text.floor_char_boundary(bare.len().saturating_sub(MAX_NAME));
    let name = bare.get(from..)?.rsplit_once('"')?.1;
    (!name.is_empty()).then_some((name, quote))
}

/// A string, without its quotes, or a number.
fn value_behind(text: &str, at: usize, quote: &str) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    let start = at + (rest.len() - rest.trim_start().len());
    let value = text.get(start..)?;
    if let Some(body) = value.strip_prefix(quote) {
        let start = start + quote.len();
        let mut from = 0;
        // The same quote ends it, unless one more backslash stands before.
        while let Some(end) = body.get(from..)?.find(quote).map(|end| from + end) {
            if !body.get(..end)?.ends_with('\\') {
                return Some((start, start + end));
            }
            from = end + quote.len();
        }
        return Some((start, text.len()));
    }
    let digits = value
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'))
        .count();
    (digits > 0).then_some((start, start + digits))
}

/// Nothing, or what stands where a value was.
fn is_ours(value: &str) -> bool {
    value.is_empty() || value == WITHHELD || token::shape(value) == Some(value.len())
}

fn judged(keys: &Keys, name: &str, value: &str, start: usize, end: usize) -> Option<Finding> {
    let class = keys.content(name);
    let rule = match class {
        KeyClass::Blocked => return Some(Finding::withhold(start, end, "blocked_key")),
        _ => class.rule(),
    };
    let token = class.token()?;
    Some(Finding::token(start, end, rule, token, token.canonical(value)))
}
