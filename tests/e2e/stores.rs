//! The same small failure, sent without an SDK, into object stores behind their real protocols.

use std::path::Path;
use std::process::Output;

use age::secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::servers::{Gcs, S3};
use crate::support::casefile::{Home, Settings, command};
use crate::support::otlp::{EMAIL, FAILURE, TRACE_ID};

#[test]
fn a_bundle_and_its_raw_evidence_lie_in_s3_and_are_read_from_there() {
    let server = S3::start();
    let options = [
        ("aws_endpoint", server.endpoint.clone()),
        ("aws_access_key_id", server.access_key.clone()),
        ("aws_secret_access_key", server.secret_key.clone()),
        ("aws_region", "us-east-1".to_owned()),
        ("aws_allow_http", "true".to_owned()),
    ];
    holds_the_bundle(&format!("s3://{}/prod", server.bucket), &options);
}

#[test]
fn a_bundle_and_its_raw_evidence_lie_in_gcs_and_are_read_from_there() {
    let server = Gcs::start();
    let account = server.service_account_json.display().to_string();
    holds_the_bundle(&format!("gs://{}/prod", server.bucket), &[("google_service_account", account)]);
}

/// Writes with `options` in the configuration, and reads with the same settings in the environment.
fn holds_the_bundle(url: &str, options: &[(&str, String)]) {
    let folder = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let quoted: Vec<String> = options.iter().map(|(key, value)| format!("{key}: {value:?}")).collect();
    let (recipient, quoted) = (identity.to_public(), quoted.join(", "));
    let settings = Settings {
        url: Some(url.to_owned()),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        raw: Some(format!("{{url: \"{url}\", recipients: [{recipient}], options: {{{quoted}}}}}")),
        ..Settings::default()
    };
    let home = Home::new(folder.path(), &settings);
    let mut casefile = home.start();
    casefile.send_all(FAILURE);
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled), (5, 5), "{totals:?}");

    let read = |arguments: &[&str]| read(folder.path(), arguments, url, options);
    let bundle = read(&["bundle", "get", TRACE_ID]).stdout;
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(bundle["exception"]["type"], "ValueError");
    assert_eq!(bundle["logs"]["total"], 3);
    assert!(!bundle.to_string().contains(EMAIL), "{bundle}");
    read(&["bundle", "verify", TRACE_ID, "--public-key", &home.public_key().display().to_string()]);
    let listing = read(&["bundle", "ls", "--json"]).stdout;
    let listing: Value = serde_json::from_slice(&listing).unwrap();
    assert_eq!(listing["total"], 1, "{listing}");

    let key = folder.path().join("key.txt");
    std::fs::write(&key, identity.to_string().expose_secret()).unwrap();
    let records = read(&["raw", "decrypt", TRACE_ID, "--identity", &key.display().to_string()]).stdout;
    assert!(String::from_utf8_lossy(&records).contains(EMAIL), "the records as they came");
    let listing: Value = serde_json::from_slice(&read(&["raw", "ls", "--json"]).stdout).unwrap();
    assert_eq!(listing["total"], 1, "{listing}");
    let kept: Value = serde_json::from_slice(&read(&["gc", "--older-than", "1h", "--json"]).stdout).unwrap();
    assert_eq!(kept["stores"][0]["names"], Value::Array(Vec::new()), "nothing is so old");

    let (status, said) = casefile.stop();
    assert!(status.success(), "ended with {status}:\n{said}");
    assert!(!said.contains(EMAIL), "{said}");
    for (key, value) in options.iter().filter(|(key, _)| key.contains("secret")) {
        assert!(!said.contains(value.as_str()), "casefile's own log shows {key}");
    }
}

fn read(folder: &Path, arguments: &[&str], url: &str, options: &[(&str, String)]) -> Output {
    let mut command = command(folder);
    command.args(arguments).args(["--store", url]);
    for (key, value) in options {
        command.env(key.to_uppercase(), value);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "casefile {} ended with {}: {said}", arguments.join(" "), output.status);
    output
}
