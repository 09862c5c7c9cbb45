//! Where records come in: OTLP over gRPC and HTTP, and from Kafka ([`kafka`]). A receiver takes the raw request, inflates it within bounds, walks it
//! once ([`crate::otlp::scan`]) and offers it to the [`Intake`]. It answers the client only when the intake has answered.
//!
//! What a client may rely on:
//!
//! - Of metrics only exemplars that carry a trace id are kept. The rest is dropped without `partial_success`: it was never
//!   asked for, and a client could do nothing about it.
//! - A span with an id that is all zero or of the wrong length is rejected alone, and counted in `partial_success`; so is a
//!   log record with an id of the wrong length. Logs without a trace id are taken.
//! - Attributes are taken as they come: of a key that occurs twice both are kept.
//! - A limit on size holds for the bytes on the wire and for the bytes after decompression. What is over it, or cannot be
//!   read, is refused with a code that is not retried; what does not fit at the moment, with one that is.
//! - Where a server has an authenticator, a request without one of its tokens is refused before its body is read. Webhooks of alerts
//!   that have a secret of their own are asked for that instead; the health service of gRPC answers everybody.

mod alerts;
mod answer;
mod body;
mod counts;
mod encoding;
mod evidence;
mod export;
mod grpc;
mod held;
mod http;
pub mod kafka;
mod profiles;
mod room;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::model::{Budget, Encoding, Entry, Signal, Tenant, TraceId};
use crate::otlp::AttachedFile;

pub use grpc::serve_grpc;
pub use http::serve_http;

/// A request that has been read and walked.
#[derive(Debug)]
pub struct Incoming {
    /// Whose it is.
    pub tenant: Tenant,
    /// Its signal.
    pub signal: Signal,
    /// The protobuf request, uncompressed. Where it came compressed, in room that is lent: whoever keeps it for long keeps a copy.
    pub bytes: Bytes,
    /// The same request as it came, where it was compressed.
    pub wire: Option<(Encoding, Bytes)>,
    /// Its valid records.
    pub entries: Vec<Entry>,
}

/// Why the intake does not take a request now. The client may send it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// For the client and for the `reason` label.
    pub reason: RefusalReason,
    /// How long the client should wait; more than zero.
    pub retry_after: Duration,
}

/// Reasons of a [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The byte budget of the windows is used up.
    #[error("the windows are full")]
    MemoryFull,
    /// The windows' disk cannot be written: it may be full.
    #[error("the windows' storage cannot be written")]
    StorageFailed,
    /// Too many attachments are being stored.
    #[error("too many attachments are being stored")]
    Busy,
    /// The store does not answer.
    #[error("the store does not answer")]
    StoreUnavailable,
    /// The brokers of a gateway have not acknowledged all of it.
    #[error("the brokers have not acknowledged it")]
    BrokerUnavailable,
    /// Too much waits for the brokers of a gateway.
    #[error("too much waits for the brokers")]
    BufferFull,
    /// The tenant sends more records than it may.
    #[error("the tenant sends more records a second than it may")]
    TenantRate,
    /// The tenant's part of the windows is used up.
    #[error("the tenant's windows are full")]
    TenantFull,
    /// The process is being stopped.
    #[error("shutting down")]
    ShuttingDown,
}

impl RefusalReason {
    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoryFull => "memory_full",
            Self::StorageFailed => "storage_failed",
            Self::Busy => "busy",
            Self::StoreUnavailable => "store_unavailable",
            Self::BrokerUnavailable => "broker_unavailable",
            Self::BufferFull => "buffer_full",
            Self::TenantRate => "tenant_rate",
            Self::TenantFull => "tenant_full",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// Whether it is the client's share that is used up, and not the process.
    #[must_use]
    pub fn is_quota(self) -> bool {
        matches!(self, Self::TenantRate | Self::TenantFull)
    }
}

/// What of a request has been acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Records that are too large to be sent on: they alone are refused, and for good.
    pub too_large: u64,
}

/// Why an intake does not take a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// Not now. The client may send it again.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is too large in a way that shows only when it is worked on: in which. For good.
    #[error("{0}")]
    TooLarge(String),
    /// A bug on this side. The same request would meet it again.
    #[error("internal error")]
    Bug,
}

/// Takes requests. `Ok` means acknowledged: all records but those that are said to be refused are owed an outcome from then on, or,
/// by a gateway, are with the brokers.
pub trait Intake: Clone + Send + Sync + 'static {
    /// Offers a request.
    fn admit(&self, incoming: Incoming) -> impl Future<Output = Result<Admitted, AdmitError>> + Send;

    /// What the bytes of requests that are being read are taken from, over all servers. `None`: each server has room of its own.
    fn in_flight(&self) -> Option<Budget> {
        None
    }

    /// Whether a tenant is known here.
    fn serves(&self, tenant: &Tenant) -> bool;

    /// How the content of an attachment is called: in its bundle, and in the answer to its sender. `None` where that is not known yet.
    fn attachment_digest(&self, tenant: &Tenant, content: &[u8]) -> Option<String>;

    /// Tells that a file comes for a trace, which may have been decided long ago: where there is a bundle of it, the file shall
    /// amend that.
    fn expect(&self, tenant: &Tenant, trace_id: TraceId) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Stores a file for an incident. `Ok` means that it is stored.
    fn attach(
        &self,
        tenant: &Tenant,
        incident: String,
        file: AttachedFile,
    ) -> impl Future<Output = Result<(), AttachError>> + Send;
}

/// Why a file is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Not now. The client may send it again.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Files for incidents are stored at once, and here is no store.
    #[error("a gateway has no store: send files for incidents to a process that writes bundles, or name a `trace_id`")]
    NoStore,
    /// Nothing is known of the incident.
    #[error("no such incident is in the store")]
    UnknownIncident,
    /// It could not be redacted.
    #[error("the attachment could not be redacted, so it is not kept")]
    HeldBack,
}

/// Why a receiver cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{endpoint}`")]
    Bind {
        /// As configured.
        endpoint: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A path of the HTTP server cannot be served.
    #[error("`{path}` cannot be an OTLP/HTTP path: {why}")]
    Path {
        /// As configured.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A size limit is zero, or of 4 GiB or more.
    #[error("`{setting}: {value}` is out of range: a request is limited to at least one byte and less than 4 GiB")]
    Limit {
        /// Its name in the configuration.
        setting: &'static str,
        /// As configured.
        value: u64,
    },
}

/// Listens on `endpoint` (`host:port`; port 0 takes a free one).
///
/// # Errors
/// If it is not an address of this machine, or is in use.
pub async fn bind(endpoint: &str) -> Result<TcpListener, ReceiverError> {
    TcpListener::bind(endpoint).await.map_err(|source| ReceiverError::Bind { endpoint: endpoint.to_owned(), source })
}
