//! TLS of clients, as configured.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::tls::{certificates, private_key, text_or_file};
use crate::config::{ClientTls, Problem};

/// What a client of HTTP speaks TLS with.
///
/// # Errors
/// What cannot be read or used. Paths are relative to the client's `tls`.
pub fn client_config(tls: &ClientTls) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut verifier = verifier(tls, &provider)?;
    if let Some(name) = &tls.server_name_override {
        let name = ServerName::try_from(name.clone()).map_err(|error| refused("server_name_override", &error))?;
        verifier = Arc::new(Renamed { name, verifier });
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("", &error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = if tls.cert_file.is_some() || tls.cert_pem.is_some() {
        let cert_key = if tls.cert_file.is_some() { "cert_file" } else { "cert_pem" };
        let key_key = if tls.key_file.is_some() { "key_file" } else { "key_pem" };
        let chain = text_or_file("cert", tls.cert_pem.as_ref(), tls.cert_file.as_ref())?;
        let key = text_or_file("key", tls.key_pem.as_ref(), tls.key_file.as_ref())?;
        builder
            .with_client_auth_cert(certificates(cert_key, &chain)?, private_key(key_key, &key)?)
            .map_err(|error| refused(key_key, &error))?
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(tls: &ClientTls, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Problem> {
    if tls.insecure_skip_verify {
        return Ok(Arc::new(Anybody { provider: Arc::clone(provider) }));
    }
    let ca_key = if tls.ca_file.is_some() { "ca_file" } else { "ca_pem" };
    let given = text_or_file("ca", tls.ca_pem.as_ref(), tls.ca_file.as_ref())?;
    if tls.ca_file.is_none() && tls.ca_pem.is_none() {
        let system = Verifier::new(Arc::clone(provider)).map_err(|error| refused("", &error))?;
        return Ok(Arc::new(system));
    }
    let given = certificates(ca_key, &given)?;
    if tls.include_system_ca_certs_pool {
        let both = Verifier::new_with_extra_roots(given, Arc::clone(provider));
        return Ok(Arc::new(both.map_err(|error| refused(ca_key, &error))?));
    }
    let mut roots = RootCertStore::empty();
    for certificate in given {
        roots.add(certificate).map_err(|error| refused(ca_key, &error))?;
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(built.map_err(|error| refused(ca_key, &error))?)
}

fn refused(path: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(path, format!("cannot be used: {error}"))
}

/// Holds servers to one name, whatever the URL calls them.
#[derive(Debug)]
struct Renamed {
    name: ServerName<'static>,
    verifier: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Renamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Takes every certificate (`insecure_skip_verify`), as long as the server has its key.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
