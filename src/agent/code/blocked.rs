//! Paths that never leave a repository, whatever a frame or an agent asks for.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Where secrets lie by habit. A glob without `/` is about names in any folder.
const ALWAYS: [&str; 42] = [
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.asc",
    "*.gpg",
    "*.age",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".htpasswd",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".dockercfg",
    ".docker/config.json",
    "credentials",
    "credentials.*",
    "secrets",
    "secrets.*",
    "*.secret",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "service-account*.json",
    "service_account*.json",
    "kubeconfig",
    "*.kubeconfig",
];
/// Folders of which nothing leaves.
const FOLDERS: [&str; 7] = [".git", ".ssh", ".aws", ".gnupg", ".kube", "secrets", ".secrets"];

/// The paths that are blocked.
#[derive(Debug, Clone)]
pub struct Blocked {
    names: GlobSet,
    paths: GlobSet,
}

impl Blocked {
    /// Those that always are, and those of these globs: with a `/` of whole paths, without one of names.
    ///
    /// # Errors
    /// If one is not a glob.
    pub fn new(more: &[String]) -> Result<Self, globset::Error> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        let glob = |text: &str| GlobBuilder::new(text).case_insensitive(true).literal_separator(true).build();
        for text in ALWAYS.into_iter().chain(more.iter().map(String::as_str)) {
            let text = text.trim_start_matches("./");
            if text.trim_end_matches('/').contains('/') {
                paths.add(glob(text.trim_start_matches('/'))?);
                paths.add(glob(&format!("**/{}", text.trim_start_matches('/')))?);
            } else {
                names.add(glob(text.trim_end_matches('/'))?);
            }
        }
        Ok(Self { names: names.build()?, paths: paths.build()? })
    }

    /// Whether nothing of this path may be shown. A name that is blocked blocks what lies under it.
    #[must_use]
    pub fn is_blocked(&self, path: &str) -> bool {
        let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
        let in_folder = folders.split('/').any(|name| FOLDERS.iter().any(|blocked| name.eq_ignore_ascii_case(blocked)));
        in_folder || self.paths.is_match(path) || path.split('/').any(|name| self.names.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_secrets_by_habit_and_what_is_named_is_blocked_in_any_case_and_folder() {
        let blocked = Blocked::new(&["internal/**".to_owned(), "*.sql".to_owned(), "billing/".to_owned()]).unwrap();
        for path in [
            ".env",
            "app/.env.production",
            "deploy/TLS.KEY",
            "a/id_rsa",
            ".ssh/config",
            "x/.git/config",
            "prod.tfvars",
            "internal/a/b.py",
            "db/dump.SQL",
            "sub/internal/x",
            "app/billing/charge.py",
            "config/secrets/app.py",
            "config/credentials.yml.enc",
        ] {
            assert!(blocked.is_blocked(path), "{path}");
        }
        for path in
            ["app/environment.py", "src/keys.rs", "app/handlers/report.py", "monkey.go", "tests/test_secret_santa.py"]
        {
            assert!(!blocked.is_blocked(path), "{path}");
        }
        assert!(Blocked::new(&["a[".to_owned()]).is_err());
    }
}
