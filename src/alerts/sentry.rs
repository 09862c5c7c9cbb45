//! Sentry: webhooks of issue alerts, errors and issues, those of the legacy integration, and events by themselves.
//!
//! Source: Sentry, "Integration Platform, Webhooks" (`data.event`, `data.error`, `data.issue`) and "Event Payloads" (`exception.values` and
//! `stacktrace.frames`, oldest first; `breadcrumbs.values`; `contexts.trace`; `request`; `tags`). Where an event comes in the form of
//! Sentry's API, its parts stand in `entries` and its names are in camel case.

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use serde_json::{Map, Value};

use super::keys::{field, list, object, pairs, string};
use super::stack::{self, Thrown};
use super::{Alert, AlertError, Attributes, FRAMES_KEY, Line, instant, trace_of_id};
use crate::model::{SpanId, Timestamp, TraceId};

/// Most breadcrumbs of one event: the last ones. SDKs keep a hundred.
const MAX_BREADCRUMBS: usize = 1000;
/// Most frames of one exception: the innermost ones.
const MAX_FRAMES: usize = 500;
/// Most exceptions of one event: those that surfaced.
const MAX_EXCEPTIONS: usize = 50;

/// Reads a payload.
///
/// # Errors
/// If it is no JSON object, or tells of no error.
pub fn read(body: &[u8]) -> Result<Alert, AlertError> {
    let payload = Value::Object(object(body).ok_or(AlertError::Malformed("a JSON object"))?);
    let data = field(&payload, &["data"]);
    let inside = |name: &str| data.and_then(|data| field(data, &[name])).filter(|event| event.is_object());
    let rule = data.and_then(|data| string(data, &["triggered_rule"]));
    if let Some(event) = inside("event").or_else(|| inside("error")) {
        return Ok(of_event(event, &payload, rule));
    }
    if let Some(issue) = inside("issue") {
        return of_issue(issue, &payload);
    }
    if let Some(event) = field(&payload, &["event"]).filter(|event| is_event(event)) {
        return Ok(of_event(event, &payload, rule));
    }
    if is_event(&payload) {
        return Ok(of_event(&payload, &Value::Object(Map::new()), rule));
    }
    match string(&payload, &["action"]) {
        Some(action) => {
            Err(AlertError::NoError(format!("`{action}` without `data.event`, `data.error` or `data.issue`")))
        }
        None => Err(AlertError::Malformed("an event of Sentry, nor a webhook that holds one")),
    }
}

fn is_event(value: &Value) -> bool {
    let named = field(value, &["event_id", "eventID"]).is_some();
    named || field(value, &["exception", "sentry.interfaces.Exception", "logentry"]).is_some()
}

/// A part of an event, where it stands by itself or among `entries`.
fn part<'e>(event: &'e Value, names: &[&str], kind: &str) -> Option<&'e Value> {
    field(event, names).or_else(|| {
        let entries = list(event.get("entries"));
        entries.iter().find(|entry| entry.get("type").and_then(Value::as_str) == Some(kind))?.get("data")
    })
}

/// `values` of a part, or the part itself where it is the list.
fn values(part: Option<&Value>) -> &[Value] {
    match part {
        Some(Value::Array(items)) => items,
        Some(part) => list(part.get("values")),
        None => &[],
    }
}

fn of_event(event: &Value, payload: &Value, rule: Option<String>) -> Alert {
    let context = |name: &str| event.get("contexts").and_then(|contexts| field(contexts, &[name]));
    let trace = context("trace");
    let id = string(event, &["event_id", "eventID", "id"]).unwrap_or_default();
    let named = trace.and_then(|trace| string(trace, &["trace_id"]));
    let trace_id = named.and_then(|id| id.to_ascii_lowercase().parse::<TraceId>().ok()).filter(|id| !id.is_zero());
    // An event without an id is told by all that it says.
    let own = || if id.is_empty() { trace_of_id("sentry", &event.to_string()) } else { trace_of_id("sentry", &id) };
    let trace_id = trace_id.unwrap_or_else(own);
    let span = trace.and_then(|trace| string(trace, &["span_id"]));
    let span = span.and_then(|id| id.to_ascii_lowercase().parse::<SpanId>().ok()).filter(|id| !id.is_zero());
    let platform = string(event, &["platform"]).unwrap_or_default();
    let tags = pairs(event.get("tags"));
    let time = ["timestamp", "datetime", "dateCreated", "dateReceived", "received"]
        .iter()
        .find_map(|name| instant(event.get(*name)?))
        .unwrap_or_default();

    let thrown = exceptions(event);
    let surfaced = thrown.first().cloned().unwrap_or_default();
    let mut attributes = Attributes::default();
    attributes.put_text("exception.type", surfaced.kind.clone());
    attributes.put_text("exception.message", surfaced.message.clone());
    attributes.put_text("exception.stacktrace", Some(stack::text(&thrown, platform_of(&platform))));
    attributes.put_json("exception.escaped", surfaced.handled.map(|handled| Value::Bool(!handled)).as_ref());
    if !surfaced.frames.is_empty() {
        attributes.put_text(FRAMES_KEY, Some(Value::Array(surfaced.frames.clone()).to_string()));
    }
    request(event, &mut attributes);
    user(event, &mut attributes);
    attributes.put_text("sentry.event_id", Some(id));
    attributes.put_text("sentry.url", string(event, &["web_url", "url"]).or_else(|| string(payload, &["url"])));
    attributes.put_text("sentry.transaction", string(event, &["transaction"]));
    attributes.put_text("sentry.culprit", string(event, &["culprit"]).or_else(|| string(payload, &["culprit"])));
    attributes.put_text("sentry.logger", string(event, &["logger"]));
    attributes.put_text("sentry.rule", rule);
    for (key, value) in &tags {
        attributes.put_json(&format!("sentry.tag.{key}"), Some(value));
    }
    let level = string(event, &["level"]).and_then(|level| severity(&level));
    let error = Line {
        time,
        span,
        // What alerts is a failure, whatever it calls itself; one that was fatal stays so.
        level: Some(
            level.filter(|level| *level as i32 >= SeverityNumber::Error as i32).unwrap_or(SeverityNumber::Error),
        ),
        body: said(event, payload, &surfaced),
        attributes,
    };
    let crumbs = values(part(event, &["breadcrumbs", "sentry.interfaces.Breadcrumbs"], "breadcrumbs"));
    let last = crumbs.len().saturating_sub(MAX_BREADCRUMBS);
    let lines = crumbs.iter().skip(last).map(|crumb| breadcrumb(crumb, time)).chain([error]);
    Alert {
        trace_id,
        records: lines.map(|line| line.record(trace_id)).collect(),
        resource: resource(event, payload, &platform, &tags).0,
        scope: "sentry",
    }
}

/// An issue tells type and message of its events, and no more.
fn of_issue(issue: &Value, payload: &Value) -> Result<Alert, AlertError> {
    let action = string(payload, &["action"]).unwrap_or_default();
    if !matches!(action.as_str(), "created" | "triggered" | "unresolved") {
        return Err(AlertError::NoError(format!("an issue was {action}")));
    }
    let id = string(issue, &["id", "shortId"]).ok_or(AlertError::Malformed("an issue with an id"))?;
    let metadata = issue.get("metadata").unwrap_or(&Value::Null);
    let mut attributes = Attributes::default();
    attributes.put_text("exception.type", string(metadata, &["type"]));
    attributes.put_text("exception.message", string(metadata, &["value"]));
    attributes.put_text("code.function.name", string(metadata, &["function"]));
    attributes.put_text("code.file.path", string(metadata, &["filename"]));
    attributes.put_text("sentry.issue", string(issue, &["shortId", "id"]));
    attributes.put_text("sentry.url", string(issue, &["web_url", "permalink"]));
    attributes.put_text("sentry.culprit", string(issue, &["culprit"]));
    let time = ["lastSeen", "firstSeen"].iter().find_map(|name| instant(issue.get(*name)?)).unwrap_or_default();
    let body = string(issue, &["title", "culprit"]).unwrap_or_default();
    let line = Line { time, level: Some(SeverityNumber::Error), body, attributes, ..Line::default() };
    let platform = string(issue, &["platform"]).unwrap_or_default();
    let project = issue.get("project").unwrap_or(&Value::Null);
    let trace_id = trace_of_id("sentry", &format!("issue {id}"));
    Ok(Alert {
        trace_id,
        records: vec![line.record(trace_id)],
        resource: resource(issue, &serde_json::json!({"project": string(project, &["slug", "name"])}), &platform, &[])
            .0,
        scope: "sentry",
    })
}

/// The exceptions of an event: the one that surfaced first.
fn exceptions(event: &Value) -> Vec<Thrown> {
    let given = values(part(event, &["exception", "sentry.interfaces.Exception"], "exception"));
    let of = |one: &Value| {
        let mechanism = one.get("mechanism").unwrap_or(&Value::Null);
        let module = string(one, &["module"]).filter(|module| !module.is_empty() && module != "builtins");
        let kind = string(one, &["type"]);
        // Java's types are written with their package, which Sentry keeps apart.
        let kind = match (module, kind) {
            (Some(module), Some(kind)) if !kind.contains(['.', ':', '\\']) => Some(format!("{module}.{kind}")),
            (_, kind) => kind,
        };
        let stacktrace = field(one, &["stacktrace", "rawStacktrace"]);
        Thrown {
            kind,
            message: string(one, &["value"]),
            frames: frames(stacktrace),
            handled: mechanism.get("handled").and_then(Value::as_bool),
        }
    };
    let mut thrown: Vec<Thrown> = given.iter().rev().take(MAX_EXCEPTIONS).map(of).collect();
    if thrown.is_empty() {
        // A message that was captured with a stack.
        let frames = frames(part(event, &["stacktrace", "sentry.interfaces.Stacktrace"], "stacktrace"));
        if !frames.is_empty() {
            thrown.push(Thrown { frames, ..Thrown::default() });
        }
    }
    // A stack that was recorded beside the exception is that of its thread.
    if let Some(surfaced) = thrown.first_mut().filter(|surfaced| surfaced.frames.is_empty()) {
        let crashed = values(part(event, &["threads"], "threads"))
            .iter()
            .find(|thread| thread.get("crashed").and_then(Value::as_bool) == Some(true));
        surfaced.frames = frames(crashed.and_then(|thread| field(thread, &["stacktrace"])));
    }
    thrown
}

fn frames(stacktrace: Option<&Value>) -> Vec<Value> {
    let given = list(stacktrace.and_then(|stacktrace| stacktrace.get("frames")));
    given.iter().skip(given.len().saturating_sub(MAX_FRAMES)).map(stack::frame).collect()
}

fn said(event: &Value, payload: &Value, surfaced: &Thrown) -> String {
    let entry = part(event, &["logentry", "sentry.interfaces.Message"], "message");
    let logged = entry.and_then(|entry| string(entry, &["formatted", "message"]));
    logged
        .or_else(|| string(event, &["message", "title"]))
        .or_else(|| match (&surfaced.kind, &surfaced.message) {
            (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
            (kind, message) => kind.clone().or_else(|| message.clone()),
        })
        .or_else(|| string(payload, &["message"]))
        .unwrap_or_else(|| "an event of Sentry without a message".to_owned())
}

fn breadcrumb(crumb: &Value, fallback: Timestamp) -> Line {
    let data = crumb.get("data").unwrap_or(&Value::Null);
    let mut attributes = Attributes::default();
    attributes.put_text("sentry.breadcrumb.category", string(crumb, &["category"]));
    attributes.put_text("sentry.breadcrumb.type", string(crumb, &["type"]));
    attributes.put_text("sentry.event_id", string(crumb, &["event_id"]));
    // What the conventions have a name for goes by it: the redactor knows what these hold.
    attributes.put_json("url.full", data.get("url"));
    attributes.put_json("http.request.method", data.get("method"));
    attributes.put_json("http.response.status_code", field(data, &["status_code", "statusCode"]));
    for (key, value) in pairs(Some(data)) {
        if !matches!(key.as_str(), "url" | "method" | "status_code" | "statusCode") {
            attributes.put_json(&format!("sentry.breadcrumb.data.{key}"), Some(&value));
        }
    }
    let request = || {
        let (method, url) = (string(data, &["method"]), string(data, &["url"])?);
        let status = string(data, &["status_code", "statusCode"]);
        let parts = [method, Some(url), status.map(|status| format!("[{status}]"))];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    };
    let body = string(crumb, &["message"]).or_else(request).or_else(|| string(crumb, &["category"]));
    Line {
        time: crumb.get("timestamp").and_then(instant).unwrap_or(fallback),
        level: string(crumb, &["level"]).and_then(|level| severity(&level)),
        body: body.unwrap_or_default(),
        attributes,
        ..Line::default()
    }
}

fn request(event: &Value, attributes: &mut Attributes) {
    let Some(request) = part(event, &["request", "sentry.interfaces.Http"], "request") else { return };
    attributes.put_json("http.request.method", request.get("method"));
    attributes.put_json("url.full", request.get("url"));
    let query = field(request, &["query_string", "query"]);
    attributes.put_text(
        "url.query",
        match query {
            Some(Value::String(query)) => Some(query.clone()),
            query => Some(
                pairs(query)
                    .into_iter()
                    .map(|(key, value)| format!("{key}={}", plain(&value)))
                    .collect::<Vec<_>>()
                    .join("&"),
            ),
        },
    );
    for (name, value) in pairs(request.get("headers")) {
        attributes.put_list(&format!("http.request.header.{}", name.to_ascii_lowercase()), plain(&value));
    }
    attributes.put_json("http.request.body.content", request.get("data"));
    attributes.put_json("client.address", request.get("env").and_then(|env| env.get("REMOTE_ADDR")));
}

fn user(event: &Value, attributes: &mut Attributes) {
    let Some(user) = field(event, &["user", "sentry.interfaces.User"]) else { return };
    attributes.put_text("user.id", string(user, &["id"]));
    attributes.put_text("user.email", string(user, &["email"]));
    attributes.put_text("user.name", string(user, &["username", "name"]));
    attributes.put_text("client.address", string(user, &["ip_address"]));
}

/// What is said of where it happened, by the names of the conventions.
fn resource(event: &Value, payload: &Value, platform: &str, tags: &[(String, Value)]) -> Attributes {
    let tag = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| plain(value));
    let mut resource = Attributes::default();
    let slug = string(payload, &["project_slug", "project_name", "project"]);
    resource.put_text("service.name", tag("service.name").or_else(|| tag("service")).or(slug));
    if let Some(release) = string(event, &["release"]).or_else(|| tag("release")).or_else(|| release_of_api(event)) {
        // `package@version`, or a commit.
        let version = release.rsplit_once('@').map_or(release.as_str(), |(_, version)| version);
        if version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            resource.put_text("vcs.ref.head.revision", Some(version.to_owned()));
        }
        resource.put_text("service.version", Some(version.to_owned()));
    }
    let environment = string(event, &["environment"]).or_else(|| tag("environment"));
    resource.put_text("deployment.environment.name", environment);
    resource.put_text("host.name", string(event, &["server_name"]).or_else(|| tag("server_name")));
    resource.put_text("telemetry.sdk.language", Some(language_of(platform).to_owned()));
    for (context, prefix) in [("runtime", "process.runtime"), ("os", "os")] {
        let Some(found) = event.get("contexts").and_then(|contexts| contexts.get(context)) else { continue };
        resource.put_text(&format!("{prefix}.name"), string(found, &["name"]));
        resource.put_text(&format!("{prefix}.version"), string(found, &["version"]));
    }
    resource
}

fn release_of_api(event: &Value) -> Option<String> {
    string(event.get("release")?, &["version"])
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The platform by whose rules a stack is written.
fn platform_of(platform: &str) -> &str {
    match platform.split('-').next().unwrap_or_default() {
        "android" => "java",
        "dotnet" => "csharp",
        "objc" | "swift" => "cocoa",
        known => known,
    }
}

/// The language, by the names that `telemetry.sdk.language` has.
fn language_of(platform: &str) -> &str {
    match platform_of(platform) {
        "node" => "nodejs",
        "javascript" => "webjs",
        "csharp" => "dotnet",
        "native" | "c" => "cpp",
        "cocoa" => "swift",
        "other" => "",
        known => known,
    }
}

fn severity(level: &str) -> Option<SeverityNumber> {
    Some(match level.to_ascii_lowercase().as_str() {
        "debug" => SeverityNumber::Debug,
        "info" | "log" => SeverityNumber::Info,
        "warning" | "warn" => SeverityNumber::Warn,
        "error" => SeverityNumber::Error,
        "fatal" | "critical" => SeverityNumber::Fatal,
        _ => return None,
    })
}
