//! The user's own rules: named regexes, and files in the format of gitleaks
//! (<https://github.com/gitleaks/gitleaks#configuration>).
//!
//! Of that format: `id`, `regex`, `secretGroup`, `entropy`, `keywords` and allowlists of `regexes`, `stopwords` and `regexTarget`. What
//! looks at files and commits (`path`, `commits`, `paths`) has no meaning here: a rule of a path alone is refused, an allowlist of
//! paths is passed over.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::secrets::entropy;
use crate::config::CustomPattern;
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::token::{self, Class};

/// Largest compiled size of one regex.
const SIZE_LIMIT: usize = 8 << 20;

/// A compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    name: &'static str,
    regex: Regex,
    group: usize,
    /// Fewest bits a byte.
    entropy: f64,
    keywords: Vec<String>,
    allowed: Vec<Allowlist>,
    /// The class of the token; a value is withheld where there is none.
    class: Option<Class>,
}

#[derive(Debug)]
struct Allowlist {
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Secret,
    Match,
    Line,
}

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    extend: Option<toml::Value>,
    #[serde(default)]
    rules: Vec<FileRule>,
    #[serde(default)]
    allowlist: Option<FileAllowlist>,
    #[serde(default)]
    allowlists: Vec<FileAllowlist>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileRule {
    id: String,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    allowlist: Option<FileAllowlist>,
    #[serde(default)]
    allowlists: Vec<FileAllowlist>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FileAllowlist {
    regexes: Vec<String>,
    regex_target: String,
    stopwords: Vec<String>,
    target_rules: Vec<String>,
}

/// Compiles the rules of a file.
///
/// # Errors
/// If it is not TOML of this form, extends another file, or a regex does not compile: with the rule's id.
pub(crate) fn from_gitleaks(text: &str) -> Result<Vec<Rule>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    if file.extend.is_some() {
        return Err("`[extend]` is not followed: list every file of rules".to_owned());
    }
    let everywhere: Vec<FileAllowlist> = file.allowlist.into_iter().chain(file.allowlists).collect();
    file.rules.into_iter().map(|rule| compile(rule, &everywhere)).collect()
}

fn compile(rule: FileRule, everywhere: &[FileAllowlist]) -> Result<Rule, String> {
    let FileRule { id, regex, secret_group, entropy, keywords, allowlist, allowlists } = rule;
    let fault = |error: String| format!("rule `{id}`: {error}");
    let pattern = regex.ok_or_else(|| fault("has no `regex`, and there are no paths here to go by".to_owned()))?;
    let regex = compiled(&pattern).map_err(fault)?;
    if secret_group >= regex.captures_len() {
        return Err(fault(format!("`secretGroup` is {secret_group}, and the regex has fewer groups")));
    }
    // Where no group is named, the first one is the secret, as in gitleaks.
    let group = if secret_group == 0 && regex.captures_len() > 1 { 1 } else { secret_group };
    let mine = |list: &&FileAllowlist| list.target_rules.is_empty() || list.target_rules.contains(&id);
    let allowed = allowlist.iter().chain(&allowlists).chain(everywhere.iter().filter(mine));
    let allowed = allowed.map(|list| list.compile()).collect::<Result<_, _>>().map_err(fault)?;
    let name = super::intern(&id);
    Ok(Rule { name, regex, group, entropy, keywords, allowed, class: Some(Class::Secret) })
}

impl FileAllowlist {
    fn compile(&self) -> Result<Allowlist, String> {
        let target = match self.regex_target.as_str() {
            "" | "secret" => Target::Secret,
            "match" => Target::Match,
            "line" => Target::Line,
            other => return Err(format!("`regexTarget` is `{other}`, and may be secret, match or line")),
        };
        let regexes = self.regexes.iter().map(|pattern| compiled(pattern)).collect::<Result<_, _>>()?;
        Ok(Allowlist { regexes, target, stopwords: self.stopwords.iter().map(|word| word.to_lowercase()).collect() })
    }
}

/// Compiles a named regex.
///
/// # Errors
/// If it does not compile, or there is no such class.
pub(crate) fn from_pattern(pattern: &CustomPattern) -> Result<Rule, String> {
    let class = match pattern.class.as_deref() {
        None => None,
        Some(name) => {
            let class = Class::ALL.into_iter().find(|class| class.name() == name);
            let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
            Some(class.ok_or_else(|| format!("there is no class `{name}`: use one of {}", names.join(", ")))?)
        }
    };
    let regex = compiled(&pattern.regex)?;
    let group = usize::from(regex.captures_len() > 1);
    let name = super::intern(&pattern.name);
    Ok(Rule { name, regex, group, entropy: 0.0, keywords: Vec::new(), allowed: Vec::new(), class })
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| format!("the regex does not compile: {error}"))
}

impl Rule {
    fn finding(&self, text: &str, captures: &regex::Captures<'_>) -> Option<Finding> {
        let whole = captures.get(0)?;
        let one = captures.get(self.group).unwrap_or(whole);
        let value = one.as_str();
        let is_ours = value == crate::redact::detect::WITHHELD || token::shape(value).is_some();
        if value.is_empty() || is_ours || self.entropy > 0.0 && entropy(value) < self.entropy {
            return None;
        }
        let line = || {
            let start = text.get(..one.start()).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
            let end = text.get(one.end()..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| one.end() + at);
            text.get(start..end).unwrap_or_default()
        };
        let is_allowed = |list: &Allowlist| {
            let target = match list.target {
                Target::Secret => value,
                Target::Match => whole.as_str(),
                Target::Line => line(),
            };
            let lower = value.to_lowercase();
            list.regexes.iter().any(|regex| regex.is_match(target))
                || list.stopwords.iter().any(|word| lower.contains(word))
        };
        if self.allowed.iter().any(is_allowed) {
            return None;
        }
        Some(match self.class {
            Some(Class::Secret) => super::secrets::secret(one.start(), one.end(), self.name, value),
            Some(class) => Finding::token(one.start(), one.end(), self.name, class, value),
            None => Finding::withhold(one.start(), one.end(), self.name),
        })
    }
}

impl Detector for Rule {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        found.extend(self.regex.captures_iter(text).filter_map(|captures| self.finding(text, &captures)));
    }

    fn anchor(&self) -> Anchor {
        if self.keywords.is_empty() { Anchor::Any } else { Anchor::Words }
    }

    fn words(&self) -> Vec<String> {
        self.keywords.clone()
    }
}
