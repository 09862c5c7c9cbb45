//! Names of people in paths: the folder under `/home`, `/Users`, `C:\Users` and the like, on a share or mounted. Only the name goes; the
//! path stays.

use regex::Regex;

use super::text::{after, run_end, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::{self, Class};

#[derive(Debug)]
pub(super) struct HomeFolder(Regex);

/// Folders that are named after a role, not a person.
pub(super) const ROLES: &[&str] = &[
    "app",
    "appuser",
    "azureuser",
    "build",
    "builder",
    "circleci",
    "code",
    "container",
    "coder",
    "default",
    "deploy",
    "dev",
    "docker",
    "ec2-user",
    "git",
    "gitlab-runner",
    "gitpod",
    "jenkins",
    "jovyan",
    "lambda",
    "node",
    "nobody",
    "nonroot",
    "public",
    "python",
    "root",
    "ruby",
    "runner",
    "sbx_user1051",
    "service",
    "shared",
    "site",
    "ubuntu",
    "user",
    "vagrant",
    "vcap",
    "vscode",
    "web",
    "webapp",
    "work",
    "www",
    "www-data",
];

/// Most words of a folder's name that has spaces.
const MAX_WORDS: usize = 4;

impl HomeFolder {
    pub(super) fn new() -> Result<Self, String> {
        const MOUNTED: &str = "(?:/export|/usr|/var|/mnt/[a-z]|/cygdrive/[a-z]|/host(?:fs)?|/[a-z])?";
        Regex::new(&format!(
            r#"(?:^|[^\w.])(?:{MOUNTED}/(?:home|Users)/|(?P<windows>(?i:[a-z]:|[\\/]{{2,4}}[\w.$-]+)[\\/]+(?i:users|documents and settings|home)\$?[\\/]+))([^\s/\\:;,"'<>|()\[\]{{}}]+)"#,
        ))
        .map(Self)
        .map_err(|error| error.to_string())
    }
}

impl Detector for HomeFolder {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for captures in self.0.captures_iter(text) {
            let Some(name) = captures.get(2) else { continue };
            let end = if captures.name("windows").is_some() { spaced_end(text, name.end()) } else { name.end() };
            let lower = name.as_str().to_lowercase();
            if end > name.end() || !ROLES.contains(&lower.as_str()) {
                let name = slice(text, name.start(), end);
                let start = end - name.len();
                if token::shape(slice(text, start, text.len())).is_none() {
                    found.push(Finding::token(start, end, "home_folder", Class::User, name));
                }
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        ["home/", "users/", "users\\", "home\\", "home$\\", "users$\\", "settings\\", "settings/"]
            .map(str::to_owned)
            .to_vec()
    }
}

/// Where a name whose first word ends at `end` ends, if more words stand before the next separator: `C:\Users\Ann Lee\x.cs`.
fn spaced_end(text: &str, end: usize) -> usize {
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, ' ' | '.' | '-' | '_' | '\'');
    let last = run_end(text, end, 64, is_part);
    let more = slice(text, end, last);
    let is_name = more.starts_with(' ')
        && !more.ends_with(' ')
        && more.split_whitespace().count() < MAX_WORDS
        && matches!(after(text, last), Some('\\' | '/'));
    if is_name { last } else { end }
}
