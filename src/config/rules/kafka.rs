//! Rules of Kafka clients.

use super::{fault, lasting, positive};
use crate::config::{KafkaCompression, KafkaConnection, KafkaExporter, KafkaReceiver, Problem, RequiredAcks};

/// What a receiver must be.
pub(super) fn receiver(found: &mut Vec<Problem>, path: &str, kafka: &KafkaReceiver) {
    connection(found, path, kafka.connection());
    if kafka.group_id.trim().is_empty() {
        fault(found, &format!("{path}.group_id"), "the group has no name", "write `group_id: casefile`");
    }
    if kafka.group_rebalance_strategy != "range" {
        fault(
            found,
            &format!("{path}.group_rebalance_strategy"),
            format!(
                "`{}` would give the spans and the logs of a trace to different members",
                kafka.group_rebalance_strategy
            ),
            "write `range`, or leave it out",
        );
    }
    for (name, value) in [
        ("session_timeout", kafka.session_timeout),
        ("heartbeat_interval", kafka.heartbeat_interval),
        ("commit_interval", kafka.commit_interval),
        ("max_fetch_wait", kafka.max_fetch_wait),
        ("idle_timeout", kafka.idle_timeout),
        ("metadata.refresh_interval", kafka.metadata.refresh_interval),
    ] {
        lasting(found, &format!("{path}.{name}"), value);
    }
    if kafka.heartbeat_interval.0 >= kafka.session_timeout.0 {
        fault(
            found,
            &format!("{path}.heartbeat_interval"),
            "the member would be taken for dead between two heartbeats",
            "write a third of `session_timeout` or less",
        );
    }
    positive(found, &format!("{path}.min_fetch_size"), u64::from(kafka.min_fetch_size));
    positive(found, &format!("{path}.max_partition_fetch_size"), u64::from(kafka.max_partition_fetch_size));
    positive(found, &format!("{path}.max_buffered"), kafka.max_buffered.0);
    let signals = [("traces", &kafka.traces.topics), ("logs", &kafka.logs.topics), ("metrics", &kafka.metrics.topics)];
    for (name, topics) in signals {
        let path = format!("{path}.{name}.topics");
        if topics.is_empty() {
            fault(found, &path, "no topic is named", "name one, or leave the section out");
        }
        for (at, name) in topics.iter().enumerate() {
            topic(found, &format!("{path}[{at}]"), name);
            let times = signals.iter().flat_map(|(_, topics)| topics.iter()).filter(|other| *other == name).count();
            if times > 1 {
                fault(
                    found,
                    &format!("{path}[{at}]"),
                    format!("`{name}` is named twice"),
                    "give each signal topics of its own",
                );
            }
        }
    }
    if kafka.header_extraction.extract_headers && kafka.header_extraction.headers.is_empty() {
        fault(
            found,
            &format!("{path}.header_extraction.headers"),
            "no header is named",
            "name those that are to be kept",
        );
    }
    if let Some(dead_letter) = &kafka.dead_letter {
        topic(found, &format!("{path}.dead_letter.topic"), &dead_letter.topic);
        if signals.iter().any(|(_, topics)| topics.contains(&dead_letter.topic)) {
            fault(
                found,
                &format!("{path}.dead_letter.topic"),
                "what cannot be read would be read again from there",
                "name a topic that nothing here reads",
            );
        }
    }
}

/// What an exporter must be.
pub(super) fn exporter(found: &mut Vec<Problem>, path: &str, kafka: &KafkaExporter) {
    connection(found, path, kafka.connection());
    let signals = [("traces", &kafka.traces.topic), ("logs", &kafka.logs.topic), ("metrics", &kafka.metrics.topic)];
    for (at, (signal, name)) in signals.iter().enumerate() {
        let path = format!("{path}.{signal}.topic");
        topic(found, &path, name);
        if signals.iter().take(at).any(|(_, other)| other == name) {
            fault(found, &path, format!("`{name}` is named twice"), "give each signal a topic of its own");
        }
    }
    lasting(found, &format!("{path}.metadata.refresh_interval"), kafka.metadata.refresh_interval);
    lasting(found, &format!("{path}.timeout"), kafka.timeout);
    let producer = &kafka.producer;
    let path_of = |key: &str| format!("{path}.producer.{key}");
    if producer.linger.0 >= kafka.timeout.0 {
        fault(
            found,
            &path_of("linger"),
            "messages would be given up before they are sent",
            "write some milliseconds, and less than `timeout`",
        );
    }
    // The bounds of librdkafka.
    if !(1000..=1_000_000_000).contains(&producer.max_message_bytes) {
        fault(found, &path_of("max_message_bytes"), "out of range", "write 1000 to 1000000000");
    }
    if !(1..=1_000_000).contains(&producer.flush_max_messages) {
        fault(found, &path_of("flush_max_messages"), "out of range", "write 1 to 1000000");
    }
    if kafka.max_buffered.0 < producer.max_message_bytes.saturating_mul(4) {
        fault(
            found,
            &format!("{path}.max_buffered"),
            "no request of some size would ever fit",
            "write four times `producer.max_message_bytes`, or more",
        );
    }
    if producer.required_acks == RequiredAcks::None {
        fault(
            found,
            &path_of("required_acks"),
            "clients would be told that their records are safe when nobody has them",
            "write `all`",
        );
    }
    let levels = match producer.compression {
        KafkaCompression::None | KafkaCompression::Snappy => -1..=0,
        KafkaCompression::Gzip => -1..=9,
        KafkaCompression::Lz4 | KafkaCompression::Zstd => -1..=12,
    };
    if !levels.contains(&producer.compression_params.level) {
        fault(
            found,
            &path_of("compression_params.level"),
            "this codec has no such level",
            format!("write {} to {}", levels.start(), levels.end()),
        );
    }
}

/// What every client must be.
pub(super) fn connection(found: &mut Vec<Problem>, path: &str, kafka: KafkaConnection<'_>) {
    if kafka.brokers.is_empty() {
        fault(found, &format!("{path}.brokers"), "no broker is named", "write `brokers: [\"localhost:9092\"]`");
    }
    for (at, broker) in kafka.brokers.iter().enumerate() {
        let port = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(1..))) || broker.contains([',', ' ', '/']) {
            fault(found, &format!("{path}.brokers[{at}]"), format!("`{broker}` is not a broker"), "write `host:port`");
        }
    }
    if let Some(tls) = kafka.tls {
        for (name, file, text) in [
            ("ca", tls.ca_file.is_some(), tls.ca_pem.is_some()),
            ("cert", tls.cert_file.is_some(), tls.cert_pem.is_some()),
            ("key", tls.key_file.is_some(), tls.key_pem.is_some()),
        ] {
            if file && text {
                fault(
                    found,
                    &format!("{path}.tls.{name}_pem"),
                    format!("`{name}_file` is given too"),
                    "give one of them",
                );
            }
        }
        let certificate = tls.cert_file.is_some() || tls.cert_pem.is_some();
        if certificate != (tls.key_file.is_some() || tls.key_pem.is_some()) {
            fault(found, &format!("{path}.tls"), "a certificate needs its key, and a key its certificate", "give both");
        }
    }
    if let Some(sasl) = &kafka.auth.sasl
        && (sasl.username.is_empty() || sasl.password.expose().is_empty())
    {
        fault(
            found,
            &format!("{path}.auth.sasl"),
            "there is no user or no password",
            "write `username`, and `password: ${file:/secrets/kafka}`",
        );
    }
    if !cfg!(feature = "kafka-tls") {
        let scram = kafka.auth.sasl.as_ref().is_some_and(|sasl| sasl.mechanism != crate::config::SaslMechanism::Plain);
        if scram || kafka.tls.is_some_and(|tls| !tls.insecure) {
            fault(
                found,
                path,
                "this binary was built without TLS and SCRAM for Kafka",
                "build it with the feature `kafka-tls`",
            );
        }
    }
}

/// A legal name of a topic (Kafka's `Topic.validate`).
pub(super) fn topic(found: &mut Vec<Problem>, path: &str, name: &str) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 249 || name == "." || name == ".." || !name.chars().all(legal) {
        fault(
            found,
            path,
            format!("`{name}` cannot be a topic"),
            "use letters, digits, `.`, `_` and `-`, at most 249 of them",
        );
    }
}
