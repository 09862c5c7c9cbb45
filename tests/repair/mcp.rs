//! A repair by the tools of the MCP server alone, asked by the protocol's own client: the failing test, and the verdict on a patch.

use std::fs;

use serde_json::{Value, json};

use crate::agent::recorded;
use crate::example::{Example, said};
use crate::flask;
use crate::support::mcp::client;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// What the tools answer to these calls.
fn ask(example: &Example, calls: &Value) -> Vec<Value> {
    let store = format!("file:{}", example.file("store").display());
    let (calls, repo, runner) = (calls.to_string(), example.repo().display().to_string(), flask::runner());
    let server = ["mcp", "--store", &store, "--repo", &repo, "--runner", &runner, "--runs", "2"];
    let found = client(&[&["stdio", &calls, env!("CARGO_BIN_EXE_casefile")], &server[..]].concat());
    found["answers"].as_array().unwrap().clone()
}

#[test]
fn an_agent_makes_the_test_and_has_its_patch_judged_by_tools() {
    let example = recorded(|recording| recording);
    let answers = ask(&example, &json!([["make_test", {"id": TRACE}]]));
    let made = &answers[0]["value"];
    assert_eq!((&made["framework"], &made["missing"]), (&json!("pytest"), &json!([])), "{answers:?}");
    let done = example.casefile(&["test", "make", "bundle.json", "--repo", "repo", "--out", "made"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(made["text"], fs::read_to_string(example.file("made")).unwrap(), "what is shown is what is run");

    let fix = flask::fix(&example);
    let dependency = example.diff(&[("requirements.txt", "", Some("python-dateutil==2.9.0\n"))]);
    let check = |diff: &str, test: Option<&Value>| json!(["check_patch", {"id": TRACE, "diff": diff, "test": test}]);
    let answers = ask(
        &example,
        &json!([
            check(&fix, made.get("text")),
            check(&dependency, None),
            check("no diff", None),
            check(&fix, Some(&json!("def test_of_mine(): pass"))),
        ]),
    );
    let good = &answers[0]["value"];
    assert_eq!((&good["decision"], &good["total"]), (&json!("accepted"), &json!(0)), "{:#}", answers[0]);
    assert_eq!((&good["test_passed"], &good["test_runs"]), (&json!(2), &json!(2)));
    let told = ["test_without_the_patch", "test_with_the_patch_taken_back"].map(|name| good[name].clone());
    assert_eq!(told, [json!("reproduced"), json!("reproduced")]);
    for (at, rule) in [(1, "dependency"), (2, "applies")] {
        let bad = &answers[at]["value"];
        assert_eq!(
            (&bad["decision"], &bad["items"][0]["rule"]),
            (&json!("refused"), &json!(rule)),
            "{:#}",
            answers[at]
        );
        assert!(bad["total"].as_u64().unwrap() >= 1 && bad["next"].is_null(), "{bad:#}");
    }
    assert!(
        answers[3]["error"] == true && answers[3]["text"].as_str().unwrap().contains("casefile-test"),
        "{}",
        answers[3]
    );
    assert_eq!(example.git(&["status", "--porcelain"]), "", "the repository is as it was");
}

/// Scenario: an agent within the sandbox starts the server that its configuration names, and asks it. Guarantees: evidence comes to it by
/// tools, without network.
#[test]
fn an_agent_in_the_sandbox_asks_the_server_that_it_was_told_of() {
    let example = recorded(|recording| recording);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    // What it needs lies where the sandbox shows it.
    let store = example.repo().join(".git/store");
    fs::rename(example.file("store"), &store).unwrap();
    fs::write(example.repo().join(".git/fix.diff"), flask::fix(&example)).unwrap();
    let server = format!(
        "{} mcp --store file:{} --repo {}",
        env!("CARGO_BIN_EXE_casefile"),
        store.display(),
        example.repo().display()
    );
    let read = "import json, os; server = json.load(open(os.environ['CASEFILE_MCP']))['mcpServers']['casefile']; \
                print(server['command'], *server['args'])";
    let agent = format!(
        "server=$(python3 -c \"{read}\") && {python} {client} stdio '[[\"get_repro\", {{\"id\": \"{TRACE}\"}}]]' $server \
         && git apply {fix}",
        python = root.join(".cache/mcp-client/bin/python").display(),
        client = root.join("tests/support/mcp/client.py").display(),
        fix = example.repo().join(".git/fix.diff").display(),
    );
    let done = example.casefile(&["test", "make", "bundle.json", "--repo", "repo", "--out", "made"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let repair = ["repair", "--agent", &agent, "--mcp", &server, "--bundle", "bundle.json", "--test", "made"];
    let done = example.run(&[&repair[..], &["--runs", "1", "--no-suite", "--out", "best.diff", "--json"]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let attempt = &crate::example::json(&done)["attempts"][0];
    assert_eq!(attempt["exit"], 0, "{attempt:#}");
    let told = attempt["said"].as_str().unwrap();
    assert!(told.contains("ts=2025-07-01"), "{told}");
}
