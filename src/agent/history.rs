//! What is known of an incident's versions, in words.

use crate::model::{Deployment, IncidentHistory, VersionNumbers};

/// Versions that are named with their counts.
const MAX_NAMED: usize = 5;

/// Facts for people, each with its title. Their texts are the user's own, redacted: they may hold anything.
#[must_use]
pub fn history_facts(history: &IncidentHistory) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Version", version(history))];
    if let Some(before) = &history.before {
        let range = history.commit_range.as_ref().map_or_else(String::new, |range| format!(", commits {range}"));
        let first = history.first.as_ref().map(named).unwrap_or_default();
        facts.push(("Began with", format!("{first}, after {}{range}", named(before))));
    }
    if let Some(absent) = &history.absent {
        let from = absent.from.as_deref().unwrap_or("more than 30 days before");
        let without = absent.version.as_ref().map_or_else(String::new, |version| format!("; not in version {version}"));
        facts.push(("Came back", format!("{}, gone since {from}{without}", absent.until)));
    }
    let counts = counts(history);
    if !counts.is_empty() {
        facts.push(("By version", counts));
    }
    if !history.unknown.is_empty() {
        facts.push(("Not known", history.unknown.join("; ")));
    }
    facts
}

/// The version, and in a word what is told of it.
#[must_use]
pub fn version_note(history: &IncidentHistory) -> String {
    let mut words = vec![history.version.as_deref().unwrap_or("-")];
    words.extend((history.new_in_version == Some(true)).then_some("(new)"));
    words.extend((history.regressed == Some(true)).then_some("(back)"));
    words.join(" ")
}

fn version(history: &IncidentHistory) -> String {
    let Some(version) = &history.version else { return "not known".to_owned() };
    let new = match (history.new_in_version, &history.first) {
        (Some(true), _) => ", new in it".to_owned(),
        (Some(false), Some(first)) if first.version.as_ref() == Some(version) => {
            ", not new: versions before it have it too".to_owned()
        }
        (Some(false), Some(first)) => format!(", not new: first seen in {}", named(first)),
        _ => String::new(),
    };
    format!("{version}{new}")
}

fn named(ran: &Deployment) -> String {
    match (&ran.version, &ran.commit) {
        (Some(version), _) => version.clone(),
        (None, Some(commit)) => format!("commit {commit}"),
        (None, None) => "a version that is not known".to_owned(),
    }
}

/// The latest versions, the latest first.
fn counts(history: &IncidentHistory) -> String {
    let told = |name: &str, numbers: &VersionNumbers| {
        let day = if numbers.count_24h > 0 { format!(" ({} in 24 h)", numbers.count_24h) } else { String::new() };
        format!("{name} {} times{day}", numbers.count)
    };
    let named = history.versions.iter().rev().take(MAX_NAMED);
    let mut parts: Vec<String> =
        named.map(|numbers| told(numbers.version.as_deref().unwrap_or_default(), numbers)).collect();
    let unnamed = history.versions.len().saturating_sub(MAX_NAMED);
    if unnamed > 0 {
        parts.push(format!("{unnamed} earlier versions"));
    }
    parts.extend(history.other_versions.as_ref().map(|numbers| told("other versions", numbers)));
    parts.extend(history.no_version.as_ref().map(|numbers| told("no known version", numbers)));
    parts.join(", ")
}
