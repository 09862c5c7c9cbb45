//! The one walk over a request: heads and byte ranges of its records.
//!
//! It reads fields in whatever order they come, keeps the last value of a repeated scalar, merges what protobuf merges,
//! and allocates nothing but the list of entries. It checks the structure of everything it passes, so that a record
//! that it yields can be decoded.
//!
//! One thing is stricter than protobuf: an envelope whose `resource` or `scope` occurs twice is refused. Protobuf would
//! merge the two; an entry points to one range, and taking either of them would lose attributes in silence.

use super::check::{Check, is_plain};
use super::schema::{self, Message};
use super::wire::{Payload, Reader};
use super::{Limits, Rejected, Scan, WireError};
use crate::model::{ByteRange, Entry, Head, Signal, SpanId, Timestamp, TraceId};

/// The attribute that says how a test case ended (OpenTelemetry semantic conventions, registry "Test").
const TEST_STATUS: &[u8] = b"test.case.result.status";
/// Its value for one that failed: an `AnyValue` whose `string_value` is `fail`.
const TEST_FAILED: &[u8] = b"\x0a\x04fail";

/// Room is made beforehand for a record in so many bytes, and at most for so many records.
const BYTES_A_RECORD: usize = 256;
const RESERVE: usize = 4096;

/// Walks a request once, without decoding it.
///
/// # Errors
/// If the bytes are not a request of that signal, or it exceeds `limits`.
pub fn scan(signal: Signal, request: &[u8], limits: &Limits) -> Result<Scan, WireError> {
    if u32::try_from(request.len()).is_err() {
        return Err(WireError::TooMany { what: "bytes", limit: u32::MAX as usize });
    }
    let mut walk = Walk::new(signal, limits);
    // Most records are longer than this; growing would copy what is there already.
    walk.entries.reserve(request.len().div_ceil(BYTES_A_RECORD).min(RESERVE));
    let mut reader = Reader::new(request);
    while let Some((number, payload)) = reader.next()? {
        if number == 1 {
            walk.resource_envelope(nested(&reader, payload)?)?;
        }
    }
    Ok(Scan { entries: walk.entries, rejected: walk.rejected })
}

/// What every entry of a scope envelope shares.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    resource: ByteRange,
    scope: ByteRange,
    metric: ByteRange,
}

struct Walk<'l> {
    signal: Signal,
    limits: &'l Limits,
    check: Check,
    envelopes: usize,
    records: usize,
    entries: Vec<Entry>,
    rejected: Rejected,
}

/// Reads the facts of a record again, at the place that [`scan`] found it.
///
/// `None` if no record stands there, or one that is to be refused.
#[must_use]
pub fn head(signal: Signal, request: &[u8], body: ByteRange) -> Option<Head> {
    // It has been through the limits.
    let limits = Limits { max_records: 1, max_envelopes: 0, max_depth: usize::MAX, max_elements: usize::MAX };
    let mut walk = Walk::new(signal, &limits);
    let reader = Reader::new(request).within(body.start as usize, body.end as usize);
    let read = match signal {
        Signal::Traces => walk.span(reader, body, Place::default()),
        Signal::Logs => walk.log(reader, body, Place::default()),
        Signal::Metrics => walk.exemplar(reader, body, Place::default()),
    };
    read.ok()?;
    walk.entries.pop().map(|entry| entry.head)
}

impl<'l> Walk<'l> {
    fn new(signal: Signal, limits: &'l Limits) -> Self {
        Self {
            signal,
            limits,
            check: Check::new(limits),
            envelopes: 0,
            records: 0,
            entries: Vec::new(),
            rejected: Rejected::default(),
        }
    }

    /// `ResourceSpans`, `ResourceLogs`, `ResourceMetrics`: resource 1, scopes 2, schema_url 3.
    fn resource_envelope(&mut self, mut reader: Reader<'_>) -> Result<(), WireError> {
        self.envelope()?;
        self.check.depth(1)?;
        let first = self.entries.len();
        let mut resource = None;
        while let Some((number, payload)) = reader.next()? {
            match number {
                1 => {
                    let range =
                        self.shared(&schema::RESOURCE, "resource occurs twice", resource, &reader, payload, 2)?;
                    resource = Some(range);
                    // The records may have come before their resource.
                    for entry in self.entries.iter_mut().skip(first) {
                        entry.resource = range;
                    }
                }
                2 => {
                    let place = Place { resource: resource.unwrap_or_default(), ..Place::default() };
                    self.scope_envelope(nested(&reader, payload)?, place)?;
                }
                3 => text(&reader, payload).map(drop)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// `ScopeSpans`, `ScopeLogs`, `ScopeMetrics`: scope 1, records or metrics 2, schema_url 3.
    fn scope_envelope(&mut self, mut reader: Reader<'_>, mut place: Place) -> Result<(), WireError> {
        self.envelope()?;
        self.check.depth(2)?;
        let first = self.entries.len();
        let mut scope = None;
        while let Some((number, payload)) = reader.next()? {
            match number {
                1 => {
                    let range = self.shared(&schema::SCOPE, "scope occurs twice", scope, &reader, payload, 3)?;
                    scope = Some(range);
                    place.scope = range;
                    for entry in self.entries.iter_mut().skip(first) {
                        entry.scope = range;
                    }
                }
                2 => {
                    let inner = nested(&reader, payload)?;
                    let range = range(payload);
                    match self.signal {
                        Signal::Traces => self.span(inner, range, place)?,
                        Signal::Logs => self.log(inner, range, place)?,
                        Signal::Metrics => self.metric(inner, Place { metric: range, ..place })?,
                    }
                }
                3 => text(&reader, payload).map(drop)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks a `Resource` or `InstrumentationScope`, of which there must be one.
    fn shared(
        &mut self,
        message: &Message,
        twice: &'static str,
        before: Option<ByteRange>,
        reader: &Reader<'_>,
        payload: Payload,
        depth: usize,
    ) -> Result<ByteRange, WireError> {
        if before.is_some() {
            return Err(reader.malformed(twice));
        }
        self.check.restart();
        self.check.message(message, nested(reader, payload)?, depth)?;
        Ok(range(payload))
    }

    fn span(&mut self, mut reader: Reader<'_>, body: ByteRange, place: Place) -> Result<(), WireError> {
        self.record(3)?;
        let mut head = Head::default();
        // Encoders write fields in the order of their numbers: as far as these come so, and short, there is nothing to choose.
        let mut trace_id = reader.short(0x0a).unwrap_or_default();
        let mut span_id = reader.short(0x12).unwrap_or_default();
        let mut parent = reader.short(0x22).unwrap_or_default();
        let (_name, _kind) = (reader.short(0x2a), reader.short_varint(0x30));
        head.start = Timestamp(reader.short_fixed64(0x39).unwrap_or_default());
        head.end = Timestamp(reader.short_fixed64(0x41).unwrap_or_default());
        self.short_attributes(&mut reader, 0x4a, &mut head)?;
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (1, _) => trace_id = text(&reader, payload)?,
                (2, _) => span_id = text(&reader, payload)?,
                (4, _) => parent = text(&reader, payload)?,
                (7, Payload::Fixed64(nanos)) => head.start = Timestamp(nanos),
                (8, Payload::Fixed64(nanos)) => head.end = Timestamp(nanos),
                (9, Payload::Len(start, end)) => {
                    self.key_value(reader.within(start, end), 4, &mut head)?;
                    self.short_attributes(&mut reader, 0x4a, &mut head)?;
                }
                (11, Payload::Len(start, end)) => {
                    head.exception_event |= self.event(reader.within(start, end))?;
                }
                (15, Payload::Len(start, end)) => self.status(reader.within(start, end), &mut head.status)?,
                _ => self.other(&schema::SPAN, number, payload, &reader, 3)?,
            }
        }
        let Some(trace_id) = TraceId::from_wire(trace_id) else {
            self.rejected.trace_id += 1;
            return Ok(());
        };
        let (Some(span_id), Some(parent_span_id)) = (SpanId::from_wire(span_id), optional_span_id(parent)) else {
            self.rejected.span_id += 1;
            return Ok(());
        };
        self.keep(Head { trace_id, span_id, parent_span_id, ..head }, body, place);
        Ok(())
    }

    fn log(&mut self, mut reader: Reader<'_>, body: ByteRange, place: Place) -> Result<(), WireError> {
        self.record(3)?;
        let mut head = Head::default();
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let (mut time, mut observed) = (0, 0);
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (1, Payload::Fixed64(nanos)) => time = nanos,
                // An enum is the low 32 bits of its varint.
                (2, Payload::Varint(severity)) => head.severity = severity as i32,
                (6, Payload::Len(start, end)) => {
                    self.key_value(reader.within(start, end), 4, &mut head)?;
                    self.short_attributes(&mut reader, 0x32, &mut head)?;
                }
                (9, _) => trace_id = text(&reader, payload)?,
                (10, _) => span_id = text(&reader, payload)?,
                (11, Payload::Fixed64(nanos)) => observed = nanos,
                _ => self.other(&schema::LOG_RECORD, number, payload, &reader, 3)?,
            }
        }
        let Some(trace_id) = optional_trace_id(trace_id) else {
            self.rejected.trace_id += 1;
            return Ok(());
        };
        let Some(span_id) = optional_span_id(span_id) else {
            self.rejected.span_id += 1;
            return Ok(());
        };
        let start = Timestamp(if time == 0 { observed } else { time });
        self.keep(Head { trace_id, span_id, start, end: start, ..head }, body, place);
        Ok(())
    }

    /// A `Metric`. Its data is a oneof: what an earlier member of another kind held does not count.
    fn metric(&mut self, mut reader: Reader<'_>, place: Place) -> Result<(), WireError> {
        self.check.depth(3)?;
        let first = self.entries.len();
        let mut data = 0;
        self.check.restart();
        while let Some((number, payload)) = reader.next()? {
            let Some((points, exemplars)) = points_of(number) else {
                self.other(&schema::METRIC, number, payload, &reader, 3)?;
                continue;
            };
            if data != number {
                self.entries.truncate(first);
            }
            data = number;
            self.data(nested(&reader, payload)?, points, exemplars, place)?;
        }
        Ok(())
    }

    /// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram`, `Summary`: data points 1.
    fn data(
        &mut self,
        mut reader: Reader<'_>,
        message: &Message,
        exemplars: u32,
        place: Place,
    ) -> Result<(), WireError> {
        self.check.depth(4)?;
        while let Some((number, payload)) = reader.next()? {
            if number != 1 {
                self.other(message, number, payload, &reader, 4)?;
                continue;
            }
            let Some(schema::Kind::Message(point)) = message.field(1).map(|field| field.kind) else { continue };
            self.check.depth(5)?;
            self.check.restart();
            let mut inner = nested(&reader, payload)?;
            while let Some((number, payload)) = inner.next()? {
                if number == exemplars {
                    self.exemplar(nested(&inner, payload)?, range(payload), place)?;
                } else {
                    self.other(point, number, payload, &inner, 5)?;
                }
            }
        }
        Ok(())
    }

    /// An exemplar: kept if it carries a trace id.
    fn exemplar(&mut self, mut reader: Reader<'_>, body: ByteRange, place: Place) -> Result<(), WireError> {
        self.record(6)?;
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let mut time = 0;
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (2, Payload::Fixed64(nanos)) => time = nanos,
                (4, _) => span_id = text(&reader, payload)?,
                (5, _) => trace_id = text(&reader, payload)?,
                _ => self.other(&schema::EXEMPLAR, number, payload, &reader, 6)?,
            }
        }
        if let Some(trace_id) = TraceId::from_wire(trace_id) {
            let span_id = SpanId::from_wire(span_id).unwrap_or_default();
            let (start, end) = (Timestamp(time), Timestamp(time));
            self.keep(Head { trace_id, span_id, start, end, ..Head::default() }, body, place);
        }
        Ok(())
    }

    /// The attributes of a record that come next, as long as they are [`short_pair`]s; `key` is that of their field.
    #[inline(always)]
    fn short_attributes(&mut self, reader: &mut Reader<'_>, key: u8, head: &mut Head) -> Result<(), WireError> {
        let mut ahead = reader.clone();
        while let Some((name, value)) = ahead.short(key).and_then(short_pair) {
            self.check.element()?;
            self.check.depth(5)?;
            note(head, name, value);
            *reader = ahead.clone();
        }
        Ok(())
    }

    /// A `KeyValue` of the record itself: whether it is part of an exception, or says that a test failed.
    fn key_value(&mut self, mut reader: Reader<'_>, depth: usize, head: &mut Head) -> Result<(), WireError> {
        self.check.element()?;
        self.check.depth(depth)?;
        let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (1, _) => key = text(&reader, payload)?,
                (2, Payload::Len(start, end)) => {
                    self.check.any_value(&reader, start, end, depth + 1)?;
                    value = reader.slice(start, end);
                }
                _ => self.other(&schema::KEY_VALUE, number, payload, &reader, depth)?,
            }
        }
        note(head, key, value);
        Ok(())
    }

    /// A `Span.Event`: whether it is an exception.
    fn event(&mut self, mut reader: Reader<'_>) -> Result<bool, WireError> {
        self.check.element()?;
        self.check.depth(4)?;
        let mut name: &[u8] = &[];
        while let Some((number, payload)) = reader.next()? {
            match number {
                2 => name = text(&reader, payload)?,
                _ => self.other(&schema::EVENT, number, payload, &reader, 4)?,
            }
        }
        Ok(name == b"exception")
    }

    fn status(&mut self, mut reader: Reader<'_>, code: &mut i32) -> Result<(), WireError> {
        self.check.depth(4)?;
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (3, Payload::Varint(value)) => *code = value as i32,
                _ => self.other(&schema::STATUS, number, payload, &reader, 4)?,
            }
        }
        Ok(())
    }

    /// Checks a field that the head does not need.
    fn other(
        &mut self,
        message: &Message,
        number: u32,
        payload: Payload,
        reader: &Reader<'_>,
        depth: usize,
    ) -> Result<(), WireError> {
        match message.field(number) {
            Some(field) => self.check.field(field, payload, reader, depth),
            None => Ok(()),
        }
    }

    fn envelope(&mut self) -> Result<(), WireError> {
        self.envelopes += 1;
        if self.envelopes > self.limits.max_envelopes {
            return Err(WireError::TooMany { what: "resource and scope envelopes", limit: self.limits.max_envelopes });
        }
        Ok(())
    }

    /// Counts a record before anything is kept of it.
    fn record(&mut self, depth: usize) -> Result<(), WireError> {
        self.records += 1;
        if self.records > self.limits.max_records {
            return Err(WireError::TooMany { what: "records", limit: self.limits.max_records });
        }
        self.check.restart();
        self.check.depth(depth)
    }

    fn keep(&mut self, head: Head, body: ByteRange, place: Place) {
        let Place { resource, scope, metric } = place;
        self.entries.push(Entry { head, resource, scope, metric, body });
    }
}

/// Notes what an attribute of a record tells: that it is part of an exception, or that a test failed.
#[inline]
fn note(head: &mut Head, key: &[u8], value: &[u8]) {
    head.exception_attributes |= key.starts_with(b"exception.");
    head.failed_test |= key == TEST_STATUS && value == TEST_FAILED;
}

/// Key and value of a `KeyValue` that is a short key and a plain value and nothing else, as most are: then there is no more to check.
#[inline(always)]
fn short_pair(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, length @ 0..=0x7f, rest @ ..] = bytes else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*length))?;
    let [0x12, length @ 0..=0x7f, value @ ..] = rest else { return None };
    (value.len() == usize::from(*length) && is_plain(value)).then_some((key, value))
}

/// The data message of a `Metric` by field number, and the field of its points that holds exemplars.
fn points_of(number: u32) -> Option<(&'static Message, u32)> {
    match number {
        5 => Some((&schema::GAUGE, 5)),
        7 => Some((&schema::SUM, 5)),
        9 => Some((&schema::HISTOGRAM, 8)),
        10 => Some((&schema::EXPONENTIAL_HISTOGRAM, 11)),
        // A summary has no exemplars, and no field has number 0.
        11 => Some((&schema::SUMMARY, 0)),
        _ => None,
    }
}

/// An id that may be absent (empty or all zero); `None` if it has the wrong length.
fn optional_trace_id(bytes: &[u8]) -> Option<TraceId> {
    matches!(bytes.len(), 0 | TraceId::LEN).then(|| TraceId::from_wire(bytes).unwrap_or_default())
}

/// An id that may be absent (empty or all zero); `None` if it has the wrong length.
fn optional_span_id(bytes: &[u8]) -> Option<SpanId> {
    matches!(bytes.len(), 0 | SpanId::LEN).then(|| SpanId::from_wire(bytes).unwrap_or_default())
}

fn nested<'a>(reader: &Reader<'a>, payload: Payload) -> Result<Reader<'a>, WireError> {
    match payload {
        Payload::Len(start, end) => Ok(reader.within(start, end)),
        _ => Err(reader.malformed("wrong wire type")),
    }
}

/// The bytes of a string or bytes field.
fn text<'a>(reader: &Reader<'a>, payload: Payload) -> Result<&'a [u8], WireError> {
    match payload {
        Payload::Len(start, end) => Ok(reader.slice(start, end)),
        _ => Err(reader.malformed("wrong wire type")),
    }
}

/// The range of a length-delimited value; requests are shorter than 4 GiB.
fn range(payload: Payload) -> ByteRange {
    match payload {
        Payload::Len(start, end) => ByteRange { start: start as u32, end: end as u32 },
        _ => ByteRange::default(),
    }
}
