//! Brokers that go, come back, and do not answer.

use std::thread::sleep;
use std::time::{Duration, Instant};

use casefile::telemetry::names;

use crate::bed::{Bed, Member, stored};
use crate::kafka::Cluster;

#[test]
fn fault_07_a_broker_that_is_down_closes_no_window_and_loses_nothing() {
    let cluster = Cluster::start(1);
    let bed = Bed::with(&cluster, "down", 2, ["3s", "6s"]);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let mut member = home.start();
    bed.produce(0..100, 1, 2);
    member.wait("the messages", |member| member.metrics().sum(names::KAFKA_MESSAGES, &[]) == 200);
    cluster.kill_broker(0);
    member.wait("the probe to say no", |member| !member.is_ready());
    // Longer than windows are open, by the clock on the wall.
    sleep(Duration::from_secs(5));
    assert_eq!(member.metrics().sum(names::WINDOW_CLOSED_TRACES, &[]), 0, "nobody has told that time has passed");
    cluster.start_broker(0);
    member.wait("the probe to say yes, though no message comes", |member| member.is_ready());
    bed.produce(100..200, 1, 2);
    bed.wait_committed("down");
    let (status, _) = member.stop();
    assert!(status.success());
    bed.assert_as_undisturbed(4, 3);
}

#[test]
fn fault_07_a_broker_that_does_not_answer_is_told_as_one_that_is_down() {
    let cluster = Cluster::start(1);
    let bed = Bed::quick(&cluster, "silent", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let mut member = home.start();
    bed.produce(0..50, 1, 2);
    bed.wait_committed("silent");
    cluster.freeze_broker(0);
    member.wait("the probe to say no", |member| !member.is_ready());
    cluster.thaw_broker(0);
    member.wait("the probe to say yes", |member| member.is_ready());
    bed.produce(50..100, 1, 2);
    bed.wait_committed("silent");
    assert!(member.stop().0.success());
    assert_eq!(stored(&bed.store("store")).1.len(), 2);
}

#[test]
fn fault_08_a_coordinator_that_is_lost_costs_nothing() {
    let cluster = Cluster::start(3);
    // Leaders move within some seconds. What has not failed is held for longer than that: a log that is on its topic so much
    // before the spans of its trace would be gone by then.
    let bed = Bed::with(&cluster, "coordinator", 4, ["500ms", "15s"]);
    let homes = ["a", "b"].map(|name| bed.home(&Member { name, ..Member::default() }));
    let members = homes.each_ref().map(|home| home.start());
    bed.produce(0..100, 1, 2);
    bed.wait_committed("coordinator");
    let before = bed.committed();
    bed.produce(100..200, 1, 2);
    cluster.kill_broker(cluster.coordinator("coordinator"));
    bed.produce(200..300, 1, 2);
    bed.wait_committed("coordinator");
    let after = bed.committed();
    assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{before:?} {after:?}");
    for member in members {
        assert!(member.stop().0.success());
    }
    // While leaders moved, what belongs together came at different times: there may be amendments.
    let listed = bed.same_objects();
    assert_eq!(listed.values().sum::<usize>(), 6 * 3, "{listed:?}");
}

#[test]
fn fault_31_a_client_that_cannot_close_is_left_behind_in_time() {
    let cluster = Cluster::start(1);
    let bed = Bed::quick(&cluster, "hung", 2);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    home.edit("service:\n", "service:\n  shutdown_timeout: 4s\n");
    let member = home.start();
    bed.produce(0..50, 1, 2);
    bed.wait_committed("hung");
    // Something to be committed at the end.
    bed.produce(50..100, 1, 2);
    cluster.freeze_broker(0);
    let begin = Instant::now();
    let (status, said) = member.stop();
    let took = begin.elapsed();
    cluster.thaw_broker(0);
    assert!(status.success(), "{said}");
    assert!(took < Duration::from_secs(6), "{took:?}\n{said}");
    assert!(said.contains("did not close in time"), "{said}");
    // What it had not read or not committed is for the next.
    let member = home.start();
    bed.wait_committed("hung");
    assert!(member.stop().0.success());
    assert_eq!(stored(&bed.store("store")).1.len(), 2);
    bed.assert_as_undisturbed(2, 3);
}
