//! TLS of servers: certificates are read at start and again when their files change. Connections keep what they began with.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::Peer;
use super::reload::{self, Look};
use crate::config::{Problem, Secret, ServerTls, TlsVersion};
use crate::telemetry::names;

/// Largest file of certificates or keys.
const MAX_FILE: u64 = 1024 * 1024;

/// What is spoken inside TLS, by the names of ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2 alone.
    H2,
    /// HTTP/2 and HTTP/1.1.
    H2AndHttp1,
}

/// TLS of one server.
#[derive(Debug, Clone)]
pub struct Tls {
    server: &'static str,
    config: Arc<ServerTls>,
    protocols: Protocols,
    current: Arc<ArcSwap<ServerConfig>>,
    seen: Arc<Mutex<[u8; 32]>>,
    /// Authorities of clients as they were at start, where they are not to be read again.
    client_ca: Option<Arc<Vec<u8>>>,
}

impl Tls {
    /// Reads certificates and keys.
    ///
    /// # Errors
    /// What cannot be read or used. Paths are relative to the server's `tls`.
    pub fn open(server: &'static str, config: &ServerTls, protocols: Protocols) -> Result<Self, Problem> {
        let material = Material::read(config, None)?;
        let current = material.server_config(config, protocols)?;
        let seen = Mutex::new(material.digest());
        for result in ["ok", "failed", "timeout"] {
            metrics::counter!(names::TLS_HANDSHAKES, "server" => server, "result" => result).increment(0);
        }
        reload::begin_counting(names::TLS_RELOADS, server);
        let client_ca = if config.client_ca_file_reload { None } else { material.client_ca.map(Arc::new) };
        Ok(Self {
            server,
            config: Arc::new(config.clone()),
            protocols,
            current: Arc::new(ArcSwap::from_pointee(current)),
            seen: Arc::new(seen),
            client_ca,
        })
    }

    /// Shakes hands within `patience`.
    pub(super) async fn accept<S>(&self, stream: S, patience: Duration) -> io::Result<(TlsStream<S>, Peer)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaken = timeout(patience, TlsAcceptor::from(self.current.load_full()).accept(stream)).await;
        let (result, shaken) = match shaken {
            Ok(Ok(stream)) => ("ok", Ok(stream)),
            Ok(Err(error)) => ("failed", Err(error)),
            Err(_) => ("timeout", Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))),
        };
        metrics::counter!(names::TLS_HANDSHAKES, "server" => self.server, "result" => result).increment(1);
        let stream = shaken?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let peer = certificate.map(Peer::of).unwrap_or_default();
        Ok((stream, peer))
    }

    /// Reads the files again when they change, until `stop`.
    pub(super) async fn watch(self, stop: CancellationToken) {
        let (server, interval) = (self.server, self.config.reload_interval.0);
        reload::watch(names::TLS_RELOADS, "certificates", server, interval, stop, move || self.look()).await;
    }

    fn look(&self) -> Look {
        let material = match Material::read(&self.config, self.client_ca.as_deref()) {
            Ok(material) => material,
            Err(problem) => return Look::Bad(told(&problem)),
        };
        let digest = material.digest();
        if *self.seen.lock() == digest {
            return Look::Same;
        }
        match material.server_config(&self.config, self.protocols) {
            Ok(config) => {
                self.current.store(Arc::new(config));
                *self.seen.lock() = digest;
                Look::Changed
            }
            Err(problem) => Look::Bad(told(&problem)),
        }
    }
}

fn told(problem: &Problem) -> String {
    format!("{}: {}", problem.path, problem.message)
}

/// What the files hold.
struct Material {
    certificates: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Material {
    fn read(config: &ServerTls, client_ca: Option<&Vec<u8>>) -> Result<Self, Problem> {
        let client_ca = match (client_ca, &config.client_ca_file) {
            (Some(known), _) => Some(known.clone()),
            (None, Some(path)) => Some(file("client_ca_file", path)?.to_vec()),
            (None, None) => None,
        };
        Ok(Self {
            certificates: text_or_file("cert", config.cert_pem.as_ref(), config.cert_file.as_ref())?.to_vec(),
            key: text_or_file("key", config.key_pem.as_ref(), config.key_file.as_ref())?,
            client_ca,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let client_ca = self.client_ca.as_deref().unwrap_or_default();
        reload::digest([self.certificates.as_slice(), self.key.as_slice(), client_ca])
    }

    fn server_config(&self, config: &ServerTls, protocols: Protocols) -> Result<ServerConfig, Problem> {
        let cert_key = if config.cert_file.is_some() { "cert_file" } else { "cert_pem" };
        let key_key = if config.key_file.is_some() { "key_file" } else { "key_pem" };
        let (chain, key) = (certificates(cert_key, &self.certificates)?, private_key(key_key, &self.key)?);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let refused =
            |path: &str, error: &dyn std::fmt::Display| Problem::new(path, format!("cannot be used: {error}"));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(config))
            .map_err(|error| refused("min_version", &error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(client_ca) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("client_ca_file", client_ca)? {
                    roots.add(certificate).map_err(|error| refused("client_ca_file", &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| refused("client_ca_file", &error))?)
            }
        };
        let mut built = builder.with_single_cert(chain, key).map_err(|error| refused(key_key, &error))?;
        built.alpn_protocols = match protocols {
            Protocols::H2 => vec![b"h2".to_vec()],
            Protocols::H2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(built)
    }
}

fn versions(config: &ServerTls) -> Vec<&'static SupportedProtocolVersion> {
    [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)]
        .into_iter()
        .filter(|(version, _)| *version >= config.min_version && config.max_version.is_none_or(|max| *version <= max))
        .map(|(_, supported)| supported)
        .collect()
}

/// The content of a setting that is a text (`<what>_pem`) or a file (`<what>_file`).
pub(super) fn text_or_file(
    what: &str,
    text: Option<&Secret>,
    path: Option<&String>,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    match (text, path) {
        (Some(text), _) => Ok(Zeroizing::new(text.expose().as_bytes().to_vec())),
        (None, Some(path)) => file(&format!("{what}_file"), path),
        (None, None) => Ok(Zeroizing::default()),
    }
}

/// The content of the file that the setting `key` names.
pub(super) fn file(key: &str, path: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let mut content = Zeroizing::default();
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(path)?, MAX_FILE + 1), &mut content)?;
        if content.len() as u64 > MAX_FILE {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        Ok(content)
    };
    read().map_err(|error| Problem::new(key, format!("`{path}` cannot be read: {error}")))
}

/// The certificates in a text, of which there is one at least.
pub(super) fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Problem::new(key, "there is no certificate in it").instead("name a file in PEM")),
        Err(error) => Err(Problem::new(key, format!("not in PEM: {error}")).instead("name a file in PEM")),
    }
}

/// The private key in a text. Nothing of the text is shown.
pub(super) fn private_key(key: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        Problem::new(key, "there is no private key in it").instead("name a file with an unencrypted key in PEM")
    })
}
