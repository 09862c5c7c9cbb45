//! `extensions:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::component::components;

/// An extension.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Extension {
    /// Signs manifests.
    Signing(Signing),
    /// Answers probes.
    HealthCheck(HealthCheck),
    /// Serves `casefile.v1`.
    Api(ApiExtension),
}

components!(Extension, "extension", {
    "signing" => Signing(Signing),
    "health_check" => HealthCheck(HealthCheck),
    "api" => Api(ApiExtension),
});

/// Signs manifests with ed25519 (DSSE).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// The private key: PKCS#8 in PEM.
    pub key: Secret,
}

/// Answers probes over HTTP: `/` is 200 once ready, `/live` while the process runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    /// Address and port.
    pub endpoint: String,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { endpoint: "127.0.0.1:13133".to_owned() }
    }
}

/// Serves the `casefile.v1` query service over gRPC, for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiExtension {
    /// Address and port.
    pub endpoint: String,
}

impl Default for ApiExtension {
    fn default() -> Self {
        Self { endpoint: "127.0.0.1:4380".to_owned() }
    }
}
