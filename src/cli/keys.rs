//! The keys of the built-in configuration: made once, kept beside the bundles, readable by their owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use zeroize::Zeroizing;

use super::workshop;
use crate::bundle::Signer;
use crate::config::Environment;
use crate::model::RootKey;

/// Variable that holds the root key, in place of the file.
const ROOT_KEY: &str = "CASEFILE_REDACTION_KEY";
/// Variable that names the folder, in place of `./casefile-data`.
const DATA_DIR: &str = "CASEFILE_DATA_DIR";

/// The keys of the built-in configuration. Has no `Debug`.
pub(super) struct DefaultKeys {
    /// Root key, as hex or base64.
    pub root: Zeroizing<String>,
    /// Private key, PKCS#8 in PEM.
    pub signing: Zeroizing<String>,
    /// Files that were made, to be told of.
    pub made: Vec<PathBuf>,
}

/// The key to sign with that a file holds.
///
/// # Errors
/// If the file cannot be read, or holds no such key.
pub(super) fn signer(path: &Path) -> anyhow::Result<Signer> {
    let pem = Zeroizing::new(workshop::read(path)?);
    Signer::from_pem(&pem).map_err(|problem| anyhow::anyhow!("{}: {}", path.display(), problem.message))
}

/// The folder of the built-in configuration.
#[must_use]
pub(super) fn data_dir(env: &dyn Environment) -> String {
    env.variable(DATA_DIR)
        .ok()
        .flatten()
        .filter(|folder| !folder.is_empty())
        .unwrap_or_else(|| "./casefile-data".to_owned())
}

/// Reads the keys, and makes those that are missing: `redaction.key` (unless `CASEFILE_REDACTION_KEY` is set),
/// `signing.pem` and `signing.pub.pem`. Processes that do so at the same time end up with the same keys.
///
/// # Errors
/// If a file can be neither read nor made, or holds no key.
pub(super) fn obtain(folder: &Path, env: &dyn Environment) -> anyhow::Result<DefaultKeys> {
    let mut made = Vec::new();
    let root = match env.variable(ROOT_KEY).map_err(|why| anyhow::anyhow!("{ROOT_KEY} cannot be read: {why}"))? {
        Some(key) => {
            RootKey::parse(&key).with_context(|| format!("{ROOT_KEY} is not a key"))?;
            Zeroizing::new(key)
        }
        None => {
            let path = folder.join("redaction.key");
            let key = once(&path, &mut made, || {
                Ok(Zeroizing::new(format!("{}\n", *Zeroizing::new(HEXLOWER.encode(random()?.as_slice())))))
            })?;
            RootKey::parse(&key).with_context(|| not_a_key(&path))?;
            Zeroizing::new(key.trim().to_owned())
        }
    };
    let path = folder.join("signing.pem");
    let signing = once(&path, &mut made, || {
        SigningKey::from_bytes(&*random()?)
            .to_pkcs8_pem(LineEnding::LF)
            .context("a signing key cannot be written as PEM")
    })?;
    let key = SigningKey::from_pkcs8_pem(&signing).map_err(|error| anyhow::anyhow!("{}: {error}", not_a_key(&path)))?;
    let public =
        key.verifying_key().to_public_key_pem(LineEnding::LF).context("a public key cannot be written as PEM")?;
    let public_path = folder.join("signing.pub.pem");
    // It follows from the private key: one that does not fit is replaced.
    if fs::read_to_string(&public_path).ok().as_ref() != Some(&public) {
        let temporary = write_temporary(&public_path, &public).with_context(|| cannot_make(&public_path))?;
        fs::rename(&temporary, &public_path).with_context(|| cannot_make(&public_path))?;
    }
    Ok(DefaultKeys { root, signing, made })
}

/// The content of `path`, which is made if it is not there. Whoever makes it first wins, and all read what that one wrote.
fn once(
    path: &Path,
    made: &mut Vec<PathBuf>,
    make: impl FnOnce() -> anyhow::Result<Zeroizing<String>>,
) -> anyhow::Result<Zeroizing<String>> {
    match fs::read_to_string(path) {
        Ok(text) => return Ok(Zeroizing::new(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
    let temporary = write_temporary(path, &make()?).with_context(|| cannot_make(path))?;
    // A link appears whole or not at all, and never replaces a file that is there.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).with_context(|| format!("{} cannot be removed", temporary.display()))?;
    match linked {
        Ok(()) => made.push(path.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| cannot_make(path)),
    }
    fs::read_to_string(path).map(Zeroizing::new).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file beside `path` that only its owner can read.
fn write_temporary(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", HEXLOWER.encode(random()?.get(..8).unwrap_or_default())));
    let temporary = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(temporary)
}

fn random() -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

fn not_a_key(path: &Path) -> String {
    format!("{} holds no key (remove it to have one made, if no bundle depends on it)", path.display())
}

fn cannot_make(path: &Path) -> String {
    format!("{} cannot be made", path.display())
}
