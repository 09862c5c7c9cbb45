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

/// A client at a listener, with the settings that `receivers.kafka` would give it.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    cluster: &'a Cluster,
    listener: Listener,
    tls: Option<&'a KafkaTls>,
    sasl: Option<(SaslMechanism, &'a str)>,
}

impl Attempt<'_> {
    /// Asks for the brokers until they answer, or an error comes that is one of `ends`: the client tries again after any.
    #[track_caller]
    fn run(self, ends: &[RDKafkaErrorCode]) -> Result<(), KafkaError> {
        let auth = KafkaAuth {
            sasl: self.sasl.map(|(mechanism, password)| KafkaSasl {
                mechanism,
                username: USER.to_owned(),
                password: Secret::new(password),
            }),
        };
        let brokers = self.cluster.addresses(self.listener);
        let metadata = KafkaMetadata::default();
        let connection = KafkaConnection {
            brokers: &brokers,
            client_id: "casefile",
            tls: self.tls,
            auth: &auth,
            metadata: &metadata,
        };
        let mut config = ClientConfig::new();
        config.extend(connection.properties().into_iter().map(|(name, value)| (name.to_owned(), value)));
        config.set("group.id", "attempt").set_log_level(RDKafkaLogLevel::Emerg);
        let consumer: BaseConsumer = config.create()?;
        let mut errors = Vec::new();
        for _ in 0..60 {
            if consumer.fetch_metadata(None, Duration::from_millis(500)).is_ok() {
                return Ok(());
            }
            while let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                if error.rdkafka_error_code().is_some_and(|code| ends.contains(&code)) {
                    return Err(error);
                }
                errors.push(error);
            }
        }
        panic!("no answer, and none of {ends:?}: {errors:?}");
    }

    #[track_caller]
    fn is_let_in(self) {
        self.run(&[]).unwrap();
    }

    /// That no broker lets the client in, or that it does not trust them, and that it hears one of these reasons.
    #[track_caller]
    fn is_refused(self, reasons: &[RDKafkaErrorCode]) {
        assert!(self.run(reasons).is_err(), "let in");
    }
}

const MECHANISMS: [SaslMechanism; 3] = [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];

#[test]
fn every_mechanism_lets_in_who_knows_the_password() {
    let cluster = Cluster::shared();
    let without = Attempt { cluster: &cluster, listener: Listener::SaslPlaintext, tls: None, sasl: None };
    for mechanism in MECHANISMS {
        Attempt { sasl: Some((mechanism, PASSWORD)), ..without }.is_let_in();
        Attempt { sasl: Some((mechanism, "guessed")), ..without }.is_refused(&[RDKafkaErrorCode::Authentication]);
    }
    without.is_refused(&[RDKafkaErrorCode::AllBrokersDown]);
}

#[test]
fn tls_takes_brokers_of_a_known_authority_only() {
    let cluster = Cluster::shared();
    let folder = tempfile::tempdir().unwrap();
    let known = folder.path().join("known.pem");
    fs::write(&known, cluster.authority().certificate()).unwrap();
    let file = KafkaTls { ca_file: Some(known.display().to_string()), ..KafkaTls::default() };
    let text = KafkaTls { ca_pem: Some(Secret::new(cluster.authority().certificate())), ..KafkaTls::default() };
    let plain = Attempt { cluster: &cluster, listener: Listener::Ssl, tls: None, sasl: None };
    let sasl = Attempt { listener: Listener::SaslSsl, ..plain };
    for tls in [&file, &text] {
        Attempt { tls: Some(tls), ..plain }.is_let_in();
        for mechanism in MECHANISMS {
            Attempt { tls: Some(tls), sasl: Some((mechanism, PASSWORD)), ..sasl }.is_let_in();
        }
    }
    Attempt { tls: Some(&text), sasl: Some((SaslMechanism::ScramSha512, "guessed")), ..sasl }
        .is_refused(&[RDKafkaErrorCode::Authentication]);

    let stranger = KafkaTls { ca_pem: Some(Secret::new(Authority::new().certificate())), ..KafkaTls::default() };
    for tls in [&stranger, &KafkaTls::default()] {
        Attempt { tls: Some(tls), ..plain }.is_refused(&[RDKafkaErrorCode::SSL]);
    }
    let blind = KafkaTls { insecure_skip_verify: true, ..KafkaTls::default() };
    Attempt { tls: Some(&blind), ..plain }.is_let_in();
}

/// A listener that asks for a client's certificate takes none of another authority.
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
    let without = Attempt { cluster: &cluster, listener: Listener::Mutual, tls: None, sasl: None };
    Attempt { tls: Some(&tls(cluster.authority())), ..without }.is_let_in();
    // The client's part of the handshake is over before: it may see no more than an end of the connection.
    Attempt { tls: Some(&tls(&Authority::new())), ..without }.is_refused(&[
        RDKafkaErrorCode::SSL,
        RDKafkaErrorCode::BrokerTransportFailure,
        RDKafkaErrorCode::AllBrokersDown,
    ]);
}
