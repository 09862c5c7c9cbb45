//! A client of gRPC that sends any bytes as a message.

use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use casefile::model::Signal;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tower::{Service as _, ServiceExt as _};

pub(super) fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

pub(super) struct Client {
    runtime: Runtime,
    channel: Channel,
}

impl Client {
    pub(super) fn connect(port: u16) -> Self {
        let runtime = Runtime::new().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, channel }
    }

    /// What a message is answered; it is sent again while there is no room.
    pub(super) fn send(&self, signal: Signal, encoding: Option<&str>, message: &[u8]) -> Code {
        let mut frame = BytesMut::with_capacity(5 + message.len());
        frame.put_u8(u8::from(encoding.is_some()));
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(message);
        let frame = frame.freeze();
        self.runtime.block_on(async {
            let mut patience = 600;
            loop {
                let mut request = http::Request::post(path(signal))
                    .header("content-type", "application/grpc")
                    .header("te", "trailers");
                if let Some(encoding) = encoding {
                    request = request.header("grpc-encoding", encoding);
                }
                let request = request.body(tonic::body::Body::new(Full::new(frame.clone()))).unwrap();
                let mut channel = self.channel.clone();
                let response = channel.ready().await.unwrap().call(request).await.unwrap();
                let (parts, body) = response.into_parts();
                let status = match tonic::Status::from_header_map(&parts.headers) {
                    Some(status) => status,
                    None => {
                        let collected = body.collect().await.unwrap();
                        tonic::Status::from_header_map(collected.trailers().unwrap()).unwrap()
                    }
                };
                patience -= 1;
                if status.code() != Code::Unavailable || patience == 0 {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }
}
