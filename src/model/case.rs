//! The bundle: one document that says what failed, where, with which inputs, after which logs and on which commit.
//!
//! Field names are contract (`casefile schema bundle`). Absent evidence is absent or null with a reason in
//! [`Completeness`], never invented. Everything here is a function of the records, the configuration and the version:
//! what depends on when and where it was made stands in the [`Manifest`](super::Manifest).

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Attachment, Completeness, Exception, LogEvidence, Loose, MetricEvidence, RecordDigest, Repro, Timestamp,
    TraceEvidence, TraceId, Tracked,
};

/// Attributes by key, in key order. Integers beyond ±2^53, NaN and infinities are strings.
pub type Attributes = BTreeMap<String, Value>;

/// A bundle before it is redacted, and what its manifest needs to know of it.
#[derive(Debug)]
pub struct Case {
    /// Who the records belong to.
    pub tenant: String,
    /// The trace.
    pub trace_id: TraceId,
    /// The document.
    pub bundle: Bundle,
    /// The sorted digests of every record of the trace, shown in the bundle or not, and of the log records without a trace id that
    /// it takes in.
    pub records: Vec<RecordDigest>,
    /// Those log records: whoever seals the case first owes them their outcome.
    pub loose: Vec<Arc<Loose>>,
    /// The instant the failure counts for: when the exception was recorded, else when an error was logged in the critical
    /// span, else when that span ended.
    pub failed_at: Timestamp,
    /// The records, which are owed an outcome.
    pub tracked: Tracked,
}

/// The document. Version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// Version of this document's shape: 1.
    pub version: u32,
    /// Hash of tenant and trace id: the same for every copy of this evidence.
    pub bundle_id: String,
    /// The commit that failed, from resource attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<String>,
    /// Language of the failing service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Command that builds the failing service, from `services:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Command that runs its tests, from `services:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_cmd: Option<String>,
    /// Its repository, from `services:` or `vcs.repository.url.full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The class of failures this one belongs to.
    pub incident: Incident,
    /// The spans.
    pub trace: TraceEvidence,
    /// What was thrown; null where no exception was recorded.
    pub exception: Option<Exception>,
    /// Where the fault may lie, most likely first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<Suspect>,
    /// The log records before and around the error.
    pub logs: LogEvidence,
    /// Metric evidence.
    pub metrics: MetricEvidence,
    /// Where it ran.
    pub environment: Environment,
    /// How to make it happen again.
    pub repro: Repro,
    /// Files that belong to the evidence.
    pub attachments: Vec<Attachment>,
    /// What was redacted, by which policy and key: filled in by the redactor.
    pub redaction: RedactionReport,
    /// What is in it, and what is not.
    pub completeness: Completeness,
    /// What made it.
    pub provenance: Provenance,
}

/// The class of failures (same fingerprint) that a failure belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// `INC-` and the first 50 bits of the fingerprint in Crockford base32.
    pub id: String,
    /// `v1:` and a hash of normalised text without its variable parts.
    pub fingerprint: String,
    /// Class of the failure taxonomy: `concurrency`, `leak`, `schema_drift` or `logic` where what failed bears a sign of it, else `crash`, `error` or
    /// `performance`.
    pub class: String,
    /// One line for a person.
    pub summary: String,
    /// Services on the span path, sorted.
    pub services: Vec<String>,
}

/// A place where the fault may lie. A stack shows where a failure surfaced, which need not be where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// `raised`, `crash_site`, `caller`, `failed_span`, `decision`, `upstream`, `repeated`, `slowest` or `feature_flag`.
    pub kind: String,
    /// JSON pointer (RFC 6901) to it in this document.
    pub at: String,
    /// Why it is one.
    pub reason: String,
}

/// Where it ran, from resource attributes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// `process.runtime.*`, `telemetry.sdk.*`, `telemetry.distro.*`, without their prefix, and `webengine.*`.
    pub runtime: Attributes,
    /// `os.*`, `host.arch`.
    pub os: Attributes,
    /// `container.*`.
    pub container: Attributes,
    /// `k8s.*`.
    pub k8s: Attributes,
    /// `service.*` and `deployment.*`.
    pub service: Attributes,
    /// Whose device it ran on: `browser.*`, `device.*`, `app.*`, `android.*`, `ios.*`, `user_agent.*` of the resource.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub client: Attributes,
    /// Versions of libraries by name: of the service's instrumentation scopes, and resource attributes `<name>.version` of no other section.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub libraries: Attributes,
    /// IANA name, where an attribute carries it.
    pub timezone: Option<String>,
    /// Locale, as `LC_ALL` or `LANG` have it or a browser's language, where an attribute carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Flags evaluated in the trace: `feature_flag.*`.
    pub feature_flags: Attributes,
    /// Entries of the W3C baggage that held where it failed: `baggage.*`, and the request's `baggage` header where it was captured.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub baggage: Attributes,
}

/// What was redacted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RedactionReport {
    /// Digest of the rules in force.
    pub policy: String,
    /// The key that the tokens were made with.
    pub key_id: String,
    /// Where, never what.
    pub remarks: Vec<Remark>,
}

/// One edit, or several by the same rule in the same field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// JSON pointer (RFC 6901) of the field, after redaction of keys.
    pub path: String,
    /// The rule.
    pub rule: String,
    /// What the rule finds, for people: `a value behind a name that tells a secret`.
    pub reason: String,
    /// Edits.
    pub count: u64,
    /// Bytes (UTF-8) that were replaced, all edits together.
    pub length: u64,
}

/// What made the bundle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The policy that sampled the trace.
    pub policy: String,
    /// Digest of the configuration in force.
    pub config: String,
    /// Version of Casefile.
    pub casefile: String,
}
