//! What a span costs: the walk that every span pays, against the decode that only kept ones pay.
//!
//! `cargo bench --bench otlp`; items are spans.

use casefile::model::Signal;
use casefile::model::partition::{Partitioner, sarama};
use casefile::otlp::{Grouping, Limits, from_json, scan, split, to_json};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

/// Spans of a request: the batch size of the SDKs.
const SPANS: usize = 512;

fn main() {
    divan::main();
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// An HTTP server span of about 464 bytes.
fn span(at: usize) -> Span {
    Span {
        trace_id: (at as u128 / 8 + 1).to_be_bytes().to_vec(),
        span_id: (at as u64 + 1).to_be_bytes().to_vec(),
        parent_span_id: (at as u64).to_be_bytes().to_vec(),
        name: "GET /api/v1/orders/{order_id}".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_750_000_000_000_000_000 + at as u64,
        end_time_unix_nano: 1_750_000_000_012_000_000 + at as u64,
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.path", "/api/v1/orders/8412-77-1"),
            text("url.scheme", "https"),
            text("http.route", "/api/v1/orders/{order_id}"),
            attribute("http.response.status_code", Value::IntValue(200)),
            text("network.protocol.version", "1.1"),
            text("server.address", "orders.internal.example"),
            attribute("server.port", Value::IntValue(8443)),
            text("user_agent.original", "python-requests/2.32.3"),
            text("client.address", "10.21.7.113"),
        ],
        status: Some(Status { message: String::new(), code: 1 }),
        flags: 0x101,
        ..Span::default()
    }
}

fn request() -> Vec<u8> {
    let resource = Resource {
        attributes: vec![text("service.name", "orders"), text("service.version", "1.4.2")],
        ..Resource::default()
    };
    let scope = InstrumentationScope { name: "http".to_owned(), ..InstrumentationScope::default() };
    let scope_spans =
        vec![ScopeSpans { scope: Some(scope), spans: (0..SPANS).map(span).collect(), schema_url: String::new() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

#[divan::bench]
fn walk(bencher: Bencher) {
    let request = request();
    let limits = Limits::default();
    bencher
        .counter(ItemsCount::new(SPANS))
        .counter(BytesCount::new(request.len()))
        .bench(|| scan(Signal::Traces, black_box(&request), &limits));
}

/// What a gateway does with a request after the walk, but for librdkafka: messages by trace (64 of them), or for 12 partitions.
#[divan::bench(args = ["trace", "partition"])]
fn split_and_write(bencher: Bencher, messages: &str) {
    let request = request();
    let entries = scan(Signal::Traces, &request, &Limits::default()).map(|scan| scan.entries).unwrap_or_default();
    let grouping = match messages {
        "trace" => Grouping::Traces,
        _ => Grouping::Partitions(Partitioner { hash: sarama, partitions: 12 }),
    };
    let mut message = Vec::new();
    bencher.counter(ItemsCount::new(SPANS)).counter(BytesCount::new(request.len())).bench_local(|| {
        let split = split(Signal::Traces, black_box(&request), &entries, grouping);
        for part in split.parts() {
            message.clear();
            part.write(&mut message);
            black_box(&message);
        }
    });
}

#[divan::bench]
fn prost_decode(bencher: Bencher) {
    let request = request();
    bencher
        .counter(ItemsCount::new(SPANS))
        .counter(BytesCount::new(request.len()))
        .bench(|| ExportTraceServiceRequest::decode(black_box(request.as_slice())));
}

#[divan::bench]
fn read_json(bencher: Bencher) {
    let json = to_json(Signal::Traces, &request()).unwrap_or_default();
    let limits = Limits::default();
    bencher
        .counter(ItemsCount::new(SPANS))
        .counter(BytesCount::new(json.len()))
        .bench(|| from_json(Signal::Traces, black_box(&json), &limits));
}
