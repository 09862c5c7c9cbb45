//! Writes one sealed case to one store, so that nothing is lost, nothing is rewritten and nothing counts twice.
//!
//! The order is object, counters, manifest, references. The manifest is the commit marker: a reader sees a bundle when
//! its manifest is there, and the records count as bundled then. Every step can be repeated, so a write that was cut
//! short anywhere is finished by doing it all again, in this process or another:
//!
//! - *No manifest, no object*: the usual case.
//! - *No manifest, an equal object*: a writer was cut short; this one commits what it left.
//! - *No manifest, another object*: a writer with other records, version or configuration was cut short, or is about to
//!   commit. The object is committed as it is, with a manifest that lists no records (only its writer knew them), and
//!   this case becomes an amendment that holds all of its own. If the other writer is alive it finds that manifest and
//!   does the same.
//! - *A manifest*: if it and the amendments' manifests list all of this case's records, there is nothing to do; else
//!   the case becomes an amendment named by the digests of its new records.
//!
//! Two writers at one trace are told apart by who created the manifest: the other takes its count back.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::counters::{Counted, Counters};
use super::error::{ErrorKind, ExportError};
use super::health::{Health, OnHealth};
use super::index::IndexRef;
use super::retry::retry;
use super::store::{Created, Store};
use super::tokens::count;
use crate::bundle::{Envelope, MAX_DOCUMENT_BYTES, Ran, Sealed, Signer, digest_of, envelope, names, pack, unpack};
use crate::config::{BundleExporter, Compression, RetryOnFailure};
use crate::model::{
    Bundle, IncidentFacts, IncidentNumbers, Manifest, ManifestKind, ObjectRef, RecordDigest, SealFacts,
};
use crate::telemetry::{Clock, names as metric};

/// What became of a case in one store.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// What was written.
    pub outcome: Written,
    /// Name of the object that holds the evidence.
    pub object: String,
    /// Name of its manifest.
    pub manifest_name: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// Where the object lies.
    pub object_url: String,
    /// Where the manifest lies.
    pub manifest_url: String,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The bundle is stored and committed.
    Stored,
    /// Every record of it was in the store already.
    Unchanged,
    /// Its new records are stored as an amendment.
    Amended,
}

impl Written {
    /// The value of the `result` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Amended => "amended",
        }
    }
}

/// Counters of what happens rarely begin with nothing: a first time that is also the first sample would be no increase to Prometheus.
fn begin_counting(id: &str) {
    for result in [Written::Stored.as_str(), Written::Unchanged.as_str(), Written::Amended.as_str(), "failed"] {
        metrics::counter!(metric::EXPORTER_BUNDLES, "exporter" => id.to_owned(), "result" => result).increment(0);
    }
    for result in ["stored", "unchanged", "failed"] {
        metrics::counter!(metric::EXPORTER_ATTACHMENTS, "exporter" => id.to_owned(), "result" => result).increment(0);
    }
    for name in [metric::EXPORTER_SENT_BUNDLES, metric::EXPORTER_SEND_FAILED_BUNDLES, metric::EXPORTER_SPLIT_TRACES] {
        metrics::counter!(name, "exporter" => id.to_owned()).increment(0);
    }
}

/// Times that a decision is taken anew because another writer was faster.
const RACES: usize = 4;

/// Writes cases to one store.
pub struct BundleWriter {
    id: String,
    store: Store,
    compression: Compression,
    retries: RetryOnFailure,
    signer: Option<Arc<Signer>>,
    writer: String,
    clock: Arc<dyn Clock>,
    counters: Counters,
    health: Health,
}

impl std::fmt::Debug for BundleWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleWriter").field("id", &self.id).field("store", &self.store).finish_non_exhaustive()
    }
}

impl BundleWriter {
    /// A writer for the exporter `id`. `writer` names this process among all that write to the store: no two that run at
    /// the same time may share it.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        store: Store,
        config: &BundleExporter,
        signer: Option<Arc<Signer>>,
        writer: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let local = store.url().starts_with("file:");
        let default = if local { Compression::None } else { Compression::Zstd };
        let (id, writer) = (id.into(), writer.into());
        begin_counting(&id);
        Self {
            health: Health::of(&id),
            id,
            counters: Counters::new(store.clone(), writer.clone()),
            store,
            compression: config.compression.unwrap_or(default),
            retries: config.retry_on_failure.clone(),
            signer,
            writer,
            clock,
        }
    }

    /// Tells `on_health` when the store begins to fail and when it works again.
    #[must_use]
    pub fn with_health(mut self, on_health: OnHealth) -> Self {
        self.health.tell(on_health);
        self
    }

    /// The exporter's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Writes a case, trying again as configured. May be called again for the same case at any time, but not for two cases of one
    /// trace at once: the later would be taken for the bundle that it amends.
    ///
    /// # Errors
    /// If it is not known to be committed when patience has run out.
    pub async fn write(&self, sealed: &Sealed) -> Result<Receipt, ExportError> {
        let written = self.committed_and_indexed(sealed).await;
        let result = written.as_ref().map_or("failed", |receipt| receipt.outcome.as_str());
        metrics::counter!(metric::EXPORTER_BUNDLES, "exporter" => self.id.clone(), "result" => result).increment(1);
        let exporter = self.id.clone();
        match &written {
            Err(_) => metrics::counter!(metric::EXPORTER_SEND_FAILED_BUNDLES, "exporter" => exporter).increment(1),
            Ok(receipt) => {
                metrics::counter!(metric::EXPORTER_SENT_BUNDLES, "exporter" => exporter.clone()).increment(1);
                // Not of what was stored before, nor of what amends it: those say nothing of how long a failure waits.
                if receipt.outcome == Written::Stored {
                    let waited = self.clock.now().since(sealed.failed_at());
                    metrics::histogram!(metric::ERROR_TO_BUNDLE, "exporter" => exporter).record(waited.as_secs_f64());
                }
            }
        }
        written
    }

    async fn committed_and_indexed(&self, sealed: &Sealed) -> Result<Receipt, ExportError> {
        let receipt = retry(&self.retries, &self.health, || self.committed(sealed)).await?;
        let index = IndexRef::of(&receipt.manifest, &receipt.manifest_name, sealed.failed_at());
        if let Err(error) = retry(&self.retries, &self.health, || index.write(&self.store, sealed.failed_at())).await {
            // The evidence is committed, and references can be made again from manifests: this is no loss.
            tracing::error!(
                exporter = self.id,
                error = error.chain(),
                object = receipt.object,
                "a bundle is not in the index"
            );
        }
        Ok(receipt)
    }

    async fn committed(&self, sealed: &Sealed) -> Result<Receipt, ExportError> {
        let names = names::TraceNames::new(sealed.tenant(), sealed.trace_id());
        let stored = self.pack(sealed)?;
        for _ in 0..RACES {
            let done = match self.begun(&names, stored.clone()).await? {
                Begun::Committed(committed) => self.amend(sealed, &names, &stored, Some(*committed)).await?,
                Begun::Open(created) => self.commit(sealed, &names, &stored, created).await?,
            };
            if let Some(receipt) = done {
                return Ok(receipt);
            }
        }
        Err(ExportError::new(ErrorKind::Retryable, format!("other writers keep changing `{}`", names.stem())))
    }

    /// Looks for the manifest of a trace and, where there is none, creates the object.
    async fn begun(&self, names: &names::TraceNames, stored: Bytes) -> Result<Begun, ExportError> {
        let (manifest, object) = (names.manifest(), names.bundle(self.compression));
        let named = object.clone();
        let begin = |store: Store| async move {
            match manifest_in(&store, &manifest).await? {
                Some(committed) => Ok(Begun::Committed(Box::new(committed))),
                None => store.create(&named, stored).await.map(Begun::Open),
            }
        };
        self.store.at_once("create", &object, begin).await
    }

    /// Creates the manifest of a bundle, by what became of its object. `None` if another writer came first: decide anew.
    async fn commit(
        &self,
        sealed: &Sealed,
        names: &names::TraceNames,
        stored: &Bytes,
        created: Created,
    ) -> Result<Option<Receipt>, ExportError> {
        let name = names.bundle(self.compression);
        match created {
            Created::Stored => {
                let tokens = tokens_of(sealed).await;
                self.commit_manifest(counted(sealed), names, |numbers| {
                    let object = object_ref(&name, stored, sealed.document_digest(), self.compression);
                    sealed.manifest(ManifestKind::Bundle, object, tokens, numbers, self.seal_facts())
                })
                .await
            }
            Created::Differs(found) => match self.adopted(sealed, &name, &found) {
                Some(Found::SameDocument(object)) => {
                    let tokens = tokens_of(sealed).await;
                    self.commit_manifest(counted(sealed), names, |numbers| {
                        sealed.manifest(ManifestKind::Bundle, object.clone(), tokens, numbers, self.seal_facts())
                    })
                    .await
                }
                Some(Found::OtherDocument(object, bundle, document)) => {
                    let tokens = count(document).await;
                    let ran = Ran::of(&bundle);
                    // What is committed is counted, and whoever left it there may have: it can be of another incident.
                    let failure = Counted { incident: &bundle.incident.id, ran: &ran, ..counted(sealed) };
                    // Committed or lost to another writer, the next round finds a manifest and amends it.
                    self.commit_manifest(failure, names, |numbers| {
                        foreign_manifest(sealed, &bundle, object.clone(), tokens, numbers, self.seal_facts())
                    })
                    .await
                    .map(|_| None)
                }
                None => {
                    tracing::error!(
                        object = name,
                        "not a bundle, and not overwritten: the evidence is stored beside it"
                    );
                    self.amend(sealed, names, stored, None).await
                }
            },
        }
    }

    /// Counts the failure and creates the bundle's manifest. `None` if another writer created one first.
    async fn commit_manifest(
        &self,
        failure: Counted<'_>,
        names: &names::TraceNames,
        manifest: impl FnOnce(IncidentNumbers) -> Manifest,
    ) -> Result<Option<Receipt>, ExportError> {
        let numbers = self.counters.count(failure, self.clock.now()).await?;
        let manifest = manifest(numbers);
        let name = names.manifest();
        match self.store.create(&name, self.envelope(&manifest)?).await? {
            Created::Stored => {
                self.counters.confirm(failure.incident, failure.bundle_id).await;
                Ok(Some(self.receipt(Written::Stored, name, manifest)))
            }
            Created::Differs(_) => {
                self.counters.take_back(failure).await?;
                Ok(None)
            }
        }
    }

    /// Stores what the store does not list yet beside the bundle. `None` if another writer came first: decide anew.
    async fn amend(
        &self,
        sealed: &Sealed,
        names: &names::TraceNames,
        stored: &Bytes,
        committed: Option<Manifest>,
    ) -> Result<Option<Receipt>, ExportError> {
        let mut listed: BTreeSet<RecordDigest> = BTreeSet::new();
        let mut holder = committed.map(|manifest| (names.manifest(), manifest));
        if let Some((_, manifest)) = &holder {
            listed.extend(&manifest.records);
        }
        let missing = |listed: &BTreeSet<RecordDigest>| -> Vec<RecordDigest> {
            sealed.records().iter().filter(|record| !listed.contains(record)).copied().collect()
        };
        if !missing(&listed).is_empty() || holder.is_none() {
            for name in self.store.list_stem(names.folder(), &names.stem()).await? {
                if names::is_manifest(&name)
                    && name != names.manifest()
                    && let Some(manifest) = self.manifest(&name).await?
                {
                    listed.extend(&manifest.records);
                    holder.get_or_insert((name, manifest));
                }
            }
        }
        let new = missing(&listed);
        if new.is_empty()
            && let Some((name, manifest)) = holder.take()
        {
            return Ok(Some(self.receipt(Written::Unchanged, name, manifest)));
        }
        // A late piece is of a trace that was whole once; this one never was.
        let others = holder.as_ref().is_some_and(|(_, manifest)| manifest.sealed.writer != self.writer);
        if others && !sealed.is_late() {
            metrics::counter!(metric::EXPORTER_SPLIT_TRACES, "exporter" => self.id.clone()).increment(1);
        }
        self.create_amendment(sealed, names, stored, &new).await
    }

    async fn create_amendment(
        &self,
        sealed: &Sealed,
        names: &names::TraceNames,
        stored: &Bytes,
        new: &[RecordDigest],
    ) -> Result<Option<Receipt>, ExportError> {
        // The second name is for an object of the first that another configuration or version left uncommitted.
        for document in [None, Some(sealed.document_digest())] {
            let digest = names::records_digest(new, document);
            let name = names.amendment(&digest, self.compression);
            let object = match self.store.create(&name, stored.clone()).await? {
                Created::Stored => object_ref(&name, stored, sealed.document_digest(), self.compression),
                Created::Differs(found) => match self.adopted(sealed, &name, &found) {
                    Some(Found::SameDocument(object)) => object,
                    _ => continue,
                },
            };
            let tokens = tokens_of(sealed).await;
            let numbers = self.counters.numbers(counted(sealed)).await?;
            let manifest = sealed.manifest(ManifestKind::Amendment, object, tokens, numbers, self.seal_facts());
            let manifest_name = names.amendment_manifest(&digest);
            return Ok(match self.store.create(&manifest_name, self.envelope(&manifest)?).await? {
                Created::Stored => Some(self.receipt(Written::Amended, manifest_name, manifest)),
                Created::Differs(_) => None,
            });
        }
        Err(ExportError::new(ErrorKind::Permanent, format!("an amendment of `{}` has no name left", names.stem())))
    }

    /// What an object is that another write left under this case's name; `None` if it is no document of this trace.
    fn adopted(&self, sealed: &Sealed, name: &str, found: &Bytes) -> Option<Found> {
        let document = unpack(name, found, MAX_DOCUMENT_BYTES).ok()?;
        let digest = digest_of(&document);
        let object = object_ref(name, found, &digest, self.compression);
        if digest == sealed.document_digest() {
            return Some(Found::SameDocument(object));
        }
        let bundle: Bundle = serde_json::from_slice(&document).ok()?;
        (bundle.trace.trace_id == sealed.trace_id()).then(|| Found::OtherDocument(object, Box::new(bundle), document))
    }

    pub(super) async fn manifest(&self, name: &str) -> Result<Option<Manifest>, ExportError> {
        manifest_in(&self.store, name).await
    }

    fn pack(&self, sealed: &Sealed) -> Result<Bytes, ExportError> {
        pack(sealed.document(), self.compression)
            .map_err(|error| ExportError::new(ErrorKind::Retryable, "could not compress the document").because(error))
    }

    fn envelope(&self, manifest: &Manifest) -> Result<Bytes, ExportError> {
        envelope(manifest, self.signer.as_deref())
            .map(Bytes::from)
            .map_err(|error| ExportError::new(ErrorKind::Permanent, "could not encode the manifest").because(error))
    }

    fn seal_facts(&self) -> SealFacts {
        SealFacts {
            at: self.clock.now().to_rfc3339(),
            writer: self.writer.clone(),
            casefile: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn receipt(&self, outcome: Written, manifest_name: String, manifest: Manifest) -> Receipt {
        Receipt {
            outcome,
            object: manifest.object.name.clone(),
            object_url: self.store.url_of(&manifest.object.name),
            manifest_url: self.store.url_of(&manifest_name),
            manifest_name,
            manifest,
        }
    }
}

/// How far a trace is when a case of it is to be written.
enum Begun {
    /// It has a manifest.
    Committed(Box<Manifest>),
    /// It had none. What became of the object that was created then.
    Open(Created),
}

/// What lies where a case was to be written.
enum Found {
    /// The same document (in other bytes, if another version of the library compressed it).
    SameDocument(ObjectRef),
    /// Another document about the same trace.
    OtherDocument(ObjectRef, Box<Bundle>, Bytes),
}

async fn manifest_in(store: &Store, name: &str) -> Result<Option<Manifest>, ExportError> {
    let Some(stored) = store.get(name).await? else { return Ok(None) };
    Envelope::read(&stored).and_then(|envelope| envelope.manifest()).map(Some).map_err(|error| {
        // What it committed is unknown, so neither "unchanged" nor a new manifest would be true.
        ExportError::new(ErrorKind::Permanent, format!("the manifest `{name}` is damaged")).because(error)
    })
}

/// A case, as its incident's counters count it.
fn counted(sealed: &Sealed) -> Counted<'_> {
    Counted {
        incident: &sealed.incident().id,
        bundle_id: sealed.bundle_id(),
        failed_at: sealed.failed_at(),
        ran: sealed.ran(),
    }
}

/// Tokens of a case's document.
async fn tokens_of(sealed: &Sealed) -> Option<u64> {
    sealed.tokens(count).await
}

fn object_ref(name: &str, stored: &Bytes, document: &str, compression: Compression) -> ObjectRef {
    let (digest, compression) = match compression {
        // What is stored is the document.
        Compression::None => (document.to_owned(), "none"),
        Compression::Zstd => (digest_of(stored), "zstd"),
    };
    ObjectRef {
        name: name.to_owned(),
        digest,
        size: stored.len() as u64,
        compression: compression.to_owned(),
        document: document.to_owned(),
    }
}

/// The manifest of a document that another writer left uncommitted. How the trace was closed is told as this case's.
fn foreign_manifest(
    sealed: &Sealed,
    bundle: &Bundle,
    object: ObjectRef,
    tokens: Option<u64>,
    numbers: IncidentNumbers,
    facts: SealFacts,
) -> Manifest {
    let incident = bundle.incident.clone();
    Manifest {
        incident: IncidentFacts {
            id: incident.id,
            fingerprint: incident.fingerprint,
            class: incident.class,
            summary: incident.summary,
            services: incident.services,
            numbers: numbers.clone(),
        },
        records: Vec::new(),
        raw: Vec::new(),
        commit_sha: bundle.commit_sha.clone(),
        ..sealed.manifest(ManifestKind::Bundle, object, tokens, numbers, facts)
    }
}
