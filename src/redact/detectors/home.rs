//! Names of people in paths: the folder under `/home`, `/Users` or `C:\Users`. Only the name goes; the path stays.

use regex::Regex;

use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::Anchor;
use crate::redact::token::Class;

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

impl HomeFolder {
    pub(super) fn new() -> Result<Self, String> {
        Regex::new(
            r#"(?:^|[^\w.])(?:/home/|/Users/|/var/home/|(?i:[a-z]:[\\/]+users[\\/]+))([^\s/\\:;,"'<>|()\[\]{}]{1,64})"#,
        )
        .map(Self)
        .map_err(|error| error.to_string())
    }
}

impl Detector for HomeFolder {
    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        if !(text.contains("home") || text.contains("sers") || text.contains("SERS")) {
            return;
        }
        for name in self.0.captures_iter(text).filter_map(|captures| captures.get(1)) {
            let lower = name.as_str().to_lowercase();
            if !ROLES.contains(&lower.as_str()) {
                found.push(Finding::token(name.start(), name.end(), "home_folder", Class::User, name.as_str()));
            }
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::words(["home/", "users/", "users\\"])
    }
}
