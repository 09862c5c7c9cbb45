//! A store that misbehaves on request, as real ones do.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

use crate::exporter::store::Store;

/// What happens to a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error, nothing stored.
    Unavailable,
    /// An error, but it is stored.
    UnavailableAfterStoring,
    /// "Already exists" (S3: 409), nothing stored.
    Conflict,
    /// No answer.
    Hang,
    /// No answer, but it is stored.
    HangAfterStoring,
    /// The credentials are not valid.
    Denied,
    /// The process is cut off: this and every later put fails and stores nothing.
    Gone,
}

/// Memory, with faults for the puts to come: each put whose name contains the text meets the first fault for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Faulty {
    memory: Arc<InMemory>,
    faults: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
}

impl Faulty {
    pub(super) fn meet(&self, name: &'static str, faults: &[Fault]) {
        self.faults.lock().extend(faults.iter().map(|fault| (name, *fault)));
    }

    /// Ends all faults: a new process.
    pub(super) fn mend(&self) {
        self.faults.lock().clear();
    }

    pub(super) fn unmet(&self) -> usize {
        self.faults.lock().len()
    }

    pub(super) fn store(&self) -> Store {
        Store::over(Arc::new(self.clone()), Path::default(), "memory:", true, Duration::from_millis(40))
    }

    fn next(&self, location: &Path) -> Option<Fault> {
        let mut faults = self.faults.lock();
        let at = faults.iter().position(|(name, _)| location.as_ref().contains(name))?;
        if faults[at].1 == Fault::Gone { Some(Fault::Gone) } else { faults.remove(at).map(|(_, fault)| fault) }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn unavailable() -> object_store::Error {
    object_store::Error::Generic { store: "Faulty", source: "503 Service Unavailable".into() }
}

impl ObjectStore for Faulty {
    fn put_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let path = location.to_string();
            match self.next(location) {
                None => self.memory.put_opts(location, payload, opts).await,
                Some(Fault::Unavailable | Fault::Gone) => Err(unavailable()),
                Some(Fault::UnavailableAfterStoring) => {
                    self.memory.put_opts(location, payload, opts).await?;
                    Err(unavailable())
                }
                Some(Fault::Conflict) => {
                    Err(object_store::Error::AlreadyExists { path, source: "409 Conflict".into() })
                }
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::HangAfterStoring) => {
                    self.memory.put_opts(location, payload, opts).await?;
                    std::future::pending().await
                }
                Some(Fault::Denied) => {
                    Err(object_store::Error::PermissionDenied { path, source: "403 AccessDenied".into() })
                }
            }
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        opts: PutMultipartOptions,
    ) -> BoxFuture<'c, Result<Box<dyn MultipartUpload>>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.memory.put_multipart_opts(location, opts)
    }

    fn get_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: GetOptions) -> BoxFuture<'c, Result<GetResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.memory.get_opts(location, options)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.memory.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, prefix: Option<&'b Path>) -> BoxFuture<'c, Result<ListResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.memory.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'd, 'c>(
        &'a self,
        from: &'b Path,
        to: &'d Path,
        options: CopyOptions,
    ) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        self.memory.copy_opts(from, to, options)
    }
}
