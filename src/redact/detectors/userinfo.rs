//! Credentials in the authority of a URL (RFC 3986 §3.2.1) and in Go's database source names.

use super::text::{run_end, run_start, slice};
use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::token::{self, Class};

/// Longest userinfo looked at.
const MAX_USERINFO: usize = 4096;

#[derive(Debug)]
pub(super) struct UserInfo;

impl Detector for UserInfo {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        for (at, mark) in text.match_indices("://") {
            let start = at + mark.len();
            if let Some(end) = url_userinfo(text, start) {
                push(text, start, end, found);
            }
        }
        for mark in ["@tcp(", "@unix(", "@tcp6(", "@udp("] {
            for (end, _) in text.match_indices(mark) {
                let start = run_start(text, end, MAX_USERINFO, |char| !is_boundary(char));
                push(text, start, end, found);
            }
        }
    }
}

/// Whether the `@` at this offset ends the userinfo of a URL.
pub(super) fn is_authority(text: &str, at: usize) -> bool {
    let start = run_start(text, at, MAX_USERINFO, |char| !is_boundary(char));
    slice(text, start, at)
        .rfind("://")
        .is_some_and(|scheme| url_userinfo(text, start + scheme + 3).is_some_and(|end| end >= at))
}

fn is_boundary(char: char) -> bool {
    char.is_whitespace() || matches!(char, '"' | '\'' | '<' | '>' | '`')
}

/// Where the userinfo that begins at `start` ends: the last `@` of the authority.
fn url_userinfo(text: &str, start: usize) -> Option<usize> {
    let limit = run_end(text, start, MAX_USERINFO, |char| !is_boundary(char));
    let rest = slice(text, start, limit);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(end) = authority.rfind('@') {
        return Some(start + end);
    }
    // A password may hold a slash that should have been encoded: then what looks like a port is no number.
    let port = authority.rsplit_once(':').map(|(_, port)| port)?;
    if port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) || authority.starts_with('[') {
        return None;
    }
    rest.rfind('@').map(|end| start + end)
}

fn push(text: &str, start: usize, end: usize, found: &mut Vec<Finding>) {
    let info = slice(text, start, end);
    // A token of ours has a colon itself.
    let user_end = token::shape(info).or_else(|| info.find(':')).unwrap_or(info.len());
    let (user, rest) = info.split_at_checked(user_end).unwrap_or((info, ""));
    match rest.strip_prefix(':') {
        Some(password) => {
            if !user.is_empty() {
                found.push(Finding::token(start, start + user.len(), "url_credential", Class::User, user));
            }
            if !password.is_empty() && password != WITHHELD {
                found.push(Finding::withhold(end - password.len(), end, "url_credential"));
            }
        }
        // `git@` is a role; anything else alone may be a key.
        None if info.is_empty() || info == "git" || info == WITHHELD || token::shape(info) == Some(info.len()) => {}
        None => found.push(Finding::withhold(start, end, "url_credential")),
    }
}
