//! `tls:` of servers, under the names of the Collector's `configtls.ServerConfig`, and of clients, under those of its `ClientConfig`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Problem, Secret};

/// TLS of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerTls {
    /// File with the server's certificate and those between it and its authority, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_pem: Option<Secret>,
    /// File with the private key of it, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pem: Option<Secret>,
    /// File with the certificates of authorities that sign clients' certificates, in PEM. Where it is given, a client without such a
    /// certificate is refused (mTLS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<String>,
    /// Whether `client_ca_file` is read again too when it changes.
    pub client_ca_file_reload: bool,
    /// How often the files are looked at; what has changed holds for new connections. `0s` means never. (The Collector's default.)
    pub reload_interval: Duration,
    /// Oldest version that is spoken: `1.2` or `1.3`.
    pub min_version: TlsVersion,
    /// Newest version that is spoken. By default the newest there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_version: Option<TlsVersion>,
}

impl Default for ServerTls {
    fn default() -> Self {
        Self {
            cert_file: None,
            cert_pem: None,
            key_file: None,
            key_pem: None,
            client_ca_file: None,
            client_ca_file_reload: true,
            reload_interval: Duration::seconds(60),
            min_version: TlsVersion::Tls12,
            max_version: None,
        }
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// TLS of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientTls {
    /// File with the certificates of authorities that sign the server's, in PEM: these alone are trusted then. By default the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<Secret>,
    /// Whether the system's authorities are trusted beside those.
    pub include_system_ca_certs_pool: bool,
    /// File with this client's certificate, in PEM, for servers that want one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_pem: Option<Secret>,
    /// File with the private key of it, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pem: Option<Secret>,
    /// Whether the server's certificate is taken whoever it names and whoever signed it. For tests only.
    pub insecure_skip_verify: bool,
    /// The name that the server's certificate must be for, in place of the URL's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name_override: Option<String>,
}

impl ServerTls {
    /// What is wrong with it; paths are relative to it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        one_of_two(&mut problems, "cert", &self.cert_file, &self.cert_pem, true);
        one_of_two(&mut problems, "key", &self.key_file, &self.key_pem, true);
        not_empty(&mut problems, "client_ca_file", self.client_ca_file.as_ref());
        if self.max_version.is_some_and(|max| max < self.min_version) {
            problems.push(Problem::new("max_version", "older than `min_version`").instead("write a newer one"));
        }
        problems
    }
}

impl ClientTls {
    /// What is wrong with it; paths are relative to it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        one_of_two(&mut problems, "ca", &self.ca_file, &self.ca_pem, false);
        let has_certificate = self.cert_file.is_some() || self.cert_pem.is_some();
        let has_key = self.key_file.is_some() || self.key_pem.is_some();
        one_of_two(&mut problems, "cert", &self.cert_file, &self.cert_pem, has_key);
        one_of_two(&mut problems, "key", &self.key_file, &self.key_pem, has_certificate);
        not_empty(&mut problems, "server_name_override", self.server_name_override.as_ref());
        problems
    }
}

/// Holds `<what>_file` and `<what>_pem` to: one of them, and not an empty one.
fn one_of_two(problems: &mut Vec<Problem>, what: &str, file: &Option<String>, pem: &Option<Secret>, is_needed: bool) {
    let (file_key, pem_key) = (format!("{what}_file"), format!("{what}_pem"));
    match (file, pem) {
        (Some(_), Some(_)) => {
            let message = format!("`{file_key}` is given too");
            problems.push(Problem::new(pem_key, message).instead("give one of the two"));
        }
        (None, None) if is_needed => {
            let problem = Problem::new("", format!("neither `{file_key}` nor `{pem_key}` is given"));
            problems.push(problem.instead("name a file in PEM"));
        }
        (None, Some(pem)) if pem.expose().trim().is_empty() => {
            problems.push(Problem::new(pem_key, "is empty").instead("give it from `${file:/path}` or `${env:NAME}`"));
        }
        (file, _) => not_empty(problems, &file_key, file.as_ref()),
    }
}

fn not_empty(problems: &mut Vec<Problem>, key: &str, value: Option<&String>) {
    if value.is_some_and(|value| value.trim().is_empty()) {
        problems.push(Problem::new(key, "is empty").instead("give it a value, or leave it out"));
    }
}
