//! Credentials in the short options of command lines, which no name tells: `curl -u ann:…`, `mysql -p…`, `sshpass -p …`, `redis-cli -a …`.

use regex::Regex;

use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::structured::is_ours;
use crate::redact::token::Class;

#[derive(Debug)]
pub(super) struct CommandLine {
    /// A user and a password.
    pair: Regex,
    password: Regex,
}

impl CommandLine {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            pair: compile(
                r#"\s(?:-u|-U|--user|--proxy-user)[ =]?["'\\]{0,3}((?:user:[A-Z]-[0-9a-z]+|[^\s:"'\\]{1,128})):([^\s"'\\]+)"#,
            )?,
            password: compile(
                r#"(?:\b(?:mysql|mariadb)[\w-]{0,16}\s(?:[^\n|;]{0,256}?\s)?-p|\bsshpass\s+-p\s*|\bredis-cli\s(?:[^\n|;]{0,256}?\s)?-a\s+)["'\\]{0,3}([^\s"'\\]+)"#,
            )?,
        })
    }
}

impl Detector for CommandLine {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        if text.contains("curl") {
            for captures in self.pair.captures_iter(text) {
                let (Some(user), Some(password)) = (captures.get(1), captures.get(2)) else { continue };
                if !is_ours(user.as_str()) {
                    found.push(Finding::token(user.start(), user.end(), "command_line", Class::User, user.as_str()));
                }
                if !is_ours(password.as_str()) {
                    found.push(Finding::withhold(password.start(), password.end(), "command_line"));
                }
            }
        }
        for password in self.password.captures_iter(text).filter_map(|captures| captures.get(1)) {
            if !is_ours(password.as_str()) {
                found.push(Finding::withhold(password.start(), password.end(), "command_line"));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        ["curl", "mysql", "mariadb", "sshpass", "redis-cli"].map(str::to_owned).to_vec()
    }
}
