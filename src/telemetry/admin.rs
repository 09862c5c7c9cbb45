//! `/metrics` and the probes, on a thread and runtime of their own, so that they answer while data saturates the others.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use super::Readiness;

/// How often histograms are drained and idle metrics are looked after.
const UPKEEP: Duration = Duration::from_secs(5);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot listen on {address}")]
pub struct AdminError {
    what: &'static str,
    address: String,
    #[source]
    cause: io::Error,
}

/// The running servers. Dropping it stops them.
#[derive(Debug)]
pub struct Admin {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    metrics: Option<SocketAddr>,
    health: Option<SocketAddr>,
}

impl Admin {
    /// Listens, and answers from a thread of its own. `metrics` serves `GET /metrics`; `health` serves `GET /` and `/readyz`
    /// (200 once ready, 503 with the reasons otherwise), `/livez` (200 while the process runs; `/live` is the same) and `/status`. Either
    /// may be left out.
    ///
    /// # Errors
    /// If an address cannot be listened on, or the thread cannot be started.
    pub fn start(
        metrics: Option<(&str, PrometheusHandle)>,
        health: Option<(&str, Readiness)>,
    ) -> Result<Self, AdminError> {
        let mut servers = Vec::new();
        let mut listen = |what, address: &str, router| {
            let (listener, local) =
                bind(address).map_err(|cause| AdminError { what, address: address.to_owned(), cause })?;
            servers.push((listener, router));
            Ok(local)
        };
        let upkeep = metrics.as_ref().map(|(_, handle)| handle.clone());
        let metrics = metrics
            .map(|(address, handle)| listen("the metrics endpoint", address, metrics_router(handle)))
            .transpose()?;
        let health =
            health.map(|(address, readiness)| listen("health_check", address, health_router(readiness))).transpose()?;
        let (stop, stopped) = watch::channel(false);
        let failed = |cause| AdminError { what: "the admin runtime", address: "a thread of its own".to_owned(), cause };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(serve(servers, upkeep, stopped)))
            .map_err(failed)?;
        Ok(Self { stop, thread: Some(thread), metrics, health })
    }

    /// Where `/metrics` is.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Where the probes are.
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the admin thread panicked");
        }
    }
}

/// Listens at once, on the caller's thread, so that an address in use fails the start.
fn bind(address: &str) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

async fn serve(servers: Vec<(TcpListener, Router)>, upkeep: Option<PrometheusHandle>, stopped: watch::Receiver<bool>) {
    let mut tasks = tokio::task::JoinSet::new();
    for (listener, router) in servers {
        tasks.spawn(async move {
            let served = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => axum::serve(listener, router).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::error!(%error, "an admin server ended");
            }
        });
    }
    if let Some(handle) = upkeep {
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        });
    }
    let mut stopped = stopped;
    // Answers take no time and keep nothing: whatever is in progress is cut off when the set is dropped.
    if stopped.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("the admin servers were abandoned");
    }
}

fn metrics_router(handle: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(render)).with_state(handle)
}

async fn render(State(handle): State<PrometheusHandle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}

fn health_router(readiness: Readiness) -> Router {
    Router::new()
        .route("/", get(ready))
        .route("/readyz", get(ready))
        .route("/livez", get(live))
        .route("/live", get(live))
        .route("/status", get(status))
        .with_state(readiness)
}

/// The process runs. Nothing outside of it, such as a store that is gone, is a reason to start it anew.
async fn live() -> impl IntoResponse {
    Json(serde_json::json!({"status": "live"}))
}

/// What there is to know, for people: always 200.
async fn status(State(readiness): State<Readiness>) -> impl IntoResponse {
    let reasons = readiness.reasons();
    let status = if reasons.is_empty() { "ready" } else { "not ready" };
    Json(serde_json::json!({"status": status, "reasons": reasons, "version": env!("CARGO_PKG_VERSION")}))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let reasons = readiness.reasons();
    if reasons.is_empty() {
        (StatusCode::OK, Json(serde_json::json!({"status": "ready"})))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({"status": "not ready", "reasons": reasons})))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn probes_say_whether_and_why_not() {
        let readiness = Readiness::starting("pipeline");
        let admin = Admin::start(None, Some(("127.0.0.1:0", readiness.clone()))).unwrap();
        let address = admin.health_address().unwrap();
        let text = fetch(address, "/");
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("{\"pipeline\":\"starting\"}"), "{text}");
        for path in ["/livez", "/live", "/status"] {
            assert!(fetch(address, path).starts_with("HTTP/1.1 200"), "{path}");
        }
        assert!(fetch(address, "/readyz").starts_with("HTTP/1.1 503"));
        assert!(fetch(address, "/status").contains("{\"pipeline\":\"starting\"}"));
        readiness.set_ready("pipeline");
        assert!(fetch(address, "/").starts_with("HTTP/1.1 200"));
        readiness.set_not_ready("bundle/main", "the store does not answer");
        assert!(fetch(address, "/").contains("the store does not answer"));
        drop(admin);
        assert!(std::net::TcpStream::connect(address).is_err(), "dropping it stops listening");
    }

    #[test]
    fn metrics_are_served_and_an_address_in_use_is_named() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || metrics::counter!("casefile_test_total").increment(3));
        let admin = Admin::start(Some(("127.0.0.1:0", recorder.handle())), None).unwrap();
        let address = admin.metrics_address().unwrap();
        assert!(fetch(address, "/metrics").contains("casefile_test_total 3"));
        let error = Admin::start(None, Some((&address.to_string(), Readiness::default()))).unwrap_err();
        assert_eq!(error.to_string(), format!("health_check cannot listen on {address}"));
    }
}
