//! Credentials in the authority of a URL (RFC 3986 §3.2.1) and in Go's database source names.

use super::email;
use super::text::{run_end, run_start, slice};
use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::encoding;
use crate::redact::gate::{Anchor, Seen};
use crate::redact::structured::is_ours;
use crate::redact::token::{self, Class};

/// How far back the beginning of a URL is looked for.
const LOOK_BACK: usize = 256;

#[derive(Debug)]
pub(super) struct UserInfo;

impl Detector for UserInfo {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let mut run = Run::default();
        for (at, mark) in text.match_indices("://") {
            let start = at + mark.len();
            if start >= run.end {
                run = Run::from(text, start);
            }
            if let Some(end) = url_userinfo(text, start, &run) {
                push(text, start, end, found);
            }
        }
        for mark in ["@tcp(", "@unix(", "@tcp6(", "@udp("] {
            for (end, _) in text.match_indices(mark) {
                let start = run_start(text, end, LOOK_BACK, |char| !is_boundary(char));
                push(text, start, end, found);
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Signs(b"@")
    }
}

/// Whether the `@` at this offset ends the userinfo of a URL.
pub(super) fn is_authority(text: &str, at: usize) -> bool {
    let start = run_start(text, at, LOOK_BACK, |char| !is_boundary(char));
    let head = slice(text, start, at);
    let Some(scheme) = head.rfind("://") else { return false };
    let authority = start + scheme + 3;
    let run = Run { end: at + 1, last_at: Some(at) };
    url_userinfo(text, authority, &run).is_some_and(|end| end >= at)
}

/// Text without a boundary: where it ends, and its last `@`. Shared by all URLs in it, so that a text of nothing but
/// `://` is read once.
#[derive(Debug, Default)]
struct Run {
    end: usize,
    last_at: Option<usize>,
}

impl Run {
    fn from(text: &str, start: usize) -> Self {
        let end = run_end(text, start, usize::MAX, |char| !is_boundary(char));
        Self { end, last_at: slice(text, start, end).rfind('@').map(|at| start + at) }
    }
}

fn is_boundary(char: char) -> bool {
    char.is_whitespace() || matches!(char, '"' | '\'' | '<' | '>' | '`')
}

/// Where the userinfo that begins at `start` ends: the last `@` of the authority.
fn url_userinfo(text: &str, start: usize, run: &Run) -> Option<usize> {
    let last_at = run.last_at.filter(|at| *at >= start)?;
    let authority = slice(text, start, run.end).split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(end) = authority.rfind('@') {
        return Some(start + end);
    }
    // A password may hold a slash that should have been encoded: then what looks like a port is no number.
    let port = authority.rsplit_once(':').map(|(_, port)| port)?;
    let is_port = port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit());
    (!is_port && !authority.starts_with('[')).then_some(last_at)
}

/// The token of a user's name. One that is an address of a mailbox is that address wherever it stands.
fn named(user: &str, start: usize) -> Finding {
    match email::canonical(&encoding::unescaped(user)) {
        Some(address) => Finding::token(start, start + user.len(), "email", Class::Email, address),
        None => Finding::token(start, start + user.len(), "url_credential", Class::User, user),
    }
}

fn push(text: &str, start: usize, end: usize, found: &mut Vec<Finding>) {
    let info = slice(text, start, end);
    // A token of ours has a colon itself.
    let user_end = token::shape(info).or_else(|| info.find(':')).unwrap_or(info.len());
    let (user, rest) = info.split_at_checked(user_end).unwrap_or((info, ""));
    match rest.strip_prefix(':') {
        Some(password) => {
            if !user.is_empty() {
                found.push(named(user, start));
            }
            if !password.is_empty() && password != WITHHELD {
                found.push(Finding::withhold(end - password.len(), end, "url_credential"));
            }
        }
        None if info == "git" || is_ours(info) => {}
        // A word alone is a name (`spark://CoarseGrainedScheduler@…`); anything else alone may be a key.
        None if info.len() < 32 && info.chars().all(|char| char.is_alphabetic() || matches!(char, '-' | '_')) => {
            found.push(Finding::token(start, end, "url_credential", Class::User, info));
        }
        None => found.push(Finding::withhold(start, end, "url_credential")),
    }
}
