//! What Casefile's cost is compared with, each a process of its own so that its CPU time can be told apart: tonic servers
//! that do as little as can be done with a request ("raw"), and what one would write first ("naive").

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use libdeflater::Decompressor;
use moka::sync::Cache;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

use crate::frames::says_nothing;

/// The server that inflates what comes.
pub(crate) const INFLATING: &str = "raw, inflating";
/// The largest request that it inflates.
const LIMIT: usize = 64 << 20;
/// How long the naive server keeps a trace: the retention that Casefile runs with.
const RETENTION: Duration = Duration::from_secs(10);

/// Serves the sink of this name on a port of 127.0.0.1 until the process is killed.
pub(crate) async fn serve(name: &str, port: u16) -> Result<(), String> {
    let sink = match name {
        "raw" => Sink::Raw,
        INFLATING => Sink::Inflating,
        "naive" => Sink::Naive(Arc::new(Cache::builder().time_to_live(RETENTION).build())),
        _ => return Err(format!("no sink is called `{name}`")),
    };
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(8 * 1024 * 1024)
        .max_frame_size(64 * 1024)
        .add_service(sink);
    server.serve(address).await.map_err(|error| format!("{name}: {error}"))
}

type Traces = Cache<Vec<u8>, Arc<Mutex<Vec<Span>>>>;

#[derive(Clone)]
enum Sink {
    /// Takes the bytes and drops them.
    Raw,
    /// Inflates the bytes into a buffer that is used again and again.
    Inflating,
    /// Decodes with prost into a cache of traces that forgets them in time.
    Naive(Arc<Traces>),
}

impl NamedService for Sink {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl tower::Service<http::Request<Body>> for Sink {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sink = self.clone();
        Box::pin(async move {
            Ok(match sink {
                Self::Raw => {
                    let request = says_nothing(request);
                    Grpc::new(RawCodec).max_decoding_message_size(usize::MAX).unary(Drops, request).await
                }
                Self::Inflating => {
                    let request = says_nothing(request);
                    Grpc::new(RawCodec).max_decoding_message_size(usize::MAX).unary(Inflates, request).await
                }
                Self::Naive(traces) => {
                    let codec: tonic_prost::ProstCodec<ExportTraceServiceResponse, ExportTraceServiceRequest> =
                        tonic_prost::ProstCodec::default();
                    let grpc = Grpc::new(codec).accept_compressed(CompressionEncoding::Gzip);
                    grpc.max_decoding_message_size(usize::MAX).unary(Keeps(traces), request).await
                }
            })
        })
    }
}

struct Drops;

impl UnaryService<Bytes> for Drops {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(Bytes::new())))
    }
}

struct Inflates;

thread_local! {
    static INFLATER: RefCell<(Decompressor, Vec<u8>)> = RefCell::new((Decompressor::new(), Vec::new()));
}

impl UnaryService<Bytes> for Inflates {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let body = request.into_inner();
        let size = body.last_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
        let inflated = INFLATER.with_borrow_mut(|(inflater, buffer)| {
            buffer.resize(buffer.len().max(size.min(LIMIT)), 0);
            inflater.gzip_decompress(&body, buffer)
        });
        let answer = inflated.map(|_| Response::new(Bytes::new()));
        ready(answer.map_err(|error| Status::invalid_argument(format!("{error:?}"))))
    }
}

struct Keeps(Arc<Traces>);

impl UnaryService<ExportTraceServiceRequest> for Keeps {
    type Response = ExportTraceServiceResponse;
    type Future = Ready<Result<Response<ExportTraceServiceResponse>, Status>>;

    fn call(&mut self, request: Request<ExportTraceServiceRequest>) -> Self::Future {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            self.0.get_with_by_ref(&span.trace_id, Arc::default).lock().push(span);
        }
        ready(Ok(Response::new(ExportTraceServiceResponse::default())))
    }
}

/// Hands messages over as the bytes that they are.
#[derive(Clone, Copy)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
