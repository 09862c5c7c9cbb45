//! In which versions of its service an incident was seen: the counters that writers keep, and what a manifest tells of them.
//!
//! Only failures are known here. A version of a service in which nothing failed was never seen, so what is told of versions
//! is told of those that had any failure, in the order of their first one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What ran where it failed. Every text is redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// `service.version`; null where it is not known.
    pub version: Option<String>,
    /// `commit_sha` of its bundles; null where it is not known.
    pub commit: Option<String>,
}

/// What is known of an incident and the versions of the failing service, as of sealing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentHistory {
    /// The failing service (redacted); null where it is not known.
    pub service: Option<String>,
    /// The version that failed this time (redacted); null where it is not known.
    pub version: Option<String>,
    /// Whether the incident began in this version: its first failure was in it, other failures of other versions of the service had been
    /// stored before, and it is in none of the versions that were seen before this one (which may still run). Null where that cannot be
    /// told: `unknown` says why.
    pub new_in_version: Option<bool>,
    /// Whether it came back: after seven days without a failure, or in a version after one that had other failures and not
    /// this. Hours are known for 30 days. Null where it cannot be told: `unknown` says why.
    pub regressed: Option<bool>,
    /// Where it has come back: when it was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absence>,
    /// What ran at its first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Deployment>,
    /// What of this service was first seen (by any failure) last before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Deployment>,
    /// `a..b`, as git takes it: from the commit before to that of the first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_range: Option<String>,
    /// Failures by version, in the order of the first failure of this incident in each: the first and the latest of them.
    pub versions: Vec<VersionNumbers>,
    /// Failures in all versions that `versions` does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_versions: Option<VersionNumbers>,
    /// Failures whose version is not known: those without `service.version`, and those counted before versions were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_version: Option<VersionNumbers>,
    /// What cannot be told, and why: `new_in_version: no failure of another version was stored before`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// When an incident that came back was gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Absence {
    /// The latest version that had other failures and not this; absent where only time tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The hour (UTC, `2026-11-23T14`) of the last failure before; null where it is longer ago than hours are kept.
    pub from: Option<String>,
    /// The hour of the first failure after.
    pub until: String,
}

/// Failures of an incident in one version of its service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionNumbers {
    /// The version (redacted); absent where it stands for several, or for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// RFC 3339: the earliest failure in it.
    pub first_seen: String,
    /// RFC 3339: the latest failure in it.
    pub last_seen: String,
    /// Failures in it.
    pub count: u64,
    /// Failures in it in the 24 hours up to and including the one of the manifest.
    pub count_24h: u64,
}

/// Counters of one incident by one writer: `<prefix>/incidents/<incident id>/<writer>.json`. Readers add them up.
///
/// Objects without versions, as version 0.1 wrote them, are read as failures of which no version is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentCounters {
    /// The incident.
    pub incident: String,
    /// The writer.
    pub writer: String,
    /// RFC 3339: the earliest failure it counted.
    pub first_seen: String,
    /// RFC 3339: the latest failure it counted.
    pub last_seen: String,
    /// Failures by hour: `2026-11-23T14` → count.
    pub hours: BTreeMap<String, u64>,
    /// The earliest failure, with what ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstFailure>,
    /// The same failures by `service.version` (redacted) of the failing service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, VersionCounts>,
    /// Those of versions beyond the number that is kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_versions: Option<VersionCounts>,
    /// Those of which no version is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_version: Option<VersionCounts>,
    /// Ids of bundles that are counted here and whose manifests were not yet written: they are not counted again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<String>,
    /// As what they were counted, by id, so that the count can be taken back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unconfirmed_as: BTreeMap<String, CountedAs>,
}

/// The earliest failure that a writer counted. Ordered by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FirstFailure {
    /// RFC 3339.
    pub at: String,
    /// What ran.
    #[serde(flatten)]
    pub ran: Deployment,
}

/// Failures in one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionCounts {
    /// RFC 3339: the earliest failure.
    pub first_seen: String,
    /// RFC 3339: the latest failure.
    pub last_seen: String,
    /// Failures.
    pub count: u64,
    /// Failures by hour, as long as hours are kept.
    pub hours: BTreeMap<String, u64>,
}

/// Where a failure was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CountedAs {
    /// The hour.
    pub hour: String,
    /// The version; null where it is not known.
    pub version: Option<String>,
}

/// What ran of one service when it failed, by one writer: `<prefix>/services/<service>/<writer>.json`. Readers merge them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceDeployments {
    /// The service (redacted).
    pub service: String,
    /// The writer.
    pub writer: String,
    /// What ran, sorted.
    pub deployments: Vec<Deployed>,
    /// The hour of the latest failure of a deployment that was forgotten to keep this short; empty where none was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub forgotten_until: String,
}

/// A deployment, and when failures of it were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Deployed {
    /// What ran.
    #[serde(flatten)]
    pub ran: Deployment,
    /// RFC 3339: the earliest failure.
    pub first_seen: String,
    /// The hour of the latest failure, so that most failures change nothing here.
    pub last_hour: String,
}
