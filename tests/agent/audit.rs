//! The ledger, what is reckoned from it, and whether a version mended an incident: over the command line.

use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use serde_json::{Value, json};

use super::lists::seven;
use super::recording::{Folder, ended, failure, string, trace_id};

/// A key pair as files: private, public.
fn keys(folder: &Path) -> (PathBuf, PathBuf) {
    let key = SigningKey::from_bytes(&[9; 32]);
    let (private, public) = (folder.join("audit.pem"), folder.join("audit.pub.pem"));
    std::fs::write(&private, key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    std::fs::write(&public, key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
    (private, public)
}

#[test]
fn entries_are_chained_and_signed_and_what_was_tampered_with_is_named() {
    let folder = seven();
    let (private, public) = keys(folder.root.path());
    let (private, public) = (private.display().to_string(), public.display().to_string());
    let trace = trace_id(7);
    folder.text(&["audit", "sync", "--signing-key", &private]);
    let prompt = folder.text(&["bundle", "render", &trace, "--ledger", "--signing-key", &private]);
    for event in ["test-made", "patch-checked", "pr-opened", "merged"] {
        let entry = folder.json(&[
            "audit",
            "append",
            event,
            "--bundle",
            &trace,
            "--detail",
            "by=agent",
            "--signing-key",
            &private,
            "--json",
        ]);
        assert_eq!(entry["event"], event.replace('-', "_"));
    }
    let page = folder.json(&["audit", "ls", "--json", "--limit", "3"]);
    assert_eq!(
        (&page["total"], &page["returned"], &page["truncated"]),
        (&json!(12), &json!(3), &json!(true)),
        "{page}"
    );
    let rest = folder.json(&["audit", "ls", "--json", "--after", page["next"].as_str().unwrap()]);
    assert_eq!(rest["returned"], 9);
    let rendered = rest["items"].as_array().unwrap().iter().find(|entry| entry["event"] == "rendered").unwrap();
    assert_eq!(rendered["details"]["prompt"], casefile::bundle::digest_of(prompt.as_bytes()));

    let sound = folder.json(&["audit", "verify", "--json", "--public-key", &public]);
    assert_eq!((&sound["entries"], &sound["faults"]), (&json!(12), &json!([])));
    let head = sound["head"].as_str().unwrap();
    assert!(folder.text(&["audit", "sync"]).contains("0 entries"), "each bundle once");

    let entry = |number: u64| folder.store().join(format!("audit/{number:012}.json"));
    let last = std::fs::read_to_string(entry(12)).unwrap();
    std::fs::remove_file(entry(12)).unwrap();
    folder.text(&["audit", "verify", "--public-key", &public]);
    let (code, said) = ended(&folder.read(&["audit", "verify", "--head", head]));
    assert!(code == 1 && said.contains("000000000012"), "cut off: {said}");
    folder.text(&["audit", "append", "reverted", "--bundle", &trace]);
    let (code, said) = ended(&folder.read(&["audit", "verify", "--public-key", &public]));
    assert!(code == 1 && said.contains("000000000012") && said.contains("not signed"), "added without the key: {said}");
    std::fs::write(entry(12), last).unwrap();
    folder.text(&["audit", "verify", "--public-key", &public, "--head", head]);

    let middle = std::fs::read_to_string(entry(5)).unwrap();
    let mut envelope: Value = serde_json::from_str(&middle).unwrap();
    let payload = data_encoding::BASE64.decode(envelope["payload"].as_str().unwrap().as_bytes()).unwrap();
    let forged = String::from_utf8(payload).unwrap().replace("bundle_made", "merged");
    envelope["payload"] = data_encoding::BASE64.encode(forged.as_bytes()).into();
    std::fs::write(entry(5), envelope.to_string()).unwrap();
    let (code, said) = ended(&folder.read(&["audit", "verify"]));
    assert!(code == 1 && said.contains("audit/000000000005.json"), "{said}");

    let (code, said) = ended(&folder.read(&["audit", "append", "merged", "--incident", "INC-0000000000"]));
    assert_eq!(code, 3, "{said}");
}

#[test]
fn what_came_of_repairs_is_told_by_arm() {
    let folder = seven();
    let ids: Vec<String> = folder.json(&["incident", "ls", "--json"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| incident["id"].as_str().unwrap().to_owned())
        .collect();
    for (at, id) in ids.iter().enumerate() {
        folder.text(&["audit", "append", "pr-opened", "--incident", id]);
        folder.text(&["audit", "append", "merged", "--incident", id]);
        if at == 0 {
            folder.text(&["audit", "append", "reverted", "--incident", id]);
        }
    }
    let found = folder.json(&["stats", "--json"]);
    let all = &found["arms"][0];
    assert_eq!(
        (&all["incidents"], &all["opened"], &all["merged"], &all["reverted"]),
        (&json!(3), &json!(3), &json!(3), &json!(1))
    );
    assert!((all["acceptance"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9, "{all}");
    assert!(all["median_seconds_to_fix"].as_u64().unwrap() > 3600, "from the recorded failure until now: {all}");
    assert_eq!(all["recurred"], 0);
    let arm =
        |id: &str| folder.text(&["stats", "--experiment", "x", "--arms", "a,b", "--arm-of", id]).trim().to_owned();
    let dealt = folder.json(&["stats", "--experiment", "x", "--arms", "a,b", "--json"]);
    for item in dealt["items"].as_array().unwrap() {
        assert_eq!(item["arm"], arm(item["incident"].as_str().unwrap()));
    }
    assert_eq!(dealt["arms"].as_array().unwrap().len(), 2);
}

/// Scenario: an incident comes again an hour after its fix was merged, and its bundles go in time. Guarantees: that it came again is told by
/// the counters, which stay.
#[test]
fn what_comes_after_a_fix_is_told_by_counters_when_its_bundles_are_gone() {
    const HOUR: u64 = 3_600_000;
    let folder = Folder::new();
    let starts = [0, 600_000, HOUR, 2 * HOUR, 2 * HOUR + 1000, 3 * HOUR];
    let failures: Vec<Value> = (1..).zip(starts).map(|(number, start)| failure(number, start, "GET /pay")).collect();
    folder.replay(&failures);
    let id = folder.json(&["incident", "ls", "--json"])["items"][0]["id"].as_str().unwrap().to_owned();
    folder.text(&["audit", "append", "pr-opened", "--incident", &id]);
    // In the same hour as the third failure: of that hour nobody can tell which came first.
    folder.text(&["audit", "append", "merged", "--incident", &id, "--detail", "merged_at=2025-07-01T13:01:00Z"]);
    let stats = || folder.json(&["stats", "--json"]);
    let (found, of_it) = (stats(), stats()["items"][0].clone());
    assert_eq!((&of_it["failures_after_fix"], &of_it["bundles_after_fix"]), (&json!(3), &json!(4)), "{found:#}");
    let seconds = of_it["seconds_to_fix"].as_u64().unwrap();
    assert!((58 * 60 - 1..=58 * 60).contains(&seconds), "from the first failure at 12:03: {of_it}");
    assert_eq!((&found["arms"][0]["recurred"], &found["arms"][0]["failures_after_fix"]), (&json!(1), &json!(3)));

    for gone in ["bundles", "index"] {
        std::fs::remove_dir_all(folder.store().join(gone)).unwrap();
    }
    let (found, of_it) = (stats(), stats()["items"][0].clone());
    assert_eq!((&of_it["failures_after_fix"], &of_it["bundles_after_fix"]), (&json!(3), &json!(0)), "{found:#}");
    assert!(of_it["failed_again_at"].as_str().unwrap().starts_with("2025-07-01T15:03:00"), "{of_it}");
    assert_eq!(found["arms"][0]["recurred"], 1);
}

#[test]
fn a_rollout_is_judged_by_the_rates_before_and_in_the_version() {
    const HOUR: u64 = 3_600_000;
    let folder = Folder::new();
    let at = |number: u64, hour: u64, name: &str, version: &str| {
        let mut request = failure(number, hour * HOUR + number, name);
        request["resourceSpans"][0]["resource"]["attributes"]
            .as_array_mut()
            .unwrap()
            .push(string("service.version", version));
        request
    };
    // Three an hour for ten hours; then a version in which another thing fails once, and this no more.
    let before: Vec<Value> = (0..30).map(|number| at(number + 1, number / 3, "GET /pay", "1.0.0")).collect();
    folder.replay(&before);
    folder.replay(&[at(90, 11, "GET /cart", "1.1.0")]);
    let incidents = folder.json(&["incident", "ls", "--json"]);
    let id = incidents["items"].as_array().unwrap().iter().find(|one| one["count_24h"] == 30).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let check = ["rollout", "check", &id, "--version", "1.1.0", "--until", "2025-07-02T08:03:00Z", "--json"];
    let found = folder.json(&check);
    assert_eq!(
        (&found["failures_before"], &found["failures_after"], &found["verdict"]),
        (&json!(30), &json!(0), &json!("fallen")),
        "{found}"
    );
    assert!(found["interval"][1].as_f64().unwrap() < 1.0, "{found}");

    let soon = ["rollout", "check", &id, "--version", "1.1.0", "--until", "2025-07-01T23:13:00Z"];
    let (code, said) = ended(&folder.read(&soon));
    assert!(code == 1 && said.contains("not_shown"), "ten minutes show nothing: {said}");
    let (code, said) = ended(&folder.read(&["rollout", "check", &id, "--version", "9.9.9"]));
    assert!(code == 1 && said.contains("--since"), "{said}");
}
