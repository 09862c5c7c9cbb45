//! Recordings that the tests write, and the stores that are made of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::casefile::{command, run, run_json};

/// 2025-07-01T12:03:00Z in nanoseconds.
pub(crate) const EPOCH: u64 = 1_751_371_380_000_000_000;

/// A folder that recordings are replayed into.
pub(crate) struct Folder {
    pub(crate) root: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// The store.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.path().join("store")
    }

    /// Replays requests and answers with the summary.
    pub(crate) fn replay(&self, requests: &[Value]) -> Value {
        self.replay_with(requests, &[])
    }

    /// The same with more arguments.
    pub(crate) fn replay_with(&self, requests: &[Value], more: &[&str]) -> Value {
        let lines: Vec<String> = requests.iter().map(Value::to_string).collect();
        let file = self.root.path().join("recording.jsonl");
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let (file, out) = (file.display().to_string(), self.store().display().to_string());
        let arguments = [&["replay", &*file, "--out", &*out, "--json"], more].concat();
        run_json(self.root.path(), &arguments)
    }

    /// Runs a reading command, whatever it ends with.
    pub(crate) fn read(&self, arguments: &[&str]) -> Output {
        command(self.root.path()).args(arguments).args(["--store", &self.url()]).output().unwrap()
    }

    /// Runs a reading command that must succeed, and answers with its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        run_json(self.root.path(), &self.with_store(arguments))
    }

    /// Runs a reading command that must succeed, and answers with its text.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(run(self.root.path(), &self.with_store(arguments)).stdout).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("file:{}", self.store().display())
    }

    fn with_store(&self, arguments: &[&str]) -> Vec<String> {
        let url = self.url();
        arguments.iter().copied().chain(["--store", &url]).map(str::to_owned).collect()
    }
}

/// What a process ended with, and all that it said.
pub(crate) fn ended(output: &Output) -> (i32, String) {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), said)
}

/// A request of spans of one service.
pub(crate) fn traces(service: &str, spans: &[Value]) -> Value {
    json!({"resourceSpans": [{"resource": resource(service), "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]})
}

/// A request of log records of one service.
pub(crate) fn logs(service: &str, records: &[Value]) -> Value {
    json!({"resourceLogs": [{"resource": resource(service), "scopeLogs": [{"scope": {"name": "test"}, "logRecords": records}]}]})
}

fn resource(service: &str) -> Value {
    json!({"attributes": [string("service.name", service), string("telemetry.sdk.language", "python")]})
}

/// An attribute.
pub(crate) fn string(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A span of `millis` from `start`, both in milliseconds.
pub(crate) fn span(
    trace: &str,
    id: &str,
    parent: &str,
    name: &str,
    (start, millis): (u64, u64),
    failed: bool,
) -> Value {
    json!({
        "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 2,
        "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(start + millis),
        "status": {"code": if failed { 2 } else { 0 }},
    })
}

/// The same span with an exception.
pub(crate) fn throwing(mut span: Value, at: u64, kind: &str, message: &str, stack: &str) -> Value {
    span["events"] = json!([{"timeUnixNano": nanos(at), "name": "exception", "attributes": [
        string("exception.type", kind), string("exception.message", message), string("exception.stacktrace", stack),
    ]}]);
    span
}

/// A log record.
pub(crate) fn log(trace: &str, span: &str, at: u64, (number, level): (u32, &str), message: &str) -> Value {
    json!({
        "timeUnixNano": nanos(at), "severityNumber": number, "severityText": level, "body": {"stringValue": message},
        "traceId": trace, "spanId": span,
    })
}

/// A failed trace of one span that fails `start` milliseconds after [`EPOCH`].
pub(crate) fn failure(number: u64, start: u64, name: &str) -> Value {
    let trace = trace_id(number);
    let span = span(&trace, "00f067aa0ba902b7", "", name, (start, 5), true);
    traces("checkout", &[throwing(span, start + 4, "ValueError", "no total", "")])
}

/// A trace id.
pub(crate) fn trace_id(number: u64) -> String {
    format!("{number:032x}")
}

fn nanos(millis: u64) -> String {
    (EPOCH + millis * 1_000_000).to_string()
}

/// The one file of a list.
pub(crate) fn only(paths: &[PathBuf]) -> &Path {
    assert_eq!(paths.len(), 1, "{paths:?}");
    &paths[0]
}
