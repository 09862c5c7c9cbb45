//! What a span costs that comes from Kafka, beside one that comes over gRPC: `cargo bench --bench load -- --kafka --spans 2000000`.
//!
//! A broker is started from what `tests/setup` has installed. Messages are the requests of 512 spans that the other servers get, on a
//! topic of 12 partitions. *live*: they come at `--rate`, as over gRPC. *backlog*: all of them are there before the consumer starts.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::cost::{self, Options};
use crate::server::Server;
use crate::traffic::{Encoded, SPANS_PER_REQUEST, encoded};

const TOPIC: &str = "otlp_spans";
const PARTITIONS: i32 = 12;
/// Messages that are encoded beforehand.
const REQUESTS: usize = 100;

pub(crate) async fn compare(options: &Options) -> Result<(), String> {
    let requests: Arc<[Encoded]> = encoded(REQUESTS, options.failing).into();
    let cluster = Cluster::start(1);
    println!("{} spans a row, in messages of {SPANS_PER_REQUEST}:", options.spans);
    println!("| way | spans/s | CPU s per million spans | spans per CPU second | peak MiB |");
    println!("|---|---|---|---|---|");
    let grpc = cost::over_grpc(&requests, options).await?;
    row("gRPC", grpc.spans_per_second, grpc.cpu_seconds_per_million_spans, grpc.peak_mib);
    for way in ["live", "backlog"] {
        cluster.create_topic(TOPIC, PARTITIONS, &[("message.timestamp.type", "LogAppendTime")]);
        consume(way, &cluster, &requests, options).await?;
        cluster.delete_topic(TOPIC);
    }
    Ok(())
}

async fn consume(way: &str, cluster: &Cluster, requests: &Arc<[Encoded]>, options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let incident = cost::incident("[]", "memory");
    let total = options.spans.div_ceil(SPANS_PER_REQUEST);
    let rate = if way == "live" { options.rate } else { 0 };
    let produce = {
        let (producer, requests) = (producer(cluster)?, Arc::clone(requests));
        move || produce(&producer, &requests, total, rate)
    };
    let produced = |produced: Result<Result<(), String>, tokio::task::JoinError>| {
        produced.map_err(|error| error.to_string()).and_then(|produced| produced)
    };
    let mut server;
    let began;
    if way == "live" {
        server = Server::consumer(folder.path(), &incident, &cluster.bootstrap(), way).await?;
        began = Instant::now();
        produced(tokio::task::spawn_blocking(produce).await)?;
    } else {
        produced(tokio::task::spawn_blocking(produce).await)?;
        began = Instant::now();
        server = Server::consumer(folder.path(), &incident, &cluster.bootstrap(), way).await?;
    }
    let spans = (total * SPANS_PER_REQUEST) as u64;
    while server.accepted().await? < spans {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (seconds, usage) = (began.elapsed().as_secs_f64(), server.process.usage().unwrap_or_default());
    server.process.stop()?;
    row(way, spans as f64 / seconds, usage.cpu * 1e6 / spans as f64, usage.peak_mib);
    Ok(())
}

fn row(way: &str, spans_per_second: f64, cpu: f64, peak_mib: u64) {
    println!("| {way} | {spans_per_second:.0} | {cpu:.2} | {:.0} | {peak_mib} |", 1e6 / cpu);
}

fn producer(cluster: &Cluster) -> Result<BaseProducer, String> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", cluster.bootstrap())
        .set("linger.ms", "5")
        .set("queue.buffering.max.kbytes", "262144");
    config.create().map_err(|error| error.to_string())
}

/// Puts `total` messages on the topic, `rate` spans a second (as fast as it goes where that is 0).
fn produce(producer: &BaseProducer, requests: &[Encoded], total: usize, rate: usize) -> Result<(), String> {
    let began = Instant::now();
    for turn in 0..total {
        let payload = requests[turn % REQUESTS].in_round((turn / REQUESTS) as u64);
        let partition = (turn % PARTITIONS as usize) as i32;
        if rate > 0 {
            let due = Duration::from_secs_f64((turn * SPANS_PER_REQUEST) as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let mut record = BaseRecord::<(), [u8]>::to(TOPIC).partition(partition).payload(&payload);
        while let Err((_, refused)) = producer.send(record) {
            producer.poll(Duration::from_millis(10));
            record = refused;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(120)).map_err(|error| error.to_string())
}
