//! Lanes against a real broker: what goes in comes out, and whatever happens to its readers comes out the same.

use crate::bed::{Bed, Member, fails, stored};
use crate::kafka::Cluster;
use crate::support::casefile::{self, Casefile, Home};
use crate::traffic::hex;

#[test]
fn what_failed_on_the_topics_becomes_bundles_and_offsets_follow() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "plain", 3);
    bed.produce(0..200, 2, 3);
    let home = bed.home(&Member { name: "one", ..Member::default() });
    let mut member = home.start();
    bed.wait_committed("plain");
    let totals = member.settled();
    // Four traces, with three spans and one log record in each of two pieces.
    assert_eq!((totals.accepted, totals.bundled, totals.not_sampled, totals.dropped), (1600, 32, 1568, 0));
    let (documents, listed) = stored(&bed.store("store"));
    assert_eq!(documents.len(), 4);
    let names: Vec<String> = [0, 50, 100, 150].map(|trace| format!("{}.manifest.json", hex(trace))).into();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), names.into_iter().map(|name| (name, 8)).collect::<Vec<_>>());
    assert_eq!(member.metrics().sum(::casefile::telemetry::names::KAFKA_MISROUTED_MESSAGES, &[]), 0);
    let (status, _) = member.stop();
    assert!(status.success());
}

/// fault-1, fault-9: members are killed and started again and again while traces come; the objects are those of one member that
/// nobody disturbed.
#[test]
fn members_that_are_killed_and_join_leave_the_same_objects() {
    // Four messages of spans a trace, five spans each: twenty spans a trace. So few traces at once that each is there whole within
    // `decision_wait`.
    const EACH: u32 = 1000;
    let cluster = Cluster::shared();
    let asked = std::env::var("CASEFILE_KAFKA_TRACES").ok().map(|count| count.parse::<u32>().unwrap());
    // At full size brokers and producer share the machine with three members: what takes a moment of ten thousand may take seconds then.
    let windows = if asked.is_some() { ["15s", "30s"] } else { ["2s", "6s"] };
    let bed = Bed::with(&cluster, "chaos", 6, windows);
    let traces = asked.unwrap_or(10_000);
    let homes: Vec<Home> =
        ["a", "b", "c"].map(|name| bed.home(&Member { name, ..Member::default() })).into_iter().collect();
    let mut members: Vec<Option<Casefile<'_>>> = homes.iter().map(|home| Some(home.start())).collect();
    let rounds = traces.div_ceil(EACH);
    for round in 0..rounds {
        bed.produce(round * EACH..(round + 1) * EACH, 4, 5);
        // Ten changes, however many come.
        if round % rounds.div_ceil(10) > 0 {
            continue;
        }
        let which = (round / rounds.div_ceil(10) % 3) as usize;
        match members[which].take() {
            Some(member) => member.kill(),
            None => members[which] = Some(homes[which].start()),
        }
    }
    for (member, home) in members.iter_mut().zip(&homes) {
        member.get_or_insert_with(|| home.start());
    }
    bed.wait_committed("chaos");
    drop(members);

    let failing = (0..rounds * EACH).filter(|trace| fails(*trace)).count();
    bed.assert_as_undisturbed(failing, 24);
}

#[test]
fn fault_13_topics_of_different_partition_counts_are_refused_at_start() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "unequal", 2);
    cluster.create_topic("unequal-other", 3, &[]);
    let home = bed.home(&Member { name: "one", kafka: ", metrics: {topics: [unequal-other]}", ..Member::default() });
    home.edit("metrics: {receivers: [otlp]", "metrics: {receivers: [kafka]");
    let output = casefile::command(bed.folder.path()).arg("--config").arg(home.config()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`unequal-spans` has 2 partitions and `unequal-other` has 3"), "{said}");
}
