//! Bundles as they come: the store is looked at now and then, so that it works on every store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::catalog::{Catalog, CatalogError};
use crate::exporter::IndexRef;

/// Time between two looks of a server.
const INTERVAL: Duration = Duration::from_secs(2);
/// Who may wait at a server at the same time: each costs a listing of the store now and then.
const WATCHERS: usize = 32;

/// What was told of a store's bundles until now.
#[derive(Debug)]
pub struct Watch {
    catalog: Catalog,
    incident: Option<String>,
    seen: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Watch {
    /// Begins now, or with `all` at the first bundle that is there.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn begin(catalog: Catalog, incident: Option<String>, all: bool) -> Result<Self, CatalogError> {
        let seen = if all { BTreeSet::new() } else { catalog.reference_names().await?.into_iter().collect() };
        Ok(Self { catalog, incident, seen, told: BTreeSet::new() })
    }

    /// Bundles that were not told of before, the earliest failure first.
    ///
    /// # Errors
    /// If the store cannot be read: then none of them counts as told.
    pub async fn look(&mut self) -> Result<Vec<IndexRef>, CatalogError> {
        let names: Vec<String> =
            self.catalog.reference_names().await?.into_iter().filter(|name| !self.seen.contains(name)).collect();
        let mut found = self.catalog.references(names.clone()).await?;
        self.seen.extend(names);
        found.sort_by(|a, b| (&a.failed_at, &a.bundle_id).cmp(&(&b.failed_at, &b.bundle_id)));
        // An amendment has a reference of its own; the bundle was told of.
        found.retain(|found| {
            self.incident.as_ref().is_none_or(|id| *id == found.incident_id)
                && self.told.insert(found.bundle_id.clone())
        });
        Ok(found)
    }
}

/// Those who wait at a server.
#[derive(Debug, Clone)]
pub(super) struct Watchers {
    stop: CancellationToken,
    places: Arc<Semaphore>,
}

/// A place among them.
pub(super) struct Waiting {
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Watchers {
    pub(super) fn until(stop: CancellationToken) -> Self {
        Self { stop, places: Arc::new(Semaphore::new(WATCHERS)) }
    }

    /// A place, if there is one left.
    pub(super) fn place(&self) -> Option<Waiting> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Waiting { stop: self.stop.clone(), _place: place })
    }
}

impl Waiting {
    /// What comes, look by look (an empty one where nothing has), until the server stops.
    pub(super) fn follow(self, watch: Watch) -> BoxStream<'static, Result<Vec<IndexRef>, CatalogError>> {
        stream::try_unfold((self, watch, false), |(this, mut watch, waits)| async move {
            if waits && this.stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
                return Ok(None);
            }
            let found = watch.look().await?;
            Ok(Some((found, (this, watch, true))))
        })
        .into_stream()
        .boxed()
    }
}
