//! How files of symbols are named.
//!
//! Under the URL of the symbols:
//!
//! - `<service>/<version>/<path>.map`, a source map, and beside it `<path>`, the script that it belongs to. The path is that of the
//!   script's URL or file without scheme, host and query, else its last part alone.
//! - `<service>/<version>/mapping.txt`, what ProGuard or R8 wrote.
//! - `.build-id/<first two digits>/<the others>.debug`, as debuggers know it, or `<service>/<version>/<file name of the module>.debug`, or without
//!   `.debug`: native code with its DWARF.
//!
//! Names are made of what a failure says of itself, so they hold letters, digits and `.`, `_`, `@`, `+`, `-` alone.

/// Longest part of a name.
const MAX_PART: usize = 128;
/// Most parts of a script's path.
const MAX_PARTS: usize = 12;

/// Which symbols a failure is to be read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release<'a> {
    /// `service.name`.
    pub service: &'a str,
    /// `service.version`.
    pub version: &'a str,
}

impl Release<'_> {
    fn folder(&self) -> Option<String> {
        Some(format!("{}/{}", part(self.service)?, part(self.version)?))
    }

    /// What a script may be called, the most telling name first.
    pub(super) fn scripts(&self, file: &str) -> Vec<String> {
        let Some(folder) = self.folder() else { return Vec::new() };
        let path = file.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
        let path = match path.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => path.as_str(),
        };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let whole = parts.iter().map(|text| part(text)).collect::<Option<Vec<_>>>();
        let whole = whole.filter(|parts| parts.len() > 1 && parts.len() <= MAX_PARTS).map(|parts| parts.join("/"));
        let last = parts.last().and_then(|last| part(last)).map(str::to_owned);
        whole.into_iter().chain(last).map(|name| format!("{folder}/{name}")).collect()
    }

    /// The mapping.
    pub(super) fn mapping(&self) -> Option<String> {
        Some(format!("{}/mapping.txt", self.folder()?))
    }

    /// What the symbols of a native module may be called, the most telling name first.
    pub(super) fn modules(&self, module: &str, build_id: Option<&str>) -> Vec<String> {
        let is_id = |id: &&str| (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let by_id = build_id.filter(is_id).and_then(|id| {
            let id = id.to_ascii_lowercase();
            let (first, rest) = id.split_at_checked(2)?;
            Some(format!(".build-id/{first}/{rest}.debug"))
        });
        let name = module.rsplit(['/', '\\']).next().and_then(part);
        let by_name = self
            .folder()
            .zip(name)
            .map(|(folder, name)| [format!("{folder}/{name}.debug"), format!("{folder}/{name}")]);
        by_id.into_iter().chain(by_name.into_iter().flatten()).collect()
    }
}

/// A part of a name, if it is one.
fn part(text: &str) -> Option<&str> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    (!text.is_empty() && text.len() <= MAX_PART && !text.starts_with('.') && text.bytes().all(is_legal)).then_some(text)
}
