//! `exporters:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{Duration, Secret};

/// An exporter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Exporter {
    /// Writes bundles to an object store or a folder.
    Bundle(BundleExporter),
    /// Tells an HTTP endpoint of each bundle.
    Webhook(WebhookExporter),
}

components!(Exporter, "exporter", {
    "bundle" => Bundle(BundleExporter),
    "webhook" => Webhook(WebhookExporter),
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
            options: std::collections::BTreeMap::new(),
            retry_on_failure: RetryOnFailure::default(),
            sending_queue: SendingQueue::default(),
            timeout: Duration::seconds(30),
        }
    }
}

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
