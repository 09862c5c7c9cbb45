//! One face for a folder, S3 and Google Cloud Storage: create-if-absent with a look back, replace, get, list, remove.
//!
//! What every store guarantees here (`conformance` holds each to it):
//! - [`Store::create`] never changes an object that exists, and tells the three outcomes apart even where the answer of
//!   the store does not: after "already exists", a timeout or an error it reads the object back and compares. S3 may
//!   answer 503 after it stored, "already exists" to the second try of one's own request, and 409 when nothing was
//!   stored.
//! - An object is visible whole or not at all.
//! - Each request ends within the configured time.
//!
//! Nothing is retried in here: the layer above owns time and patience.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, TagSet};

use super::error::{ErrorKind, ExportError};
use super::files::FileThreads;
use crate::bundle::names;
use crate::model::{DEFAULT_TENANT, Tenant, Timestamp};

/// What became of a [`Store::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object is there, with these bytes: stored now, or by an earlier try.
    Stored,
    /// An object of this name was there before, with these other bytes. It is as it was.
    Differs(Bytes),
}

/// What a listing says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name under the store's prefix.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written, by the store's clock.
    pub modified: Timestamp,
}

/// An object has so many bytes, and is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge(pub u64);

/// Most bytes of one object that are read.
pub const MAX_OBJECT_BYTES: u64 = 256 * 1024 * 1024;
/// Requests to a store at the same time, where many objects are read: most of their time is spent on the way.
const REQUESTS_AT_ONCE: usize = 64;
/// Files that one task reads, and tasks at the same time.
const FILES_AT_ONCE: usize = 256;
const FILE_READERS: usize = 4;
/// Bytes that a file is expected to have.
const FILE_BYTES: usize = 4096;

/// An object store or a folder, under a prefix.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    prefix: Path,
    url: String,
    /// Whether listings come in the order of names, so that one can stop early.
    ordered: bool,
    /// For each request. `None` on a thread of a folder, where no runtime keeps time: whoever waits for that thread does.
    timeout: Option<Duration>,
    /// What every object is tagged with.
    tags: TagSet,
    /// The folder, where it is one.
    folder: Option<Folder>,
}

#[derive(Clone)]
struct Folder {
    files: Arc<LocalFileSystem>,
    threads: Arc<FileThreads>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Store {
    /// A store in memory: for tests, and for a run that leaves nothing behind.
    #[must_use]
    pub fn in_memory() -> Self {
        let memory = Arc::new(object_store::memory::InMemory::new());
        Self::over(memory, Path::default(), "memory:", true, Duration::from_secs(10))
    }

    /// A store over any `ObjectStore`. `url` is what names are shown under, `ordered` whether it lists in order.
    pub(crate) fn over(
        inner: Arc<dyn ObjectStore>,
        prefix: Path,
        url: impl Into<String>,
        ordered: bool,
        timeout: Duration,
    ) -> Self {
        let url = url.into().trim_end_matches('/').to_owned();
        Self { inner, prefix, url, ordered, timeout: Some(timeout), tags: TagSet::default(), folder: None }
    }

    /// A store in a folder.
    pub(super) fn in_folder(folder: LocalFileSystem, url: impl Into<String>, timeout: Duration) -> Self {
        let files = Arc::new(folder);
        let store = Self::over(Arc::clone(&files) as Arc<dyn ObjectStore>, Path::default(), url, false, timeout);
        Self { folder: Some(Folder { files, threads: Arc::default() }), ..store }
    }

    /// Tags every object that is written.
    #[must_use]
    pub(super) fn with_tags<'a>(mut self, tags: impl Iterator<Item = (&'a String, &'a String)>) -> Self {
        for (key, value) in tags {
            self.tags.push(key, value);
        }
        self
    }

    /// The part of this store that is a tenant's: nothing in it is read or written through another.
    #[must_use]
    pub fn of_tenant(&self, tenant: &Tenant) -> Self {
        if tenant.as_str() == DEFAULT_TENANT {
            return self.clone();
        }
        let folder = names::tenant_folder(tenant.as_str());
        let prefix = folder.split('/').fold(self.prefix.clone(), |prefix, part| prefix.join(part));
        Self { prefix, url: format!("{}/{folder}", self.url), ..self.clone() }
    }

    /// A request of several steps. In a folder they have the time of one together, and cost one hand-over to another thread, where each for
    /// itself would cost at least one: `request` may call this store alone, and wait for nothing else.
    pub(super) async fn at_once<T, F>(
        &self,
        action: &str,
        name: &str,
        request: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, ExportError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ExportError>> + Send,
    {
        let (Some(folder), Some(timeout)) = (&self.folder, self.timeout) else { return request(self.clone()).await };
        let (store, span) = (Self { timeout: None, ..self.clone() }, tracing::Span::current());
        let answer = folder.threads.run(move || span.in_scope(|| request(store).now_or_never()));
        match tokio::time::timeout(timeout, answer).await {
            Ok(Some(Some(answer))) => answer,
            Ok(_) => Err(ExportError::new(ErrorKind::Retryable, format!("could not {action} `{name}`: broken off"))),
            Err(_) => Err(timed_out(action, name, timeout)),
        }
    }

    /// Creates an object unless there is one of that name.
    ///
    /// # Errors
    /// If it is not known to be stored. The object may come to be there all the same: create it again.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<Created, ExportError> {
        let named = name.to_owned();
        self.at_once("create", name, |store| async move { store.create_here(&named, bytes).await }).await
    }

    async fn create_here(&self, name: &str, bytes: Bytes) -> Result<Created, ExportError> {
        let path = self.path(name)?;
        let options = PutOptions { mode: PutMode::Create, tags: self.tags.clone(), ..PutOptions::default() };
        let put = self.inner.put_opts(&path, PutPayload::from_bytes(bytes.clone()), options);
        let failure = match self.within("create", name, put).await {
            Ok(_) => return Ok(Created::Stored),
            Err(error) if error.kind() == ErrorKind::Permanent => return Err(error),
            Err(error) => error,
        };
        match self.get(name).await {
            Ok(Some(found)) if found == bytes => Ok(Created::Stored),
            Ok(Some(found)) => Ok(Created::Differs(found)),
            Ok(None) => Err(failure),
            Err(unread) => {
                tracing::debug!(error = unread.chain(), object = name, "could not look for the object");
                Err(failure)
            }
        }
    }

    /// Writes an object whether or not there is one.
    ///
    /// # Errors
    /// If it is not known to be written.
    pub async fn replace(&self, name: &str, bytes: Bytes) -> Result<(), ExportError> {
        let path = self.path(name)?;
        let options = PutOptions { tags: self.tags.clone(), ..PutOptions::default() };
        let named = name.to_owned();
        self.at_once("write", name, |store| async move {
            let put = store.inner.put_opts(&path, PutPayload::from_bytes(bytes), options);
            store.within("write", &named, put).await.map(drop)
        })
        .await
    }

    /// The bytes of an object; `None` if there is none.
    ///
    /// # Errors
    /// If the store does not answer, or the object is larger than [`MAX_OBJECT_BYTES`].
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, ExportError> {
        match self.get_at_most(name, MAX_OBJECT_BYTES).await? {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(TooLarge(size))) => Err(ExportError::new(
                ErrorKind::Permanent,
                format!("`{name}` has {size} bytes, and {MAX_OBJECT_BYTES} is the most that is read"),
            )),
        }
    }

    /// The bytes of an object, or how many it has where that is more than `max_bytes`; `None` if there is none.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn get_at_most(
        &self,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<Result<Bytes, TooLarge>>, ExportError> {
        let (path, named) = (self.path(name)?, name.to_owned());
        self.at_once("read", name, move |store| async move {
            let read = async {
                let found = match store.inner.get(&path).await {
                    Ok(found) => found,
                    Err(object_store::Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                };
                if found.meta.size > max_bytes {
                    return Ok(Some(Err(TooLarge(found.meta.size))));
                }
                Ok(Some(Ok(found.bytes().await?)))
            };
            store.within("read", &named, read).await
        })
        .await
    }

    /// Many small objects (references), in the order of `names`; those that are not there are left out. Some hundred of them are in memory at the
    /// same time.
    ///
    /// # Errors
    /// As [`Store::get`], for the first of them that cannot be read.
    pub fn get_each(&self, names: Vec<String>) -> BoxStream<'static, Result<(String, Bytes), ExportError>> {
        let store = self.clone();
        if let Some(folder) = &self.folder {
            // A task for each file would cost more than the file.
            let parts: Vec<Vec<String>> = names.chunks(FILES_AT_ONCE).map(<[String]>::to_vec).collect();
            let files = Arc::clone(&folder.files);
            let read = move |part: Vec<String>| store.clone().read_files(Arc::clone(&files), part);
            let parts = futures::stream::iter(parts).map(read).buffered(FILE_READERS);
            return parts.map_ok(|found| futures::stream::iter(found).map(Ok)).try_flatten().boxed();
        }
        let read = move |name: String| {
            let store = store.clone();
            async move { Ok(store.get(&name).await?.map(|bytes| (name, bytes))) }
        };
        futures::stream::iter(names)
            .map(read)
            .buffered(REQUESTS_AT_ONCE)
            .try_filter_map(async |found| Ok(found))
            .boxed()
    }

    /// Files of a folder, on a thread that may wait for the disk.
    async fn read_files(
        self,
        folder: Arc<LocalFileSystem>,
        names: Vec<String>,
    ) -> Result<Vec<(String, Bytes)>, ExportError> {
        let url = self.url.clone();
        self.at_once("read files of", &url, |store| async move {
            let mut found = Vec::with_capacity(names.len());
            for name in names {
                if let Some(bytes) = store.read_file(&folder, &name)? {
                    found.push((name, bytes));
                }
            }
            Ok(found)
        })
        .await
    }

    fn read_file(&self, folder: &LocalFileSystem, name: &str) -> Result<Option<Bytes>, ExportError> {
        let failed = |error: std::io::Error| {
            ExportError::new(ErrorKind::Retryable, format!("could not read `{name}`")).because(error)
        };
        let path = folder
            .path_to_filesystem(&self.path(name)?)
            .map_err(|error| ExportError::from_store("read", name, error))?;
        let mut file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // Most are smaller than this, and read by one call.
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        std::io::Read::read_to_end(&mut std::io::Read::take(&mut file, MAX_OBJECT_BYTES + 1), &mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_OBJECT_BYTES {
            return Err(ExportError::new(
                ErrorKind::Permanent,
                format!("`{name}` has more than {MAX_OBJECT_BYTES} bytes, the most that is read"),
            ));
        }
        Ok(Some(bytes.into()))
    }

    /// When an object was written, by the store's clock; `None` if there is none.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn modified(&self, name: &str) -> Result<Option<Timestamp>, ExportError> {
        let path = self.path(name)?;
        let look = async {
            match self.inner.head(&path).await {
                Ok(meta) => Ok(Some(modified(&meta))),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.within("look at", name, look).await
    }

    /// The names of the objects in a folder and the folders below it (everything, for ``""``): in order of name from S3
    /// and Google Cloud Storage, in no order from a local folder.
    pub fn list(&self, folder: &str) -> BoxStream<'static, Result<String, ExportError>> {
        self.objects(folder).map_ok(|object| object.name).boxed()
    }

    /// As [`Store::list`], with what the listing says of each.
    pub fn objects(&self, folder: &str) -> BoxStream<'static, Result<Listed, ExportError>> {
        match self.path(folder) {
            Ok(path) => self.listed(folder, self.inner.list(Some(&path))),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Removes objects. One that is not there is as good as removed.
    ///
    /// # Errors
    /// If one is not known to be removed; others may have been.
    pub async fn remove(&self, names: &[String]) -> Result<(), ExportError> {
        let paths = names.iter().map(|name| self.path(name)).collect::<Result<Vec<_>, _>>()?;
        let mut removed = self.inner.delete_stream(futures::stream::iter(paths).map(Ok).boxed());
        loop {
            match in_time(self.timeout, removed.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(_) | Err(object_store::Error::NotFound { .. }))) => {}
                Ok(Some(Err(error))) => return Err(ExportError::from_store("remove objects from", &self.url, error)),
                Err(after) => return Err(timed_out("remove objects from", &self.url, after)),
            }
        }
    }

    /// The names in `folder` that begin with `stem` (a whole name's beginning, folder included), sorted.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn list_stem(&self, folder: &str, stem: &str) -> Result<Vec<String>, ExportError> {
        let (path, offset) = (self.path(folder)?, self.path(stem)?);
        let mut listed = self.listed(folder, self.inner.list_with_offset(Some(&path), &offset));
        let mut names = Vec::new();
        while let Some(Listed { name, .. }) = listed.try_next().await? {
            if name.starts_with(stem) {
                names.push(name);
            } else if self.ordered && name.as_str() > stem {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes a small object, reads it back and removes it: whether bundles could be stored here.
    ///
    /// # Errors
    /// What the store says against it.
    pub async fn probe(&self) -> Result<(), ExportError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap_or_default();
        let name = format!("doctor/{}", data_encoding::HEXLOWER.encode(&random));
        self.create(&name, Bytes::from_static(b"probe")).await?;
        let found = self.get(&name).await?;
        self.remove(std::slice::from_ref(&name)).await?;
        if found.as_deref() == Some(b"probe") {
            return Ok(());
        }
        Err(ExportError::new(ErrorKind::Permanent, "what was written does not come back"))
    }

    /// Where an object lies, for a person or an agent: `s3://bucket/prefix/name`, `file:///folder/name`.
    #[must_use]
    pub fn url_of(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    /// Where the store lies.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The objects of a listing, each page within the time of a request.
    fn listed(
        &self,
        folder: &str,
        listed: BoxStream<'static, object_store::Result<object_store::ObjectMeta>>,
    ) -> BoxStream<'static, Result<Listed, ExportError>> {
        let (folder, prefix, timeout) = (folder.to_owned(), self.prefix.clone(), self.timeout);
        futures::stream::try_unfold(listed, move |mut listed| {
            let folder = folder.clone();
            async move {
                match in_time(timeout, listed.try_next()).await {
                    Ok(Ok(next)) => Ok(next.map(|meta| (meta, listed))),
                    // A folder that nothing was written to yet is an empty one.
                    Ok(Err(object_store::Error::NotFound { .. })) => Ok(None),
                    Ok(Err(error)) => Err(ExportError::from_store("list", &folder, error)),
                    Err(after) => Err(timed_out("list", &folder, after)),
                }
            }
        })
        .try_filter_map(move |meta| {
            let parts = meta.location.prefix_match(&prefix);
            let name = parts.map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
            let listed = name.map(|name| Listed { name, size: meta.size, modified: modified(&meta) });
            futures::future::ready(Ok(listed))
        })
        .boxed()
    }

    fn path(&self, name: &str) -> Result<Path, ExportError> {
        let full = if self.prefix.is_root() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Path::parse(full.trim_end_matches('/'))
            .map_err(|error| ExportError::new(ErrorKind::Permanent, format!("`{name}` is not a name")).because(error))
    }

    async fn within<T>(
        &self,
        action: &str,
        name: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, ExportError> {
        match in_time(self.timeout, request).await {
            Ok(answer) => answer.map_err(|error| ExportError::from_store(action, name, error)),
            Err(after) => Err(timed_out(action, name, after)),
        }
    }
}

/// What `request` answers, or after how long it did not.
async fn in_time<T>(timeout: Option<Duration>, request: impl Future<Output = T>) -> Result<T, Duration> {
    match timeout {
        Some(timeout) => tokio::time::timeout(timeout, request).await.map_err(|_| timeout),
        None => Ok(request.await),
    }
}

fn modified(meta: &object_store::ObjectMeta) -> Timestamp {
    let nanos = meta.last_modified.timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok());
    Timestamp(nanos.unwrap_or_default())
}

fn timed_out(action: &str, name: &str, timeout: Duration) -> ExportError {
    ExportError::new(
        ErrorKind::Retryable,
        format!("could not {action} `{name}`: no answer in {}", humantime::format_duration(timeout)),
    )
}
