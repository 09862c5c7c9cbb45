//! What a client's certificate says of it.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::TenantOf;

/// The other end of a connection, as TLS has verified it. Stands among the extensions of every request of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    common_name: Option<String>,
    organization: Option<String>,
}

impl Peer {
    /// Reads the certificate that a handshake has verified.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Self::default() };
        let subject = certificate.subject();
        // Of a part that is there twice, neither is the name.
        let only = |mut found: Vec<&str>| if found.len() == 1 { found.pop().map(str::to_owned) } else { None };
        Self {
            common_name: only(subject.iter_common_name().filter_map(|name| name.as_str().ok()).collect()),
            organization: only(subject.iter_organization().filter_map(|name| name.as_str().ok()).collect()),
        }
    }

    /// A part of its subject, where there is exactly one of it.
    #[must_use]
    pub fn part(&self, part: TenantOf) -> Option<&str> {
        match part {
            TenantOf::CertificateCommonName => self.common_name.as_deref(),
            TenantOf::CertificateOrganization => self.organization.as_deref(),
        }
    }
}
