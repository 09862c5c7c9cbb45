//! IPv4 and IPv6 addresses, as `std::net` reads them. Four numbers with dots are taken for an address even where they may be
//! a version, unless a letter stands before them (`v1.2.3.4`).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::text::{after, before, run_end, run_start, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

#[derive(Debug)]
pub(super) struct Ip;

/// Longest text of an address: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` and a port or more behind it.
const MAX_RUN: usize = 64;

impl Detector for Ip {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for span in &survey.addresses {
            let written = slice(text, span.start, span.end);
            if !may_hold_one(written) {
                continue;
            }
            let mut at = span.start;
            for part in written.split('-') {
                within(text, at, at + part.len(), found);
                at += part.len() + 1;
            }
        }
        // `::1` is shorter than what the survey tells of.
        let (mut done, mut next) = (0, 0);
        for at in memchr::memchr_iter(b':', text.as_bytes()) {
            if at < next || text.as_bytes().get(at + 1) != Some(&b':') {
                continue;
            }
            next = at + 2;
            let is_part = |char: char| char.is_ascii_hexdigit() || matches!(char, ':' | '.');
            let start = run_start(text, at, MAX_RUN, is_part);
            let end = run_end(text, at, MAX_RUN, is_part);
            let known = survey.addresses.partition_point(|span| span.end < end);
            if start >= done && survey.addresses.get(known).is_none_or(|span| span.start > start) {
                if end - start == 2 && is_any(text, start, end) {
                    found.push(Finding::token(start, end, "ip", Class::Ip, "::"));
                }
                within(text, start, end, found);
                done = end;
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Signs(b".:")
    }
}

/// Whether there are as many signs as the shortest address has: most runs are words, numbers and times.
fn may_hold_one(run: &str) -> bool {
    let (mut dots, mut colons) = (0, 0);
    for byte in run.bytes() {
        dots += usize::from(byte == b'.');
        colons += usize::from(byte == b':');
    }
    dots >= 3 || colons >= 2
}

/// Whether two colons are the address of any host, not a path of C++, Rust or Ruby: where a text says that an address comes, and all of a
/// text or in brackets before a port.
fn is_any(text: &str, start: usize, end: usize) -> bool {
    const NAMES: &[&str] = &[
        "address",
        "addr",
        "bind",
        "binding",
        "bound",
        "host",
        "inet6",
        "ip",
        "ipv6",
        "listen",
        "listening",
        "on",
        "source",
        "src",
    ];
    const SIGNS: &[char] = &[' ', '"', '\'', '`', '=', ':', '(', '['];
    let (from, to) = (run_start(text, start, MAX_RUN, |_| true), run_end(text, end, MAX_RUN, |_| true));
    let (head, tail) = (slice(text, from, start), slice(text, end, to));
    let stands_alone = head.chars().next_back().is_none_or(|char| SIGNS.contains(&char))
        && !tail.starts_with(|char: char| {
            char.is_alphanumeric() || matches!(char, '_' | '<' | '*' | '~' | '{' | '$' | '/')
        });
    let name = head.trim_end_matches(SIGNS);
    let word = slice(name, run_start(name, name.len(), MAX_RUN, char::is_alphanumeric), name.len());
    let is_whole = || from == 0 && word.is_empty() && to == text.len() && !tail.contains(char::is_alphanumeric);
    let is_named = || NAMES.iter().any(|name| word.eq_ignore_ascii_case(name));
    let has_port = || {
        head.ends_with('[')
            && tail.strip_prefix("]:").is_some_and(|port| port.starts_with(|char: char| char.is_ascii_digit()))
    };
    stands_alone && (is_whole() || is_named() || has_port())
}

/// What of a longest run of hex digits, colons and dots is not the end of a word.
fn within(text: &str, start: usize, end: usize, found: &mut Vec<Finding>) {
    let part = slice(text, start, end);
    let (mut dots, mut colons) = (0, 0);
    for byte in part.bytes() {
        dots += usize::from(byte == b'.');
        colons += usize::from(byte == b':');
    }
    // Four numbers; eight, or a gap for those that are left out.
    if dots < 3 && colons < 6 && !(colons >= 2 && part.contains("::")) {
        return;
    }
    let goes_on = before(text, start).is_some_and(char::is_alphanumeric);
    let word = if goes_on { part.find(['.', ':']).map_or(part.len(), |at| at + 1) } else { 0 };
    let rest = part.get(word..).unwrap_or_default().trim_start_matches('.');
    if !rest.is_empty() {
        run(text, end - rest.len(), end, found);
    }
}

/// A run of hex digits, colons and dots.
fn run(text: &str, start: usize, end: usize, found: &mut Vec<Finding>) {
    let run = slice(text, start, end);
    if run.bytes().filter(|byte| *byte == b':').count() >= 2
        && run.len() <= MAX_RUN
        && let Some((from, to, canonical)) =
            v6(run, after(text, end).is_some_and(|char| char.is_alphanumeric()), length(text, end).is_some())
    {
        let (end, canonical) = with_length(text, start + from, start + to, canonical);
        found.push(Finding::token(start + from, end, "ip", Class::Ip, canonical));
        return;
    }
    let mut offset = start;
    for part in run.split(':') {
        let part_end = offset + part.len();
        if part_end < end || !after(text, end).is_some_and(|char| char.is_alphanumeric()) {
            v4(text, offset, part_end, found);
        }
        offset = part_end + 1;
    }
}

fn v6(run: &str, goes_on: bool, length_follows: bool) -> Option<(usize, usize, String)> {
    if goes_on {
        return None;
    }
    // A single colon at an end is punctuation: `from fe80::1: timed out`.
    let end = run.trim_end_matches('.').len();
    let head = run.get(..end)?;
    let end = if head.ends_with(':') && !head.ends_with("::") { end - 1 } else { end };
    let from = usize::from(run.starts_with(':') && !run.starts_with("::"));
    let text = run.get(from..end)?;
    let (text, end) = match text.rsplit_once(':') {
        // What stands behind an embedded address (RFC 4291 §2.5.5) is a port.
        Some((mapped, port)) if mapped.contains('.') && port.parse::<u16>().is_ok() => (mapped, end - port.len() - 1),
        // A ninth group is one, too.
        Some((eight, port)) if text.matches(':').count() == 8 && port.parse::<u16>().is_ok() => {
            (eight, end - port.len() - 1)
        }
        _ => (text, end),
    };
    let address: Ipv6Addr = text.parse().ok()?;
    // `::` and `dead::beef` are paths of C++ and Rust more often than addresses.
    (length_follows || text.bytes().any(|byte| byte.is_ascii_digit())).then_some(())?;
    let canonical = address.to_ipv4_mapped().map_or_else(|| address.to_string(), |v4| v4.to_string());
    Some((from, end, canonical))
}

fn v4(text: &str, start: usize, end: usize, found: &mut Vec<Finding>) {
    let part = slice(text, start, end);
    let trimmed = part.trim_end_matches('.');
    // tcpdump and the netstat of BSD write the port behind one more dot. An object identifier begins with 0, 1 or 2.
    let with_port = trimmed.rsplit_once('.').filter(|(address, port)| {
        let first = address.split('.').next().and_then(|first| first.parse::<u8>().ok());
        address.matches('.').count() == 3 && first.is_some_and(|first| first >= 10) && port.parse::<u16>().is_ok()
    });
    let trimmed = with_port.map_or(trimmed, |(address, _)| address);
    let mut octets = [0_u8; 4];
    let mut count = 0;
    for number in trimmed.split('.') {
        let is_octet = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let (Some(place), true, Ok(octet)) = (octets.get_mut(count), is_octet, number.parse()) else { return };
        *place = octet;
        count += 1;
    }
    if count == octets.len() {
        let address = Ipv4Addr::from(octets);
        let (end, canonical) = with_length(text, start, start + trimmed.len(), address.to_string());
        found.push(Finding::token(start, end, "ip", Class::Ip, canonical));
    }
}

/// The address with the length of its network (RFC 4632), if one follows and the address is not the host of a URL.
fn with_length(text: &str, start: usize, end: usize, canonical: String) -> (usize, String) {
    match length(text, end) {
        Some(after) if before(text, start) != Some('/') => {
            let length = slice(text, end, after);
            (after, format!("{canonical}{length}"))
        }
        _ => (end, canonical),
    }
}

/// Where a slash and the number of bits behind `at` end.
fn length(text: &str, at: usize) -> Option<usize> {
    let bits = text.get(at..)?.strip_prefix('/')?;
    let digits = bits.bytes().take(4).take_while(u8::is_ascii_digit).count();
    let is_length = bits.get(..digits)?.parse::<u8>().is_ok_and(|bits| bits <= 128);
    let end = at + 1 + digits;
    (is_length && !after(text, end).is_some_and(|char| char.is_alphanumeric() || char == '/')).then_some(end)
}
