//! Tests of the redactor.

mod actions;
mod attributes;
mod bundles;
mod databases;
mod emails;
mod fields;
mod keys;
mod national;
mod personal;
mod secrets;
mod templates;
mod texts;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{RedactedCase, Redactor};
use crate::config::RedactionProcessor;
use crate::model::{Bundle, Case, Ledger, Outcome, RootKey, Timestamp, TraceId};

fn root() -> RootKey {
    RootKey::parse(&"5a".repeat(32)).unwrap()
}

/// The default rules, compiled once for all tests.
static DEFAULT: LazyLock<Redactor> = LazyLock::new(|| with(RedactionProcessor::default()));

struct Shared;

impl std::ops::Deref for Shared {
    type Target = Redactor;

    fn deref(&self) -> &Redactor {
        &DEFAULT
    }
}

fn redactor() -> Shared {
    Shared
}

fn with(config: RedactionProcessor) -> Redactor {
    Redactor::compile(&config, "t", &root()).unwrap()
}

fn case(bundle: Bundle) -> Case {
    Case {
        tenant: "default".to_owned(),
        trace_id: TraceId([1; 16]),
        bundle,
        records: Vec::new(),
        loose: Vec::new(),
        failed_at: Timestamp(0),
        tracked: std::sync::Arc::new(Ledger::default()).accept(1),
    }
}

fn settled(redacted: RedactedCase) -> Bundle {
    let parts = redacted.into_parts();
    parts.tracked.settle(Outcome::Bundled);
    parts.bundle
}

fn redact(redactor: &Redactor, bundle: Bundle) -> Bundle {
    match redactor.redact(case(bundle)) {
        Ok(redacted) => settled(redacted),
        Err(error) => {
            let reason = error.reason.clone();
            error.tracked.settle(Outcome::NotSampled);
            panic!("{reason}")
        }
    }
}

/// A bundle that has something in every field.
fn full() -> Value {
    let span = json!({
        "span_id": "00f067aa0ba902b7", "parent_span_id": null, "service": "checkout", "name": "GET /report", "kind": "server",
        "status": "error", "status_message": "failed", "start": "2025-07-01T12:03:00.000000000Z", "duration_ms": 12.5,
        "attrs": {"http.request.method": "GET", "http.response.status_code": 500, "url.path": "/report"},
        "events": [{"time": "2025-07-01T12:03:00.000000001Z", "name": "retry", "attrs": {"exception.message": "again"}}],
    });
    let frame = json!({
        "file": "app/handlers/report.py", "line": 214, "func": "parse_report", "module": "app.handlers.report", "in_app": true,
        "locals": {"raw": "2025-07-01 12:03"}, "context": "return datetime.strptime(raw, FORMAT)",
    });
    let attachments = json!([{"name": "junit.xml", "kind": "junit", "digest": "hmac-sha256:b1946ac92492d2347c6235b4d2611184", "size": 900,
        "sha256": "sha256:591785b794601e212b260e25925636fd591785b794601e212b260e25925636fd",
        "service": "checkout", "span_id": "00f067aa0ba902b7", "text": "some text",
        "tests": {"total": 3, "passed": 2, "failed": 1, "errors": 0, "skipped": 0, "flaky": 0, "failures": [
            {"suite": "tests.test_report", "name": "test_parse", "status": "failed", "failed_runs": 1, "passed_runs": 0,
                "exception": {"type": "ValueError", "message": "does not match", "frames": [frame], "causes": [
                    {"type": "KeyError", "message": "ts", "frames": [frame], "relation": "cause"}], "stacktrace": "Traceback"}}]},
        "coverage": {"lines": 9, "hit": 4, "files": [
            {"file": "app/handlers/report.py", "in_stack": true, "hit": [[1, 4]], "missed": [[5, 9]]}]},
        "stacks": [{"threads": ["main"], "count": 1, "exception": {"type": null, "message": null, "frames": [frame], "causes": [
            {"type": "KeyError", "message": "ts", "frames": [frame], "relation": "concurrent"}], "stacktrace": null}}]}]);
    json!({
        "version": 1, "bundle_id": "b1946ac92492d2347c6235b4d2611184", "commit_sha": "abcdef1234", "language": "python",
        "build": "pip install -e .", "test_cmd": "pytest -q", "repository": "https://git.example/checkout",
        "incident": {"id": "INC-7K2M9Q4T1X", "fingerprint": "v1:591785b794601e21", "class": "crash", "summary": "ValueError in report.parse",
            "services": ["checkout"]},
        "trace": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "root": "present", "span_path": [span], "spans": [span], "span_count": 17},
        "exception": {"type": "ValueError", "message": "does not match", "frames": [frame],
            "causes": [{"type": "KeyError", "message": "ts", "frames": [frame], "relation": "cause"}], "stacktrace": "Traceback"},
        "logs": {"window": [{"time": "2025-07-01T12:02:59.000000000Z", "level": "INFO", "msg": "request start", "service": "checkout",
            "span_id": "00f067aa0ba902b7", "attrs": {"code.function.name": "handle"}, "count": 1}], "total": 2, "collapsed": 1},
        "metrics": {"exemplars": [{"time": "2025-07-01T12:02:59.000000000Z", "metric": "http.server.duration", "unit": "ms", "value": 3.5,
            "span_id": null, "service": "checkout", "attrs": {"http.route": "/report"}}]},
        "environment": {"runtime": {"name": "cpython", "version": "3.13.1"}, "os": {"type": "linux"}, "container": {"id": "abc"},
            "k8s": {"pod.name": "checkout-1"}, "service": {"name": "checkout"}, "timezone": "UTC", "feature_flags": {"new-parser": "on"},
            "baggage": {"tenant": "t1"}, "client": {"browser.platform": "macOS"}, "libraries": {"django": "5.2.1"}},
        "repro": {"env": {"TZ": "UTC"}, "inputs": {"ts": "2025-07-01 12:03"}, "request": {"protocol": "http", "method": "GET",
            "url": "http://shop.example/report?ts=2025-07-01+12:03", "route": "/report", "status_code": 500,
            "headers": {"content-type": "application/json"}}, "seeds": [{"name": "--randomly-seed", "value": "1553614239", "of": "pytest.txt"}]},
        "attachments": attachments,
        "redaction": {"policy": "", "key_id": "", "remarks": []},
        "completeness": {"records": 23, "shown": 21, "truncated": ["logs: 2000 lines shown"], "missing": ["build: not configured"]},
        "provenance": {"policy": "errors", "config": "sha256:00aa", "casefile": "0.1.0"},
    })
}

fn bundle(document: Value) -> Bundle {
    serde_json::from_value(document).unwrap()
}

impl Redactor {
    /// A message after redaction.
    fn text(&self, text: &str) -> String {
        self.inspect(super::TextKind::Message, text).unwrap().text
    }
}
