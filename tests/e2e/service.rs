//! A small service with the real SDK of its language, as a process of its own.
//!
//! Each says on which port it listens, serves until its standard input ends, then sends what it has recorded, and ends.
//! Where to is told by the variables that every SDK reads.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The commit that every service says it was built from.
pub(crate) const COMMIT: &str = "3f1c9a7be0d24586a1f7c02d9e83b45c6d70e1fa";

/// How long a service may take to listen, and to end: a JVM with an agent needs its time on cores that are shared.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(20);

/// A running service; killed when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    said: Option<JoinHandle<String>>,
    pub(crate) port: u16,
}

impl Service {
    /// Starts `command` as the service `name`, which exports to the receiver on the port `otlp`.
    pub(crate) fn start(name: &'static str, command: Command, otlp: u16) -> Self {
        Self::start_at(name, command, otlp, COMMIT)
    }

    /// As [`Service::start`], of a service that says it was built from `commit`.
    pub(crate) fn start_at(name: &'static str, mut command: Command, otlp: u16, commit: &str) -> Self {
        let resource =
            format!("service.version=1.4.2,deployment.environment.name=staging,vcs.ref.head.revision={commit}");
        let mut child = command
            .env("OTEL_SERVICE_NAME", name)
            .env("OTEL_RESOURCE_ATTRIBUTES", resource)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{otlp}"))
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env("OTEL_TRACES_EXPORTER", "otlp")
            .env("OTEL_LOGS_EXPORTER", "otlp")
            .env("OTEL_METRICS_EXPORTER", "none")
            // Longer than any run: everything is sent at the end.
            .env("OTEL_BSP_SCHEDULE_DELAY", "600000")
            .env("OTEL_BLRP_SCHEDULE_DELAY", "600000")
            .env("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take().unwrap());
        let said = Some(std::thread::spawn(|| read(stderr)));
        let listening = port(child.stdout.take().unwrap());
        let mut service = Self { name, child, stdin, said, port: 0 };
        service.port = listening.recv_timeout(PATIENCE).unwrap_or_else(|_| service.fail("did not listen"));
        service
    }

    /// Closes its standard input, upon which it sends what it has and ends.
    fn close(&mut self) {
        self.stdin = None;
    }

    /// Ends it, and fails unless it could send everything.
    pub(crate) fn end(mut self) {
        self.close();
        for _ in 0..PATIENCE.as_millis() / TICK.as_millis() {
            match self.child.try_wait().unwrap() {
                Some(status) if status.success() => return,
                Some(status) => self.fail(&format!("ended with {status}")),
                None => std::thread::sleep(TICK),
            }
        }
        self.fail("did not end");
    }

    /// Ends several, all at once, so that what belongs together is sent together.
    pub(crate) fn end_all<const N: usize>(mut services: [Self; N]) {
        services.iter_mut().for_each(Self::close);
        services.into_iter().for_each(Self::end);
    }

    fn fail(&mut self, what: &str) -> ! {
        drop(self.child.kill());
        drop(self.child.wait());
        let said = self.said.take().map(|said| said.join().unwrap()).unwrap_or_default();
        panic!("{} {what}; it said:\n{said}", self.name);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads all that is said, since whoever writes to a pipe that nobody reads hangs or dies; answers with the port.
fn port(stdout: ChildStdout) -> Receiver<u16> {
    let (told, listening) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(port) = line.strip_prefix("listening on ") {
                // It fails only where nobody waits any more.
                told.send(port.parse().unwrap()).ok();
            }
        }
    });
    listening
}

fn read(mut stream: ChildStderr) -> String {
    let mut said = Vec::new();
    // What was said up to a fault is all there is to show.
    drop(stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

/// A file that `tests/setup` installs.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache").join(path);
    assert!(path.exists(), "{} is missing: run tests/setup first", path.display());
    path
}

/// A file of `tests/e2e`.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e").join(path)
}

/// The number of the line of a file of `tests/e2e` in which `text` stands.
pub(crate) fn line_of(path: &str, text: &str) -> u64 {
    let found = std::fs::read_to_string(source(path)).unwrap();
    let index = found.lines().position(|line| line.contains(text));
    index.unwrap_or_else(|| panic!("{path} has no line with {text}")) as u64 + 1
}
