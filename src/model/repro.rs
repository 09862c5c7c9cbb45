//! How to make a failure happen again, as a bundle shows it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Attributes;

/// Attributes that carry the body of a request or a message, the first that is there counts: what instrumentations capture it under.
pub const BODY_KEYS: [&str; 9] = [
    "http.request.body.content",
    "http.request.body",
    "http.request.body.text",
    "http.request_body",
    "http.body",
    "rpc.request.body",
    "rpc.request.message",
    "messaging.message.body",
    "faas.invocation.payload",
];

/// Attributes that carry the command of a process, its arguments one by one or as a line.
pub const COMMAND_KEYS: [&str; 2] = ["process.command_args", "process.command_line"];

/// Attributes that name a container's image: its name, digests, tags (now and before) and id.
pub const IMAGE_KEYS: [&str; 5] = [
    "container.image.name",
    "container.image.repo_digests",
    "container.image.tags",
    "container.image.tag",
    "container.image.id",
];

/// How to make it happen again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Repro {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Input values by name.
    pub inputs: Attributes,
    /// The request that failed, where there was one.
    pub request: Option<Request>,
    /// The command that the process was started with, argument by argument.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Value>,
    /// The test run that failed, where it was one. What runs it is `command`, and `test_cmd` for all tests of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestRun>,
    /// Random seeds that were recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<Seed>,
    /// The container image that ran: `name@digest`, else `name:tag`, else its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The instant to freeze clocks at (RFC 3339): when the failing service took the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// A random seed. By its name it is used again.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Seed {
    /// What takes it: an environment variable (`PYTHONHASHSEED`), an option (`--randomly-seed`), else the attribute that carries it.
    pub name: String,
    /// A decimal number.
    pub value: String,
    /// The test report that names it, or the package where each has a seed of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// A test or a task of a pipeline, as OpenTelemetry's `test.*` and `cicd.*` attributes tell of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TestRun {
    /// `test.suite.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// `test.suite.run.status`: `success`, `failure`, `timed_out` and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite_status: Option<String>,
    /// `test.case.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// `test.case.result.status`: `pass` or `fail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `cicd.pipeline.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// `cicd.pipeline.run.id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_run_id: Option<String>,
    /// `cicd.pipeline.run.url.full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_run_url: Option<String>,
    /// `cicd.pipeline.task.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// `cicd.pipeline.task.run.url.full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_run_url: Option<String>,
}

/// The HTTP, RPC or messaging request that the failed trace handled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// `http`, `rpc` or `messaging`.
    pub protocol: String,
    /// HTTP method, RPC method or messaging operation.
    pub method: Option<String>,
    /// URL, RPC service or destination.
    pub url: Option<String>,
    /// HTTP route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Status that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i64>,
    /// Headers that were captured.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub headers: Attributes,
    /// Its body or message, where it was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}
