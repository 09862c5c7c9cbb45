//! What the Collector's Kafka exporter writes, as the receiver meets it: keys, partitions, encodings, and what is in a message.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};

use crate::kafka::{Cluster, Record, Stored};
use crate::support::collector::Collector;

const PARTITIONS: i32 = 6;
pub(crate) const TRACES: u32 = 24;
const CODECS: [&str; 4] = ["gzip", "snappy", "lz4", "zstd"];

pub(crate) fn trace_id(trace: u32) -> String {
    // As random ids are: their bytes are no digits of text.
    format!("{:032x}", u128::from(trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// One request with all traces, in two services, of two scopes each.
pub(crate) fn request(outer: &str, inner: &str, records: &str, record: impl Fn(u32, u8) -> Value) -> Vec<u8> {
    let scope = |scope: u8| {
        let all: Vec<_> = (0..TRACES).map(|trace| record(trace, scope)).collect();
        json!({"scope": {"name": format!("scope-{scope}")}, records: all})
    };
    let resource = |service: u8| {
        json!({
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": format!("service-{service}")}}]},
            inner: [scope(2 * service), scope(2 * service + 1)],
        })
    };
    serde_json::to_vec(&json!({outer: [resource(0), resource(1)]})).unwrap()
}

fn spans() -> Vec<u8> {
    request("resourceSpans", "scopeSpans", "spans", |trace, scope| {
        json!({
            "traceId": trace_id(trace), "spanId": format!("{:016x}", trace * 4 + u32::from(scope) + 1), "name": "GET /pay",
            "startTimeUnixNano": "1751371380000000000", "endTimeUnixNano": "1751371380012000000",
        })
    })
}

/// A record of each trace, and one of none.
fn logs() -> Vec<u8> {
    request("resourceLogs", "scopeLogs", "logRecords", |trace, _| {
        let body = json!({"stringValue": format!("record of trace {trace}")});
        if trace == 0 {
            json!({"timeUnixNano": "1751371380000000000", "body": body})
        } else {
            json!({"timeUnixNano": "1751371380000000000", "body": body, "traceId": trace_id(trace), "spanId": "00f067aa0ba902b7"})
        }
    })
}

/// Waits until a topic holds so many records.
fn read(cluster: &Cluster, collector: &Collector, topic: &str, count: usize) -> Vec<Stored> {
    for _ in 0..600 {
        let stored: i64 = cluster.offsets(topic).iter().map(|(low, high)| high - low).sum();
        if usize::try_from(stored).unwrap() >= count {
            return cluster.read(topic);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{topic}: no {count} records came\n{}", collector.said());
}

/// The partition of each key. Fails where one key lies in two.
fn partitions(stored: &[Stored]) -> BTreeMap<Vec<u8>, i32> {
    let mut partitions = BTreeMap::new();
    for record in stored {
        let Some(key) = &record.key else { continue };
        let partition = *partitions.entry(key.clone()).or_insert(record.partition);
        assert_eq!(partition, record.partition, "{}", String::from_utf8_lossy(key));
    }
    partitions
}

/// Scenario: spans and log records of the same traces go through a Collector to two topics of as many partitions, keyed by trace id.
///
/// Guarantees: a key is the trace id in lower-case hex; one message holds one trace of one resource and one scope; the partition is
/// the same in both topics, and the one that librdkafka's `fnv1a_random` chooses; a log record without a trace has no key.
#[test]
fn a_collector_keys_by_trace_and_puts_spans_and_logs_into_one_partition() {
    let cluster = Cluster::shared();
    for topic in ["collector-spans", "collector-logs", "collector-reference"] {
        cluster.create_topic(topic, PARTITIONS, &[]);
    }
    let collector = Collector::start(&format!(
        "exporters:
  kafka:
    brokers: [\"{}\"]
    partition_traces_by_id: true
    partition_logs_by_trace_id: true
    traces: {{topic: collector-spans}}
    logs: {{topic: collector-logs}}
    producer: {{required_acks: -1}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [kafka]}}
    logs: {{receivers: [otlp], exporters: [kafka]}}
",
        cluster.bootstrap()
    ));
    collector.send("traces", &spans());
    collector.send("logs", &logs());

    let messages = usize::try_from(4 * TRACES).unwrap();
    let spans = read(&cluster, &collector, "collector-spans", messages);
    assert_eq!(spans.len(), messages);
    let mut seen = BTreeSet::new();
    for message in &spans {
        let request = ExportTraceServiceRequest::decode(message.payload.as_deref().unwrap()).unwrap();
        let [resource] = request.resource_spans.as_slice() else { panic!("{request:?}") };
        let [scope] = resource.scope_spans.as_slice() else { panic!("{request:?}") };
        let [span] = scope.spans.as_slice() else { panic!("{request:?}") };
        let hex = data_encoding::HEXLOWER.encode(&span.trace_id);
        assert_eq!(message.key.as_deref(), Some(hex.as_bytes()));
        assert_eq!(message.headers, []);
        seen.insert((hex, scope.scope.clone().unwrap().name));
    }
    assert_eq!(seen.len(), messages);

    let logs = read(&cluster, &collector, "collector-logs", messages);
    assert_eq!(logs.len(), messages);
    let mut without = 0;
    for message in &logs {
        let request = ExportLogsServiceRequest::decode(message.payload.as_deref().unwrap()).unwrap();
        let [resource] = request.resource_logs.as_slice() else { panic!("{request:?}") };
        let [scope] = resource.scope_logs.as_slice() else { panic!("{request:?}") };
        let [record] = scope.log_records.as_slice() else { panic!("{request:?}") };
        if record.trace_id.is_empty() {
            assert_eq!(message.key, None);
            without += 1;
        } else {
            assert_eq!(message.key.as_deref(), Some(data_encoding::HEXLOWER.encode(&record.trace_id).as_bytes()));
        }
    }
    assert_eq!(without, 4);

    let mut places = partitions(&spans);
    assert_eq!(places.values().collect::<BTreeSet<_>>().len(), usize::try_from(PARTITIONS).unwrap(), "{places:?}");
    for (key, partition) in &places {
        let record = Record { topic: "collector-reference", key: Some(key), ..Record::default() };
        assert_eq!(cluster.produce(&record).0, *partition, "{}", String::from_utf8_lossy(key));
    }
    places.remove(trace_id(0).as_bytes());
    assert_eq!(partitions(&logs), places);
}

/// Guarantees: what a Collector writes with any of its codecs can be read, and `otlp_json` is one request in JSON.
#[test]
fn every_codec_and_encoding_of_a_collector_can_be_read() {
    let cluster = Cluster::shared();
    let mut exporters = String::new();
    for codec in CODECS {
        cluster.create_topic(&format!("collector-{codec}"), 1, &[]);
        exporters += &format!(
            "  kafka/{codec}:
    brokers: [\"{}\"]
    traces: {{topic: collector-{codec}, encoding: otlp_json}}
    producer: {{compression: {codec}}}
",
            cluster.bootstrap()
        );
    }
    let names: Vec<_> = CODECS.iter().map(|codec| format!("kafka/{codec}")).collect();
    let collector = Collector::start(&format!(
        "exporters:\n{exporters}service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [{}]}}}}}}\n",
        names.join(", ")
    ));
    collector.send("traces", &spans());
    for codec in CODECS {
        let stored = read(&cluster, &collector, &format!("collector-{codec}"), 1);
        assert_eq!(stored.len(), 1, "without a key, a request is one message");
        assert_eq!(stored[0].key, None);
        let request: Value = serde_json::from_slice(stored[0].payload.as_deref().unwrap()).unwrap();
        assert_eq!(request["resourceSpans"].as_array().unwrap().len(), 2, "{codec}");
        let span = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], trace_id(0), "{codec}");
    }
    collector.stop();
}
