//! The process of one broker.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Authority, Listener, Options, PASSWORD, USER};
use crate::support::ports::free_port;

/// Any 16 bytes in base64 that tell one cluster from another.
const CLUSTER_ID: &str = "Y2FzZWZpbGUtdGVzdHM0MQ";

/// What all brokers of tests share: little threads, memory and patience.
const SHARED: &str = "\
process.roles=broker
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=3
num.replica.fetchers=1
num.recovery.threads.per.data.dir=1
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576
log.initial.task.delay.ms=500
log.retention.ms=-1
log.retention.check.interval.ms=500
file.delete.delay.ms=1000
log.segment.delete.delay.ms=1000
message.max.bytes=100000000
replica.fetch.max.bytes=100000000
offsets.topic.num.partitions=3
offsets.topic.segment.bytes=1048576
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
group.consumer.min.session.timeout.ms=100
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
group.consumer.session.timeout.ms=6000
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=3000
controlled.shutdown.enable=true
";

/// One broker: its folder, its ports and, while it runs, its process.
pub(super) struct Broker {
    id: usize,
    folder: PathBuf,
    /// By listener, in the order of [`Listener::ALL`], as far as they are there.
    ports: Vec<u16>,
    child: Option<Child>,
}

impl Listener {
    const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::Ssl => "SSL",
            Self::Mutual => "MUTUAL",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    const fn protocol(self) -> &'static str {
        match self {
            Self::Mutual => "SSL",
            other => other.name(),
        }
    }
}

impl Broker {
    /// The brokers of a cluster, each with its configuration under `folder`. None runs yet.
    pub(super) fn lay_out(folder: &Path, options: &Options, authority: &Authority) -> Vec<Self> {
        let count = options.brokers;
        let listeners = if options.secured { Listener::ALL.as_slice() } else { &Listener::ALL[..1] };
        let mut ports = std::iter::repeat_with(free_port);
        // An even number of voters bears no more losses than the odd number before it.
        let voters: Vec<(usize, u16)> = (1..).zip(ports.by_ref().take(count - (count + 1) % 2)).collect();
        let quorum: Vec<_> = voters.iter().map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
        (1..=count)
            .map(|id| {
                let ports: Vec<u16> = ports.by_ref().take(listeners.len()).collect();
                let controller = voters.iter().find(|(voter, _)| *voter == id).map(|(_, port)| *port);
                let folder = folder.join(format!("broker-{id}"));
                fs::create_dir(&folder).unwrap();
                let broker = Self { id, folder, ports, child: None };
                let mut properties = broker.properties(listeners, controller, count);
                writeln!(properties, "controller.quorum.voters={}", quorum.join(",")).unwrap();
                if options.secured {
                    properties.push_str(&broker.security(authority));
                }
                for (name, value) in &options.properties {
                    writeln!(properties, "{name}={value}").unwrap();
                }
                fs::write(broker.folder.join("broker.properties"), properties).unwrap();
                broker
            })
            .collect()
    }

    fn properties(&self, listeners: &[Listener], controller: Option<u16>, count: usize) -> String {
        let mut properties = SHARED.to_owned();
        let mut endpoints: Vec<_> =
            listeners.iter().map(|listener| format!("{}://{}", listener.name(), self.address(*listener))).collect();
        let mut protocols: Vec<_> =
            listeners.iter().map(|listener| format!("{}:{}", listener.name(), listener.protocol())).collect();
        protocols.push("CONTROLLER:PLAINTEXT".to_owned());
        writeln!(properties, "advertised.listeners={}", endpoints.join(",")).unwrap();
        if let Some(port) = controller {
            endpoints.push(format!("CONTROLLER://127.0.0.1:{port}"));
            writeln!(properties, "process.roles=broker,controller").unwrap();
        }
        writeln!(properties, "listeners={}", endpoints.join(",")).unwrap();
        writeln!(properties, "listener.security.protocol.map={}", protocols.join(",")).unwrap();
        writeln!(properties, "node.id={}", self.id).unwrap();
        writeln!(properties, "log.dirs={}", self.folder.join("data").display()).unwrap();
        let replicas = count.min(3);
        for topic in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
            writeln!(properties, "{topic}.replication.factor={replicas}").unwrap();
        }
        for topic in ["transaction.state.log", "share.coordinator.state.topic"] {
            writeln!(properties, "{topic}.min.isr=1").unwrap();
        }
        properties
    }

    fn security(&self, authority: &Authority) -> String {
        let pair = authority.sign("127.0.0.1");
        let (own, known) = (self.folder.join("own.pem"), self.folder.join("known.pem"));
        fs::write(&own, pair.key + &pair.certificate).unwrap();
        fs::write(&known, authority.certificate()).unwrap();
        let mut properties = format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={}\nssl.truststore.type=PEM\nssl.truststore.location={}\n\
             listener.name.mutual.ssl.client.auth=required\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n",
            own.display(),
            known.display(),
        );
        for listener in ["sasl_plaintext", "sasl_ssl"] {
            let module = "sasl.jaas.config=org.apache.kafka.common.security";
            writeln!(
                properties,
                "listener.name.{listener}.plain.{module}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
                 listener.name.{listener}.scram-sha-256.{module}.scram.ScramLoginModule required;\n\
                 listener.name.{listener}.scram-sha-512.{module}.scram.ScramLoginModule required;"
            )
            .unwrap();
        }
        properties
    }

    /// Where the broker listens.
    pub(super) fn address(&self, listener: Listener) -> String {
        let place = Listener::ALL.iter().position(|each| *each == listener).unwrap();
        let port = self.ports.get(place).unwrap_or_else(|| panic!("no {} without Options::secured", listener.name()));
        format!("127.0.0.1:{port}")
    }

    /// Starts the process. It serves some seconds later.
    pub(super) fn start(&mut self) {
        assert!(self.child.is_none(), "broker {} runs", self.id);
        let kafka = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/kafka");
        assert!(
            kafka.join("classes").exists(),
            "no {}: run `tests/setup`, which installs what the tests need",
            kafka.display()
        );
        let said = fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = Command::new("java");
        command
            .args(["-Xmx512m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"])
            .args(["-XX:-UsePerfData", "-Dorg.apache.logging.log4j.level=WARN", "-cp"])
            .arg(format!("{0}/classes:{0}/lib/*", kafka.display()))
            .arg("Broker")
            .arg(self.folder.parent().unwrap())
            .arg(self.folder.join("broker.properties"))
            .args(["--cluster-id", CLUSTER_ID]);
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            command.arg("--add-scram").arg(format!("{mechanism}=[name={USER},password={PASSWORD}]"));
        }
        let child = command
            .current_dir(&self.folder)
            // An interrupt at the terminal is the test's.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap_or_else(|error| panic!("java does not start: {error}"));
        self.child = Some(child);
    }

    /// Whether it was started and not ended again.
    pub(super) const fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// What it said, where the process ended by itself.
    pub(super) fn check(&mut self) -> Result<(), String> {
        match self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
            None => Ok(()),
            Some(status) => Err(format!("broker {} ended: {status}\n{}", self.id, self.log())),
        }
    }

    /// The end of what it said.
    pub(super) fn log(&self) -> String {
        let said = fs::read(self.folder.join("log")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Sends the process a signal, by the name that `kill` knows.
    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Ends the process at once.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Ends the process in order.
    pub(super) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
