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
use super::page::{Page, Place, cut};
use crate::bundle::{Envelope, IncidentAttachment, MAX_DOCUMENT_BYTES, Ran, names, unpack};
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

    /// Incidents, the latest first, with their numbers as of their latest bundle.
    ///
    /// # Errors
    /// If the store cannot be read, or `after` is not the `next` of a page.
    pub async fn incidents(&self, limit: usize, after: &str) -> Result<Page<IncidentSummary>, CatalogError> {
        let after = place(after)?;
        let mut by_incident: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.names(names::INDEX_INCIDENT).await? {
            if let Some((folder, _)) = name.rsplit_once('/') {
                by_incident.entry(folder.to_owned()).or_default().push(name);
            }
        }
        let found =
            stream::iter(by_incident.into_values()).map(|refs| self.summarise(refs)).buffer_unordered(CONCURRENCY);
        let incidents: Vec<IncidentSummary> = found.try_filter_map(async |found| Ok(found)).try_collect().await?;
        Ok(cut(incidents, limit, after.as_ref(), |IncidentSummary { facts, .. }| Place {
            at: facts.numbers.last_seen.clone(),
            id: facts.id.clone(),
        }))
    }

    /// One incident, with its numbers as all writers have counted by now; `None` if no bundle of it is here.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn incident(&self, id: &str) -> Result<Option<IncidentSummary>, CatalogError> {
        let folder = format!("{}/{}", names::INDEX_INCIDENT, names::part(id));
        let Some((mut summary, ran)) = self.latest(self.names(&folder).await?).await? else { return Ok(None) };
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

    /// Bundles (of one incident), the latest first.
    ///
    /// # Errors
    /// If the store cannot be read, or `after` is not the `next` of a page.
    pub async fn bundles(
        &self,
        incident: Option<&str>,
        limit: usize,
        after: &str,
    ) -> Result<Page<IndexRef>, CatalogError> {
        let after = place(after)?;
        let Some(id) = incident else { return self.by_day(limit.max(1), after.as_ref()).await };
        let folder = format!("{}/{}", names::INDEX_INCIDENT, names::part(id));
        let refs = one_a_bundle(self.refs(self.names(&folder).await?).await?);
        Ok(cut(refs, limit, after.as_ref(), place_of))
    }

    /// Bundles of all incidents. Only the references of the days that a page shows are read: names tell the day.
    async fn by_day(&self, limit: usize, after: Option<&Place>) -> Result<Page<IndexRef>, CatalogError> {
        let names = self.names(names::INDEX_DAY).await?;
        let mut traces: BTreeMap<TraceId, usize> = BTreeMap::new();
        for trace in names.iter().filter_map(|name| names::trace_of(name)) {
            *traces.entry(trace).or_default() += 1;
        }
        // Of one trace on several days: an amendment, or another tenant's. Reading tells.
        let (single, several): (Vec<String>, Vec<String>) = names
            .into_iter()
            .partition(|name| names::trace_of(name).is_none_or(|trace| traces.get(&trace) == Some(&1)));
        let mut total = single.len();
        let mut days: BTreeMap<String, (Vec<String>, Vec<IndexRef>)> = BTreeMap::new();
        for name in single {
            days.entry(names::day_of(&name).to_owned()).or_default().0.push(name);
        }
        for found in one_a_bundle(self.refs(several).await?) {
            total += 1;
            days.entry(found.failed_at.chars().take(DAY).collect()).or_default().1.push(found);
        }
        let mut items: Vec<IndexRef> = Vec::new();
        let mut more = false;
        for (day, (unread, read)) in days.into_iter().rev() {
            if after.is_some_and(|after| after.at.get(..DAY).is_some_and(|begin| day.as_str() > begin)) {
                continue;
            }
            if items.len() == limit {
                more = true;
                break;
            }
            let mut of_day = self.refs(unread).await?;
            of_day.extend(read);
            let page = cut(of_day, limit - items.len(), after, place_of);
            more = page.truncated;
            items.extend(page.items);
        }
        let next = items.last().filter(|_| more).map(|last| place_of(last).to_string());
        Ok(Page { returned: items.len(), items, total, truncated: next.is_some(), next })
    }

    /// The names of all references by day: to tell what is new from what was there.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn reference_names(&self) -> Result<Vec<String>, CatalogError> {
        self.names(names::INDEX_DAY).await
    }

    /// These references, in no order; those that are gone are left out.
    ///
    /// # Errors
    /// If the store cannot be read, or one is not a reference.
    pub async fn references(&self, names: Vec<String>) -> Result<Vec<IndexRef>, CatalogError> {
        self.refs(names).await
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

    /// What the names of the objects of a bundle begin with, found by its id. A manifest that cannot be read hides no other
    /// bundle than its own.
    async fn stem_of(&self, bundle_id: &str, manifests: &[String]) -> Result<Option<String>, CatalogError> {
        let mut stored = self.stored(manifests.to_vec()).boxed();
        while let Some(Stored { name, bytes }) = stored.try_next().await? {
            if read_manifest(&name, &bytes).is_ok_and(|manifest| manifest.bundle_id == bundle_id) {
                let (folder, file) = name.rsplit_once('/').unwrap_or_default();
                let trace = file.split('.').next().unwrap_or_default();
                return Ok(Some(format!("{folder}/{trace}.")));
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

    async fn summarise(&self, refs: Vec<String>) -> Result<Option<IncidentSummary>, CatalogError> {
        Ok(self.latest(refs).await?.map(|(summary, _)| summary))
    }

    /// An incident as of its latest bundle, and what ran there.
    async fn latest(&self, refs: Vec<String>) -> Result<Option<(IncidentSummary, Ran)>, CatalogError> {
        let bundles = refs.len();
        let mut refs = self.refs(refs).await?;
        refs.sort_by(|a, b| (&b.failed_at, b.trace_id).cmp(&(&a.failed_at, a.trace_id)));
        for latest in refs {
            // A reference may outlive its bundle where the store has a rule that removes old objects.
            let Some(bytes) = self.store.get(&latest.manifest).await? else { continue };
            let manifest = read_manifest(&latest.manifest, &bytes)?;
            let ran = Ran::told_by(&manifest);
            return Ok(Some((IncidentSummary { facts: manifest.incident, bundles }, ran)));
        }
        Ok(None)
    }

    async fn refs(&self, names: Vec<String>) -> Result<Vec<IndexRef>, CatalogError> {
        let read = async |name: String| {
            let Some(bytes) = self.store.get(&name).await? else { return Ok(None) };
            serde_json::from_slice(&bytes).map(Some).map_err(|source| malformed(&name, "a reference", source))
        };
        let refs = stream::iter(names).map(read).buffer_unordered(CONCURRENCY);
        refs.try_filter_map(async |found| Ok(found)).try_collect().await
    }

    async fn names(&self, folder: &str) -> Result<Vec<String>, CatalogError> {
        let mut names: Vec<String> = self.store.list(folder).try_collect().await?;
        names.sort_unstable();
        Ok(names)
    }
}

/// Letters of a day: `2026-11-23`.
const DAY: usize = 10;

/// An amendment that falls on another day than its bundle has a reference of its own: the bundle's stands.
fn one_a_bundle(mut refs: Vec<IndexRef>) -> Vec<IndexRef> {
    refs.sort_by(|a, b| a.manifest.len().cmp(&b.manifest.len()).then_with(|| b.failed_at.cmp(&a.failed_at)));
    let mut seen = BTreeSet::new();
    refs.retain(|found| seen.insert(found.bundle_id.clone()));
    refs
}

fn place_of(found: &IndexRef) -> Place {
    Place { at: found.failed_at.clone(), id: found.bundle_id.clone() }
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

fn malformed(name: &str, what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> CatalogError {
    CatalogError::Malformed { name: name.to_owned(), what, source: Box::new(source) }
}
