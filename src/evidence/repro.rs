//! How to make it happen again: environment variables, the request, and input values.
//!
//! The request is read off the entry of the failing service: the nearest SERVER or CONSUMER span at or above the
//! critical one, else the top of the path. Source: OpenTelemetry semantic conventions for HTTP (stable and 1.20), RPC and
//! messaging.
//!
//! Inputs are the query parameters of the request and the span attributes on the path that say what was worked on: those
//! that no semantic convention defines as telemetry's own, and those conventions that carry values (function
//! parameters, query parameters, message bodies, command lines).

use serde_json::Value;

use super::{Path, environment, values};
use crate::model::{Attributes, BODY_KEYS, COMMAND_KEYS, IMAGE_KEYS, Repro, Request, Timestamp};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// Conventions whose attributes are values that were worked on.
const INPUTS: [&str; 9] = [
    "code.function.parameter.",
    "db.query.parameter.",
    "db.operation.parameter.",
    "graphql.variables",
    "rpc.request.",
    "messaging.message.body",
    "process.command_args",
    "process.command_line",
    "faas.document.name",
];

/// Conventions whose attributes say how a thing was done, not with what: a namespace with its dot, or a whole key. In order.
const METADATA: [&str; 91] = [
    "android.",
    "artifact.",
    "aspnetcore.",
    "aws.",
    "az.",
    "azure.",
    "baggage.",
    "browser.",
    "busy_ns",
    "cassandra.",
    "cicd.",
    "client.",
    "cloud.",
    "cloudevents.",
    "cloudfoundry.",
    "code.",
    "container.",
    "cpu.",
    "cpython.",
    "db.",
    "deployment.",
    "destination.",
    "device.",
    "disk.",
    "dns.",
    "dotnet.",
    "elasticsearch.",
    "enduser.",
    "error.",
    "event.",
    "exception.",
    "express.",
    "faas.",
    "fastify.",
    "feature_flag.",
    "file.",
    "gcp.",
    "gen_ai.",
    "geo.",
    "go.",
    "graphql.",
    "hapi.",
    "heroku.",
    "host.",
    "http.",
    "hw.",
    "idle_ns",
    "ios.",
    "jvm.",
    "k8s.",
    "koa.",
    "level",
    "linux.",
    "log.",
    "messaging.",
    "net.",
    "network.",
    "nodejs.",
    "oci.",
    "openai.",
    "opentracing.",
    "os.",
    "otel.",
    "peer.",
    "pool",
    "process.",
    "profile.",
    "rpc.",
    "sampler.",
    "sampling.",
    "security_rule.",
    "server.",
    "service.",
    "session.",
    "signalr.",
    "source.",
    "span.",
    "system.",
    "target",
    "telemetry.",
    "test.",
    "thread.",
    "tls.",
    "transaction.",
    "url.",
    "user.",
    "user_agent.",
    "v8js.",
    "vcs.",
    "webengine.",
    "zos.",
];

/// Puts it together from the spans of the path, root first.
pub(super) fn repro(Path { loaded: path, attrs, .. }: &Path, timezone: Option<&str>) -> Repro {
    let mut repro = Repro::default();
    repro.env.extend(timezone.map(|zone| ("TZ".to_owned(), zone.to_owned())));
    if let Some(critical) = path.last() {
        let recorded =
            environment::variables(&critical.resource).chain(attrs.last().into_iter().flat_map(environment::variables));
        repro.env.extend(recorded.map(|(name, value)| (name.to_owned(), values::text(value))));
    }
    let entries = path.iter().zip(attrs).rev().filter(|(span, _)| [SERVER, CONSUMER].contains(&span.body.kind));
    let mut entries = entries.chain(path.first().zip(attrs.first()));
    let entry = entries.find_map(|(span, attrs)| Some((span, attrs, request(attrs)?)));
    repro.time = entry
        .as_ref()
        .map(|(span, ..)| *span)
        .or(path.first())
        .map(|span| Timestamp(span.body.start_time_unix_nano))
        .filter(|start| start.0 > 0)
        .map(Timestamp::to_rfc3339);
    if let Some(critical) = path.last() {
        repro.command = command(&critical.resource).or_else(|| command(attrs.last()?)).unwrap_or_default();
        repro.image = image(&critical.resource);
    }
    if let Some((span, entry, mut request)) = entry {
        repro.inputs.extend(query_parameters(entry, request.url.as_deref()));
        // A handler may know no span but its own, below the one that received the request.
        let below = path.iter().zip(attrs).skip_while(|(other, _)| !std::ptr::eq(*other, span)).skip(1);
        let mut own = below.filter(|(span, _)| ![CLIENT, PRODUCER].contains(&span.body.kind));
        request.body = body(entry).or_else(|| own.find_map(|(_, attrs)| body(attrs)));
        repro.request = Some(request);
    }
    for attrs in attrs {
        repro
            .inputs
            .extend(attrs.iter().filter(|(key, _)| is_input(key)).map(|(key, value)| (key.clone(), value.clone())));
    }
    repro
}

/// The arguments, one by one where they were recorded so.
fn command(attrs: &Attributes) -> Option<Vec<Value>> {
    let [arguments, line] = COMMAND_KEYS;
    match attrs.get(arguments) {
        Some(Value::Array(arguments)) if !arguments.is_empty() => Some(arguments.clone()),
        _ => values::string(attrs, line).map(|line| vec![Value::from(line)]),
    }
}

/// The image by what names it most exactly.
fn image(resource: &Attributes) -> Option<String> {
    let [name, digests, tags, tag, id] = IMAGE_KEYS;
    let name = values::string(resource, name);
    let first = |key: &str| match resource.get(key)? {
        Value::Array(items) => items.first()?.as_str(),
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    let digest = first(digests);
    let tag = first(tags).or_else(|| first(tag));
    match (digest, name, tag) {
        (Some(digest), Some(name), _) if !digest.contains('@') => Some(format!("{name}@{digest}")),
        (Some(digest), ..) => Some(digest.to_owned()),
        (None, Some(name), Some(tag)) => Some(format!("{name}:{tag}")),
        (None, Some(name), None) => Some(name.to_owned()),
        (None, None, _) => values::string(resource, id).map(str::to_owned),
    }
}

/// The body of a request or message.
fn body(attrs: &Attributes) -> Option<Value> {
    BODY_KEYS.iter().find_map(|key| attrs.get(*key)).filter(|value| !value.is_null()).cloned()
}

fn is_input(key: &str) -> bool {
    let namespace = key.find('.').and_then(|dot| key.get(..=dot)).unwrap_or(key);
    // A name that ends in a dot is a prefix, another is the whole key.
    let is_named = |name: &&str| if name.ends_with('.') { key.starts_with(*name) } else { key == *name };
    METADATA.binary_search(&namespace).is_err() || INPUTS.iter().any(is_named)
}

fn request(attrs: &Attributes) -> Option<Request> {
    http(attrs).or_else(|| rpc(attrs)).or_else(|| messaging(attrs))
}

fn http(attrs: &Attributes) -> Option<Request> {
    let method = values::first_string(attrs, &["http.request.method", "http.method"])?;
    let method = match values::string(attrs, "http.request.method_original") {
        Some(original) if method == "_OTHER" => original,
        _ => method,
    };
    Some(Request {
        protocol: "http".to_owned(),
        method: Some(method.to_owned()),
        url: url(attrs),
        route: values::string(attrs, "http.route").map(str::to_owned),
        status_code: values::whole(attrs, "http.response.status_code")
            .or_else(|| values::whole(attrs, "http.status_code")),
        headers: attrs
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix("http.request.header.")?.to_owned(), value.clone())))
            .collect(),
        body: None,
    })
}

/// The URL in full where it was recorded, else made of the parts that were.
fn url(attrs: &Attributes) -> Option<String> {
    if let Some(full) = values::first_string(attrs, &["url.full", "http.url"]) {
        return Some(full.to_owned());
    }
    let target = match values::string(attrs, "url.path") {
        Some(path) => {
            let query = values::string(attrs, "url.query").map(|query| format!("?{}", query.trim_start_matches('?')));
            format!("{path}{}", query.unwrap_or_default())
        }
        None => values::string(attrs, "http.target")?.to_owned(),
    };
    let port = values::whole(attrs, "server.port").or_else(|| values::whole(attrs, "net.host.port"));
    let host = values::string(attrs, "http.host").map(str::to_owned).or_else(|| {
        let name = values::first_string(attrs, &["server.address", "http.server_name", "net.host.name"])?;
        Some(port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")))
    });
    let scheme = values::first_string(attrs, &["url.scheme", "http.scheme"]);
    Some(match (scheme, host) {
        (Some(scheme), Some(host)) => format!("{scheme}://{host}{target}"),
        (None, Some(host)) => format!("//{host}{target}"),
        (_, None) => target,
    })
}

fn rpc(attrs: &Attributes) -> Option<Request> {
    let method = values::string(attrs, "rpc.method")?;
    let status = ["rpc.grpc.status_code", "rpc.jsonrpc.error_code", "rpc.response.status_code"];
    Some(Request {
        protocol: "rpc".to_owned(),
        method: Some(method.to_owned()),
        url: values::string(attrs, "rpc.service").map(str::to_owned),
        status_code: status.iter().find_map(|key| values::whole(attrs, key)),
        headers: attrs
            .iter()
            .filter_map(|(key, value)| {
                let name = key
                    .strip_prefix("rpc.request.metadata.")
                    .or_else(|| key.strip_prefix("rpc.grpc.request.metadata."))?;
                Some((name.to_owned(), value.clone()))
            })
            .collect(),
        ..Request::default()
    })
}

fn messaging(attrs: &Attributes) -> Option<Request> {
    values::string(attrs, "messaging.system")?;
    let operation = ["messaging.operation.name", "messaging.operation.type", "messaging.operation"];
    let destination = ["messaging.destination.name", "messaging.destination", "messaging.destination.template"];
    Some(Request {
        protocol: "messaging".to_owned(),
        method: values::first_string(attrs, &operation).map(str::to_owned),
        url: values::first_string(attrs, &destination).map(str::to_owned),
        ..Request::default()
    })
}

/// Decoded query parameters by name; one that occurs more than once is an array.
fn query_parameters(attrs: &Attributes, url: Option<&str>) -> Attributes {
    let query = values::string(attrs, "url.query").or_else(|| url?.split_once('?').map(|(_, query)| query));
    let query = query.unwrap_or_default().trim_start_matches('?');
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let mut found = Attributes::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = Value::String(value.into_owned());
        match found.get_mut(&*name) {
            None => {
                found.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_convention_defines_as_telemetry_is_an_input() {
        assert!(METADATA.is_sorted(), "names are looked up in order");
        for key in ["order.id", "quantity", "pool.size", "db.query.parameter.id", "graphql.variables", "az", "user_id"]
        {
            assert!(is_input(key), "{key}");
        }
        for key in ["pool", "level", "http.route", "user.id", "user_agent.original", "zos.x", "android.a", "db.system"]
        {
            assert!(!is_input(key), "{key}");
        }
    }
}
