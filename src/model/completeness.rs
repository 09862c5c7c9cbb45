//! What a bundle says of what is in it and what is not. Whoever merges documents must know again what was written: its words stand here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Repro, SpanId};

/// What is in the bundle, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// Records of the trace, and those that are shown beside it.
    pub records: u64,
    /// How many of them are shown.
    pub shown: u64,
    /// What was cut, and why.
    pub truncated: Vec<String>,
    /// What is not there, and why: `commit_sha: no vcs.ref.head.revision and none of its fallbacks`.
    pub missing: Vec<String>,
}

/// Entries of `missing`.
impl Completeness {
    pub(crate) const NO_ROOT: &str = "trace.root: no span without a parent was received";
    pub(crate) const NO_PATH: &str = "trace.span_path: the span of the failure was not received";
    pub(crate) const NO_EXCEPTION: &str = "exception: none was recorded";
    pub(crate) const NO_COMMIT: &str = "commit_sha: no vcs.ref.head.revision and none of its fallbacks";
    pub(crate) const NO_SEEDS: &str = "repro.seeds: no attribute, variable, option or test report tells one";
    pub(crate) const NO_REQUEST: &str = "repro.request: no span of the path describes one";
    /// Of a bundle whose manifest says that it failed late.
    pub(crate) const LET_GO: &str =
        "records: those that came before the failure was known had been let go, but for what is here";
    const NO_PARENT: &str = "trace.span_path: span ";

    pub(crate) fn no_parent(parent: SpanId, child: SpanId) -> String {
        format!("{}{parent}, parent of {child}, was not received", Self::NO_PARENT)
    }

    pub(crate) fn is_no_parent(entry: &str) -> bool {
        entry.starts_with(Self::NO_PARENT)
    }
}

/// Entries of `truncated`.
impl Completeness {
    /// Of all spans of the trace so many are shown.
    pub(crate) fn spans_shown(shown: usize, of: u64) -> String {
        format!("trace.spans: {shown} of {of} are shown")
    }

    pub(crate) fn is_spans_shown(entry: &str) -> bool {
        entry.starts_with("trace.spans: ") && entry.ends_with(" are shown")
    }
}

impl Repro {
    /// Entries of `missing`: what it lacks for the failure to happen again, as far as it would have any.
    pub(crate) fn lacks(&self) -> Vec<String> {
        let mut lacks = Vec::new();
        match &self.request {
            None => lacks.push(Completeness::NO_REQUEST),
            Some(request) => {
                // A method without content has no body to capture (RFC 9110 §9.3).
                let has_content = !matches!(request.method.as_deref(), Some("GET" | "HEAD" | "OPTIONS" | "TRACE"));
                if request.body.is_none() && (has_content || request.protocol != "http") {
                    lacks.push("repro.request.body: no span of the path carries one");
                }
                match request.protocol.as_str() {
                    "http" if request.headers.is_empty() => {
                        lacks.push("repro.request.headers: no http.request.header.*")
                    }
                    "rpc" if request.headers.is_empty() => {
                        lacks.push("repro.request.headers: no rpc.request.metadata.*")
                    }
                    _ => {}
                }
            }
        }
        if self.inputs.is_empty() {
            lacks.push("repro.inputs: no query parameter, and no attribute of the path that says what was worked on");
        }
        if self.env.is_empty() {
            lacks.push("repro.env: no process.environment_variable.* and no time zone");
        }
        if self.time.is_none() {
            lacks.push("repro.time: no span of the path says when it began");
        }
        if self.command.is_empty() {
            lacks.push("repro.command: no process.command_args or process.command_line");
        }
        if self.image.is_none() {
            lacks.push("repro.image: no container.image.*");
        }
        lacks.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::model::Repro;

    fn lacks(repro: Value) -> Vec<String> {
        let lacks = serde_json::from_value::<Repro>(repro).unwrap().lacks();
        lacks.into_iter().map(|entry| entry.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    fn with(request: Value) -> Vec<String> {
        lacks(
            json!({"env": {"TZ": "UTC"}, "inputs": {"q": "1"}, "request": request, "command": ["serve"], "image": "shop:1",
            "time": "2026-11-23T12:00:01Z"}),
        )
    }

    #[test]
    fn a_reproduction_says_each_thing_that_it_lacks() {
        let none = lacks(json!({"env": {}, "inputs": {}, "request": null}));
        let all = ["repro.request", "repro.inputs", "repro.env", "repro.time", "repro.command", "repro.image"];
        assert_eq!(none, all);
    }

    #[test]
    fn what_a_request_cannot_have_is_not_missing_from_it() {
        let (body, headers) = ("repro.request.body", "repro.request.headers");
        assert_eq!(with(json!({"protocol": "http", "method": "POST"})), [body, headers]);
        assert_eq!(with(json!({"protocol": "http", "method": "GET"})), [headers], "no content");
        assert_eq!(with(json!({"protocol": "rpc", "method": "GET"})), [body, headers], "a procedure of that name");
        assert_eq!(
            with(json!({"protocol": "messaging", "method": "process"})),
            [body],
            "no headers are read of messages"
        );
        let whole = json!({"protocol": "http", "method": "POST", "headers": {"accept": "*/*"}, "body": "{}"});
        assert_eq!(with(whole), [""; 0]);
    }
}
