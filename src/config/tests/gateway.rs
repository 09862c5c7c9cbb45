//! Pipelines that end in `exporters.kafka`.

use super::*;
use crate::model::Signal;

/// A gateway with these settings of its exporter and this in place of its extensions.
fn gateway(kafka: &str, service: &str) -> String {
    format!(
        "receivers:
  otlp: {{protocols: {{grpc: }}}}
  kafka: {{}}
processors:
  memory_limiter: {{limit_mib: 1024, spike_limit_mib: 128}}
  redaction: {{key: \"{KEY}\"}}
connectors: {{incident: }}
exporters:
  kafka: {kafka}
  kafka/other: {{}}
  bundle: {{url: \"file:/tmp/bundles\"}}
extensions:
  api: {{}}
service:
{service}
"
    )
}

const PIPELINES: &str = "  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [kafka]}
    logs: {receivers: [otlp], exporters: [kafka]}
    metrics: {receivers: [otlp], exporters: [kafka]}";

#[test]
fn pipelines_that_end_in_kafka_need_no_bundles_pipeline_and_keep_the_collectors_defaults_but_for_traces() {
    let config = with(&gateway("{brokers: [\"a:1\", \"b:2\"], client_id: edge}", PIPELINES), &[]).unwrap();
    let (id, kafka) = config.pipelines.gateway.unwrap();
    assert_eq!(id, "kafka");
    assert_eq!(Signal::ALL.map(|signal| kafka.topic(signal).0), ["otlp_spans", "otlp_logs", "otlp_metrics"]);
    assert!(kafka.partition_traces_by_id && kafka.partition_logs_by_trace_id);
    let properties = kafka.properties();
    for (name, value) in [
        ("bootstrap.servers", "a:1,b:2"),
        ("client.id", "edge"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("message.max.bytes", "1000000"),
        ("message.timeout.ms", "5000"),
        ("linger.ms", "10"),
        ("compression.codec", "none"),
        ("partitioner", "fnv1a_random"),
    ] {
        assert_eq!(properties[name], value, "{name}");
    }
    let mut client = rdkafka::ClientConfig::new();
    for (name, value) in &properties {
        client.set(*name, value.as_str());
    }
    client.create_native_config().expect("librdkafka knows them all");
}

#[test]
fn the_settings_of_the_collectors_exporter_mean_what_they_mean_there() {
    let settings = "{traces: {encoding: otlp_json}, record_partitioner: {sticky_key: {hasher: murmur2}}, timeout: 9s,
      producer: {required_acks: 1, compression: zstd, compression_params: {level: 3}, linger: 1ms, flush_max_messages: 5}}";
    let (_, kafka) = with(&gateway(settings, PIPELINES), &[]).unwrap().pipelines.gateway.unwrap();
    assert_eq!(kafka.topic(Signal::Traces), ("otlp_spans", OtlpEncoding::OtlpJson), "the topic stays at its default");
    let properties = kafka.properties();
    for (name, value) in [
        ("acks", "1"),
        ("enable.idempotence", "false"),
        ("message.timeout.ms", "9000"),
        ("compression.codec", "zstd"),
        ("compression.level", "3"),
        ("linger.ms", "1"),
        ("batch.num.messages", "5"),
        ("partitioner", "murmur2_random"),
    ] {
        assert_eq!(properties[name], value, "{name}");
    }
    for all in ["all", "-1"] {
        let settings = format!("{{producer: {{required_acks: {all}}}}}");
        let (_, kafka) = with(&gateway(&settings, PIPELINES), &[]).unwrap().pipelines.gateway.unwrap();
        assert_eq!(kafka.producer.required_acks, RequiredAcks::All);
    }
}

#[test]
fn what_would_not_be_safe_or_has_no_place_is_refused_with_what_to_write() {
    for (settings, expected) in [
        (
            "{producer: {required_acks: 0}}",
            "kafka.producer.required_acks: clients would be told that their records are safe",
        ),
        ("{producer: {required_acks: 2}}", "`2` is none of `all`, 1 and 0"),
        ("{producer: {max_message_bytes: 10}}", "kafka.producer.max_message_bytes: out of range"),
        (
            "{producer: {compression: gzip, compression_params: {level: 10}}}",
            "compression_params.level: this codec has no",
        ),
        ("{producer: {linger: 5s}}", "kafka.producer.linger: messages would be given up before they are sent"),
        ("{max_buffered: 1MB}", "kafka.max_buffered: no request of some size would ever fit"),
        ("{logs: {topic: otlp_spans}}", "kafka.logs.topic: `otlp_spans` is named twice"),
        ("{brokers: [nowhere]}", "kafka.brokers[0]: `nowhere` is not a broker"),
        ("{sending_queue: {}}", "kafka.sending_queue: has no place here; leave it out: a request is acknowledged when"),
        (
            "{producer: {allow_auto_topic_creation: true}}",
            "kafka.producer.allow_auto_topic_creation: has no place here",
        ),
        ("{record_partitioner: {round_robin: }}", "kafka.record_partitioner.round_robin: has no place here"),
    ] {
        let text = errors(&gateway(settings, PIPELINES), &[]);
        assert!(text.contains(expected), "{expected} in:\n{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn a_process_is_a_gateway_or_makes_bundles_and_not_both() {
    for (service, expected) in [
        (
            PIPELINES.replace(
                "logs: {receivers: [otlp], exporters: [kafka]}",
                "logs: {receivers: [otlp], exporters: [incident]}",
            ),
            "pipelines.logs.exporters[0]: `kafka` is used too, and a process either sends records on or makes bundles of them; \
             write `exporters: [kafka]` here as well, and run a second process",
        ),
        (
            PIPELINES.replace(
                "logs: {receivers: [otlp], exporters: [kafka]}",
                "logs: {receivers: [otlp], exporters: [kafka/other]}",
            ),
            "pipelines.logs.exporters[0]: `kafka` is used too; use one `kafka` exporter in all pipelines",
        ),
        (
            PIPELINES.replace("logs: {receivers: [otlp]", "logs: {receivers: [kafka]"),
            "`kafka` reads from Kafka, and `kafka` would write there again; begin the pipelines of a gateway with `otlp`",
        ),
        (
            format!(
                "{PIPELINES}\n    bundles: {{receivers: [incident], processors: [redaction], exporters: [bundle]}}"
            ),
            "service.pipelines.bundles: there are no bundles where the other pipelines end in `kafka`; take it away",
        ),
        (format!("  extensions: [api]\n{PIPELINES}"), "service.extensions: `api` has nothing to do where"),
        (
            "  pipelines:
    traces: {receivers: [otlp], exporters: [incident]}
    bundles: {receivers: [incident], processors: [redaction], exporters: [bundle, kafka]}"
                .to_owned(),
            "pipelines.bundles.exporters[1]: `kafka` takes records, not bundles",
        ),
    ] {
        let text = errors(&gateway("{}", &service), &[]);
        assert!(text.contains(expected), "{expected} in:\n{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn traces_that_come_apart_are_warned_of() {
    let config = with(&gateway("{partition_logs_by_trace_id: false}", PIPELINES), &[]).unwrap();
    assert!(config.warnings.iter().any(|warning| warning.path == "exporters.kafka.partition_logs_by_trace_id"));
}
