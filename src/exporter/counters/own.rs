//! Objects of which every writer keeps its own, under a folder that all of them read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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

/// Where one object is held.
pub(super) type Slot<T> = Arc<Held<T>>;

/// An object of this writer, and which of its changes are stored.
#[derive(Debug)]
pub(super) struct Held<T> {
    object: tokio::sync::Mutex<Changing<T>>,
    /// As many changes are stored.
    stored: tokio::sync::Mutex<u64>,
    /// How often somebody asked for others' objects, and how many wait for them now.
    asked: AtomicU64,
    waiting: AtomicUsize,
    others: tokio::sync::Mutex<Others<T>>,
}

/// What other writers had stored.
#[derive(Debug)]
struct Others<T> {
    /// As many had asked when it was begun to be read.
    asked: u64,
    /// `None` when nobody waits for it any more.
    read: Option<Arc<Vec<T>>>,
}

/// An object that is held, once it was read.
#[derive(Debug)]
pub(super) struct Changing<T> {
    pub(super) object: Option<T>,
    /// How often it was changed. Whoever changes it counts that.
    pub(super) changes: u64,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self {
            object: tokio::sync::Mutex::new(Changing { object: None, changes: 0 }),
            stored: tokio::sync::Mutex::default(),
            asked: AtomicU64::default(),
            waiting: AtomicUsize::default(),
            others: tokio::sync::Mutex::new(Others { asked: 0, read: None }),
        }
    }
}

impl<T> Held<T> {
    /// For whoever looks at it or changes it.
    pub(super) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Changing<T>> {
        self.object.lock().await
    }

    fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(&self.waiting)
    }
}

/// One that waits for others' objects, until it is dropped.
struct Waiting<'h>(&'h AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

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

    /// What other writers have stored. Those who ask while it is being read have it read once more, for all of them: when every trace fails
    /// in one way, a listing for each would be most of what a store is asked.
    pub(super) async fn others(&self, subject: &str) -> Result<Arc<Vec<T>>, ExportError> {
        let slot = self.slot(subject);
        let waiting = slot.wait();
        let place = slot.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut others = slot.others.lock().await;
        let read = match &others.read {
            Some(read) if others.asked >= place => Arc::clone(read),
            _ => {
                let asked = slot.asked.load(Ordering::SeqCst);
                let read = Arc::new(self.read_others(subject).await?);
                *others = Others { asked, read: Some(Arc::clone(&read)) };
                read
            }
        };
        drop(waiting);
        if slot.waiting.load(Ordering::SeqCst) == 0 {
            others.read = None;
        }
        Ok(read)
    }

    async fn read_others(&self, subject: &str) -> Result<Vec<T>, ExportError> {
        let own = self.name(subject);
        let mut others = Vec::new();
        let folder = (self.folder)(subject);
        let name = folder.clone();
        // As many as there are writers.
        let list = |store: Store| async move { store.objects(&name).try_collect::<Vec<_>>().await };
        for object in self.store.at_once("list", &folder, list).await? {
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

    /// Stores an object with all changes that were made to it until now. Those who wait for that at the same time have it done once.
    pub(super) async fn store(&self, subject: &str, slot: &Held<T>) -> Result<(), ExportError> {
        let made = slot.lock().await.changes;
        let mut stored = slot.stored.lock().await;
        if *stored >= made {
            return Ok(());
        }
        let (object, changes) = {
            let held = slot.lock().await;
            (held.object.clone(), held.changes)
        };
        if let Some(object) = object {
            self.save(subject, &object).await?;
        }
        *stored = changes;
        Ok(())
    }

    async fn save(&self, subject: &str, own: &T) -> Result<(), ExportError> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};
    use object_store::{ObjectStore, ObjectStoreExt as _};

    use super::*;

    /// Guarantee: whoever asks for others' objects sees all that was stored by then, and those who ask while one reading runs share the next.
    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_a_reading() {
        let slow = ThrottleConfig { wait_list_per_call: Duration::from_millis(20), ..ThrottleConfig::default() };
        let memory = Arc::new(ThrottledStore::new(InMemory::new(), slow));
        let store = Store::over(memory, Path::default(), "memory:", true, Duration::from_secs(10));
        let of = |writer: &str| -> OwnObjects<Vec<u64>> {
            OwnObjects::new(store.clone(), writer.to_owned(), names::counters_folder, Reading::EachTime)
        };
        let (objects, another) = (of("writer"), of("another"));
        let mut first = Box::pin(objects.others("INC-1"));
        assert!(futures::poll!(&mut first).is_pending());
        another.save("INC-1", &vec![7]).await.unwrap();
        let more = futures::future::join_all((0..20).map(|_| objects.others("INC-1")));
        let (first, more) = futures::join!(first, more);
        let (first, more) = (first.unwrap(), more.into_iter().collect::<Result<Vec<_>, _>>().unwrap());
        for read in &more {
            assert_eq!(**read, [vec![7]]);
            assert!(Arc::ptr_eq(read, &more[0]) && !Arc::ptr_eq(read, &first));
        }
        assert!(objects.slot("INC-1").others.lock().await.read.is_none(), "nobody waits for it");
    }

    /// Guarantee: nobody is told that a change is stored before it is, and those who wait while one store runs share the next.
    #[tokio::test]
    async fn changes_that_wait_for_a_store_are_stored_at_once() {
        let slow = ThrottleConfig { wait_put_per_call: Duration::from_millis(20), ..ThrottleConfig::default() };
        let memory = Arc::new(ThrottledStore::new(InMemory::new(), slow));
        let inner = Arc::clone(&memory) as Arc<dyn ObjectStore>;
        let store = Store::over(inner, Path::default(), "memory:", true, Duration::from_secs(10));
        let objects: OwnObjects<Vec<u64>> =
            OwnObjects::new(store.clone(), "writer".to_owned(), names::counters_folder, Reading::EachTime);
        let name = objects.name("INC-1");
        let stored =
            async || -> Vec<u64> { serde_json::from_slice(&store.get(&name).await.unwrap().unwrap()).unwrap() };
        let change = async |n: u64| {
            let slot = objects.slot("INC-1");
            {
                let mut held = slot.lock().await;
                held.object.get_or_insert_default().push(n);
                held.changes += 1;
            }
            objects.store("INC-1", &slot).await.unwrap();
            assert!(stored().await.contains(&n), "{n} is not stored");
        };
        futures::future::join_all((0..20).map(change)).await;
        assert_eq!(stored().await, (0..20).collect::<Vec<u64>>());
        // This store numbers its writes.
        let writes = memory.head(&Path::from(name.as_str())).await.unwrap().e_tag.unwrap();
        assert_eq!(writes, "\"1\"", "the first stores its own change, the second write all others");
    }
}
