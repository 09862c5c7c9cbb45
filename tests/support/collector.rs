//! OpenTelemetry's Collector, with the parts that `collector/builder.yaml` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use super::http;
use super::ports::free_ports;

/// A running Collector; killed when dropped.
pub(crate) struct Collector {
    /// The port of OTLP over gRPC.
    pub(crate) grpc: u16,
    /// The port of OTLP over HTTP.
    pub(crate) http: u16,
    child: Child,
    folder: TempDir,
}

impl Collector {
    /// Starts it and waits until it takes OTLP. There is one receiver, `otlp`, on ports of its own: the configuration leaves it out,
    /// or has other ports, which do not count. Relative paths are of [`Collector::folder`].
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [grpc, http] = free_ports();
        let receivers = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: \"127.0.0.1:{grpc}\"}}, http: {{endpoint: \"127.0.0.1:{http}\"}}}}}}}}\n\
             service: {{telemetry: {{metrics: {{level: none}}}}}}\n"
        );
        fs::write(folder.path().join("receivers.yaml"), receivers).unwrap();
        fs::write(folder.path().join("config.yaml"), config).unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/tools/bin/casefile-test-collector");
        assert!(program.exists(), "no {}: run `tests/setup`, which installs what the tests need", program.display());
        let said = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(["--config", "config.yaml", "--config", "receivers.yaml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        let mut collector = Self { grpc, http, child, folder };
        // A minute.
        for _ in 0..1200 {
            if let Some(status) = collector.child.try_wait().unwrap() {
                panic!("the Collector ended with {status} before it was ready:\n{}", collector.said());
            }
            if http::get(http, "/").is_ok() {
                return collector;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("the Collector is not ready:\n{}", collector.said());
    }

    /// Sends an OTLP/JSON request to `/v1/<signal>`, which must be taken.
    pub(crate) fn send(&self, signal: &str, request: &[u8]) {
        let answer = http::post_json(self.http, &format!("/v1/{signal}"), request).unwrap();
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), self.said());
    }

    /// The folder of its files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap()).into_owned()
    }

    /// Asks it to stop, and waits until it has: what it holds is sent on before.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "{}", self.said());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Both fail only where the process has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("the Collector said:\n{}", self.said());
        }
    }
}
