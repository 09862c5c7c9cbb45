//! Object stores behind their real protocols: started for one test, on a free port, over a folder that goes with it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::ports::free_port;

const BUCKET: &str = "casefiles";

/// A process that ends with the test.
struct Server {
    child: Child,
    name: &'static str,
    port: u16,
    folder: TempDir,
    /// Then it answers no plain request.
    speaks_tls: bool,
}

/// An S3 server (versitygw).
pub(crate) struct S3 {
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: String,
    /// Its root user.
    pub(crate) access_key: String,
    /// The root user's secret.
    pub(crate) secret_key: String,
    /// A bucket that exists.
    pub(crate) bucket: String,
    server: Server,
}

/// A Google Cloud Storage server (fake-gcs-server, with the XML API's PUT).
pub(crate) struct Gcs {
    /// A service account's file that leads to the server.
    pub(crate) service_account_json: PathBuf,
    /// A bucket that exists.
    pub(crate) bucket: String,
    _server: Server,
}

impl S3 {
    /// Starts it.
    pub(crate) fn start() -> Self {
        Self::start_behind(None)
    }

    /// The same behind TLS, with this certificate and key in PEM.
    pub(crate) fn start_behind(pair: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Its file backend takes each folder for a bucket.
        std::fs::create_dir_all(folder.path().join("root").join(BUCKET)).unwrap();
        std::fs::create_dir(folder.path().join("sidecar")).unwrap();
        let port = free_port();
        let (access_key, secret_key) = ("casefile-test".to_owned(), "casefile-test-secret".to_owned());
        let mut command = tool("versitygw");
        command.args([
            "--port",
            &format!("127.0.0.1:{port}"),
            "--access",
            &access_key,
            "--secret",
            &secret_key,
            "--quiet",
        ]);
        if let Some((certificate, key)) = pair {
            for (flag, text) in [("--cert", certificate), ("--key", key)] {
                let path = folder.path().join(flag);
                std::fs::write(&path, text).unwrap();
                command.arg(flag).arg(path);
            }
        }
        // Temporary folders often lie on a file system without extended attributes.
        command.args(["posix", "--sidecar"]).arg(folder.path().join("sidecar")).arg(folder.path().join("root"));
        let server = Server::start_as("versitygw", command, port, folder, pair.is_some());
        let scheme = if pair.is_some() { "https" } else { "http" };
        Self {
            endpoint: format!("{scheme}://127.0.0.1:{port}"),
            access_key,
            secret_key,
            bucket: BUCKET.to_owned(),
            server,
        }
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.server.port
    }

    /// The folder of what it knows of objects beside their content.
    pub(crate) fn sidecar(&self) -> PathBuf {
        self.server.folder.path().join("sidecar")
    }

    /// The folder that has a folder for each bucket.
    pub(crate) fn root(&self) -> PathBuf {
        self.server.folder.path().join("root")
    }
}

impl Gcs {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let base = format!("http://127.0.0.1:{port}");
        let account = format!(
            r#"{{"gcs_base_url": "{base}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#
        );
        let service_account_json = folder.path().join("account.json");
        std::fs::write(&service_account_json, account).unwrap();
        let mut command = tool("casefile-test-gcs");
        command.args(["-listen", &format!("127.0.0.1:{port}"), "-bucket", BUCKET]);
        let server = Server::start("casefile-test-gcs", command, port, folder);
        Self { service_account_json, bucket: BUCKET.to_owned(), _server: server }
    }
}

impl Server {
    fn start(name: &'static str, command: Command, port: u16, folder: TempDir) -> Self {
        Self::start_as(name, command, port, folder, false)
    }

    fn start_as(name: &'static str, mut command: Command, port: u16, folder: TempDir, speaks_tls: bool) -> Self {
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let mut server = Self { child, name, port, folder, speaks_tls };
        server.wait();
        server
    }

    fn wait(&mut self) {
        // Half a minute.
        for _ in 0..1500 {
            if answers(self.port) || listens(self.port) && self.speaks_tls {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended at once: {status}", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} does not answer on port {}", self.name, self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn tool(name: &str) -> Command {
    let folder = std::env::var_os("CASEFILE_TOOLS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache/tools/bin"), PathBuf::from);
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: run `tests/setup`, which installs what the tests need", path.display());
    Command::new(path)
}

/// Whether anything listens on this port.
fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Whether a server speaks HTTP on this port.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<usize> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream
            .write_all(format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
        stream.read(&mut [0; 64])
    };
    ask().is_ok_and(|read| read > 0)
}
