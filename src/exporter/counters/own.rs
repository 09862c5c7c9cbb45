//! Objects of which every writer keeps its own, under a folder that all of them read.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::TryStreamExt;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bundle::{names, to_canonical};
use crate::exporter::error::{ErrorKind, ExportError};
use crate::exporter::store::Store;

/// Objects that are held in memory, to spare a read.
const MAX_HELD: usize = 4096;

pub(super) type Slot<T> = Arc<tokio::sync::Mutex<Option<T>>>;

/// The objects of one writer, and what it reads of others'.
#[derive(Debug)]
pub(super) struct OwnObjects<T> {
    store: Store,
    writer: String,
    /// The folder of what an object is about.
    folder: fn(&str) -> String,
    held: Mutex<BTreeMap<String, Slot<T>>>,
    of: PhantomData<fn() -> T>,
}

impl<T: Clone + Serialize + DeserializeOwned> OwnObjects<T> {
    pub(super) fn new(store: Store, writer: String, folder: fn(&str) -> String) -> Self {
        Self { store, writer, folder, held: Mutex::new(BTreeMap::new()), of: PhantomData }
    }

    pub(super) fn writer(&self) -> &str {
        &self.writer
    }

    /// Where this writer's object about `subject` is held. Whoever changes it holds the lock.
    pub(super) fn slot(&self, subject: &str) -> Slot<T> {
        let mut held = self.held.lock();
        if held.len() >= MAX_HELD {
            // A slot in use has a second owner; the others can be read again.
            held.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(held.entry(subject.to_owned()).or_default())
    }

    /// This writer's object: as held, else as stored by an earlier run under the same name.
    pub(super) async fn own(&self, subject: &str, held: &Option<T>) -> Result<Option<T>, ExportError> {
        match held {
            Some(own) => Ok(Some(own.clone())),
            None => self.read(&self.name(subject)).await,
        }
    }

    /// What other writers have stored.
    pub(super) async fn others(&self, subject: &str) -> Result<Vec<T>, ExportError> {
        let own = self.name(subject);
        let mut others = Vec::new();
        let mut listed = self.store.list(&(self.folder)(subject));
        while let Some(name) = listed.try_next().await? {
            if name != own
                && let Some(object) = self.read(&name).await?
            {
                others.push(object);
            }
        }
        Ok(others)
    }

    pub(super) async fn save(&self, subject: &str, own: &T) -> Result<(), ExportError> {
        let bytes = to_canonical(own)
            .map_err(|error| ExportError::new(ErrorKind::Permanent, "could not encode counters").because(error))?;
        self.store.replace(&self.name(subject), Bytes::from(bytes)).await
    }

    fn name(&self, subject: &str) -> String {
        format!("{}/{}.json", (self.folder)(subject), names::part(&self.writer))
    }

    async fn read(&self, name: &str) -> Result<Option<T>, ExportError> {
        let Some(bytes) = self.store.get(name).await? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(object) => Ok(Some(object)),
            Err(error) => {
                // Counts are told beside the evidence: a damaged object must not hold the evidence up.
                tracing::error!(object = name, %error, "counters cannot be read and are not counted");
                Ok(None)
            }
        }
    }
}
