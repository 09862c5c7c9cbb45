//! Where it ran and which code it was: from the resource of the failing service, and `services:`.

use serde_json::Value;

use super::values;
use crate::config::ServiceFacts;
use crate::model::{Attributes, Environment};

/// Attributes that name the commit, most telling first.
const COMMIT: [&str; 5] =
    ["vcs.ref.head.revision", "vcs.repository.ref.revision", "git.commit.sha", "git.sha", "commit.sha"];
const TIMEZONE: [&str; 4] = ["process.environment_variable.TZ", "host.timezone", "os.timezone", "timezone"];

/// Attributes that carry the locale, the one that holds before others.
const LOCALE: [&str; 4] = [
    "process.environment_variable.LC_ALL",
    "process.environment_variable.LC_CTYPE",
    "process.environment_variable.LANG",
    "browser.language",
];

/// The environment. Keys lose the prefix that their section stands for; `telemetry.sdk.name` is `sdk.name`.
pub(super) fn environment(resource: &Attributes, flags: Attributes, baggage: Attributes) -> Environment {
    Environment {
        runtime: section(resource, &[("process.runtime.", ""), ("telemetry.", "")]),
        os: section(resource, &[("os.", ""), ("host.arch", "arch")]),
        container: section(resource, &[("container.", "")]),
        k8s: section(resource, &[("k8s.", "")]),
        service: section(resource, &[("service.", ""), ("deployment.", "deployment.")]),
        timezone: values::first_string(resource, &TIMEZONE).map(str::to_owned),
        locale: values::first_string(resource, &LOCALE).map(str::to_owned),
        feature_flags: flags,
        baggage,
    }
}

fn section(resource: &Attributes, prefixes: &[(&str, &str)]) -> Attributes {
    let renamed = |key: &str| prefixes.iter().find_map(|(from, to)| Some(format!("{to}{}", key.strip_prefix(from)?)));
    resource.iter().filter_map(|(key, value)| Some((renamed(key)?, value.clone()))).collect()
}

/// The commit: by the first of [`COMMIT`], else `service.version` where it is 7 to 40 hex digits. `places` are looked
/// through one after the other.
pub(super) fn commit(places: &[&Attributes]) -> Option<String> {
    places.iter().find_map(|attrs| {
        let version = values::string(attrs, "service.version").filter(|version| {
            (7..=40).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        values::first_string(attrs, &COMMIT).or(version).map(str::to_owned)
    })
}

/// The language: from `services:`, else `telemetry.sdk.language`, else what `process.runtime.name` is known to run.
pub(super) fn language(facts: Option<&ServiceFacts>, resource: &Attributes) -> Option<String> {
    let configured = facts.and_then(|facts| facts.language.clone());
    configured.or_else(|| values::string(resource, "telemetry.sdk.language").map(str::to_owned)).or_else(|| {
        let runtime = values::string(resource, "process.runtime.name")?.to_ascii_lowercase();
        const KNOWN: [(&str, &str); 9] = [
            ("python", "python"),
            ("pypy", "python"),
            ("node", "nodejs"),
            ("jdk", "java"),
            ("java", "java"),
            (".net", "dotnet"),
            ("ruby", "ruby"),
            ("php", "php"),
            ("rust", "rust"),
        ];
        let known = KNOWN.iter().find(|(part, _)| runtime.contains(part)).map(|(_, language)| (*language).to_owned());
        known.or_else(|| (runtime == "go" || runtime == "gc").then(|| "go".to_owned()))
    })
}

/// The repository: from `services:`, else `vcs.repository.url.full`.
pub(super) fn repository(facts: Option<&ServiceFacts>, resource: &Attributes) -> Option<String> {
    facts
        .and_then(|facts| facts.repository.clone())
        .or_else(|| values::string(resource, "vcs.repository.url.full").map(str::to_owned))
}

/// Environment variables that were recorded: `process.environment_variable.<name>`.
pub(super) fn variables(attrs: &Attributes) -> impl Iterator<Item = (&str, &Value)> {
    attrs.iter().filter_map(|(key, value)| Some((key.strip_prefix("process.environment_variable.")?, value)))
}
