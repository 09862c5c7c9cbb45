//! Where it ran: sections by namespace, versions of libraries.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::json;

use super::world::*;
use crate::model::{Environment, Record, Signal};

/// Spans of a service, each recorded by a scope of this name and version.
fn scoped(service: &str, attributes: &[(&str, &str)], scopes: &[(&str, &str)], all: Vec<Span>) -> Vec<Record> {
    let mut of = resource(service);
    of.attributes.extend(attributes.iter().map(|(key, value)| text(key, value)));
    let scope_spans = all.into_iter().zip(scopes).map(|(span, (name, version))| {
        let (name, version) = ((*name).to_owned(), (*version).to_owned());
        let scope = InstrumentationScope { name, version, ..InstrumentationScope::default() };
        ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() }
    });
    let scope_spans = scope_spans.collect();
    let envelope = ResourceSpans { resource: Some(of), scope_spans, ..ResourceSpans::default() };
    records(Signal::Traces, ExportTraceServiceRequest { resource_spans: vec![envelope] }.encode_to_vec())
}

fn of(attributes: &[(&str, &str)]) -> Environment {
    bundle(scoped("checkout", attributes, &[("", "")], vec![failed(span(1, 0, "a", 0, 9))])).environment
}

#[test]
fn a_client_and_its_engine_have_places_of_their_own() {
    let found = of(&[
        ("browser.platform", "macOS"),
        ("device.model.identifier", "iPhone14,5"),
        ("app.build_id", "6a1"),
        ("ios.app.state", "active"),
        ("user_agent.original", "Mozilla/5.0"),
        ("webengine.name", "WildFly"),
        ("webengine.version", "34.0.1"),
        ("telemetry.distro.version", "2.9.0"),
    ]);
    assert_eq!(
        json!(found.client),
        json!({"app.build_id": "6a1", "browser.platform": "macOS", "device.model.identifier": "iPhone14,5", "ios.app.state": "active",
               "user_agent.original": "Mozilla/5.0"})
    );
    assert_eq!(
        json!(found.runtime),
        json!({"name": "cpython", "sdk.language": "python", "distro.version": "2.9.0", "webengine.name": "WildFly",
               "webengine.version": "34.0.1"})
    );
    assert!(!json!(of(&[])).to_string().contains("client"));
}

#[test]
fn versions_of_libraries_are_those_of_the_failing_service() {
    let spans_of = |from: u8| vec![failed(span(from, from - 1, "a", 0, 9)), span(from + 1, from, "b", 1, 2)];
    let given = [
        ("django.version", "5.2.1"),
        ("os.version", "6.1"),
        ("service.version", "2.4"),
        ("customer.version", "Ada Lovelace"),
    ];
    let mut all = scoped("checkout", &given, &[("otel.flask", "0.55b1"), ("otel.redis", "1.0")], spans_of(2));
    all.extend(scoped("checkout", &given, &[("otel.redis", "1.1"), ("unversioned", "")], spans_of(4)));
    all.extend(scoped("gateway", &[("rails.version", "8.0")], &[("otel.rack", "0.2")], vec![span(1, 0, "top", 0, 9)]));
    let libraries = json!({"django": "5.2.1", "otel.flask": "0.55b1", "otel.redis": "1.0, 1.1"});
    assert_eq!(json!(bundle(all.clone()).environment.libraries), libraries);
    all.reverse();
    assert_eq!(json!(bundle(all).environment.libraries), libraries);
}

#[test]
fn what_is_no_number_of_a_version_is_not_taken_for_one() {
    for (version, is_one) in [
        ("1.0", true),
        ("v1.2.3-rc.1+build.5", true),
        ("2024a", true),
        ("", false),
        ("latest", false),
        ("v", false),
        ("1.0 of Ada", false),
        ("1@corp.example", false),
    ] {
        assert_eq!(of(&[("lib.version", version)]).libraries.contains_key("lib"), is_one, "{version}");
    }
    let long = format!("1.{}", "0".repeat(64));
    assert!(of(&[("lib.version", &long)]).libraries.is_empty());
    let many: Vec<(String, String)> = (100..250).map(|n| (format!("lib{n}.version"), "1.0".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(of(&many).libraries.len(), 100);
}
