//! Reading a request body within bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::export::Failure;
use super::held::Held;
use super::room::Room;

/// Room made at once for a body whose length is announced. Most requests fit.
const RESERVE: usize = 512 * 1024;

/// Bytes that a request holds of the server's budget go with it.
pub(super) struct Reading<'a> {
    /// Most bytes of the body.
    pub(super) limit: usize,
    /// Time for all of it.
    pub(super) patience: Duration,
    /// What it is charged to.
    pub(super) held: &'a mut Held,
}

impl Reading<'_> {
    /// Reads `body` to its end. `check` sees what has come so far after each piece, so that a body can be refused before
    /// it is there; where it knows, it tells how long the whole will be.
    ///
    /// The bytes are copied, once: pieces of a connection's buffer would keep all of that buffer alive for as long as the
    /// request stays in a window.
    pub(super) async fn collect(
        self,
        body: &mut Body,
        check: impl Fn(&[u8]) -> Result<Option<usize>, Failure>,
    ) -> Result<Room, Failure> {
        let Self { limit, patience, held } = self;
        timeout(patience, collect(body, limit, held, check)).await.unwrap_or(Err(Failure::Slow(patience)))
    }
}

async fn collect(
    body: &mut Body,
    limit: usize,
    held: &mut Held,
    check: impl Fn(&[u8]) -> Result<Option<usize>, Failure>,
) -> Result<Room, Failure> {
    let mut bytes = Room::default();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Failure::Aborted)?.into_data() else { continue };
        if piece.len() > limit.saturating_sub(bytes.len()) {
            return Err(Failure::TooLarge { limit });
        }
        if !held.grow(piece.len()) {
            return Err(Failure::busy());
        }
        if bytes.is_empty() {
            bytes.make(check(&piece)?.unwrap_or(0).min(RESERVE).max(piece.len()));
        }
        bytes.put(&piece);
        // Growing by doubling would copy the body several times, each time into memory that must be fetched first. But a
        // length that is only announced is not believed without bounds.
        let announced = check(&bytes)?.unwrap_or(0).min(RESERVE);
        bytes.make(announced);
    }
    Ok(bytes)
}

/// Reads on and throws away, so that an HTTP/1.1 client that is still sending gets to read why it is refused, instead of
/// finding its connection reset. Gives up after `most` bytes or `patience`.
pub(super) async fn discard(mut body: Body, most: usize, patience: Duration) {
    let reading = async {
        let mut seen = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            seen = seen.saturating_add(frame.data_ref().map_or(0, bytes::Bytes::len));
            if seen > most {
                break;
            }
        }
    };
    if timeout(patience, reading).await.is_err() {
        tracing::debug!("the rest of a refused request did not arrive in time");
    }
}
