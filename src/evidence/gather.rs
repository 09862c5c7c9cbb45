//! From the records of a closed trace to its distinct records: each gets a digest, repeated ones go.
//!
//! Every record is decoded here once to be digested, and, beyond the first [`KEPT`] bytes of a trace, forgotten again except for a few facts;
//! what of those the bundle shows is decoded a second time. A trace of a million spans so costs its wire bytes and a small table.
//!
//! The digest is the first 16 bytes of HMAC-SHA256 over the length-prefixed protobuf encodings of signal, resource,
//! scope, metric name and unit (exemplars), and record. They are encoded anew from the decoded values, so that two
//! encoders' field order does not make two records of one. The order of attributes within a message is content: it is
//! kept as it came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;
use sha2::Sha256;

use super::{baggage, values};
use crate::model::{
    Attributes, Batch, ByteRange, DropReason, Loose, Outcome, Record, RecordDigest, RootKey, SEVERITY_ERROR,
    STATUS_ERROR, Signal, SpanId, Timestamp,
};
use crate::otlp::{Body, Origin, attachment_in, decode, decode_origin};

/// Most feature flags of a trace that are kept, in the order of their keys.
const MAX_FLAGS: usize = 256;

/// Bytes on the wire of records that stay decoded; decoded they take some four times as much.
const KEPT: usize = 512 << 10;

/// Digests records. Cloning the prepared MAC saves two blocks of hashing a record.
#[derive(Debug, Clone)]
pub(super) struct Digester(Hmac<Sha256>);

/// The distinct records of a trace.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By (start, span id, digest); of each span id one.
    pub(super) spans: Vec<SpanFact>,
    /// By (time, observed time, digest).
    pub(super) logs: Vec<LogFact>,
    /// By (time, digest).
    pub(super) exemplars: Vec<ExemplarFact>,
    /// By digest.
    pub(super) files: Vec<FileFact>,
    /// Digests of all distinct records, sorted.
    pub(super) digests: Vec<RecordDigest>,
    /// Feature flags by key, each as it was last evaluated.
    pub(super) flags: Attributes,
    /// Service, name and version of every instrumentation scope that has a version.
    pub(super) scopes: BTreeSet<[String; 3]>,
    /// Records that came again, without those that no trace owns.
    pub(super) duplicates: u64,
    /// Records that no trace owns, among all the others.
    pub(super) loose: Vec<Arc<Loose>>,
    /// Records whose bytes are malformed.
    pub(super) undecodable: u64,
    /// Spans that share their id with one that is shown, but not its content.
    pub(super) conflicting: u64,
}

/// What is kept in memory of a span.
#[derive(Debug, Clone)]
pub(super) struct SpanFact {
    pub(super) digest: RecordDigest,
    pub(super) record: Record,
    /// The span itself, if it stays decoded.
    body: Option<Arc<Span>>,
    /// The attributes of its resource.
    pub(super) resource: Arc<Attributes>,
    pub(super) id: SpanId,
    pub(super) parent: SpanId,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) status: i32,
    pub(super) name: Arc<str>,
    /// The last exception event: the one that left the span, where several were recorded.
    pub(super) exception: Option<Thrown>,
}

/// Which exception was recorded, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thrown {
    pub(super) at: Timestamp,
    pub(super) kind: Option<Arc<str>>,
}

/// What is kept in memory of a log record.
#[derive(Debug, Clone)]
pub(super) struct LogFact {
    pub(super) digest: RecordDigest,
    pub(super) record: Record,
    /// The log record itself, if it stays decoded.
    body: Option<Arc<LogRecord>>,
    /// The attributes of its resource.
    pub(super) resource: Arc<Attributes>,
    pub(super) span: SpanId,
    /// `time_unix_nano`, else `observed_time_unix_nano`; 0 where both are absent.
    pub(super) time: Timestamp,
    pub(super) observed: Timestamp,
    pub(super) severity: i32,
    /// Set where it carries `exception.*` attributes.
    pub(super) exception: Option<Thrown>,
    /// Whether it carries no trace id.
    pub(super) loose: bool,
    /// Whether it tells of an entry of the baggage.
    pub(super) baggage: bool,
}

/// What is kept in memory of an exemplar.
#[derive(Debug, Clone)]
pub(super) struct ExemplarFact {
    pub(super) digest: RecordDigest,
    pub(super) record: Record,
    /// The attributes of its resource.
    pub(super) resource: Arc<Attributes>,
    pub(super) time: Timestamp,
}

/// What is kept in memory of an attachment.
#[derive(Debug, Clone)]
pub(super) struct FileFact {
    pub(super) digest: RecordDigest,
    pub(super) record: Record,
    /// The attributes of its resource.
    pub(super) resource: Arc<Attributes>,
}

impl FileFact {
    /// The log record that brings it.
    pub(super) fn load(&self) -> Option<Loaded<LogRecord>> {
        Some(Loaded { resource: Arc::clone(&self.resource), body: decoded_log(&self.record)? })
    }
}

impl SpanFact {
    /// Whether its status is ERROR, or it is a test case that failed.
    pub(super) fn failed(&self) -> bool {
        self.status == STATUS_ERROR || self.record.entry.head.failed_test
    }

    /// The span itself.
    pub(super) fn load(&self) -> Option<Loaded<Span>> {
        let decoded = || match decode(&self.record) {
            Ok(Body::Span(span)) => Some(Arc::new(span)),
            _ => None,
        };
        Some(Loaded { resource: Arc::clone(&self.resource), body: self.body.clone().or_else(decoded)? })
    }
}

impl LogFact {
    /// Whether its severity is ERROR or above, or it tells of a test case that failed.
    pub(super) fn is_error(&self) -> bool {
        self.severity >= SEVERITY_ERROR || self.record.entry.head.failed_test
    }

    /// The log record itself.
    pub(super) fn load(&self) -> Option<Loaded<LogRecord>> {
        let body = self.body.clone().or_else(|| decoded_log(&self.record))?;
        Some(Loaded { resource: Arc::clone(&self.resource), body })
    }
}

fn decoded_log(record: &Record) -> Option<Arc<LogRecord>> {
    match decode(record) {
        Ok(Body::Log(log)) => Some(Arc::new(log)),
        _ => None,
    }
}

/// A record decoded to be shown, and the attributes of its resource.
#[derive(Debug, Clone)]
pub(super) struct Loaded<T> {
    pub(super) resource: Arc<Attributes>,
    pub(super) body: Arc<T>,
}

impl<T> Loaded<T> {
    /// `service.name` of the resource; empty where it has none.
    pub(super) fn service(&self) -> &str {
        values::string(&self.resource, "service.name").unwrap_or_default()
    }
}

impl Digester {
    /// A digester keyed with a key derived from `root`.
    pub(super) fn new(root: &RootKey) -> Self {
        let key = root.derive("casefile/record-digest/v1");
        // RFC 2104: a key shorter than the hash's block is padded with zeros to that block.
        let mut block = zeroize::Zeroizing::new([0; 64]);
        block.iter_mut().zip(key.iter()).for_each(|(to, from)| *to = *from);
        Self(Hmac::new((&*block).into()))
    }

    /// A digester that has taken in these parts.
    fn with(&self, parts: &[&[u8]]) -> Self {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        Self(mac)
    }

    fn end(self) -> RecordDigest {
        let mut digest = [0; 16];
        digest.iter_mut().zip(self.0.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        RecordDigest(digest)
    }

    fn of_origin(&self, signal: Signal, origin: &Origin) -> Self {
        self.with(&[signal.as_str().as_bytes(), &origin.resource.encode_to_vec(), &origin.scope.encode_to_vec()])
    }

    /// The digest of a record; `self` has taken in its origin. `room` is where it is encoded.
    fn of_body(&self, body: &Body, room: &mut Vec<u8>) -> RecordDigest {
        room.clear();
        let (metric, unit, encoded) = match body {
            Body::Span(span) => ("", "", span.encode(room)),
            Body::Log(log) => ("", "", log.encode(room)),
            Body::Exemplar { exemplar, metric, unit } => (metric.as_str(), unit.as_str(), exemplar.encode(room)),
        };
        debug_assert!(encoded.is_ok(), "a vector has room for everything");
        self.with(&[metric.as_bytes(), unit.as_bytes(), room]).end()
    }

    /// The digest of the content of a file.
    pub(super) fn of_content(&self, content: &[u8]) -> RecordDigest {
        self.with(&[b"attachment", content]).end()
    }

    /// A record that cannot be decoded is listed by its raw bytes, so that it does not vanish.
    fn of_raw(&self, record: &Record) -> RecordDigest {
        let signal = record.signal().as_str().as_bytes();
        self.with(&[b"raw", signal, record.resource(), record.scope(), record.metric(), record.body()]).end()
    }
}

/// Resources and scopes that were decoded already: those of one place in one request, which most records share with their neighbours.
struct Origins<'d> {
    digester: &'d Digester,
    scopes: BTreeSet<[String; 3]>,
    known: BTreeMap<Place, (Arc<Batch>, Option<Shared>)>,
}

/// A request's address, which is its own for as long as the request is held, and the places of resource and scope in it.
type Place = (usize, ByteRange, ByteRange);

/// What the records of one origin share.
#[derive(Debug, Clone)]
struct Shared {
    resource: Arc<Attributes>,
    digester: Digester,
}

impl<'d> Origins<'d> {
    fn new(digester: &'d Digester) -> Self {
        Self { digester, scopes: BTreeSet::new(), known: BTreeMap::new() }
    }

    /// That of a record; `None` if it cannot be decoded.
    fn of(&mut self, record: &Record) -> Option<Shared> {
        let entry = &record.entry;
        let place = (Arc::as_ptr(&record.batch).addr(), entry.resource, entry.scope);
        let (digester, scopes) = (self.digester, &mut self.scopes);
        let mut decoded = || {
            let origin = decode_origin(record).ok()?;
            let digester = digester.of_origin(record.signal(), &origin);
            let resource = Arc::new(values::attributes(&origin.resource.attributes));
            let (name, version) = (origin.scope.name, origin.scope.version);
            if !name.is_empty() && !version.is_empty() {
                let service = values::string(&resource, "service.name").unwrap_or_default();
                scopes.insert([service.to_owned(), name, version]);
            }
            Some(Shared { resource, digester })
        };
        self.known.entry(place).or_insert_with(|| (Arc::clone(&record.batch), decoded())).1.clone()
    }
}

/// Decodes, digests and sorts the records, and those that no trace owns (`shared`) with them.
pub(super) fn gather(records: Vec<Record>, shared: &[Arc<Loose>], digester: &Digester) -> Gathered {
    let mut gathered = Gathered::default();
    let mut seen = BTreeSet::new();
    let mut names = Names::default();
    let mut flags = BTreeMap::new();
    let mut origins = Origins::new(digester);
    let mut left = KEPT;
    let mut room = Vec::new();
    let owned = records.into_iter().map(|record| (record, None));
    let shared = shared.iter().map(|loose| (loose.record().clone(), Some(loose)));
    for (record, loose) in owned.chain(shared) {
        let decoded = origins.of(&record).zip(decode(&record).ok());
        let digest = match &decoded {
            Some((origin, body)) => origin.digester.of_body(body, &mut room),
            None => digester.of_raw(&record),
        };
        if !seen.insert(digest) {
            match loose {
                Some(loose) => loose.settle(Outcome::Dropped(DropReason::Duplicate)),
                None => gathered.duplicates += 1,
            }
            continue;
        }
        gathered.loose.extend(loose.cloned());
        match decoded {
            None => gathered.undecodable += 1,
            Some((Shared { resource, .. }, Body::Span(span))) => {
                note_flags(&mut flags, digest, &span);
                let mut fact = span_fact(digest, record, resource, &span, &mut names);
                fact.body = kept(span, &fact.record, &mut left);
                gathered.spans.push(fact);
            }
            Some((Shared { resource, .. }, Body::Log(log))) if attachment_in(&log).is_some() => {
                gathered.files.push(FileFact { digest, record, resource });
            }
            Some((Shared { resource, .. }, Body::Log(log))) => {
                let mut fact = log_fact(digest, record, resource, &log, &mut names);
                note_flag(&mut flags, fact.time, digest, &log.attributes);
                fact.body = kept(log, &fact.record, &mut left);
                gathered.logs.push(fact);
            }
            Some((Shared { resource, .. }, Body::Exemplar { exemplar, .. })) => {
                let time = Timestamp(exemplar.time_unix_nano);
                gathered.exemplars.push(ExemplarFact { digest, record, resource, time });
            }
        }
    }
    gathered.digests = seen.into_iter().collect();
    gathered.scopes = origins.scopes;
    gathered.flags = flags.into_iter().take(MAX_FLAGS).map(|(key, (_, _, value))| (key, value)).collect();
    gathered.conflicting = one_of_each_id(&mut gathered.spans);
    gathered.spans.sort_unstable_by_key(|span| (span.start, span.id, span.digest));
    // Clocks of milliseconds give many logs one time: what went wrong stands behind what led to it.
    sort(&mut gathered.logs);
    gathered.files.sort_unstable_by_key(|file| file.digest);
    gathered.exemplars.sort_unstable_by_key(|exemplar| (exemplar.time, exemplar.digest));
    gathered
}

/// A decoded body, as long as there are bytes left for such.
fn kept<T>(body: T, record: &Record, left: &mut usize) -> Option<Arc<T>> {
    *left = left.checked_sub(record.body().len())?;
    Some(Arc::new(body))
}

/// Log records that stand beside a trace, decoded, digested and sorted as its own are; without those of `known` digests.
pub(super) fn beside(
    logs: &[Arc<Loose>],
    known: &[RecordDigest],
    digester: &Digester,
) -> (Vec<LogFact>, Vec<Arc<Loose>>) {
    let mut seen: BTreeSet<RecordDigest> = known.iter().copied().collect();
    let mut names = Names::default();
    let mut origins = Origins::new(digester);
    let (mut facts, mut taken, mut room) = (Vec::new(), Vec::new(), Vec::new());
    for loose in logs {
        let record = loose.record();
        let Some((origin, body)) = origins.of(record).zip(decode(record).ok()) else { continue };
        let digest = origin.digester.of_body(&body, &mut room);
        if let (true, Body::Log(log)) = (seen.insert(digest), body) {
            facts.push(log_fact(digest, record.clone(), origin.resource, &log, &mut names));
            taken.push(Arc::clone(loose));
        }
    }
    sort(&mut facts);
    (facts, taken)
}

/// By time. Clocks of milliseconds give many logs one time: what went wrong stands behind what led to it.
fn sort(logs: &mut [LogFact]) {
    logs.sort_unstable_by_key(|log| (log.time, log.observed, log.severity, log.digest));
}

/// Keeps one span of each id: a failed one before others, then the one that ended last, then the greatest digest.
fn one_of_each_id(spans: &mut Vec<SpanFact>) -> u64 {
    let before = spans.len();
    spans.sort_unstable_by(|a, b| {
        let rank = |span: &SpanFact| (span.failed(), span.end, span.digest);
        a.id.cmp(&b.id).then_with(|| rank(b).cmp(&rank(a)))
    });
    spans.dedup_by_key(|span| span.id);
    (before - spans.len()) as u64
}

fn span_fact(
    digest: RecordDigest,
    record: Record,
    resource: Arc<Attributes>,
    span: &Span,
    names: &mut Names,
) -> SpanFact {
    let exception =
        span.events.iter().filter(|event| event.name == "exception").max_by_key(|event| event.time_unix_nano);
    SpanFact {
        digest,
        record,
        body: None,
        resource,
        id: values::span_id(&span.span_id),
        parent: values::span_id(&span.parent_span_id),
        start: Timestamp(span.start_time_unix_nano),
        end: Timestamp(span.end_time_unix_nano),
        status: span.status.as_ref().map_or(0, |status| status.code),
        name: names.intern(&span.name),
        exception: exception.map(|event| Thrown {
            at: Timestamp(event.time_unix_nano),
            kind: exception_kind(&values::attributes(&event.attributes), names),
        }),
    }
}

fn log_fact(
    digest: RecordDigest,
    record: Record,
    resource: Arc<Attributes>,
    log: &LogRecord,
    names: &mut Names,
) -> LogFact {
    let observed = Timestamp(log.observed_time_unix_nano);
    let time = if log.time_unix_nano == 0 { observed } else { Timestamp(log.time_unix_nano) };
    let thrown = log.attributes.iter().any(|pair| pair.key.starts_with("exception."));
    LogFact {
        digest,
        record,
        body: None,
        resource,
        span: values::span_id(&log.span_id),
        time,
        observed,
        severity: log.severity_number,
        exception: thrown
            .then(|| Thrown { at: time, kind: exception_kind(&values::attributes(&log.attributes), names) }),
        loose: log.trace_id.iter().all(|byte| *byte == 0),
        baggage: baggage::is_in(&log.attributes),
    }
}

fn exception_kind(attrs: &Attributes, names: &mut Names) -> Option<Arc<str>> {
    values::string(attrs, "exception.type").map(|kind| names.intern(kind))
}

type Flags = BTreeMap<String, (Timestamp, RecordDigest, Value)>;

fn note_flags(flags: &mut Flags, digest: RecordDigest, span: &Span) {
    note_flag(flags, Timestamp(span.start_time_unix_nano), digest, &span.attributes);
    for event in &span.events {
        note_flag(flags, Timestamp(event.time_unix_nano), digest, &event.attributes);
    }
}

/// `feature_flag.key` with the variant or value that it was evaluated to; the last evaluation counts.
fn note_flag(flags: &mut Flags, at: Timestamp, digest: RecordDigest, pairs: &[KeyValue]) {
    if !pairs.iter().any(|pair| pair.key == "feature_flag.key") {
        return;
    }
    let attrs = values::attributes(pairs);
    let Some(key) = values::string(&attrs, "feature_flag.key") else { return };
    let found =
        ["feature_flag.result.variant", "feature_flag.variant", "feature_flag.result.value", "feature_flag.value"];
    let value = found.iter().find_map(|name| attrs.get(*name)).cloned().unwrap_or(Value::Null);
    let newer = flags.get(key).is_none_or(|(then, by, _)| (*then, *by) <= (at, digest));
    if newer {
        flags.insert(key.to_owned(), (at, digest, value));
    }
}

/// Texts that occur again and again, kept once.
#[derive(Debug, Default)]
struct Names(BTreeSet<Arc<str>>);

impl Names {
    fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = text.into();
        self.0.insert(Arc::clone(&name));
        name
    }
}
