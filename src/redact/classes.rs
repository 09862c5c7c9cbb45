//! What each field of a bundle may hold. A field that has no class here is withheld, and a test holds this table against
//! the bundle's JSON Schema, so that a new field cannot slip through.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::model::{BODY_KEYS, COMMAND_KEYS, IMAGE_KEYS};

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldClass {
    /// An object or array whose fields have classes of their own.
    Branch,
    /// A number or boolean that the assembler counted or measured.
    Number,
    /// 16 or 32 hex digits, or null.
    HexId,
    /// RFC 3339.
    Time,
    /// A name of ours: lower-case letters and underscores.
    Word,
    /// An id or digest of ours: letters, digits, `:`, `-`, `_`.
    Id,
    /// A version number of ours.
    Version,
    /// A JSON pointer whose steps are names of ours and indices.
    Pointer,
    /// A commit id: hex passes, anything else is text.
    Revision,
    /// Text of the user's or about the user's records: detectors run.
    Text,
    /// The same, and nothing but its own words tells what it is: a number that is all of it may be somebody's.
    Message,
    /// A number, or a text that stands for one: detectors run.
    Scalar,
    /// A URL: detectors run, and query parameters are judged by their names.
    Url,
    /// Attributes: each key is judged by [`keys`](super::keys).
    Attributes,
    /// Attributes whose namespace was cut off; these are the namespaces they may come from.
    Environment(&'static [&'static str]),
    /// The value of one of these attributes, or made of several: judged by the strictest of them.
    From(&'static [&'static str]),
    /// HTTP headers or RPC metadata: judged as `http.request.header.<name>`.
    Headers,
    /// Environment variables: those that name a locale, time zone or runtime switch pass.
    EnvironmentVariables,
    /// Inputs of the reproduction: content, unless a key is an attribute's.
    Inputs,
    /// Names and values of the program itself (local variables, flags): content, unless a key is blocked.
    Content,
    /// Replaced by the redactor's own report.
    Report,
    /// Nothing is known of it: withheld.
    Withheld,
}

use FieldClass as C;

const SPAN: &[(&str, FieldClass)] = &[
    ("", C::Branch),
    ("/span_id", C::HexId),
    ("/parent_span_id", C::HexId),
    ("/service", C::Text),
    ("/name", C::Text),
    ("/kind", C::Word),
    ("/status", C::Word),
    ("/status_message", C::Message),
    ("/start", C::Time),
    ("/duration_ms", C::Number),
    ("/attrs", C::Attributes),
    ("/events", C::Branch),
    ("/events/*", C::Branch),
    ("/events/*/time", C::Time),
    ("/events/*/name", C::Text),
    ("/events/*/attrs", C::Attributes),
];

const THROWN: &[(&str, FieldClass)] = &[
    ("", C::Branch),
    ("/type", C::Text),
    ("/message", C::Message),
    ("/common", C::Number),
    ("/partial", C::Number),
    ("/elided", C::Number),
    ("/thrown_at", C::Branch),
    ("/thrown_at/file", C::Text),
    ("/thrown_at/line", C::Number),
    ("/thrown_at/column", C::Number),
    ("/frames", C::Branch),
    ("/frames/*", C::Branch),
    ("/frames/*/file", C::Text),
    ("/frames/*/line", C::Number),
    ("/frames/*/column", C::Number),
    ("/frames/*/func", C::Text),
    ("/frames/*/module", C::Text),
    ("/frames/*/in_app", C::Number),
    ("/frames/*/locals", C::Content),
    ("/frames/*/pre_context", C::Branch),
    ("/frames/*/pre_context/*", C::Text),
    ("/frames/*/context", C::Text),
    ("/frames/*/post_context", C::Branch),
    ("/frames/*/post_context/*", C::Text),
    ("/causes", C::Branch),
    ("/stacktrace", C::Text),
    ("/relation", C::Word),
];

const LINE: &[(&str, FieldClass)] = &[
    ("", C::Branch),
    ("/time", C::Time),
    ("/level", C::Text),
    ("/msg", C::Message),
    ("/service", C::Text),
    ("/span_id", C::HexId),
    ("/attrs", C::Attributes),
    ("/count", C::Number),
    ("/template", C::Number),
    ("/correlated", C::Number),
    ("/others", C::Branch),
    ("/others/*", C::Message),
];

/// Shapes that occur at several places: where, and what.
const SHAPES: &[(&str, &[(&str, FieldClass)])] = &[
    ("/trace/span_path/*", SPAN),
    ("/trace/spans/*", SPAN),
    ("/exception/causes/*", THROWN),
    ("/exception", THROWN),
    ("/attachments/*/tests/failures/*/exception/causes/*", THROWN),
    ("/attachments/*/tests/failures/*/exception", THROWN),
    ("/attachments/*/stacks/*/exception/causes/*", THROWN),
    ("/attachments/*/stacks/*/exception", THROWN),
    ("/logs/window/*", LINE),
    ("/logs/ambient/*", LINE),
];

const FIELDS: &[(&str, FieldClass)] = &[
    ("", C::Branch),
    ("/version", C::Number),
    ("/bundle_id", C::Id),
    ("/commit_sha", C::Revision),
    ("/language", C::Text),
    ("/build", C::Text),
    ("/test_cmd", C::Text),
    ("/repository", C::Url),
    ("/incident", C::Branch),
    ("/incident/id", C::Id),
    ("/incident/fingerprint", C::Id),
    ("/incident/class", C::Word),
    ("/incident/summary", C::Text),
    ("/incident/services", C::Branch),
    ("/incident/services/*", C::Text),
    ("/trace", C::Branch),
    ("/trace/trace_id", C::HexId),
    ("/trace/root", C::Word),
    ("/trace/span_path", C::Branch),
    ("/trace/spans", C::Branch),
    ("/trace/span_count", C::Number),
    ("/trace/critical_path", C::Branch),
    ("/trace/critical_path/*", C::Branch),
    ("/trace/critical_path/*/span_id", C::HexId),
    ("/trace/critical_path/*/self_ms", C::Number),
    ("/trace/repeated", C::Branch),
    ("/trace/repeated/*", C::Branch),
    ("/trace/repeated/*/parent_span_id", C::HexId),
    ("/trace/repeated/*/service", C::Text),
    ("/trace/repeated/*/name", C::Text),
    ("/trace/repeated/*/count", C::Number),
    ("/trace/repeated/*/total_ms", C::Number),
    ("/suspects", C::Branch),
    ("/suspects/*", C::Branch),
    ("/suspects/*/kind", C::Word),
    ("/suspects/*/at", C::Pointer),
    ("/suspects/*/reason", C::Text),
    ("/logs", C::Branch),
    ("/logs/window", C::Branch),
    ("/logs/ambient", C::Branch),
    ("/logs/templates", C::Branch),
    ("/logs/templates/*", C::Branch),
    ("/logs/templates/*/id", C::Number),
    ("/logs/templates/*/template", C::Text),
    ("/logs/templates/*/level", C::Text),
    ("/logs/templates/*/service", C::Text),
    ("/logs/templates/*/count", C::Number),
    ("/logs/templates/*/first", C::Time),
    ("/logs/templates/*/last", C::Time),
    ("/logs/total", C::Number),
    ("/logs/collapsed", C::Number),
    ("/metrics", C::Branch),
    ("/metrics/exemplars", C::Branch),
    ("/metrics/exemplars/*", C::Branch),
    ("/metrics/exemplars/*/time", C::Time),
    ("/metrics/exemplars/*/metric", C::Text),
    ("/metrics/exemplars/*/unit", C::Text),
    ("/metrics/exemplars/*/value", C::Scalar),
    ("/metrics/exemplars/*/span_id", C::HexId),
    ("/metrics/exemplars/*/service", C::Text),
    ("/metrics/exemplars/*/attrs", C::Attributes),
    ("/environment", C::Branch),
    ("/environment/runtime", C::Environment(&["process.runtime.", "telemetry.sdk.", "telemetry.distro."])),
    ("/environment/os", C::Environment(&["os.", "host."])),
    ("/environment/container", C::Environment(&["container."])),
    ("/environment/k8s", C::Environment(&["k8s."])),
    ("/environment/service", C::Environment(&["service.", "deployment."])),
    ("/environment/client", C::Attributes),
    ("/environment/libraries", C::Content),
    ("/environment/timezone", C::Text),
    ("/environment/locale", C::Text),
    ("/environment/feature_flags", C::Content),
    ("/environment/baggage", C::Environment(&["baggage."])),
    ("/repro", C::Branch),
    ("/repro/env", C::EnvironmentVariables),
    ("/repro/inputs", C::Inputs),
    ("/repro/request", C::Branch),
    ("/repro/request/protocol", C::Word),
    ("/repro/request/method", C::Text),
    ("/repro/request/url", C::Url),
    ("/repro/request/route", C::Text),
    ("/repro/request/status_code", C::Number),
    ("/repro/request/headers", C::Headers),
    ("/repro/request/body", C::From(&BODY_KEYS)),
    ("/repro/command", C::From(&COMMAND_KEYS)),
    ("/repro/test", C::Branch),
    ("/repro/test/suite", C::From(&["test.suite.name"])),
    ("/repro/test/suite_status", C::From(&["test.suite.run.status"])),
    ("/repro/test/case", C::From(&["test.case.name"])),
    ("/repro/test/status", C::From(&["test.case.result.status"])),
    ("/repro/test/pipeline", C::From(&["cicd.pipeline.name"])),
    ("/repro/test/pipeline_run_id", C::From(&["cicd.pipeline.run.id"])),
    ("/repro/test/pipeline_run_url", C::From(&["cicd.pipeline.run.url.full"])),
    ("/repro/test/task", C::From(&["cicd.pipeline.task.name"])),
    ("/repro/test/task_run_url", C::From(&["cicd.pipeline.task.run.url.full"])),
    ("/repro/seeds", C::Branch),
    // What is beside a name is judged by it.
    ("/repro/seeds/*", C::Content),
    ("/repro/seeds/*/name", C::Content),
    ("/repro/seeds/*/value", C::Content),
    ("/repro/seeds/*/of", C::Content),
    ("/repro/image", C::From(&IMAGE_KEYS)),
    ("/repro/time", C::Time),
    ("/attachments", C::Branch),
    ("/attachments/*", C::Branch),
    ("/attachments/*/name", C::Text),
    ("/attachments/*/kind", C::Word),
    ("/attachments/*/digest", C::Id),
    ("/attachments/*/sha256", C::Id),
    ("/attachments/*/size", C::Number),
    ("/attachments/*/service", C::Text),
    ("/attachments/*/span_id", C::HexId),
    ("/attachments/*/unread", C::Number),
    ("/attachments/*/cut", C::Number),
    ("/attachments/*/tests", C::Branch),
    ("/attachments/*/tests/total", C::Number),
    ("/attachments/*/tests/passed", C::Number),
    ("/attachments/*/tests/failed", C::Number),
    ("/attachments/*/tests/errors", C::Number),
    ("/attachments/*/tests/skipped", C::Number),
    ("/attachments/*/tests/flaky", C::Number),
    ("/attachments/*/tests/more", C::Number),
    ("/attachments/*/tests/failures", C::Branch),
    ("/attachments/*/tests/failures/*", C::Branch),
    ("/attachments/*/tests/failures/*/suite", C::Text),
    ("/attachments/*/tests/failures/*/name", C::Text),
    ("/attachments/*/tests/failures/*/status", C::Word),
    ("/attachments/*/tests/failures/*/failed_runs", C::Number),
    ("/attachments/*/tests/failures/*/passed_runs", C::Number),
    ("/attachments/*/coverage", C::Branch),
    ("/attachments/*/coverage/lines", C::Number),
    ("/attachments/*/coverage/hit", C::Number),
    ("/attachments/*/coverage/more", C::Number),
    ("/attachments/*/coverage/files", C::Branch),
    ("/attachments/*/coverage/files/*", C::Branch),
    ("/attachments/*/coverage/files/*/file", C::Text),
    ("/attachments/*/coverage/files/*/in_stack", C::Number),
    ("/attachments/*/coverage/files/*/hit", C::Branch),
    ("/attachments/*/coverage/files/*/hit/*", C::Branch),
    ("/attachments/*/coverage/files/*/hit/*/*", C::Number),
    ("/attachments/*/coverage/files/*/missed", C::Branch),
    ("/attachments/*/coverage/files/*/missed/*", C::Branch),
    ("/attachments/*/coverage/files/*/missed/*/*", C::Number),
    ("/attachments/*/stacks", C::Branch),
    ("/attachments/*/stacks/*", C::Branch),
    ("/attachments/*/stacks/*/threads", C::Branch),
    ("/attachments/*/stacks/*/threads/*", C::Text),
    ("/attachments/*/stacks/*/count", C::Number),
    ("/attachments/*/profile", C::Branch),
    ("/attachments/*/profile/type", C::Text),
    ("/attachments/*/profile/unit", C::Text),
    ("/attachments/*/profile/total", C::Number),
    ("/attachments/*/profile/more", C::Number),
    ("/attachments/*/profile/stacks", C::Branch),
    ("/attachments/*/profile/stacks/*", C::Branch),
    ("/attachments/*/profile/stacks/*/folded", C::Text),
    ("/attachments/*/profile/stacks/*/value", C::Number),
    ("/attachments/*/profile/stacks/*/share", C::Number),
    ("/attachments/*/text", C::Text),
    ("/redaction", C::Report),
    ("/completeness", C::Branch),
    ("/completeness/records", C::Number),
    ("/completeness/shown", C::Number),
    ("/completeness/truncated", C::Branch),
    ("/completeness/truncated/*", C::Text),
    ("/completeness/missing", C::Branch),
    ("/completeness/missing/*", C::Text),
    ("/provenance", C::Branch),
    ("/provenance/policy", C::Text),
    ("/provenance/config", C::Id),
    ("/provenance/casefile", C::Version),
];

/// Every path and its class.
static PATHS: LazyLock<HashMap<String, FieldClass, foldhash::fast::RandomState>> = LazyLock::new(|| {
    let shaped = SHAPES
        .iter()
        .flat_map(|(place, fields)| fields.iter().map(move |(name, class)| (format!("{place}{name}"), *class)));
    // What is named by its whole path comes last, and holds.
    shaped.chain(FIELDS.iter().map(|(name, class)| ((*name).to_owned(), *class))).collect()
});

/// The class of a field: its path with `*` for every index.
pub(crate) fn of(path: &str) -> FieldClass {
    PATHS.get(path).copied().unwrap_or(FieldClass::Withheld)
}

impl FieldClass {
    /// Whether a text of a structural class has the shape that the class promises. `None` for the classes that hold
    /// anybody's text.
    pub(crate) fn shape_holds(self, text: &str) -> Option<bool> {
        let all =
            |limit: usize, accept: fn(u8) -> bool| !text.is_empty() && text.len() <= limit && text.bytes().all(accept);
        match self {
            Self::HexId => Some(
                matches!(text.len(), 16 | 32) && all(32, |byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')),
            ),
            Self::Time => Some(
                text.parse::<jiff::Timestamp>().is_ok()
                    && all(40, |byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte)),
            ),
            Self::Word => Some(all(32, |byte| byte.is_ascii_lowercase() || byte == b'_')),
            Self::Id => Some(all(128, |byte| byte.is_ascii_alphanumeric() || b":-_".contains(&byte))),
            Self::Version => Some(all(64, |byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))),
            Self::Pointer => {
                Some(all(64, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'/')))
            }
            Self::Number => Some(false),
            _ => None,
        }
    }
}

/// The table as text, for the digest of the rules in force.
pub(crate) fn table() -> String {
    format!("{FIELDS:?}{SHAPES:?}")
}
