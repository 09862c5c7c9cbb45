//! A record as the window holds it: a few facts read off the wire, and where its bytes are.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::sync::Mutex;
use super::{CloseReason, Origin, Permit, SpanId, Timestamp, TraceId, Tracked};

/// Which OTLP signal a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// `ExportTraceServiceRequest`: records are spans.
    Traces,
    /// `ExportLogsServiceRequest`: records are log records.
    Logs,
    /// `ExportMetricsServiceRequest`: records are the exemplars that carry a trace id.
    Metrics,
}

impl Signal {
    /// All of them, in the order in which `as usize` numbers them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// The name used in metric labels and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }
}

/// A byte range of a request: offsets into [`Batch::bytes`]. Requests are limited to less than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteRange {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl ByteRange {
    /// The bytes of this range in `bytes`; empty if it does not fit.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the range holds nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Facts about a record that a walk over its wire bytes yields without allocating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Trace; all zero for a log record without one.
    pub trace_id: TraceId,
    /// Span; all zero for a log record without one.
    pub span_id: SpanId,
    /// Parent span; all zero for a root (and for logs).
    pub parent_span_id: SpanId,
    /// Span: `start_time_unix_nano`. Log: `time_unix_nano`, else `observed_time_unix_nano`. Exemplar: `time_unix_nano`.
    pub start: Timestamp,
    /// Span: `end_time_unix_nano`. Others: the same as `start`.
    pub end: Timestamp,
    /// Span: `status.code` (0 unset, 1 ok, 2 error; other values as they came).
    pub status: i32,
    /// Log: `severity_number` (0 unset, 17 and above is ERROR; other values as they came).
    pub severity: i32,
    /// Span: an event named `exception`.
    pub exception_event: bool,
    /// An attribute of the record itself whose key starts with `exception.`.
    pub exception_attributes: bool,
    /// `test.case.result.status` of the record itself is `fail`.
    pub failed_test: bool,
}

/// `status.code` of a failed span (`Status.StatusCode.STATUS_CODE_ERROR`).
pub const STATUS_ERROR: i32 = 2;
/// `severity_number` from which a log record is an error (`SEVERITY_NUMBER_ERROR`).
pub const SEVERITY_ERROR: i32 = 17;

/// One record of a request: its facts and where it, its resource and its scope stand in the request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What the walk read.
    pub head: Head,
    /// The `Resource` message (payload, without its tag and length); empty if absent.
    pub resource: ByteRange,
    /// The `InstrumentationScope` message (payload); empty if absent.
    pub scope: ByteRange,
    /// Metrics: the `Metric` message that the exemplar stands in (payload); otherwise empty.
    pub metric: ByteRange,
    /// The `Span`, `LogRecord` or `Exemplar` message (payload).
    pub body: ByteRange,
}

/// How the body of a request is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A request as it came, compressed.
#[derive(Debug)]
pub struct Packed {
    /// How.
    pub encoding: Encoding,
    /// The compressed bytes.
    pub wire: Bytes,
    /// The length of the protobuf request.
    pub len: usize,
    /// The protobuf request, as long as it is one of those that were looked at last.
    pub at_hand: Mutex<Option<(Bytes, Permit)>>,
    /// How often it was inflated again.
    pub inflations: AtomicU32,
    /// The protobuf request, once it was inflated so often that it had better be held as well.
    pub inflated: OnceLock<(Bytes, Permit)>,
}

impl Packed {
    /// Of a request that is `len` bytes long, inflated.
    #[must_use]
    pub fn new(encoding: Encoding, wire: Bytes, len: usize) -> Self {
        let (at_hand, inflations, inflated) = Default::default();
        Self { encoding, wire, len, at_hand, inflations, inflated }
    }

    /// The protobuf request, if that takes no work.
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        let bytes = |(bytes, _): &(Bytes, Permit)| bytes.clone();
        self.inflated.get().map(bytes).or_else(|| self.at_hand.lock().as_ref().map(bytes))
    }
}

/// The bytes of one request, shared by all of its records, and the part of the byte budget that they hold.
#[derive(Debug)]
pub struct Batch {
    /// Which request this is.
    pub signal: Signal,
    /// The protobuf request, uncompressed; empty where it is `packed`.
    pub bytes: Bytes,
    /// The request as a window holds it whose records nobody may ever look at again. Those that somebody does are given bytes of
    /// their own first.
    pub packed: Option<Packed>,
    /// Given back to the budget when the last record of the request is gone.
    pub permit: Permit,
    /// Where it is kept beside memory, if it is.
    pub origin: Option<Origin>,
}

/// A record in the window: an entry and the request it stands in.
#[derive(Debug, Clone)]
pub struct Record {
    /// The request.
    pub batch: Arc<Batch>,
    /// Where the record stands in it, and its facts.
    pub entry: Entry,
}

impl Record {
    /// The record's own message bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.entry.body.of(&self.batch.bytes)
    }

    /// The bytes of its `Resource`.
    #[must_use]
    pub fn resource(&self) -> &[u8] {
        self.entry.resource.of(&self.batch.bytes)
    }

    /// The bytes of its `InstrumentationScope`.
    #[must_use]
    pub fn scope(&self) -> &[u8] {
        self.entry.scope.of(&self.batch.bytes)
    }

    /// The bytes of the `Metric` that an exemplar stands in.
    #[must_use]
    pub fn metric(&self) -> &[u8] {
        self.entry.metric.of(&self.batch.bytes)
    }

    /// Its signal.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.batch.signal
    }
}

/// All records of a trace, as it leaves the window.
#[derive(Debug)]
pub struct ClosedTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// In order of arrival: nothing that is written may depend on it.
    pub records: Vec<Record>,
    /// The same records, which are owed an outcome.
    pub tracked: Tracked,
    /// Why it left.
    pub reason: CloseReason,
    /// Whether other records of it had been let go before, not sampled.
    pub missed: bool,
    /// When its first record was admitted.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
}
