//! `exporters:`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{ClientTls, Duration, KafkaExporter, Problem, Secret};

/// An exporter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Exporter {
    /// Writes bundles to an object store or a folder.
    Bundle(BundleExporter),
    /// Writes the unredacted records of each bundle, encrypted.
    Raw(RawExporter),
    /// Tells an HTTP endpoint of each bundle.
    Webhook(WebhookExporter),
    /// Writes records to Kafka.
    Kafka(Box<KafkaExporter>),
}

components!(Exporter, "exporter", {
    "bundle" => Bundle(BundleExporter),
    "raw" => Raw(RawExporter),
    "webhook" => Webhook(WebhookExporter),
    "kafka" => Kafka(Box<KafkaExporter>),
});

/// Writes bundles to an object store or a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BundleExporter {
    /// `file:/path`, `s3://bucket/prefix` or `gs://bucket/prefix`.
    pub url: String,
    /// `none` or `zstd`. By default `none` for `file:` and `zstd` for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// How long bundles are kept, counted from when they, or the last amendment of them, were stored: at least `1h`. `casefile gc`
    /// removes what is older, or the bucket's own rules (`casefile gc --lifecycle`). By default they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
    /// Settings of the store's client by the names of its environment variables in lower case
    /// (`aws_endpoint`, `aws_region`, `aws_allow_http`, `google_service_account`, …). The environment itself is read too.
    pub options: BTreeMap<String, Secret>,
    /// Retries of failed requests.
    pub retry_on_failure: RetryOnFailure,
    /// Bundles that wait.
    pub sending_queue: SendingQueue,
    /// Longest time that one request may take.
    pub timeout: Duration,
    /// TLS towards the store, where its endpoint is not one that the system's authorities vouch for. Not for `file:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// How S3 encrypts objects at rest. By default as the bucket says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sse: Option<ServerSideEncryption>,
    /// Tags of every object in S3: for rules of life cycles and access. At most 10.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Default for BundleExporter {
    fn default() -> Self {
        Self {
            url: String::new(),
            compression: None,
            retention: None,
            options: BTreeMap::new(),
            retry_on_failure: RetryOnFailure::default(),
            sending_queue: SendingQueue::default(),
            timeout: Duration::seconds(30),
            tls: None,
            sse: None,
            tags: BTreeMap::new(),
        }
    }
}

impl BundleExporter {
    /// How its store is spoken to.
    #[must_use]
    pub fn client(&self) -> StoreClient<'_> {
        let Self { options, timeout, tls, sse, tags, .. } = self;
        StoreClient { options, timeout: timeout.0, tls: tls.as_ref(), sse: sse.as_ref(), tags: Some(tags) }
    }
}

/// How a store is spoken to, and what it is told of each object.
#[derive(Debug, Clone, Copy)]
pub struct StoreClient<'a> {
    /// Settings of the client.
    pub options: &'a BTreeMap<String, Secret>,
    /// Longest time that one request may take.
    pub timeout: std::time::Duration,
    /// TLS.
    pub tls: Option<&'a ClientTls>,
    /// Encryption at rest.
    pub sse: Option<&'a ServerSideEncryption>,
    /// Tags.
    pub tags: Option<&'a BTreeMap<String, String>>,
}

impl<'a> StoreClient<'a> {
    /// With nothing but settings and a time limit.
    #[must_use]
    pub fn plain(options: &'a BTreeMap<String, Secret>, timeout: std::time::Duration) -> Self {
        Self { options, timeout, tls: None, sse: None, tags: None }
    }
}

/// How S3 encrypts objects at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSideEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    #[serde(rename = "type")]
    pub kind: EncryptionKind,
    /// The key, by id or ARN, for `aws:kms` and `aws:kms:dsse`. By default the account's own (`aws/s3`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Whether a key of the bucket stands between, so that KMS is asked less often.
    #[serde(default)]
    pub bucket_key_enabled: bool,
}

/// Kinds of encryption at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EncryptionKind {
    /// With keys of S3.
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// Twice, with a key of KMS.
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

impl EncryptionKind {
    /// As S3 writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsDsse => "aws:kms:dsse",
        }
    }
}

/// Writes the unredacted records of each bundle, encrypted, so that the holders of a key can look at what redaction took away.
/// Records are encrypted before they leave the process, to the recipients alone: without one the configuration is refused. A bundle
/// that is held back (by redaction, a limit, a dry run) leaves no such object behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawExporter {
    /// `file:/path`, `s3://bucket/prefix` or `gs://bucket/prefix`: best a bucket of its own, that fewer people can read.
    pub url: String,
    /// Public keys of those who can decrypt it: age X25519 recipients (`age1…`), as `age-keygen` prints them.
    pub recipients: Vec<String>,
    /// How long objects are kept, counted from when they were stored: at least `1h`. `casefile gc` removes what is older, or the
    /// bucket's own rules (`casefile gc --lifecycle`). By default they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
    /// Settings of the store's client, as of a `bundle` exporter.
    pub options: BTreeMap<String, Secret>,
    /// Retries of failed requests. The bundle waits for them.
    pub retry_on_failure: RetryOnFailure,
    /// Longest time that one request may take.
    pub timeout: Duration,
    /// TLS towards the store, where its endpoint is not one that the system's authorities vouch for. Not for `file:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// How S3 encrypts objects at rest. By default as the bucket says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sse: Option<ServerSideEncryption>,
    /// Tags of every object in S3: for rules of life cycles and access. At most 10.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Default for RawExporter {
    fn default() -> Self {
        let BundleExporter { retry_on_failure, timeout, .. } = BundleExporter::default();
        Self {
            url: String::new(),
            recipients: Vec::new(),
            retention: None,
            options: BTreeMap::new(),
            retry_on_failure,
            timeout,
            tls: None,
            sse: None,
            tags: BTreeMap::new(),
        }
    }
}

impl RawExporter {
    /// How its store is spoken to.
    #[must_use]
    pub fn client(&self) -> StoreClient<'_> {
        let Self { options, timeout, tls, sse, tags, .. } = self;
        StoreClient { options, timeout: timeout.0, tls: tls.as_ref(), sse: sse.as_ref(), tags: Some(tags) }
    }

    /// What is wrong with the recipients. Their texts are not shown: a private key may have been taken for a public one.
    #[must_use]
    pub fn problems_of_recipients(&self) -> Vec<Problem> {
        const INSTEAD: &str = "write the public key (`age1…`) that `age-keygen` prints beside a private one";
        if self.recipients.is_empty() {
            return vec![
                Problem::new("recipients", "raw evidence is never written without a recipient").instead(INSTEAD),
            ];
        }
        let mut problems = Vec::new();
        for (at, text) in self.recipients.iter().enumerate() {
            let path = format!("recipients[{at}]");
            if text.starts_with("AGE-SECRET-KEY-") {
                problems.push(Problem::new(path, "a private key, which must not be here").instead(INSTEAD));
            } else if text.parse::<age::x25519::Recipient>().is_err() {
                problems.push(Problem::new(path, "not an age X25519 recipient").instead(INSTEAD));
            } else if self.recipients.iter().take(at).any(|earlier| earlier == text) {
                problems.push(Problem::new(path, "the same recipient again").instead("name it once"));
            }
        }
        problems
    }
}

/// Shortest time that stored objects are kept: what is still being written is never so old.
pub const MIN_RETENTION: Duration = Duration::seconds(3600);

/// Compression of stored bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// As it is.
    None,
    /// Zstandard (RFC 8878); object names end in `.zst`.
    Zstd,
}

/// Retries with exponential backoff, under the Collector's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOnFailure {
    /// Whether to retry at all.
    pub enabled: bool,
    /// Wait before the first retry.
    pub initial_interval: Duration,
    /// Longest wait.
    pub max_interval: Duration,
    /// Time after which a bundle is given up and counted; `0s` means never.
    pub max_elapsed_time: Duration,
}

impl Default for RetryOnFailure {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::seconds(1),
            max_interval: Duration::seconds(30),
            max_elapsed_time: Duration::seconds(300),
        }
    }
}

/// Bundles that wait for the store. Of several `bundle` exporters the first one's holds for all. When it is full, decisions wait, windows grow and in the end input is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendingQueue {
    /// Most bundles that wait.
    pub queue_size: usize,
    /// Bundles written at the same time.
    pub num_consumers: usize,
}

impl Default for SendingQueue {
    fn default() -> Self {
        Self { queue_size: 256, num_consumers: 8 }
    }
}

/// Tells an HTTP endpoint of each bundle, with a CloudEvents 1.0 JSON event that is signed
/// (Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`). It never carries the bundle itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookExporter {
    /// `http:` or `https:` URL to POST to. Redirects are not followed, and no proxy is asked.
    pub url: String,
    /// Hosts that may be told: `agents.example`, or `*.example` for all under it. Where it is given, a URL of another host is
    /// refused: whoever owns this list need not be who writes the URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Whether the URL may lead to addresses of this machine or a private network. Those of cloud metadata services are refused in any case.
    pub allow_private: bool,
    /// TLS towards the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Secret of the HMAC-SHA256 signature.
    pub signing_secret: Secret,
    /// Retries of failed requests.
    pub retry_on_failure: RetryOnFailure,
    /// Events that wait. A full queue drops the event, counted: bundles stay in the store's index.
    pub sending_queue: SendingQueue,
    /// Longest time that one request may take.
    pub timeout: Duration,
}

impl Default for WebhookExporter {
    fn default() -> Self {
        Self {
            url: String::new(),
            allowed_hosts: Vec::new(),
            allow_private: false,
            tls: None,
            signing_secret: Secret::default(),
            retry_on_failure: RetryOnFailure::default(),
            sending_queue: SendingQueue::default(),
            timeout: Duration::seconds(10),
        }
    }
}
