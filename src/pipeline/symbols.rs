//! Reads symbols from their store on a thread of their own, so that evidence, which is synchronous, waits for a bounded time and no longer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::config::{Problem, Secret, StoreClient, SymbolFolder};
use crate::exporter::{Store, TooLarge};
use crate::symbols::{ReadError, SymbolFiles, Symbols};

/// Files that wait for being read. Each is asked for by a thread that waits for it.
const MAX_WAITING: usize = 64;

/// Symbols in a store, which is opened when the first file is asked for.
///
/// # Errors
/// If the URL is none of a store.
pub(super) fn open(config: &SymbolFolder) -> Result<Symbols, Vec<Problem>> {
    Store::check_url(&config.url).map_err(|problem| vec![problem])?;
    let files = Files {
        url: config.url.clone(),
        options: config.options.clone(),
        timeout: config.timeout.0,
        reader: Mutex::new(None),
    };
    Ok(Symbols::new(Box::new(files), config.max_bytes.0))
}

struct Files {
    url: String,
    options: BTreeMap<String, Secret>,
    timeout: Duration,
    reader: Mutex<Option<SyncSender<Wanted>>>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("url", &self.url).finish_non_exhaustive()
    }
}

type Answer = Result<Option<Bytes>, ReadError>;

struct Wanted {
    name: String,
    max_bytes: u64,
    answer: SyncSender<Answer>,
}

impl SymbolFiles for Files {
    fn read(&self, name: &str, max_bytes: u64) -> Answer {
        let (answer, answered) = sync_channel(1);
        let wanted = Wanted { name: name.to_owned(), max_bytes, answer };
        self.reader()?.try_send(wanted).map_err(|error| unavailable(error.to_string()))?;
        match answered.recv_timeout(self.timeout) {
            Ok(found) => found,
            Err(RecvTimeoutError::Timeout) => Err(unavailable("no answer in time".to_owned())),
            // It has ended, and is started anew for the next.
            Err(RecvTimeoutError::Disconnected) => {
                *self.reader.lock() = None;
                Err(unavailable("the thread that reads has ended".to_owned()))
            }
        }
    }
}

impl Files {
    fn reader(&self) -> Result<SyncSender<Wanted>, ReadError> {
        let mut reader = self.reader.lock();
        if let Some(reader) = &*reader {
            return Ok(reader.clone());
        }
        let store = Store::open_existing(&self.url, StoreClient::plain(&self.options, self.timeout))
            .map_err(|problem| unavailable(problem.message))?;
        let (sender, wanted) = sync_channel(MAX_WAITING);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unavailable(error.to_string()))?;
        std::thread::Builder::new()
            .name("symbols".to_owned())
            .spawn(move || serve(&runtime, &store, &wanted))
            .map_err(|error| unavailable(error.to_string()))?;
        Ok(reader.insert(sender).clone())
    }
}

fn unavailable(error: String) -> ReadError {
    ReadError::Unavailable(error)
}

/// Ends when nobody can ask any more.
fn serve(runtime: &tokio::runtime::Runtime, store: &Store, wanted: &Receiver<Wanted>) {
    for Wanted { name, max_bytes, answer } in wanted {
        let found = match runtime.block_on(store.get_at_most(&name, max_bytes)) {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(TooLarge(_)))) => Err(ReadError::TooLarge),
            Err(error) => Err(unavailable(error.chain())),
        };
        // Who asked may have gone on without.
        drop(answer.try_send(found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, Duration};
    use crate::symbols::{Release, Unresolved};

    const MAP: &[u8] = include_bytes!("../symbols/testdata/checkout.min.js.map");
    const RELEASE: Release<'static> = Release { service: "shop", version: "3" };

    fn folder(url: String, mib: u64) -> SymbolFolder {
        SymbolFolder { url, max_bytes: ByteSize::mib(mib), timeout: Duration::seconds(30), ..SymbolFolder::default() }
    }

    fn line(symbols: &Symbols, file: &str) -> Result<Option<u32>, Unresolved> {
        symbols.of(RELEASE, 0).javascript(file, 1, 103, "c").map(|found| found.line)
    }

    #[test]
    fn files_are_read_from_the_folder_of_their_release() {
        let place = tempfile::tempdir().unwrap();
        let release = place.path().join("shop/3/assets");
        std::fs::create_dir_all(&release).unwrap();
        std::fs::write(release.join("a.js.map"), MAP).unwrap();
        std::fs::write(release.join("large.js.map"), vec![b' '; 2 << 20]).unwrap();
        let symbols = open(&folder(format!("file:{}", place.path().display()), 1)).unwrap();
        assert_eq!(line(&symbols, "https://shop.example/assets/a.js"), Ok(Some(14)));
        let large = Unresolved::TooLarge("shop/3/assets/large.js.map".to_owned());
        assert_eq!(line(&symbols, "/assets/large.js"), Err(large));
        assert_eq!(line(&symbols, "b.js"), Err(Unresolved::Absent("shop/3/b.js.map".to_owned())));
    }

    #[test]
    fn a_folder_that_is_not_there_holds_up_nothing() {
        let symbols = open(&folder("file:/nowhere/symbols".to_owned(), 1)).unwrap();
        assert_eq!(line(&symbols, "a.js"), Err(Unresolved::Unavailable));
    }

    #[test]
    fn a_url_that_is_no_store_is_refused_at_start() {
        let problems = open(&folder("https://symbols.example".to_owned(), 1)).unwrap_err();
        assert_eq!(problems[0].path, "url");
    }
}
