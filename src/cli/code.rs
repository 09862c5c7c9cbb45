//! Options of the commands that read code from a repository, and what keeps secrets in it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::agent::{Blocked, BundleView, Code, CodeRequest};
use crate::config::{RedactionProcessor, Secret};
use crate::model::{DEFAULT_TENANT, RootKey};

use crate::redact::{Redactor, TextKind};

/// A repository to read code from.
#[derive(Debug, Clone, Args)]
pub(super) struct CodeArgs {
    /// A folder in the git repository of the failing service: code is read at the bundle's commit, not from what is checked out.
    #[arg(long, value_name = "PATH")]
    pub(super) repo: Option<PathBuf>,
    /// Paths of which nothing is shown, beside those that never are (`.env`, keys, credentials): `--block 'internal/**'`.
    #[arg(long, value_name = "GLOB", requires = "repo")]
    pub(super) block: Vec<String>,
}

impl CodeArgs {
    /// The globs, compiled.
    pub(super) fn blocked(&self) -> anyhow::Result<Blocked> {
        Blocked::new(&self.block).context("--block")
    }

    /// The code of a failure; `None` without a repository.
    pub(super) fn read(&self, view: &BundleView) -> anyhow::Result<Option<Code>> {
        let Some(repository) = &self.repo else { return Ok(None) };
        let (scrubber, blocked) = (Scrubber::new()?, self.blocked()?);
        let scrub = |path: &str, text: &str| scrubber.scrub(path, text);
        let history = view.numbers.as_ref().and_then(|numbers| numbers.history.as_ref());
        let request = CodeRequest { repository, blocked: &blocked, scrub: &scrub };
        Ok(Some(request.read(&view.bundle, history)?))
    }
}

/// What stands in place of a secret.
const SECRET: &str = "[secret]";
/// Files whose values stand in quotes: what stands bare is code.
const SOURCES: [&str; 27] = [
    "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "go", "java", "kt", "scala", "groovy", "rs",
    "rb", "php", "cs", "c", "h", "cc", "cpp", "hpp", "swift", "dart", "ex",
];

/// Finds secrets in code, by the redactor's detectors of secrets. Code has no tokens: they would join it with what was recorded.
pub(super) struct Scrubber {
    redactor: Redactor,
}

impl Scrubber {
    pub(super) fn new() -> anyhow::Result<Self> {
        let config = RedactionProcessor { presets: vec!["secrets".to_owned()], ..RedactionProcessor::default() };
        // No token is made with it.
        let root = RootKey::parse(Secret::new("0".repeat(64)).expose()).context("making a key")?;
        let redactor = Redactor::compile(&config, DEFAULT_TENANT, &root)
            .map_err(|problems| anyhow::anyhow!("{} problems with the detectors of secrets", problems.len()))?;
        Ok(Self { redactor })
    }

    /// The text without its secrets; its lines stay where they are.
    pub(super) fn scrub(&self, path: &str, text: &str) -> Result<String, String> {
        let found = self.redactor.inspect(TextKind::Message, text)?.remarks;
        let bare = path.rsplit_once('.').is_some_and(|(_, ending)| SOURCES.contains(&ending));
        let (mut clean, mut from) = (String::with_capacity(text.len()), 0);
        for remark in found {
            let (Some(before), Some(secret)) = (text.get(from..remark.start), text.get(remark.start..remark.end))
            else {
                // Edits that overlap: the later one begins in what is cut already.
                from = from.max(remark.end);
                continue;
            };
            let (before_it, behind) = (text.get(..remark.start), text.get(remark.end..));
            if bare && is_expression(before_it.unwrap_or_default(), secret, behind.unwrap_or_default()) {
                continue;
            }
            clean.push_str(before);
            clean.push_str(SECRET);
            clean.extend(secret.matches('\n'));
            from = remark.end;
        }
        clean.push_str(text.get(from..).ok_or("a secret ends within a character")?);
        Ok(clean)
    }
}

/// Whether what was found behind a name that tells a secret is a call or an index and not a value: `password = form.get("password")`.
/// In doubt it is a value: whatever stands in quotes, and a bare word.
fn is_expression(before: &str, found: &str, behind: &str) -> bool {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let line = before.rsplit('\n').next().unwrap_or(before);
    let in_quotes = QUOTES.iter().any(|quote| line.matches(*quote).count() % 2 == 1);
    let path = found.chars().chain(behind.chars()).take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let path: String = path.collect();
    let rest = found.chars().chain(behind.chars()).nth(path.chars().count());
    let longest = path.split(['.', '_']).map(str::len).max().unwrap_or(0);
    let named = path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    !in_quotes && named && longest < 20 && matches!(rest, Some('(' | '['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_code_are_cut_and_code_that_handles_them_is_not() {
        let scrubber = Scrubber::new().unwrap();
        let code = "KEY = \"AKIAIOSFODNN7EXAMPLE\"\npassword = request.form.get_password()\nDB = \"postgres://app:hunter2pw@db/x\"\nx = 1\n";
        let clean = scrubber.scrub("a.py", code).unwrap();
        assert!(!clean.contains("AKIAIOSFODNN7EXAMPLE") && !clean.contains("hunter2pw"), "{clean}");
        assert!(clean.contains("request.form.get_password()") && clean.contains(SECRET), "{clean}");
        assert_eq!(clean.lines().count(), code.lines().count());
        let bare = scrubber.scrub("a.py", "\"\"\"\npassword = hunter2secret\n\"\"\"\n").unwrap();
        assert!(!bare.contains("hunter2secret"), "{bare}");
        let settings = scrubber.scrub("app.properties", "password = hunter2secret\n").unwrap();
        assert!(!settings.contains("hunter2secret"), "{settings}");
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\nend\n";
        let clean = scrubber.scrub("a.py", key).unwrap();
        assert!(!clean.contains("MIIEvQ") && clean.lines().count() == 4 && clean.ends_with("end\n"), "{clean}");
    }
}
