//! Manifests in their envelope: DSSE v1 (<https://github.com/secure-systems-lab/dsse>), signed with ed25519.
//!
//! The signature covers `PAE(type, payload)`, so a manifest cannot be passed off as a document of another type. An
//! unsigned envelope has an empty list of signatures and is otherwise the same.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey, spki::der::pem::LineEnding};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::canonical::{CanonicalError, to_canonical};
use crate::config::Problem;
use crate::model::Manifest;

/// The DSSE payload type of manifests.
pub const PAYLOAD_TYPE: &str = "application/vnd.casefile.manifest.v1+json";

/// Hex digits of a key id.
const KEY_ID_DIGITS: usize = 32;

/// A DSSE envelope as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Type of the payload: that of a manifest is [`PAYLOAD_TYPE`].
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Canonical JSON of the manifest, in base64.
    pub payload: String,
    /// Signatures: one, or none where no key is configured.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// The first 32 hex digits of the SHA-256 of the public key (SubjectPublicKeyInfo, DER). A hint, not a proof.
    #[serde(default)]
    pub keyid: String,
    /// The ed25519 signature, in base64.
    pub sig: String,
}

/// Why stored bytes are not a manifest's envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The envelope or the manifest in it is not the JSON it should be.
    #[error("the manifest cannot be read")]
    Json(#[from] serde_json::Error),
    /// The payload is not base64.
    #[error("the manifest's payload is not base64")]
    Base64(#[from] data_encoding::DecodeError),
    /// It holds something else.
    #[error("the envelope holds a `{0}`, not a manifest")]
    PayloadType(String),
}

/// Why a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no signature at all.
    #[error("the manifest is not signed")]
    Unsigned,
    /// No signature is by this key.
    #[error("no signature of the manifest is by the key {0}")]
    OtherKey(String),
    /// The envelope is not one.
    #[error("the manifest's envelope is damaged")]
    Envelope(#[source] EnvelopeError),
}

/// Signs manifests.
pub struct Signer {
    key: SigningKey,
    key_id: String,
}

/// Checks signatures of manifests.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: VerifyingKey,
    key_id: String,
}

/// A manifest in its envelope, as canonical JSON: the bytes that are stored.
///
/// # Errors
/// If the manifest has no canonical form.
pub fn envelope(manifest: &Manifest, signer: Option<&Signer>) -> Result<Vec<u8>, CanonicalError> {
    envelope_of(PAYLOAD_TYPE, manifest, signer)
}

/// Any document in an envelope of its own type, as canonical JSON. The type is signed along, so that a document cannot be passed
/// off as one of another type.
///
/// # Errors
/// If the document has no canonical form.
pub fn envelope_of<T: Serialize>(
    payload_type: &str,
    document: &T,
    signer: Option<&Signer>,
) -> Result<Vec<u8>, CanonicalError> {
    to_canonical(&Envelope::of(payload_type, &to_canonical(document)?, signer))
}

impl Envelope {
    /// A document of any type in its envelope, signed where there is a key.
    #[must_use]
    pub fn of(payload_type: &str, payload: &[u8], signer: Option<&Signer>) -> Self {
        let signatures = signer.map(|signer| signer.sign(payload_type, payload)).into_iter().collect();
        Self { payload_type: payload_type.to_owned(), payload: BASE64.encode(payload), signatures }
    }

    /// Reads an envelope of documents of this type. Says nothing about its signatures: see [`Verifier::verify`].
    ///
    /// # Errors
    /// If the bytes are not an envelope of one.
    pub fn read_as<T: serde::de::DeserializeOwned>(
        payload_type: &str,
        stored: &[u8],
    ) -> Result<(Self, T), EnvelopeError> {
        let envelope: Self = serde_json::from_slice(stored)?;
        if envelope.payload_type != payload_type {
            return Err(EnvelopeError::PayloadType(envelope.payload_type));
        }
        let document = serde_json::from_slice(&envelope.payload()?)?;
        Ok((envelope, document))
    }

    /// Reads a stored envelope. Says nothing about its signatures: see [`Verifier::verify`].
    ///
    /// # Errors
    /// If the bytes are not an envelope of a manifest.
    pub fn read(stored: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self = serde_json::from_slice(stored)?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType(envelope.payload_type));
        }
        Ok(envelope)
    }

    /// The manifest in it.
    ///
    /// # Errors
    /// If the payload is not a manifest.
    pub fn manifest(&self) -> Result<Manifest, EnvelopeError> {
        Ok(serde_json::from_slice(&self.payload()?)?)
    }

    /// The document in it, whatever its type. Says nothing about its signatures: see [`Verifier::verify`].
    ///
    /// # Errors
    /// If it is not base64.
    pub fn payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(BASE64.decode(self.payload.as_bytes())?)
    }
}

impl Signer {
    /// Reads an ed25519 private key in PKCS#8 PEM (`openssl genpkey -algorithm ed25519`).
    ///
    /// # Errors
    /// If it is not one. The message never shows the key.
    pub fn from_pem(pem: &str) -> Result<Self, Problem> {
        let key = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| {
            Problem::new("key", "this is not an ed25519 private key in PKCS#8 PEM")
                .instead("make one with `openssl genpkey -algorithm ed25519 -out signing.pem`")
        })?;
        let key_id = key_id(&key.verifying_key())
            .ok_or_else(|| Problem::new("key", "the public key of this private key cannot be encoded"))?;
        Ok(Self { key, key_id })
    }

    /// The public key, as PEM (SubjectPublicKeyInfo): what `bundle verify --public-key` takes.
    ///
    /// # Errors
    /// If the key cannot be encoded.
    pub fn public_pem(&self) -> Result<String, Problem> {
        self.key
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .map_err(|_| Problem::new("key", "the public key cannot be encoded"))
    }

    /// The id of its key, as signatures carry it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign(&self, payload_type: &str, payload: &[u8]) -> EnvelopeSignature {
        let signature = self.key.sign(&pae(payload_type, payload));
        EnvelopeSignature { keyid: self.key_id.clone(), sig: BASE64.encode(&signature.to_bytes()) }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}

impl Verifier {
    /// Reads an ed25519 public key in PEM (SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// If it is not one.
    pub fn from_pem(pem: &str) -> Result<Self, Problem> {
        let wrong = || {
            Problem::new("public_key", "this is not an ed25519 public key in PEM")
                .instead("make it with `openssl pkey -in signing.pem -pubout`")
        };
        let key = VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| wrong())?;
        let key_id = key_id(&key).ok_or_else(wrong)?;
        Ok(Self { key, key_id })
    }

    /// Checks that one of the envelope's signatures is by this key and covers its payload.
    ///
    /// # Errors
    /// If there is none.
    pub fn verify(&self, envelope: &Envelope) -> Result<(), VerifyError> {
        if envelope.signatures.is_empty() {
            return Err(VerifyError::Unsigned);
        }
        let payload = envelope.payload().map_err(VerifyError::Envelope)?;
        let signed = pae(&envelope.payload_type, &payload);
        let holds = envelope.signatures.iter().any(|signature| {
            BASE64
                .decode(signature.sig.as_bytes())
                .ok()
                .and_then(|bytes| Signature::from_slice(&bytes).ok())
                // Strict: a signature by a weak key, or one of the several forms of a signature, is refused.
                .is_some_and(|signature| self.key.verify_strict(&signed, &signature).is_ok())
        });
        if holds { Ok(()) } else { Err(VerifyError::OtherKey(self.key_id.clone())) }
    }
}

/// DSSE v1, "pre-authentication encoding".
pub(super) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

fn key_id(key: &VerifyingKey) -> Option<String> {
    let der = key.to_public_key_der().ok()?;
    let mut digits = data_encoding::HEXLOWER.encode(&Sha256::digest(der.as_bytes()));
    digits.truncate(KEY_ID_DIGITS);
    Some(digits)
}
