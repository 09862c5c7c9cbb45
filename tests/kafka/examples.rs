//! The examples in `deploy/` and the commands of `deploy/kafka/README.md`, run as they stand there: only addresses are this machine's.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::collector::{TRACES, request, trace_id};
use crate::kafka::{Cluster, Record, tools};
use crate::support::casefile::{self, Casefile, Home, Settings};
use crate::support::collector::Collector;
use crate::support::store;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// An example of `deploy/` with what is given in place of its addresses.
fn example(name: &str, changes: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(root().join("deploy").join(name)).unwrap();
    for (there, here) in changes {
        assert!(text.contains(there), "{name} has no {there}");
        text = text.replace(there, here);
    }
    text
}

/// Has a Collector take logs and spans of [`TRACES`] traces, the first of which is number `first`: four of each for every trace,
/// of two services. One trace in `nth` fails.
fn send(collector: &Collector, first: u32, nth: u32) {
    let logs = request("resourceLogs", "scopeLogs", "logRecords", |trace, scope| {
        json!({
            "traceId": trace_id(first + trace), "timeUnixNano": format!("175137138000000000{scope}"), "severityNumber": 9,
            "body": {"stringValue": format!("step {scope}")},
        })
    });
    let spans = request("resourceSpans", "scopeSpans", "spans", |trace, scope| {
        let failed = scope == 3 && trace.is_multiple_of(nth);
        json!({
            "traceId": trace_id(first + trace), "spanId": format!("{:016x}", trace * 4 + u32::from(scope) + 1), "name": "GET /pay",
            "startTimeUnixNano": "1751371380000000000", "endTimeUnixNano": "1751371380012000000",
            "status": {"code": if failed { 2 } else { 0 }},
        })
    });
    collector.send("logs", &logs);
    collector.send("traces", &spans);
}

/// The traces of [`send`] that fail.
fn failed(first: u32, nth: u32) -> BTreeSet<String> {
    (0..TRACES).filter(|trace| trace.is_multiple_of(nth)).map(|trace| trace_id(first + trace)).collect()
}

/// The traces that have a bundle in this folder, each of which must be whole.
fn whole(folder: &Path) -> BTreeSet<String> {
    let traces = store::bundles(folder).into_iter().map(|path| {
        let bundle = store::json(&path);
        let trace = bundle["trace"]["trace_id"].as_str().unwrap().to_owned();
        assert_eq!((&bundle["trace"]["span_count"], &bundle["logs"]["total"]), (&json!(4), &json!(4)), "{trace}");
        trace
    });
    traces.collect()
}

/// Waits for so many bundles.
fn wait(casefile: &mut Casefile<'_>, folders: &[PathBuf], count: usize) {
    casefile.wait(&format!("{count} bundles"), |_| {
        folders.iter().map(|folder| store::manifests(folder).len()).sum::<usize>() == count
    });
}

/// What comes in pieces is decided when all of them are there.
fn patient() -> Settings {
    Settings { max_bundles: Some(0), decision_wait: "5s", retention: "15s", ..Settings::default() }
}

#[test]
fn a_collector_sends_to_a_casefile_as_in_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &patient());
    let mut casefile = home.start();
    let here = format!("127.0.0.1:{}", home.grpc);
    let collector = Collector::start(&example("collector/otlp.yaml", &[("casefile:4317", &here)]));
    send(&collector, 0, 6);
    wait(&mut casefile, &[home.store()], failed(0, 6).len());
    assert_eq!(whole(&home.store()), failed(0, 6));
    collector.stop();
}

/// Scenario: what `casefile snippet collector` prints is laid over a Collector's own configuration.
#[test]
fn a_collector_sends_to_a_casefile_with_what_the_program_prints_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &patient());
    let mut casefile = home.start();
    let here = format!("127.0.0.1:{}", home.grpc);
    let printed = casefile::run(folder.path(), &["snippet", "collector", "--endpoint", &here]).stdout;
    let collector = Collector::start(&String::from_utf8(printed).unwrap());
    send(&collector, 0, 6);
    wait(&mut casefile, &[home.store()], failed(0, 6).len());
    assert_eq!(whole(&home.store()), failed(0, 6));
    collector.stop();
}

/// Guarantees: Casefile and the backend each get all of it. Here both are Casefiles.
#[test]
fn a_gateway_collector_serves_a_casefile_and_a_backend_as_in_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| {
        fs::create_dir(folder.path().join(name)).unwrap();
        Home::new(&folder.path().join(name), &patient())
    });
    let (mut first, mut second) = (one.start(), other.start());
    let [casefile, backend] = [&one, &other].map(|home| format!("127.0.0.1:{}", home.grpc));
    let changes = [("casefile:4317", casefile.as_str()), ("backend:4317", &backend)];
    let collector = Collector::start(&example("collector/gateway.yaml", &changes));
    send(&collector, 0, 6);
    wait(&mut first, &[one.store()], failed(0, 6).len());
    wait(&mut second, &[other.store()], failed(0, 6).len());
    assert_eq!(whole(&one.store()), failed(0, 6));
    assert_eq!(whole(&other.store()), failed(0, 6));
    collector.stop();
}

/// Guarantees: spans and logs of a trace arrive at the same replica, and each replica gets some.
#[test]
fn a_collector_sends_each_trace_to_one_of_two_casefiles_as_in_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| {
        fs::create_dir(folder.path().join(name)).unwrap();
        Home::new(&folder.path().join(name), &patient())
    });
    let (mut first, _second) = (one.start(), other.start());
    let here = [&one, &other].map(|home| format!("127.0.0.1:{}", home.grpc));
    let changes = [("casefile-0.casefile:4317", here[0].as_str()), ("casefile-1.casefile:4317", &here[1])];
    let text = example("collector/loadbalancing.yaml", &changes);
    // So the program prints it, too.
    let arguments = ["snippet", "collector", "--endpoint", &here[0], "--endpoint", &here[1]];
    assert_eq!(text, String::from_utf8(casefile::run(folder.path(), &arguments).stdout).unwrap());
    let collector = Collector::start(&text);
    send(&collector, 0, 1);
    wait(&mut first, &[one.store(), other.store()], failed(0, 1).len());
    let (of_one, of_other) = (whole(&one.store()), whole(&other.store()));
    assert!(!of_one.is_empty() && !of_other.is_empty(), "{of_one:?} {of_other:?}");
    assert_eq!(&of_one | &of_other, failed(0, 1));
    collector.stop();
}

/// Where somebody follows `deploy/kafka/README.md`.
struct Place<'c> {
    cluster: &'c Cluster,
    folder: tempfile::TempDir,
}

impl<'c> Place<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let place = Self { cluster, folder: tempfile::tempdir().unwrap() };
        tools::install(place.folder.path());
        place
    }

    /// Has what the examples take from the environment.
    fn with_environment(&self, mut command: Command) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_casefile")).parent().unwrap();
        let before = env::var_os("PATH").unwrap();
        let folders = [self.folder.path(), program].map(Path::to_owned).into_iter().chain(env::split_paths(&before));
        command
            .current_dir(self.folder.path())
            .env("PATH", env::join_paths(folders).unwrap())
            .env("KAFKA_BROKERS", self.cluster.bootstrap())
            .env("POD_NAME", "casefile-0")
            .env("CASEFILE_REDACTION_KEY", casefile::ROOT_KEY);
        command
    }

    /// Runs a script, which must end well, and returns what it prints.
    fn run(&self, script: &str) -> Vec<u8> {
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).stdin(Stdio::null());
        let output = self.with_environment(shell).output().unwrap();
        let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}\n{}", said());
        output.stdout
    }

    fn wait_until_the_group_is_empty(&self) {
        let look = commands("Starting over from another place", 0);
        for _ in 0..30 {
            // What it says of a group without members stands on either stream.
            let said = self.run(&format!("{{ {look} }} 2>&1"));
            if String::from_utf8_lossy(&said).contains("Empty") {
                return;
            }
            sleep(Duration::from_secs(1));
        }
        panic!("the session does not end");
    }

    /// The topics of the page's script, of so many partitions.
    fn make_topics(&self, partitions: usize) {
        let script = root().join("deploy/kafka/topics.sh");
        self.run(&format!("PARTITIONS={partitions} REPLICAS=1 IN_SYNC=1 {}", script.display()));
        assert_eq!(self.partitions(), [partitions, partitions, 1]);
    }

    fn start<'h>(&self, home: &'h Home) -> Casefile<'h> {
        home.start_as(self.with_environment(casefile::command(self.folder.path())))
    }

    /// A Collector as in the example, which knows as many partitions as there are now.
    fn collector(&self) -> Collector {
        Collector::start(&example("collector/kafka.yaml", &[("${env:KAFKA_BROKERS}", &self.cluster.bootstrap())]))
    }

    fn partitions(&self) -> [usize; 3] {
        ["otlp_spans", "otlp_logs", "casefile_dead_letters"].map(|topic| self.cluster.offsets(topic).len())
    }
}

/// A block of commands under a heading of the page.
fn commands(heading: &str, number: usize) -> String {
    let page = example("kafka/README.md", &[]);
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let block = section.split("```sh\n").nth(number + 1).unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// Scenario: topics by the script, a member by its example, a Collector in front by its example; then a message that cannot be
/// read, a start from an earlier place, and more partitions, each by the commands of the page.
///
/// Guarantees: bundles are whole before and after, reading again changes none, and each command does what the page says.
#[test]
fn a_group_runs_as_in_the_examples_and_by_the_commands_of_the_page() {
    let cluster = Cluster::start(1);
    let place = Place::new(&cluster);
    place.make_topics(6);

    // A shorter session, so that the page's "wait for session_timeout" takes no minute.
    let text = example("kafka/casefile.yaml", &[("session_timeout: 45s", "session_timeout: 6s")]);
    let home = Home::of_example(place.folder.path(), &text);
    let mut member = place.start(&home);
    let collector = place.collector();
    send(&collector, 0, 6);
    wait(&mut member, &[home.store()], failed(0, 6).len());
    assert_eq!(whole(&home.store()), failed(0, 6));
    collector.stop();

    let doctor = String::from_utf8(place.run(&commands("Watching it", 0))).unwrap();
    assert!(
        doctor.contains("messages of otlp_logs: ") && doctor.contains("readable, and where their traces belong"),
        "{doctor}"
    );

    let unreadable = b"\xff\xff\xff no OTLP";
    cluster.produce(&Record { topic: "otlp_spans", payload: Some(unreadable), ..Record::default() });
    member.wait("a dead letter", |_| cluster.offsets("casefile_dead_letters")[0].1 == 1);
    assert_eq!(place.run(&commands("Dead letters", 0)), unreadable);

    let before = store::documents(&home.store());
    member.stop();
    place.wait_until_the_group_is_empty();
    place.run(&commands("Starting over from another place", 1));
    for topic in ["otlp_spans", "otlp_logs"] {
        assert_eq!(cluster.committed("casefile", topic), [Some(0); 6], "{topic}");
    }
    let mut member = place.start(&home);
    member.wait("bundles to be made again", |member| {
        let unchanged = [("result", "unchanged")];
        member.metrics().sum(::casefile::telemetry::names::EXPORTER_BUNDLES, &unchanged) == before.len() as u64
    });
    assert_eq!(store::documents(&home.store()), before);
    member.stop();

    place.wait_until_the_group_is_empty();
    // As many partitions as a small broker makes at once.
    place.run(&commands("More partitions", 0).replace("--partitions 200", "--partitions 12"));
    assert_eq!(place.partitions(), [12, 12, 1]);
    let mut member = place.start(&home);
    let collector = place.collector();
    send(&collector, TRACES, 6);
    let all = &failed(0, 6) | &failed(TRACES, 6);
    wait(&mut member, &[home.store()], all.len());
    assert_eq!(whole(&home.store()), all);
    collector.stop();
}

/// Scenario: topics by the script; a member and a gateway by their examples; a Collector that sends to the gateway by the example of one that
/// knows no Kafka.
///
/// Guarantees: the gateway needs no topic that the script does not make, and the member reads all that it writes.
#[test]
fn a_gateway_writes_what_a_member_reads_as_in_the_examples() {
    let cluster = Cluster::start(1);
    let place = Place::new(&cluster);
    place.make_topics(6);
    let home = Home::of_example(place.folder.path(), &example("kafka/casefile.yaml", &[]));
    let mut member = place.start(&home);

    let folder = place.folder.path().join("gateway");
    fs::create_dir(&folder).unwrap();
    let of_gateway = Home::gateway(&folder, "{}");
    let here = |port: u16| format!("127.0.0.1:{port}");
    let ports = [of_gateway.grpc, of_gateway.http, of_gateway.health, of_gateway.metrics].map(here);
    let changes = ["0.0.0.0:4317", "0.0.0.0:4318", "0.0.0.0:13133", "0.0.0.0:8888"]
        .into_iter()
        .zip(ports.iter().map(String::as_str));
    fs::write(of_gateway.config(), example("kafka/gateway.yaml", &changes.collect::<Vec<_>>())).unwrap();
    let mut gateway = place.start(&of_gateway);
    gateway.wait("a gateway that is ready", |it| it.health().status == 200);

    let collector = Collector::start(&example("collector/otlp.yaml", &[("casefile:4317", &ports[0])]));
    send(&collector, 0, 6);
    wait(&mut member, &[home.store()], failed(0, 6).len());
    assert_eq!(whole(&home.store()), failed(0, 6));
    collector.stop();
}
