//! The MCP server, asked by the protocol's own client: every tool over stdin and stdout and by HTTP.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::recording::Folder;
use super::repository::{Repository, SECRET};
use super::support::casefile::command;
use super::support::mcp::client;

const TOOLS: [&str; 10] = [
    "list_incidents",
    "get_incident",
    "get_bundle",
    "get_trace",
    "get_logs",
    "get_code",
    "get_repro",
    "get_redaction_report",
    "make_test",
    "check_patch",
];

fn calls(incident: &str, trace: &str) -> Value {
    json!([
        ["list_incidents", {}],
        ["get_incident", {"id": incident}],
        ["get_bundle", {"id": trace, "select": "exception.frames[0:1]"}],
        ["get_bundle", {"id": trace}],
        ["get_trace", {"id": trace}],
        ["get_logs", {"id": trace, "limit": 2}],
        ["get_code", {"id": trace}],
        ["get_code", {"id": trace, "file": ".env"}],
        ["get_repro", {"id": trace}],
        ["get_redaction_report", {"id": trace}],
        ["make_test", {"id": trace}],
        ["check_patch", {"id": trace, "diff": ""}],
        ["get_incident", {"id": "INC-0000000000"}],
        ["get_bundle", {"id": trace, "select": "exception.frame"}],
    ])
}

/// What every client has to be told, whatever it came by.
fn judge(found: &Value) {
    assert_eq!(found["server"], "casefile");
    let names: Vec<&str> =
        found["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, TOOLS);
    for tool in found["tools"].as_array().unwrap() {
        assert!(tool["schema"]["type"] == "object" && tool["description"].as_str().unwrap().len() > 20, "{tool}");
        let runs_code = ["make_test", "check_patch"].contains(&tool["name"].as_str().unwrap());
        assert_eq!(tool["read_only"], !runs_code, "{tool}");
    }
    let answers = found["answers"].as_array().unwrap();
    for answer in &answers[..12] {
        let value = &answer["value"];
        if answer["error"] == true {
            continue;
        }
        for field in ["total", "returned", "truncated", "next"] {
            assert!(value.get(field).is_some(), "{field} of {answer}");
        }
        let text = answer["text"].as_str().unwrap();
        assert!(!text.contains("</evidence>") && !text.contains(SECRET) && !text.contains("hunter2"), "{text}");
    }
    let value = |at: usize| &answers[at]["value"];
    assert_eq!(value(0)["total"], 1);
    assert_eq!(value(1)["failure"]["frames"][0], "parse_report /srv/app/handlers/report.py:8");
    assert!(value(1)["ask_next"].as_array().unwrap().iter().any(|ask| ask.as_str().unwrap().starts_with("get_code")));
    assert_eq!(
        (&value(2)["total"], &value(2)["truncated"], &value(2)["next"]),
        (&json!(2), &json!(true), &json!("exception.frames[1:2]"))
    );
    assert!(value(3)["items"].as_array().unwrap().iter().any(|part| part["select"] == "logs"));
    assert_eq!(value(4)["items"][0]["name"], "GET /report");
    assert_eq!((&value(5)["total"], &value(5)["returned"], &value(5)["next"]), (&json!(3), &json!(2), &json!(2)));
    assert!(value(5)["items"][0]["msg"].as_str().unwrap().starts_with("paid by email:E-"));
    let code = &value(6)["code"];
    assert!(code["parts"][0]["text"].as_str().unwrap().contains("def parse_report"), "{code}");
    assert!(answers[7]["error"] == true && answers[7]["text"].as_str().unwrap().contains("blocked"), "{}", answers[7]);
    assert_eq!(value(8)["repro"]["request"]["method"], "GET");
    assert_eq!(value(9)["edits"], 1);
    assert_eq!((&value(10)["framework"], &value(10)["missing"]), (&json!("pytest"), &json!([])), "{}", answers[10]);
    assert!(value(10)["text"].as_str().unwrap().contains("GET") && value(10)["path"].is_string(), "{}", answers[10]);
    assert_eq!((&value(11)["decision"], &value(11)["items"][0]["rule"]), (&json!("refused"), &json!("empty")));
    for (at, said) in [(12, "INC-0000000000"), (13, "`frames`")] {
        assert!(
            answers[at]["error"] == true && answers[at]["text"].as_str().unwrap().contains(said),
            "{}",
            answers[at]
        );
    }
}

#[test]
fn a_real_client_lists_and_calls_every_tool_over_stdio_and_over_http() {
    let folder = Folder::new();
    let repository = Repository::new(folder.root.path());
    let trace = repository.fail(&folder);
    let incident = folder.json(&["incident", "ls", "--json"])["items"][0]["id"].as_str().unwrap().to_owned();
    let (calls, url, repo) =
        (calls(&incident, &trace).to_string(), folder.url(), repository.folder.display().to_string());
    let server = ["mcp", "--store", &url, "--repo", &repo];
    let binary = env!("CARGO_BIN_EXE_casefile");
    judge(&client(&[&["stdio", &calls, binary], &server[..]].concat()));

    let mut served = command(folder.root.path())
        .args(server)
        .args(["--http", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(served.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let url = said.trim().rsplit(' ').next().unwrap().to_owned();
    judge(&client(&["http", &calls, &url]));

    let post = |header: &str, value: &str| {
        let port = url.rsplit(':').next().unwrap().trim_end_matches("/mcp").parse().unwrap();
        let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let headers =
            [("content-type", "application/json"), ("accept", "application/json, text/event-stream"), (header, value)];
        super::support::http::post(port, "/mcp", &headers, body).unwrap().status
    };
    assert_eq!(post("origin", "https://evil.example"), 403, "a page of another machine");
    assert_ne!(post("origin", "http://localhost:3000"), 403, "a page of this machine");
    served.kill().unwrap();
    served.wait().unwrap();
}

/// Guarantees: what needs a repository says so where the server was told of none.
#[test]
fn without_a_repository_the_tools_that_need_one_say_so() {
    let folder = Folder::new();
    let trace = Repository::new(folder.root.path()).fail(&folder);
    let calls =
        json!([["get_code", {"id": trace}], ["make_test", {"id": trace}], ["check_patch", {"id": trace, "diff": "x"}]]);
    let found = client(&["stdio", &calls.to_string(), env!("CARGO_BIN_EXE_casefile"), "mcp", "--store", &folder.url()]);
    for answer in found["answers"].as_array().unwrap() {
        assert!(answer["error"] == true && answer["text"].as_str().unwrap().contains("--repo"), "{answer}");
    }
}

#[test]
fn an_incident_is_told_in_two_thousand_tokens_whatever_stands_in_it() {
    use super::recording::{span, throwing, trace_id, traces};
    let folder = Folder::new();
    let long = "🦀 ".repeat(3000);
    let frames: String = (0..200)
        .map(|at| {
            format!("  File \"/srv/{}{at}.py\", line {at}, in {}{at}\n    f()\n", "d/".repeat(200), "f".repeat(300))
        })
        .collect();
    let stack = format!("Traceback (most recent call last):\n{frames}ValueError: {long}\n");
    let root = span(&trace_id(1), "00f067aa0ba902b7", "", &long, (0, 9), true);
    folder.replay(&[traces("checkout", &[throwing(root, 5, "ValueError", &long, &stack)])]);
    let id = folder.json(&["incident", "ls", "--json"])["items"][0]["id"].as_str().unwrap().to_owned();
    let calls = json!([["get_incident", {"id": id}]]).to_string();
    let found = client(&["stdio", &calls, env!("CARGO_BIN_EXE_casefile"), "mcp", "--store", &folder.url()]);
    let text = found["answers"][0]["text"].as_str().unwrap();
    let tokens = tiktoken::get_encoding("o200k_base").unwrap().count(text);
    assert!(tokens <= 2000, "{tokens} tokens: {text}");
    assert!(text.contains("ValueError"), "{text}");
}
