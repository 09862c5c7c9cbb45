//! What each command notes in the ledger: from the bundle to the merge, and what takes it back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use ::casefile::bundle::digest_of;
use serde_json::{Value, json};

use crate::agent::recorded;
use crate::example::{Example, json as parsed, said};
use crate::flask;
use crate::support::casefile;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const PR: &str = "https://git.example.org/shop/pull/7";

/// Runs casefile with programs of the test before those of the machine, and the key in the environment.
fn run(example: &Example, arguments: &[&str]) -> Output {
    let path = format!("{}:{}", example.file("bin").display(), std::env::var("PATH").unwrap());
    let mut command = casefile::command(example.file("").as_path());
    command.args(arguments).env("PATH", path).env("CASEFILE_SIGNING_KEY_FILE", example.file("ledger.pem"));
    command.output().unwrap()
}

fn done(example: &Example, arguments: &[&str]) -> Output {
    let output = run(example, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    output
}

/// A program that prints a text.
fn program(example: &Example, name: &str, prints: &str) {
    let path = example.file("bin").join(name);
    fs::create_dir_all(example.file("bin")).unwrap();
    fs::write(
        &path,
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{}\ncat <<'END'\n{prints}\nEND\n", example.file(name).display()),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn entries(example: &Example) -> Vec<Value> {
    let page = parsed(&done(example, &["audit", "ls", "--store", "file:store", "--json"]));
    let mut entries = page["items"].as_array().unwrap().clone();
    entries.reverse();
    entries
}

#[test]
fn each_command_notes_what_it_did_and_a_changed_entry_is_named() {
    let example = recorded(|recording| recording);
    // A key of its own: that of bundles lies beside them.
    fs::copy(example.file("store/signing.pem"), example.file("ledger.pem")).unwrap();
    let fix = flask::fix(&example);
    fs::write(example.repo().join(".git/fix.diff"), &fix).unwrap();
    let key = example.file("ledger.pem").display().to_string();
    let agent = format!("test -s {key} && exit 9; git apply {}/.git/fix.diff", example.repo().display());
    let runner = flask::runner();
    let of = ["--store", "file:store", "--repo", "repo"];
    let tests = ["--runner", runner.as_str(), "--runs", "1", "--no-suite", "--test", "made"];

    done(&example, &["audit", "sync", "--store", "file:store"]);
    let prompt = done(&example, &["bundle", "render", TRACE, "--store", "file:store"]);
    done(&example, &[&["test", "make", TRACE, "--out", "made"], &of[..]].concat());
    let repair = ["repair", "--agent", &agent, "--bundle", TRACE, "--out", "patch.diff", "--json"];
    let repaired = parsed(&done(&example, &[&repair[..], &of[..], &tests[..]].concat()));
    assert_eq!(repaired["attempts"][0]["exit"], 0, "the agent does not see the key: {repaired:#}");
    let check = ["patch", "check", "patch.diff", "--bundle", TRACE, "--format", "json"];
    let verdict = done(&example, &[&check[..], &of[..], &tests[..]].concat());
    fs::write(example.file("verdict.json"), &verdict.stdout).unwrap();
    program(&example, "gh", PR);
    let open = [
        "pr",
        "open",
        "--bundle",
        TRACE,
        "--diff",
        "patch.diff",
        "--verdict",
        "verdict.json",
        "--head",
        "casefile/fix",
    ];
    assert_eq!(String::from_utf8(done(&example, &[&open[..], &of[..]].concat()).stdout).unwrap().trim(), PR);
    let asked = fs::read_to_string(example.file("gh")).unwrap();
    assert!(asked.starts_with("pr\ncreate\n--base\nmain\n--head\ncasefile/fix\n--title\nFix ValueError"), "{asked}");

    // It is not merged, then it is, then it is taken back.
    let sync = [&["pr", "sync"], &of[..]].concat();
    program(&example, "gh", r#"{"state": "OPEN", "mergedAt": null, "mergeCommit": null}"#);
    assert!(String::from_utf8(done(&example, &sync).stdout).unwrap().starts_with("0 entries added, 1 "));
    example.git(&["apply", ".git/fix.diff"]);
    example.git(&["commit", "--quiet", "--all", "-m", "Read instants without seconds"]);
    let merged = json!({"state": "MERGED", "mergedAt": "2026-11-27T10:00:00Z", "mergeCommit": {"oid": example.head()}});
    program(&example, "gh", &merged.to_string());
    assert!(String::from_utf8(done(&example, &sync).stdout).unwrap().starts_with("1 entries added, 0 "));
    example.git(&["revert", "--no-edit", "HEAD"]);
    assert!(String::from_utf8(done(&example, &sync).stdout).unwrap().starts_with("1 entries added"));
    assert!(String::from_utf8(done(&example, &sync).stdout).unwrap().starts_with("0 entries added"), "each once");

    let entries = entries(&example);
    let events: Vec<&str> = entries.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    let expected = [
        "bundle_made",
        "rendered",
        "test_made",
        "rendered",
        "patch_checked",
        "patch_checked",
        "pr_opened",
        "merged",
        "reverted",
    ];
    assert_eq!(events, expected, "{entries:#?}");
    let detail = |at: usize, name: &str| entries[at]["details"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(detail(1, "prompt"), digest_of(&prompt.stdout));
    assert_eq!(detail(2, "test"), digest_of(&fs::read(example.file("made")).unwrap()));
    assert_eq!(detail(3, "prompt"), repaired["attempts"][0]["prompt"]);
    assert_eq!((detail(4, "patch"), detail(4, "verdict")), (digest_of(fix.as_bytes()), "accepted".to_owned()));
    assert_eq!((detail(6, "pr"), detail(6, "patch")), (PR.to_owned(), digest_of(fix.as_bytes())));
    assert_eq!(detail(7, "merged_at"), "2026-11-27T10:00:00Z");
    assert_eq!(detail(8, "by"), example.head());
    assert_eq!(detail(0, "document"), detail(2, "document"), "the same evidence all along");

    let verify = ["audit", "verify", "--store", "file:store", "--public-key", "store/signing.pub.pem"];
    done(&example, &verify);
    let third = example.file("store/audit/000000000003.json");
    let mut envelope: Value = serde_json::from_slice(&fs::read(&third).unwrap()).unwrap();
    let payload = data_encoding::BASE64.decode(envelope["payload"].as_str().unwrap().as_bytes()).unwrap();
    let forged =
        String::from_utf8(payload).unwrap().replace("\"not_reconstructed\":\"0\"", "\"not_reconstructed\":\"1\"");
    envelope["payload"] = data_encoding::BASE64.encode(forged.as_bytes()).into();
    fs::write(&third, envelope.to_string()).unwrap();
    let found = run(&example, &verify);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
    assert!(said(&found).contains("audit/000000000003.json"), "{}", said(&found));
}

/// Guarantees: what is to be noted and cannot be is not done; nothing is noted where nobody asked for it.
#[test]
fn without_a_ledger_nothing_is_noted_and_without_its_store_nothing_is_done() {
    let example = recorded(|recording| recording);
    let make = ["test", "make", "bundle.json", "--repo", "repo", "--out", "made"];
    let quiet = example.casefile(&make);
    assert_eq!(quiet.status.code(), Some(0), "{}", said(&quiet));
    assert!(!example.file("store/audit").exists());
    let lost =
        example.casefile(&[&make[..], &["--ledger", "--store", "file:nowhere", "--script", "repro.sh"]].concat());
    assert_eq!(lost.status.code(), Some(1));
    assert!(said(&lost).contains("ledger") && !example.file("repro.sh").exists(), "{}", said(&lost));
}
