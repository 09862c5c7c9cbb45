//! What is written, against the schemas that the binary prints.

use std::path::Path;

use serde_json::Value;

use super::casefile::run_json;
use super::store;

fn assert_valid(schema: &Value, document: &Value, what: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{what} against its schema:\n{}", faults.join("\n"));
}

/// Fails unless every bundle and manifest under `folder` is what `casefile schema` says that it is.
pub(crate) fn assert_all_valid(folder: &Path) {
    let (bundle, manifest) = (run_json(folder, &["schema", "bundle"]), run_json(folder, &["schema", "manifest"]));
    for path in store::bundles(folder) {
        assert_valid(&bundle, &store::json(&path), &path.display().to_string());
    }
    for path in store::manifests(folder) {
        assert_valid(&manifest, &store::manifest(&path).0, &path.display().to_string());
    }
}
