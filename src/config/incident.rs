//! `connectors:` — `incident` turns traces and logs into bundles.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::components;
use super::{ByteSize, Duration, Secret, TailSampling};

/// A connector.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Connector {
    /// Turns traces and logs into bundles.
    Incident(IncidentConnector),
}

components!(Connector, "connector", { "incident" => Incident(IncidentConnector) });

/// Turns traces and logs into bundles: exporter of the `traces` and `logs` pipelines, receiver of `bundles`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentConnector {
    /// Which traces are kept: a block of the Collector's `tail_sampling` processor, pasted.
    pub tail_sampling: TailSampling,
    /// How long, and in how many bytes, records are held.
    pub window: WindowConfig,
    /// Which logs a bundle shows.
    pub logs: LogJoin,
    /// How large a bundle may be.
    pub bundle: BundleSize,
    /// How many bundles one incident may have.
    pub incidents: IncidentLimit,
    /// Which frames of a stack are the service's own code: rules that come after the built-in ones, as `family:go path:**/generated/** -app`.
    ///
    /// As in Sentry's stack trace rules: matchers (`family:`, `module:`, `path:`, `function:`, each perhaps behind `!`; `*`, `**`
    /// and `?` in their patterns), then `+app` or `-app`. The last rule that fits decides.
    pub in_app: Vec<String>,
    /// Where symbols of releases are kept: source maps, mappings of ProGuard and R8, native debug files. By default frames are shown as recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbols: Option<SymbolFolder>,
    /// What the bundle says about a service's code, by `service.name`.
    pub services: BTreeMap<String, ServiceFacts>,
    /// Tenants, by name. Each has windows, limits of incidents and keys of redaction for itself, and reads its own bundles alone. Which
    /// one a request belongs to is told by its token (`extensions.bearertokenauth`) or its client's certificate (`tenants` of a
    /// server); one that tells none belongs to `default`, which is always there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, TenantLimits>,
}

/// What a tenant may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantLimits {
    /// Most bytes that its windows hold, of those that all have (`window.max_bytes`). Beyond it the tenant alone is refused.
    /// By default all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<ByteSize>,
    /// Most spans, log records and exemplars a second, and as many at once; beyond it the tenant is told when to come again. 0, the
    /// default, means no limit.
    pub records_per_second: u64,
}

/// How long, and in how many bytes, records are held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WindowConfig {
    /// Where windows live.
    pub storage: Storage,
    /// How long a record of a trace that nothing triggered is held.
    pub retention: Duration,
    /// Most bytes held: of most requests as they came, compressed if they did. From 80 % of it, traces that nothing triggered are decided before their time, the oldest first, once they are
    /// older than `decision_wait`; from 95 %, all are. Input beyond it is refused with a retryable code.
    pub max_bytes: ByteSize,
    /// A failed trace of which so many records are held is decided at once. What comes after them amends its bundle.
    pub max_records_per_trace: usize,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self {
            storage: Storage::Memory,
            retention: Duration::seconds(60),
            max_bytes: ByteSize::mib(4096),
            max_records_per_trace: 20_000,
        }
    }
}

/// Where windows live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// In memory: open windows are lost when the process is killed.
    Memory,
    /// In memory, and encrypted on disk (`extensions.file_storage`) before anything is acknowledged: what a stop or a kill
    /// leaves open is taken up by the next start.
    FileStorage,
}

/// Which logs a bundle shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogJoin {
    /// How far before the critical error the log window begins.
    pub lookback: Duration,
    /// Most log lines shown of one trace: the last ones before the error first.
    pub max_per_trace: usize,
    /// Attributes by whose value a log record without a trace id joins a trace: `[request_id]` joins one to every kept trace of which a
    /// span or another log record has the same.
    ///
    /// A name stands for its spellings: case, `.`, `_` and `-` do not count, nor does `http.request.header.`,
    /// `http.response.header.`, `http.` or `x-` before it. `request_id` so is `request.id`, `requestId`, `http.request.id`,
    /// `x-request-id` and `http.request.header.x-request-id` too. Attributes of the span or log record itself count, not those of its
    /// resource; their values are texts, whole numbers, or lists of those.
    pub correlate_by: Vec<String>,
    /// Log records without any id that are shown beside the trace.
    pub ambient: AmbientLogs,
}

impl Default for LogJoin {
    fn default() -> Self {
        Self {
            lookback: Duration::seconds(30),
            max_per_trace: 2000,
            correlate_by: Vec::new(),
            ambient: AmbientLogs::default(),
        }
    }
}

/// Log records that carry neither a trace id nor a value of `correlate_by`, written around the failure by the instance of the service in
/// which it happened. A bundle shows them apart, under `logs.ambient`: nothing says that they belong to the trace.
///
/// Two resources are of one instance if `service.instance.id`, `k8s.pod.uid`, `k8s.pod.name`, `container.id` or `service.name` is equal,
/// and none of these, `service.namespace` and `host.name` differs where both have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AmbientLogs {
    /// Most records of a bundle: those of severity WARN and above first, then those nearest to the failure; 50 is enough
    /// for most. 0, the default, means none: they may speak of others' requests.
    pub max: usize,
    /// How far before the failure they may lie.
    pub lookback: Duration,
    /// How far after it.
    pub lookahead: Duration,
}

impl Default for AmbientLogs {
    fn default() -> Self {
        Self { max: 0, lookback: Duration::seconds(10), lookahead: Duration::seconds(1) }
    }
}

/// How large the document of a bundle may be. What is over it is cut out whole, what tells least first: what stands in it twice and examples,
/// records far from the failure, frames of libraries; its summary, exception, span path and the last log lines before the error stay longest.
/// `completeness.truncated` names what was cut. Late evidence is a document of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BundleSize {
    /// Most bytes of JSON, before compression; 0 means no limit, less than 16KiB is refused.
    pub max_bytes: ByteSize,
    /// Most tokens (`o200k_base`); 0 means no limit, less than 4000 are refused. The manifest says how many there are.
    pub max_tokens: u64,
}

impl Default for BundleSize {
    fn default() -> Self {
        Self { max_bytes: ByteSize::mib(1), max_tokens: 100_000 }
    }
}

impl fmt::Display for BundleSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.max_bytes.0, self.max_tokens) {
            (bytes, 0) => write!(f, "{bytes} bytes"),
            (0, tokens) => write!(f, "{tokens} tokens"),
            (bytes, tokens) => write!(f, "{bytes} bytes and {tokens} tokens"),
        }
    }
}

/// How many bundles one incident may have in a period. A failing trace over the limit ends as counted `incident_limit`, and is in no
/// number of its incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentLimit {
    /// Most bundles; 0 means no limit. Of three or more, little less than half are kept for failures that differ from those which have
    /// one in this period: in `service.version` or commit, in services and spans of the path, or in the route of the request.
    pub max_bundles: u64,
    /// The period.
    pub per: Duration,
}

impl Default for IncidentLimit {
    fn default() -> Self {
        Self { max_bundles: 0, per: Duration::seconds(3600) }
    }
}

/// Where symbols of releases are kept. Frames show the source's file, line and function, and its lines around where a source map has them; the raw
/// text stays as it was. Fingerprints are made of what the symbols tell, so put them there before a release runs.
///
/// Names under the URL, by the `service.name` and `service.version` of what failed, which hold letters, digits and `._@+-` alone:
/// `<service>/<version>/<path>.map`, a source map, and the script itself at `<path>` for the names of functions, where the path is that of the script's
/// URL or file, or its last part alone; `<service>/<version>/mapping.txt` of ProGuard or R8;
/// `.build-id/ab/cdef….debug` or `<service>/<version>/<module>.debug`, ELF or Mach-O with DWARF.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SymbolFolder {
    /// `file:/path`, `s3://bucket/prefix` or `gs://bucket/prefix`. It is only read.
    pub url: String,
    /// Settings of the store's client, as of a `bundle` exporter.
    pub options: BTreeMap<String, Secret>,
    /// Most memory for symbols, beside that of windows. A file that would take more is not read: a source map takes up to ten times
    /// its size, a debug file three times.
    pub max_bytes: ByteSize,
    /// Longest time that reading a file may take, while which the failure waits. A store that does not answer is left alone for 30 s.
    pub timeout: Duration,
}

impl Default for SymbolFolder {
    fn default() -> Self {
        Self {
            url: String::new(),
            options: BTreeMap::new(),
            max_bytes: ByteSize::mib(256),
            timeout: Duration::seconds(2),
        }
    }
}

/// What the bundle says about a service's code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceFacts {
    /// Its language, where `telemetry.sdk.language` is not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// URL of its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Command that builds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Command that runs its tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_cmd: Option<String>,
}
