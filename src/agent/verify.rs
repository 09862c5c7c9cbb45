//! Whether a bundle is whole and unchanged.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Catalog;
use super::catalog::{CatalogError, Stored, misplaced, read_manifest};
use crate::bundle::names::TraceNames;
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
    /// The object; its manifest where that cannot be read.
    pub name: String,
    /// `signature valid`, `signature invalid`, `unsigned`, or `signature not checked` where no public key was given.
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
    /// Checks signatures (if there is a `verifier`), places, sizes and digests of a bundle and its amendments; `None` if the
    /// bundle is not here. That an amendment was taken away together with its manifest cannot be told.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn verify(&self, id: &str, verifier: Option<&Verifier>) -> Result<Option<VerifyReport>, CatalogError> {
        let manifests = self.manifests(id).await?;
        let names: BTreeSet<String> = manifests.iter().map(|stored| stored.name.clone()).collect();
        let mut objects = Vec::new();
        for stored in manifests {
            objects.push(self.verify_object(&stored, &names, verifier).await?);
        }
        Ok((!objects.is_empty()).then_some(VerifyReport { objects }))
    }

    async fn verify_object(
        &self,
        stored: &Stored,
        names: &BTreeSet<String>,
        verifier: Option<&Verifier>,
    ) -> Result<ObjectReport, CatalogError> {
        let mut faults = Vec::new();
        let signature = check_signature(stored, verifier, &mut faults);
        let manifest = match read_manifest(&stored.name, &stored.bytes) {
            Ok(manifest) => manifest,
            Err(error) => {
                let why = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                faults.push(format!("{error}{why}"));
                return Ok(ObjectReport { name: stored.name.clone(), signature, faults });
            }
        };
        let name = manifest.object.name.clone();
        if let Some(fault) = misplaced(&stored.name, &manifest) {
            // It may be true of what it describes; of the objects in whose place it stands it says nothing.
            faults.push(format!("{}: {fault}", stored.name));
            return Ok(ObjectReport { name: stored.name.clone(), signature, faults });
        }
        let of_bundle = TraceNames::new(&manifest.tenant, manifest.trace_id).manifest();
        if !names.contains(&of_bundle) {
            faults.push(format!("the manifest of the bundle that it amends, {of_bundle}, is missing"));
        }
        match self.store().get(&name).await? {
            None => faults.push("the object is missing".to_owned()),
            Some(bytes) => check_object(&bytes, &manifest, &mut faults),
        }
        if !manifest.records.is_sorted_by(|a, b| a < b) {
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
        // A manifest of an object that another writer left lists no records: only that writer knew them.
        Ok(bundle) if !manifest.records.is_empty() && bundle.completeness.records != manifest.records.len() as u64 => {
            let (says, lists) = (bundle.completeness.records, manifest.records.len());
            faults.push(format!("the document speaks of {says} records, and the manifest lists {lists}"));
        }
        Ok(_) => {}
    }
}
