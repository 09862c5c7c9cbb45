//! Topics that lose messages, are made again, and have offsets that are nobody's.

use std::time::Duration;

use casefile::telemetry::names;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::bed::{Bed, Member, stored};
use crate::kafka::Cluster;
use crate::support::casefile::Casefile;
use crate::traffic::{hex, log, spans};

const TIMEOUT: Duration = Duration::from_secs(30);

/// The traces in the shared store.
fn traces(bed: &Bed<'_>) -> Vec<String> {
    stored(&bed.store("store")).1.into_keys().map(|name| name.replace(".manifest.json", "")).collect()
}

fn lost(member: &Casefile<'_>) -> u64 {
    member.metrics().sum(names::KAFKA_LOST_MESSAGES, &[])
}

#[test]
fn fault_14_what_retention_took_before_a_start_is_told_once() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "short", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    bed.produce(0..50, 1, 2);
    let member = home.start();
    bed.wait_committed("short");
    member.stop();
    bed.produce(50..150, 1, 2);
    cluster.delete_records(&bed.spans(), 0, 80);
    // Whatever comes now is not where it begins.
    let member = home.start();
    bed.wait_committed("short");
    assert_eq!(lost(&member), 30);
    let (_, said) = member.stop();
    assert!(said.contains("retention has taken messages away"), "{said}");
    assert_eq!(traces(&bed), [hex(0), hex(100)], "trace 50 is gone, and nothing after it");
    let member = home.start();
    assert_eq!(lost(&member), 0);
    member.stop();
}

#[test]
fn fault_14_what_retention_takes_from_under_a_reader_is_told() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "shorter", 2);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    bed.produce(0..50, 1, 2);
    let mut member = home.start();
    bed.wait_committed("shorter");
    let before: Vec<i64> = cluster.offsets(&bed.spans()).into_iter().map(|(_, end)| end).collect();
    member.signal("STOP");
    // Until brokers have answered what it has asked for.
    std::thread::sleep(Duration::from_millis(600));
    bed.produce(50..200, 1, 2);
    let ends: Vec<i64> = cluster.offsets(&bed.spans()).into_iter().map(|(_, end)| end).collect();
    let (first, all) = (before[0] + 20, ends[1]);
    cluster.delete_records(&bed.spans(), 0, first);
    // Of the other partition everything that is there.
    cluster.delete_records(&bed.spans(), 1, all);
    member.signal("CONT");
    let gone = u64::try_from(first - before[0] + all - before[1]).unwrap();
    member.wait("to be told", |member| lost(member) == gone);
    bed.produce(200..250, 1, 2);
    bed.wait_committed("shorter");
    assert_eq!(lost(&member), gone);
    assert!(member.stop().0.success());
    let (found, wanted) = (traces(&bed), [hex(0), hex(200)]);
    assert!(wanted.iter().all(|trace| found.contains(trace)), "{found:?}");
}

/// Puts back what the group had committed of a topic: brokers forget it with the topic, copies of a cluster do not.
fn commit_again(bed: &Bed<'_>, committed: &TopicPartitionList) {
    let consumer: BaseConsumer = bed.cluster.config().set("group.id", &bed.name).create().unwrap();
    consumer.commit(committed, CommitMode::Sync).unwrap();
}

#[test]
fn fault_15_another_topic_of_the_same_name_is_told_at_the_start() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "again", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    bed.produce(0..50, 1, 2);
    let member = home.start();
    bed.wait_committed("again");
    member.stop();
    let committed = {
        let consumer: BaseConsumer = cluster.config().set("group.id", "again").create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(&bed.spans(), 0);
        consumer.committed_offsets(list, TIMEOUT).unwrap()
    };
    cluster.delete_topic(&bed.spans());
    bed.create_topic(&bed.spans(), 1);
    // With fewer messages than were committed, and with more.
    for more in [100..110, 110..200] {
        bed.produce(more, 1, 2);
        commit_again(&bed, &committed);
        let (status, said) = home.launch().end();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("partition 0 of `again-spans` is not the one that this group has read"), "{said}");
    }
    assert_eq!(traces(&bed), [hex(0)]);
}

#[test]
fn fault_15_another_topic_of_the_same_name_is_told_to_a_reader() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "swapped", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    bed.produce(0..50, 1, 2);
    let member = home.start();
    bed.wait_committed("swapped");
    cluster.delete_topic(&bed.spans());
    bed.create_topic(&bed.spans(), 1);
    bed.produce(100..110, 1, 2);
    let (status, said) = member.end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("partition 0 of `swapped-spans` is not the one that this group has read"), "{said}");
}

/// With more messages than were read: librdkafka reads on where it was, and does not tell.
#[test]
fn fault_15_a_longer_topic_of_the_same_name_is_told_to_a_reader() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "longer", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    bed.produce(0..50, 1, 2);
    let member = home.start();
    bed.wait_committed("longer");
    member.signal("STOP");
    cluster.delete_topic(&bed.spans());
    bed.create_topic(&bed.spans(), 1);
    bed.produce(100..200, 1, 2);
    member.signal("CONT");
    let (status, said) = member.end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("partition 0 of `longer-spans` is not the one that this group has read"), "{said}");
    assert_eq!(cluster.committed("longer", &bed.spans()), [None], "nothing of the other topic's");
    assert_eq!(traces(&bed), [hex(0)]);
}

#[test]
fn fault_15_a_topic_that_is_gone_is_told_to_a_reader() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "deleted", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    bed.produce(0..50, 1, 2);
    let member = home.start();
    bed.wait_committed("deleted");
    cluster.delete_topic(&bed.spans());
    let (status, said) = member.end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("`deleted-spans` is not there any more"), "{said}");
}

#[test]
fn marks_of_transactions_keep_no_window_open() {
    let cluster = Cluster::shared();
    let bed = Bed::quick(&cluster, "transactions", 1);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let mut member = home.start();
    let mut config = cluster.config();
    config.set("transactional.id", "transactions").set("partitioner", "murmur2_random");
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    for (trace, is_whole) in [(0, true), (50, true), (100, false)] {
        producer.begin_transaction().unwrap();
        for (topic, payload) in [(bed.spans(), spans(trace, 0, 2, true)), (bed.logs(), log(trace, 0))] {
            producer.send(BaseRecord::to(&topic).key(&hex(trace)).payload(&payload)).unwrap();
        }
        producer.flush(TIMEOUT).unwrap();
        if is_whole { producer.commit_transaction(TIMEOUT) } else { producer.abort_transaction(TIMEOUT) }.unwrap();
    }
    // Of each topic: two messages and their marks, one that was given up and its mark.
    member.wait("the last mark", |_| cluster.offsets(&bed.spans()) == [(0, 6)]);
    bed.wait_committed("transactions");
    assert_eq!(traces(&bed), [hex(0), hex(50)]);
    bed.produce(150..200, 1, 2);
    bed.wait_committed("transactions");
    assert!(member.stop().0.success());
    bed.assert_as_undisturbed(3, 3);
}
