//! A minimal OTLP client: spans over gRPC, logs over HTTP, so that the demo goes through both front doors.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

const TRACES: PathAndQuery = PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// Connections to one Casefile.
pub(super) struct Client {
    grpc: tonic::client::Grpc<Channel>,
    http: reqwest::Client,
    logs_url: String,
}

impl Client {
    /// Connects.
    pub(super) async fn connect(grpc: SocketAddr, http: SocketAddr) -> anyhow::Result<Self> {
        let channel =
            Endpoint::from_shared(format!("http://{grpc}"))?.connect().await.context("connecting over gRPC")?;
        Ok(Self {
            grpc: tonic::client::Grpc::new(channel),
            http: reqwest::Client::builder().build().context("building an HTTP client")?,
            logs_url: format!("http://{http}/v1/logs"),
        })
    }

    /// Sends spans and waits until they are acknowledged.
    pub(super) async fn traces(&mut self, request: ExportTraceServiceRequest) -> anyhow::Result<()> {
        self.grpc.ready().await?;
        let codec: tonic_prost::ProstCodec<ExportTraceServiceRequest, ExportTraceServiceResponse> = Default::default();
        self.grpc.unary(tonic::Request::new(request), TRACES, codec).await.context("sending spans")?;
        Ok(())
    }

    /// Sends log records and waits until they are acknowledged.
    pub(super) async fn logs(&self, request: &ExportLogsServiceRequest) -> anyhow::Result<()> {
        let response = self
            .http
            .post(&self.logs_url)
            .header("content-type", "application/x-protobuf")
            .body(request.encode_to_vec())
            .send()
            .await
            .context("sending log records")?;
        ensure!(response.status().is_success(), "log records were refused: {}", response.status());
        Ok(())
    }
}
