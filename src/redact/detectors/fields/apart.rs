//! A value that its name stands apart from: `"name": "first_name", "value": "Ann"`, `name="first_name" value="Ann"`, Kubernetes' `- name: …`
//! over `value: …`, a part of a multipart body, PHP's `s:10:"first_name";s:3:"Ann"`, a list of two.

use super::{MAX_GAP, MAX_NAME, Mark, Name, Sign, is_part};
use crate::redact::detectors::text::{after, before, run_end, run_start, slice};

/// Keys of the name in a pair that is an object of its own, in small letters.
const NAMES: [&str; 8] = ["name", "key", "field", "attribute", "param", "parameter", "header", "variable"];

/// Keys of the value in such a pair, in small letters.
const VALUES: [&str; 3] = ["value", "stringvalue", "string_value"];

/// Longest value before its name.
const MAX_BEFORE: usize = 4096;

/// What stands between a name, closed at `closed`, and its value.
pub(super) fn sign(text: &str, name: &Name, closed: usize) -> Option<Sign> {
    if name.quote.is_some()
        && let Some(sign) = part(text, name, closed).or_else(|| serialized(text, closed))
    {
        return Some(sign);
    }
    if let Some(sign) = is_named(text, name).then(|| pair(text, closed)).flatten() {
        return Some(sign);
    }
    let head = slice(text, run_start(text, name.opened(), 4, |char| !is_part(char)), name.opened());
    let is_list = name.quote.is_some() && head.ends_with(['[', '(']);
    let gap = run_end(text, closed, 4, |char| matches!(char, ',' | ' '));
    (is_list && after(text, closed) == Some(',')).then_some(Sign { mark: Mark::Comma, end: gap })
}

/// `form-data; name="first_name"`, a blank line and the value.
fn part(text: &str, name: &Name, closed: usize) -> Option<Sign> {
    let rest = text.get(closed..)?;
    let (blank, body) = ["\r\n\r\n", "\n\n"].into_iter().find_map(|blank| Some((blank, rest.strip_prefix(blank)?)))?;
    let line = body.lines().next().unwrap_or_default();
    let head = slice(text, run_start(text, name.opened(), 64, |char| char != '\n'), name.opened());
    (head.contains("form-data") && !line.is_empty())
        .then_some(Sign { mark: Mark::Apart { is_line: true }, end: closed + blank.len() })
}

/// PHP's `s:10:"first_name";s:3:"Ann"`.
fn serialized(text: &str, closed: usize) -> Option<Sign> {
    let serialized = text.get(closed..)?.strip_prefix(';')?;
    let mark = serialized.find('"').filter(|at| *at < 16)?;
    let length = serialized.strip_prefix("s:")?.get(..mark.checked_sub(2)?)?;
    let is_string = length.trim_end_matches(':').bytes().all(|byte| byte.is_ascii_digit());
    is_string.then_some(Sign { mark: Mark::Apart { is_line: true }, end: closed + 1 + mark })
}

/// Whether `name` itself is the value of a key: in quotes of any, without them of one that says so.
fn is_named(text: &str, name: &Name) -> bool {
    let Some(end) = key_end(text, name.opened()) else { return false };
    let start = run_start(text, end, MAX_NAME, is_part);
    name.quote.is_some() || NAMES.contains(&slice(text, start, end).to_ascii_lowercase().as_str())
}

/// `, "value": `, also on the next line: the sign behind a value's key that begins at `at`.
fn pair(text: &str, at: usize) -> Option<Sign> {
    let gap = run_end(text, at, MAX_GAP, |char| char.is_whitespace() || matches!(char, ',' | '"' | '\'' | '\\'));
    let end = run_end(text, gap, MAX_NAME, is_part);
    if gap == at || !VALUES.contains(&slice(text, gap, end).to_ascii_lowercase().as_str()) {
        return None;
    }
    let sign = run_end(text, end, 8, |char| matches!(char, '"' | '\'' | '\\' | ' '));
    if !matches!(after(text, sign), Some(':' | '=')) {
        return None;
    }
    let value = run_end(text, sign + 1, MAX_GAP, |char| matches!(char, ' ' | '\t'));
    Some(Sign { mark: Mark::Apart { is_line: slice(text, at, gap).contains('\n') }, end: value })
}

/// `"value": "Ann", "name": "first_name"`: the value before its name.
pub(super) fn before_name(text: &str, name: &Name) -> Option<(usize, usize)> {
    name.quote?;
    let key = run_start(text, key_end(text, name.opened())?, MAX_NAME, is_part);
    let gap = |char: char| char.is_whitespace() || matches!(char, ',' | '\\');
    // The quote of the key, then that of the value.
    let end = run_start(text, key, MAX_GAP, |char| gap(char) || matches!(char, '"' | '\''));
    let closing = slice(text, end, key);
    let mark = closing.trim_start_matches('\\').chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let floor = text.ceil_char_boundary(end.saturating_sub(MAX_BEFORE));
    let start = floor + slice(text, floor, end).rfind(mark)? + mark.len_utf8();
    let sign = start - mark.len_utf8();
    let sign = run_start(text, sign, 4, |char| char == '\\');
    let value_key = key_end(text, sign)?;
    let value_start = run_start(text, value_key, MAX_NAME, is_part);
    VALUES.contains(&slice(text, value_start, value_key).to_ascii_lowercase().as_str()).then_some((start, end))
}

/// Where the key ends whose value begins (with its quote, if it has one) at `at`.
fn key_end(text: &str, at: usize) -> Option<usize> {
    let sign = run_start(text, at, 4, |char| matches!(char, ' ' | '\t'));
    before(text, sign).filter(|char| matches!(char, ':' | '='))?;
    let end = run_start(text, sign - 1, 8, |char| matches!(char, '"' | '\'' | '\\' | ' '));
    before(text, end).is_some_and(is_part).then_some(end)
}
