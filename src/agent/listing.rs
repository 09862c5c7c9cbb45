//! Lists of bundles and incidents. They are put in order by the names of references alone, and what a page shows is all that is read.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use futures::stream::{self, StreamExt as _};

use super::catalog::{Catalog, CatalogError, IncidentSummary, malformed, place, read_manifest};
use super::page::{Page, Place, cut};
use crate::bundle::{Ran, names};
use crate::exporter::IndexRef;
use crate::model::Timestamp;

/// Incidents that are looked at at the same time.
const CONCURRENCY: usize = 16;

/// A reference to a bundle in a list.
enum Reference {
    /// Its name tells where it stands; the rest is read where it is shown.
    Named(String),
    /// Its name does not tell (version 0.1), so it was read.
    Read(Box<IndexRef>),
}

/// Which of the references to a bundle stands for it in a list: its own before those of amendments, then the earliest, which what comes
/// again in part does not move.
type Rank = (bool, Timestamp);

impl Catalog {
    /// Incidents, the one with the latest bundle first, with their numbers as of that bundle.
    ///
    /// # Errors
    /// If the store cannot be read, or `after` is not the `next` of a page.
    pub async fn incidents(&self, limit: usize, after: &str) -> Result<Page<IncidentSummary>, CatalogError> {
        let after = place(after)?;
        let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.names(names::INDEX_INCIDENT).await? {
            if let Some((folder, _)) = name.rsplit_once('/') {
                folders.entry(folder.to_owned()).or_default().push(name);
            }
        }
        let listed = stream::iter(folders).map(async |(folder, names)| {
            let bundles = self.listed(names).await?;
            let latest = bundles.iter().map(|(place, _)| place).min_by(|a, b| a.order(b));
            let id = folder.rsplit('/').next().unwrap_or_default().to_owned();
            let place = latest.map(|latest| Place { at: latest.at.clone(), id });
            Ok::<_, CatalogError>(place.map(|place| (place, bundles)))
        });
        let listed = listed.buffer_unordered(CONCURRENCY).try_filter_map(async |found| Ok(found));
        let Page { items, total, truncated, next, .. } = cut(listed.try_collect().await?, limit, after.as_ref());
        let shown = stream::iter(items).map(|bundles| self.latest_of(bundles)).buffered(CONCURRENCY);
        let shown: Vec<Option<(IncidentSummary, Ran)>> = shown.try_collect().await?;
        let items: Vec<IncidentSummary> = shown.into_iter().flatten().map(|(summary, _)| summary).collect();
        Ok(Page { returned: items.len(), items, total, truncated, next })
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
        let names = match incident {
            None => self.names(names::INDEX_DAY).await?,
            Some(id) => self.names(&names::incident_folder(id)).await?,
        };
        let Page { items, total, truncated, next, .. } = cut(self.listed(names).await?, limit, after.as_ref());
        let items = self.shown(items).await?;
        Ok(Page { returned: items.len(), items, total, truncated, next })
    }

    /// An incident as of its latest bundle, and what ran there; `None` where it has none.
    pub(super) async fn latest(&self, names: Vec<String>) -> Result<Option<(IncidentSummary, Ran)>, CatalogError> {
        self.latest_of(self.listed(names).await?).await
    }

    async fn latest_of(
        &self,
        mut bundles: Vec<(Place, Reference)>,
    ) -> Result<Option<(IncidentSummary, Ran)>, CatalogError> {
        let count = bundles.len();
        bundles.sort_by(|(a, _), (b, _)| a.order(b));
        for (_, reference) in bundles {
            let Some(latest) = self.shown(vec![reference]).await?.pop() else { continue };
            // A reference may outlive its bundle where the store has a rule that removes old objects.
            let Some(bytes) = self.store().get(&latest.manifest).await? else { continue };
            let manifest = read_manifest(&latest.manifest, &bytes)?;
            let ran = Ran::told_by(&manifest);
            return Ok(Some((IncidentSummary { facts: manifest.incident, bundles: count }, ran)));
        }
        Ok(None)
    }

    /// One reference a bundle, in no order, and where it stands.
    async fn listed(&self, names: Vec<String>) -> Result<Vec<(Place, Reference)>, CatalogError> {
        let mut best: BTreeMap<String, (Rank, String, Reference)> = BTreeMap::new();
        let mut take = |bundle: String, rank: Rank, at: String, reference: Reference| match best.get(&bundle) {
            Some((known, _, _)) if *known <= rank => {}
            _ => drop(best.insert(bundle, (rank, at, reference))),
        };
        let mut untold = Vec::new();
        for name in names {
            match names::Place::of(&name) {
                None => untold.push(name),
                Some(found) => {
                    let rank = (found.is_amendment, found.failed_at);
                    take(found.bundle_id, rank, found.failed_at.to_rfc3339(), Reference::Named(name));
                }
            }
        }
        for (_, found) in self.read(untold).await? {
            let at = Timestamp::from_rfc3339(&found.failed_at).unwrap_or_default();
            let rank = (names::is_amendment(&found.manifest), at);
            take(found.bundle_id.clone(), rank, found.failed_at.clone(), Reference::Read(Box::new(found)));
        }
        Ok(best.into_iter().map(|(id, (_, at, reference))| (Place { at, id }, reference)).collect())
    }

    /// What these references say, in their order; those that are gone by now are left out.
    async fn shown(&self, references: Vec<Reference>) -> Result<Vec<IndexRef>, CatalogError> {
        let name = |reference: &Reference| match reference {
            Reference::Named(name) => Some(name.clone()),
            Reference::Read(_) => None,
        };
        let mut read = self.read(references.iter().filter_map(name).collect()).await?.into_iter().peekable();
        let mut of = |reference: Reference| match reference {
            Reference::Read(found) => Some(*found),
            Reference::Named(name) => read.next_if(|(next, _)| *next == name).map(|(_, found)| found),
        };
        Ok(references.into_iter().filter_map(&mut of).collect())
    }

    /// Reads references, in the order of their names; those that are gone are left out.
    pub(super) async fn read(&self, names: Vec<String>) -> Result<Vec<(String, IndexRef)>, CatalogError> {
        let mut stored = self.store().get_each(names);
        let mut found = Vec::new();
        while let Some((name, bytes)) = stored.try_next().await? {
            match serde_json::from_slice(&bytes) {
                Ok(reference) => found.push((name, reference)),
                Err(source) => return Err(malformed(&name, "a reference", source)),
            }
        }
        Ok(found)
    }
}
