//! `typescript-express`: an Express service reads a profile of version 2, whose name may be null, as one of version 1.

use std::process::Command;

use serde_json::{Value, json};

use crate::judge;
use crate::service::{self, Service, line_of};
use crate::support::casefile::{Home, Settings};
use crate::support::http;

/// Starts the service; `profiles` is the port of the service that it asks for customers.
pub(crate) fn start(otlp: u16, profiles: u16) -> Service {
    let mut command = Command::new(service::installed("tools/bin/casefile-test-node"));
    let folder = service::installed("typescript-express");
    command.args(["--import", "./src/telemetry.ts", "src/main.ts"]).current_dir(folder);
    command.env("PROFILES_URL", format!("http://127.0.0.1:{profiles}"));
    Service::start("orders", command, otlp)
}

#[test]
fn a_null_in_a_payload_of_a_typescript_service_becomes_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "2s", ..Settings::default() });
    let mut casefile = home.start();
    let orders = start(home.http, 0);
    let import = |payload: &Value| {
        http::post_json(orders.port, "/profiles/import?source=crm", payload.to_string().as_bytes()).unwrap()
    };
    assert_eq!(import(&json!({"version": 1, "name": " Ada ", "plan": "team"})).status, 200);
    let failed = import(&json!({"version": 2, "name": null, "plan": "team"}));
    assert_eq!(failed.status, 500);
    orders.end();
    let bundle = judge::the_bundle(&home, &mut casefile, failed.header("X-Trace-Id").unwrap());
    judge::identity(&bundle, "nodejs", "orders");
    assert_eq!(bundle["environment"]["runtime"]["name"], "nodejs");
    check_exception(&bundle);
    check_trace(&bundle);
    let expected = [
        ("info", "profile of version 2 received"),
        ("warn", "profile of version 2 is read as version 1"),
        ("error", "request failed"),
    ];
    assert_eq!(judge::log_lines(&bundle), expected);

    let repro = &bundle["repro"];
    assert_eq!(repro["inputs"], json!({"source": "crm"}));
    let request = &repro["request"];
    assert_eq!((&request["method"], &request["route"]), (&json!("POST"), &json!("/profiles/import")));
    assert_eq!(request["status_code"], 500);
    assert!(request["url"].as_str().unwrap().ends_with("/profiles/import?source=crm"), "{request}");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"version": 2, "name": null, "plan": "team"}));
    let command = repro["command"].as_array().unwrap();
    assert!(command.last().unwrap().as_str().unwrap().ends_with("src/main.ts"), "{command:?}");
    casefile.stop();
}

fn check_exception(bundle: &Value) {
    let exception = &bundle["exception"];
    assert_eq!(exception["type"], "TypeError");
    assert_eq!(exception["message"], "Cannot read properties of null (reading 'trim')");
    let own = judge::own_frames(exception);
    assert_eq!(own.len(), 2, "no frame of Node or of a package: {own:?}");
    let (func, file, line) = own[0];
    assert_eq!(func, "parseProfile");
    assert!(file.starts_with("file:///") && file.ends_with("/src/profile.ts"), "{file}");
    assert_eq!(line, line_of("typescript-express/src/profile.ts", "payload.name.trim()"));
    let (func, file, line) = own[1];
    assert_eq!(func, "", "the handler has no name");
    assert!(file.ends_with("/src/app.ts"), "{file}");
    assert_eq!(line, line_of("typescript-express/src/app.ts", "response.json(parseProfile(payload))"));
    assert_eq!(exception["frames"][0]["func"], "parseProfile", "innermost first");
    assert_eq!(exception["frames"][0]["column"], 24);
    let raised = &bundle["suspects"][0];
    assert_eq!((&raised["kind"], &raised["at"]), (&json!("crash_site"), &json!("/exception/frames/0")));
}

fn check_trace(bundle: &Value) {
    let path = bundle["trace"]["span_path"].as_array().unwrap();
    let names: Vec<_> = path.iter().map(|span| &span["name"]).collect();
    assert_eq!(names, ["POST /profiles/import", "request handler"], "the handler's span is where it failed");
    assert_eq!(path[0]["kind"], "server");
    assert_eq!(path[0]["attrs"]["http.route"], "/profiles/import");
    assert_eq!(path[1]["attrs"]["http.route"], "/profiles/import");
    let spans = bundle["trace"]["spans"].as_array().unwrap();
    let middleware = spans.iter().filter(|span| span["name"].as_str().unwrap().starts_with("middleware - ")).count();
    assert_eq!((spans.len(), middleware), (4, 2), "{spans:?}");
}
