//! Whether a request comes from who it says. Both comparisons take the same time whatever differs.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Whether `signature` is the hex HMAC-SHA256 of `body` under `secret`: Sentry's `Sentry-Hook-Signature`.
#[must_use]
pub fn is_signed(body: &[u8], signature: &str, secret: &str) -> bool {
    let Ok(signature) = data_encoding::HEXLOWER_PERMISSIVE.decode(signature.trim().as_bytes()) else { return false };
    mac(secret, body).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
}

/// Whether two texts are equal.
#[must_use]
pub fn is_same(given: &str, wanted: &str) -> bool {
    // Digests are of one length, and say nothing of where the texts differ.
    let (Some(given), Some(wanted)) = (mac(wanted, given.as_bytes()), mac(wanted, wanted.as_bytes())) else {
        return false;
    };
    given.verify_slice(&wanted.finalize().into_bytes()).is_ok()
}

fn mac(secret: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(mac)
}
