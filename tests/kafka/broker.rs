//! What the other tests stand on: brokers start, keep records over an end and a start, and let in only who may.

use std::fs;
use std::time::Duration;

use casefile::config::{KafkaAuth, KafkaConnection, KafkaMetadata, KafkaSasl, KafkaTls, SaslMechanism, Secret};
use rdkafka::Timestamp;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::kafka::{Authority, Cluster, Listener, PASSWORD, Record, USER};

#[test]
fn a_record_goes_in_and_comes_out_as_it_was() {
    let cluster = Cluster::shared();
    cluster.create_topic("in-and-out", 3, &[]);
    let record = Record {
        topic: "in-and-out",
        partition: Some(2),
        key: Some(b"key"),
        payload: Some(b"payload"),
        headers: &[("traceparent", b"00-1-2-01")],
        timestamp: Some(1_751_371_380_000),
    };
    assert_eq!(cluster.produce(&record), (2, 0));
    assert_eq!(cluster.produce(&Record { payload: None, ..record }), (2, 1));
    assert_eq!(cluster.offsets("in-and-out"), [(0, 0), (0, 0), (0, 2)]);

    let stored = cluster.read("in-and-out");
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0].key.as_deref(), Some(b"key".as_slice()));
    assert_eq!(stored[0].payload.as_deref(), Some(b"payload".as_slice()));
    assert_eq!(stored[0].headers, [("traceparent".to_owned(), Some(b"00-1-2-01".to_vec()))]);
    assert_eq!(stored[0].timestamp, Timestamp::CreateTime(1_751_371_380_000));
    assert_eq!(stored[1].payload, None);

    cluster.delete_records("in-and-out", 2, 1);
    assert_eq!(cluster.offsets("in-and-out"), [(0, 0), (0, 0), (1, 2)]);
    cluster.delete_topic("in-and-out");
}

#[test]
fn a_topic_may_take_the_brokers_time() {
    let cluster = Cluster::shared();
    cluster.create_topic("append-time", 1, &[("message.timestamp.type", "LogAppendTime")]);
    cluster.produce(&Record { topic: "append-time", timestamp: Some(1_751_371_380_000), ..Record::default() });
    let stored = cluster.read("append-time");
    assert!(matches!(stored[0].timestamp, Timestamp::LogAppendTime(at) if at > 1_751_371_380_000), "{stored:?}");
}

#[test]
fn what_a_group_committed_can_be_asked_for() {
    let cluster = Cluster::shared();
    cluster.create_topic("commits", 2, &[]);
    assert_eq!(cluster.committed("commits", "commits"), [None, None]);
    let consumer: BaseConsumer = cluster.config().set("group.id", "commits").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("commits", 1, Offset::Offset(7)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
    assert_eq!(cluster.committed("commits", "commits"), [None, Some(7)]);
}

/// Scenario: the leader is killed, a follower stopped, each started again. Guarantees: no record that was acknowledged is gone.
#[test]
fn brokers_end_and_start_again_with_their_data() {
    let cluster = Cluster::start(3);
    cluster.create_topic("kept", 3, &[]);
    let records = |count: u8| {
        for value in 0..count {
            cluster.produce(&Record {
                topic: "kept",
                key: Some(&[value]),
                payload: Some(&[value]),
                ..Record::default()
            });
        }
    };
    records(10);
    cluster.kill_broker(0);
    records(10);
    cluster.start_broker(0);
    cluster.stop_broker(1);
    records(10);
    cluster.start_broker(1);
    assert_eq!(cluster.read("kept").len(), 30);
}

/// Logs in at a listener with what `receivers.kafka` would, and asks for the topics.
fn reach(
    cluster: &Cluster,
    listener: Listener,
    tls: Option<&KafkaTls>,
    sasl: Option<(SaslMechanism, &str)>,
) -> Result<(), KafkaError> {
    let auth = KafkaAuth {
        sasl: sasl.map(|(mechanism, password)| KafkaSasl {
            mechanism,
            username: USER.to_owned(),
            password: Secret::new(password),
        }),
    };
    let brokers = cluster.addresses(listener);
    let metadata = KafkaMetadata::default();
    let connection =
        KafkaConnection { brokers: &brokers, client_id: "casefile", tls, auth: &auth, metadata: &metadata };
    let mut config = ClientConfig::new();
    config.extend(connection.properties().into_iter().map(|(name, value)| (name.to_owned(), value)));
    let consumer: BaseConsumer = config.set("group.id", "reach").set_log_level(RDKafkaLogLevel::Emerg).create()?;
    for _ in 0..60 {
        if consumer.fetch_metadata(None, Duration::from_millis(500)).is_ok() {
            return Ok(());
        }
        // Why not, which the client goes on after.
        if let Some(Err(error)) = consumer.poll(Duration::ZERO) {
            return Err(error);
        }
    }
    panic!("neither let in nor refused");
}

/// That the client was not let in, or did not go in, for this reason.
#[track_caller]
fn refused(reached: Result<(), KafkaError>, reason: RDKafkaErrorCode) {
    let error = reached.expect_err("let in");
    assert_eq!(error.rdkafka_error_code(), Some(reason), "{error:?}");
}

const MECHANISMS: [SaslMechanism; 3] = [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];

#[test]
fn every_mechanism_lets_in_who_knows_the_password() {
    let cluster = Cluster::shared();
    for mechanism in MECHANISMS {
        reach(&cluster, Listener::SaslPlaintext, None, Some((mechanism, PASSWORD))).unwrap();
        refused(
            reach(&cluster, Listener::SaslPlaintext, None, Some((mechanism, "guessed"))),
            RDKafkaErrorCode::Authentication,
        );
    }
    refused(reach(&cluster, Listener::SaslPlaintext, None, None), RDKafkaErrorCode::AllBrokersDown);
}

#[test]
fn tls_takes_brokers_of_a_known_authority_only() {
    let cluster = Cluster::shared();
    let folder = tempfile::tempdir().unwrap();
    let known = folder.path().join("known.pem");
    fs::write(&known, cluster.authority().certificate()).unwrap();
    let file = KafkaTls { ca_file: Some(known.display().to_string()), ..KafkaTls::default() };
    let text = KafkaTls { ca_pem: Some(Secret::new(cluster.authority().certificate())), ..KafkaTls::default() };
    for tls in [&file, &text] {
        reach(&cluster, Listener::Ssl, Some(tls), None).unwrap();
        for mechanism in MECHANISMS {
            reach(&cluster, Listener::SaslSsl, Some(tls), Some((mechanism, PASSWORD))).unwrap();
        }
    }
    refused(
        reach(&cluster, Listener::SaslSsl, Some(&text), Some((SaslMechanism::ScramSha512, "guessed"))),
        RDKafkaErrorCode::Authentication,
    );

    let stranger = KafkaTls { ca_pem: Some(Secret::new(Authority::new().certificate())), ..KafkaTls::default() };
    refused(reach(&cluster, Listener::Ssl, Some(&stranger), None), RDKafkaErrorCode::SSL);
    refused(reach(&cluster, Listener::Ssl, Some(&KafkaTls::default()), None), RDKafkaErrorCode::SSL);
    let blind = KafkaTls { insecure_skip_verify: true, ..KafkaTls::default() };
    reach(&cluster, Listener::Ssl, Some(&blind), None).unwrap();
}

/// input-51: a listener that asks for a client's certificate takes none of another authority.
#[test]
fn a_client_shows_a_certificate_of_the_brokers_authority() {
    let cluster = Cluster::shared();
    let tls = |authority: &Authority| {
        let pair = authority.sign("client");
        KafkaTls {
            ca_pem: Some(Secret::new(cluster.authority().certificate())),
            cert_pem: Some(Secret::new(pair.certificate)),
            key_pem: Some(Secret::new(pair.key)),
            ..KafkaTls::default()
        }
    };
    reach(&cluster, Listener::Mutual, Some(&tls(cluster.authority())), None).unwrap();
    let error = reach(&cluster, Listener::Mutual, Some(&tls(&Authority::new())), None).expect_err("let in");
    // The client's part of the handshake is over before: it may see no more than an end of the connection.
    let reasons = [RDKafkaErrorCode::SSL, RDKafkaErrorCode::BrokerTransportFailure, RDKafkaErrorCode::AllBrokersDown];
    assert!(error.rdkafka_error_code().is_some_and(|code| reasons.contains(&code)), "{error:?}");
}
