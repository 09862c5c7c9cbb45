//! What both transports do with a request once its bytes are there: inflate, walk, admit; and every way it can fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;

use super::counts::{self, Taken};
use super::encoding;
use super::held::Held;
use super::room::Room;
use super::{AdmitError, Admitted, Incoming, Intake, Refusal, RefusalReason};
use crate::model::{Budget, Encoding, Entry, Signal, Tenant};
use crate::otlp::{self, InflateError, Limits, Rejected, Scan, WireError, inflate};
use crate::telemetry::names;
use crate::transport::{Access, Denial};

/// Above this many bytes on the wire a request is not worked on between others on their thread, but beside them: of what is only
/// walked, and of what is to be inflated or translated first. Handing it over costs as much as walking a few hundred spans.
const OFFLOAD: usize = 1024 * 1024;
const OFFLOAD_ENCODED: usize = 64 * 1024;
/// Requests that are being read hold no more than this, or four of the largest, whichever is more.
const IN_FLIGHT: usize = 256 * 1024 * 1024;
/// The wait asked of a client when too many bytes are being read.
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// Messages to clients are cut to this many bytes.
const MAX_MESSAGE: usize = 1024;

/// The intake as one transport sees it.
#[derive(Debug)]
pub(super) struct Port<I> {
    pub(super) intake: I,
    pub(super) transport: &'static str,
    /// Largest request, before and after inflation.
    pub(super) limit: usize,
    /// Time for a request's body.
    pub(super) read_timeout: Duration,
    /// Who may come in.
    pub(super) access: Access,
    in_flight: Budget,
    /// By signal.
    taken: [Taken; Signal::ALL.len()],
}

/// A request as it came: bytes from `start`, compressed or not.
pub(super) struct Wire {
    pub(super) bytes: Room,
    pub(super) start: usize,
    pub(super) encoding: Encoding,
    pub(super) format: Format,
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// An acknowledged request: what of it was refused for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) partial: Option<Partial>,
}

/// `partial_success`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partial {
    pub(super) rejected: i64,
    pub(super) message: String,
}

/// Why a request is not acknowledged.
#[derive(Debug)]
pub(super) enum Failure {
    /// Too many bytes, before or after inflation. For good.
    TooLarge { limit: usize },
    /// The same of an attachment.
    TooLong { limit: usize },
    /// Not a media type that is taken here: what is. For good.
    Media(String),
    /// Too many elements, or too large in another way: in which. For good.
    TooMany(String),
    /// No record of it can be sent on. For good.
    Unsendable,
    /// Not what it should be. For good.
    Undecodable(String),
    /// Compressed in a way that is not known. For good.
    Encoding(String),
    /// Framed against the rules of gRPC. For good.
    Framing(&'static str),
    /// Not a form of request that is served here: what is. For good.
    Form(String),
    /// Not from whom it should be: why. For good.
    Unauthenticated(&'static str),
    /// Not from whom it should be, by the server's authenticator or the connection. For good.
    Denied(Denial),
    /// Nothing of this name is here. For good.
    NotFound(String),
    /// Neither protobuf nor JSON. For good.
    MediaType,
    /// Not a POST. For good.
    Method,
    /// Not a path that is served. For good.
    NoSuchPath,
    /// Not now.
    Refused(Refusal),
    /// It did not arrive in time.
    Slow(Duration),
    /// The client went away: nobody reads the answer.
    Aborted,
    /// A bug on this side. The same request would meet it again.
    Bug,
}

impl Failure {
    /// Too many bytes are being read at the moment.
    pub(super) fn busy() -> Self {
        Self::Refused(Refusal { reason: RefusalReason::MemoryFull, retry_after: BUSY_RETRY })
    }

    /// For the client.
    pub(super) fn message(&self) -> String {
        let message = match self {
            Self::TooLarge { limit } => format!("the request is larger than {limit} bytes; send smaller batches"),
            Self::TooMany(what) => format!("{what}; send smaller batches"),
            Self::Unsendable => {
                "too large for a message of Kafka (`producer.max_message_bytes` of the gateway's exporter)".to_owned()
            }
            Self::Undecodable(what) => what.clone(),
            Self::Encoding(name) => format!("unknown encoding `{name}`; known are {}", encoding::ACCEPTED),
            Self::Framing(what) | Self::Unauthenticated(what) => (*what).to_owned(),
            Self::Denied(denial) => denial.to_string(),
            Self::TooLong { limit } => {
                format!("the attachment is larger than {limit} bytes, the receiver's `max_attachment_size`")
            }
            Self::Form(what) | Self::NotFound(what) | Self::Media(what) => what.clone(),
            Self::MediaType => "unknown Content-Type; use application/x-protobuf or application/json".to_owned(),
            Self::Method => "use POST".to_owned(),
            Self::NoSuchPath => "no such path, or no pipeline takes this signal".to_owned(),
            Self::Refused(refusal) => format!("{refusal}; try again later"),
            Self::Slow(patience) => {
                format!("the request did not arrive within {}", humantime::format_duration(*patience))
            }
            Self::Aborted => "the request was cut off".to_owned(),
            Self::Bug => "internal error; the request was not processed".to_owned(),
        };
        capped(message)
    }
}

/// At most [`MAX_MESSAGE`] bytes of `message`.
pub(super) fn capped(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    message
}

impl From<InflateError> for Failure {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge { limit } => Self::TooLarge { limit },
            InflateError::Full => Self::busy(),
            InflateError::Corrupt(error) => Self::Undecodable(format!("the compressed body cannot be read: {error}")),
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        match error {
            WireError::TooMany { .. } => Self::TooMany(error.to_string()),
            _ => Self::Undecodable(error.to_string()),
        }
    }
}

impl From<AdmitError> for Failure {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Refused(refusal) => Self::Refused(refusal),
            AdmitError::TooLarge(what) => Self::TooMany(what),
            AdmitError::Bug => Self::Bug,
        }
    }
}

impl<I: Intake> Port<I> {
    pub(super) fn new(
        intake: I,
        transport: &'static str,
        limit: usize,
        read_timeout: Duration,
        access: Access,
    ) -> Self {
        counts::begin("otlp", transport);
        let own = || Budget::new(limit.saturating_mul(4).max(IN_FLIGHT));
        let in_flight = intake.in_flight().unwrap_or_else(own);
        let taken = Signal::ALL.map(|signal| Taken::new(transport, signal));
        Self { intake, transport, limit, read_timeout, access, in_flight, taken }
    }

    /// Whose a request is. Before its body is read: nothing is held for a stranger.
    pub(super) fn whose<B>(&self, request: &http::Request<B>) -> Result<Tenant, Failure> {
        self.served(self.access.admit(request.headers(), request.extensions()))
    }

    /// The same of a request that shows in another way from whom it is.
    pub(super) fn whose_connection<B>(&self, request: &http::Request<B>) -> Result<Tenant, Failure> {
        self.served(self.access.tenant_of(request.extensions()))
    }

    fn served(&self, tenant: Result<Tenant, Denial>) -> Result<Tenant, Failure> {
        let tenant = tenant.map_err(Failure::Denied)?;
        if self.intake.serves(&tenant) {
            return Ok(tenant);
        }
        self.access.count(Denial::UnknownTenant);
        Err(Failure::Denied(Denial::UnknownTenant))
    }

    /// An account for the bytes of one request.
    pub(super) fn hold(&self) -> Held {
        Held::new(&self.in_flight)
    }

    /// Takes a request in. `Ok` once the intake has it.
    pub(super) async fn export(
        &self,
        tenant: Tenant,
        signal: Signal,
        wire: Wire,
        held: Held,
    ) -> Result<Accepted, Failure> {
        let limit = self.limit;
        let is_plain = wire.encoding == Encoding::Identity && wire.format == Format::Protobuf;
        let is_long = wire.bytes.len() > if is_plain { OFFLOAD } else { OFFLOAD_ENCODED };
        let work = move || prepare(signal, wire, limit, held);
        let Prepared { bytes, wire, scan, held } = if is_long { beside(work).await } else { guarded(work) }?;

        let records = scan.entries.len() as u64;
        let mut admitted = Admitted::default();
        if records > 0 {
            let incoming = Incoming { tenant, signal, bytes, wire, entries: scan.entries };
            let outcome = self.intake.admit(incoming).await;
            admitted = outcome.inspect_err(|_| counts::refused("otlp", self.transport, signal, records))?;
        }
        drop(held);
        self.count_accepted(signal, records.saturating_sub(admitted.too_large));
        self.count_rejected(signal, scan.rejected, admitted);
        Ok(Accepted { partial: partial(signal, scan.rejected, admitted) })
    }

    /// Takes in a request that was made here, of `signal`. How many of its records were taken, of which there is one at least.
    pub(super) async fn admit(&self, tenant: Tenant, signal: Signal, request: Vec<u8>) -> Result<u64, Failure> {
        let bytes = Bytes::from(exact(request));
        let scan = otlp::scan(signal, &bytes, &Limits::default())?;
        let records = scan.entries.len() as u64;
        let incoming = Incoming { tenant, signal, bytes, wire: None, entries: scan.entries };
        let outcome = self.intake.admit(incoming).await;
        let admitted = outcome.inspect_err(|_| counts::refused("otlp", self.transport, signal, records))?;
        self.count_rejected(signal, Rejected::default(), admitted);
        match records.saturating_sub(admitted.too_large) {
            0 => Err(Failure::Unsendable),
            taken => {
                self.count_accepted(signal, taken);
                Ok(taken)
            }
        }
    }

    /// Counts a request that was acknowledged.
    pub(super) fn acknowledged(&self, signal: Signal) {
        self.taken(signal).iter().for_each(|taken| taken.answered());
    }

    /// Counts a request that was answered with `code`, of what `signal` names.
    pub(super) fn answered(&self, signal: &'static str, code: &'static str, failure: Option<&Failure>) {
        metrics::counter!(
            names::RECEIVER_REQUESTS,
            "transport" => self.transport, "signal" => signal, "code" => code
        )
        .increment(1);
        if let Some(Failure::Refused(refusal)) = failure {
            metrics::counter!(
                names::RECEIVER_REFUSED_REQUESTS,
                "transport" => self.transport, "signal" => signal, "reason" => refusal.reason.as_str()
            )
            .increment(1);
        }
        if failure.is_some() {
            // The message may quote the request, and so stays out of the log.
            tracing::debug!(transport = self.transport, signal, code, "a request was not taken");
        }
    }

    /// Counts records that the intake has.
    pub(super) fn count_accepted(&self, signal: Signal, records: u64) {
        self.taken(signal).iter().for_each(|taken| taken.accepted(records));
    }

    fn taken(&self, signal: Signal) -> Option<&Taken> {
        self.taken.get(signal as usize)
    }

    fn count_rejected(&self, signal: Signal, rejected: Rejected, admitted: Admitted) {
        let reasons =
            [("trace_id", rejected.trace_id), ("span_id", rejected.span_id), ("too_large", admitted.too_large)];
        for (reason, records) in reasons {
            if records > 0 {
                metrics::counter!(
                    names::RECEIVER_REJECTED_RECORDS,
                    "transport" => self.transport, "signal" => signal.as_str(), "reason" => reason
                )
                .increment(records);
            }
        }
    }
}

/// A request that is ready for the intake.
struct Prepared {
    bytes: Bytes,
    wire: Option<(Encoding, Bytes)>,
    scan: Scan,
    held: Held,
}

fn prepare(signal: Signal, wire: Wire, limit: usize, mut held: Held) -> Result<Prepared, Failure> {
    // Bytes are limited by configuration; these keep what is *made* of few bytes small: two are enough for a span.
    let limits = Limits::default();
    let Wire { bytes, start, encoding, format } = wire;
    let bytes = bytes.into_bytes().slice(start..);
    let (bytes, wire) = match encoding {
        Encoding::Identity => (bytes, None),
        Encoding::Gzip | Encoding::Zstd => {
            (inflate(encoding, &bytes, limit, |more| held.grow(more))?, Some((encoding, bytes)))
        }
    };
    let wire = wire.filter(|_| format == Format::Protobuf);
    let bytes = match format {
        Format::Protobuf => bytes,
        // An empty body is the empty request in protobuf, and is taken for it here too.
        Format::Json if bytes.is_empty() => bytes,
        Format::Json => Bytes::from(exact(otlp::from_json(signal, &bytes, &limits)?)),
    };
    let scan = otlp::scan(signal, &bytes, &limits)?;
    // Of small records, what a walk notes is more than the bytes are.
    if !held.grow(scan.entries.len() * size_of::<Entry>()) {
        return Err(Failure::busy());
    }
    Ok(Prepared { bytes, wire, scan, held })
}

/// Without spare capacity: a window accounts for a request by its length.
fn exact(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.shrink_to_fit();
    bytes
}

/// Runs `work`; a panic in it fails this one request and not its connection, on which others are in progress.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Bug))
}

/// Decompresses a body of at most `limit` bytes.
pub(super) fn plain(encoding: Encoding, bytes: Vec<u8>, limit: usize, held: &mut Held) -> Result<Vec<u8>, Failure> {
    match encoding {
        Encoding::Identity => Ok(bytes),
        Encoding::Gzip | Encoding::Zstd => Ok(Vec::from(inflate(encoding, &bytes, limit, |more| held.grow(more))?)),
    }
}

/// Runs `work` beside the threads that serve connections.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Failure::Bug))
}

/// What the client is told of records that were refused. Of metrics only exemplars are read, and an exemplar is not a data
/// point: that is a warning, which rejects nothing.
pub(super) fn partial(signal: Signal, rejected: Rejected, admitted: Admitted) -> Option<Partial> {
    let Rejected { trace_id, span_id } = rejected;
    let Admitted { too_large } = admitted;
    let total = trace_id.saturating_add(span_id).saturating_add(too_large);
    if total == 0 {
        return None;
    }
    let (noun, counted) = match signal {
        Signal::Traces => ("spans", total),
        Signal::Logs => ("log records", total),
        Signal::Metrics => ("exemplars", 0),
    };
    // Records other than spans may stand outside any trace: an id of zeros is none there, and no fault.
    let (zero, parent) = if signal == Signal::Traces { (" or all zero", " or parent_span_id") } else { ("", "") };
    let reasons = [
        (trace_id, format!("{trace_id} for a trace_id that is not 16 bytes long{zero}")),
        (span_id, format!("{span_id} for a span_id{parent} that is not 8 bytes long{zero}")),
        (too_large, format!("{too_large} for being too large to be sent on")),
    ];
    let reasons: Vec<_> = reasons.into_iter().filter(|(count, _)| *count > 0).map(|(_, reason)| reason).collect();
    let message = format!("{total} {noun} rejected: {}", reasons.join("; "));
    Some(Partial { rejected: i64::try_from(counted).unwrap_or(i64::MAX), message: capped(message) })
}
