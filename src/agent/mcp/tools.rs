//! The tools: their names, what they take, and where each is answered. A tool is one variant of `Call` and one row here.

use std::collections::BTreeMap;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::McpServer;
use super::{answers, work};
use crate::agent::catalog::CatalogError;
use crate::agent::code::GitError;
use crate::agent::select::SelectError;
use crate::agent::untrusted::neutralise_all;

/// Why a tool has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// There is no such tool.
    #[error("there is no tool `{0}`")]
    Unknown(String),
    /// What it was given is not what it takes.
    #[error("{0}")]
    Arguments(String),
    /// What was asked for is not in the store.
    #[error("{0}")]
    NotFound(String),
    /// The path selects nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The store cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// No test can be made, or no verdict given.
    #[error("{0}")]
    Work(String),
    /// The bundle cannot be written as JSON.
    #[error("the bundle cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Tokens cannot be counted.
    #[error("tokens cannot be counted")]
    Uncounted,
}

impl ToolError {
    /// As the agent is told: it and what is behind it.
    pub(super) fn told(&self) -> String {
        let mut told = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
            cause = error.source();
        }
        told
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListArguments {
    /// Most items; 20 by default.
    pub(super) limit: Option<usize>,
    /// The `next` of the answer before.
    #[serde(default)]
    pub(super) after: String,
}

/// An incident.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentArguments {
    /// `INC-…`.
    pub(super) id: String,
    /// The `next` of its bundles, to see those that come then.
    #[serde(default)]
    pub(super) after: String,
}

/// A bundle, or a part of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleArguments {
    /// Trace id or bundle id.
    pub(super) id: String,
    /// Path of a part: `exception.frames[0:5]`, `repro.request`, `trace.spans[*].name`. Without it: what parts there are, and how large.
    pub(super) select: Option<String>,
}

/// A bundle.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneBundle {
    /// Trace id or bundle id.
    pub(super) id: String,
}

/// Items of a bundle's list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartArguments {
    /// Trace id or bundle id.
    pub(super) id: String,
    /// Most items; 50 by default.
    pub(super) limit: Option<usize>,
    /// The `next` of the answer before.
    pub(super) after: Option<usize>,
}

/// Lines of a log.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogArguments {
    /// Trace id or bundle id.
    pub(super) id: String,
    /// Only lines that contain this, in any case.
    pub(super) contains: Option<String>,
    /// Only lines of this level.
    pub(super) level: Option<String>,
    /// Most lines; 50 by default. The last before the error come first.
    pub(super) limit: Option<usize>,
    /// The `next` of the answer before.
    pub(super) after: Option<usize>,
}

/// Code.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeArguments {
    /// Trace id or bundle id.
    pub(super) id: String,
    /// Path of a file at the bundle's commit. Without it: the functions of the stack, imports, tests and suspected commits.
    pub(super) file: Option<String>,
    /// First line of the file, from 1.
    pub(super) from: Option<u32>,
    /// Last line of the file; 200 lines by default.
    pub(super) to: Option<u32>,
}

/// The bundle of a test.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestArguments {
    /// Trace id or bundle id.
    pub(super) id: String,
    /// What tokens of the bundle stand for, where that is known: token to value. The others get place-holders of their kind.
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
}

/// A patch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PatchArguments {
    /// Trace id or bundle id.
    pub(super) id: String,
    /// The patch: a unified diff as git writes it, against the commit that failed, without the made test.
    pub(super) diff: String,
    /// The failing test, as `make_test` gave it; without it one is made.
    pub(super) test: Option<String>,
    /// Most findings; 50 by default.
    pub(super) limit: Option<usize>,
    /// The `next` of the answer before. The patch is judged again.
    pub(super) after: Option<usize>,
}

/// All of them.
pub(super) fn list() -> Vec<Tool> {
    vec![
        tool::<ListArguments>("list_incidents", "Classes of production failures, the latest first."),
        tool::<IncidentArguments>(
            "get_incident",
            "One incident in at most 2,000 tokens: what failed, top frames, how often and where, its bundles, what to ask next.",
        ),
        tool::<BundleArguments>(
            "get_bundle",
            "A part of a bundle (the evidence of one failed request) by its path; without a path, its parts and their sizes.",
        ),
        tool::<PartArguments>("get_trace", "The failed request's spans: the path to the error first, then the others."),
        tool::<LogArguments>("get_logs", "Log lines before and around the error, the last first."),
        tool::<CodeArguments>(
            "get_code",
            "The code at the commit that failed: of the stack's frames, or of any file of it.",
        ),
        tool::<OneBundle>(
            "get_repro",
            "How to make it happen again: request, inputs, environment, clock, command, test.",
        ),
        tool::<PartArguments>("get_redaction_report", "What was redacted, where and by which rule; never what it was."),
        working::<TestArguments>(
            "make_test",
            "A test that fails as the failure did until the fault is mended: its text, and where it belongs. What could not be reconstructed is in `missing`.",
        ),
        working::<PatchArguments>(
            "check_patch",
            "Judges a diff in a throw-away tree: size, paths, dependencies, then the failing test without and with it, and the suite. May take minutes.",
        ),
    ]
}

/// Answers a call. The answer is safe to show: nothing recorded in it poses as something else.
pub(super) async fn call(server: &McpServer, name: &str, arguments: Value) -> Result<Value, ToolError> {
    let answer = match name {
        "list_incidents" => answers::list_incidents(server, read(arguments)?).await,
        "get_incident" => answers::incident(server, read(arguments)?).await,
        "get_bundle" => answers::bundle(server, read(arguments)?).await,
        "get_trace" => answers::trace(server, read(arguments)?).await,
        "get_logs" => answers::logs(server, read(arguments)?).await,
        "get_code" => answers::code(server, read(arguments)?).await,
        "get_repro" => answers::repro(server, read(arguments)?).await,
        "get_redaction_report" => answers::redaction_report(server, read(arguments)?).await,
        "make_test" => work::make_test(server, read(arguments)?).await,
        "check_patch" => work::check_patch(server, read(arguments)?).await,
        _ => return Err(ToolError::Unknown(name.chars().take(100).collect())),
    };
    answer.map(neutralise_all)
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments).map_err(|error| ToolError::Arguments(error.to_string()))
}

fn tool<T: JsonSchema + 'static>(name: &'static str, description: &'static str) -> Tool {
    Tool::new(name, description, JsonObject::new())
        .with_input_schema::<T>()
        .with_annotations(ToolAnnotations::new().read_only(true))
}

/// A tool that runs code in a throw-away tree, and may note in the ledger that it did.
fn working<T: JsonSchema + 'static>(name: &'static str, description: &'static str) -> Tool {
    let annotations = ToolAnnotations::new().read_only(false).destructive(false).idempotent(true).open_world(false);
    Tool::new(name, description, JsonObject::new()).with_input_schema::<T>().with_annotations(annotations)
}
