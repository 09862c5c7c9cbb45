//! Gateways against a real broker: OTLP goes in, messages keyed by trace come out, and nothing acknowledged is missing from them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use prost::Message as _;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::kafka::{Cluster, Stored};
use crate::support::casefile::{Home, Settings};
use crate::support::{http, store};
use crate::traffic::{hex, log, spans, trace_id};

const PARTITIONS: i32 = 6;
const PROTOBUF: &[(&str, &str)] = &[("Content-Type", "application/x-protobuf")];

/// Topics of one test, and a folder.
struct Bed<'c> {
    cluster: &'c Cluster,
    name: &'static str,
    folder: tempfile::TempDir,
}

impl<'c> Bed<'c> {
    fn new(cluster: &'c Cluster, name: &'static str) -> Self {
        let bed = Self { cluster, name, folder: tempfile::tempdir().unwrap() };
        for signal in ["spans", "logs", "metrics"] {
            cluster.create_topic(&bed.topic(signal), PARTITIONS, &[]);
        }
        bed
    }

    fn topic(&self, signal: &str) -> String {
        format!("{}-{signal}", self.name)
    }

    /// A gateway with more settings of its exporter.
    fn home(&self, more: &str) -> Home {
        self.home_in("", more)
    }

    /// One in a folder of its own.
    fn home_in(&self, name: &str, more: &str) -> Home {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let [spans, logs, metrics] = ["spans", "logs", "metrics"].map(|signal| self.topic(signal));
        let brokers = self.cluster.bootstrap();
        let kafka = format!(
            "{{brokers: [\"{brokers}\"], traces: {{topic: {spans}}}, logs: {{topic: {logs}}}, metrics: {{topic: {metrics}}}{more}}}"
        );
        Home::gateway(&folder, &kafka)
    }

    /// One who reads spans and logs from their beginning.
    fn reader(&self) -> Home {
        let kafka = format!(
            "{{brokers: [\"{}\"], group_id: {name}, initial_offset: earliest, commit_interval: 200ms, idle_timeout: 1s, \
             traces: {{topics: [{name}-spans]}}, logs: {{topics: [{name}-logs]}}}}",
            self.cluster.bootstrap(),
            name = self.name
        );
        let folder = self.folder.path().join("reader");
        std::fs::create_dir_all(&folder).unwrap();
        Home::new(&folder, &Settings { kafka: Some(kafka), ..Settings::default() })
    }

    fn read(&self, signal: &str) -> Vec<Stored> {
        self.cluster.read(&self.topic(signal))
    }

    /// The keys on the topic of spans.
    fn traces(&self) -> BTreeSet<String> {
        self.read("spans").iter().filter_map(key).collect()
    }
}

fn key(message: &Stored) -> Option<String> {
    message.key.as_ref().map(|key| String::from_utf8(key.clone()).unwrap())
}

/// The partition that sarama's default partitioner takes, as the Collector does: FNV-1a as a signed number, without the sign of its remainder.
fn partition_of(key: &str) -> i32 {
    partition_among(key, PARTITIONS)
}

fn partition_among(key: &str, partitions: i32) -> i32 {
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash.cast_signed() % partitions).abs()
}

/// Sends spans by gRPC.
async fn export(port: u16, request: ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse, Status> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    let mut client = tonic::client::Grpc::new(channel.connect().await.unwrap());
    client.ready().await.unwrap();
    let codec: tonic_prost::ProstCodec<ExportTraceServiceRequest, _> = tonic_prost::ProstCodec::default();
    let path = PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    Ok(client.unary(tonic::Request::new(request), path, codec).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_trace_meet_in_the_partition_that_the_collector_gives_it_whatever_way_they_come() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "gateway-way");
    let home = bed.home("");
    let mut gateway = home.start();

    // Twenty traces in one request, and a span that is none.
    let mut request = ExportTraceServiceRequest::default();
    for trace in 0..20 {
        let one = ExportTraceServiceRequest::decode(spans(trace, 0, 3, true).as_slice()).unwrap();
        request.resource_spans.extend(one.resource_spans);
    }
    request.resource_spans[0].schema_url = "https://opentelemetry.io/schemas/1.37.0".to_owned();
    let mut with_invalid = request.clone();
    with_invalid.resource_spans[3].scope_spans[0].spans[1].trace_id = vec![0; 16];
    let partial = export(home.grpc, with_invalid).await.unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1, "{}", partial.error_message);
    for trace in 0..20 {
        let answer = http::post(home.http, "/v1/logs", PROTOBUF, &log(trace, 1)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    let (found_spans, found_logs) = (bed.read("spans"), bed.read("logs"));
    let expected: BTreeSet<(Option<String>, i32)> =
        (0..20).map(|trace| (Some(hex(trace)), partition_of(&hex(trace)))).collect();
    for found in [&found_spans, &found_logs] {
        assert_eq!(found.len(), 20, "a message a trace");
        assert_eq!(found.iter().map(|it| (key(it), it.partition)).collect::<BTreeSet<_>>(), expected);
    }
    let of = |trace: u32| {
        let message = found_spans.iter().find(|it| key(it) == Some(hex(trace))).unwrap();
        ExportTraceServiceRequest::decode(message.payload.as_deref().unwrap()).unwrap()
    };
    assert_eq!(of(0).resource_spans, request.resource_spans[..1], "as it was sent, with its schema");
    assert_eq!(of(3).resource_spans[0].scope_spans[0].spans.len(), 2, "without the one that is refused");
    assert_eq!(found_logs.iter().filter(|it| it.payload == Some(log(7, 1))).count(), 1, "byte for byte");
    let metrics = gateway.metrics();
    let delivered = [("result", "delivered"), ("exporter", "kafka")];
    assert_eq!(metrics.sum("casefile_exporter_kafka_messages_total", &delivered), 40);
    assert_eq!(metrics.sum("casefile_receiver_accepted_records_total", &[]), 79);
    // Told now and then.
    gateway.wait("nothing to wait", |it| it.metrics().sum("casefile_exporter_kafka_pending_bytes", &[]) == 0);
}

#[test]
fn logs_of_no_trace_are_spread_exemplars_go_with_their_traces_and_files_as_log_records() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "gateway-kinds");
    let home = bed.home("");
    let _gateway = home.start();
    let post = |path: &str, body: &[u8]| {
        let answer = http::post(home.http, path, PROTOBUF, body).unwrap();
        (answer.status, answer.text())
    };

    let log_records = vec![LogRecord { time_unix_nano: 1, ..LogRecord::default() }; 3];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    assert_eq!(post("/v1/logs", &ExportLogsServiceRequest { resource_logs }.encode_to_vec()).0, 200);
    let exemplar = |trace| Exemplar { trace_id: trace_id(trace).to_vec(), span_id: vec![1; 8], ..Exemplar::default() };
    let data_points = vec![NumberDataPoint { exemplars: vec![exemplar(1), exemplar(2)], ..NumberDataPoint::default() }];
    let metrics = vec![Metric {
        name: "latency".to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points })),
        ..Metric::default()
    }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    assert_eq!(post("/v1/metrics", &ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()).0, 200);
    let file = b"<testsuite/>";
    let (status, said) = post(&format!("/v1/evidence?trace_id={}&name=a.xml", hex(5)), file);
    assert_eq!((status, said.as_str()), (202, r#"{"accepted":true}"#));
    let (status, said) = post("/v1/evidence?incident=INC-0123456789", file);
    assert!(status == 404 && said.contains("a gateway has no store"), "{status} {said}");
    let (status, said) = post(&format!("/v1/evidence?trace_id={}", hex(5)), &vec![b'x'; 2_000_000]);
    assert!(status == 413 && said.contains("max_message_bytes"), "{status} {said}");

    let logs = bed.read("logs");
    assert_eq!(logs.iter().map(key).collect::<BTreeSet<_>>(), [None, Some(hex(5))].into());
    let attachment = logs.iter().find(|it| key(it).is_some()).unwrap();
    assert_eq!(attachment.partition, partition_of(&hex(5)));
    assert!(attachment.payload.as_ref().unwrap().windows(file.len()).any(|window| window == file));
    let keys: BTreeSet<_> = bed.read("metrics").iter().map(|it| (key(it), it.partition)).collect();
    assert_eq!(keys, [1, 2].map(|trace| (Some(hex(trace)), partition_of(&hex(trace)))).into());
}

/// fault-7: the broker is stopped under load, and comes back. Guarantees: its clients are told to come again, the probe says why, and
/// what was acknowledged before, between and after is there.
#[test]
fn fault_7_without_a_broker_nothing_is_acknowledged_and_all_that_was_is_there() {
    let cluster = Cluster::start(1);
    let bed = Bed::new(&cluster, "gateway-down");
    let home = bed.home(", timeout: 1s");
    let mut gateway = home.start();
    let (next, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let acknowledged = scope(|threads| {
        let load = || {
            let mut acknowledged = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let trace = next.fetch_add(1, Ordering::Relaxed);
                let answer = http::post(home.http, "/v1/traces", PROTOBUF, &spans(trace, 0, 1, true)).unwrap();
                match answer.status {
                    200 => acknowledged.push(hex(trace)),
                    503 => assert!(answer.header("retry-after").is_some_and(|wait| wait.parse::<u32>().unwrap() > 0)),
                    status => panic!("{status} {}", answer.text()),
                }
            }
            acknowledged
        };
        let loads = [threads.spawn(load), threads.spawn(load)];
        sleep(Duration::from_secs(1));
        cluster.stop_broker(0);
        let is_refused = |it: &mut crate::support::casefile::Casefile<'_>| {
            let reason = [("reason", "broker_unavailable")];
            it.metrics().sum("casefile_receiver_refused_requests_total", &reason) > 3 && it.health().status == 503
        };
        gateway.wait("refusals", is_refused);
        assert!(gateway.health().text().contains("broker"), "{}", gateway.health().text());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let request = ExportTraceServiceRequest::decode(spans(9_999_999, 0, 1, true).as_slice()).unwrap();
        let refused = runtime.block_on(export(home.grpc, request)).unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some_and(|delay| !delay.is_zero()));
        cluster.start_broker(0);
        gateway.wait("being ready again", |it| it.health().status == 200);
        sleep(Duration::from_secs(1));
        over.store(true, Ordering::Relaxed);
        loads.map(|load| load.join().unwrap()).concat()
    });
    let there = bed.traces();
    let missing: Vec<_> = acknowledged.iter().filter(|trace| !there.contains(*trace)).collect();
    assert!(missing.is_empty(), "acknowledged and not there: {missing:?} of {}", acknowledged.len());
    assert!(acknowledged.len() > 10);
    assert!(gateway.stop().0.success());
}

/// fault-30 of a gateway: SIGTERM in the midst of a load. Guarantee: it ends well and in time, and what it acknowledged is there.
#[test]
fn fault_30_a_stop_loses_nothing_that_was_acknowledged() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "gateway-stop");
    let home = bed.home("");
    let gateway = home.start();
    let next = AtomicU32::new(0);
    let acknowledged = scope(|threads| {
        // Until the port is closed.
        let load = || {
            let mut acknowledged = Vec::new();
            loop {
                let trace = next.fetch_add(1, Ordering::Relaxed);
                match http::post(home.http, "/v1/traces", PROTOBUF, &spans(trace, 0, 1, true)) {
                    Ok(answer) if answer.status == 200 => acknowledged.push(hex(trace)),
                    Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                    Err(_) => return acknowledged,
                }
            }
        };
        let loads = [threads.spawn(load), threads.spawn(load), threads.spawn(load), threads.spawn(load)];
        sleep(Duration::from_secs(1));
        assert!(gateway.stop().0.success());
        loads.map(|load| load.join().unwrap()).concat()
    });
    let there = bed.traces();
    let missing: Vec<_> = acknowledged.iter().filter(|trace| !there.contains(*trace)).collect();
    assert!(missing.is_empty(), "acknowledged and not there: {missing:?} of {}", acknowledged.len());
    assert!(acknowledged.len() > 10);
}

/// The trace and the partition of each record in these messages, in order.
fn placed<R: prost::Message + Default>(messages: &[Stored], traces: impl Fn(R) -> Vec<Vec<u8>>) -> Vec<(String, i32)> {
    let mut placed = Vec::new();
    for message in messages {
        assert_eq!(message.key, None);
        let request = R::decode(message.payload.as_deref().unwrap()).unwrap();
        let traces = traces(request).into_iter().map(|id| data_encoding::HEXLOWER.encode(&id));
        placed.extend(traces.map(|id| (id, message.partition)));
    }
    placed.sort();
    placed
}

fn traces_of_spans(request: ExportTraceServiceRequest) -> Vec<Vec<u8>> {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).map(|span| span.trace_id).collect()
}

fn traces_of_logs(request: ExportLogsServiceRequest) -> Vec<Vec<u8>> {
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).map(|record| record.trace_id).collect()
}

/// Scenario: `messages: partition`, 40 traces in each request, and a consumer. Guarantee: every record is there once, in the partition that the
/// Collector's hash gives its trace, spans and logs alike, in a message a partition; the consumer has each failed trace whole and
/// calls none of it misrouted. Partitions that are added later are seen.
#[test]
fn messages_by_partition_hold_each_record_once_where_its_trace_belongs() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "gateway-packed");
    let home = bed.home(", messages: partition");
    let gateway = home.start();
    let (mut all_spans, mut all_logs) = (ExportTraceServiceRequest::default(), ExportLogsServiceRequest::default());
    for trace in 0..40 {
        let spans = ExportTraceServiceRequest::decode(spans(trace, 0, 3, trace % 20 == 0).as_slice()).unwrap();
        all_spans.resource_spans.extend(spans.resource_spans);
        let logs = ExportLogsServiceRequest::decode(log(trace, 1).as_slice()).unwrap();
        all_logs.resource_logs.extend(logs.resource_logs);
    }
    let post = |path: &str, body: &[u8]| assert_eq!(http::post(home.http, path, PROTOBUF, body).unwrap().status, 200);
    post("/v1/traces", &all_spans.encode_to_vec());
    post("/v1/logs", &all_logs.encode_to_vec());

    let (found_spans, found_logs) = (bed.read("spans"), bed.read("logs"));
    let expected = |records: usize| {
        let mut expected: Vec<(String, i32)> =
            (0..40).flat_map(|trace| std::iter::repeat_n((hex(trace), partition_of(&hex(trace))), records)).collect();
        expected.sort();
        expected
    };
    assert_eq!(placed(&found_spans, traces_of_spans), expected(3));
    assert_eq!(placed(&found_logs, traces_of_logs), expected(1));
    for found in [&found_spans, &found_logs] {
        let partitions: BTreeSet<i32> = found.iter().map(|message| message.partition).collect();
        assert_eq!(found.len(), partitions.len(), "one message each");
    }

    let reader_home = bed.reader();
    let mut reader = reader_home.start();
    reader.wait("both bundles", |_| store::manifests(&reader_home.store()).len() == 2);
    let bundles: BTreeSet<(String, usize)> = store::manifests(&reader_home.store())
        .iter()
        .map(|path| store::manifest(path).0)
        .map(|it| (it["trace_id"].as_str().unwrap().to_owned(), it["records"].as_array().unwrap().len()))
        .collect();
    assert_eq!(bundles, [(hex(0), 4), (hex(20), 4)].into(), "three spans and a log record");
    assert_eq!(reader.metrics().sum("casefile_receiver_accepted_records_total", &[]), 160);
    assert_eq!(reader.metrics().sum("casefile_kafka_misrouted_messages_total", &[]), 0);
    drop(reader);

    for signal in ["spans", "logs", "metrics"] {
        cluster.grow_topic(&bed.topic(signal), 2 * PARTITIONS);
    }
    let trace = (100..).find(|trace| partition_among(&hex(*trace), 2 * PARTITIONS) >= PARTITIONS).unwrap();
    let is_seen = || {
        // Refused while a look finds topics of which some have grown and others have not.
        let answer = http::post(home.http, "/v1/traces", PROTOBUF, &spans(trace, 0, 1, false)).unwrap();
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
        bed.read("spans").iter().any(|message| message.partition == partition_among(&hex(trace), 2 * PARTITIONS))
    };
    let seen = (0..100).any(|_| {
        is_seen() || {
            sleep(Duration::from_millis(200));
            false
        }
    });
    assert!(seen, "the new partitions are written to");
    drop(gateway);
}

/// Scenario: the pieces of a failed trace come to two gateways. Guarantee: who reads the topics makes one bundle of all of them.
#[test]
fn what_came_by_two_gateways_becomes_one_bundle() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "gateway-two");
    let homes = ["one", "two"].map(|name| bed.home_in(name, ""));
    let gateways = homes.each_ref().map(Home::start);
    for (number, home) in homes.iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        for trace in 0..4 {
            let spans = spans(trace, number * 3, 3, trace == 0 && number == 0);
            assert_eq!(http::post(home.http, "/v1/traces", PROTOBUF, &spans).unwrap().status, 200);
            assert_eq!(http::post(home.http, "/v1/logs", PROTOBUF, &log(trace, number)).unwrap().status, 200);
        }
    }
    let reader_home = bed.reader();
    let mut reader = reader_home.start();
    reader.wait("the bundle", |_| store::manifests(&reader_home.store()).len() == 1);
    let (manifest, _) = store::manifest(&store::manifests(&reader_home.store())[0]);
    assert_eq!(manifest["trace_id"], hex(0));
    assert_eq!(manifest["records"].as_array().unwrap().len(), 8, "six spans and two log records");
    drop((reader, gateways));
}
