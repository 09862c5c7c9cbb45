//! What a test has to do, read off a bundle: before any language is looked at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::values::Placeholders;
use crate::agent::neutralise;
use crate::agent::prose::said;
use crate::model::{Attributes, Bundle, Frame, LogLine, SpanEvidence};

/// Headers that a client makes itself, or that belong to the trace and not to the request.
const OWN_HEADERS: [&str; 10] = [
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "accept-encoding",
    "traceparent",
    "tracestate",
    "baggage",
    "keep-alive",
    "upgrade",
];
/// Most answers that are stubbed.
const MAX_STUBS: usize = 50;
/// What a budget is, of the time that the slow call took.
const BUDGET: f64 = 0.5;

/// What the failing code was given.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// An HTTP request.
    Http(HttpInput),
    /// A message or a procedure's argument.
    Message(Value),
    /// Arguments by name: locals of the frame.
    Arguments(Attributes),
    /// Nothing is known.
    None,
}

#[derive(Debug, Clone)]
pub(super) struct HttpInput {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
}

/// An answer that a client span tells of.
#[derive(Debug, Clone)]
pub(super) struct Stub {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) status: i64,
    pub(super) body: String,
    /// How long it took, in milliseconds.
    pub(super) millis: u64,
}

/// The failure that must not happen.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// Type of what was thrown.
    pub(super) kind: Option<String>,
    /// The accesses of a data race: innermost own frame of each.
    pub(super) race: Vec<Frame>,
    /// Milliseconds that the call may take, for a failure that is slowness alone.
    pub(super) budget: Option<u64>,
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) incident: String,
    pub(super) summary: String,
    pub(super) input: Input,
    pub(super) expected: Expected,
    /// The frames that are the service's own, innermost first.
    pub(super) own: Vec<Frame>,
    pub(super) time: Option<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) flags: BTreeMap<String, Value>,
    pub(super) stubs: Vec<Stub>,
    pub(super) placeholders: BTreeMap<String, String>,
    /// What could not be made again, and would change what happens.
    pub(super) missing: Vec<String>,
    /// What the reader should know.
    pub(super) notes: Vec<String>,
}

impl Plan {
    pub(super) fn of(bundle: &Bundle, given: BTreeMap<String, String>) -> Self {
        let mut known = Placeholders::new(given);
        let (mut missing, mut notes) = (Vec::new(), Vec::new());
        let exception = bundle.exception.as_ref();
        let own: Vec<Frame> = exception
            .into_iter()
            .flat_map(|exception| &exception.frames)
            .filter(|frame| frame.in_app)
            .cloned()
            .collect();
        let input = input(bundle, &own, &mut known, &mut missing, &mut notes);
        let expected = Expected {
            kind: exception.and_then(|exception| exception.kind.clone()),
            race: super::race::accesses(bundle),
            budget: budget(bundle, &mut notes),
        };
        let flags = flags(&bundle.environment.feature_flags);
        let stubs = stubs(bundle, &mut known, &mut missing);
        let time = bundle.repro.time.clone();
        if time.is_none() {
            notes.push("the clock is not frozen: the bundle does not say when the request came".to_owned());
        }
        let env = bundle.repro.env.iter().map(|(name, value)| (name.clone(), known.text(value))).collect();
        let cut = bundle.completeness.truncated.iter().filter(|said| said.starts_with("repro"));
        missing.extend(cut.map(|said| format!("cut from the bundle: {said}")));
        Self {
            incident: bundle.incident.id.clone(),
            summary: bundle.incident.summary.clone(),
            input,
            expected,
            own,
            time,
            env,
            flags,
            stubs,
            placeholders: known.used,
            missing,
            notes,
        }
    }

    /// `inc_7k2m9q4t1x`: the incident as a name.
    pub(super) fn name(&self) -> String {
        self.incident.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
    }

    /// The files of the service's own frames, and of a race's accesses.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.own.iter().chain(&self.expected.race).filter_map(|frame| frame.file.as_deref())
    }
}

fn input(
    bundle: &Bundle,
    own: &[Frame],
    known: &mut Placeholders,
    missing: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Input {
    let locals = || own.iter().find(|frame| !frame.locals.is_empty()).map(|frame| frame.locals.clone());
    let arguments = |known: &mut Placeholders| {
        locals().map(|locals| {
            Input::Arguments(locals.iter().map(|(name, value)| (name.clone(), known.value(value))).collect())
        })
    };
    let Some(request) = &bundle.repro.request else {
        return arguments(known).unwrap_or_else(|| {
            missing.push("input: the bundle has no request, no message and no local variables".to_owned());
            Input::None
        });
    };
    if request.protocol != "http" {
        if let Some(found) = arguments(known) {
            return found;
        }
        let body = request.body.clone().or_else(|| payload(&bundle.logs.window, notes));
        return body.map(|body| Input::Message(known.value(&parsed(body)))).unwrap_or_else(|| {
            missing.push(format!("input: the body of the {} request was not recorded", request.protocol));
            Input::None
        });
    }
    let method = request.method.clone().unwrap_or_else(|| "GET".to_owned());
    let target = request.url.as_deref().map(target).filter(|target| target.starts_with('/'));
    let Some(target) = target else {
        missing.push("input: the path of the request was not recorded".to_owned());
        return Input::None;
    };
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_name && !OWN_HEADERS.contains(&name.as_str()) {
            let parts: Vec<String> = match value {
                Value::Array(items) => items.iter().map(said).collect(),
                value => vec![said(value)],
            };
            headers.insert(name, known.text(&parts.join(", ")).replace(['\r', '\n'], " "));
        }
    }
    let has_body = ["POST", "PUT", "PATCH"].contains(&method.as_str());
    let body = request.body.clone().or_else(|| has_body.then(|| payload(&bundle.logs.window, notes)).flatten());
    if body.is_none() && has_body {
        let length = request.headers.get("content-length").map(said);
        if length.as_deref() != Some("0") {
            missing.push(format!("body: that of the {method} request was not recorded"));
        }
    }
    let body = body.map(|body| {
        // Tokens are replaced in what JSON holds, not in its text: a value may need its quotes escaped.
        let body = known.value(&parsed(body));
        if !body.is_string() && !headers.contains_key("content-type") {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
            notes.push("the content type of the request was not recorded; its body is JSON".to_owned());
        }
        said(&body)
    });
    Input::Http(HttpInput { method, target: known.url(&target), headers, body })
}

/// Text that is JSON as what it says.
fn parsed(value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    match serde_json::from_str::<Value>(text) {
        Ok(read @ (Value::Object(_) | Value::Array(_))) => read,
        _ => value,
    }
}

/// Path and query of a URL.
fn target(url: &str) -> String {
    let rest = url.split_once("://").map(|(_, rest)| rest).or_else(|| url.strip_prefix("//"));
    match rest {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned(),
        None => url.to_owned(),
    }
}

/// A payload that was logged: an attribute that is named so, or JSON within a message.
fn payload(window: &[LogLine], notes: &mut Vec<String>) -> Option<Value> {
    let named = |line: &LogLine| {
        let keys = ["payload", "body", "request", "message", "event", "data"];
        let found = line.attrs.iter().find(|(key, value)| {
            let last = key.rsplit('.').next().unwrap_or_default();
            keys.contains(&last) && (value.is_object() || parsed((*value).clone()).is_object())
        });
        found.map(|(_, value)| parsed(value.clone()))
    };
    let within = |line: &LogLine| {
        let at = line.msg.find('{')?;
        let mut values = serde_json::Deserializer::from_str(line.msg.get(at..)?).into_iter::<Value>();
        values.next()?.ok().filter(Value::is_object)
    };
    let (at, found) =
        window.iter().enumerate().find_map(|(at, line)| Some((at, named(line).or_else(|| within(line))?)))?;
    notes.push(format!("the body is what log line {} shows; the request's own was not recorded", at + 1));
    Some(found)
}

fn budget(bundle: &Bundle, notes: &mut Vec<String>) -> Option<u64> {
    if bundle.exception.is_some() || bundle.incident.class != "performance" {
        return None;
    }
    let took = bundle.trace.span_path.iter().filter_map(|span| span.duration_ms).reduce(f64::max)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of one request")]
    let budget = (took * BUDGET).max(1.0) as u64;
    notes.push(format!("the budget of {budget} ms is half of what the call took ({took:.0} ms): set your own"));
    Some(budget)
}

/// Flags by name, where the value is known.
fn flags(recorded: &Attributes) -> BTreeMap<String, Value> {
    let mut flags = BTreeMap::new();
    for (name, value) in recorded {
        let value = match value {
            Value::Object(fields) => {
                ["value", "result.value", "variant", "result.variant"].iter().find_map(|key| fields.get(*key))
            }
            value => Some(value),
        };
        if let Some(value) = value {
            flags.insert(name.clone(), value.clone());
        }
    }
    flags
}

fn stubs(bundle: &Bundle, known: &mut Placeholders, missing: &mut Vec<String>) -> Vec<Stub> {
    // What a service called belongs to its test; the calls of the services above it do not.
    let failing = bundle.trace.span_path.last().map(|span| span.service.as_str()).unwrap_or_default();
    let clients = bundle.trace.spans.iter().filter(|span| span.kind == "client" && span.service == failing);
    let mut stubs = Vec::new();
    for span in clients.take(MAX_STUBS) {
        let text = |keys: &[&str]| keys.iter().find_map(|key| span.attrs.get(*key)).map(said);
        if let Some(system) = text(&["db.system.name", "db.system", "messaging.system", "rpc.system"]) {
            missing.push(format!("answer of {system} to `{}`: spans do not record it", comment(&span.name)));
            continue;
        }
        let Some(url) = text(&["url.full", "http.url"]) else { continue };
        let method = text(&["http.request.method", "http.method"]).unwrap_or_else(|| "GET".to_owned());
        let status = status(span);
        let body = text(&["http.response.body.content", "http.response.body"]);
        let Some(status) = status else {
            missing.push(format!("answer to {method} {}: no status was recorded", comment(&url)));
            continue;
        };
        if body.is_none() && status < 300 && status != 204 {
            missing.push(format!("answer to {method} {}: its body was not recorded", comment(&url)));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of one call")]
        let millis = span.duration_ms.unwrap_or_default().clamp(0.0, 60_000.0) as u64;
        let body = known.text(&body.unwrap_or_default());
        stubs.push(Stub { method, url: known.url(&url), status, body, millis });
    }
    stubs
}

fn status(span: &SpanEvidence) -> Option<i64> {
    ["http.response.status_code", "http.status_code"].iter().find_map(|key| span.attrs.get(*key)?.as_i64())
}

/// A text that may stand in a comment of any language: on one line, and nothing that ends one.
pub(super) fn comment(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}');
    let is_hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line: String = text.chars().filter(|c| !is_hidden(*c)).map(|c| if is_break(c) { ' ' } else { c }).collect();
    let short: String = line.chars().take(200).collect();
    // Tools read directives in comments.
    let short = short.replace("*/", "* /").replace("//go:", "// go:").replace("@ts-", "@ ts-").replace("\\u", "\\ u");
    neutralise(&short)
}
