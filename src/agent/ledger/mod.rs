//! What became of evidence: an append-only ledger beside the bundles, so that a fix can be traced from the failure to the merge.
//!
//! Entry *n* is the object `audit/<n>.json` and holds the digest of entry *n*−1. Stores create an object only where there is none, so
//! the name is the lock: of two writers one gets the number and the other takes the next. An entry that is changed no longer fits what its
//! successor says of it; the last one has no successor, so it is held against its signature, or a head that was noted elsewhere.

mod counted;
mod rollout;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::{self, StreamExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::counted::CountedError;
pub use self::rollout::{Rollout, RolloutError, RolloutRequest, rollout};
pub use self::stats::{ArmStats, Arms, IncidentStats, Stats, StatsError, stats};
use super::page::Page;
use crate::bundle::{CanonicalError, Envelope, EnvelopeError, Signer, Verifier, digest_of, envelope_of, names};
use crate::exporter::{Created, ExportError, Store};
use crate::model::Timestamp;

/// The DSSE payload type of entries.
const PAYLOAD_TYPE: &str = "application/vnd.casefile.audit.v1+json";
/// Requests to the store at the same time.
const CONCURRENCY: usize = 16;
/// Numbers that are tried where other writers are faster.
const TRIES: usize = 100;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A bundle was made.
    BundleMade,
    /// It was rendered for an agent: `prompt` is the digest of what it was given.
    Rendered,
    /// A failing test was made of it.
    TestMade,
    /// A patch was checked: `verdict` says with what result.
    PatchChecked,
    /// A pull request was opened.
    PrOpened,
    /// It was merged.
    Merged,
    /// It was taken back.
    Reverted,
}

/// An entry before it has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What happened.
    pub event: Event,
    /// To which incident.
    pub incident: String,
    /// To which bundle.
    pub bundle: Option<String>,
    /// What else is to be known: digests, verdicts, addresses.
    pub details: BTreeMap<String, String>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Version of its shape: 1.
    pub version: u32,
    /// Its number, from 1.
    pub number: u64,
    /// `sha256:` of the stored bytes of the entry before; null for the first.
    pub previous: Option<String>,
    /// RFC 3339.
    pub at: String,
    /// What happened.
    pub event: Event,
    /// To which incident.
    pub incident: String,
    /// To which bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// What else is to be known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// Why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The store does not answer.
    #[error("the ledger cannot be reached")]
    Store(#[from] ExportError),
    /// An entry is not one.
    #[error("`{name}` is not an entry of the ledger")]
    Malformed {
        /// The object.
        name: String,
        /// What is wrong with it.
        #[source]
        source: EnvelopeError,
    },
    /// An entry has no canonical form.
    #[error("the entry cannot be written")]
    Canonical(#[from] CanonicalError),
    /// An entry before the last is not there.
    #[error("entry {0} is missing: the ledger is broken")]
    Missing(u64),
    /// Others were faster each time.
    #[error("{TRIES} numbers were taken by other writers: try again")]
    Busy,
}

/// What is wrong with the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerFault {
    /// The object.
    pub name: String,
    /// What is wrong with it.
    pub fault: String,
}

/// How a ledger was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// Entries.
    pub entries: u64,
    /// `sha256:` of the last one: note it elsewhere, and a ledger whose end was cut off is found out.
    pub head: Option<String>,
    /// Whether signatures were checked.
    pub signatures: bool,
    /// What is wrong.
    pub faults: Vec<LedgerFault>,
}

/// The ledger of a store.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
}

impl Ledger {
    /// The ledger of a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Adds an entry and returns it.
    ///
    /// # Errors
    /// If it is not known to be stored.
    pub async fn append(&self, note: &Note, at: Timestamp, signer: Option<&Signer>) -> Result<Entry, LedgerError> {
        let mut number = self.numbers().await?.last().copied().unwrap_or(0);
        let mut previous = match number {
            0 => None,
            last => Some(digest_of(&self.store.get(&names::audit(last)).await?.ok_or(LedgerError::Missing(last))?)),
        };
        for _ in 0..TRIES {
            number += 1;
            let entry = Entry {
                version: 1,
                number,
                previous,
                at: at.to_rfc3339(),
                event: note.event,
                incident: note.incident.clone(),
                bundle: note.bundle.clone(),
                details: note.details.clone(),
            };
            let bytes = Bytes::from(envelope_of(PAYLOAD_TYPE, &entry, signer)?);
            match self.store.create(&names::audit(number), bytes).await? {
                Created::Stored => return Ok(entry),
                Created::Differs(theirs) => previous = Some(digest_of(&theirs)),
            }
        }
        Err(LedgerError::Busy)
    }

    /// All entries, the earliest first. Says nothing about whether they are true: see [`Ledger::verify`].
    ///
    /// # Errors
    /// If the store cannot be read, or an object is no entry.
    pub async fn entries(&self) -> Result<Vec<Entry>, LedgerError> {
        let read = |(name, bytes): (String, Bytes)| match Envelope::read_as::<Entry>(PAYLOAD_TYPE, &bytes) {
            Ok((_, entry)) => Ok(entry),
            Err(source) => Err(LedgerError::Malformed { name, source }),
        };
        self.objects().await?.into_iter().map(read).collect()
    }

    /// Entries (of one incident), the latest first.
    ///
    /// # Errors
    /// As [`Ledger::entries`].
    pub async fn page(
        &self,
        incident: Option<&str>,
        limit: usize,
        before: Option<u64>,
    ) -> Result<Page<Entry>, LedgerError> {
        let mut all = self.entries().await?;
        all.retain(|entry| incident.is_none_or(|id| id == entry.incident));
        let total = all.len();
        let behind = all.into_iter().rev().filter(|entry| before.is_none_or(|before| entry.number < before));
        let mut items: Vec<Entry> = behind.take(limit.max(1).saturating_add(1)).collect();
        let truncated = items.len() > limit.max(1);
        items.truncate(limit.max(1));
        let next = items.last().filter(|_| truncated).map(|entry| entry.number.to_string());
        Ok(Page { returned: items.len(), items, total, truncated, next })
    }

    /// Holds each entry against its successor, its name and its signature, and the last one against a head that was noted before.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn verify(&self, verifier: Option<&Verifier>, head: Option<&str>) -> Result<LedgerReport, LedgerError> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, fault: String| faults.push(LedgerFault { name: name.to_owned(), fault });
        for name in self.store.list(names::AUDIT).try_collect::<Vec<String>>().await? {
            if names::audit_number(&name).is_none() {
                fault(&name, "it is no entry of the ledger".to_owned());
            }
        }
        let objects = self.objects().await?;
        let (mut expected, mut before, mut known) = (1, None::<String>, head.is_none());
        for (name, bytes) in &objects {
            let number = names::audit_number(name).unwrap_or_default();
            for missing in expected..number {
                fault(&names::audit(missing), "it is missing".to_owned());
            }
            let digest = digest_of(bytes);
            known |= head == Some(digest.as_str());
            match Envelope::read_as::<Entry>(PAYLOAD_TYPE, bytes) {
                Err(error) => fault(name, format!("it is not an entry: {error}")),
                Ok((envelope, entry)) => {
                    if entry.number != number {
                        fault(name, format!("it is entry {} under another's name", entry.number));
                    }
                    if expected == number && entry.previous != before {
                        // What its successor says of an entry was true when the successor was written.
                        let earlier = number.saturating_sub(1).max(1);
                        fault(
                            &names::audit(earlier),
                            format!("it was changed after entry {number} was written, or entry {number} was"),
                        );
                    }
                    if let Some(Err(error)) = verifier.map(|verifier| verifier.verify(&envelope)) {
                        fault(name, error.to_string().replace("manifest", "entry"));
                    }
                }
            }
            before = Some(digest);
            expected = number + 1;
        }
        if !known {
            fault(
                &names::audit(expected),
                "the head that was noted is in no entry: the end was cut off or changed".to_owned(),
            );
        }
        Ok(LedgerReport { entries: objects.len() as u64, head: before, signatures: verifier.is_some(), faults })
    }

    async fn numbers(&self) -> Result<Vec<u64>, LedgerError> {
        let names: Vec<String> = self.store.list(names::AUDIT).try_collect().await?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| names::audit_number(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The entries as they are stored, by number.
    async fn objects(&self) -> Result<Vec<(String, Bytes)>, LedgerError> {
        let read = async |number: u64| {
            let name = names::audit(number);
            Ok::<_, LedgerError>(self.store.get(&name).await?.map(|bytes| (name, bytes)))
        };
        let found = stream::iter(self.numbers().await?).map(read).buffered(CONCURRENCY);
        found.try_filter_map(async |found| Ok(found)).try_collect().await
    }
}
