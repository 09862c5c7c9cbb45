//! Against librdkafka's own mock of a cluster, which runs in this process.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::*;
use crate::config::Duration as Setting;
use crate::model::TraceId;
use crate::otlp::{Limits, from_json, scan};

const PARTITIONS: i32 = 12;
const PATIENCE: Duration = Duration::from_secs(20);

/// The partition of a key.
type PartitionOf = fn(&[u8]) -> i32;

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["otlp_spans", "otlp_logs"] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    cluster
}

fn config(cluster: &Cluster) -> KafkaExporter {
    let mut config = KafkaExporter {
        brokers: vec![cluster.bootstrap_servers()],
        timeout: Setting::seconds(2),
        ..KafkaExporter::default()
    };
    config.producer.linger = Setting(Duration::from_millis(1));
    config
}

fn writer(config: &KafkaExporter) -> KafkaWriter {
    KafkaWriter::open("kafka", config, 1 << 20, Arc::new(|_, _| {})).unwrap()
}

/// A message as it is read: partition, key, payload.
type Read = (i32, Option<String>, Vec<u8>);

/// Reads every partition of a topic to its end, and `count` messages at least.
fn read(cluster: &Cluster, topic: &str, count: usize) -> Vec<Read> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "test");
    client.set("enable.partition.eof", "true");
    let consumer: BaseConsumer = client.create().unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut found, mut ended) = (Vec::new(), BTreeSet::new());
    while found.len() < count || ended.len() < PARTITIONS as usize {
        let message = match consumer.poll(PATIENCE) {
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
                continue;
            }
            Some(message) => message.unwrap(),
            None => break,
        };
        let key = message.key().map(|key| String::from_utf8(key.to_vec()).unwrap());
        found.push((message.partition(), key, message.payload().unwrap().to_vec()));
    }
    found
}

fn trace(number: u64) -> [u8; 16] {
    (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

fn hex(number: u64) -> String {
    TraceId(trace(number)).to_string()
}

fn span(number: u64, name: &str) -> Span {
    Span { trace_id: trace(number).to_vec(), span_id: vec![1; 8], name: name.to_owned(), ..Span::default() }
}

fn spans(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

async fn write(writer: &KafkaWriter, signal: Signal, request: Vec<u8>) -> Result<KafkaWritten, KafkaWriteError> {
    let entries = scan(signal, &request, &Limits::default()).unwrap().entries;
    tokio::time::timeout(PATIENCE, writer.write(signal, request.into(), entries)).await.expect("an answer")
}

async fn write_spans(writer: &KafkaWriter, all: Vec<Span>) -> Result<KafkaWritten, KafkaWriteError> {
    write(writer, Signal::Traces, spans(all).encode_to_vec()).await
}

/// The names of the spans of all messages.
fn names(messages: &[Read]) -> Vec<String> {
    let requests =
        messages.iter().map(|(_, _, payload)| ExportTraceServiceRequest::decode(payload.as_slice()).unwrap());
    let spans = requests.flat_map(|it| it.resource_spans).flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
    let mut names: Vec<_> = spans.map(|span| span.name).collect();
    names.sort();
    names
}

/// `hash/fnv` of Go: FNV-1a of 32 bits.
fn fnv1a(key: &[u8]) -> u32 {
    key.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The partition that sarama's `NewHashPartitioner` takes, and franz-go's `SaramaCompatHasher`: the remainder of the hash as a signed
/// number, without its sign.
fn of_sarama(key: &[u8], partitions: i32) -> i32 {
    (fnv1a(key).cast_signed() % partitions).abs()
}

/// `Utils.murmur2` of Kafka's Java client.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The references that the next test goes by, against what the originals say: Go's for the strings in librdkafka's and sarama's tests, and
/// the vectors of `UtilsTest.testMurmur2`.
#[test]
fn the_references_of_both_hashes_give_the_published_values() {
    for (key, hash) in
        [("kafka", 0x0d33_c4e1_u32), ("giberish123456789", 0x77a5_8295), ("1234", 0x023b_dd03), ("", 0x7ee3_623b)]
    {
        assert_eq!(fnv1a(key.as_bytes()).cast_signed().unsigned_abs(), hash, "{key}");
    }
    assert!(fnv1a(b"kafka").cast_signed() < 0 || fnv1a(b"").cast_signed() < 0, "a sign is among them");
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
    }
}

/// Scenario: 200 traces. Guarantee: keys are ids in hex, and each has the partition that the Collector, or a Java client, gives it, whatever
/// the sign of its hash.
#[tokio::test]
async fn keys_have_the_partitions_that_other_writers_give_them() {
    let reference: [(KeyHasher, PartitionOf); 2] = [
        (KeyHasher::SaramaCompat, |key| of_sarama(key, PARTITIONS)),
        (KeyHasher::Murmur2, |key| (murmur2(key) & 0x7fff_ffff).cast_signed() % PARTITIONS),
    ];
    for (hasher, partition_of) in reference {
        let cluster = cluster();
        let mut config = config(&cluster);
        config.record_partitioner.sticky_key.hasher = hasher;
        let writer = writer(&config);
        write_spans(&writer, (0..200).map(|number| span(number, "x")).collect()).await.unwrap();
        let found = read(&cluster, "otlp_spans", 200);
        let expected: BTreeMap<String, i32> =
            (0..200).map(|number| (hex(number), partition_of(hex(number).as_bytes()))).collect();
        let found: BTreeMap<String, i32> = found.into_iter().map(|(at, key, _)| (key.unwrap(), at)).collect();
        assert_eq!(found, expected);
        if hasher == KeyHasher::SaramaCompat {
            let signs: BTreeSet<bool> = expected.keys().map(|key| fnv1a(key.as_bytes()).cast_signed() < 0).collect();
            assert_eq!(signs.len(), 2, "both signs are tried");
        }
    }
}

#[tokio::test]
async fn spans_and_logs_of_a_trace_meet_in_a_partition_and_logs_of_none_have_no_key() {
    let cluster = cluster();
    let writer = writer(&config(&cluster));
    write_spans(&writer, vec![span(1, "a"), span(2, "b"), span(1, "c")]).await.unwrap();
    let log = |trace_id: Vec<u8>, time| LogRecord { trace_id, time_unix_nano: time, ..LogRecord::default() };
    let records = logs(vec![log(trace(1).to_vec(), 1), log(vec![], 2), log(vec![], 3)]).encode_to_vec();
    write(&writer, Signal::Logs, records).await.unwrap();
    let spans = read(&cluster, "otlp_spans", 2);
    assert_eq!(spans.len(), 2, "a message a trace");
    let of = |messages: &[Read], key: Option<String>| messages.iter().find(|it| it.1 == key).cloned().unwrap();
    let first = of(&spans, Some(hex(1)));
    assert_eq!(names(std::slice::from_ref(&first)), ["a", "c"]);
    let logs = read(&cluster, "otlp_logs", 2);
    assert_eq!(of(&logs, Some(hex(1))).0, first.0);
    let loose = ExportLogsServiceRequest::decode(of(&logs, None).2.as_slice()).unwrap();
    assert_eq!(loose.resource_logs[0].scope_logs[0].log_records.len(), 2);
    assert_eq!(writer.pending_bytes(), 0);
}

/// A writer of one message a partition, which looks at the topics.
fn by_partition(cluster: &Cluster, hasher: KeyHasher) -> (KafkaWriter, tokio_util::sync::DropGuard) {
    let mut config = config(cluster);
    config.messages = KafkaMessages::Partition;
    config.record_partitioner.sticky_key.hasher = hasher;
    config.producer.max_message_bytes = 2000;
    let (writer, stop) = (writer(&config), CancellationToken::new());
    tokio::spawn({
        let (writer, stop) = (writer.clone(), stop.clone());
        async move { writer.watch(vec![Signal::Traces, Signal::Logs], stop).await }
    });
    (writer, stop.drop_guard())
}

/// Writes once the writer has looked at its topics.
async fn after_a_look(writer: &KafkaWriter, signal: Signal, request: &[u8]) -> Result<KafkaWritten, KafkaWriteError> {
    loop {
        match write(writer, signal, request.to_vec()).await {
            Err(KafkaWriteError::Unknown) => tokio::time::sleep(Duration::from_millis(5)).await,
            result => return result,
        }
    }
}

/// Scenario: 100 traces in one request, and a record too large. Guarantee: a message or two a partition has all of its spans, by the hash that
/// is asked for, without a key; what is cut is no larger than a message may be, and what is refused is refused alone.
#[tokio::test]
async fn one_message_holds_all_traces_of_a_partition() {
    let reference: [(KeyHasher, PartitionOf); 2] = [
        (KeyHasher::SaramaCompat, |key| of_sarama(key, PARTITIONS)),
        (KeyHasher::Murmur2, |key| (murmur2(key) & 0x7fff_ffff).cast_signed() % PARTITIONS),
    ];
    for (hasher, partition_of) in reference {
        let cluster = cluster();
        let (writer, _stop) = by_partition(&cluster, hasher);
        let mut all: Vec<Span> = (0..200).map(|number| span(number % 100, &format!("{number:03}"))).collect();
        assert_eq!(write_spans(&writer, all.clone()).await, Err(KafkaWriteError::Unknown), "no look yet");
        all.insert(50, span(3, &"y".repeat(2000)));
        let written = after_a_look(&writer, Signal::Traces, &spans(all).encode_to_vec()).await;
        assert_eq!(written, Ok(KafkaWritten { too_large: 1 }));
        let found = read(&cluster, "otlp_spans", PARTITIONS as usize);
        assert!(found.len() <= 2 * PARTITIONS as usize, "{}", found.len());
        assert!(found.iter().all(|(_, key, payload)| key.is_none() && payload.len() <= 2000));
        let placed = found.iter().flat_map(|it| names(std::slice::from_ref(it)).into_iter().map(|name| (name, it.0)));
        let expected = (0..200).map(|number| (format!("{number:03}"), partition_of(hex(number % 100).as_bytes())));
        let mut placed: Vec<_> = placed.collect();
        placed.sort();
        assert_eq!(placed, expected.collect::<Vec<_>>());
        assert_eq!(writer.pending_bytes(), 0);
    }
}

#[tokio::test]
async fn logs_of_no_trace_are_a_message_of_their_own_beside_those_of_partitions() {
    let cluster = cluster();
    let (writer, _stop) = by_partition(&cluster, KeyHasher::SaramaCompat);
    let log = |trace_id: Vec<u8>, time| LogRecord { trace_id, time_unix_nano: time, ..LogRecord::default() };
    let records = logs(vec![log(trace(1).to_vec(), 1), log(vec![], 2), log(vec![], 3)]).encode_to_vec();
    after_a_look(&writer, Signal::Logs, &records).await.unwrap();
    let mut found: Vec<(Vec<u64>, i32)> = read(&cluster, "otlp_logs", 2)
        .iter()
        .map(|(partition, key, payload)| {
            assert_eq!(*key, None);
            let request = ExportLogsServiceRequest::decode(payload.as_slice()).unwrap();
            let records = &request.resource_logs[0].scope_logs[0].log_records;
            (records.iter().map(|it| it.time_unix_nano).collect(), *partition)
        })
        .collect();
    found.sort();
    let times: Vec<_> = found.iter().map(|(times, _)| times.as_slice()).collect();
    assert_eq!(times, [&[1][..], &[2, 3]]);
    assert_eq!(found[0].1, of_sarama(hex(1).as_bytes(), PARTITIONS));
}

#[tokio::test]
async fn json_topics_get_the_same_as_json() {
    let cluster = cluster();
    let mut config = config(&cluster);
    config.traces.encoding = OtlpEncoding::OtlpJson;
    config.producer.max_message_bytes = 1000;
    let writer = writer(&config);
    // JSON of each is more than a half of the limit, and protobuf is not: they have to be taken apart once more.
    let long = |number: u64| span(7, &format!("{number} {}", "\u{1}".repeat(110)));
    write_spans(&writer, vec![long(1), long(2), long(3)]).await.unwrap();
    let found = read(&cluster, "otlp_spans", 3);
    assert!(found.iter().all(|(_, key, json)| key.as_deref() == Some(&hex(7)) && json.len() < 1000), "{found:?}");
    let back: Vec<Read> = found
        .into_iter()
        .map(|(at, key, json)| (at, key, from_json(Signal::Traces, &json, &Limits::default()).unwrap()))
        .collect();
    assert_eq!(names(&back).len(), 3);
}

/// Scenario: a trace of more than a message may hold, with a record in it that alone is too large. Guarantee: the rest goes in
/// several messages of one key, and that one is said to be refused.
#[tokio::test]
async fn a_trace_too_large_for_a_message_is_cut_and_a_record_too_large_is_refused_alone() {
    let cluster = cluster();
    let mut config = config(&cluster);
    config.producer.max_message_bytes = 2000;
    let writer = writer(&config);
    let mut all: Vec<Span> = (0..10).map(|number| span(3, &format!("{number}{}", "x".repeat(500)))).collect();
    all.insert(4, span(3, &"y".repeat(2000)));
    assert_eq!(write_spans(&writer, all).await, Ok(KafkaWritten { too_large: 1 }));
    let found = read(&cluster, "otlp_spans", 4);
    assert!(found.len() >= 4 && found.iter().all(|it| it.1 == Some(hex(3)) && it.2.len() <= 2000 - TRACE_KEY_LEN));
    assert_eq!(names(&found).len(), 10);
}

#[tokio::test]
async fn a_request_that_would_never_fit_is_refused_for_good() {
    let cluster = cluster();
    let writer = KafkaWriter::open("kafka", &config(&cluster), 50_000, Arc::new(|_, _| {})).unwrap();
    let mut request = spans((0..100).map(|number| span(number, "small")).collect());
    request.resource_spans[0].schema_url = "x".repeat(1000);
    let refused = write(&writer, Signal::Traces, request.encode_to_vec()).await.unwrap_err();
    assert!(matches!(refused, KafkaWriteError::TooLarge { limit: 50_000, bytes: 100_000.. }), "{refused:?}");
    assert_eq!(writer.pending_bytes(), 0);
}

/// fault-7 of a writer. Guarantee: what the broker did not take is not acknowledged, what waits is bounded, and both end with the fault.
#[tokio::test]
async fn fault_7_a_broker_that_is_gone_acknowledges_nothing_and_what_waits_is_bounded() {
    let cluster = cluster();
    let writer = KafkaWriter::open("kafka", &config(&cluster), 4000, Arc::new(|_, _| {})).unwrap();
    write_spans(&writer, vec![span(1, "before")]).await.unwrap();
    cluster.broker_down(1).unwrap();
    let waiting = tokio::spawn({
        let writer = writer.clone();
        async move { write_spans(&writer, vec![span(2, &"w".repeat(2500))]).await }
    });
    while writer.pending_bytes() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(write_spans(&writer, vec![span(3, &"f".repeat(2500))]).await, Err(KafkaWriteError::Full));
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(matches!(refused, KafkaWriteError::Unacknowledged(_)), "{refused:?}");
    assert_eq!(writer.pending_bytes(), 0, "given back");
    cluster.broker_up(1).unwrap();
    let again = async { while write_spans(&writer, vec![span(4, "after")]).await.is_err() {} };
    tokio::time::timeout(PATIENCE, again).await.expect("it goes on");
    let found: BTreeSet<_> = names(&read(&cluster, "otlp_spans", 2)).into_iter().collect();
    assert!(found.contains("before") && found.contains("after"), "{found:?}");
}

#[tokio::test]
async fn a_message_that_the_broker_refuses_fails_its_whole_request() {
    let cluster = cluster();
    let writer = writer(&config(&cluster));
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[denied]);
    let result = write_spans(&writer, (0..20).map(|number| span(number, "x")).collect()).await;
    assert_eq!(result, Err(KafkaWriteError::Unacknowledged(RDKafkaErrorCode::TopicAuthorizationFailed)));
    assert_eq!(writer.pending_bytes(), 0);
}

/// Whether all is well, and if not, why: as it was told last.
type Told = Mutex<Option<(bool, String)>>;

/// An `on_health`, and what it was told last.
fn health() -> (OnHealth, Arc<Told>) {
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    (Arc::new(move |well, why: &str| *tell.lock() = Some((well, why.to_owned()))), told)
}

async fn until(told: &Told, wanted: impl Fn(bool, &str) -> bool) {
    let wait = async {
        while !told.lock().as_ref().is_some_and(|(well, why)| wanted(*well, why)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("last told: {:?}", told.lock()));
}

#[tokio::test]
async fn a_watch_tells_whether_brokers_answer() {
    let cluster = cluster();
    let (on_health, told) = health();
    let writer = KafkaWriter::open("kafka", &config(&cluster), 1 << 20, on_health).unwrap();
    let stop = CancellationToken::new();
    let watch = tokio::spawn({
        let (writer, stop) = (writer.clone(), stop.clone());
        async move { writer.watch(vec![Signal::Traces, Signal::Logs], stop).await }
    });
    until(&told, |well, _| well).await;
    cluster.broker_down(1).unwrap();
    until(&told, |well, why| !well && why.contains("broker")).await;
    cluster.broker_up(1).unwrap();
    until(&told, |well, _| well).await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, watch).await.unwrap().unwrap();
}

/// fault-13 of a writer: what is written to such topics could not be read together.
#[tokio::test]
async fn fault_13_topics_of_different_partition_counts_are_not_written_to() {
    let cluster = cluster();
    cluster.create_topic("fewer", PARTITIONS - 1, 1).unwrap();
    let mut config = config(&cluster);
    config.logs.topic = "fewer".to_owned();
    let (on_health, told) = health();
    let writer = KafkaWriter::open("kafka", &config, 1 << 20, on_health).unwrap();
    let stop = CancellationToken::new();
    let _watch = tokio::spawn({
        let (writer, stop) = (writer.clone(), stop.clone());
        async move { writer.watch(vec![Signal::Traces, Signal::Logs], stop).await }
    });
    until(&told, |well, why| !well && why.contains("`otlp_spans` has 12 partitions and `fewer` has 11")).await;
    assert_eq!(write_spans(&writer, vec![span(1, "x")]).await, Err(KafkaWriteError::Misplaced));
    stop.cancel();
}
