//! Where it ran and which code it was: from the resource of the failing service, and `services:`.

use std::collections::{BTreeMap, BTreeSet};

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

/// What is told of a program in a browser or on a device.
const CLIENT: [&str; 6] = ["browser.", "device.", "app.", "android.", "ios.", "user_agent."];

/// Namespaces whose versions are no library's.
const NO_LIBRARIES: [&str; 17] = [
    "process.",
    "telemetry.",
    "webengine.",
    "os.",
    "host.",
    "container.",
    "k8s.",
    "oci.",
    "cloud.",
    "service.",
    "deployment.",
    "vcs.",
    "cicd.",
    "test.",
    "artifact.",
    "faas.",
    "otel.",
];

/// Most libraries that are shown, and the longest version.
const MAX_LIBRARIES: usize = 100;
const MAX_VERSION: usize = 64;

/// The environment. Keys lose the prefix that their section stands for; `telemetry.sdk.name` is `sdk.name`. `scopes` are the service, name and
/// version of every instrumentation scope.
pub(super) fn environment(
    resource: &Attributes,
    scopes: &BTreeSet<[String; 3]>,
    flags: Attributes,
    baggage: Attributes,
) -> Environment {
    Environment {
        runtime: section(resource, &[("process.runtime.", ""), ("telemetry.", ""), ("webengine.", "webengine.")]),
        os: section(resource, &[("os.", ""), ("host.arch", "arch")]),
        container: section(resource, &[("container.", "")]),
        k8s: section(resource, &[("k8s.", "")]),
        service: section(resource, &[("service.", ""), ("deployment.", "deployment.")]),
        client: section(resource, &CLIENT.map(|name| (name, name))),
        libraries: libraries(resource, scopes),
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

/// Versions by library. One that occurs in several versions has them all.
fn libraries(resource: &Attributes, scopes: &BTreeSet<[String; 3]>) -> Attributes {
    let own = values::string(resource, "service.name").unwrap_or_default();
    let scopes = scopes.iter().filter(|[service, ..]| service == own);
    let scopes = scopes.map(|[_, name, version]| (name.as_str(), version.as_str()));
    let elsewhere = |key: &str| CLIENT.iter().chain(&NO_LIBRARIES).any(|prefix| key.starts_with(prefix));
    let named = resource.iter().filter(|(key, _)| !elsewhere(key));
    let named = named.filter_map(|(key, value)| Some((key.strip_suffix(".version")?, value.as_str()?)));
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, version) in named.chain(scopes).filter(|(_, version)| is_version(version)) {
        found.entry(name).or_default().insert(version);
    }
    let written = |versions: BTreeSet<&str>| Value::from(versions.into_iter().collect::<Vec<_>>().join(", "));
    let found = found.into_iter().take(MAX_LIBRARIES);
    found.map(|(name, versions)| (name.to_owned(), written(versions))).collect()
}

/// Whether a text is the number of a version, as far as its letters tell: `2.3.1`, `v1.0.0-rc.1`, `1.0.0+git.5`.
fn is_version(text: &str) -> bool {
    let number = text.strip_prefix(['v', 'V']).unwrap_or(text);
    number.starts_with(|first: char| first.is_ascii_digit())
        && text.len() <= MAX_VERSION
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_~".contains(&byte))
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
