//! `extensions:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{Authentication, BearerTokenAuth, Secret, ServerTls, TenantSource};

/// An extension.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Extension {
    /// Signs manifests.
    Signing(Signing),
    /// Keeps windows on disk.
    FileStorage(FileStorage),
    /// Answers probes.
    HealthCheck(HealthCheck),
    /// Serves `casefile.v1`.
    Api(ApiExtension),
    /// Lets in whoever has a token.
    BearerTokenAuth(BearerTokenAuth),
}

components!(Extension, "extension", {
    "signing" => Signing(Signing),
    "file_storage" => FileStorage(FileStorage),
    "health_check" => HealthCheck(HealthCheck),
    "api" => Api(ApiExtension),
    "bearertokenauth" => BearerTokenAuth(BearerTokenAuth),
});

/// Signs manifests with ed25519 (DSSE).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// The private key: PKCS#8 in PEM.
    pub key: Secret,
}

/// A directory for windows (`connectors.incident.window.storage: file_storage`). What is written there is encrypted with a key
/// derived from `processors.redaction.key`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileStorage {
    /// The directory; made if it is not there. Each process needs one of its own.
    pub directory: String,
    /// Whether a request is acknowledged only once it is on the disk: then a power failure loses nothing either.
    pub fsync: bool,
}

/// Answers probes over HTTP: `/` and `/readyz` are 200 once ready, `/livez` while the process runs; `/status` says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    /// Address and port.
    pub endpoint: String,
    /// The path that is probed by those who read it here, such as the operator of OpenTelemetry, which asks one path whether to send traffic and
    /// whether to restart: `/livez` lets no store outage restart anything. `/` as in the Collector, `/livez` or `/readyz`; each answers whatever
    /// stands here.
    pub path: String,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { endpoint: "127.0.0.1:13133".to_owned(), path: "/".to_owned() }
    }
}

/// Serves the `casefile.v1` query service over gRPC, for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiExtension {
    /// Address and port.
    pub endpoint: String,
    /// TLS. Without it nothing is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// Who may read. By default everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Authentication>,
    /// Where the tenant of a reader is told, where no token tells it: it is shown bundles of that tenant alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantSource>,
}

impl Default for ApiExtension {
    fn default() -> Self {
        Self { endpoint: "127.0.0.1:4380".to_owned(), tls: None, auth: None, tenants: None }
    }
}
