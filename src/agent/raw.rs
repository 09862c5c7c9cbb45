//! Raw evidence in a store: what is there, and the objects of one trace. Opening them is for the holder of a key.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde::Serialize;

use super::Catalog;
use super::catalog::{CatalogError, place};
use super::page::{Page, Place, cut};
use crate::bundle::names;
use crate::exporter::Listed;
use crate::model::TraceId;

/// An object of raw evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RawObject {
    /// The trace whose records it holds.
    pub trace_id: TraceId,
    /// Its name in the store.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// RFC 3339: when it was stored.
    pub stored_at: String,
}

impl Catalog {
    /// Objects of raw evidence, the latest first.
    ///
    /// # Errors
    /// If the store cannot be read, or `after` is not the `next` of a page.
    pub async fn raw(&self, limit: usize, after: &str) -> Result<Page<RawObject>, CatalogError> {
        let after = place(after)?;
        let read = |Listed { name, size, modified }| {
            let (trace_id, stored_at) = (names::trace_of(&name)?, modified.to_rfc3339());
            let place = Place { at: stored_at.clone(), id: name.clone() };
            Some((place, RawObject { trace_id, name, size, stored_at }))
        };
        let listed: Vec<Listed> = self.store().objects(names::RAW).try_collect().await?;
        Ok(cut(listed.into_iter().filter_map(read).collect(), limit, after.as_ref()))
    }

    /// The raw evidence of a trace, or one object of it by its name: each with its name, still encrypted. None where there
    /// is none.
    ///
    /// # Errors
    /// If the store cannot be read, or the trace id is one of several tenants.
    pub async fn raw_of(&self, id: &str) -> Result<Vec<(String, Bytes)>, CatalogError> {
        let trace_id = id.parse::<TraceId>().ok();
        let wanted = |name: &String| match trace_id {
            Some(_) => names::trace_of(name) == trace_id,
            None => name == id,
        };
        let listed = self.store().list(names::RAW);
        let mut found: Vec<String> = listed.try_filter(|name| std::future::ready(wanted(name))).try_collect().await?;
        found.sort_unstable();
        let folders: BTreeSet<&str> = found.iter().filter_map(|name| Some(name.rsplit_once('/')?.0)).collect();
        if let (Some(trace_id), 2..) = (trace_id, folders.len()) {
            return Err(CatalogError::AmbiguousRaw { trace_id, names: found });
        }
        let mut objects = Vec::new();
        for name in found {
            if let Some(bytes) = self.store().get(&name).await? {
                objects.push((name, bytes));
            }
        }
        Ok(objects)
    }
}
