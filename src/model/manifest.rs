//! The manifest: the commit marker of a bundle, and everything about it that depends on when and where it was made.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CloseReason, IncidentHistory, NormalLatency, TraceId};

/// Keyed digest of a record's content: the identity by which records are deduplicated and bundles merged.
///
/// The first 16 bytes of an HMAC-SHA256 (a plain hash of a low-entropy record could be guessed from the manifest).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordDigest(pub [u8; 16]);

impl fmt::Display for RecordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for RecordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RecordDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a record digest must be 32 hex digits"))
    }
}

impl JsonSchema for RecordDigest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RecordDigest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[0-9a-f]{32}$"})
    }
}

/// Written after the object that it describes. Its presence means that the bundle is whole.
///
/// On disk it is the payload of a DSSE envelope (<https://github.com/secure-systems-lab/dsse>), signed where a signing
/// key is configured and with no signatures where none is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Version of this document's shape: 1.
    pub version: u32,
    /// `bundle`, or `amendment` for records that came after the bundle.
    pub kind: ManifestKind,
    /// The bundle's id (an amendment carries that of the bundle it amends).
    pub bundle_id: String,
    /// Tenant.
    pub tenant: String,
    /// Trace.
    pub trace_id: TraceId,
    /// The object described.
    pub object: ObjectRef,
    /// Tokens of its document (`o200k_base`), before compression. Absent from manifests that were written before they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Who it belongs to, and how often that has happened.
    pub incident: IncidentFacts,
    /// How the trace was closed.
    pub closed: CloseFacts,
    /// The sorted digests of every record of the object, shown in it or not.
    pub records: Vec<RecordDigest>,
    /// Where the same records lie as they came, encrypted. Absent where they are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<RawRef>,
    /// How long other spans took that did the same as those of the path and of the critical path: all of them where the failure is one of
    /// performance, else those that took longer than 99 %. Absent where too few were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normal_latencies: Vec<NormalLatency>,
    /// Commit, copied from the bundle for listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<String>,
    /// When and by what it was sealed.
    pub sealed: SealFacts,
}

/// What a manifest describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManifestKind {
    /// The first object of a trace.
    Bundle,
    /// Records that came after it.
    Amendment,
}

/// An object in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectRef {
    /// Name under the store's prefix.
    pub name: String,
    /// `sha256:` of the stored bytes.
    pub digest: String,
    /// Stored bytes.
    pub size: u64,
    /// `none` or `zstd`.
    pub compression: String,
    /// `sha256:` of the canonical JSON document, before compression.
    pub document: String,
}

/// An object of unredacted records, encrypted to age recipients, in a store of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RawRef {
    /// Where it lies.
    pub url: String,
    /// `sha256:` of the stored bytes.
    pub digest: String,
    /// Stored bytes.
    pub size: u64,
    /// How many recipients can decrypt it.
    pub recipients: u64,
    /// RFC 3339: it is kept until then, counted from when it was stored. Absent where it has no retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
}

/// An incident as of sealing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentFacts {
    /// Its id.
    pub id: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its class.
    pub class: String,
    /// Its one line (redacted).
    pub summary: String,
    /// Services (redacted).
    pub services: Vec<String>,
    /// Numbers, right across restarts.
    #[serde(flatten)]
    pub numbers: IncidentNumbers,
}

/// How often, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentNumbers {
    /// RFC 3339: the earliest failure known.
    pub first_seen: String,
    /// RFC 3339: the latest failure known.
    pub last_seen: String,
    /// Failures in the 24 hours up to and including this one.
    pub count_24h: u64,
    /// In which versions of the failing service. Absent from manifests that were written before versions were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<IncidentHistory>,
}

/// How the trace was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloseFacts {
    /// Why.
    pub reason: CloseReason,
    /// RFC 3339: when the trace's first record was admitted.
    pub opened_at: String,
    /// RFC 3339: when it was closed.
    pub closed_at: String,
    /// Milliseconds from the critical error to the close.
    pub lateness_ms: u64,
}

/// When and by what the manifest was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SealFacts {
    /// RFC 3339.
    pub at: String,
    /// Name of the writer: host and process.
    pub writer: String,
    /// Version of Casefile.
    pub casefile: String,
}
