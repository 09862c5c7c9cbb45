//! Whether a bundle is whole and unchanged.

use serde::Serialize;

use super::Catalog;
use super::catalog::{CatalogError, Stored};
use crate::bundle::{Envelope, MAX_DOCUMENT_BYTES, Verifier, digest_of, unpack};
use crate::model::{Bundle, Manifest};

/// What was checked, object by object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The bundle and its amendments.
    pub objects: Vec<ObjectReport>,
}

/// What was checked of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectReport {
    /// The object.
    pub name: String,
    /// `valid`, `unsigned`, or `not checked` where no public key was given.
    pub signature: &'static str,
    /// What is wrong with it; empty if it is whole.
    pub faults: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.objects.iter().all(|object| object.faults.is_empty())
    }
}

impl Catalog {
    /// Checks signatures (if there is a `verifier`), sizes and digests of a bundle and its amendments; `None` if the
    /// bundle is not here.
    ///
    /// # Errors
    /// If the store cannot be read, or a manifest cannot be read as one.
    pub async fn verify(&self, id: &str, verifier: Option<&Verifier>) -> Result<Option<VerifyReport>, CatalogError> {
        let mut objects = Vec::new();
        for (stored, manifest) in self.manifests(id).await? {
            objects.push(self.verify_object(&stored, &manifest, verifier).await?);
        }
        Ok((!objects.is_empty()).then_some(VerifyReport { objects }))
    }

    async fn verify_object(
        &self,
        stored: &Stored,
        manifest: &Manifest,
        verifier: Option<&Verifier>,
    ) -> Result<ObjectReport, CatalogError> {
        let mut faults = Vec::new();
        let signature = check_signature(stored, verifier, &mut faults);
        let name = manifest.object.name.clone();
        match self.store().get(&name).await? {
            None => faults.push("the object is missing".to_owned()),
            Some(bytes) => check_object(&bytes, manifest, &mut faults),
        }
        if !manifest.records.is_sorted() {
            faults.push("the record digests are not in order".to_owned());
        }
        Ok(ObjectReport { name, signature, faults })
    }
}

fn check_signature(stored: &Stored, verifier: Option<&Verifier>, faults: &mut Vec<String>) -> &'static str {
    let unsigned = Envelope::read(&stored.bytes).is_ok_and(|envelope| envelope.signatures.is_empty());
    let Some(verifier) = verifier else {
        return if unsigned { "unsigned" } else { "signature not checked" };
    };
    if unsigned {
        faults.push(format!("{} is not signed", stored.name));
        return "unsigned";
    }
    match Envelope::read(&stored.bytes)
        .map_err(|error| error.to_string())
        .and_then(|envelope| verifier.verify(&envelope).map_err(|error| error.to_string()))
    {
        Ok(()) => "signature valid",
        Err(error) => {
            faults.push(format!("{}: {error}", stored.name));
            "signature invalid"
        }
    }
}

fn check_object(bytes: &bytes::Bytes, manifest: &Manifest, faults: &mut Vec<String>) {
    let object = &manifest.object;
    if bytes.len() as u64 != object.size {
        faults.push(format!("{} bytes, and the manifest says {}", bytes.len(), object.size));
    }
    if digest_of(bytes) != object.digest {
        faults.push("the object's digest is not the manifest's".to_owned());
    }
    let document = match unpack(&object.name, bytes, MAX_DOCUMENT_BYTES) {
        Ok(document) => document,
        Err(error) => return faults.push(format!("the object cannot be unpacked: {error}")),
    };
    if digest_of(&document) != object.document {
        faults.push("the document's digest is not the manifest's".to_owned());
    }
    match serde_json::from_slice::<Bundle>(&document) {
        Err(error) => faults.push(format!("the document is not a bundle: {error}")),
        Ok(bundle) if bundle.bundle_id != manifest.bundle_id || bundle.trace.trace_id != manifest.trace_id => {
            faults.push("the document is another bundle's".to_owned());
        }
        Ok(_) => {}
    }
}
