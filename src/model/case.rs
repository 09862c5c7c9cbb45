//! The bundle: one document that says what failed, where, with which inputs, after which logs and on which commit.
//!
//! Field names are contract (`casefile schema bundle`). Absent evidence is absent or null with a reason in
//! [`Completeness`], never invented. Everything here is a function of the records, the configuration and the version:
//! what depends on when and where it was made stands in the [`Manifest`](super::Manifest).

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Attachment, Loose, RecordDigest, SpanId, Timestamp, TraceId, Tracked};

/// Attributes by key, in key order. Integers beyond ±2^53, NaN and infinities are strings.
pub type Attributes = BTreeMap<String, Value>;

/// A bundle before it is redacted, and what its manifest needs to know of it.
#[derive(Debug)]
pub struct Case {
    /// Who the records belong to.
    pub tenant: String,
    /// The trace.
    pub trace_id: TraceId,
    /// The document.
    pub bundle: Bundle,
    /// The sorted digests of every record of the trace, shown in the bundle or not, and of the log records without a trace id that
    /// it takes in.
    pub records: Vec<RecordDigest>,
    /// Those log records: whoever seals the case first owes them their outcome.
    pub loose: Vec<Arc<Loose>>,
    /// The instant the failure counts for: when the exception was recorded, else when an error was logged in the critical
    /// span, else when that span ended.
    pub failed_at: Timestamp,
    /// The records, which are owed an outcome.
    pub tracked: Tracked,
}

/// The document. Version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// Version of this document's shape: 1.
    pub version: u32,
    /// Hash of tenant and trace id: the same for every copy of this evidence.
    pub bundle_id: String,
    /// The commit that failed, from resource attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<String>,
    /// Language of the failing service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Command that builds the failing service, from `services:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Command that runs its tests, from `services:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_cmd: Option<String>,
    /// Its repository, from `services:` or `vcs.repository.url.full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The class of failures this one belongs to.
    pub incident: Incident,
    /// The spans.
    pub trace: TraceEvidence,
    /// What was thrown; null where no exception was recorded.
    pub exception: Option<Exception>,
    /// Where the fault may lie, most likely first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<Suspect>,
    /// The log records before and around the error.
    pub logs: LogEvidence,
    /// Metric evidence.
    pub metrics: MetricEvidence,
    /// Where it ran.
    pub environment: Environment,
    /// How to make it happen again.
    pub repro: Repro,
    /// Files that belong to the evidence.
    pub attachments: Vec<Attachment>,
    /// What was redacted, by which policy and key: filled in by the redactor.
    pub redaction: RedactionReport,
    /// What is in it, and what is not.
    pub completeness: Completeness,
    /// What made it.
    pub provenance: Provenance,
}

/// The class of failures (same fingerprint) that a failure belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// `INC-` and the first 50 bits of the fingerprint in Crockford base32.
    pub id: String,
    /// `v1:` and a hash of normalised text without its variable parts.
    pub fingerprint: String,
    /// Class of the failure taxonomy: `concurrency`, `leak`, `schema_drift` or `logic` where what failed bears a sign of it, else `crash`, `error` or
    /// `performance`.
    pub class: String,
    /// One line for a person.
    pub summary: String,
    /// Services on the span path, sorted.
    pub services: Vec<String>,
}

/// The spans of the failed trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceEvidence {
    /// The trace.
    pub trace_id: TraceId,
    /// `present` or `missing`.
    pub root: String,
    /// From the root (or the highest span known) down to the critical error span.
    pub span_path: Vec<SpanEvidence>,
    /// The selected spans: path, siblings and children near the error, by start time.
    pub spans: Vec<SpanEvidence>,
    /// Spans of the trace, selected or not.
    pub span_count: u64,
    /// Where the time went: the spans of the critical path that took time of their own, by start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical_path: Vec<PathStep>,
    /// Calls that one span made five times or more, those that took longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<RepeatedCall>,
}

/// A span on the critical path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathStep {
    /// The span.
    pub span_id: SpanId,
    /// Milliseconds on the path in which none of its children ran.
    pub self_ms: f64,
}

/// Calls of one name that one span made over and over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatedCall {
    /// The span that called.
    pub parent_span_id: SpanId,
    /// `service.name` of the calls' resource.
    pub service: String,
    /// Name of the calls' spans.
    pub name: String,
    /// Calls.
    pub count: u64,
    /// What they took together, in milliseconds.
    pub total_ms: f64,
}

/// A place where the fault may lie. A stack shows where a failure surfaced, which need not be where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// `raised`, `crash_site`, `caller`, `failed_span`, `decision`, `upstream`, `repeated`, `slowest` or `feature_flag`.
    pub kind: String,
    /// JSON pointer (RFC 6901) to it in this document.
    pub at: String,
    /// Why it is one.
    pub reason: String,
}

/// A span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpanEvidence {
    /// Its id.
    pub span_id: SpanId,
    /// Its parent; null for a root.
    pub parent_span_id: Option<SpanId>,
    /// `service.name` of its resource.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: String,
    /// `unset`, `ok` or `error`.
    pub status: String,
    /// Status message, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// RFC 3339 with nanoseconds.
    pub start: String,
    /// Duration in milliseconds; null where the end lies before the start.
    pub duration_ms: Option<f64>,
    /// Its attributes.
    pub attrs: Attributes,
    /// Its events in order of time, without those that `exception` already says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventEvidence>,
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventEvidence {
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attrs: Attributes,
}

/// What was thrown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exception {
    /// Its type, as the language writes it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// The exceptions that it was raised from, nearest first.
    pub causes: Vec<Cause>,
    /// The place it was thrown at, where the text says it apart from the frames: Rust's `panicked at`, PHP's `in file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thrown_at: Option<Place>,
    /// Whether the text is cut off, or holds what is not of the stack, so that frames may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Frames that are left out: as boilerplate, beyond the 1000 of one exception, or since the runtime only counts them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub elided: u64,
    /// The raw text.
    pub stacktrace: Option<String>,
}

/// A place in the source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Path as recorded.
    pub file: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, as the runtime counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An exception behind the one that surfaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// `cause` where it was chained explicitly, `context` where it was being handled, `member` of an exception group, `suppressed`
    /// where closing a resource threw it (Java), `concurrent` for the other access of a data race, `memory` for where memory was
    /// allocated or freed (sanitizers), `other` where it was thrown elsewhere in the trace and its record came with an amendment.
    pub relation: String,
    /// Its outermost frames that are not written since the exception that it led to has the same: Java's `... 3 more`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub common: u64,
}

/// One frame of a stack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// Path as recorded, or the runtime's word for code without one (`Native Method`, `<anonymous>`); null where it is not known.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, where it is known, as the runtime counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Function, as the language writes it; empty where it has no name.
    pub func: String,
    /// Module, class, package, crate or library, where it can be told.
    pub module: Option<String>,
    /// Whether it is the service's own code, as opposed to a library or the runtime.
    pub in_app: bool,
    /// Local variables, where they arrived.
    pub locals: Attributes,
    /// The source lines before it, where they arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_context: Vec<String>,
    /// The source line, where it arrived.
    pub context: Option<String>,
    /// The source lines after it, where they arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_context: Vec<String>,
}

/// Log records of the trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogEvidence {
    /// Before and around the error, by time.
    pub window: Vec<LogLine>,
    /// How often what was said, the most frequent first: templates of two or more records of the window.
    #[serde(default)]
    pub templates: Vec<LogTemplate>,
    /// Log records of the trace, those included that joined it by a value of `correlate_by`.
    pub total: u64,
    /// How many of them are not shown as a line of their own.
    pub collapsed: u64,
    /// What the instance that failed wrote around the failure without any id, by time. Nothing says that it belongs to this trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<LogLine>,
}

/// What several records of a service say in the same words, at the same level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogTemplate {
    /// Its number in this bundle, from 1.
    pub id: u64,
    /// Their words, with `<*>` where they differ or a value stands.
    pub template: String,
    /// Severity text, else the name of the severity number.
    pub level: String,
    /// `service.name` of their resource.
    pub service: String,
    /// Records of the window.
    pub count: u64,
    /// When the first of them was written: RFC 3339 with nanoseconds.
    pub first: String,
    /// When the last of them was.
    pub last: String,
}

/// A log record, or several that say the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// Severity text, else the name of the severity number.
    pub level: String,
    /// Body: a string as it is, other values as JSON.
    pub msg: String,
    /// `service.name` of its resource.
    pub service: String,
    /// The span it was written in.
    pub span_id: Option<SpanId>,
    /// Its attributes.
    pub attrs: Attributes,
    /// How many records this line stands for: itself, equal ones right behind it, and later ones of its template that have no
    /// line of their own.
    pub count: u64,
    /// Its template among `templates`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<u64>,
    /// Whether it has no trace id, and joined the trace by an attribute of `correlate_by`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correlated: bool,
    /// Messages of records that it stands for and that differ from its own: some of them, first and last among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// Metric evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricEvidence {
    /// Exemplars that point to this trace, by time.
    pub exemplars: Vec<ExemplarEvidence>,
}

/// A metric exemplar that carries the trace's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExemplarEvidence {
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// Name of the metric.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The measured value.
    pub value: Value,
    /// The span it was measured in.
    pub span_id: Option<SpanId>,
    /// `service.name` of its resource.
    pub service: String,
    /// The attributes that were filtered from the data point.
    pub attrs: Attributes,
}

/// Where it ran, from resource attributes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// `process.runtime.*`, `telemetry.sdk.*`, without their prefix.
    pub runtime: Attributes,
    /// `os.*`, `host.arch`.
    pub os: Attributes,
    /// `container.*`.
    pub container: Attributes,
    /// `k8s.*`.
    pub k8s: Attributes,
    /// `service.*` and `deployment.*`.
    pub service: Attributes,
    /// IANA name, where an attribute carries it.
    pub timezone: Option<String>,
    /// Locale, as `LC_ALL` or `LANG` have it or a browser's language, where an attribute carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Flags evaluated in the trace: `feature_flag.*`.
    pub feature_flags: Attributes,
}

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
    /// The container image that ran: `name@digest`, else `name:tag`, else its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The instant to freeze clocks at (RFC 3339): when the failing service took the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
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

/// What was redacted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RedactionReport {
    /// Digest of the rules in force.
    pub policy: String,
    /// The key that the tokens were made with.
    pub key_id: String,
    /// Where, never what.
    pub remarks: Vec<Remark>,
}

/// One edit, or several by the same rule in the same field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// JSON pointer (RFC 6901) of the field, after redaction of keys.
    pub path: String,
    /// The rule.
    pub rule: String,
    /// What the rule finds, for people: `a value behind a name that tells a secret`.
    pub reason: String,
    /// Edits.
    pub count: u64,
    /// Bytes (UTF-8) that were replaced, all edits together.
    pub length: u64,
}

/// What is in the bundle, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// Records of the trace, and those that are shown beside it.
    pub records: u64,
    /// How many of them are shown.
    pub shown: u64,
    /// What was cut, and why.
    pub truncated: Vec<String>,
    /// What is not there, and why: `commit_sha: no vcs.ref.head.revision or fallback`.
    pub missing: Vec<String>,
}

/// What made the bundle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The policy that sampled the trace.
    pub policy: String,
    /// Digest of the configuration in force.
    pub config: String,
    /// Version of Casefile.
    pub casefile: String,
}
