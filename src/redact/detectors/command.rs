//! Credentials in the short options of command lines, which no name tells: `curl -u ann:…`, `mysql -p…`, `sshpass -p …`, `redis-cli -a …`, `docker login -p …`.

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

/// What stands before a password, as regexes: in commands, and where a program gives a user and a password by their place.
#[rustfmt::skip]
const BEFORE: &[&str] = &[
    r"\b(?:mysql|mariadb)[\w-]{0,16}\s(?:[^\n|;]{0,256}?\s)?-p",
    r"\bsshpass\s+-p\s*",
    r"\bredis-cli\s(?:[^\n|;]{0,256}?\s)?-a\s+",
    r"\blogin\s(?:[^\n|;]{0,256}?\s)?-p[ =]",
    r"\bhtpasswd\s+-\w*b\w*\s+\S{1,128}\s+\S{1,128}\s+",
    r"\bvault\s+login\s+(?:token=)?",
    r"\bldap(?:search|modify|add|delete|whoami)\s(?:[^\n|;]{0,256}?\s)?-w\s+",
    r"\brabbitmqctl\s+(?:add_user|change_password)\s+\S{1,128}\s+",
    r"(?i:\bconvertto-securestring\s+(?:-string\s+)?)",
    r#"(?i:\bauth ?= ?\(|basic_?auth\()\s*["'][^"'\n]{1,128}["']\s*,\s*"#,
];

/// Words that each of them has.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "curl", "mysql", "mariadb", "sshpass", "redis-cli", "login -u", "login -p", "login --user", "htpasswd", "vault login",
    "ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami", "rabbitmqctl", "convertto-securestring", "auth=(",
    "auth = (", "basicauth(", "basic_auth(",
];

impl CommandLine {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            pair: compile(
                r#"\s(?:-u|-U|--user|--proxy-user)[ =]?["'\\]{0,3}((?:user:[A-Z]-[0-9a-z]+|[^\s:"'\\]{1,128})):([^\s"'\\]+)"#,
            )?,
            password: compile(&format!(r#"(?:{})["'\\]{{0,3}}([^\s"'\\]+)"#, BEFORE.join("|")))?,
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
        WORDS.iter().map(|word| (*word).to_owned()).collect()
    }
}
