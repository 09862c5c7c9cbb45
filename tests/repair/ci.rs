//! The steps of the GitHub action and of the GitLab job, run as they are written, with `gh` and `glab` replaced.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::agent::recorded;
use crate::example::{Example, said};
use crate::flask;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

fn document(path: &str) -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// A checkout with a remote, an agent that knows the fix, and programs that write down what they were told to do.
fn checkout() -> Example {
    let example = recorded(|recording| recording);
    let remote = example.file("remote.git").display().to_string();
    example.git(&["init", "--quiet", "--bare", &remote]);
    example.git(&["remote", "add", "origin", &remote]);
    fs::write(example.repo().join(".git/fix.diff"), flask::fix(&example)).unwrap();
    let bin = example.file("bin");
    fs::create_dir(&bin).unwrap();
    let write_down = |name: &str| {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >{}\necho https://git.example.org/shop/7\n",
            example.file(name).display()
        );
        fs::write(bin.join(name), script).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    write_down("gh");
    write_down("glab");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_casefile"), bin.join("casefile")).unwrap();
    example
}

fn shell(example: &Example, script: &str, env: &BTreeMap<String, String>) -> Output {
    let path = format!("{}:{}", example.file("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    // As GitHub runs `shell: bash`.
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(example.repo());
    command.env("PATH", path).envs(env).output().unwrap()
}

/// What was pushed is the fix and its test, on a branch of its own.
fn pushed(example: &Example) {
    let remote = example.file("remote.git").display().to_string();
    let range = format!("{}..casefile/{TRACE}", example.head());
    let files = example.git(&["--git-dir", &remote, "log", "--name-only", "--format=", &range]);
    assert!(files.contains("app/handlers/report.py") && files.lines().count() == 2, "{files}");
}

/// Each step noted what it did, signed.
fn noted(example: &Example) {
    let listed = example.casefile(&["audit", "ls", "--store", "file:store", "--json"]);
    let page: Value = serde_json::from_slice(&listed.stdout).unwrap_or_else(|_| panic!("{}", said(&listed)));
    let entries = page["items"].as_array().unwrap();
    let events: Vec<&str> = entries.iter().rev().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["test_made", "rendered", "patch_checked", "patch_checked", "pr_opened"], "{page:#}");
    assert_eq!(entries[0]["details"]["pr"], "https://git.example.org/shop/7");
    let verified =
        example.casefile(&["audit", "verify", "--store", "file:store", "--public-key", "store/signing.pub.pem"]);
    assert!(verified.status.success(), "{}", said(&verified));
}

#[test]
fn the_steps_of_the_action_open_a_pull_request() {
    let example = checkout();
    let action = document("deploy/github-action/action.yml");
    let agent = format!("git apply {}/.git/fix.diff", example.repo().display());
    let options = format!("--runner '{}'", flask::runner());
    let given = [
        ("bundle", TRACE.to_owned()),
        ("store", format!("file:{}", example.file("store").display())),
        ("public-key", fs::read_to_string(example.file("store/signing.pub.pem")).unwrap()),
        ("agent", agent),
        ("options", options),
        ("runs", "2".to_owned()),
        ("ledger-key", fs::read_to_string(example.file("store/signing.pem")).unwrap()),
    ];
    let mut inputs: BTreeMap<&str, String> = BTreeMap::new();
    for (name, input) in action["inputs"].as_object().unwrap() {
        let value = given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
        assert!(value.is_some() || input["default"].is_string(), "{name} has neither a default nor a value here");
        inputs.insert(name, value.unwrap_or_else(|| input["default"].as_str().unwrap().to_owned()));
    }
    let mut outputs = String::new();
    let told = example.file("outputs");
    for step in action["runs"]["steps"].as_array().unwrap() {
        let name = step["name"].as_str().unwrap();
        let script = step["run"].as_str().unwrap();
        assert!(
            !script.contains("${{"),
            "{name}: what is given to a script comes by its environment, not into its text"
        );
        let mut env = BTreeMap::from([
            ("RUNNER_TEMP".to_owned(), example.file("runner").display().to_string()),
            ("GITHUB_OUTPUT".to_owned(), told.display().to_string()),
        ]);
        for (key, value) in step["env"].as_object().into_iter().flatten() {
            let expression = value.as_str().unwrap().trim_start_matches("${{ ").trim_end_matches(" }}");
            let output = |key: &str| {
                let found = outputs.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
                found.unwrap_or_else(|| panic!("{name}: no output {key}")).to_owned()
            };
            let value = match expression.split_once("outputs.") {
                Some((_, key)) => output(key),
                None => inputs[expression.strip_prefix("inputs.").unwrap()].clone(),
            };
            env.insert(key.clone(), value);
        }
        let done = shell(&example, script, &env);
        assert!(done.status.success(), "{name}: {}", said(&done));
        outputs = fs::read_to_string(&told).unwrap_or_default();
    }
    let asked = fs::read_to_string(example.file("gh")).unwrap();
    assert!(
        asked.starts_with("pr\ncreate\n--base\nmain\n") && asked.contains("\nFix ValueError in report.parse"),
        "{asked}"
    );
    assert!(asked.contains("## Root cause"), "{asked}");
    assert!(!asked.contains("--draft"), "{asked}");
    pushed(&example);
    noted(&example);
    assert!(!example.file("runner/casefile/ledger.pem").exists(), "the key is gone with each step");

    // A bundle that somebody else signed stops it at once.
    let first = &action["runs"]["steps"][0];
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
    let env = BTreeMap::from([
        ("RUNNER_TEMP".to_owned(), example.file("other").display().to_string()),
        ("BUNDLE".to_owned(), TRACE.to_owned()),
        ("STORE".to_owned(), inputs["store"].clone()),
        ("PUBLIC_KEY".to_owned(), other.to_owned()),
    ]);
    let done = shell(&example, first["run"].as_str().unwrap(), &env);
    assert!(!done.status.success(), "{}", said(&done));
}

#[test]
fn the_job_for_gitlab_opens_a_merge_request() {
    let example = checkout();
    let job = &document("deploy/gitlab/casefile.gitlab-ci.yml")["casefile-repair"];
    let key = example.file("store/signing.pub.pem").display().to_string();
    let agent = format!("git apply {}/.git/fix.diff", example.repo().display());
    // Words that GitLab's shell divides: the runner's are one.
    let runner = example.repo().join(".git/runner");
    fs::write(&runner, format!("#!/bin/sh\nexec {} \"$@\"\n", flask::runner())).unwrap();
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o755)).unwrap();
    let env: BTreeMap<String, String> = [
        ("BUNDLE", TRACE.to_owned()),
        ("STORE", format!("file:{}", example.file("store").display())),
        ("PUBLIC_KEY", key),
        ("AGENT", agent),
        ("RUNS", "1".to_owned()),
        ("OPTIONS", format!("--no-suite --runner {}", runner.display())),
        ("CI_DEFAULT_BRANCH", "main".to_owned()),
        ("CASEFILE_SIGNING_KEY_FILE", example.file("store/signing.pem").display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let script: Vec<&str> = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let done = shell(&example, &script.join("\n"), &env);
    assert!(done.status.success(), "{}", said(&done));
    let asked = fs::read_to_string(example.file("glab")).unwrap();
    assert!(asked.starts_with("mr\ncreate\n") && asked.contains("## Root cause"), "{asked}");
    pushed(&example);
    noted(&example);
}
