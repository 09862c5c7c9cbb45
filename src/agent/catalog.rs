//! Incidents and bundles of a store, found by its indexes and manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::{self, StreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;

use super::merge::{BundleView, Part};
use super::page::Place;
use crate::bundle::{Envelope, IncidentAttachment, MAX_DOCUMENT_BYTES, names, unpack};
use crate::exporter::{ExportError, IndexRef, Store, stored_numbers};
use crate::model::{Bundle, IncidentFacts, Manifest, ManifestKind, Tenant, TraceId};

/// Requests to the store at the same time.
const CONCURRENCY: usize = 16;

/// Why the store cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The store does not answer.
    #[error("the store cannot be read")]
    Store(#[from] ExportError),
    /// An object is not what its name says.
    #[error("`{name}` is not {what}")]
    Malformed {
        /// The object.
        name: String,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A manifest is there and its object is not.
    #[error("`{0}` is missing, though its manifest is there")]
    Missing(String),
    /// Several tenants have a trace of this id: only the bundle ids tell them apart.
    #[error("several tenants have a bundle of trace {trace_id}: name one by its bundle id ({})", .bundles.join(", "))]
    Ambiguous {
        /// The trace.
        trace_id: TraceId,
        /// The ids of the bundles.
        bundles: Vec<String>,
    },
    /// Several tenants have raw evidence of a trace of this id.
    #[error("several tenants have raw evidence of trace {trace_id}: name an object ({})", .names.join(", "))]
    AmbiguousRaw {
        /// The trace.
        trace_id: TraceId,
        /// The objects.
        names: Vec<String>,
    },
    /// It does not say where a page ends.
    #[error("`{0}` is not the `next` of a page")]
    After(String),
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IncidentSummary {
    /// Its facts.
    #[serde(flatten)]
    pub facts: IncidentFacts,
    /// Bundles in the store.
    pub bundles: usize,
}

/// A store, to be read.
#[derive(Debug, Clone)]
pub struct Catalog {
    store: Store,
}

/// The catalog of each tenant, which may be changed while they are read.
#[derive(Debug, Clone)]
pub struct Catalogs(Arc<ArcSwap<BTreeMap<Tenant, Catalog>>>);

impl Catalogs {
    /// These.
    #[must_use]
    pub fn new(catalogs: BTreeMap<Tenant, Catalog>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(catalogs)))
    }

    /// Others from now on.
    pub fn replace(&self, catalogs: BTreeMap<Tenant, Catalog>) {
        self.0.store(Arc::new(catalogs));
    }

    /// That of a tenant, if it is served here.
    #[must_use]
    pub fn of(&self, tenant: &Tenant) -> Option<Catalog> {
        self.0.load().get(tenant).cloned()
    }
}

impl From<Catalog> for Catalogs {
    fn from(catalog: Catalog) -> Self {
        Self::new(BTreeMap::from([(Tenant::default(), catalog)]))
    }
}

impl Catalog {
    /// A catalog over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// One incident, with its numbers as all writers have counted by now; `None` if no bundle of it is here.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn incident(&self, id: &str) -> Result<Option<IncidentSummary>, CatalogError> {
        let names = self.names(&names::incident_folder(id)).await?;
        let Some((mut summary, ran)) = self.latest(names).await? else { return Ok(None) };
        if let Some(numbers) = stored_numbers(&self.store, &summary.facts.id, &ran).await? {
            summary.facts.numbers = numbers;
        }
        Ok(Some(summary))
    }

    /// The files that were sent for an incident, by name: at most `limit`, and how many there are.
    ///
    /// # Errors
    /// If the store cannot be read, or an object is not what its name says.
    pub async fn attachments(
        &self,
        incident: &str,
        limit: usize,
    ) -> Result<(Vec<IncidentAttachment>, usize), CatalogError> {
        let names = self.names(&names::attachments_folder(incident)).await?;
        let total = names.len();
        let mut stored = self.stored(names.into_iter().take(limit).collect()).boxed();
        let mut found = Vec::new();
        while let Some(Stored { name, bytes }) = stored.try_next().await? {
            let read: IncidentAttachment =
                serde_json::from_slice(&bytes).map_err(|source| malformed(&name, "an attachment", source))?;
            if read.incident != incident {
                let fault = format!("it belongs to incident {}", read.incident);
                return Err(malformed(&name, "an attachment of this incident", Misplaced(fault)));
            }
            found.push(read);
        }
        found.sort_by(|a, b| {
            let key = |found: &IncidentAttachment| (found.attachment.name.clone(), found.attachment.digest.clone());
            key(a).cmp(&key(b))
        });
        Ok((found, total))
    }

    /// The names of all references by day: to tell what is new from what was there.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn reference_names(&self) -> Result<Vec<String>, CatalogError> {
        self.names(names::INDEX_DAY).await
    }

    /// These references, in the order of their names; those that are gone are left out.
    ///
    /// # Errors
    /// If the store cannot be read, or one is not a reference.
    pub async fn references(&self, names: Vec<String>) -> Result<Vec<IndexRef>, CatalogError> {
        Ok(self.read(names).await?.into_iter().map(|(_, found)| found).collect())
    }

    /// A bundle by trace id or bundle id, with its amendments; `None` if it is not here.
    ///
    /// # Errors
    /// If the store cannot be read, an object of the bundle is missing or malformed, or the trace id is one of several
    /// tenants.
    pub async fn bundle(&self, id: &str) -> Result<Option<BundleView>, CatalogError> {
        let mut manifests = Vec::new();
        for stored in self.manifests(id).await? {
            let manifest = read_manifest(&stored.name, &stored.bytes)?;
            if let Some(fault) = misplaced(&stored.name, &manifest) {
                return Err(malformed(&stored.name, "a manifest of this trace", fault));
            }
            manifests.push(manifest);
        }
        let bundles: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.bundle_id.as_str()).collect();
        if let (Some(first), 2..) = (manifests.first(), bundles.len()) {
            let bundles = bundles.into_iter().map(str::to_owned).collect();
            return Err(CatalogError::Ambiguous { trace_id: first.trace_id, bundles });
        }
        let parts = stream::iter(manifests).map(|manifest| self.part(manifest)).buffered(CONCURRENCY);
        let parts: Vec<Part> = parts.try_collect().await?;
        Ok(BundleView::of(parts))
    }

    /// The stored manifests of a bundle by trace id or bundle id: the bundle's first, then those of its amendments by name.
    pub(super) async fn manifests(&self, id: &str) -> Result<Vec<Stored>, CatalogError> {
        let mut names = self.names(names::BUNDLES).await?;
        names.retain(|name| names::is_manifest(name));
        // A bundle id may look like a trace id: both can be 32 hex digits.
        let trace_id = id.parse::<TraceId>().ok();
        let is_of_trace = |name: &String| trace_id.is_some() && names::trace_of(name) == trace_id;
        if names.iter().any(is_of_trace) {
            names.retain(is_of_trace);
        } else {
            let Some(stem) = self.stem_of(id, &names).await? else { return Ok(Vec::new()) };
            names.retain(|name| name.starts_with(&stem));
        }
        // A bundle's own manifest has the shortest name of its trace.
        names.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        self.stored(names).try_collect().await
    }

    /// What the names of the objects of a bundle begin with, found by its id: by the name of its reference, else (a store of version
    /// 0.1, or a bundle that is not in the index) in the manifests, where one that cannot be read hides no other bundle than its own.
    async fn stem_of(&self, bundle_id: &str, manifests: &[String]) -> Result<Option<String>, CatalogError> {
        let is_of_it = |name: &String| names::Place::of(name).is_some_and(|place| place.bundle_id == bundle_id);
        let mut references = self.names(names::INDEX_DAY).await?;
        references.retain(is_of_it);
        let found = match self.read(references).await {
            Err(CatalogError::Malformed { .. }) => Vec::new(),
            found => found?,
        };
        let told = found.into_iter().map(|(_, reference)| reference).find(|reference| reference.bundle_id == bundle_id);
        if let Some(manifest) = told.map(|reference| reference.manifest).filter(|name| manifests.contains(name)) {
            return Ok(Some(stem(&manifest)));
        }
        let mut stored = self.stored(manifests.to_vec()).boxed();
        while let Some(Stored { name, bytes }) = stored.try_next().await? {
            if read_manifest(&name, &bytes).is_ok_and(|manifest| manifest.bundle_id == bundle_id) {
                return Ok(Some(stem(&name)));
            }
        }
        Ok(None)
    }

    fn stored(&self, names: Vec<String>) -> impl futures::Stream<Item = Result<Stored, CatalogError>> + Send {
        let store = self.store.clone();
        let read = move |name: String| {
            let store = store.clone();
            async move { Ok(store.get(&name).await?.map(|bytes| Stored { name, bytes })) }
        };
        stream::iter(names).map(read).buffered(CONCURRENCY).try_filter_map(async |found| Ok(found))
    }

    async fn part(&self, manifest: Manifest) -> Result<Part, CatalogError> {
        let name = manifest.object.name.clone();
        let Some(bytes) = self.store.get(&name).await? else { return Err(CatalogError::Missing(name)) };
        let document = unpack(&name, &bytes, MAX_DOCUMENT_BYTES)
            .map_err(|source| malformed(&name, "a packed document", source))?;
        let bundle: Bundle =
            serde_json::from_slice(&document).map_err(|source| malformed(&name, "a bundle", source))?;
        if bundle.bundle_id != manifest.bundle_id || bundle.trace.trace_id != manifest.trace_id {
            let fault = "it holds the evidence of another trace".to_owned();
            return Err(malformed(&name, "the bundle of its manifest", Misplaced(fault)));
        }
        Ok(Part { manifest, bundle })
    }

    pub(super) async fn names(&self, folder: &str) -> Result<Vec<String>, CatalogError> {
        let mut names: Vec<String> = self.store.list(folder).try_collect().await?;
        names.sort_unstable();
        Ok(names)
    }
}

/// What the names of all objects begin with that are of the same trace as this manifest.
fn stem(manifest: &str) -> String {
    let (folder, file) = manifest.rsplit_once('/').unwrap_or_default();
    format!("{folder}/{}.", file.split('.').next().unwrap_or_default())
}

/// An object as it is stored.
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

/// Why a manifest says nothing about the objects beside it, though it may be a true one of others.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misplaced(pub(super) String);

/// Whether a manifest was put in the place of another, or points to an object of another trace.
pub(super) fn misplaced(name: &str, manifest: &Manifest) -> Option<Misplaced> {
    let names = names::TraceNames::new(&manifest.tenant, manifest.trace_id);
    let is_bundle = name == names.manifest();
    let fault = if !name.starts_with(&names.stem()) {
        format!("it is the manifest of {}", names.manifest())
    } else if is_bundle != (manifest.kind == ManifestKind::Bundle) {
        "bundle and amendment are exchanged".to_owned()
    } else if !manifest.object.name.starts_with(&names.stem()) {
        format!("it describes `{}`, an object of another trace", manifest.object.name)
    } else {
        return None;
    };
    Some(Misplaced(fault))
}

pub(super) fn place(after: &str) -> Result<Option<Place>, CatalogError> {
    if after.is_empty() {
        return Ok(None);
    }
    Place::parse(after).map(Some).ok_or_else(|| CatalogError::After(after.to_owned()))
}

pub(super) fn read_manifest(name: &str, bytes: &[u8]) -> Result<Manifest, CatalogError> {
    let envelope = Envelope::read(bytes).map_err(|source| malformed(name, "an envelope", source))?;
    envelope.manifest().map_err(|source| malformed(name, "a manifest", source))
}

pub(super) fn malformed(
    name: &str,
    what: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> CatalogError {
    CatalogError::Malformed { name: name.to_owned(), what, source: Box::new(source) }
}
