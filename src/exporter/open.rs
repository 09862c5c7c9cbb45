//! From a URL and options to a [`Store`].

use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientConfigKey, ClientOptions, RetryConfig};
use url::Url;

use super::store::Store;
use crate::config::{ClientTls, Problem, StoreClient};
use crate::transport::client_config;

/// Longest time to connect to a store, within the time of a request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A bundle URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    S3 { bucket: String, prefix: String },
    Gcs { bucket: String, prefix: String },
}

impl Store {
    /// Opens a store to write to: `file:./folder`, `file:/folder`, `file:///folder`, `s3://bucket/prefix` or
    /// `gs://bucket/prefix`. A folder that is not there is made, for its owner alone (mode 0700).
    ///
    /// Settings of the client come from the environment (`AWS_*`, `GOOGLE_*`) and from its `options`, which win.
    ///
    /// # Errors
    /// If the URL or an option is not understood, or the folder cannot be made. Paths are relative to the exporter.
    pub fn open(url: &str, client: StoreClient<'_>) -> Result<Self, Problem> {
        let place = Place::parse(url)?;
        if let Place::Folder(folder) = &place {
            make_folder(folder)?;
        }
        place.open(client)
    }

    /// Opens a store to read: as [`Store::open`], but a folder that is not there is a problem.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(url: &str, client: StoreClient<'_>) -> Result<Self, Problem> {
        Place::parse(url)?.open(client)
    }

    /// Checks a URL without opening anything.
    ///
    /// # Errors
    /// If it is not the URL of a store.
    pub fn check_url(url: &str) -> Result<(), Problem> {
        Place::parse(url).map(drop)
    }

    /// The bucket that a URL leads to; `None` for a folder, and for what is no URL of a store.
    #[must_use]
    pub fn bucket_of(url: &str) -> Option<Bucket> {
        match Place::parse(url).ok()? {
            Place::Folder(_) => None,
            Place::S3 { bucket, prefix } => Some(Bucket { kind: BucketKind::S3, name: bucket, prefix }),
            Place::Gcs { bucket, prefix } => Some(Bucket { kind: BucketKind::Gcs, name: bucket, prefix }),
        }
    }
}

/// A bucket of an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Whose.
    pub kind: BucketKind,
    /// Its name.
    pub name: String,
    /// The store's prefix in it, without slashes at its ends; empty where it has none.
    pub prefix: String,
}

/// Object stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketKind {
    /// Amazon S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
}

impl Place {
    fn parse(text: &str) -> Result<Self, Problem> {
        let wrong = |message: &str| {
            Problem::new("url", format!("`{text}` {message}"))
                .instead("write `file:./folder`, `s3://bucket/prefix` or `gs://bucket/prefix`")
        };
        let (scheme, rest) = text.split_once(':').ok_or_else(|| wrong("is not the URL of a store"))?;
        match scheme {
            "file" => folder(text, rest).map(Self::Folder).ok_or_else(|| wrong("names no folder of this machine")),
            "s3" | "gs" => {
                let rest = rest.strip_prefix("//").ok_or_else(|| wrong("names no bucket"))?;
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if bucket.is_empty() || !bucket.chars().all(legal) {
                    return Err(wrong("names no bucket"));
                }
                let prefix = prefix.trim_matches('/').to_owned();
                Path::parse(&prefix).map_err(|_| wrong("has a prefix that is not a path"))?;
                let bucket = bucket.to_owned();
                Ok(if scheme == "s3" { Self::S3 { bucket, prefix } } else { Self::Gcs { bucket, prefix } })
            }
            _ => Err(wrong("is of a kind that is not known")),
        }
    }

    fn open(self, client: StoreClient<'_>) -> Result<Store, Problem> {
        let StoreClient { options, timeout, tls, sse, tags } = client;
        let connector = tls.map(|tls| TlsConnector::new(tls, timeout)).transpose()?;
        match self {
            Self::Folder(folder) => {
                if let Some(key) = options.keys().next() {
                    return Err(Problem::new(format!("options.{key}"), "a folder takes no options"));
                }
                let opened = LocalFileSystem::new_with_prefix(&folder).map_err(|error| {
                    Problem::new("url", format!("cannot open the folder {}: {error}", folder.display()))
                })?;
                let shown = std::fs::canonicalize(&folder)
                    .ok()
                    .and_then(|folder| Url::from_directory_path(folder).ok())
                    .map_or_else(|| format!("file:{}", folder.display()), |url| url.to_string());
                // An object is acknowledged as stored: it must survive power loss.
                Ok(Store::in_folder(opened.with_fsync(true), shown, timeout))
            }
            Self::S3 { bucket, prefix } => {
                install_crypto();
                let mut builder = AmazonS3Builder::from_env();
                for (key, value) in options {
                    builder = builder.with_config(option::<AmazonS3ConfigKey>(key, "s3:")?, value.expose());
                }
                if let Some(connector) = connector {
                    builder = builder.with_http_connector(connector);
                }
                if let Some(sse) = sse {
                    let setting = |key| option::<AmazonS3ConfigKey>(key, "s3:");
                    builder = builder.with_config(setting("aws_server_side_encryption")?, sse.kind.as_str());
                    if let Some(key) = &sse.kms_key_id {
                        builder = builder.with_config(setting("aws_sse_kms_key_id")?, key);
                    }
                    if sse.bucket_key_enabled {
                        builder = builder.with_config(setting("aws_sse_bucket_key_enabled")?, "true");
                    }
                }
                let client = |key| AmazonS3ConfigKey::Client(key);
                let store = builder
                    .with_bucket_name(&bucket)
                    .with_config(client(ClientConfigKey::Timeout), humantime::format_duration(timeout).to_string())
                    .with_config(client(ClientConfigKey::ConnectTimeout), connect_timeout(timeout))
                    .with_retry(no_retries())
                    .build()
                    .map_err(refused)?;
                let url = format!("s3://{bucket}/{prefix}");
                let store = Store::over(Arc::new(store), parsed(&prefix)?, url, true, timeout);
                Ok(store.with_tags(tags.into_iter().flatten()))
            }
            Self::Gcs { bucket, prefix } => {
                install_crypto();
                let mut builder = GoogleCloudStorageBuilder::from_env();
                for (key, value) in options {
                    builder = builder.with_config(option::<GoogleConfigKey>(key, "gs:")?, value.expose());
                }
                if let Some(connector) = connector {
                    builder = builder.with_http_connector(connector);
                }
                let client = |key| GoogleConfigKey::Client(key);
                let store = builder
                    .with_bucket_name(&bucket)
                    .with_config(client(ClientConfigKey::Timeout), humantime::format_duration(timeout).to_string())
                    .with_config(client(ClientConfigKey::ConnectTimeout), connect_timeout(timeout))
                    .with_retry(no_retries())
                    .build()
                    .map_err(refused)?;
                let url = format!("gs://{bucket}/{prefix}");
                Ok(Store::over(Arc::new(store), parsed(&prefix)?, url, true, timeout))
            }
        }
    }
}

/// Makes the HTTP clients of a store that TLS is configured for. Other settings of such a client do not reach it.
#[derive(Debug)]
struct TlsConnector {
    client: reqwest::Client,
}

impl TlsConnector {
    fn new(tls: &ClientTls, timeout: Duration) -> Result<Self, Problem> {
        let config = client_config(tls).map_err(|problem| problem.under("tls"))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .user_agent(concat!("casefile/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_TIMEOUT))
            .build()
            .map_err(|error| Problem::new("tls", format!("no HTTP client: {error}")))?;
        Ok(Self { client })
    }
}

impl HttpConnector for TlsConnector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.client.clone()))
    }
}

/// The folder of a `file:` URL. Only the form with `//` is percent-encoded; the others are paths as they are.
fn folder(text: &str, rest: &str) -> Option<PathBuf> {
    if rest.starts_with("//") {
        Url::parse(text).ok()?.to_file_path().ok()
    } else {
        (!rest.is_empty()).then(|| PathBuf::from(rest))
    }
}

fn make_folder(folder: &FilePath) -> Result<(), Problem> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Problem::new("url", format!("cannot make the folder {}: {error}", folder.display())))
}

fn option<K: FromStr>(key: &str, scheme: &str) -> Result<K, Problem> {
    key.to_ascii_lowercase()
        .parse()
        .map_err(|_| Problem::new(format!("options.{key}"), format!("`{key}` is not an option of `{scheme}` stores")))
}

fn parsed(prefix: &str) -> Result<Path, Problem> {
    Path::parse(prefix).map_err(|error| Problem::new("url", error.to_string()))
}

/// `object_store` says what is wrong with a setting without the setting's value.
fn refused(error: object_store::Error) -> Problem {
    Problem::new("options", error.to_string())
}

fn connect_timeout(timeout: Duration) -> String {
    humantime::format_duration(timeout.min(CONNECT_TIMEOUT)).to_string()
}

/// Retries are ours, so that each is counted, bounded by the configuration, and preceded by a look at the store.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// One TLS implementation for the process. Whoever came first has installed the same one.
pub(super) fn install_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
