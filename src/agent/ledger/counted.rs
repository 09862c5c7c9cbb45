//! Failures as the writers of a store count them, for whatever is reckoned by time.

use futures::TryStreamExt as _;
use serde::de::DeserializeOwned;

use crate::agent::Catalog;
use crate::bundle::names;
use crate::exporter::ExportError;
use crate::model::{IncidentCounters, Timestamp};

/// Letters of an hour: `2026-11-23T14`.
const HOUR_TEXT: usize = 13;

/// Why counters cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountedError {
    /// The store does not answer.
    #[error("the store cannot be read")]
    Store(#[from] ExportError),
    /// An object is not what its name says.
    #[error("`{0}` cannot be read")]
    Malformed(String),
}

/// The counters of an incident, of each writer its own.
pub(super) async fn counters(catalog: &Catalog, incident: &str) -> Result<Vec<IncidentCounters>, CountedError> {
    read(catalog, &names::counters_folder(incident)).await
}

/// The objects of a folder of counters.
pub(super) async fn read<T: DeserializeOwned>(catalog: &Catalog, folder: &str) -> Result<Vec<T>, CountedError> {
    let names: Vec<String> = catalog.store().list(folder).try_collect().await?;
    let mut found = Vec::new();
    for name in names {
        let Some(bytes) = catalog.store().get(&name).await? else { continue };
        found.push(serde_json::from_slice(&bytes).map_err(|_| CountedError::Malformed(name))?);
    }
    Ok(found)
}

/// The hour of an instant, as counters have it.
pub(super) fn hour_of(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(HOUR_TEXT).collect()
}
