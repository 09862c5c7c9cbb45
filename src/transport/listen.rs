//! Connections: accepting them, the limits that hold for each, and an orderly end. Every server stands on this.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::ahead::ReadAhead;
use super::stall::StallGuard;
use super::{Peer, Security, Tls};

/// What a server allows its connections.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Time for the handshake of TLS.
    pub handshake_timeout: Duration,
    /// Time for the headers of a request, and for the first request of a connection.
    pub header_timeout: Duration,
    /// How long a peer may leave an answer unread.
    pub stall_timeout: Duration,
    /// How long requests in progress may take once the server has been asked to stop.
    pub drain_timeout: Duration,
    /// Most connections at a time. Further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Most requests in progress on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// Whether HTTP/1.1 is spoken too.
    pub http1: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            max_connections: 8192,
            max_concurrent_streams: 100,
            http1: false,
        }
    }
}

/// Credit for request bytes on a stream: large enough that a batch of spans needs no round trip.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
const MAX_FRAME_SIZE: u32 = 256 * 1024;
/// Bounds the header block, CONTINUATION frames included.
const MAX_HEADER_LIST: u32 = 16 * 1024;
/// Streams that were reset before they were served (rapid reset): beyond this the connection ends.
const MAX_PENDING_RESETS: usize = 20;
/// Streams that this side had to reset because of the peer's errors.
const MAX_ERROR_RESETS: usize = 256;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// HTTP/1.1: bounds the request line and headers.
const HTTP1_BUFFER: usize = 64 * 1024;
/// Pause after a failed `accept` (out of file descriptors, most often), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection that is told to go away for lack of a request has to do so.
const PARTING: Duration = Duration::from_secs(1);

/// Serves `router` until `stop`; then takes no new connections, lets requests in progress finish within
/// `drain_timeout`, and cuts off what is left.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    settings: Settings,
    security: Security,
    stop: CancellationToken,
) {
    let answer = move |request| routed(router.clone(), request);
    serve_with(listener, answer, settings, security, stop).await;
}

/// The answer of a router.
pub async fn routed(mut router: axum::Router, request: Request) -> Response {
    router.call(request).await.unwrap_or_else(|never| match never {})
}

/// The same, where `answer` answers each request.
pub async fn serve_with<A, F>(
    listener: TcpListener,
    answer: A,
    settings: Settings,
    security: Security,
    stop: CancellationToken,
) where
    A: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let tls = security.tls.clone();
    let watching = tokio::spawn(security.watch(stop.clone()));
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let tasks = Tasks { tracker: TaskTracker::new(), cut: CancellationToken::new() };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        if let Some((stream, slot)) = accepted {
            let (answer, stop, within, tls) = (answer.clone(), stop.clone(), tasks.clone(), tls.clone());
            tasks.spawn(async move {
                connection(stream, tls, answer, settings, stop, within).await;
                drop(slot);
            });
        }
    }
    drop(listener);
    tasks.tracker.close();
    if timeout(settings.drain_timeout, tasks.tracker.wait()).await.is_err() {
        tracing::warn!(
            tasks = tasks.tracker.len(),
            "requests still in progress at the end of the drain time are cut off"
        );
        tasks.cut.cancel();
        tasks.tracker.wait().await;
    }
    watching.abort();
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection<F>(
    stream: TcpStream,
    tls: Option<Tls>,
    answer: impl Fn(Request) -> F,
    settings: Settings,
    stop: CancellationToken,
    tasks: Tasks,
) where
    F: Future<Output = Response> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let (reading, writing) = stream.into_split();
    let stream = tokio::io::join(ReadAhead::new(reading), StallGuard::new(writing, settings.stall_timeout));
    let Some(tls) = tls else { return requests(stream, None, answer, settings, stop, tasks).await };
    // A connection that has said nothing yet has nothing to be waited for.
    match stop.run_until_cancelled(tls.accept(stream, settings.handshake_timeout)).await {
        Some(Ok((stream, peer))) => requests(stream, Some(peer), answer, settings, stop, tasks).await,
        Some(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        None => {}
    }
}

async fn requests<S, F>(
    stream: S,
    peer: Option<Peer>,
    answer: impl Fn(Request) -> F,
    settings: Settings,
    stop: CancellationToken,
    tasks: Tasks,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let begun = CancellationToken::new();
    let service = {
        let begun = begun.clone();
        hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
            begun.cancel();
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            let answer = answer(request.map(Body::new));
            async move { Ok::<_, Infallible>(answer.await) }
        })
    };
    let builder = builder(settings, tasks);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut patience = pin!(sleep(settings.header_timeout));
    let mut leaving = false;
    let mut watched = true;
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended with an error");
                }
                return;
            }
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                serving.as_mut().graceful_shutdown();
            }
            // hyper times the headers of HTTP/1.1 alone, and only once it knows that it is HTTP/1.1. This also ends
            // connections that never say what they are, or never send a request.
            () = patience.as_mut(), if watched => {
                if begun.is_cancelled() {
                    watched = false;
                } else if leaving {
                    tracing::debug!("a connection sent no request in time");
                    return;
                } else {
                    leaving = true;
                    serving.as_mut().graceful_shutdown();
                    patience.as_mut().reset(Instant::now() + PARTING);
                }
            }
        }
    }
}

fn builder(settings: Settings, tasks: Tasks) -> Builder<Tasks> {
    let mut builder = Builder::new(tasks);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(HTTP1_BUFFER)
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_SIZE)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    if settings.http1 { builder } else { builder.http2_only() }
}

/// Runs the tasks of a server, so that it can wait for them and, in the end, cut them off.
#[derive(Debug, Clone)]
struct Tasks {
    tracker: TaskTracker,
    cut: CancellationToken,
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output: Send> + Send + 'static) {
        let cut = self.cut.clone();
        self.tracker.spawn(async move { cut.run_until_cancelled_owned(task).await.map(drop) });
    }
}

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}
