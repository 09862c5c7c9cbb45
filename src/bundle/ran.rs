//! What ran where it failed, as counters and manifests tell it: read from a redacted document, and from nothing else.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::{Bundle, Deployment, Manifest};

/// Most bytes of a name, version or commit that is told whole.
const MAX_TEXT: usize = 120;
/// Bytes kept of a longer one, before the digest of the whole.
const KEPT: usize = 80;
/// What the redactor leaves where nothing may stand.
const WITHHELD: &str = "[withheld]";

/// The failing service, and what ran of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// `service.name`; `None` where it is not known.
    pub(crate) service: Option<String>,
    /// Its version and commit.
    pub(crate) deployment: Deployment,
}

impl Ran {
    /// Reads a redacted document. What is withheld is not known.
    pub(crate) fn of(bundle: &Bundle) -> Self {
        let attribute = |key: &str| match bundle.environment.service.get(key)? {
            Value::String(text) => told(text),
            Value::Number(number) => told(&number.to_string()),
            _ => None,
        };
        Self {
            service: attribute("name"),
            deployment: Deployment {
                version: attribute("version"),
                commit: bundle.commit_sha.as_deref().and_then(told),
            },
        }
    }
}

impl Ran {
    /// Reads a manifest, which was made of the same document.
    pub(crate) fn told_by(manifest: &Manifest) -> Self {
        let history = manifest.incident.numbers.history.as_ref();
        Self {
            service: history.and_then(|history| history.service.clone()),
            deployment: Deployment {
                version: history.and_then(|history| history.version.clone()),
                commit: manifest.commit_sha.as_deref().and_then(told),
            },
        }
    }
}

/// A text of bounded length. It has been redacted as a whole, so that its beginning may be told alone.
fn told(text: &str) -> Option<String> {
    if text.trim().is_empty() || text == WITHHELD {
        return None;
    }
    if text.len() <= MAX_TEXT {
        return Some(text.to_owned());
    }
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(text));
    let end = (0..=KEPT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Some(format!("{}…{}", text.get(..end).unwrap_or_default(), digest.get(..16).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_still_told_from_others() {
        let long = |end: &str| told(&format!("{}{end}", "é".repeat(100))).unwrap();
        assert!(long("a").len() < MAX_TEXT && long("a").starts_with("éé"));
        assert_ne!(long("a"), long("b"));
        assert_eq!(told("2.4.1").as_deref(), Some("2.4.1"));
    }

    #[test]
    fn what_is_withheld_or_empty_is_not_known() {
        assert_eq!((told(WITHHELD), told(" "), told("")), (None, None, None));
    }
}
