//! Every field of OTLP that holds a text, each filled by one call.

use serde_json::{Value, json};

const AT: u64 = 1_750_000_000_000_000_000;

/// Keys of attributes of each class there is: shown as they are, content, identifiers, secrets, and keys that nothing knows.
const KEYS: &[&str] = &[
    "http.route",
    "url.full",
    "url.query",
    "db.query.text",
    "code.function.name",
    "messaging.message.body",
    "rpc.service",
    "user.email",
    "http.request.header.authorization",
    "feature_flag.key",
    "custom.attribute",
];

/// Keys of resources that a bundle shows in a place of its own.
const RESOURCE_KEYS: &[&str] = &[
    "service.version",
    "service.instance.id",
    "vcs.ref.head.revision",
    "vcs.repository.url.full",
    "process.command_line",
    "process.command_args",
    "process.environment_variable.TZ",
    "process.runtime.name",
    "k8s.pod.name",
    "host.name",
    "os.description",
    "container.image.name",
    "telemetry.sdk.language",
    "deployment.environment.name",
    "unknown.key",
];

/// Makes the text of a field from its name.
pub(crate) type Fill<'f> = dyn FnMut(&str) -> String + 'f;

fn attribute(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(fill: &mut Fill<'_>, place: &str, key: &str) -> Value {
    attribute(key, &json!({"stringValue": fill(&format!("{place} attribute {key}"))}))
}

/// Every shape of a value, under keys that are shown, and a key that is a value itself.
fn attributes(fill: &mut Fill<'_>, place: &str) -> Vec<Value> {
    let mut all: Vec<Value> = KEYS.iter().map(|key| text(fill, place, key)).collect();
    let mut of = |shape: &str| fill(&format!("{place} attribute {shape}"));
    all.push(attribute(&of("key"), &json!({"stringValue": "x"})));
    all.push(attribute(&format!("http.request.header.{}", of("header name")), &json!({"stringValue": "x"})));
    all.push(attribute("rpc.method", &json!({"arrayValue": {"values": [{"stringValue": of("array")}]}})));
    let bytes = data_encoding::BASE64.encode(of("bytes").as_bytes());
    all.push(attribute("messaging.destination.name", &json!({"bytesValue": bytes})));
    let bytes = data_encoding::BASE64.encode(of("bytes in array").as_bytes());
    all.push(attribute("messaging.operation.name", &json!({"arrayValue": {"values": [{"bytesValue": bytes}]}})));
    let statement = format!("select 1 from u where a='{}'", of("literal").replace('\'', "''"));
    all.push(attribute("db.query.text", &json!({"stringValue": statement})));
    let inner = attribute(&of("nested key"), &json!({"stringValue": of("nested value")}));
    let map = json!({"kvlistValue": {"values": [inner, attribute("http.route", &json!({"stringValue": of("map")}))]}});
    all.push(attribute("code.namespace", &map));
    let deep = json!({"arrayValue": {"values": [{"kvlistValue": {"values": [
        attribute("name", &json!({"arrayValue": {"values": [{"stringValue": of("deep")}]}}))]}}]}});
    all.push(attribute("graphql.document", &deep));
    all
}

fn resource(fill: &mut Fill<'_>, service: &str) -> Value {
    let mut attributes: Vec<Value> = RESOURCE_KEYS.iter().map(|key| text(fill, "resource", key)).collect();
    attributes.push(attribute("service.name", &json!({"stringValue": service})));
    attributes.push(attribute(&fill("resource attribute key"), &json!({"stringValue": "x"})));
    json!({"attributes": attributes})
}

fn scope(fill: &mut Fill<'_>, place: &str) -> Value {
    json!({"name": fill(&format!("{place} scope name")), "version": fill(&format!("{place} scope version")),
        "attributes": [text(fill, &format!("{place} scope"), "http.route")]})
}

fn exception(fill: &mut Fill<'_>, place: &str) -> Value {
    let mut of = |part: &str| fill(&format!("{place} {part}"));
    // Longer than a summary, so that its cut lies within one of them.
    let message: Vec<String> = (0..8).map(|_| format!("no {} there", of("exception.message"))).collect();
    let message = message.join(", ");
    let stack = format!(
        "Traceback (most recent call last):\n  File \"/home/{}/app.py\", line 3, in f\n    x = '{}'\n\
         app.Refused: for {} of\n{}",
        of("stack path"),
        of("stack source"),
        of("stack message"),
        of("stack last line"),
    );
    json!([
        attribute("exception.type", &json!({"stringValue": of("exception.type")})),
        attribute("exception.message", &json!({"stringValue": message})),
        attribute("exception.stacktrace", &json!({"stringValue": stack})),
    ])
}

fn span(fill: &mut Fill<'_>, trace: &str, id: &str) -> Value {
    let exception = exception(fill, "event");
    let flag = json!([text(fill, "flag", "feature_flag.key"), text(fill, "flag", "feature_flag.result.variant")]);
    let attributes =
        [attributes(fill, "span"), vec![attribute("db.system.name", &json!({"stringValue": "postgresql"}))]];
    let events = json!([
        {"timeUnixNano": AT.to_string(), "name": "exception", "attributes": exception},
        {"timeUnixNano": AT.to_string(), "name": fill("event name"), "attributes": self::attributes(fill, "event")},
        {"timeUnixNano": AT.to_string(), "name": "feature_flag.evaluation", "attributes": flag},
    ]);
    let links = json!([{"traceId": trace, "spanId": id, "traceState": format!("a={}", fill("link trace_state")),
        "attributes": self::attributes(fill, "link")}]);
    json!({
        "traceId": trace, "spanId": id, "kind": 2, "name": fill("span name"), "startTimeUnixNano": AT.to_string(),
        "endTimeUnixNano": (AT + 1_000_000).to_string(), "traceState": format!("a={}", fill("span trace_state")),
        "attributes": attributes.concat(), "status": {"code": 2, "message": fill("status message")},
        "events": events, "links": links,
    })
}

fn logs(fill: &mut Fill<'_>, trace: &str, id: &str) -> Vec<Value> {
    let bytes = data_encoding::BASE64.encode(fill("log body bytes").as_bytes());
    let map = json!({"kvlistValue": {"values": [
        attribute(&fill("log body key"), &json!({"stringValue": "x"})), text(fill, "log body", "http.route"),
        attribute("nested", &json!({"arrayValue": {"values": [{"stringValue": fill("log body deep")}]}}))]}});
    let bodies = [
        json!({"stringValue": fill("log body")}),
        json!({"stringValue": format!("job 17 of {} failed: retry", fill("log sentence"))}),
        json!({"bytesValue": bytes}),
        map,
        json!({"arrayValue": {"values": [{"stringValue": fill("log body array")}]}}),
    ];
    let mut after = AT;
    bodies
        .into_iter()
        .map(|body| {
            after += 1;
            let attributes = [attributes(fill, "log"), exception(fill, "log").as_array().unwrap().clone()].concat();
            json!({"timeUnixNano": after.to_string(), "severityNumber": 17, "severityText": fill("severity_text"),
                "eventName": fill("event_name"), "traceId": trace, "spanId": id, "body": body, "attributes": attributes})
        })
        .collect()
}

fn metric(fill: &mut Fill<'_>, trace: &str, id: &str) -> Value {
    let point = json!({"timeUnixNano": AT.to_string(), "asDouble": 1.5, "attributes": attributes(fill, "point"),
        "exemplars": [{"timeUnixNano": AT.to_string(), "asDouble": 2.5, "traceId": trace, "spanId": id,
            "filteredAttributes": attributes(fill, "exemplar")}]});
    json!({"name": fill("metric name"), "unit": fill("metric unit"), "description": fill("metric description"),
        "gauge": {"dataPoints": [point]}, "metadata": [text(fill, "metric metadata", "http.route")]})
}

/// The requests of a failed trace with every field filled, and the name of its service as `service` says.
pub(crate) fn requests(trace: &str, service: &str, fill: &mut Fill<'_>) -> [Value; 3] {
    let id = "eee19b7ec3c1b174";
    let schema = |fill: &mut Fill<'_>, place: &str| fill(&format!("{place} schema_url"));
    [
        json!({"resourceSpans": [{"resource": resource(fill, service), "schemaUrl": schema(fill, "resource"),
            "scopeSpans": [{"scope": scope(fill, "span"), "schemaUrl": schema(fill, "scope"), "spans": [span(fill, trace, id)]}]}]}),
        json!({"resourceLogs": [{"resource": resource(fill, service),
            "scopeLogs": [{"scope": scope(fill, "log"), "logRecords": logs(fill, trace, id)}]}]}),
        json!({"resourceMetrics": [{"resource": resource(fill, service),
            "scopeMetrics": [{"scope": scope(fill, "metric"), "metrics": [metric(fill, trace, id)]}]}]}),
    ]
}
