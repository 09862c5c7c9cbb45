//! The table against the conventions.

use super::attributes::{ATTRIBUTES, HEADERS, RETIRED, TEMPLATES};
use super::{Known, NAMESPACES, Template, header, registered, row};
use crate::redact::keys::KeyClass;

/// The keys of the newest conventions, as `tests/semconv/refresh` wrote them.
const SNAPSHOT: &str = include_str!("semconv.txt");

#[test]
fn every_key_of_the_conventions_has_a_row() {
    let keys: Vec<&str> = SNAPSHOT.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(keys.len() > 1000, "{} keys: the snapshot is not whole", keys.len());
    let missing: Vec<&&str> = keys
        .iter()
        .filter(|key| match key.strip_suffix("<key>") {
            Some(prefix) => row(TEMPLATES, prefix).is_none(),
            None => row(ATTRIBUTES, key).or_else(|| row(RETIRED, key)).is_none(),
        })
        .collect();
    assert!(missing.is_empty(), "no class: {missing:?}");
    let made_up: Vec<&&str> =
        ATTRIBUTES.iter().map(|(key, _)| key).filter(|key| keys.binary_search(key).is_err()).collect();
    assert!(made_up.is_empty(), "not of the registry: {made_up:?}");
}

#[test]
fn the_tables_are_sorted_and_name_no_key_twice() {
    let sorted = |keys: Vec<&str>| assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
    for table in [ATTRIBUTES, RETIRED, HEADERS] {
        sorted(table.iter().map(|(key, _)| *key).collect());
        assert!(table.iter().all(|(_, class)| !matches!(class, KeyClass::Unknown | KeyClass::Raw)));
    }
    sorted(TEMPLATES.iter().map(|(key, _)| *key).collect());
    sorted(NAMESPACES.to_vec());
    assert!(RETIRED.iter().all(|(key, _)| row(ATTRIBUTES, key).is_none()));
    assert!(TEMPLATES.iter().map(|(key, _)| *key).chain(NAMESPACES.iter().copied()).all(|key| key.ends_with('.')));
}

#[test]
fn the_longest_part_of_a_key_that_is_known_decides() {
    assert_eq!(registered("url.path"), Some(Known::Attribute(KeyClass::Url)));
    assert_eq!(registered("k8s.pod.label.team.name"), Some(Known::Template(Template::Label, "team.name")));
    assert_eq!(registered("k8s.pod.younger"), Some(Known::Namespace));
    assert_eq!(registered("process.environment_variable.A.B"), Some(Known::Template(Template::Variable, "A.B")));
    for unknown in ["app.cart.size", "url.", "url", "", ".", "k8s", "db.query.parameter.", "K8S.POD.NAME"] {
        assert_eq!(registered(unknown), None, "{unknown}");
    }
    assert_eq!(header("Content_Type"), Some(KeyClass::Metadata));
    assert_eq!(header("authorization"), None);
}
