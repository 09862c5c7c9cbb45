//! Raw evidence over the real binary: what is written can be read by the holder of the key and nobody else, and is what
//! the bundle was made of.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use serde_json::{Value, json};
use support::casefile::{Home, Settings, command, run, run_json};
use support::otlp::{EMAIL, FAILURE, TRACE_ID};
use support::store;

/// A process with a `raw` exporter beside its `bundle` exporter.
struct Fixture {
    folder: tempfile::TempDir,
    home: Home,
    recipients: Vec<Identity>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recipients = vec![Identity::generate(), Identity::generate()];
        let keys: Vec<String> = recipients.iter().map(|one| one.to_public().to_string()).collect();
        let url = raw_url(folder.path());
        let raw = format!("{{url: \"{url}\", recipients: [{}], retention: 168h}}", keys.join(", "));
        let home = Home::new(folder.path(), &Settings { raw: Some(raw), ..Settings::default() });
        Self { folder, home, recipients }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn raw_url(&self) -> String {
        raw_url(self.folder.path())
    }

    fn objects(&self) -> Vec<PathBuf> {
        store::files(&self.path("raw-store"))
    }

    /// A file as `age-keygen` writes it.
    fn identity_file(&self, name: &str, identity: &Identity) -> String {
        let path = self.path(name);
        let text = format!(
            "# created: 2026-11-23T12:00:00Z\n# public key: {}\n{}\n",
            identity.to_public(),
            identity.to_string().expose_secret()
        );
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn raw(&self, arguments: &[&str]) -> Output {
        command(self.folder.path()).arg("raw").args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// What `raw decrypt` writes of the trace.
    fn decrypted(&self) -> PathBuf {
        let identity = self.identity_file("key.txt", &self.recipients[0]);
        let out = self.path("records");
        let to = out.display().to_string();
        run(
            self.folder.path(),
            &["raw", "decrypt", "--identity", &identity, "--store", &self.raw_url(), TRACE_ID, "--out", &to],
        );
        out
    }

    /// Replays what was decrypted, with the same configuration.
    fn replayed(&self) -> PathBuf {
        let (records, out) = (self.decrypted(), self.path("replayed"));
        fs::create_dir_all(&out).unwrap();
        let config = self.home.config().display().to_string();
        let (records, to) = (records.display().to_string(), out.display().to_string());
        run(&out, &["replay", &records, "--out", &to, "--config", &config]);
        out
    }
}

/// Raw evidence has a store of its own.
fn raw_url(folder: &Path) -> String {
    format!("file:{}", folder.join("raw-store").display())
}

/// The records that the manifests under a folder list.
fn records(folder: &Path) -> BTreeSet<String> {
    let manifests = store::manifests(folder);
    let listed = manifests.iter().flat_map(|path| store::manifest(path).0["records"].as_array().unwrap().clone());
    listed.map(|digest| digest.as_str().unwrap().to_owned()).collect()
}

fn ended(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty(), "nothing is written: {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_bundle_and_its_raw_evidence_are_of_the_same_records_and_only_the_bundle_can_be_read() {
    let fixture = Fixture::new();
    let mut casefile = fixture.home.start();
    casefile.send_all(FAILURE);
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled), (5, 5), "{totals:?}");
    let metrics = casefile.exposition();
    assert!(
        metrics.contains("casefile_exporter_bundles_total{exporter=\"raw/main\",result=\"stored\"} 1"),
        "{metrics}"
    );
    let (status, said) = casefile.stop();
    assert!(status.success(), "{said}");

    for secret in [EMAIL, "ada.byron", "AGE-SECRET"] {
        assert!(!said.contains(secret) && !metrics.contains(secret), "{secret} in: {said}\n{metrics}");
    }
    store::assert_nowhere(&fixture.home.store(), &[EMAIL, "ada.byron"]);
    store::assert_nowhere(&fixture.path("raw-store"), &[EMAIL, "ada.byron"]);
    let [object] = &fixture.objects()[..] else { panic!("one object: {:?}", fixture.objects()) };
    assert!(object.parent().unwrap().ends_with("raw/default"), "{}", object.display());

    // The manifest's promise is true.
    let (manifest, signatures) = store::manifest(&store::manifests(&fixture.home.store())[0]);
    support::schema::assert_all_valid(&fixture.home.store());
    let promise = &manifest["raw"][0];
    let stored = fs::read(object).unwrap();
    assert_eq!((signatures, manifest["raw"].as_array().unwrap().len()), (1, 1));
    assert_eq!(promise["url"], format!("file://{}", object.canonicalize().unwrap().display()));
    assert_eq!(promise["digest"], casefile::bundle::digest_of(&stored));
    assert_eq!((&promise["size"], &promise["recipients"]), (&json!(stored.len()), &json!(2)));
    assert!(promise["kept_until"].as_str().unwrap() > manifest["sealed"]["at"].as_str().unwrap());

    // What is decrypted is what was sent, and makes the same bundle.
    let replayed = fixture.replayed();
    assert!(String::from_utf8_lossy(&fs::read(fixture.path("records")).unwrap()).contains(EMAIL));
    assert_eq!(records(&replayed), records(&fixture.home.store()));
    let document = |folder: &Path| fs::read(&store::bundles(folder)[0]).unwrap();
    assert_eq!(document(&replayed), document(&fixture.home.store()));
    assert_eq!(fixture.objects().len(), 1, "a replay leaves no raw evidence");
    let (replayed, _) = store::manifest(&store::manifests(&replayed)[0]);
    assert_eq!(replayed.get("raw"), None);

    let listed = run_json(fixture.folder.path(), &["raw", "ls", "--json", "--store", &fixture.raw_url()]);
    assert_eq!((&listed["total"], &listed["returned"], &listed["truncated"]), (&json!(1), &json!(1), &json!(false)));
    assert_eq!(
        (&listed["items"][0]["trace_id"], &listed["items"][0]["size"]),
        (&json!(TRACE_ID), &json!(stored.len()))
    );
}

#[test]
fn only_an_identity_that_fits_decrypts_and_each_failure_has_its_exit_code() {
    let fixture = Fixture::new();
    let mut casefile = fixture.home.start();
    casefile.send_all(FAILURE);
    casefile.settled();
    assert!(casefile.stop().0.success());
    let object = fixture.objects()[0].display().to_string();
    let url = fixture.raw_url();
    let expected = fs::read(fixture.decrypted()).unwrap();

    // By any recipient, by file, by name, over stdout, beside keys that do not fit.
    let second = fixture.identity_file("second.txt", &fixture.recipients[1]);
    let other = fixture.identity_file("other.txt", &Identity::generate());
    let name = run_json(fixture.folder.path(), &["raw", "ls", "--json", "--store", &url])["items"][0]["name"].clone();
    let name = name.as_str().unwrap();
    for arguments in [
        &["decrypt", "-i", &second, &object][..],
        &["decrypt", "-i", &second, "--store", &url, name],
        &["decrypt", "-i", &other, "-i", &second, "--store", &url, TRACE_ID],
    ] {
        let output = fixture.raw(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, expected, "{arguments:?}");
    }

    let out = fixture.path("nothing").display().to_string();
    let (code, said) = ended(&fixture.raw(&["decrypt", "-i", &other, &object, "--out", &out]));
    assert!(code == Some(1) && said.contains("encrypted to none of the keys given"), "{code:?} {said}");
    assert!(!Path::new(&out).exists(), "no file where nothing was decrypted");
    let (code, said) = ended(&fixture.raw(&["decrypt", "-i", &second, "--store", &url, &"0a".repeat(16)]));
    assert!(code == Some(3) && said.contains("no raw evidence of 0a0a"), "{code:?} {said}");
    let (code, said) = ended(&fixture.raw(&["decrypt", "-i", &second, TRACE_ID]));
    assert!(code == Some(3) && said.contains("needs --store"), "{code:?} {said}");
    let (code, said) = ended(&fixture.raw(&["decrypt", "-i", &object, &object]));
    assert!(code == Some(1), "an identity file that is none: {code:?} {said}");
    assert_eq!(fixture.raw(&["decrypt", "--store", &url, TRACE_ID]).status.code(), Some(2), "without an identity");

    let mut damaged = fs::read(&object).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(fixture.path("damaged.age"), damaged).unwrap();
    let (code, said) =
        ended(&fixture.raw(&["decrypt", "-i", &second, &fixture.path("damaged.age").display().to_string()]));
    assert!(code == Some(1) && said.contains("damaged"), "{code:?} {said}");
}

#[cfg(unix)]
#[test]
fn what_is_decrypted_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new();
    let mut casefile = fixture.home.start();
    casefile.send_all(FAILURE);
    casefile.settled();
    assert!(casefile.stop().0.success());
    fs::write(fixture.path("records"), "open to all").unwrap();
    fs::set_permissions(fixture.path("records"), fs::Permissions::from_mode(0o644)).unwrap();
    let mode = fs::metadata(fixture.decrypted()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn records_that_come_late_have_raw_evidence_of_their_own() {
    let fixture = Fixture::new();
    let mut casefile = fixture.home.start();
    casefile.send_all(FAILURE);
    casefile.wait("the bundle", |_| store::manifests(&fixture.home.store()).len() == 1);
    let late = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{
        "traceId": TRACE_ID, "timeUnixNano": "1751371380900000000", "severityNumber": 9,
        "body": {"stringValue": format!("a late word of {EMAIL}")},
    }]}]}]});
    assert_eq!(casefile.send("logs", late.to_string().as_bytes()).status, 200);
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled), (6, 6), "{totals:?}");
    assert!(casefile.stop().0.success());

    assert_eq!(fixture.objects().len(), 2, "{:?}", fixture.objects());
    let urls = |manifest: &Value| manifest["raw"][0]["url"].as_str().unwrap().to_owned();
    let manifests = store::manifests(&fixture.home.store());
    let promised: BTreeSet<String> = manifests.iter().map(|path| urls(&store::manifest(path).0)).collect();
    assert_eq!(promised.len(), 2, "each manifest names its own: {promised:?}");
    store::assert_nowhere(&fixture.path("raw-store"), &[EMAIL]);
    let replayed = fixture.replayed();
    assert_eq!(records(&replayed).len(), 6);
    assert_eq!(records(&replayed), records(&fixture.home.store()), "both together are the whole trace");
}

#[test]
fn fault_a_process_killed_between_raw_evidence_and_bundle_is_finished_by_the_next() {
    let fixture = Fixture::new();
    // Where a file lies in place of the folder, no bundle can be written.
    let in_the_way = fixture.home.store().join("bundles");
    fs::write(&in_the_way, "").unwrap();
    let mut casefile = fixture.home.start();
    casefile.send_all(FAILURE);
    casefile.wait("raw evidence", |_| fixture.objects().len() == 1);
    casefile.wait("a failed bundle", |casefile| casefile.metrics().sum("casefile_exporter_retries_total", &[]) > 0);
    drop(casefile);
    let stored = fs::read(&fixture.objects()[0]).unwrap();

    fs::remove_file(&in_the_way).unwrap();
    let mut casefile = fixture.home.start();
    casefile.send_all(FAILURE);
    let totals = casefile.settled();
    assert_eq!((totals.accepted, totals.bundled), (5, 5), "{totals:?}");
    assert!(casefile.stop().0.success());
    let [object] = &fixture.objects()[..] else { panic!("still one: {:?}", fixture.objects()) };
    assert_eq!(fs::read(object).unwrap(), stored, "what the first process left is what the manifest names");
    let (manifest, _) = store::manifest(&store::manifests(&fixture.home.store())[0]);
    assert_eq!(manifest["raw"][0]["digest"], casefile::bundle::digest_of(&stored));
}
