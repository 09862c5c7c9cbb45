//! Whether damage and forgery are found, and named.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::{Value, json};

use super::recording::{Folder, ended, failure, only, trace_id};
use super::support::store;

const UNKNOWN: &str = "ffffffffffffffffffffffffffffffff";

fn stored() -> (Folder, PathBuf, PathBuf) {
    let folder = Folder::new();
    folder.replay(&[failure(1, 0, "GET /pay")]);
    let (object, manifest) = (store::bundles(&folder.store()), store::manifests(&folder.store()));
    let found = (only(&object).to_owned(), only(&manifest).to_owned());
    (folder, found.0, found.1)
}

fn verify(folder: &Folder, key: Option<&Path>) -> (i32, String) {
    let key = key.map(|path| path.display().to_string());
    let mut arguments = vec!["bundle", "verify"];
    let trace = trace_id(1);
    arguments.push(&trace);
    if let Some(key) = &key {
        arguments.extend(["--public-key", key]);
    }
    ended(&folder.read(&arguments))
}

/// Fails unless the check failed with 1, named the object and said `why`.
fn assert_refused(folder: &Folder, named: &str, why: &str) {
    for key in [None, Some(folder.store().join("signing.pub.pem"))] {
        let (code, said) = verify(folder, key.as_deref());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(named), "does not name {named}: {said}");
        assert!(said.contains(why), "does not say `{why}`: {said}");
    }
}

fn object_name() -> String {
    format!("bundles/default/{}.json", trace_id(1))
}

fn edit(manifest: &Path, edit: impl FnOnce(&mut Value)) {
    let mut envelope = store::json(manifest);
    let (mut payload, _) = store::manifest(manifest);
    edit(&mut payload);
    envelope["payload"] = json!(BASE64.encode(payload.to_string().as_bytes()));
    fs::write(manifest, envelope.to_string()).unwrap();
}

#[test]
fn a_stored_bundle_is_sound_and_another_key_is_told_apart() {
    let (folder, ..) = stored();
    let (code, said) = verify(&folder, Some(&folder.store().join("signing.pub.pem")));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&object_name()) && said.contains("signature valid"), "{said}");
    let (code, said) = verify(&folder, None);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("signature not checked"), "{said}");

    let other = SigningKey::from_bytes(&[9; 32]).verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
    let path = folder.root.path().join("other.pem");
    fs::write(&path, other).unwrap();
    let (code, said) = verify(&folder, Some(&path));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&object_name()) && said.contains("no signature of the manifest is by the key"), "{said}");

    fs::write(&path, "no key").unwrap();
    assert_eq!(verify(&folder, Some(&path)).0, 1);
}

#[test]
fn a_flipped_byte_a_cut_object_and_a_missing_one_are_found() {
    let (folder, object, _) = stored();
    let whole = fs::read(&object).unwrap();
    let mut flipped = whole.clone();
    // Inside a string of the document, so that it is still the JSON of a bundle.
    let at = whole.windows(8).position(|window| window == b"no total").expect("the exception's message");
    flipped[at] = b'N';
    fs::write(&object, flipped).unwrap();
    assert_refused(&folder, &object_name(), "the object's digest is not the manifest's");

    fs::write(&object, &whole[..whole.len() / 2]).unwrap();
    assert_refused(&folder, &object_name(), "and the manifest says");

    fs::remove_file(&object).unwrap();
    assert_refused(&folder, &object_name(), "the object is missing");
    let (code, said) = ended(&folder.read(&["bundle", "get", &trace_id(1)]));
    assert_eq!(code, 1, "missing evidence is no bundle of no evidence: {said}");
    assert!(said.contains(&object_name()), "{said}");
}

#[test]
fn an_edited_manifest_is_found_and_so_is_one_without_a_signature() {
    let (folder, _, manifest) = stored();
    let key = folder.store().join("signing.pub.pem");
    let bytes = fs::read(&manifest).unwrap();
    edit(&manifest, |payload| payload["incident"]["summary"] = json!("nothing happened"));
    let (code, said) = verify(&folder, Some(&key));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&object_name()) && said.contains("no signature of the manifest"), "{said}");

    fs::write(&manifest, &bytes).unwrap();
    let mut unsigned = store::json(&manifest);
    unsigned["signatures"] = json!([]);
    fs::write(&manifest, unsigned.to_string()).unwrap();
    let (code, said) = verify(&folder, Some(&key));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&object_name()) && said.contains("is not signed"), "{said}");
    let (code, said) = verify(&folder, None);
    assert_eq!((code, said.contains("unsigned")), (0, true), "{said}");

    fs::write(&manifest, "{}").unwrap();
    assert_refused(&folder, &trace_id(1), "is not an envelope");
}

#[test]
fn a_true_manifest_in_the_place_of_another_proves_nothing() {
    let (folder, _, manifest) = stored();
    folder.replay(&[failure(2, 0, "GET /pay")]);
    let other = manifest.with_file_name(format!("{}.manifest.json", trace_id(2)));
    fs::copy(&other, &manifest).unwrap();
    assert_refused(&folder, &trace_id(1), "it is the manifest of");
    let (code, said) = ended(&folder.read(&["bundle", "get", &trace_id(1)]));
    assert_eq!(code, 1, "the evidence of another trace is not shown as this one's: {said}");
}

#[test]
fn what_is_not_there_ends_with_3_and_a_wrong_command_line_with_2() {
    let (folder, ..) = stored();
    for arguments in [
        ["bundle", "get", UNKNOWN],
        ["bundle", "render", UNKNOWN],
        ["bundle", "verify", UNKNOWN],
        ["bundle", "get", "no-such-bundle"],
        ["incident", "show", "INC-0000000000"],
    ] {
        let (code, said) = ended(&folder.read(&arguments));
        assert_eq!(code, 3, "{arguments:?}: {said}");
        assert!(said.contains(arguments[2]), "{said}");
    }
    for arguments in [
        &["bundle", "get"][..],
        &["bundle", "ls", "--limit", "many"],
        &["incident", "show"],
        &["bundle", "burn", UNKNOWN],
        &["bundle", "ls", "--no-such-option"],
    ] {
        let (code, said) = ended(&folder.read(arguments));
        assert_eq!(code, 2, "{arguments:?}: {said}");
    }
}
