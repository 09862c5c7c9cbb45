//! Symbols: what the operator keeps of each release so that minified, obfuscated and stripped frames can be read.
//!
//! Files lie by the names of `names`. They are read when a frame needs them, through [`SymbolFiles`], and stay in memory, parsed, as long
//! as they are used and there is room. That one is absent, or its store does not answer, is remembered for a minute: a failure must not wait for
//! it again and again.
//!
//! Files are the operator's, and may be anything all the same: what parsing one may take is estimated from its bytes before it is begun,
//! and a parser that panics has read nothing.

mod javascript;
mod jvm;
mod names;
mod native;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::sync::Cache;
use parking_lot::Mutex;

pub use self::names::Release;

/// How long it is remembered that a file is not there.
const ABSENT_FOR: Duration = Duration::from_secs(60);
/// How long nothing is asked of a store that did not answer.
const REST: Duration = Duration::from_secs(30);
/// Most files that are read from the store for one failure.
const MAX_READS: usize = 12;
/// Most frames that one frame stands for, by inlining.
const MAX_INLINED: usize = 32;
/// What says in the cache that the store did not answer. No file is named so.
const RESTING: &str = "";

/// Where symbols are kept.
pub trait SymbolFiles: fmt::Debug + Send + Sync {
    /// The bytes of a file; `None` if there is none.
    ///
    /// # Errors
    /// In words for the log, if it is not known whether there is one, or if it has more than `max_bytes`.
    fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Bytes>, ReadError>;
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is larger than what may be read.
    #[error("the file is too large")]
    TooLarge,
    /// The store did not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// Why a frame is shown as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unresolved {
    /// No such file, by the names it is looked for.
    Absent(String),
    /// It needs more memory than symbols may have.
    TooLarge(String),
    /// It cannot be read as what it should be.
    Unreadable(String),
    /// The store does not answer.
    Unavailable,
    /// The file knows nothing of this place.
    Unknown(String),
    /// The service, its version or the file has a name that no file can have.
    Nameless,
    /// Too many files would have to be read for one failure.
    TooMany,
}

impl Unresolved {
    /// What says more where a frame may have symbols of either name: that there is a file, and what is wrong with it.
    fn or(self, other: Self) -> Self {
        if matches!(self, Self::Nameless | Self::Absent(_)) { other } else { self }
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(name) => write!(f, "the symbols have no `{name}`"),
            Self::TooLarge(name) => write!(f, "`{name}` of the symbols is too large"),
            Self::Unreadable(name) => write!(f, "`{name}` of the symbols cannot be read"),
            Self::Unavailable => f.write_str("the store of the symbols does not answer"),
            Self::Unknown(name) => write!(f, "`{name}` of the symbols does not know the place"),
            Self::Nameless => f.write_str("symbols are named by `service.name`, `service.version` and the file, of which one is missing or no plain name"),
            Self::TooMany => write!(f, "no more than {MAX_READS} files of symbols are read for one failure"),
        }
    }
}

/// A place in the original source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original {
    /// Path, as the symbols have it.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// Function; `None` where the symbols do not tell.
    pub func: Option<String>,
    /// Class.
    pub module: Option<String>,
    /// Source lines before it, its own, and after it.
    pub source: Option<(Vec<String>, String, Vec<String>)>,
}

/// The symbols of all releases.
pub struct Symbols {
    files: Box<dyn SymbolFiles>,
    held: Cache<String, Held>,
    max_bytes: u64,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols").field("files", &self.files).finish_non_exhaustive()
    }
}

/// A file that was read, or why it was not.
#[derive(Debug, Clone)]
enum Held {
    Found(Arc<Parsed>, u64),
    Not(Unresolved),
}

#[derive(Debug)]
enum Parsed {
    Map(Box<javascript::Map>),
    Script(javascript::Script),
    Mapping(jvm::Mapping),
    Native(Mutex<native::Debug>),
}

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Map,
    Script,
    Mapping,
    Native,
}

/// Forgets what was not found; what was found goes when there is no room.
struct Forget;

impl Expiry<String, Held> for Forget {
    fn expire_after_create(&self, name: &String, held: &Held, _: Instant) -> Option<Duration> {
        match held {
            Held::Found(..) => None,
            Held::Not(_) if name == RESTING => Some(REST),
            Held::Not(_) => Some(ABSENT_FOR),
        }
    }
}

impl Symbols {
    /// Symbols that are read from `files`, and take `max_bytes` of memory at most, as far as that can be told.
    #[must_use]
    pub fn new(files: Box<dyn SymbolFiles>, max_bytes: u64) -> Self {
        // A moka cache weighs in 32 bits an entry: in KiB.
        let weigh = |name: &String, held: &Held| match held {
            Held::Found(_, bytes) => u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(1),
            Held::Not(_) => u32::try_from(name.len() >> 10).unwrap_or(1).saturating_add(1),
        };
        let held = Cache::builder().max_capacity(max_bytes >> 10).weigher(weigh).expire_after(Forget).build();
        Self { files, held, max_bytes }
    }

    /// What is looked up of a release for one failure, for which `reads` files were read before.
    #[must_use]
    pub fn of<'a>(&'a self, release: Release<'a>, reads: usize) -> Lookup<'a> {
        Lookup { symbols: self, release, reads, bare: BTreeSet::new() }
    }
}

/// Looks up frames of one failure.
#[derive(Debug)]
pub struct Lookup<'a> {
    symbols: &'a Symbols,
    release: Release<'a>,
    reads: usize,
    /// Scripts whose map was found and which are absent themselves, so that functions keep their short names.
    bare: BTreeSet<String>,
}

impl Lookup<'_> {
    /// The place of a JavaScript frame. Lines and columns count from 1. The function is known only where the script itself lies beside
    /// its map.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn javascript(&mut self, file: &str, line: u32, column: u32, func: &str) -> Result<Original, Unresolved> {
        let names = self.release.scripts(file);
        let mut why = Unresolved::Nameless;
        for name in names {
            let held = match self.get(&format!("{name}.map"), Form::Map) {
                Ok(held) => held,
                Err(absent) => {
                    why = why.or(absent);
                    continue;
                }
            };
            let Parsed::Map(map) = &*held else { continue };
            let script = self.get(&name, Form::Script);
            let script = match script.as_deref() {
                Ok(Parsed::Script(script)) => Some(script),
                _ => {
                    self.bare.insert(name.clone());
                    None
                }
            };
            let found = guarded(|| map.look_up(line, column, func, script)).flatten();
            return found.ok_or_else(|| Unresolved::Unknown(format!("{name}.map")));
        }
        Err(why)
    }

    /// The frames that an obfuscated one stands for, innermost first; none where its class is not in the mapping.
    ///
    /// # Errors
    /// If there is no mapping.
    pub fn jvm(
        &mut self,
        class: &str,
        method: &str,
        line: Option<u32>,
        file: Option<&str>,
    ) -> Result<Vec<Original>, Unresolved> {
        let held = self.mapping()?;
        let Parsed::Mapping(mapping) = &*held else { return Ok(Vec::new()) };
        Ok(guarded(|| mapping.frames(class, method, line, file)).unwrap_or_default())
    }

    /// The name of an obfuscated class; `None` where it is not in the mapping.
    ///
    /// # Errors
    /// If there is no mapping.
    pub fn class(&mut self, class: &str) -> Result<Option<String>, Unresolved> {
        let held = self.mapping()?;
        let Parsed::Mapping(mapping) = &*held else { return Ok(None) };
        Ok(guarded(|| mapping.class(class)).flatten())
    }

    fn mapping(&mut self) -> Result<Arc<Parsed>, Unresolved> {
        let name = self.release.mapping().ok_or(Unresolved::Nameless)?;
        self.get(&name, Form::Mapping)
    }

    /// The frames at an address in a module, innermost first: as the file has it, before the module is loaded anywhere.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn native(&mut self, module: &str, build_id: Option<&str>, address: u64) -> Result<Vec<Original>, Unresolved> {
        let mut why = Unresolved::Nameless;
        for name in self.release.modules(module, build_id) {
            let held = match self.get(&name, Form::Native) {
                Ok(held) => held,
                Err(absent) => {
                    why = why.or(absent);
                    continue;
                }
            };
            let Parsed::Native(debug) = &*held else { continue };
            let found = guarded(|| debug.lock().frames(address)).unwrap_or_default();
            return if found.is_empty() { Err(Unresolved::Unknown(name)) } else { Ok(found) };
        }
        Err(why)
    }

    /// Files that were read for the failure.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// Scripts that are absent although their maps are there.
    pub fn bare_scripts(&self) -> impl Iterator<Item = &str> {
        self.bare.iter().map(String::as_str)
    }

    fn get(&mut self, name: &str, form: Form) -> Result<Arc<Parsed>, Unresolved> {
        let known = |held| match held {
            Held::Found(parsed, _) => Ok(parsed),
            Held::Not(why) => Err(why),
        };
        let held = &self.symbols.held;
        if let Some(found) = held.get(name).or_else(|| held.get(RESTING)) {
            return known(found);
        }
        if self.reads >= MAX_READS {
            return Err(Unresolved::TooMany);
        }
        self.reads += 1;
        let found = self.symbols.read(name, form);
        held.insert(name.to_owned(), found.clone());
        known(found)
    }
}

impl Symbols {
    fn read(&self, name: &str, form: Form) -> Held {
        let bytes = match self.files.read(name, self.max_bytes) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Held::Not(Unresolved::Absent(name.to_owned())),
            Err(ReadError::TooLarge) => return Held::Not(Unresolved::TooLarge(name.to_owned())),
            Err(ReadError::Unavailable(error)) => {
                tracing::warn!(file = name, error, "symbols cannot be read");
                self.held.insert(RESTING.to_owned(), Held::Not(Unresolved::Unavailable));
                return Held::Not(Unresolved::Unavailable);
            }
        };
        let cost = match form {
            Form::Map => javascript::cost(&bytes),
            Form::Script => 2 * bytes.len() as u64,
            Form::Mapping => jvm::cost(&bytes),
            Form::Native => native::cost(&bytes),
        };
        if cost > self.max_bytes {
            return Held::Not(Unresolved::TooLarge(name.to_owned()));
        }
        let parsed = guarded(|| match form {
            Form::Map => javascript::Map::parse(&bytes).map(|map| Parsed::Map(Box::new(map))),
            Form::Script => Some(Parsed::Script(javascript::Script::parse(&bytes))),
            Form::Mapping => jvm::Mapping::parse(&bytes).map(Parsed::Mapping),
            Form::Native => native::Debug::parse(&bytes, self.max_bytes).map(|debug| Parsed::Native(Mutex::new(debug))),
        });
        match parsed.flatten() {
            Some(parsed) => Held::Found(Arc::new(parsed), cost),
            None => {
                tracing::warn!(file = name, "symbols are malformed");
                Held::Not(Unresolved::Unreadable(name.to_owned()))
            }
        }
    }
}

/// Runs a parser of files that may be anything; `None` if it panics.
fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}
