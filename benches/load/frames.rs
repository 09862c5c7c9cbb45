//! Requests in the DATA frames in which the Collector's exporters send them.
//!
//! gRPC for Go cuts every message into frames of 16 KiB (`http2MaxFrameLen` of its `internal/transport/http_util.go`), whatever larger
//! frames the server allows, and what a receiver pays for reading depends on it. hyper would use the largest frames allowed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

/// Bytes of a frame of gRPC for Go.
pub(crate) const GO: usize = 16 << 10;
const ENCODING: &str = "grpc-encoding";

/// A body that comes in frames of at most so many bytes.
pub(crate) struct Frames {
    body: Body,
    /// What is left of the body's own frame.
    rest: Bytes,
    size: usize,
    /// What the first byte of the body is to be: whether the message is compressed.
    flag: Option<u8>,
}

/// The request in frames of at most `size` bytes.
pub(crate) fn in_frames(request: http::Request<Body>, size: usize) -> http::Request<Body> {
    request.map(|body| Body::new(Frames { body, rest: Bytes::new(), size, flag: None }))
}

/// The request as one whose message is compressed, which it is.
pub(crate) fn says_gzip(mut request: http::Request<Body>) -> http::Request<Body> {
    request.headers_mut().insert(ENCODING, http::HeaderValue::from_static("gzip"));
    flagged(request, 1)
}

/// The request as one whose message is as it is: a server that looks after compression itself is not to be helped.
pub(crate) fn says_nothing(mut request: http::Request<Body>) -> http::Request<Body> {
    request.headers_mut().remove(ENCODING);
    flagged(request, 0)
}

fn flagged(request: http::Request<Body>, flag: u8) -> http::Request<Body> {
    request.map(|body| Body::new(Frames { body, rest: Bytes::new(), size: usize::MAX, flag: Some(flag) }))
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let has_begun = !self.rest.is_empty();
        if let Some(flag) = self.flag.take_if(|_| has_begun) {
            let mut message = BytesMut::from(std::mem::take(&mut self.rest));
            message[0] = flag;
            self.rest = message.freeze();
        }
        let size = self.size.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
