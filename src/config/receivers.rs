//! `receivers:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{Authentication, Duration, KafkaReceiver, Secret, ServerTls, TenantSource};

/// A receiver.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Receiver {
    /// OTLP over gRPC and HTTP.
    Otlp(Box<OtlpReceiver>),
    /// OTLP from Kafka.
    Kafka(Box<KafkaReceiver>),
}

components!(Receiver, "receiver", { "otlp" => Otlp(Box<OtlpReceiver>), "kafka" => Kafka(Box<KafkaReceiver>) });

/// OTLP over gRPC and HTTP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpReceiver {
    /// A protocol that is not named does not listen.
    pub protocols: OtlpProtocols,
}

/// The two transports of OTLP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpProtocols {
    /// OTLP/gRPC. `grpc:` alone means its defaults.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcServer>,
    /// OTLP/HTTP. `http:` alone means its defaults.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpServer>,
}

/// A key that is there, even with an empty value (`grpc:`), turns its section on.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::<T>::deserialize(deserializer)?.unwrap_or_default()))
}

/// OTLP/gRPC server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcServer {
    /// Address and port to listen on.
    pub endpoint: String,
    /// Largest request in MiB, as it comes over the wire and after decompression.
    pub max_recv_msg_size_mib: u64,
    /// Most requests in progress on one connection.
    pub max_concurrent_streams: u32,
    /// TLS. Without it nothing is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// Who may come in. By default everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Authentication>,
    /// Where the tenant of a request is told, where no token tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantSource>,
}

impl Default for GrpcServer {
    fn default() -> Self {
        Self {
            endpoint: "127.0.0.1:4317".to_owned(),
            max_recv_msg_size_mib: 64,
            max_concurrent_streams: 100,
            tls: None,
            auth: None,
            tenants: None,
        }
    }
}

/// OTLP/HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpServer {
    /// Address and port to listen on.
    pub endpoint: String,
    /// Path for traces.
    pub traces_url_path: String,
    /// Path for logs.
    pub logs_url_path: String,
    /// Path for metrics.
    pub metrics_url_path: String,
    /// Path for profiles (experimental in OTLP, protobuf only): samples that are linked to a trace become an attachment of it. Served, as the
    /// gRPC service is, where the receiver is used in a `logs` pipeline.
    pub profiles_url_path: String,
    /// Path for attachments: test reports, coverage, dumps. Served where the receiver is used in a `logs` pipeline.
    pub evidence_url_path: String,
    /// Largest attachment in bytes, before and after decompression.
    pub max_attachment_size: u64,
    /// Webhooks that alerts of other tools come in by. Served where the receiver is used in a `logs` pipeline.
    pub alerts: AlertWebhooks,
    /// Largest request body in bytes, before and after decompression.
    pub max_request_body_size: u64,
    /// Time within which a client must have sent its headers.
    pub read_header_timeout: Duration,
    /// Time within which a client must have sent its body.
    pub read_timeout: Duration,
    /// TLS. Without it nothing is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// Who may come in. By default everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Authentication>,
    /// Where the tenant of a request is told, where no token tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantSource>,
}

impl Default for HttpServer {
    fn default() -> Self {
        Self {
            endpoint: "127.0.0.1:4318".to_owned(),
            traces_url_path: "/v1/traces".to_owned(),
            logs_url_path: "/v1/logs".to_owned(),
            metrics_url_path: "/v1/metrics".to_owned(),
            profiles_url_path: "/v1development/profiles".to_owned(),
            evidence_url_path: "/v1/evidence".to_owned(),
            max_attachment_size: 16 * 1024 * 1024,
            alerts: AlertWebhooks::default(),
            max_request_body_size: 64 * 1024 * 1024,
            read_header_timeout: Duration::seconds(60),
            read_timeout: Duration::seconds(60),
            tls: None,
            auth: None,
            tenants: None,
        }
    }
}

/// Webhooks for alerts of other tools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertWebhooks {
    /// Sentry: issue alerts, errors, and events by themselves.
    pub sentry: SentryWebhook,
    /// Datadog: monitors.
    pub datadog: DatadogWebhook,
}

/// A webhook for Sentry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SentryWebhook {
    /// Path.
    pub url_path: String,
    /// Client secret of the integration in Sentry. Where it is set, a request without a fitting `Sentry-Hook-Signature` is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
}

impl Default for SentryWebhook {
    fn default() -> Self {
        Self { url_path: "/v1/alerts/sentry".to_owned(), client_secret: None }
    }
}

/// A webhook for Datadog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatadogWebhook {
    /// Path.
    pub url_path: String,
    /// Token that Datadog is to send. Where it is set, a request without it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The header that carries the token, as the webhook's custom headers name it.
    pub token_header: String,
}

impl Default for DatadogWebhook {
    fn default() -> Self {
        Self { url_path: "/v1/alerts/datadog".to_owned(), token: None, token_header: "X-Casefile-Token".to_owned() }
    }
}
