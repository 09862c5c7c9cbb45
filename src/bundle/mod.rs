//! From a redacted case to bytes: canonical JSON, manifest, signature, object names.
//!
//! Synchronous and without a store: [`seal`] turns a [`RedactedCase`](crate::redact::RedactedCase) into the one document that every copy of this
//! evidence is, byte for byte ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)). What depends on when and where it
//! was made goes into the [`Manifest`](crate::model::Manifest), which the exporter completes and [`envelope`] wraps as
//! [DSSE](https://github.com/secure-systems-lab/dsse). Where someone may read the records as they came, [`RawSealer`]
//! encrypts them to those alone.

mod attachment;
mod canonical;
mod compress;
mod dsse;
mod fit;
pub mod names;
mod ran;
mod raw;
mod sealed;
#[cfg(test)]
mod tests;
mod tokens;
mod unseal;

pub use attachment::{IncidentAttachment, SealedAttachment, seal_attachment};
pub use canonical::{CanonicalError, to_canonical};
pub use compress::{MAX_DOCUMENT_BYTES, UnpackError, pack, suffix, unpack};
pub use dsse::{
    Envelope, EnvelopeError, EnvelopeSignature, PAYLOAD_TYPE, Signer, Verifier, VerifyError, envelope, envelope_of,
};
pub(crate) use ran::Ran;
pub use raw::{RawError, RawSealer, SealedRaw, recipients_of};
#[cfg(test)]
pub(crate) use sealed::seal_parts;
pub use sealed::{Closed, SealError, Sealed, digest_of, seal};
pub(crate) use tokens::{read_table, tokens};
pub use unseal::{Identities, IdentityError, UnsealError};
