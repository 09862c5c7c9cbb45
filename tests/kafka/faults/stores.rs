//! A store that is gone, and comes back.

use std::thread::sleep;
use std::time::Duration;

use casefile::telemetry::names;

use crate::bed::{Bed, Member};
use crate::kafka::Cluster;
use crate::proxy::Proxy;
use crate::servers::S3;
use crate::support::casefile::Home;
use crate::support::store;

/// Has a member write to a server behind `port`.
fn write_to(home: &Home, bed: &Bed<'_>, server: &S3, port: u16) {
    let options = format!(
        "url: \"s3://{}/some\", options: {{aws_endpoint: \"http://127.0.0.1:{port}\", aws_access_key_id: {}, \
         aws_secret_access_key: {}, aws_region: us-east-1, aws_allow_http: \"true\"}}",
        server.bucket, server.access_key, server.secret_key
    );
    home.edit(&format!("url: \"file:{}\", options: {{}}", bed.store("store").display()), &options);
}

/// Has a member keep one bundle that waits for the store, and try again soon.
fn let_one_wait(home: &Home) {
    home.edit(
        "aws_allow_http: \"true\"}",
        "aws_allow_http: \"true\"}, sending_queue: {queue_size: 1, num_consumers: 1}, \
         retry_on_failure: {initial_interval: 100ms, max_interval: 500ms}",
    );
}

#[test]
fn while_the_store_is_gone_offsets_and_memory_stand_still() {
    let cluster = Cluster::shared();
    let server = S3::start();
    let proxy = Proxy::start(server.port());
    let bed = Bed::quick(&cluster, "outage", 2);
    let home = bed.home(&Member { name: "one", kafka: ", max_buffered: 1KiB", ..Member::default() });
    write_to(&home, &bed, &server, proxy.port());
    let_one_wait(&home);
    let mut member = home.start();
    proxy.shut();
    // Some fail, so that windows wait for room in the queue; then more than is fetched ahead.
    bed.produce(0..500, 1, 2);
    sleep(Duration::from_secs(4));
    for round in 0..24 {
        bed.produce(1000 + round * 500..1500 + round * 500, 1, 9);
    }
    let paused = |metrics: &crate::support::casefile::Metrics| metrics.sum(names::KAFKA_PAUSED_PARTITIONS, &[]);
    member.wait("partitions to be paused", |member| paused(&member.metrics()) > 0);
    sleep(Duration::from_secs(2));
    let (before, committed) = (member.metrics(), bed.committed());
    // Longer than a member may be silent.
    sleep(Duration::from_secs(7));
    let after = member.metrics();
    let read = |metrics: &crate::support::casefile::Metrics| metrics.sum(names::KAFKA_MESSAGES, &[]);
    assert!(paused(&after) > 0);
    assert_eq!(read(&after), read(&before), "nothing is taken in that has no place");
    assert!(read(&after) < 25_000, "all was read: nothing could be paused");
    assert_eq!(after.sum(names::WINDOW_BYTES, &[]), before.sum(names::WINDOW_BYTES, &[]));
    assert_eq!(bed.committed(), committed);
    assert!(after.sum(names::KAFKA_COMMIT_HOLD, &[]) >= 7, "of all lanes");
    assert_eq!(after.sum(names::KAFKA_REBALANCES, &[("event", "lost")]), 0);
    assert_eq!(
        after.sum(names::KAFKA_REBALANCES, &[("event", "assigned")]),
        1,
        "the group has heard of it all the time"
    );
    proxy.open();
    bed.wait_committed("outage");
    let totals = member.settled();
    assert_eq!(totals.dropped, 0);
    assert!(member.stop().0.success());
    let written = server.root().join(&server.bucket).join("some");
    assert_eq!(store::manifests(&written).len(), 10 + 240);
    assert_eq!(store::documents(&written).len(), 10 + 240);
}

/// A pause outlives the assignment that it was made in.
#[test]
fn a_partition_that_is_given_back_while_it_is_paused_and_comes_again_is_read_on() {
    let cluster = Cluster::shared();
    let server = S3::start();
    let proxy = Proxy::start(server.port());
    let bed = Bed::quick(&cluster, "resumed", 2);
    let homes = ["one", "two"].map(|name| {
        let home = bed.home(&Member { name, kafka: ", max_buffered: 1KiB", ..Member::default() });
        write_to(&home, &bed, &server, proxy.port());
        let_one_wait(&home);
        home
    });
    let mut first = homes[0].start();
    proxy.shut();
    bed.produce(0..500, 1, 2);
    sleep(Duration::from_secs(4));
    for round in 0..24 {
        bed.produce(1000 + round * 500..1500 + round * 500, 1, 9);
    }
    first.wait("partitions to be paused", |member| member.metrics().sum(names::KAFKA_PAUSED_PARTITIONS, &[]) > 0);
    let mut second = homes[1].start();
    second.wait("a lane of its own", |member| member.metrics().sum(names::KAFKA_LANES, &[]) == 1);
    proxy.open();
    bed.wait_committed("resumed");
    for member in [first, second] {
        assert!(member.stop().0.success());
    }
    let written = server.root().join(&server.bucket).join("some");
    assert_eq!(store::manifests(&written).len(), 10 + 240);
}

#[test]
fn fault_11_what_a_stopped_process_uploads_late_is_what_is_there() {
    let cluster = Cluster::shared();
    let server = S3::start();
    let proxy = Proxy::start(server.port());
    let bed = Bed::quick(&cluster, "late", 1);
    let homes = ["a", "b"].map(|name| {
        let home = bed.home(&Member { name, ..Member::default() });
        home.edit("session_timeout: 6s", "session_timeout: 2s");
        home
    });
    write_to(&homes[0], &bed, &server, proxy.port());
    write_to(&homes[1], &bed, &server, server.port());
    let mut first = homes[0].start();
    proxy.shut();
    bed.produce(0..50, 1, 2);
    first.wait("an upload that fails", |member| member.metrics().sum(names::EXPORTER_RETRIES, &[]) > 0);
    first.signal("STOP");
    let second = homes[1].start();
    bed.wait_committed("late");
    let written = server.root().join(&server.bucket).join("some");
    let (objects, committed) = (store::documents(&written), bed.committed());
    assert_eq!(objects.len(), 1);
    proxy.open();
    first.signal("CONT");
    let results = |result: &str, member: &crate::support::casefile::Casefile<'_>| {
        member.metrics().sum(names::EXPORTER_BUNDLES, &[("result", result)])
    };
    first.wait("the late upload", |member| results("unchanged", member) == 1);
    assert_eq!(results("stored", &first), 0);
    assert_eq!(store::documents(&written), objects);
    sleep(Duration::from_secs(1));
    assert_eq!(bed.committed(), committed);
    for member in [first, second] {
        assert!(member.stop().0.success());
    }
    assert_eq!(store::manifests(&written).len(), 1, "and no amendment");
}
