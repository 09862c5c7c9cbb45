//! Members that are stopped, fenced, ended and replaced.

use std::thread::sleep;
use std::time::Duration;

use casefile::telemetry::names;

use crate::bed::{Bed, Member, stored};
use crate::kafka::Cluster;
use crate::support::casefile::Home;
use crate::support::store;
use crate::traffic::hex;

#[test]
fn fault_10_a_member_that_was_taken_for_dead_discards_what_it_has() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "dead", 1);
    let homes = ["a", "b"].map(|name| {
        let home = bed.home(&Member { name, ..Member::default() });
        home.edit("session_timeout: 6s", "session_timeout: 2s");
        home
    });
    let mut first = homes[0].start();
    bed.produce(0..100, 2, 2);
    first.wait("the messages", |member| member.metrics().sum(names::KAFKA_MESSAGES, &[]) == 400);
    first.signal("STOP");
    let second = homes[1].start();
    bed.wait_committed("dead");
    bed.produce(100..200, 2, 2);
    bed.wait_committed("dead");
    let committed = bed.committed();
    first.signal("CONT");
    first.wait("to be told", |member| member.metrics().sum(names::KAFKA_REBALANCES, &[("event", "lost")]) == 1);
    for _ in 0..10 {
        assert_eq!(bed.committed(), committed);
        sleep(Duration::from_millis(200));
    }
    for member in [first, second] {
        assert!(member.stop().0.success());
    }
    bed.assert_as_undisturbed(4, 6);
}

#[test]
fn fault_12_of_two_processes_with_one_instance_id_the_first_says_so_and_ends() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "twins", 1);
    let homes =
        ["a", "b"].map(|name| bed.home(&Member { name, kafka: ", group_instance_id: twin-0", ..Member::default() }));
    let first = homes[0].start();
    let second = homes[1].start();
    let (status, said) = first.end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("another process is running with `group_instance_id: twin-0`"), "{said}");
    bed.produce(0..50, 1, 2);
    bed.wait_committed("twins");
    assert!(second.stop().0.success());
    assert_eq!(stored(&bed.store("store")).1.into_values().collect::<Vec<_>>(), [3]);
}

#[test]
fn fault_29_what_is_open_at_the_end_is_the_next_ones() {
    let cluster = Cluster::shared();
    let bed = Bed::with(&cluster, "ended", 2, ["4s", "8s"]);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let mut member = home.start();
    bed.produce(0..100, 1, 2);
    member.wait("the messages", |member| member.metrics().sum(names::KAFKA_MESSAGES, &[]) == 200);
    let (status, said) = member.stop();
    assert!(status.success(), "{said}");
    assert!(!said.contains("did not close in time"), "{said}");
    assert_eq!(store::files(&bed.store("store").join("bundles")), Vec::<std::path::PathBuf>::new());
    assert_eq!(bed.committed(), [0; 4], "nothing has been decided");
    assert_eq!(cluster.members("ended"), 0, "nobody waits until it is taken for dead");
    bed.produce(0..100, 1, 2);
    let member = home.start();
    bed.wait_committed("ended");
    assert!(member.stop().0.success());
    bed.assert_as_undisturbed(2, 3);
}

#[test]
fn a_group_that_begins_with_what_comes_now_keeps_that_place() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "latest", 2);
    bed.produce(0..50, 1, 2);
    let ends: Vec<i64> =
        [bed.spans(), bed.logs()].iter().flat_map(|topic| cluster.offsets(topic)).map(|(_, end)| end).collect();
    let home = bed.home(&Member { name: "one", ..Member::default() });
    home.edit("initial_offset: earliest", "initial_offset: latest");
    let mut member = home.start();
    member.wait("the first commit", |_| bed.committed() == ends);
    member.kill();
    bed.produce(50..100, 1, 2);
    let member = home.start();
    bed.wait_committed("latest");
    assert!(member.stop().0.success());
    let names: Vec<String> = stored(&bed.store("store")).1.into_keys().collect();
    assert_eq!(names, [format!("{}.manifest.json", hex(50))]);
}

/// fault-9, with partitions given out by the broker.
#[test]
fn members_of_the_new_protocol_leave_the_same_objects() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "remote", 4);
    let homes: Vec<Home> = ["a", "b"]
        .map(|name| bed.home(&Member { name, kafka: ", group_protocol: consumer", ..Member::default() }))
        .into();
    let mut first = homes[0].start();
    bed.produce(0..100, 1, 2);
    first.wait("the messages", |member| member.metrics().sum(names::KAFKA_MESSAGES, &[]) >= 200);
    let mut second = homes[1].start();
    for round in 1..5 {
        bed.produce(round * 100..(round + 1) * 100, 1, 2);
        sleep(Duration::from_millis(300));
    }
    second.wait("lanes of its own", |member| member.metrics().sum(names::KAFKA_LANES, &[]) == 2);
    assert_eq!(first.metrics().sum(names::KAFKA_LANES, &[]), 2);
    bed.produce(500..600, 1, 2);
    first.kill();
    bed.produce(600..700, 1, 2);
    bed.wait_committed("remote");
    let (status, said) = second.stop();
    assert!(status.success());
    assert!(!said.contains("a lane is not complete"), "{said}");
    bed.assert_as_undisturbed(14, 3);
}
