//! Parts of a bundle, forms of answers, differences, what is new, and the same over HTTP: over a store that the binary wrote.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use casefile::agent::{Catalog, serve_api};
use casefile::config::StoreClient;
use casefile::exporter::Store;
use casefile::transport::Security;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::lists::seven;
use super::recording::{Folder, ended, failure, log, logs, span, throwing, trace_id, traces};
use super::support::casefile::command;

const STACK: &str = "Traceback (most recent call last):\n  File \"app/a.py\", line 1, in a\n    b()\n  File \"app/b.py\", line 2, in b\n    c()\n  File \"app/c.py\", line 3, in c\n    raise ValueError(\"no\")\nValueError: no\n";

fn with_frames() -> Folder {
    let folder = Folder::new();
    let root = span(&trace_id(1), "00f067aa0ba902b7", "", "GET /pay", (0, 9), true);
    folder.replay(&[traces("checkout", &[throwing(root, 5, "ValueError", "no", STACK)])]);
    folder
}

#[test]
fn a_part_of_a_bundle_says_how_much_there_is_and_how_to_go_on() {
    let folder = with_frames();
    let part = folder.json(&["bundle", "get", &trace_id(1), "--select", "exception.frames[0:2].func"]);
    assert_eq!(part["value"], serde_json::json!(["c", "b"]));
    assert_eq!((&part["total"], &part["returned"], &part["truncated"]), (&3.into(), &2.into(), &true.into()));
    let rest = folder.json(&["bundle", "get", &trace_id(1), "--select", part["next"].as_str().unwrap()]);
    assert_eq!(
        (&rest["value"], &rest["truncated"], &rest["next"]),
        (&serde_json::json!(["a"]), &false.into(), &Value::Null)
    );

    let (code, said) = ended(&folder.read(&["bundle", "get", &trace_id(1), "--select", "exception.frame"]));
    assert!(code == 1 && said.contains("`frames`"), "{said}");
    let (code, said) = ended(&folder.read(&["bundle", "get", &trace_id(1), "--select", "exception..frames"]));
    assert!(code == 1 && said.contains("is not a path"), "{said}");
}

#[test]
fn every_answer_comes_as_json_yaml_and_markdown() {
    let folder = seven();
    let incident = folder.json(&["incident", "ls", "--json"])["items"][0]["id"].as_str().unwrap().to_owned();
    let trace = trace_id(7);
    for arguments in [
        &["incident", "ls"][..],
        &["incident", "show", &incident],
        &["bundle", "ls"],
        &["bundle", "get", &trace],
        &["bundle", "diff", &trace, &trace_id(4)],
    ] {
        let of = |format: &str| folder.text(&[arguments, &["--format", format]].concat());
        let json: Value = serde_json::from_str(&of("json")).unwrap();
        let yaml: Value = serde_saphyr::from_str(&of("yaml")).unwrap();
        assert_eq!(yaml, json, "{arguments:?}");
        let page = of("markdown");
        assert!(page.lines().any(|line| line.starts_with("# ") || line.starts_with("| ")), "{page}");
    }
}

#[test]
fn what_two_failures_do_not_share_is_told() {
    let folder = Folder::new();
    for (number, message) in [(1, "coupon 10"), (2, "coupon 10%")] {
        let trace = trace_id(number);
        let root = span(&trace, "00f067aa0ba902b7", "", "GET /pay", (number * 100, 9), true);
        let line = |at: u64, text: &str| log(&trace, "00f067aa0ba902b7", number * 100 + at, (9, "INFO"), text);
        folder.replay(&[
            traces("checkout", &[throwing(root, number * 100 + 5, "ValueError", "no", STACK)]),
            logs("checkout", &[line(1, "request begins"), line(2, message)]),
        ]);
    }
    let answer = folder.json(&["bundle", "diff", &trace_id(1), &trace_id(2), "--json"]);
    let items = answer["items"].as_array().unwrap();
    assert_eq!((&answer["total"], &answer["truncated"]), (&2.into(), &false.into()), "{answer}");
    let said: Vec<&Value> =
        items.iter().map(|item| if item["a"].is_null() { &item["b"]["msg"] } else { &item["a"]["msg"] }).collect();
    assert!(said.contains(&&"coupon 10".into()) && said.contains(&&"coupon 10%".into()), "{answer}");
    let first = folder.json(&["bundle", "diff", &trace_id(1), &trace_id(2), "--json", "--limit", "1"]);
    assert_eq!((&first["returned"], &first["truncated"], &first["next"]), (&1.into(), &true.into(), &1.into()));
    let text = folder.text(&["bundle", "diff", &trace_id(1), &trace_id(2), "--limit", "1"]);
    assert!(text.contains("1 of 2 differences; go on with --after 1"), "{text}");
}

#[test]
fn a_watcher_is_told_of_what_comes_and_not_of_what_was_there() {
    let folder = seven();
    let mut watcher = command(folder.root.path())
        .args(["bundle", "watch", "--json", "--interval", "50ms", "--count", "2", "--store", &folder.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    // It says nothing before there is something, so a bundle of each look tells when it has begun.
    let mut number = 8;
    let (sender, told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        while let Some(Ok(line)) = lines.next() {
            sender.send(line).unwrap();
        }
    });
    let mut found = Vec::new();
    while found.len() < 2 && number < 60 {
        folder.replay(&[failure(number, number * 1000, "GET /pay")]);
        number += 1;
        while let Ok(line) = told.recv_timeout(Duration::from_millis(300)) {
            let bundle: Value = serde_json::from_str(&line).unwrap();
            found.push(bundle["trace_id"].as_str().unwrap().to_owned());
        }
    }
    assert!(watcher.wait().unwrap().success());
    reader.join().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|trace| (8..number).any(|number| *trace == trace_id(number))), "{found:?}");

    let all = folder.text(&["bundle", "watch", "--all", "--count", "7", "--json"]);
    assert_eq!(all.lines().count(), 7);
    assert!(all.lines().next().unwrap().contains(&trace_id(1)), "the earliest first: {all}");
}

#[tokio::test]
async fn http_answers_what_the_command_line_answers_as_its_openapi_document_says() {
    let folder = seven();
    let store = Store::open(&folder.url(), StoreClient::plain(&BTreeMap::new(), Duration::from_secs(10))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve_api(listener, Catalog::new(store), Security::default(), stop.clone()));
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let document = get("/openapi.json").await.1;
    let valid = async |path: &str, operation: &str| {
        let (status, answer) = get(path).await;
        assert_eq!(status, 200, "{answer}");
        let pointer =
            format!("/paths/{}/get/responses/200/content/application~1json/schema", operation.replace('/', "~1"));
        let mut schema = serde_json::json!({"components": document["components"]});
        schema.as_object_mut().unwrap().extend(document.pointer(&pointer).unwrap().as_object().unwrap().clone());
        let validator = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<String> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{path}: {faults:?}");
        answer
    };
    let bundles = valid("/v1/bundles?limit=3", "/v1/bundles").await;
    assert_eq!((&bundles["total"], &bundles["returned"], &bundles["truncated"]), (&7.into(), &3.into(), &true.into()));
    let rest = valid(&format!("/v1/bundles?after={}", bundles["next"].as_str().unwrap()), "/v1/bundles").await;
    assert_eq!(rest["items"][0]["trace_id"], trace_id(4));
    let incidents = valid("/v1/incidents", "/v1/incidents").await;
    assert_eq!(incidents, folder.json(&["incident", "ls", "--json"]));
    let id = incidents["items"][0]["id"].as_str().unwrap();
    assert_eq!(valid(&format!("/v1/incidents/{id}"), "/v1/incidents/{id}").await["incident"], incidents["items"][0]);
    let bundle = valid(&format!("/v1/bundles/{}", trace_id(7)), "/v1/bundles/{id}").await;
    assert_eq!(bundle, folder.json(&["bundle", "get", &trace_id(7)]));
    let part = valid(&format!("/v1/bundles/{}?select=trace.spans[0:1].name", trace_id(7)), "/v1/bundles/{id}").await;
    assert_eq!(part["value"], serde_json::json!(["GET /report"]));

    let prompt =
        valid(&format!("/v1/bundles/{}/prompt?for=aider&max_tokens=800", trace_id(7)), "/v1/bundles/{id}/prompt").await;
    assert_eq!(
        prompt["text"],
        folder.text(&["bundle", "render", &trace_id(7), "--for", "aider", "--max-tokens", "800"])
    );
    let path = format!("/v1/bundles/{}/differences/{}?limit=1", trace_id(7), trace_id(6));
    let found = valid(&path, "/v1/bundles/{id}/differences/{other}").await;
    assert_eq!(found, folder.json(&["bundle", "diff", &trace_id(7), &trace_id(6), "--json", "--limit", "1"]));

    let mut watched = client.get(format!("{base}/v1/watch?all=true")).send().await.unwrap();
    assert_eq!(watched.headers()["content-type"], "application/jsonl");
    let mut lines = String::new();
    while lines.lines().filter(|line| !line.is_empty()).count() < 7 {
        lines.push_str(std::str::from_utf8(&watched.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert_eq!(lines, folder.text(&["bundle", "watch", "--all", "--count", "7", "--json"]));
    drop(watched);

    for (path, status) in [
        ("/v1/bundles/00000000000000000000000000000007/prompt?for=nobody", 400),
        ("/v1/bundles/00000000000000000000000000000007/prompt?max_tokens=10", 400),
        ("/v1/bundles/00000000000000000000000000000007/differences/00000000000000000000000000000063", 404),
        ("/v1/bundles/00000000000000000000000000000063", 404),
        ("/v1/incidents/INC-0000000000", 404),
        ("/v1/bundles?after=yesterday", 400),
        ("/v1/bundles/00000000000000000000000000000007?select=a..b", 400),
    ] {
        assert_eq!(get(path).await.0, status, "{path}");
    }
    let of_page =
        client.get(format!("{base}/v1/bundles")).header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(of_page.status(), 403);
    drop(client);
    stop.cancel();
    server.await.unwrap().unwrap();
}
