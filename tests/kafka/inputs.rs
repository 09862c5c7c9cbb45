//! Messages that are not what they should be, and those that are, in every way that they may be written.

use std::thread::sleep;
use std::time::Duration;

use casefile::model::{RootKey, partition};
use casefile::receiver::kafka::open_dead_letter;
use casefile::telemetry::names;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::bed::{Bed, Member, stored};
use crate::kafka::{Cluster, Listener, PASSWORD, Record, USER};
use crate::support::casefile::ROOT_KEY;
use crate::support::{otlp, store};
use crate::traffic::{hex, log, padded, spans};

/// A message under its key, in the first partition.
fn put(bed: &Bed<'_>, topic: &str, key: Option<&str>, payload: Option<&[u8]>, headers: &[(&str, &[u8])]) {
    let key = key.map(str::as_bytes);
    bed.cluster.produce(&Record { topic, partition: Some(0), key, payload, headers, timestamp: None });
}

/// A partition, of so many, that no usual hash gives this trace.
fn elsewhere(trace: u32, partitions: i32) -> i32 {
    (0..partitions).find(|partition| !partition::follows(hex(trace).as_bytes(), partitions, *partition)).unwrap()
}

/// The traces in the shared store, with the records that their manifests list.
fn traces(bed: &Bed<'_>) -> Vec<(String, usize)> {
    let listed = stored(&bed.store("store")).1.into_iter();
    listed.map(|(name, records)| (name.replace(".manifest.json", ""), records)).collect()
}

/// fault-27, input-54 to input-59.
#[test]
fn fault_27_what_cannot_be_read_is_counted_and_passed_over() {
    const PARTITIONS: i32 = 12;
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "poison", PARTITIONS);
    let (topic, logs) = (bed.spans(), bed.logs());
    // Where its key puts it, or where it does not belong.
    let put = |bed: &Bed<'_>, topic: &str, key: Option<&str>, payload: Option<&[u8]>, partition: Option<i32>| {
        bed.cluster.produce(&Record { topic, partition, key: key.map(str::as_bytes), payload, ..Record::default() });
    };
    let good = |trace: u32| put(&bed, &topic, Some(&hex(trace)), Some(&spans(trace, 0, 2, true)), None);
    good(0);
    put(&bed, &topic, Some(&hex(1)), None, None);
    good(2);
    // Log records where spans should be.
    put(&bed, &topic, Some(&hex(3)), Some(&log(3, 0)), None);
    put(&bed, &topic, Some(&hex(4)), Some(&otlp::failing_trace(&hex(4), 10)), None);
    put(&bed, &topic, Some(&hex(5)), Some(b"\xff\xff\xff\xff not OTLP"), None);
    put(&bed, &logs, Some(&hex(5)), Some(&spans(5, 0, 2, true)), None);
    good(6);
    put(&bed, &topic, None, Some(&spans(7, 0, 2, true)), Some(elsewhere(7, PARTITIONS)));
    put(&bed, &topic, Some(&hex(9)), Some(&spans(8, 0, 2, true)), None);
    let several = [spans(10, 0, 2, true), spans(11, 0, 2, true)].concat();
    put(&bed, &topic, Some(&hex(10)), Some(&several), Some(elsewhere(11, PARTITIONS)));
    good(12);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let member = home.start();
    bed.wait_committed("poison");
    let all: Vec<_> = [0, 2, 6, 7, 8, 10, 11, 12].map(|trace| (hex(trace), 2)).into();
    let mut found = traces(&bed);
    found.sort();
    assert_eq!(found, all);
    let metrics = member.metrics();
    for (name, topic, reason, count) in [
        (names::KAFKA_POISON_MESSAGES, &topic, "tombstone", 1),
        (names::KAFKA_POISON_MESSAGES, &topic, "undecodable", 3),
        (names::KAFKA_POISON_MESSAGES, &logs, "undecodable", 1),
        (names::KAFKA_MISROUTED_MESSAGES, &topic, "no_key", 1),
        (names::KAFKA_MISROUTED_MESSAGES, &topic, "other_key", 1),
        (names::KAFKA_MISROUTED_MESSAGES, &topic, "several_traces", 1),
        (names::KAFKA_MISROUTED_MESSAGES, &topic, "other_partition", 0),
    ] {
        assert_eq!(metrics.sum(name, &[("topic", topic), ("reason", reason)]), count, "{name} {topic} {reason}");
    }
    assert_eq!(metrics.sum(names::KAFKA_MESSAGES, &[]), 12);
    assert!(member.stop().0.success());
}

#[test]
fn input_60_every_codec_of_kafka_can_be_read() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "codecs", 1);
    let codecs = ["gzip", "snappy", "lz4", "zstd"];
    for (codec, trace) in codecs.into_iter().zip(0..) {
        let mut config = cluster.config();
        config.set("compression.type", codec).set("linger.ms", "50");
        let producer: BaseProducer = config.create().unwrap();
        // A batch that is worth it.
        for piece in 0..10 {
            let (key, payload) = (hex(trace), spans(trace, piece * 10, 10, piece == 0));
            producer.send(BaseRecord::to(&bed.spans()).key(&key).payload(&payload)).unwrap();
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let member = home.start();
    bed.wait_committed("codecs");
    assert_eq!(traces(&bed), [0, 1, 2, 3].map(|trace| (hex(trace), 100)));
    assert!(member.stop().0.success());
}

#[test]
fn input_61_a_message_over_every_fetch_size_is_read() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "large", 1);
    cluster.create_topic("larger-spans", 1, &[("max.message.bytes", "4000000")]);
    for (trace, size) in [(0, 10), (1, 3_000_000), (2, 10)] {
        put(&bed, "larger-spans", Some(&hex(trace)), Some(&padded(trace, size)), &[]);
    }
    let sizes = ", max_partition_fetch_size: 1000, max_fetch_size: 2000, max_buffered: 1KiB";
    let home = bed.home(&Member { name: "one", kafka: sizes, ..Member::default() });
    home.edit("traces: {topics: [large-spans]}", "traces: {topics: [larger-spans]}");
    let mut member = home.start();
    member.wait("all", |_| cluster.committed("large", "larger-spans") == [Some(3)]);
    assert_eq!(traces(&bed), [0, 1, 2].map(|trace| (hex(trace), 1)));
    assert!(member.stop().0.success());
}

#[test]
fn what_cannot_be_read_is_set_aside_under_lock_and_key() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "letters", 1);
    cluster.create_topic("letters-dead", 1, &[]);
    let secret = b"\xff\xff card 4111 1111 1111 1111";
    put(&bed, &bed.spans(), Some(&hex(0)), Some(&spans(0, 0, 2, true)), &[]);
    put(&bed, &bed.spans(), Some("the key of it"), Some(secret), &[("x", b"a header of it")]);
    let home = bed.home(&Member { name: "one", kafka: ", dead_letter: {topic: letters-dead}", ..Member::default() });
    let member = home.start();
    bed.wait_committed("letters");
    assert!(member.stop().0.success());
    let letters = cluster.read("letters-dead");
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    let written = format!("{letter:?}") + &String::from_utf8_lossy(letter.payload.as_ref().unwrap());
    for plain in ["card", "4111", "the key", "a header"] {
        assert!(!written.contains(plain), "{plain}: {written}");
    }
    let header = |name: &str| {
        let value = letter.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        String::from_utf8(value.unwrap()).unwrap()
    };
    assert_eq!(
        (header("casefile.place"), header("casefile.reason")),
        ("letters-spans/0/1".into(), "undecodable".into())
    );
    let keys = [&"ab".repeat(32), ROOT_KEY].map(|key| RootKey::parse(key).unwrap());
    let opened = open_dead_letter(&keys, letter.payload.as_ref().unwrap()).unwrap();
    assert_eq!(opened, (b"the key of it".to_vec(), secret.to_vec()));
    assert!(open_dead_letter(&keys[..1], letter.payload.as_ref().unwrap()).is_err());
    assert_eq!(traces(&bed), [(hex(0), 2)]);
}

#[test]
fn until_it_is_set_aside_its_offset_stays() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "unsent", 1);
    put(&bed, &bed.spans(), Some(&hex(0)), Some(b"\xff\xff not OTLP"), &[]);
    put(&bed, &bed.spans(), Some(&hex(1)), Some(&spans(1, 0, 2, true)), &[]);
    let home = bed.home(&Member { name: "one", kafka: ", dead_letter: {topic: unsent-dead}", ..Member::default() });
    let mut member = home.start();
    member.wait("the refusal", |member| member.said().contains("could not be set aside"));
    assert_eq!(traces(&bed), [(hex(1), 2)], "what comes after it is worked on");
    sleep(Duration::from_millis(500));
    assert!(cluster.committed("unsent", &bed.spans())[0].unwrap_or_default() == 0);
    cluster.create_topic("unsent-dead", 1, &[]);
    bed.wait_committed("unsent");
    assert_eq!(cluster.read("unsent-dead").len(), 1);
    assert!(member.stop().0.success());
}

#[test]
fn log_records_without_otlp_join_the_trace_of_their_header() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "plain-logs", 1);
    let cases = [
        ("text", b"the text of it".as_slice(), "the text of it"),
        ("json", br#"{"message": "the object of it"}"#, "the object of it"),
        ("raw", b"the bytes of it", ""),
    ];
    for (encoding, body, _) in cases {
        cluster.create_topic(&format!("plain-{encoding}"), 1, &[("message.timestamp.type", "LogAppendTime")]);
        let parent = format!("00-{}-0101010101010101-01", hex(0));
        let headers = [("traceparent", parent.as_bytes())];
        put(&bed, &format!("plain-{encoding}"), Some(&hex(0)), Some(body), &headers);
    }
    put(&bed, "plain-json", Some(&hex(0)), Some(b"{not JSON"), &[]);
    put(&bed, &bed.spans(), Some(&hex(0)), Some(&spans(0, 0, 2, true)), &[]);
    for (encoding, _, shown) in cases {
        let home =
            bed.home(&Member { name: encoding, store: Some(encoding), group: Some(encoding), ..Member::default() });
        home.edit(
            "logs: {topics: [plain-logs-logs]}",
            &format!("logs: {{topics: [plain-{encoding}], encoding: {encoding}}}"),
        );
        let mut member = home.start();
        member.wait("the bundle", |_| !store::manifests(&bed.store(encoding)).is_empty());
        let (documents, listed) = stored(&bed.store(encoding));
        assert_eq!(listed.into_values().collect::<Vec<_>>(), [3], "{encoding}");
        let bundles = store::bundles(&bed.store(encoding));
        let document = String::from_utf8(store::content(&bundles[0])).unwrap();
        assert!(document.contains(shown), "{encoding}: {document}");
        assert_eq!(documents.len(), 1);
        let poison = member.metrics().sum(names::KAFKA_POISON_MESSAGES, &[("reason", "undecodable")]);
        assert_eq!(poison, u64::from(encoding == "json"), "{encoding}");
        assert!(member.stop().0.success());
    }
}

#[test]
fn requests_in_json_are_read_and_headers_become_attributes_of_the_resource() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "in-json", 1);
    for (trace, team) in [(0, "payments"), (1, "search")] {
        let headers = [("team", team.as_bytes()), ("other", b"payments")];
        put(&bed, &bed.spans(), Some(&hex(trace)), Some(&otlp::failing_trace(&hex(trace), 10)), &headers);
        let request = format!(
            r#"{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{{"traceId": "{}", "timeUnixNano": "1751371380000000000",
                "body": {{"stringValue": "step {trace} of it"}}}}]}}]}}]}}"#,
            hex(trace)
        );
        put(&bed, &bed.logs(), Some(&hex(trace)), Some(request.as_bytes()), &headers);
    }
    let extraction = ", header_extraction: {extract_headers: true, headers: [team]}";
    let home = bed.home(&Member { name: "one", kafka: extraction, ..Member::default() });
    for topics in ["traces: {topics: [in-json-spans]", "logs: {topics: [in-json-logs]"] {
        home.edit(topics, &format!("{topics}, encoding: otlp_json"));
    }
    // What a sampler sees of it, and does not of the other.
    let policy = |header: &str, value: &str| {
        let attribute = format!("{{key: kafka.header.{header}, values: [{value}]}}");
        format!("{{name: {header}, type: string_attribute, string_attribute: {attribute}}}")
    };
    let policies = format!("[{}, {}]", policy("team", "payments"), policy("other", "payments"));
    home.edit("decision_wait: 500ms", &format!("decision_wait: 500ms, policies: {policies}"));
    let member = home.start();
    bed.wait_committed("in-json");
    assert_eq!(traces(&bed), [(hex(0), 2)]);
    let bundles = store::bundles(&bed.store("store"));
    let text = String::from_utf8(store::content(&bundles[0])).unwrap();
    assert!(text.contains("step 0 of it"), "{text}");
    assert!(member.stop().0.success());
}

#[test]
fn brokers_with_tls_and_a_login_are_read_and_written() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "secured", 1);
    cluster.create_topic("secured-dead", 1, &[]);
    put(&bed, &bed.spans(), Some(&hex(0)), Some(&spans(0, 0, 2, true)), &[]);
    put(&bed, &bed.spans(), Some(&hex(1)), Some(b"\xff not OTLP"), &[]);
    let authority = bed.folder.path().join("authority.pem");
    std::fs::write(&authority, cluster.authority().certificate()).unwrap();
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
        let security = format!(
            ", tls: {{ca_file: \"{}\"}}, auth: {{sasl: {{mechanism: {mechanism}, username: {USER}, password: {PASSWORD}}}}}, \
             dead_letter: {{topic: secured-dead}}",
            authority.display()
        );
        let home =
            bed.home(&Member { name: mechanism, store: Some(mechanism), group: Some(mechanism), kafka: &security });
        home.edit(&cluster.bootstrap(), &cluster.addresses(Listener::SaslSsl)[0]);
        let member = home.start();
        bed.wait_committed(mechanism);
        assert_eq!(store::manifests(&bed.store(mechanism)).len(), 1);
        assert!(member.stop().0.success());
    }
    assert_eq!(cluster.read("secured-dead").len(), 3);
}
