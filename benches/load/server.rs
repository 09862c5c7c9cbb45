//! Processes under load: a real `casefile`, or a sink that it is compared with.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cluster::Pair;
use crate::support::ports::free_ports;

/// A `casefile` under load.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) grpc: u16,
    pub(crate) health: u16,
    metrics: u16,
    http: reqwest::Client,
}

/// Its own counts.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) bundled: u64,
    pub(crate) not_sampled: u64,
    pub(crate) dropped: u64,
}

impl Server {
    /// Starts one that writes to `store` below `folder`; `incident` is its `connectors.incident` block in flow style.
    pub(crate) async fn start(folder: &Path, incident: &str) -> Result<Self, String> {
        Self::start_behind(folder, incident, None, false).await
    }

    /// The same behind TLS with this certificate. With `synced` what is kept on disk is acknowledged when the disk has it.
    pub(crate) async fn start_behind(
        folder: &Path,
        incident: &str,
        pair: Option<&Pair>,
        synced: bool,
    ) -> Result<Self, String> {
        let tls = pair.map(|Pair { certificate, key }| {
            let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
            std::fs::write(&cert_file, certificate).unwrap();
            std::fs::write(&key_file, key).unwrap();
            format!(", tls: {{cert_file: '{}', key_file: '{}'}}", cert_file.display(), key_file.display())
        });
        let pipelines = bundles(folder, incident, "otlp", synced);
        Self::run_behind(folder, &pipelines, &tls.unwrap_or_default()).await
    }

    /// Starts one that reads the topic `otlp_spans` of these brokers, as the only member of `group`.
    pub(crate) async fn consumer(folder: &Path, incident: &str, brokers: &str, group: &str) -> Result<Self, String> {
        let receiver = format!(
            "
receivers:
  kafka: {{brokers: ['{brokers}'], group_id: '{group}', initial_offset: earliest}}"
        );
        Self::run(folder, &(receiver + &bundles(folder, incident, "kafka", false))).await
    }

    /// Records that it has taken in.
    pub(crate) async fn accepted(&self) -> Result<u64, String> {
        Ok(self.counts().await?.accepted)
    }

    /// Starts one that sends everything on to these brokers, in one message a `trace` or `partition`, each batch of them after `linger` ms.
    pub(crate) async fn gateway(folder: &Path, brokers: &str, messages: &str, linger: u64) -> Result<Self, String> {
        let pipelines = format!(
            "
exporters:
  kafka: {{brokers: ['{brokers}'], messages: {messages}, producer: {{linger: {linger}ms}}}}
service:
  extensions: [health_check]
  pipelines:
    traces: {{receivers: [otlp], exporters: [kafka]}}
"
        );
        Self::run(folder, &pipelines).await
    }

    async fn run(folder: &Path, pipelines: &str) -> Result<Self, String> {
        Self::run_behind(folder, pipelines, "").await
    }

    async fn run_behind(folder: &Path, pipelines: &str, tls: &str) -> Result<Self, String> {
        let [grpc, metrics, health] = free_ports();
        let edges = format!(
            "
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{grpc}'{tls}}}}}}}
extensions:
  health_check: {{endpoint: '127.0.0.1:{health}'}}
service:
  telemetry: {{metrics: {{address: '127.0.0.1:{metrics}'}}}}
"
        );
        let config = ["edges.yaml", "pipelines.yaml"].map(|name| folder.join(name));
        config.iter().zip([edges.as_str(), pipelines]).for_each(|(path, text)| std::fs::write(path, text).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_casefile"));
        for path in &config {
            command.arg("--config").arg(path);
        }
        let process = Process::spawn(&mut command)?;
        let server = Self { process, grpc, health, metrics, http: reqwest::Client::new() };
        let probe = format!("http://127.0.0.1:{health}/");
        for _ in 0..200 {
            if server.http.get(&probe).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("casefile did not become ready".to_owned())
    }

    /// Waits until every record that was sent has its outcome.
    pub(crate) async fn settle(&self, sent: u64) -> Result<Counts, String> {
        let mut counts = Counts::default();
        for _ in 0..1200 {
            counts = self.counts().await?;
            if counts.bundled + counts.not_sampled + counts.dropped >= sent {
                return Ok(counts);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("after two minutes records still wait for their outcome: {counts:?} of {sent}"))
    }

    /// Records that it has taken up from disk.
    pub(crate) async fn recovered(&self) -> Result<u64, String> {
        let text = self.metrics().await?;
        let line =
            text.lines().find(|line| line.starts_with("casefile_window_recovered_records_total")).unwrap_or_default();
        Ok(line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok()).unwrap_or_default() as u64)
    }

    async fn metrics(&self) -> Result<String, String> {
        let answer = self.http.get(format!("http://127.0.0.1:{}/metrics", self.metrics)).send().await;
        answer.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())
    }

    async fn counts(&self) -> Result<Counts, String> {
        let text = self.metrics().await?;
        let mut counts = Counts::default();
        for (name, value) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
            let value = value.parse::<f64>().unwrap_or(0.0) as u64;
            if name.starts_with("casefile_receiver_accepted_records_total") {
                counts.accepted += value;
            } else if name.starts_with("casefile_records_total") && name.contains("outcome=\"bundled\"") {
                counts.bundled += value;
            } else if name.starts_with("casefile_records_total") && name.contains("outcome=\"not_sampled\"") {
                counts.not_sampled += value;
            } else if name.starts_with("casefile_records_total") && name.contains("outcome=\"dropped\"") {
                counts.dropped += value;
            }
        }
        Ok(counts)
    }
}

/// From this receiver to bundles in `folder`.
fn bundles(folder: &Path, incident: &str, receiver: &str, synced: bool) -> String {
    format!(
        "
processors:
  redaction: {{key: '{}'}}
connectors:
  incident: {incident}
exporters:
  bundle: {{url: 'file:{}'}}
extensions:
  file_storage: {{directory: '{}', fsync: {synced}}}
service:
  extensions: [health_check, file_storage]
  pipelines:
    traces: {{receivers: [{receiver}], exporters: [incident]}}
    bundles: {{receivers: [incident], processors: [redaction], exporters: [bundle]}}
",
        "5a".repeat(32),
        folder.join("store").display(),
        folder.join("window").display()
    )
}

/// A child process, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Peak resident memory in MiB.
    pub(crate) peak_mib: u64,
    /// User and system time in seconds.
    pub(crate) cpu: f64,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, String> {
        let child = command.stdout(Stdio::null()).spawn();
        child.map(|child| Self { child }).map_err(|error| format!("starting {command:?}: {error}"))
    }

    /// What it has used, where `/proc` tells.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // utime and stime (fields 14 and 15 of proc(5)) in ticks of 1/100 s.
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        Some(Usage { peak_mib: peak / 1024, cpu: ticks / 100.0 })
    }

    /// Asks it to end, and holds it to ending well.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        killed.map_err(|error| format!("stopping: {error}"))?;
        let status = self.child.wait().map_err(|error| format!("waiting for the end: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("casefile ended with {status}")) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait().map(drop)).unwrap_or_default();
    }
}
