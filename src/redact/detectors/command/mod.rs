//! Credentials in the short options of command lines, which no name tells: `curl -u ann:…`, `mysql -p…`, `sshpass -p …`,
//! `["redis-cli", "-a", "…"]`.

mod table;

use regex::Regex;

use self::table::{COMMANDS, Command};
use super::text::{after, before, run_end, slice};
use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::gate::{Anchor, Seen, Word};
use crate::redact::structured::is_ours;
use crate::redact::token::{self, Class};

/// Shortest name of a command that is looked for in texts: shorter ones are in too many words.
const MIN_NAME: usize = 4;

/// Names that texts use otherwise: as schemes of URLs, as a word.
const WORDS_OF_TEXTS: [&str; 2] = ["http", "https"];

/// The rule's name.
const RULE: &str = "command_line";

/// How much of a command line is read.
const MAX_LINE: usize = 4096;

/// What stands before a password whose place tells it, as regexes: in commands, and in calls of programs.
#[rustfmt::skip]
const BEFORE: &[&str] = &[
    r"\bhtpasswd\s+-\w*b\w*\s+\S{1,128}\s+\S{1,128}\s+",
    r"\bvault\s+login\s+(?:token=)?",
    r"\brabbitmqctl\s+(?:add_user|change_password)\s+\S{1,128}\s+",
    r"(?i:\bconvertto-securestring\s+(?:-string\s+)?)",
    r#"(?i:\bauth ?= ?\(|basic_?auth\()\s*["'][^"'\n]{1,128}["']\s*,\s*"#,
];

/// Words that each of them has.
const PLACES: [&str; 8] = [
    "htpasswd",
    "vault login",
    "rabbitmqctl",
    "convertto-securestring",
    "auth=(",
    "auth = (",
    "basicauth(",
    "basic_auth(",
];

#[derive(Debug)]
pub(super) struct CommandLine {
    /// A password by its place.
    placed: Regex,
}

impl CommandLine {
    pub(super) fn new() -> Result<Self, String> {
        let placed = Regex::new(&format!(r#"(?:{})["'\\]{{0,3}}([^\s"'\\]+)"#, BEFORE.join("|")));
        Ok(Self { placed: placed.map_err(|error| error.to_string())? })
    }
}

impl Detector for CommandLine {
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>) {
        let text = seen.text;
        let mut done = 0;
        let mut is_placed = false;
        for Word { index, start, end, .. } in seen.words_apart() {
            if index < PLACES.len() {
                is_placed = true;
                continue;
            }
            let end = run_end(text, end, 32, is_name);
            let is_word = !before(text, start).is_some_and(is_name);
            let Some(command) = table::of(slice(text, start, end)).filter(|_| is_word && start >= done) else {
                continue;
            };
            let mut options = Options::of(command);
            let limit = text.floor_char_boundary(end.saturating_add(MAX_LINE).min(text.len()));
            for (from, to) in (Arguments { text: slice(text, 0, limit), at: end }) {
                done = to;
                found.extend(options.read(slice(text, from, to)).into_iter().flat_map(|secret| secret.findings(from)));
            }
        }
        if is_placed {
            let passwords = self.placed.captures_iter(text).filter_map(|captures| captures.get(1));
            let passwords = passwords.filter(|password| !is_ours(password.as_str()));
            found.extend(passwords.map(|password| Finding::withhold(password.start(), password.end(), RULE)));
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        let names = COMMANDS.iter().flat_map(|command| command.names);
        let names = names.filter(|name| name.len() >= MIN_NAME && !WORDS_OF_TEXTS.contains(name));
        PLACES.iter().chain(names).map(|name| (*name).to_owned()).collect()
    }
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-')
}

/// The options of one command line, argument by argument.
#[derive(Debug)]
pub(crate) struct Options {
    command: &'static Command,
    /// Whether the word came that the options count behind.
    counts: bool,
    next: Option<Kind>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Secret,
    Pair,
}

/// A credential in an argument.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Credential<'a> {
    /// The argument's part that is a user's name, and where it begins.
    user: Option<(usize, &'a str)>,
    /// Where the password begins, and where it ends.
    password: Option<(usize, usize)>,
}

impl Options {
    /// The options of the command at `path`, if it is one with credentials in them.
    pub(crate) fn of_command(path: &str) -> Option<Self> {
        table::of(path).map(Self::of)
    }

    fn of(command: &'static Command) -> Self {
        Self { command, counts: command.behind.is_none(), next: None }
    }

    /// What the next argument holds.
    pub(crate) fn read<'a>(&mut self, argument: &'a str) -> Option<Credential<'a>> {
        let counts = self.counts;
        self.counts |= self.command.behind == Some(argument);
        match self.next.take() {
            Some(Kind::Secret) => return Credential::secret(argument, 0),
            Some(Kind::Pair) => return Credential::pair(argument, 0),
            None if !counts || !argument.starts_with('-') => return None,
            None => {}
        }
        let Command { secrets, joined, pairs, .. } = self.command;
        // `--user=ann:…`, `-uann:…`: where the value begins, and whether it is the next argument.
        let rest_of = |options: &[&str]| {
            let option = options.iter().find(|option| argument.starts_with(**option))?;
            let rest = argument.get(option.len()..)?;
            let at = option.len() + usize::from(rest.starts_with('='));
            let is_option = rest.is_empty() || at > option.len() || !option.starts_with("--");
            is_option.then_some((at, rest.is_empty()))
        };
        if let Some((at, is_whole)) = rest_of(pairs) {
            self.next = is_whole.then_some(Kind::Pair);
            return Credential::pair(argument, at);
        }
        if let Some((at, is_whole)) = rest_of(secrets) {
            self.next = is_whole.then_some(Kind::Secret);
            return Credential::secret(argument, at);
        }
        rest_of(joined).and_then(|(at, _)| Credential::secret(argument, at))
    }
}

impl<'a> Credential<'a> {
    fn secret(argument: &'a str, at: usize) -> Option<Self> {
        let value = argument.get(at..)?;
        (!is_ours(value)).then_some(Self { user: None, password: Some((at, argument.len())) })
    }

    fn pair(argument: &'a str, at: usize) -> Option<Self> {
        let value = argument.get(at..)?;
        let own = token::shape(value).unwrap_or_default();
        let sign = own + value.get(own..)?.find([':', '%'])?;
        let (user, password) = (value.get(..sign)?, value.get(sign + 1..)?);
        let user = (!is_ours(user)).then_some((at, user));
        let password = (!is_ours(password)).then_some((at + sign + 1, argument.len()));
        (user.is_some() || password.is_some()).then_some(Self { user, password })
    }

    /// What becomes of it, where the argument begins at `offset`.
    pub(crate) fn findings(self, offset: usize) -> impl Iterator<Item = Finding> {
        let user = self.user.map(|(at, user)| {
            Finding::token(offset + at, offset + at + user.len(), RULE, Class::User, Class::User.canonical(user))
        });
        let password = self.password.map(|(start, end)| Finding::withhold(offset + start, offset + end, RULE));
        user.into_iter().chain(password)
    }
}

/// The arguments behind a command's name, without their quotes, up to the end of the command; in the notation of a shell or as the list
/// that a program prints.
struct Arguments<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Arguments<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let mut mark = None;
        loop {
            let rest = self.text.get(self.at..)?;
            let char = rest.chars().next()?;
            match char {
                _ if rest.starts_with(WITHHELD) => break,
                '"' | '\'' | '`' => mark = Some(char),
                // A quote that is closed already opens nothing.
                ' ' | '\t' | ',' => mark = None,
                '\\' if matches!(after(rest, 1), Some('"' | '\'')) => {}
                '\\' | '\n' | '\r' | '|' | ';' | '&' | '<' | '>' | ']' | ')' | '}' => return None,
                _ => break,
            }
            self.at += char.len_utf8();
        }
        let start = self.at;
        let rest = slice(self.text, start, self.text.len());
        let length = match mark {
            _ if rest.starts_with(WITHHELD) => WITHHELD.len(),
            Some(mark) => rest.find(mark).unwrap_or(rest.len()),
            None => {
                rest.find(|char: char| char.is_whitespace() || matches!(char, '"' | '\'' | '`')).unwrap_or(rest.len())
            }
        };
        let argument = slice(rest, 0, length);
        // The backslash of the quote that closes; in lists without quotes, what divides or closes them.
        let argument = match mark {
            Some(_) => argument.trim_end_matches('\\'),
            None if argument.ends_with(WITHHELD) => argument,
            None => argument.trim_end_matches([',', ']', ')', '\\']),
        };
        self.at = start + length;
        (!argument.is_empty()).then_some((start, start + argument.len()))
    }
}
