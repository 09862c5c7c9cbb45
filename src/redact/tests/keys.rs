//! Tokens and the keys that make them.

use super::{redactor, root};
use crate::config::{KeyId, PreviousKey, RedactionProcessor, Secret};
use crate::model::RootKey;
use crate::redact::Redactor;

const OLD: &str = "6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c";

#[test]
fn addresses_of_one_network_share_the_first_half_of_their_tokens() {
    let token = |text: &str| redactor().text(text);
    let half = |text: &str| token(text).split_once("H-").unwrap().0.to_owned();
    assert_eq!(half("10.1.2.3"), half("10.1.2.200"));
    assert_ne!(token("10.1.2.3"), token("10.1.2.200"));
    assert_ne!(half("10.1.2.3"), half("10.1.3.3"));
    assert_eq!(half("2001:db8:0:1::5"), half("2001:db8:0:1:ffff::9"));
    assert_ne!(half("2001:db8:0:1::5"), half("2001:db8:0:2::5"));
    assert_eq!(token(&token("10.1.2.3")), token("10.1.2.3"));
    assert_eq!(token("::ffff:10.1.2.3"), token("10.1.2.3"));
}

#[test]
fn tenants_have_tokens_of_their_own() {
    let other = Redactor::compile(&RedactionProcessor::default(), "other", &root()).unwrap();
    assert_ne!(other.text("a@b.example"), redactor().text("a@b.example"));
}

#[test]
fn a_new_key_makes_new_tokens_and_knows_those_of_the_old_one() {
    let old_root = RootKey::parse(OLD).unwrap();
    let old = Redactor::compile(&RedactionProcessor::default(), "t", &old_root).unwrap();
    let rotated = RedactionProcessor {
        key_id: KeyId("b".to_owned()),
        previous_keys: vec![PreviousKey { id: KeyId("a".to_owned()), key: Secret::new(OLD.to_owned()) }],
        ..RedactionProcessor::default()
    };
    let new = Redactor::compile(&rotated, "t", &root()).unwrap();
    for value in ["a@b.example", "10.1.2.3"] {
        let token = old.text(value);
        assert_eq!(new.text(&token), token);
        assert_ne!(new.text(value), token);
        assert!(new.text(value).contains("-b"), "{}", new.text(value));
    }
    // Without the old key its tokens are somebody's text.
    assert!(redactor().text(&old.text("a@b.example")).starts_with("opaque:O-"));
}

#[test]
fn ids_of_keys_are_one_digit_of_the_alphabet_and_differ() {
    let previous = |id: &str, key: &str| PreviousKey { id: KeyId(id.to_owned()), key: Secret::new(key.to_owned()) };
    let bad = RedactionProcessor {
        key_id: KeyId("ab".to_owned()),
        previous_keys: vec![previous("U", OLD), previous("c", "short"), previous("c", OLD), previous("c", OLD)],
        ..RedactionProcessor::default()
    };
    let problems = Redactor::compile(&bad, "t", &root()).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    for path in ["key_id", "previous_keys[0].id", "previous_keys[1].key", "previous_keys[3].id"] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
}
