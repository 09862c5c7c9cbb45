//! Datadog: webhooks of monitors, whose payload a user makes of template variables.
//!
//! Source: Datadog, "Webhooks": the default payload (`id`, `title`, `body`, `date`, `last_updated`, `event_type`, `org`) and the names that
//! its examples give to `$ALERT_ID`, `$ALERT_TRANSITION`, `$ALERT_TYPE`, `$HOSTNAME`, `$TAGS`, `$LINK`, `$LOGS_SAMPLE`. Names are taken in
//! any case, with or without `alert_`. A variable that Datadog did not fill is still written as `$NAME`, and is none.

use std::sync::LazyLock;

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use regex::Regex;
use serde_json::{Map, Value};

use super::keys::{list, object};
use super::{Alert, AlertError, Attributes, Line, instant, trace_of_id};
use crate::model::{SpanId, TraceId};

/// Most samples of logs of one alert.
const MAX_SAMPLES: usize = 100;

#[expect(clippy::unwrap_used, reason = "a constant pattern, compiled in every test run")]
static IN_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:dd\.)?(trace|span)_?id["'`]?\s*[:=]\s*["'`]?([0-9a-f]{32}|[0-9]{1,20}|[0-9a-f]{16})\b"#)
        .unwrap()
});

/// Fields by their names in lower case; those of nested objects as `outer.inner`.
struct Fields(Vec<(String, Value)>);

/// Reads a payload: JSON, or a form.
///
/// # Errors
/// If it is neither, or holds nothing of an alert.
pub fn read(body: &[u8]) -> Result<Alert, AlertError> {
    let payload = object(body).or_else(|| form(body)).ok_or(AlertError::Malformed("a JSON object"))?;
    let fields = Fields::of(&payload);
    let title = fields.text(&["title", "alert_title", "event_title", "alert.title"]);
    let said = fields.text(&["body", "text_only_msg", "event_msg", "message", "text", "msg"]);
    if title.is_none() && said.is_none() {
        return Err(AlertError::Malformed("an alert of Datadog: it has neither `title` nor `body`"));
    }
    let tags = fields.tags();
    let everything = [title.as_deref(), said.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("\n");
    let tag = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let id = |what: &str| {
        let names = [format!("dd.{what}_id"), format!("dd_{what}_id"), format!("{what}_id"), format!("{what}id")];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let in_text = || {
            let found = IN_TEXT
                .captures_iter(&everything)
                .find(|found| found.get(1).is_some_and(|kind| kind.as_str().eq_ignore_ascii_case(what)))?;
            Some(found.get(2)?.as_str().to_owned())
        };
        fields.text(&names).or_else(|| names.iter().find_map(|name| tag(name))).or_else(in_text)
    };
    let date = ["date", "date_posix", "last_updated", "alert.date"];
    let time = date.iter().find_map(|name| instant(fields.get(name)?)).unwrap_or_default();
    let named = id("trace").and_then(|text| trace_id(&text));
    let trace_id = named.unwrap_or_else(|| {
        let event = fields.text(&["id", "event_id"]).or_else(|| fields.text(&["aggreg_key", "alert_cycle_key"]));
        let alert = || {
            let monitor = fields.text(&["alert_id", "monitor_id"])?;
            Some(format!("{monitor} at {}", fields.text(&["date", "date_posix", "last_updated"])?))
        };
        trace_of_id("datadog", &event.or_else(alert).unwrap_or_else(|| Value::Object(payload.clone()).to_string()))
    });

    let mut attributes = Attributes::default();
    attributes.put_text("exception.type", fields.text(&["error.type", "error.kind", "error_type", "error_kind"]));
    attributes.put_text("exception.message", fields.text(&["error.message", "error_message"]));
    attributes.put_text("exception.stacktrace", fields.text(&["error.stack", "error_stack", "error.stacktrace"]));
    for (key, names) in [
        ("datadog.alert.id", &["alert_id", "monitor_id"][..]),
        ("datadog.alert.transition", &["alert_transition", "transition"]),
        ("datadog.alert.type", &["alert_type", "event_type"]),
        ("datadog.alert.metric", &["alert_metric", "metric"]),
        ("datadog.alert.query", &["alert_query", "query"]),
        ("datadog.alert.scope", &["alert_scope", "scope"]),
        ("datadog.alert.status", &["alert_status", "status"]),
        ("datadog.alert.priority", &["alert_priority", "priority"]),
        ("datadog.event.id", &["id", "event_id"]),
        ("datadog.link", &["link", "url"]),
    ] {
        attributes.put_text(key, fields.text(names));
    }
    for (key, value) in &tags {
        attributes.put_text(&format!("datadog.tag.{key}"), Some(value.clone()));
    }
    let line = Line {
        time,
        span: id("span").and_then(|text| span_id(&text)),
        level: Some(level(&fields)),
        body: [title, said].into_iter().flatten().collect::<Vec<_>>().join("\n\n"),
        attributes,
    };
    let samples = fields.samples().into_iter().map(|body| Line { time, body, ..Line::default() });
    Ok(Alert {
        trace_id,
        records: samples.chain([line]).map(|line| line.record(trace_id)).collect(),
        resource: resource(&fields, &tags).0,
        scope: "datadog",
    })
}

/// `application/x-www-form-urlencoded`, which webhooks may be set to.
fn form(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?;
    let pairs: Map<String, Value> = url::form_urlencoded::parse(text.as_bytes())
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    let is_form = text.contains('=') && !text.contains(['{', '\n', ' ']);
    (is_form && !pairs.is_empty()).then_some(pairs)
}

impl Fields {
    fn of(payload: &Map<String, Value>) -> Self {
        let mut fields = Vec::new();
        for (name, value) in payload {
            let name = name.to_ascii_lowercase();
            if let Value::Object(inner) = value {
                fields.extend(
                    inner.iter().map(|(key, value)| (format!("{name}.{}", key.to_ascii_lowercase()), value.clone())),
                );
            }
            fields.push((name, value.clone()));
        }
        Self(fields)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The first of these that says something.
    fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.get(name)? {
            Value::String(text) if !text.trim().is_empty() && !is_unfilled(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// Pairs of `key:value`, from a list or a text with commas. A tag without a value is its own value.
    fn tags(&self) -> Vec<(String, String)> {
        let given: Vec<String> = match self.get("tags") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) if !is_unfilled(text) => text.split(',').map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let given = given.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty());
        given
            .map(|tag| tag.split_once(':').map_or((tag, tag), |(key, value)| (key, value)))
            .map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
            .collect()
    }

    /// `$LOGS_SAMPLE`: rows of a table, or texts.
    fn samples(&self) -> Vec<String> {
        let found = self.get("logs_sample").or_else(|| self.get("logs")).cloned().unwrap_or_default();
        let found = match found {
            Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
            found => found,
        };
        let columns = list(found.get("columns"));
        let rows = if found.is_array() { list(Some(&found)) } else { list(found.get("items")) };
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let row = |row: &Value| match row {
            Value::Array(cells) => {
                let named = cells.iter().enumerate().map(|(at, cell)| match columns.get(at).and_then(Value::as_str) {
                    Some(column) => format!("{column}: {}", plain(cell)),
                    None => plain(cell),
                });
                named.collect::<Vec<_>>().join(", ")
            }
            Value::Object(fields) => fields.get("message").map_or_else(|| row.to_string(), plain),
            other => plain(other),
        };
        rows.iter().take(MAX_SAMPLES).map(row).collect()
    }
}

/// A template variable that Datadog had no value for.
fn is_unfilled(text: &str) -> bool {
    let name = text.trim().strip_prefix('$');
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'))
}

/// 32 hex digits, or a 64-bit number as Datadog's tracers write it: decimal, or 16 hex digits.
fn trace_id(text: &str) -> Option<TraceId> {
    let text = text.trim().trim_start_matches("0x").to_ascii_lowercase();
    let id = if text.len() == 32 { text } else { format!("{:032x}", number(&text)?) };
    id.parse::<TraceId>().ok().filter(|id| !id.is_zero())
}

fn span_id(text: &str) -> Option<SpanId> {
    let id = format!("{:016x}", number(text.trim().trim_start_matches("0x"))?);
    id.parse::<SpanId>().ok().filter(|id| !id.is_zero())
}

/// Digits alone are decimal: that is how the tracers and the log correlation of Datadog write an id of 64 bits.
fn number(text: &str) -> Option<u64> {
    let is_hex = text.len() == 16 && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_hex { u64::from_str_radix(text, 16).ok() } else { text.parse().ok() }
}

/// An alert is an error unless it says that it is less.
fn level(fields: &Fields) -> SeverityNumber {
    let transition = fields.text(&["alert_transition", "transition"]).unwrap_or_default().to_ascii_lowercase();
    let kind = fields.text(&["alert_type"]).unwrap_or_default().to_ascii_lowercase();
    match (transition.as_str(), kind.as_str()) {
        ("recovered" | "no data recovered" | "warn recovered", _) | (_, "success" | "info" | "recovery") => {
            SeverityNumber::Info
        }
        ("warn" | "re-warn", _) | (_, "warning" | "warn") => SeverityNumber::Warn,
        _ => SeverityNumber::Error,
    }
}

fn resource(fields: &Fields, tags: &[(String, String)]) -> Attributes {
    let tag = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let mut resource = Attributes::default();
    for (key, name) in [
        ("service.name", "service"),
        ("deployment.environment.name", "env"),
        ("service.version", "version"),
        ("vcs.ref.head.revision", "git.commit.sha"),
        ("vcs.repository.url.full", "git.repository_url"),
        ("telemetry.sdk.language", "language"),
        ("k8s.pod.name", "pod_name"),
    ] {
        resource.put_text(key, tag(name).or_else(|| fields.text(&[name])));
    }
    resource.put_text("host.name", fields.text(&["hostname", "host"]).or_else(|| tag("host")));
    resource
}
