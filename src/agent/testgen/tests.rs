//! What is written for each framework, out of bundles and repositories of a few lines.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Framework, Made, MakeError, evidence_files, make};
use crate::agent::worktree::{Worktree, WorktreeError};
use crate::model::Bundle;

fn bundle(edit: impl FnOnce(&mut Value)) -> Bundle {
    crate::agent::tests::bundle("b1", |document| {
        document["incident"]["summary"] = json!("it failed");
        edit(document);
    })
}

fn thrown(kind: &str, file: &str, func: &str, locals: &Value) -> Value {
    json!({"type": kind, "message": "m", "causes": [], "stacktrace": null,
           "frames": [{"file": file, "line": 1, "func": func, "module": null, "in_app": true, "locals": locals, "context": null}]})
}

fn post(body: &str) -> Value {
    json!({"protocol": "http", "method": "POST", "url": "https://shop.example/orders?x=1", "status_code": 500, "body": body})
}

/// A repository of these files.
fn repository(files: &[(&str, &str)]) -> (tempfile::TempDir, Worktree) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for line in [vec!["init", "-q"], vec!["add", "-A"], vec!["commit", "-qm", "one"]] {
        let mut git = std::process::Command::new("git");
        let done =
            git.args(["-c", "user.name=a", "-c", "user.email=a@b.test"]).args(line).current_dir(folder.path()).status();
        assert!(done.unwrap().success());
    }
    let tree = Worktree::at(folder.path(), "HEAD").unwrap();
    (folder, tree)
}

fn made(bundle: &Bundle, files: &[(&str, &str)], framework: Framework) -> Result<Made, MakeError> {
    let (_folder, tree) = repository(files);
    make(bundle, &tree, framework, BTreeMap::new())
}

const EXPRESS: &str = "const express = require('express');\nconst app = express();\nmodule.exports = app;\n";

#[test]
fn jest_sends_the_body_to_an_application_of_commonjs() {
    let bundle = bundle(|document| {
        document["exception"] = thrown("TypeError", "/srv/src/app.js", "handler", &json!({}));
        document["repro"]["request"] = post(r#"{"to": "email:E-a4k7tq2mz9a01q8z", "n": 1}"#);
        document["repro"]["env"] = json!({"TZ": "UTC"});
        document["repro"]["time"] = json!("2025-07-01T12:03:00.000000000Z");
    });
    let made = made(&bundle, &[("src/app.js", EXPRESS), ("package.json", "{}")], Framework::Jest).unwrap();
    assert_eq!(made.about.path, Path::new("tests/casefile-inc-7k2m9q4t1x.test.js"));
    assert_eq!(made.missing, Vec::<String>::new());
    for part in [
        r#"const app = require("../src/app.js");"#,
        r#"body: "{\"n\":1,\"to\":\"e-z8q10a9z@example.test\"}""#,
        r#"["content-type"]: "application/json""#,
        r#"["target"]: "/orders?x=1""#,
        "jest.useFakeTimers({ now: new Date(\"2025-07-01T12:03:00.000000000Z\")",
        r#"process.env["TZ"] = "UTC";"#,
    ] {
        assert!(made.text.contains(part), "{part} is not in\n{}", made.text);
    }
}

#[test]
fn nothing_that_telemetry_says_becomes_code() {
    let attack = "x\n*/ steal() /*\u{2028}steal()\"'`${steal()}\u{202e}";
    let bundle = bundle(|document| {
        document["incident"]["summary"] = json!(attack);
        document["exception"] = thrown(attack, "src/app.js", attack, &json!({}));
        document["repro"]["request"] = post(attack);
        document["repro"]["request"]["headers"] = json!({attack: attack, "x-a": attack});
        document["repro"]["env"] = json!({attack: attack});
    });
    let python = [("app.py", "from flask import Flask\napp = Flask('a')\n")];
    let javascript = [("src/app.js", EXPRESS), ("package.json", "{}")];
    for (framework, files) in
        [(Framework::Pytest, &python[..]), (Framework::Vitest, &javascript), (Framework::Jest, &javascript)]
    {
        let made = made(&bundle, files, framework).unwrap();
        let sign = if framework == Framework::Pytest { "#" } else { "//" };
        for line in
            made.text.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}']).filter(|line| line.contains("steal"))
        {
            let before = line.split("steal").next().unwrap();
            let is_comment = line.trim_start().starts_with(sign) || line.trim_start().starts_with("\"\"\"");
            let is_quoted = before.replace("\\\"", "").matches('"').count() % 2 == 1;
            assert!(is_comment || is_quoted, "{framework:?}: {line}");
        }
        assert!(!made.text.contains('\u{202e}'));
    }
}

#[test]
fn arguments_of_the_frame_are_given_where_there_is_no_request() {
    let locals = json!({"count": 3, "name": "Ada", "other": {"a": 1}});
    let of = |file: &str, func: &str| bundle(|document| document["exception"] = thrown("E", file, func, &locals));
    let python = [("shop/cart.py", "def total(count, name):\n    return 1\n")];
    let text = made(&of("/srv/shop/cart.py", "total"), &python, Framework::Pytest).unwrap().text;
    assert!(
        text.contains("from shop.cart import total\n") && text.contains("    total(count=3, name=\"Ada\")\n"),
        "{text}"
    );

    let typed = [("src/cart.ts", "export function total(count: number, name?: string) {}\n")];
    let text = made(&of("src/cart.ts", "total"), &typed, Framework::Vitest).unwrap().text;
    assert!(
        text.contains("const { total } = await import(\"../src/cart.ts\");")
            && text.contains("await total(3, \"Ada\");"),
        "{text}"
    );

    let go = [("cart/cart.go", "package cart\n\nfunc Total(count int, name string) int {\n\treturn 1\n}\n")];
    let text = made(&of("example.org/shop/cart/cart.go", "cart.Total"), &go, Framework::Go).unwrap().text;
    assert!(text.contains("package cart\n") && text.contains("\tTotal(3, \"Ada\")\n"), "{text}");

    let rust = [
        ("Cargo.toml", "[package]\nname = \"my-shop\"\n"),
        ("src/lib.rs", ""),
        ("src/cart.rs", "pub fn total(count: u32, name: &str) {}\n"),
    ];
    let text = made(&of("src/cart.rs", "my_shop::cart::total"), &rust, Framework::Cargo).unwrap().text;
    assert!(text.contains("drop(my_shop::cart::total(3, \"Ada\"));"), "{text}");

    let java = [(
        "src/main/java/shop/Cart.java",
        "package shop;\nclass Cart {\n  public static int total(int count, String name) { return 1; }\n}\n",
    )];
    let text = made(&of("Cart.java", "total"), &java, Framework::Junit).unwrap().text;
    assert!(text.contains("package shop;") && text.contains("Cart.total(3, \"Ada\");"), "{text}");

    let missing = [("shop/cart.py", "def total(count, price):\n    return 1\n")];
    let missing = made(&of("shop/cart.py", "total"), &missing, Framework::Pytest).unwrap().missing;
    assert_eq!(missing, ["argument: `price` of total was not recorded"]);
}

#[test]
fn a_message_is_given_to_the_function_that_took_it() {
    let of = |body: Value| {
        bundle(|document| {
            document["exception"] = thrown("KeyError", "worker.py", "handle", &json!({}));
            document["repro"]["request"] =
                json!({"protocol": "messaging", "method": "process", "url": "orders", "body": body});
            document["logs"]["window"] = json!([{"time": "t", "level": "INFO", "msg": "got {\"id\": 7} from orders", "service": "s",
                                                 "span_id": null, "attrs": {}, "count": 1}]);
        })
    };
    let files = [("worker.py", "def handle(message):\n    return message['x']\n")];
    let text = made(&of(json!("{\"id\": [1, null]}")), &files, Framework::Pytest).unwrap().text;
    assert!(text.contains("    handle({\"id\": [1, None]})\n"), "{text}");
    let from_log = made(&of(Value::Null), &files, Framework::Pytest).unwrap();
    assert!(from_log.text.contains("    handle({\"id\": 7})\n"), "{}", from_log.text);
    assert!(from_log.notes.iter().any(|note| note.contains("log line 1")), "{:?}", from_log.notes);
}

#[test]
fn spring_and_axum_are_asked_in_their_own_way() {
    let bundle = bundle(|document| {
        document["exception"] = thrown("java.lang.IllegalStateException", "Orders.java", "place", &json!({}));
        document["repro"]["request"] = post("{}");
    });
    let java = [("src/main/java/shop/App.java", "package shop;\n@SpringBootApplication\nclass App {}\n")];
    let text = made(&bundle, &java, Framework::Junit).unwrap().text;
    assert!(
        text.contains("@AutoConfigureMockMvc")
            && text.contains("HttpMethod.valueOf(\"POST\"), URI.create(\"/orders?x=1\")"),
        "{text}"
    );
    let rust = [
        ("Cargo.toml", "[package]\nname = \"shop\"\n[dev-dependencies]\ntower = \"0.5\"\n"),
        ("src/lib.rs", "pub fn app() -> axum::Router { todo!() }\n"),
    ];
    let text = made(&bundle, &rust, Framework::Cargo).unwrap().text;
    assert!(text.contains("shop::app().oneshot(request)"), "{text}");
    let none = made(&bundle, &[("a.txt", "")], Framework::Junit).unwrap_err();
    assert!(none.to_string().contains("entry: the repository has no @SpringBootApplication"), "{none}");
}

#[test]
fn a_slow_call_becomes_a_budget_whose_stubs_take_their_time() {
    let span = |id: &str, kind: &str, millis: f64, attrs: Value| {
        json!({"span_id": id, "parent_span_id": null, "service": "checkout", "name": "n", "kind": kind, "status": "unset",
               "start": "2025-07-01T12:03:00.000000000Z", "duration_ms": millis, "attrs": attrs})
    };
    let bundle = bundle(|document| {
        document["incident"]["class"] = json!("performance");
        document["repro"]["request"] = json!({"protocol": "http", "method": "GET", "url": "/slow"});
        document["trace"]["span_path"] = json!([span("000000000000000a", "server", 800.0, json!({}))]);
        let call =
            json!({"http.request.method": "GET", "url.full": "http://stock/1", "http.response.status_code": 200});
        let query = json!({"db.system.name": "postgresql"});
        document["trace"]["spans"] =
            json!([span("000000000000000b", "client", 120.0, call), span("000000000000000c", "client", 5.0, query)]);
        document["environment"]["feature_flags"] = json!({"fast": {"result.value": true}});
    });
    let files =
        [("app.py", "from fastapi import FastAPI\napp = FastAPI()\n"), ("requirements.txt", "openfeature-sdk\n")];
    let made = made(&bundle, &files, Framework::Pytest).unwrap();
    for part in [
        "assert took <= 400",
        "\"url\": \"http://stock/1\", \"status\": 200, \"body\": \"\", \"seconds\": 0.12}",
        "\"fast\": InMemoryFlag(\"recorded\", {\"recorded\": True})",
        "TestClient(app)",
    ] {
        assert!(made.text.contains(part), "{part} is not in\n{}", made.text);
    }
    assert!(!made.text.contains("    _freeze(monkeypatch"), "a budget needs a clock that runs");
    let missing = made.missing.join("\n");
    assert!(missing.contains("answer to GET http://stock/1: its body") && missing.contains("postgresql"), "{missing}");
}

#[test]
fn evidence_names_files_of_the_repository_alone() {
    let bundle = bundle(|document| document["exception"] = thrown("E", "/srv/app/shop/cart.py", "total", &json!({})));
    let (_folder, tree) = repository(&[("shop/cart.py", "x"), ("cart.py", "y")]);
    assert_eq!(evidence_files(&bundle, &tree).unwrap().into_iter().collect::<Vec<_>>(), ["shop/cart.py"]);
}

#[test]
fn a_tree_lets_no_path_out_and_leaves_the_repository_alone() {
    let (folder, tree) = repository(&[("a/b.txt", "one\n")]);
    for outside in ["../x", "/etc/passwd", ".git/config", "a/../../x"] {
        assert!(matches!(tree.within(Path::new(outside)), Err(WorktreeError::Outside(_))), "{outside}");
    }
    std::os::unix::fs::symlink("/etc", tree.path().join("link")).unwrap();
    assert!(tree.within(Path::new("link/passwd")).is_err(), "a link that leads out");
    assert!(tree.write(Path::new("link/x"), "").is_err());
    fs::remove_file(tree.path().join("link")).unwrap();

    let diff = "--- a/a/b.txt\n+++ b/a/b.txt\n@@ -1 +1 @@\n-one\n+two\n";
    tree.apply(diff).unwrap();
    assert_eq!(tree.read(Path::new("a/b.txt")).unwrap(), "two\n");
    assert!(tree.apply(diff).is_err(), "it does not apply twice");
    assert!(tree.diff().unwrap().contains("+two"));
    tree.revert(diff).unwrap();
    assert_eq!(tree.diff().unwrap(), "");
    tree.write(Path::new("new/c.txt"), "x").unwrap();
    tree.reset().unwrap();
    assert!(!tree.path().join("new").exists());
    assert_eq!(fs::read_to_string(folder.path().join("a/b.txt")).unwrap(), "one\n");
    assert!(matches!(Worktree::at(folder.path(), "ffffffff"), Err(WorktreeError::NoCommit(_))));
    assert!(matches!(Worktree::at(folder.path(), "--upload-pack=x"), Err(WorktreeError::NoCommit(_))));
    assert!(matches!(Worktree::at(Path::new("/proc"), "HEAD"), Err(WorktreeError::NoRepository(_))));
}
