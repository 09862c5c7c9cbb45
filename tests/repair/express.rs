//! `typescript-express`: a name that is null.

use std::process::Command;

use serde_json::json;

use crate::example::Example;
use crate::service::{Service, installed};
use crate::support::http;

const PROFILE: &str = "src/profile.ts";
const FAULT: &str = "    name: payload.name.trim(),\n";
const FIX: &str = "    name: payload.name?.trim() ?? '',\n";

#[test]
fn a_failing_request_of_typescript_becomes_a_test_that_the_fix_alone_passes() {
    let node = installed("tools/bin/casefile-test-node");
    let packages = installed("repair-typescript/node_modules");
    let options = ["--runner".to_owned(), format!("{} node_modules/vitest/vitest.mjs", node.display())];
    let example = Example::new(&["e2e/typescript-express", "repair/typescript"], &options);
    std::fs::write(example.repo().join(".git/info/exclude"), "/node_modules\n").unwrap();
    std::os::unix::fs::symlink(packages, example.repo().join("node_modules")).unwrap();
    let bundle = example.fail(|port, _| {
        let mut command = Command::new(&node);
        command.args(["--import", "./src/telemetry.ts", "src/main.ts"]).current_dir(example.repo());
        let orders = Service::start_at("orders", command, port, &example.head());
        let import = |payload: serde_json::Value| {
            http::post_json(orders.port, "/profiles/import?source=crm", payload.to_string().as_bytes()).unwrap()
        };
        assert_eq!(import(json!({"version": 1, "name": " Ada ", "plan": "team"})).status, 200);
        let failed = import(json!({"version": 2, "name": null, "plan": "team"}));
        assert_eq!(failed.status, 500);
        orders.end();
        failed.header("X-Trace-Id").unwrap().to_owned()
    });
    assert_eq!(bundle["commit_sha"], example.head().as_str());

    let made = example.make_and_verify();
    assert_eq!(made["framework"], "vitest");
    example.accepts(&example.diff(&[(PROFILE, FAULT, Some(FIX))]), &[]);

    let with = |edit: (&str, &str, Option<&str>)| example.diff(&[(PROFILE, FAULT, Some(FIX)), edit]);
    example.refuses("test_deleted", &with(("tests/profile.test.ts", "", None)));
    example.refuses("unrelated_file", &with(("src/telemetry.ts", "sdk.start();", Some("sdk.start(); // at once"))));
    example
        .refuses("dependency", &with(("package.json", "\"pino\":", Some("\"lodash\": \"4.17.21\",\n    \"pino\":"))));
    example.refuses("size", &with((PROFILE, "", Some(&"// more\n".repeat(200)))));
    let silent = "export function parseProfile(payload: Profile): Profile {\n  if (!payload?.name) {\n    return payload;\n  }\n";
    let silence = [(PROFILE, "export function parseProfile(payload: Profile): Profile {\n", Some(silent))];
    let verdict = example.refuses("suite_broken", &example.diff(&silence));
    let broken = verdict["findings"][0]["message"].as_str().unwrap();
    assert!(broken.contains("what is no profile is refused"), "{broken}");
    example.refuses("empty", "");
}
