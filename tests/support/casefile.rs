//! The real binary, started, watched and stopped.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use parking_lot::Mutex;

use super::ports::free_ports;
use super::{http, otlp};

const BINARY: &str = env!("CARGO_BIN_EXE_casefile");

/// The root key of all tests.
pub(crate) const ROOT_KEY: &str = "6b1f0c0e5a9d4e2f8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f";

/// How often a condition is looked at, and how many times: a minute in all, since CI shares its cores.
const TICK: Duration = Duration::from_millis(50);
const TICKS: u32 = 1200;

/// What a test asks of the configuration. The rest is the same for all.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// URL of the store; the folder `store` beside the configuration by default.
    pub(crate) url: Option<String>,
    /// `options` of the store.
    pub(crate) options: Vec<(String, String)>,
    /// Settings of a `raw` exporter, `raw/main`; none by default.
    pub(crate) raw: Option<String>,
    /// `tail_sampling.decision_wait`.
    pub(crate) decision_wait: &'static str,
    /// `window.retention`.
    pub(crate) retention: &'static str,
    /// `window.max_bytes`.
    pub(crate) max_bytes: &'static str,
    /// Whether windows are kept on disk, and if so, whether it is synced.
    pub(crate) on_disk: Option<Fsync>,
    /// `incidents.max_bundles`, for ever; the default where there is none.
    pub(crate) max_bundles: Option<u64>,
    /// Settings of a `kafka` receiver beside the one for OTLP; none by default.
    pub(crate) kafka: Option<String>,
}

/// `extensions.file_storage.fsync`.
pub(crate) type Fsync = bool;

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            options: Vec::new(),
            raw: None,
            decision_wait: "1s",
            retention: "3s",
            max_bytes: "256MiB",
            on_disk: None,
            max_bundles: None,
            kafka: None,
        }
    }
}

/// A folder with keys and a configuration, and the ports that it names.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    pub(crate) grpc: u16,
    pub(crate) http: u16,
    pub(crate) metrics: u16,
    pub(crate) health: u16,
}

impl Home {
    /// Lays one out under `folder`.
    pub(crate) fn new(folder: &Path, settings: &Settings) -> Self {
        let [grpc, http, metrics, health, api] = free_ports();
        let home = Self { folder: folder.to_owned(), grpc, http, metrics, health };
        home.furnish();
        let url = settings.url.clone().unwrap_or_else(|| home.store_url());
        let mut options = String::new();
        for (key, value) in &settings.options {
            write!(options, "{key}: {value:?}, ").unwrap();
        }
        let (raw, exporters) = match &settings.raw {
            None => (String::new(), "bundle"),
            Some(raw) => (format!("  raw/main: {raw}\n"), "bundle, raw/main"),
        };
        let folder = folder.display();
        let (storage, file_storage, extensions) = match settings.on_disk {
            None => ("memory", String::new(), "signing"),
            Some(fsync) => (
                "file_storage",
                format!("  file_storage: {{directory: \"{folder}/window\", fsync: {fsync}}}\n"),
                "signing, file_storage",
            ),
        };
        let (kafka, receivers) = match &settings.kafka {
            None => (String::new(), "otlp"),
            Some(kafka) => (format!("  kafka: {kafka}\n"), "otlp, kafka"),
        };
        let incidents = settings
            .max_bundles
            .map_or_else(String::new, |most| format!("    incidents: {{max_bundles: {most}, per: 10000h}}\n"));
        let Settings { decision_wait, retention, max_bytes, .. } = settings;
        let text = format!(
            r#"receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"}}
      http: {{endpoint: "127.0.0.1:{http}"}}
{kafka}processors:
  redaction: {{key: "${{file:{folder}/redaction.key}}"}}
connectors:
  incident:
    tail_sampling: {{decision_wait: {decision_wait}}}
    window: {{storage: {storage}, retention: {retention}, max_bytes: {max_bytes}}}
{incidents}    services:
      checkout: {{repository: "https://git.example.org/checkout", build: "pip install -e .", test_cmd: "pytest -q"}}
exporters:
  bundle: {{url: "{url}", options: {{{options}}}}}
{raw}extensions:
{file_storage}  signing: {{key: "${{file:{folder}/signing.pem}}"}}
  health_check: {{endpoint: "127.0.0.1:{health}"}}
  api: {{endpoint: "127.0.0.1:{api}"}}
service:
  extensions: [{extensions}, health_check, api]
  telemetry:
    logs: {{level: "casefile=trace,info"}}
    metrics: {{address: "127.0.0.1:{metrics}"}}
  pipelines:
    traces: {{receivers: [{receivers}], exporters: [incident]}}
    logs: {{receivers: [{receivers}], exporters: [incident]}}
    metrics: {{receivers: [otlp], exporters: [incident]}}
    bundles: {{receivers: [incident], processors: [redaction], exporters: [{exporters}]}}
"#
        );
        fs::write(home.config(), text).unwrap();
        home
    }

    /// Lays one out under `folder` for an example of `deploy/` that has its keys from the environment and writes to S3: with a
    /// folder in place of the bucket, and ports of this machine. The rest is as it stands there.
    pub(crate) fn of_example(folder: &Path, example: &str) -> Self {
        let [grpc, http, metrics, health] = free_ports();
        let home = Self { folder: folder.to_owned(), grpc, http, metrics, health };
        home.furnish();
        let mut text = example.to_owned();
        for (there, here) in [
            ("s3://${env:CASEFILE_BUCKET}/prod", home.store_url()),
            ("${env:CASEFILE_SIGNING_KEY}", format!("${{file:{}/signing.pem}}", folder.display())),
            ("0.0.0.0:13133", format!("127.0.0.1:{health}")),
            ("0.0.0.0:8888", format!("127.0.0.1:{metrics}")),
        ] {
            assert!(text.contains(there), "the example has no {there}");
            text = text.replace(there, &here);
        }
        fs::write(home.config(), text).unwrap();
        home
    }

    /// Keys, and the folder for bundles.
    fn furnish(&self) {
        fs::create_dir_all(self.store()).unwrap();
        let signing = SigningKey::from_bytes(&[7; 32]);
        fs::write(self.folder.join("redaction.key"), ROOT_KEY).unwrap();
        let private = signing.to_pkcs8_pem(LineEnding::LF).unwrap();
        fs::write(self.folder.join("signing.pem"), private.as_bytes()).unwrap();
        let public = signing.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
        fs::write(self.public_key(), public).unwrap();
    }

    /// Lays out a gateway under `folder`; `kafka` are the settings of its exporter, in flow style.
    pub(crate) fn gateway(folder: &Path, kafka: &str) -> Self {
        let [grpc, http, metrics, health] = free_ports();
        let home = Self { folder: folder.to_owned(), grpc, http, metrics, health };
        let text = format!(
            r#"receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"}}
      http: {{endpoint: "127.0.0.1:{http}"}}
exporters:
  kafka: {kafka}
extensions:
  health_check: {{endpoint: "127.0.0.1:{health}"}}
service:
  extensions: [health_check]
  shutdown_timeout: 10s
  telemetry:
    logs: {{level: "casefile=debug,info"}}
    metrics: {{address: "127.0.0.1:{metrics}"}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [kafka]}}
    logs: {{receivers: [otlp], exporters: [kafka]}}
    metrics: {{receivers: [otlp], exporters: [kafka]}}
"#
        );
        fs::write(home.config(), text).unwrap();
        home
    }

    /// The configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("casefile.yaml")
    }

    /// The folder that bundles are written to, where no other store is configured.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// The URL of [`Home::store`].
    pub(crate) fn store_url(&self) -> String {
        format!("file:{}", self.store().display())
    }

    /// The port of the probes.
    pub(crate) fn health(&self) -> u16 {
        self.health
    }

    /// Where windows are kept, if they are kept on disk.
    pub(crate) fn window(&self) -> PathBuf {
        self.folder.join("window")
    }

    /// The public half of the signing key.
    pub(crate) fn public_key(&self) -> PathBuf {
        self.folder.join("signing.pub.pem")
    }

    /// Starts the binary on this configuration and waits until it is ready.
    pub(crate) fn start(&self) -> Casefile<'_> {
        self.start_as(command(&self.folder))
    }

    /// As [`Home::start`], by a command that runs the binary with the arguments that it is given.
    pub(crate) fn start_as(&self, command: Command) -> Casefile<'_> {
        let mut casefile = self.launch_as(command);
        casefile.wait("being ready", |casefile| {
            if let Some(status) = casefile.child.try_wait().unwrap() {
                panic!("casefile ended with {status} before it was ready:\n{}", casefile.said());
            }
            casefile.is_ready()
        });
        casefile
    }

    /// As [`Home::start`], and does not wait.
    pub(crate) fn launch(&self) -> Casefile<'_> {
        self.launch_as(command(&self.folder))
    }

    fn launch_as(&self, mut command: Command) -> Casefile<'_> {
        let mut child = command
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let readers = vec![listen(child.stdout.take().unwrap(), &said), listen(child.stderr.take().unwrap(), &said)];
        Casefile { home: self, child, said, readers }
    }

    /// Changes the configuration; fails where there is nothing to change.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "no `{from}` in\n{text}");
        fs::write(self.config(), text.replace(from, to)).unwrap();
    }
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Casefile<'a> {
    home: &'a Home,
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Casefile<'_> {
    /// All that it has written to stdout and stderr so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().clone()
    }

    /// Sends an OTLP/JSON request to `/v1/<signal>`.
    pub(crate) fn send(&self, signal: &str, request: &[u8]) -> http::Answer {
        http::post_json(self.home.http, &format!("/v1/{signal}"), request).unwrap()
    }

    /// Sends a recording of OTLP/JSON, one request a line.
    pub(crate) fn send_all(&self, recording: &str) {
        for line in recording.lines().filter(|line| !line.is_empty()) {
            let answer = self.send(otlp::signal(line), line.as_bytes());
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }

    /// Waits for `condition`, and fails with everything that the process said if it does not come.
    pub(crate) fn wait(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        for _ in 0..TICKS {
            if condition(self) {
                return;
            }
            sleep(TICK);
        }
        panic!("waited a minute for {what}; casefile said:\n{}", self.said());
    }

    /// What the probe answers at this moment.
    pub(crate) fn health(&self) -> http::Answer {
        http::get(self.home.health, "/").unwrap()
    }

    /// The metrics of this moment.
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::parse(&self.exposition())
    }

    /// The metrics of this moment, as they stand on the wire.
    pub(crate) fn exposition(&self) -> String {
        let answer = http::get(self.home.metrics, "/metrics").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    /// Waits until every accepted record has come to its end, and says how.
    pub(crate) fn settled(&mut self) -> Totals {
        let mut totals = Totals::default();
        self.wait("every record to end", |casefile| {
            totals = casefile.metrics().totals();
            totals.accepted > 0 && totals.accepted == totals.bundled + totals.not_sampled + totals.dropped
        });
        totals
    }

    /// Kills it, as nothing can be caught or cleaned up after.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether its probe says that it can work.
    pub(crate) fn is_ready(&self) -> bool {
        http::get(self.home.health, "/").is_ok_and(|answer| answer.status == 200)
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.end()
    }

    /// Waits until it ends, and returns with what, and all that it said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let mut status = None;
        self.wait("the end of the process", |casefile| {
            status = casefile.child.try_wait().unwrap();
            status.is_some()
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status.unwrap(), self.said())
    }
}

impl Drop for Casefile<'_> {
    fn drop(&mut self) {
        // Both fail only where the process has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("casefile said:\n{}", self.said());
        }
    }
}

/// Sends a process a signal, by the name that `kill` knows.
pub(crate) fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

/// What became of the records, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) bundled: u64,
    pub(crate) not_sampled: u64,
    pub(crate) dropped: u64,
    /// `dropped` by reason.
    pub(crate) reasons: BTreeMap<String, u64>,
}

/// Samples in the text format of Prometheus.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels
                .trim_end_matches('}')
                .split("\",")
                .filter_map(|label| label.split_once("=\""))
                .map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned()))
                .collect();
            (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("not a number: {line}")))
        });
        Self { samples: samples.collect() }
    }

    /// The sum of the samples of this name that carry these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum: f64 = self
            .samples
            .iter()
            .filter(|(sample, has, _)| {
                sample == name && labels.iter().all(|(key, value)| has.get(*key).is_some_and(|label| label == value))
            })
            .map(|(_, _, value)| value)
            .sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters of a short test")]
        let whole = sum as u64;
        whole
    }

    fn totals(&self) -> Totals {
        use ::casefile::telemetry::names;
        let outcome = |outcome| self.sum(names::RECORDS, &[("outcome", outcome)]);
        let reasons = ::casefile::model::DropReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .map(|reason| (reason.to_owned(), self.sum(names::RECORDS, &[("reason", reason)])))
            .filter(|(_, count)| *count > 0)
            .collect();
        Totals {
            accepted: self.sum(names::RECEIVER_ACCEPTED_RECORDS, &[]),
            bundled: outcome("bundled"),
            not_sampled: outcome("not_sampled"),
            dropped: outcome("dropped"),
            reasons,
        }
    }
}

/// The binary in `folder`, with a root key in its environment and nothing of the environment that could change what it does.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).env_remove("RUST_LOG").env("NO_COLOR", "1").env("CASEFILE_REDACTION_KEY", ROOT_KEY);
    command
}

/// Runs the binary in `folder` to its end; fails unless it ends with 0.
pub(crate) fn run<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Output {
    let output = command(folder).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = || format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
    assert!(output.status.success(), "casefile {} ended with {}:\n{}", arguments.join(" "), output.status, said());
    output
}

/// As [`run`], its standard output as JSON.
pub(crate) fn run_json<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> serde_json::Value {
    let stdout = run(folder, arguments).stdout;
    serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stdout)))
}

fn listen(stream: impl std::io::Read + Send + 'static, said: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let mut said = said.lock();
            said.push_str(&line);
            said.push('\n');
        }
    })
}
