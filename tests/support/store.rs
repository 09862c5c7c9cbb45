//! A folder that bundles are written to, as a test looks at it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every file under a folder, sorted; without what a kill left of an upload (`name#1`), which no store lists.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.to_string_lossy().contains('#') {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files under `<folder>/bundles` that are bundles or amendments.
pub(crate) fn bundles(folder: &Path) -> Vec<PathBuf> {
    files(&folder.join("bundles")).into_iter().filter(|path| !is_manifest(path)).collect()
}

/// The documents under `folder` by name, manifests apart.
pub(crate) fn documents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    bundles(folder).iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// The files under `<folder>/bundles` that are manifests.
pub(crate) fn manifests(folder: &Path) -> Vec<PathBuf> {
    files(&folder.join("bundles")).into_iter().filter(|path| is_manifest(path)).collect()
}

fn is_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".manifest.json"))
}

/// The bytes of a stored object, inflated where its name ends in `.zst`.
pub(crate) fn content(path: &Path) -> Vec<u8> {
    let stored = fs::read(path).unwrap();
    if path.extension().is_none_or(|extension| extension != "zst") {
        return stored;
    }
    let mut inflated = Vec::new();
    zstd::Decoder::new(stored.as_slice()).unwrap().take(1 << 28).read_to_end(&mut inflated).unwrap();
    inflated
}

/// A stored JSON document.
pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&content(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manifest in a DSSE envelope, and how many signatures it carries.
pub(crate) fn manifest(path: &Path) -> (Value, usize) {
    let envelope = json(path);
    let payload = envelope["payload"].as_str().unwrap_or_else(|| panic!("{}: no payload", path.display()));
    let payload = data_encoding::BASE64.decode(payload.as_bytes()).unwrap();
    (serde_json::from_slice(&payload).unwrap(), envelope["signatures"].as_array().map_or(0, Vec::len))
}

/// Fails with the names of the files under `folder` in which one of `secrets` can be read, in whatever letter case.
pub(crate) fn assert_nowhere(folder: &Path, secrets: &[&str]) {
    let mut leaks = Vec::new();
    for path in files(folder) {
        let text = String::from_utf8_lossy(&content(&path)).to_lowercase();
        let name = path.to_string_lossy().to_lowercase();
        for secret in secrets {
            if text.contains(&secret.to_lowercase()) || name.contains(&secret.to_lowercase()) {
                leaks.push(format!("{}: {secret}", path.display()));
            }
        }
    }
    assert!(leaks.is_empty(), "values that must not be written:\n{}", leaks.join("\n"));
}
