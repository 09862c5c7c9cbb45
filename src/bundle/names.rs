//! Names of objects under the store's prefix.
//!
//! ```text
//! bundles/<tenant>/<trace id>.json[.zst]                 the bundle
//! bundles/<tenant>/<trace id>.manifest.json              its manifest, written after it
//! bundles/<tenant>/<trace id>.a-<digest>.json[.zst]      records that came later
//! bundles/<tenant>/<trace id>.a-<digest>.manifest.json   their manifest
//! index/day/<yyyy-mm-dd>/<trace id>.<place>.json         a reference, by the day of the failure (UTC)
//! index/incident/<incident id>/<trace id>.<place>.json   a reference, by incident
//! incidents/<incident id>/<writer>.json                  counters of one writer
//! services/<service>/<writer>.json                       what ran of a service (redacted), by one writer
//! attachments/<incident id>/<digest>.json                a file that was sent for an incident (redacted)
//! raw/<tenant>/<trace id>.<digest>[-<part>].otlp.age     unredacted records, encrypted
//! tenants/<tenant>/…                                     all of the above, for a tenant other than `default`
//! ```
//!
//! `<place>` is where a bundle stands in a list: `<nanoseconds since the epoch>.<bundle id>`, with `.a` behind it for a reference to an
//! amendment. So a list is put in order by names alone, and reads what it shows. Version 0.1 wrote references without it.
//!
//! A name is made of hex ids and of parts that [`part`] has made safe: no text from a record can leave its folder, be
//! taken for another, or make a name longer than a store allows.

use sha2::{Digest, Sha256};

use super::compress::suffix;
use crate::config::Compression;
use crate::model::{RecordDigest, Timestamp, TraceId};

/// Most bytes of one [`part`]: file systems allow 255, and endings are added.
pub const MAX_PART: usize = 120;
/// Bytes kept of a part that is too long, before the digest of the whole.
const KEPT: usize = 80;
/// Hex digits of the digest that names an object by its records.
const RECORDS_DIGITS: usize = 32;
const MANIFEST: &str = ".manifest.json";

/// The folder that holds every bundle.
pub const BUNDLES: &str = "bundles";
/// The folder of references to bundles.
pub const INDEX: &str = "index";
/// The folder of references by day.
pub const INDEX_DAY: &str = "index/day";
/// The folder of references by incident.
pub const INDEX_INCIDENT: &str = "index/incident";
/// The folder of incident counters.
pub const INCIDENTS: &str = "incidents";
/// The folder of what ran of services.
pub const SERVICES: &str = "services";
/// The folder of files that were sent for incidents. It stands apart from [`INCIDENTS`], whose counters stay when these go: the
/// lifecycle rules of buckets know folders only.
pub const ATTACHMENTS: &str = "attachments";
/// The folder of the audit ledger.
pub const AUDIT: &str = "audit";
/// The folder of raw evidence.
pub const RAW: &str = "raw";

/// The folder of all that is a tenant's.
#[must_use]
pub fn tenant_folder(tenant: &str) -> String {
    format!("tenants/{}", part(tenant))
}

/// A text as one part of a name. ASCII letters, digits, `-`, `_` and inner dots stay; every other byte becomes `=` and
/// two hex digits, as a leading dot does. Different texts give different parts: a long one ends in its digest.
#[must_use]
pub fn part(text: &str) -> String {
    if text.is_empty() {
        return "=_".to_owned();
    }
    let mut safe = String::with_capacity(text.len().min(MAX_PART * 2));
    for (index, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && index > 0);
        if plain {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("={byte:02X}"));
        }
        if safe.len() > MAX_PART {
            safe.truncate(KEPT);
            let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
            // No escape begins with `=x`, so a shortened part cannot equal a whole one.
            return format!("{safe}=x{}", digest.get(..32).unwrap_or_default());
        }
    }
    safe
}

/// The names of one trace's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceNames {
    folder: String,
    trace_id: TraceId,
}

impl TraceNames {
    /// The names for a tenant's trace.
    #[must_use]
    pub fn new(tenant: &str, trace_id: TraceId) -> Self {
        Self { folder: format!("{BUNDLES}/{}", part(tenant)), trace_id }
    }

    /// The tenant's folder.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// What the names of all objects of the trace begin with.
    #[must_use]
    pub fn stem(&self) -> String {
        format!("{}/{}.", self.folder, self.trace_id)
    }

    /// The bundle.
    #[must_use]
    pub fn bundle(&self, compression: Compression) -> String {
        format!("{}json{}", self.stem(), suffix(compression))
    }

    /// The bundle's manifest.
    #[must_use]
    pub fn manifest(&self) -> String {
        format!("{}/{}{MANIFEST}", self.folder, self.trace_id)
    }

    /// An amendment.
    #[must_use]
    pub fn amendment(&self, digest: &str, compression: Compression) -> String {
        format!("{}a-{digest}.json{}", self.stem(), suffix(compression))
    }

    /// An amendment's manifest.
    #[must_use]
    pub fn amendment_manifest(&self, digest: &str) -> String {
        format!("{}a-{digest}{MANIFEST}", self.stem())
    }
}

/// Whether this is the name of a manifest.
#[must_use]
pub fn is_manifest(name: &str) -> bool {
    name.ends_with(MANIFEST)
}

/// The trace that a name under [`BUNDLES`], [`RAW`] or an index belongs to.
#[must_use]
pub fn trace_of(name: &str) -> Option<TraceId> {
    name.rsplit('/').next()?.split('.').next()?.parse().ok()
}

/// The digest that names an object by its records: for an amendment those that are new in it, for raw evidence all that it
/// holds, sorted. Where a first choice of name is taken by something else, `content` sets another one apart.
#[must_use]
pub fn records_digest(records: &[RecordDigest], content: Option<&str>) -> String {
    let mut hash = Sha256::new();
    for record in records {
        hash.update(record.0);
    }
    hash.update(content.unwrap_or_default());
    let mut digits = data_encoding::HEXLOWER.encode(&hash.finalize());
    digits.truncate(RECORDS_DIGITS);
    digits
}

/// Raw evidence: part 0, 1, … of the records with this digest.
#[must_use]
pub fn raw(tenant: &str, trace_id: TraceId, digest: &str, part_number: usize) -> String {
    let number = if part_number == 0 { String::new() } else { format!("-{}", part_number + 1) };
    format!("{RAW}/{}/{trace_id}.{digest}{number}.otlp.age", part(tenant))
}

/// An entry of the audit ledger, from 1. Names sort as numbers do.
#[must_use]
pub fn audit(number: u64) -> String {
    format!("{AUDIT}/{number:012}.json")
}

/// The number of an entry of the audit ledger.
#[must_use]
pub fn audit_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(AUDIT)?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()?;
    (audit(number) == name).then_some(number)
}

/// The day of an instant: `2026-11-23`, UTC.
#[must_use]
pub fn day(at: Timestamp) -> String {
    at.to_rfc3339().get(..10).unwrap_or("unknown").to_owned()
}

/// Where a reference stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The trace.
    pub trace_id: TraceId,
    /// The instant that the failure counts for.
    pub failed_at: Timestamp,
    /// The bundle.
    pub bundle_id: String,
    /// Whether it is to an amendment of the bundle.
    pub is_amendment: bool,
}

impl Place {
    /// What the name of a reference says; `None` for a name without it.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let mut parts = name.rsplit('/').next()?.strip_suffix(".json")?.split('.');
        let trace_id = parts.next()?.parse().ok()?;
        let failed_at = parts.next().filter(|nanos| nanos.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        let bundle_id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let is_amendment = match (parts.next(), parts.next()) {
            (None, _) => false,
            (Some("a"), None) => true,
            _ => return None,
        };
        Some(Self { trace_id, failed_at: Timestamp(failed_at), bundle_id, is_amendment })
    }

    fn file(&self) -> String {
        let amendment = if self.is_amendment { ".a" } else { "" };
        // Ids of bundles are hex, in which nothing is escaped.
        format!("{}.{}.{}{amendment}.json", self.trace_id, self.failed_at.0, part(&self.bundle_id).replace('.', "=2E"))
    }
}

/// Whether this is the name of an amendment's manifest or object.
#[must_use]
pub fn is_amendment(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.split('.').nth(1).is_some_and(|second| second.starts_with("a-"))
}

/// A reference by the day of the failure.
#[must_use]
pub fn by_day(place: &Place) -> String {
    format!("{INDEX_DAY}/{}/{}", day(place.failed_at), place.file())
}

/// The folder of the references to an incident's bundles.
#[must_use]
pub fn incident_folder(incident: &str) -> String {
    format!("{INDEX_INCIDENT}/{}", part(incident))
}

/// A reference by incident.
#[must_use]
pub fn by_incident(incident: &str, place: &Place) -> String {
    format!("{}/{}", incident_folder(incident), place.file())
}

/// The folder of an incident's counters.
#[must_use]
pub fn counters_folder(incident: &str) -> String {
    format!("{INCIDENTS}/{}", part(incident))
}

/// The counters of an incident by one writer.
#[must_use]
pub fn counters(incident: &str, writer: &str) -> String {
    format!("{}/{}.json", counters_folder(incident), part(writer))
}

/// The folder of the files that were sent for an incident.
#[must_use]
pub fn attachments_folder(incident: &str) -> String {
    format!("{ATTACHMENTS}/{}", part(incident))
}

/// A file that was sent for an incident.
#[must_use]
pub fn attachment(incident: &str, digest: &str) -> String {
    let digits = digest.rsplit(':').next().unwrap_or_default();
    format!("{}/{}.json", attachments_folder(incident), part(digits))
}

/// The folder of what ran of a service: its redacted name.
#[must_use]
pub fn services_folder(service: &str) -> String {
    format!("{SERVICES}/{}", part(service))
}
