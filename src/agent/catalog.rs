//! Incidents and bundles of a store, found by its indexes and manifests.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use super::merge::{BundleView, Part};
use super::page::{Page, cut};
use crate::bundle::{Envelope, MAX_DOCUMENT_BYTES, names, unpack};
use crate::exporter::{ExportError, IndexRef, Store};
use crate::model::{Bundle, IncidentFacts, Manifest, ManifestKind, TraceId};

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
}

/// An incident, as of its latest bundle.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

    /// Incidents, the latest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn incidents(&self, limit: usize, after: &str) -> Result<Page<IncidentSummary>, CatalogError> {
        let mut by_incident: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.names(names::INDEX_INCIDENT).await? {
            if let Some((folder, _)) = name.rsplit_once('/') {
                by_incident.entry(folder.to_owned()).or_default().push(name);
            }
        }
        let found =
            stream::iter(by_incident.into_values()).map(|refs| self.summarise(refs)).buffer_unordered(CONCURRENCY);
        let mut incidents: Vec<IncidentSummary> = found.try_filter_map(async |found| Ok(found)).try_collect().await?;
        incidents.sort_by(|a, b| {
            let latest = b.facts.numbers.last_seen.cmp(&a.facts.numbers.last_seen);
            latest.then_with(|| a.facts.id.cmp(&b.facts.id))
        });
        Ok(cut(incidents, limit, after, |incident| incident.facts.id.clone()))
    }

    /// One incident; `None` if no bundle of it is here.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn incident(&self, id: &str) -> Result<Option<IncidentSummary>, CatalogError> {
        let folder = format!("{}/{}", names::INDEX_INCIDENT, names::part(id));
        self.summarise(self.names(&folder).await?).await
    }

    /// Bundles (of one incident), the latest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn bundles(
        &self,
        incident: Option<&str>,
        limit: usize,
        after: &str,
    ) -> Result<Page<IndexRef>, CatalogError> {
        let folder = match incident {
            Some(id) => format!("{}/{}", names::INDEX_INCIDENT, names::part(id)),
            None => names::INDEX_DAY.to_owned(),
        };
        let mut refs = self.refs(self.names(&folder).await?).await?;
        refs.sort_by(|a, b| b.failed_at.cmp(&a.failed_at).then_with(|| a.trace_id.cmp(&b.trace_id)));
        // An amendment that falls on another day than its bundle has a reference of its own.
        let mut seen = std::collections::BTreeSet::new();
        refs.retain(|found| seen.insert((found.tenant.clone(), found.trace_id)));
        Ok(cut(refs, limit, after, |found| found.trace_id.to_string()))
    }

    /// A bundle by trace id or bundle id, with its amendments; `None` if it is not here.
    ///
    /// # Errors
    /// If the store cannot be read, or an object of the bundle is missing or malformed.
    pub async fn bundle(&self, id: &str) -> Result<Option<BundleView>, CatalogError> {
        let manifests = self.manifests(id).await?;
        let parts = stream::iter(manifests).map(|(_, manifest)| self.part(manifest)).buffered(CONCURRENCY);
        let parts: Vec<Part> = parts.try_collect().await?;
        Ok(BundleView::of(parts))
    }

    /// The manifests of a bundle by trace id or bundle id, with their stored bytes: the bundle's first, then those of its
    /// amendments by name.
    pub(super) async fn manifests(&self, id: &str) -> Result<Vec<(Stored, Manifest)>, CatalogError> {
        let wanted: Option<TraceId> = id.parse().ok();
        let mut found = Vec::new();
        for name in self.names(names::BUNDLES).await? {
            let is_candidate =
                names::is_manifest(&name) && wanted.is_none_or(|trace_id| names::trace_of(&name) == Some(trace_id));
            if !is_candidate {
                continue;
            }
            let Some(bytes) = self.store.get(&name).await? else { continue };
            let manifest = read_manifest(&name, &bytes)?;
            if wanted.is_some() || manifest.bundle_id == id {
                found.push((Stored { name, bytes }, manifest));
            }
        }
        found.sort_by(|(a, first), (b, second)| {
            (first.kind == ManifestKind::Amendment, &a.name).cmp(&(second.kind == ManifestKind::Amendment, &b.name))
        });
        Ok(found)
    }

    async fn part(&self, manifest: Manifest) -> Result<Part, CatalogError> {
        let name = manifest.object.name.clone();
        let Some(bytes) = self.store.get(&name).await? else { return Err(CatalogError::Missing(name)) };
        let document = unpack(&name, &bytes, MAX_DOCUMENT_BYTES)
            .map_err(|source| malformed(&name, "a packed document", source))?;
        let bundle: Bundle =
            serde_json::from_slice(&document).map_err(|source| malformed(&name, "a bundle", source))?;
        Ok(Part { manifest, bundle })
    }

    async fn summarise(&self, refs: Vec<String>) -> Result<Option<IncidentSummary>, CatalogError> {
        let bundles = refs.len();
        let refs = self.refs(refs).await?;
        let Some(latest) = refs.into_iter().max_by(|a, b| (&a.failed_at, a.trace_id).cmp(&(&b.failed_at, b.trace_id)))
        else {
            return Ok(None);
        };
        let Some(bytes) = self.store.get(&latest.manifest).await? else {
            return Err(CatalogError::Missing(latest.manifest));
        };
        let facts = read_manifest(&latest.manifest, &bytes)?.incident;
        Ok(Some(IncidentSummary { facts, bundles }))
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

/// An object as it is stored.
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

fn read_manifest(name: &str, bytes: &[u8]) -> Result<Manifest, CatalogError> {
    let envelope = Envelope::read(bytes).map_err(|source| malformed(name, "an envelope", source))?;
    envelope.manifest().map_err(|source| malformed(name, "a manifest", source))
}

fn malformed(name: &str, what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> CatalogError {
    CatalogError::Malformed { name: name.to_owned(), what, source: Box::new(source) }
}
