//! Email addresses (RFC 5321 §4.1.2 with the letters of RFC 6531), found around each `@`.

use super::text::{after, before, run_end, run_start, slice};
use super::userinfo;
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::Class;

/// Longest local part looked at (RFC 5321 allows 64 bytes; longer ones occur and must not pass for that).
const MAX_LOCAL: usize = 256;
/// Longest domain (RFC 1035 §2.3.4).
const MAX_DOMAIN: usize = 255;
/// What begins the last part of a version and not the end of a domain with digits behind it: `pkg@next.rc1`.
const PRE_RELEASES: &[&str] = &["alpha", "beta", "pre", "rc"];

#[derive(Debug)]
pub(super) struct Email;

impl Detector for Email {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        found.extend(text.match_indices(['@', '＠']).filter_map(|(at, sign)| around(text, at, at + sign.len())));
    }

    fn anchor(&self) -> Anchor {
        Anchor::Signs(b"@\xef")
    }
}

fn around(text: &str, at: usize, domain_start: usize) -> Option<Finding> {
    let Domain { end: domain_end, glued } = domain(text, domain_start)?;
    let start = local(text, at)?;
    let is_scp_address = slice(text, start, at) == "git" && matches!(after(text, domain_end), Some(':' | '/'));
    if is_scp_address || userinfo::is_authority(text, at) {
        return None;
    }
    let canonical = format!("{}@{}", slice(text, start, at), slice(text, domain_start, domain_end)).to_lowercase();
    Some(Finding::token(start, domain_end + glued, "email", Class::Email, canonical))
}

/// The canonical form of a text that is an address and nothing else.
pub(super) fn canonical(text: &str) -> Option<String> {
    let at = text.find('@')?;
    let is_whole = local(text, at) == Some(0) && domain(text, at + 1) == Some(Domain { end: text.len(), glued: 0 });
    is_whole.then(|| text.to_lowercase())
}

fn local(text: &str, at: usize) -> Option<usize> {
    let is_local = |char: char| {
        char.is_alphanumeric() || matches!(char, '.' | '_' | '+' | '-' | '\'' | '!' | '#' | '$' | '*' | '~')
    };
    let start = run_start(text, at, MAX_LOCAL, is_local);
    // Punctuation before it is a quote, a bullet or the end of a sentence.
    let trimmed = slice(text, start, at).trim_start_matches(|char: char| !char.is_alphanumeric() && char != '_');
    // A quote inside belongs to a name (`o'brien`) only between letters.
    let from_quote = trimmed.rfind('\'').filter(|quote| {
        !(before(trimmed, *quote).is_some_and(char::is_alphanumeric)
            && after(trimmed, quote + 1).is_some_and(char::is_alphanumeric))
    });
    let start = at - trimmed.len() + from_quote.map_or(0, |quote| quote + 1);
    (start < at && !slice(text, start, at).ends_with('.')).then_some(start)
}

/// Where a domain ends.
#[derive(Debug, PartialEq, Eq)]
struct Domain {
    end: usize,
    /// Bytes that stand behind it without anything between: they go with it, since what is glued to a token changes it.
    glued: usize,
}

fn domain(text: &str, start: usize) -> Option<Domain> {
    if text.get(start..)?.starts_with('[') {
        let end = run_end(text, start + 1, 64, |char| {
            char.is_ascii_hexdigit() || matches!(char, '.' | ':' | 'I' | 'P' | 'v')
        });
        return (after(text, end) == Some(']') && end > start + 3).then_some(Domain { end: end + 1, glued: 0 });
    }
    let end = run_end(text, start, MAX_DOMAIN, |char| char.is_alphanumeric() || matches!(char, '.' | '-'));
    // A host name's last label has letters; what follows it in the text (`.`, `-`, `.5`) does not belong to it.
    let (mut length, mut glued) = (0, 0);
    let mut labels = 0;
    let mut is_named = false;
    let mut offset = 0;
    for label in slice(text, start, end).split('.') {
        let label_end = offset + label.len();
        let label = label.trim_end_matches('-');
        if label.is_empty() || label.starts_with('-') {
            break;
        }
        labels += 1;
        let is_top = label.chars().all(char::is_alphabetic) || label.starts_with("xn--");
        if labels > 1 && is_top && label.chars().nth(1).is_some() {
            (length, glued) = (offset + label.len(), 0);
        } else if let Some(top) = top(label).filter(|_| is_named) {
            let behind = label.chars().skip(top).take_while(char::is_ascii_alphanumeric);
            (length, glued) = (offset + top, behind.count());
        }
        is_named |= label.starts_with(char::is_alphabetic);
        if label_end != offset + label.len() {
            break;
        }
        offset = label_end + 1;
    }
    (length > 0).then_some(Domain { end: start + length, glued })
}

/// Bytes of letters that a label with digits or a hyphen behind them begins with, if they may be the end of a domain, and the rest what was written
/// behind it (`ada@example.org2025-07-01`, `ada@example.org-prod`). No end of a domain has either in it, but those in Punycode.
fn top(label: &str) -> Option<usize> {
    let letters = label.bytes().take_while(u8::is_ascii_alphabetic).count();
    let is_followed = label.as_bytes().get(letters).is_some_and(|next| next.is_ascii_digit() || *next == b'-');
    let is_version = PRE_RELEASES.iter().any(|known| known.eq_ignore_ascii_case(slice(label, 0, letters)));
    (letters > 1 && is_followed && !is_version).then_some(letters)
}
