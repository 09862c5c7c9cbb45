//! The W3C `tracestate` of a span: <https://www.w3.org/TR/trace-context/#tracestate-header>, as OpenTelemetry's Go API reads it.

/// Most members of a list.
const MAX_MEMBERS: usize = 32;
/// Longest key and longest value, in bytes.
const MAX_LENGTH: usize = 256;

/// The value of a key; `None` where it is not there, or the whole is no `tracestate`.
pub(super) fn value<'a>(trace_state: &'a [u8], wanted: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(trace_state).ok()?;
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in text.split(',') {
        if member.is_empty() {
            continue;
        }
        let (key, value) = pair(member)?;
        if members.len() == MAX_MEMBERS || members.iter().any(|(other, _)| *other == key) {
            return None;
        }
        members.push((key, value));
    }
    members.into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| value)
}

/// A member, where it is one.
fn pair(member: &str) -> Option<(&str, &str)> {
    let (key, value) = member.split_once('=')?;
    let (key, value) = (key.trim_start_matches([' ', '\t']), value.trim_end_matches([' ', '\t']));
    (is_key(key) && is_value(value)).then_some((key, value))
}

fn is_key(key: &str) -> bool {
    let part = |part: &str, longest: usize, digit_first: bool| {
        let first = |byte: &u8| byte.is_ascii_lowercase() || (digit_first && byte.is_ascii_digit());
        let rest = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(byte);
        part.len() <= longest && part.as_bytes().first().is_some_and(first) && part.bytes().all(|byte| rest(&byte))
    };
    match key.split_once('@') {
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
        None => part(key, MAX_LENGTH, false),
    }
}

fn is_value(value: &str) -> bool {
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b',' && byte != b'=';
    (1..=MAX_LENGTH).contains(&value.len()) && value.bytes().all(printable) && !value.ends_with(' ')
}
