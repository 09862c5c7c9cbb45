//! `exporters:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{Duration, KafkaExporter, Problem, Secret};

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
    pub options: std::collections::BTreeMap<String, Secret>,
    /// Retries of failed requests.
    pub retry_on_failure: RetryOnFailure,
    /// Bundles that wait.
    pub sending_queue: SendingQueue,
    /// Longest time that one request may take.
    pub timeout: Duration,
}

impl Default for BundleExporter {
    fn default() -> Self {
        Self {
            url: String::new(),
            compression: None,
            retention: None,
            options: std::collections::BTreeMap::new(),
            retry_on_failure: RetryOnFailure::default(),
            sending_queue: SendingQueue::default(),
            timeout: Duration::seconds(30),
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
    pub options: std::collections::BTreeMap<String, Secret>,
    /// Retries of failed requests. The bundle waits for them.
    pub retry_on_failure: RetryOnFailure,
    /// Longest time that one request may take.
    pub timeout: Duration,
}

impl Default for RawExporter {
    fn default() -> Self {
        let BundleExporter { retry_on_failure, timeout, .. } = BundleExporter::default();
        Self {
            url: String::new(),
            recipients: Vec::new(),
            retention: None,
            options: std::collections::BTreeMap::new(),
            retry_on_failure,
            timeout,
        }
    }
}

impl RawExporter {
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
    /// `http:` or `https:` URL to POST to.
    pub url: String,
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
            signing_secret: Secret::default(),
            retry_on_failure: RetryOnFailure::default(),
            sending_queue: SendingQueue::default(),
            timeout: Duration::seconds(10),
        }
    }
}
