//! Objects of which every writer keeps its own, under a folder that all of them read.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::TryStreamExt;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bundle::{names, to_canonical};
use crate::exporter::error::{ErrorKind, ExportError};
use crate::exporter::store::{Listed, Store};
use crate::model::Timestamp;

/// Objects that are held in memory, to spare a read.
const MAX_HELD: usize = 4096;

pub(super) type Slot<T> = Arc<tokio::sync::Mutex<Option<T>>>;

/// Whether others' objects are read each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// They are: counts must be exact.
    EachTime,
    /// Only those whose time or size the listing gives anew. A change to the same size within the second that a store's clock
    /// tells apart waits for that writer's next one. Every process that ever ran has an object, so that there may be many.
    WhenChanged,
}

/// An object as it was read: when it was written, its size, and what it holds.
type Remembered<T> = (Timestamp, u64, Option<T>);

/// The objects of one writer, and what it reads of others'.
#[derive(Debug)]
pub(super) struct OwnObjects<T> {
    store: Store,
    writer: String,
    /// The folder of what an object is about.
    folder: fn(&str) -> String,
    held: Mutex<BTreeMap<String, Slot<T>>>,
    reading: Reading,
    remembered: Mutex<BTreeMap<String, Remembered<T>>>,
}

impl<T: Clone + Serialize + DeserializeOwned> OwnObjects<T> {
    pub(super) fn new(store: Store, writer: String, folder: fn(&str) -> String, reading: Reading) -> Self {
        let (held, remembered) = (Mutex::default(), Mutex::default());
        Self { store, writer, folder, held, reading, remembered }
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
        let mut listed = self.store.objects(&(self.folder)(subject));
        while let Some(object) = listed.try_next().await? {
            if object.name != own {
                others.extend(self.other(object).await?);
            }
        }
        Ok(others)
    }

    async fn other(&self, listed: Listed) -> Result<Option<T>, ExportError> {
        if self.reading == Reading::EachTime {
            return self.read(&listed.name).await;
        }
        let remembered = self.remembered.lock().get(&listed.name).cloned();
        if let Some((modified, size, object)) = remembered
            && (modified, size) == (listed.modified, listed.size)
        {
            return Ok(object);
        }
        let object = self.read(&listed.name).await?;
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MAX_HELD {
            remembered.clear();
        }
        remembered.insert(listed.name, (listed.modified, listed.size, object.clone()));
        Ok(object)
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
