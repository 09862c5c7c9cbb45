//! `casefile doctor` against a real broker.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bed::{Bed, Member};
use crate::kafka::{Cluster, Listener, Options, PASSWORD, Record, USER, tools};
use crate::support::casefile::{self, Home};
use crate::traffic::{hex, spans};

/// What it finds, and whether it ended well.
fn doctor(bed: &Bed<'_>, member: &Member<'_>) -> (Vec<(String, String, String)>, bool) {
    doctor_of(&bed.home(member), bed.folder.path())
}

fn doctor_of(home: &Home, folder: &Path) -> (Vec<(String, String, String)>, bool) {
    let mut command = casefile::command(folder);
    let output = command.arg("--config").arg(home.config()).args(["doctor", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = found["findings"].as_array().unwrap().iter();
    let findings =
        findings.map(|finding| (text(finding, "subject"), text(finding, "state"), text(finding, "detail"))).collect();
    (findings, output.status.success())
}

/// The states and details of what it finds of a subject.
fn of<'f>(findings: &'f [(String, String, String)], subject: &str) -> Vec<(&'f str, &'f str)> {
    let of_subject = findings.iter().filter(|(other, _, _)| other == subject);
    of_subject.map(|(_, state, detail)| (state.as_str(), detail.as_str())).collect()
}

#[test]
fn doctor_finds_a_sound_set_up_sound_and_joins_no_group() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "sound", 2);
    bed.produce(0..20, 1, 2);
    let (findings, ended_well) = doctor(&bed, &Member { name: "one", ..Member::default() });
    assert!(ended_well, "{findings:#?}");
    assert_eq!(of(&findings, "kafka: topic sound-spans"), [("ok", "2 partitions")]);
    let messages = of(&findings, "kafka: messages of sound-logs");
    assert_eq!(messages, [("ok", "10 looked at: readable, and where their traces belong")]);
    let group = of(&findings, "kafka: group sound");
    assert!(group[0].1.starts_with("has committed nothing"), "{group:?}");
    assert!(of(&findings, "bundle")[0].1.ends_with("can be written, read and removed from"), "{findings:#?}");
    assert_eq!(cluster.committed("sound", "sound-spans"), [None, None]);
}

#[test]
fn doctor_names_messages_without_keys_and_of_another_encoding() {
    let cluster = Cluster::shared();
    // In one partition every message is where its trace belongs.
    let bed = Bed::new(&cluster, "unsound", 12);
    let (topic, other) = (bed.spans(), bed.logs());
    let key = hex(1);
    for record in [
        // One that none of the usual hashes gives the trace.
        Record { topic: &topic, partition: Some(1), payload: Some(&spans(1, 0, 1, false)), ..Record::default() },
        Record { topic: &topic, payload: Some(&spans(2, 0, 1, false)), key: Some(key.as_bytes()), ..Record::default() },
        Record { topic: &other, payload: Some(b"plain text"), key: Some(key.as_bytes()), ..Record::default() },
    ] {
        cluster.produce(&record);
    }
    let (findings, ended_well) = doctor(&bed, &Member { name: "one", ..Member::default() });
    assert!(!ended_well);
    let spans = of(&findings, "kafka: messages of unsound-spans");
    assert!(spans.iter().all(|(state, _)| *state == "broken"), "{spans:?}");
    assert!(spans.iter().any(|(_, detail)| detail.starts_with("1 of 2: have no key")), "{spans:?}");
    assert!(
        spans.iter().any(|(_, detail)| detail.starts_with("1 of 2: have a key that is not their trace id")),
        "{spans:?}"
    );
    let logs = of(&findings, "kafka: messages of unsound-logs");
    assert!(logs[0].1.contains("cannot be read") && logs[0].1.ends_with("check `encoding`"), "{logs:?}");
}

#[test]
fn doctor_says_that_a_topic_is_missing() {
    let cluster = Cluster::shared();
    let bed = Bed::new(&cluster, "missing", 1);
    let member = Member { name: "one", kafka: ", metrics: {topics: [nowhere]}", ..Member::default() };
    let home = bed.home(&member);
    let config = std::fs::read_to_string(home.config()).unwrap();
    std::fs::write(home.config(), config.replace("metrics: {receivers: [otlp]", "metrics: {receivers: [otlp, kafka]"))
        .unwrap();
    let output =
        casefile::command(bed.folder.path()).arg("--config").arg(home.config()).arg("doctor").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("BROKEN   kafka: topics: there is no topic `nowhere`"), "{said}");
}

/// Lets the user of the listeners with a login do something with topics.
fn allow(cluster: &Cluster, folder: &Path, operation: &str, topics: &[&str]) {
    let mut command = Command::new(folder.join("kafka-acls.sh"));
    command.args(["--bootstrap-server", &cluster.bootstrap(), "--add", "--operation", operation]);
    command.args(["--allow-principal", &format!("User:{USER}")]);
    for topic in topics {
        command.args(["--topic", topic]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Scenario: a cluster with rights. A gateway may see its topics, and write to that of spans; a receiver's dead letters have a topic that it may
/// not write to. Guarantee: each is told, with the right that is missing, and not a message is written to find out.
#[test]
fn doctor_says_where_a_gateway_or_dead_letters_may_not_be_written_and_writes_nothing() {
    let cluster = Cluster::with(&Options {
        secured: true,
        properties: vec![
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned()),
            ("super.users", "User:ANONYMOUS".to_owned()),
        ],
        ..Options::default()
    });
    let bed = Bed::new(&cluster, "rights", 3);
    let (spans, logs, letters) = (bed.spans(), bed.logs(), "rights-letters");
    bed.create_topic(letters, 3);
    bed.create_topic("rights-metrics", 3);
    tools::install(bed.folder.path());

    let login = format!("auth: {{sasl: {{mechanism: PLAIN, username: {USER}, password: {PASSWORD}}}}}");
    let brokers = cluster.addresses(Listener::SaslPlaintext).join(",");
    let folder = bed.folder.path().join("gateway");
    std::fs::create_dir(&folder).unwrap();
    let gateway = Home::gateway(
        &folder,
        &format!(
            "{{brokers: ['{brokers}'], {login}, traces: {{topic: {spans}}}, logs: {{topic: {logs}}}, metrics: {{topic: rights-metrics}}}}"
        ),
    );
    let (findings, ended_well) = doctor_of(&gateway, &folder);
    assert!(!ended_well && of(&findings, "kafka: topics")[0].0 == "broken", "{findings:#?}");

    allow(&cluster, bed.folder.path(), "Describe", &[&spans, &logs, "rights-metrics", letters]);
    allow(&cluster, bed.folder.path(), "Write", &[&spans, "rights-metrics"]);
    let (findings, ended_well) = doctor_of(&gateway, &folder);
    assert!(!ended_well);
    assert_eq!(of(&findings, "kafka: topics"), [("ok", "3 partitions each")], "{findings:#?}");
    assert_eq!(of(&findings, &format!("kafka: writing to {spans}")), [("ok", "may be written to")]);
    let refused = [("broken", "may not be written to: this client needs `Write` on it")];
    assert_eq!(of(&findings, &format!("kafka: writing to {logs}")), refused);

    let home = bed.home(&Member {
        name: "one",
        kafka: &format!(", {login}, dead_letter: {{topic: {letters}}}"),
        ..Member::default()
    });
    let config = std::fs::read_to_string(home.config()).unwrap();
    std::fs::write(home.config(), config.replace(&cluster.bootstrap(), &brokers)).unwrap();
    let (findings, _) = doctor_of(&home, bed.folder.path());
    assert_eq!(of(&findings, &format!("kafka: writing to {letters}")), refused, "{findings:#?}");

    allow(&cluster, bed.folder.path(), "Write", &[&logs, letters]);
    let (findings, ended_well) = doctor_of(&gateway, &folder);
    assert!(ended_well, "{findings:#?}");
    for topic in [spans.as_str(), &logs, letters, "rights-metrics"] {
        assert_eq!(cluster.read(topic), [], "{topic} is as it was");
    }
}
