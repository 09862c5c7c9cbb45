//! Component types that do not exist in this version, and settings that have no place here.

use super::component::Component;
use super::errors::Fault;
use super::tree::{Entry, Kind, Node, Value};
use super::{Connector, Exporter, Extension, Problem, Processor, Receiver, suggest};

/// Components that are planned, and what to use until then.
const COMPONENTS: &[(&str, &str, &str)] = &[
    ("exporters", "otlp", "use `bundle` to store bundles and `webhook` to be told of them"),
    ("exporters", "otlphttp", "use `bundle` to store bundles and `webhook` to be told of them"),
    ("exporters", "debug", "use `bundle` with a `file:` URL"),
    ("exporters", "file", "use `bundle` with a `file:` URL"),
    ("processors", "batch", "leave it out: requests are taken as they come"),
    ("processors", "tail_sampling", "paste its block under `connectors.incident.tail_sampling`"),
];

/// Settings of the Collector's redaction processor that have no place here, and what to do instead.
const REDACTION: &[(&str, &str)] = &[
    ("redact_all_types", "leave it out: values of every type are looked at, always"),
    ("hash_function", "leave it out: what is found becomes a token keyed with `key` (HMAC-SHA256), or see `actions`"),
    ("hmac_key", "give `key`: tokens are keyed with it"),
    (
        "summary",
        "leave it out: every bundle lists what was redacted under `redaction.remarks`, and metrics count it by rule",
    ),
    (
        "url_sanitizer",
        "leave it out: the attributes of URLs are known (`casefile redact --keys`), and `blocked_values` takes patterns",
    ),
    (
        "db_sanitizer",
        "leave it out: the attributes of statements are known (`casefile redact --keys`), and lose their literals",
    ),
];

/// Settings of the TLS of the Collector's servers that have no place here.
const SERVER_TLS: &[(&str, &str)] = &[
    ("ca_file", "leave it out: a server trusts `client_ca_file`"),
    ("ca_pem", "leave it out: a server trusts `client_ca_file`"),
    ("include_system_ca_certs_pool", "leave it out: a server trusts `client_ca_file` alone"),
    ("cipher_suites", "leave it out: all that are offered are safe (AES-GCM and ChaCha20 with ECDHE)"),
    ("curve_preferences", "leave it out: X25519, P-256 and P-384 are offered"),
    ("tpm", "leave it out: keys are read from `key_file`"),
];

/// Settings of the Collector's Kafka receiver that have no place here.
const KAFKA: &[(&str, &str)] = &[
    (
        "autocommit",
        "leave it out: offsets are committed when what was read has had its outcome; `commit_interval` says how often",
    ),
    ("message_marking", "leave it out: offsets are committed when what was read has had its outcome"),
    ("protocol_version", "leave it out: it is negotiated with the brokers"),
    ("error_backoff", "leave it out: what cannot be taken in pauses its partitions until it can"),
    ("topic", "name topics by signal: `traces: {topics: [otlp_spans]}`"),
    ("encoding", "name encodings by signal: `traces: {encoding: otlp_proto}`"),
];

/// Settings of the Collector's Kafka exporter that have no place here.
const KAFKA_EXPORTER: &[(&str, &str)] = &[
    ("protocol_version", "leave it out: it is negotiated with the brokers"),
    (
        "sending_queue",
        "leave it out: a request is acknowledged when the brokers have it, so nothing is queued; `max_buffered` bounds what waits for them",
    ),
    (
        "retry_on_failure",
        "leave it out: messages are sent again until `timeout` has passed, and then their client is told to come again",
    ),
    ("topic", "name topics by signal: `traces: {topic: otlp_spans}`"),
    ("encoding", "name encodings by signal: `traces: {encoding: otlp_proto}`"),
    ("topic_from_attribute", "leave it out: spans and logs of a trace meet only on topics that are read together"),
    ("include_metadata_keys", "leave it out: messages carry no headers"),
    ("record_headers", "leave it out: messages carry no headers"),
    (
        "partition_metrics_by_resource_attributes",
        "leave it out: of metrics only exemplars are kept, with the id of their trace as key",
    ),
    ("partition_logs_by_resource_attributes", "use `partition_logs_by_trace_id`: logs join the spans of their trace"),
    ("conn_idle_timeout", "leave it out: connections are kept, and made anew where a broker closes them"),
    ("producer.allow_auto_topic_creation", "leave it out: brokers decide that (`auto.create.topics.enable`)"),
    ("producer.max_broker_write_bytes", "leave it out: a batch takes 1 MB, or one message where that is more"),
    ("record_partitioner.round_robin", "leave it out: a trace's records would come apart"),
    ("record_partitioner.least_backup", "leave it out: a trace's records would come apart"),
    ("record_partitioner.extension", "use `record_partitioner: {sticky_key: {hasher: sarama_compat}}`, or `murmur2`"),
    ("resolve_canonical_bootstrap_servers_only", "leave it out: name brokers by the names of their certificates"),
];

/// Reports what is not there, and sets it aside so that the rest can be read.
pub(super) fn check(root: &Node) -> Vec<Fault> {
    let mut faults = Vec::new();
    section::<Receiver>(root, "receivers", &mut faults);
    section::<Processor>(root, "processors", &mut faults);
    section::<Connector>(root, "connectors", &mut faults);
    section::<Exporter>(root, "exporters", &mut faults);
    section::<Extension>(root, "extensions", &mut faults);
    settings(root, "processors", "redaction", REDACTION, &mut faults);
    settings(root, "receivers", "kafka", KAFKA, &mut faults);
    settings(root, "exporters", "kafka", KAFKA_EXPORTER, &mut faults);
    for (section, kind, server) in [
        ("receivers", "otlp", "protocols.grpc.tls"),
        ("receivers", "otlp", "protocols.http.tls"),
        ("extensions", "api", "tls"),
    ] {
        for (key, instead) in SERVER_TLS {
            settings(root, section, kind, &[(&format!("{server}.{key}"), instead)], &mut faults);
        }
    }
    faults
}

/// Reports the `settings` of all components of a type that have no place here. A setting within a section is written with dots.
fn settings(root: &Node, section: &str, kind: &str, settings: &[(&str, &str)], faults: &mut Vec<Fault>) {
    let components = root.get(section).map(Node::entries).unwrap_or_default();
    for component in components.iter().filter(|entry| entry.key.split('/').next() == Some(kind)) {
        for (key, instead) in settings {
            let Some(entry) = entry_at(&component.node, key) else { continue };
            // What is asked for is done already.
            let is_met = *key == "redact_all_types"
                && matches!(&entry.node.value, Value::Scalar(scalar) if scalar.kind() == Kind::Bool(true));
            if !is_met {
                let path = format!("{section}.{}.{key}", component.key);
                faults.push(Fault::at(&entry.at, Problem::new(path, "has no place here").instead(*instead)));
            }
            entry.node.set_aside.set(true);
        }
    }
}

/// What is written at a path of keys, if anything is.
fn entry_at<'n>(node: &'n Node, path: &str) -> Option<&'n Entry> {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let entry = node.entries().iter().find(|entry| entry.key == key)?;
    match rest {
        Some(rest) => entry_at(&entry.node, rest),
        None => Some(entry),
    }
}

fn section<T: Component>(root: &Node, section: &str, faults: &mut Vec<Fault>) {
    let Some(components) = root.get(section) else { return };
    // What was fetched as a whole is judged, and kept from view, where it is read.
    let Value::Map(entries) = &components.value else { return };
    for entry in entries {
        let kind = entry.key.split('/').next().unwrap_or_default();
        if T::TYPES.contains(&kind) {
            continue;
        }
        let planned = COMPONENTS.iter().find(|(place, name, _)| *place == section && *name == kind);
        let problem = Problem::new(
            format!("{section}.{}", entry.key),
            format!("{} type `{kind}` is not available in this version", T::CLASS),
        )
        .instead(planned.map_or_else(|| suggest::one_of(kind, T::TYPES), |(_, _, instead)| (*instead).to_owned()));
        faults.push(Fault::at(&entry.at, problem));
        entry.node.set_aside.set(true);
    }
}
