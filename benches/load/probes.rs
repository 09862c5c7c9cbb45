//! How long the probes and the metrics take to answer while a server is under load, asked from a thread that has nothing else to do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

/// Time between two questions: more often than any orchestrator asks, and little beside the load, since they are not asked of what a
/// Casefile is compared with.
const PERIOD: Duration = Duration::from_millis(500);
/// What an orchestrator gives up on; nothing waits longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until it is told to stop.
pub(crate) struct Probes {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Result<Vec<Duration>, String>>,
}

/// Milliseconds from the connection to the end of the answer.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Waits {
    pub(crate) asked: usize,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Probes {
    /// Asks for `/livez`, `/readyz` and `/status` of this port.
    pub(crate) fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let asking = std::thread::spawn(move || {
            let mut waited = Vec::new();
            for path in ["/livez", "/readyz", "/status"].into_iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let from = Instant::now();
                ask(port, path).map_err(|error| format!("{path} of the probes: {error}"))?;
                waited.push(from.elapsed());
                std::thread::sleep(PERIOD);
            }
            Ok(waited)
        });
        Self { stop, asking }
    }

    /// Stops, and says how long the answers took.
    pub(crate) fn finish(self) -> Result<Waits, String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut waited = self.asking.join().map_err(|_| "the probes' thread has panicked")??;
        waited.sort_unstable();
        let at = |share: f64| percentile(&waited, share);
        Ok(Waits { asked: waited.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) })
    }
}

/// Milliseconds that this share of the sorted times was not longer than; 0 where there are none.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, Duration::as_secs_f64) * 1000.0
}

fn ask(port: u16, path: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    // Not ready is an answer, too: windows may be full.
    let answered = [b"HTTP/1.1 200".as_slice(), b"HTTP/1.1 503"].iter().any(|good| answer.starts_with(good));
    if answered { Ok(()) } else { Err(std::io::Error::other(String::from_utf8_lossy(&answer).into_owned())) }
}
