//! The OTLP messages as tables: which field number has which type and which JSON name.
//!
//! One description drives three things that must agree: the structural check of a walk, the repair of invalid UTF-8,
//! and OTLP/JSON in both directions. Source: opentelemetry-proto 1.10 (`*.proto`); JSON names are lowerCamelCase.

use crate::model::Signal;

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Bool,
    /// `int32`, `uint32`, `int64`, `uint64`.
    Int(Number),
    /// `sint32`: zigzag.
    Sint32,
    /// An enum: in JSON only its integer.
    Enum,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    String,
    /// Base64 in JSON.
    Bytes,
    /// Bytes that are hex in JSON.
    Id,
    Message(&'static Message),
}

/// The range of a varint number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    I32,
    U32,
    I64,
    U64,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) json: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
    /// A `oneof` member or `optional`: its default is a value too.
    pub(super) presence: bool,
    /// A member of the message's `oneof`; no message here has more than one.
    pub(super) oneof: bool,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) fields: &'static [Field],
    /// Position in `fields` plus one, by field number.
    index: [u8; 20],
}

impl Message {
    const fn new(fields: &'static [Field]) -> Self {
        let mut index = [0; 20];
        let mut at = 0;
        while at < fields.len() {
            index[fields[at].number as usize] = at as u8 + 1;
            at += 1;
        }
        Self { fields, index }
    }

    /// The field with this number.
    #[inline]
    pub(super) fn field(&self, number: u32) -> Option<&'static Field> {
        let at = self.index.get(number as usize)?.checked_sub(1)?;
        self.fields.get(usize::from(at))
    }

    /// The field with this JSON name.
    pub(super) fn named(&self, json: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.json == json)
    }
}

const fn one(number: u32, json: &'static str, kind: Kind) -> Field {
    Field { number, json, kind, repeated: false, presence: false, oneof: false }
}

const fn opt(number: u32, json: &'static str, kind: Kind) -> Field {
    Field { number, json, kind, repeated: false, presence: true, oneof: false }
}

const fn alt(number: u32, json: &'static str, kind: Kind) -> Field {
    Field { number, json, kind, repeated: false, presence: true, oneof: true }
}

const fn many(number: u32, json: &'static str, kind: Kind) -> Field {
    Field { number, json, kind, repeated: true, presence: false, oneof: false }
}

use Kind::{Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int, Sfixed64, Sint32, String};
use Number::{I32, I64, U32, U64};

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = [$($field:expr),* $(,)?];)*) => {
        $($(#[$doc])* pub(super) static $name: Message = Message::new(&[$($field),*]);)*
    };
}

messages! {
    TRACES = [many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))];
    RESOURCE_SPANS = [
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
        one(3, "schemaUrl", String),
    ];
    SCOPE_SPANS = [
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "spans", Kind::Message(&SPAN)),
        one(3, "schemaUrl", String),
    ];
    SPAN = [
        one(1, "traceId", Id),
        one(2, "spanId", Id),
        one(3, "traceState", String),
        one(4, "parentSpanId", Id),
        one(5, "name", String),
        one(6, "kind", Enum),
        one(7, "startTimeUnixNano", Fixed64),
        one(8, "endTimeUnixNano", Fixed64),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "droppedAttributesCount", Int(U32)),
        many(11, "events", Kind::Message(&EVENT)),
        one(12, "droppedEventsCount", Int(U32)),
        many(13, "links", Kind::Message(&LINK)),
        one(14, "droppedLinksCount", Int(U32)),
        one(15, "status", Kind::Message(&STATUS)),
        one(16, "flags", Fixed32),
    ];
    EVENT = [
        one(1, "timeUnixNano", Fixed64),
        one(2, "name", String),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "droppedAttributesCount", Int(U32)),
    ];
    LINK = [
        one(1, "traceId", Id),
        one(2, "spanId", Id),
        one(3, "traceState", String),
        many(4, "attributes", Kind::Message(&KEY_VALUE)),
        one(5, "droppedAttributesCount", Int(U32)),
        one(6, "flags", Fixed32),
    ];
    STATUS = [one(2, "message", String), one(3, "code", Enum)];

    LOGS = [many(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))];
    RESOURCE_LOGS = [
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
        one(3, "schemaUrl", String),
    ];
    SCOPE_LOGS = [
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "logRecords", Kind::Message(&LOG_RECORD)),
        one(3, "schemaUrl", String),
    ];
    LOG_RECORD = [
        one(1, "timeUnixNano", Fixed64),
        one(11, "observedTimeUnixNano", Fixed64),
        one(2, "severityNumber", Enum),
        one(3, "severityText", String),
        one(5, "body", Kind::Message(&ANY_VALUE)),
        many(6, "attributes", Kind::Message(&KEY_VALUE)),
        one(7, "droppedAttributesCount", Int(U32)),
        one(8, "flags", Fixed32),
        one(9, "traceId", Id),
        one(10, "spanId", Id),
        one(12, "eventName", String),
    ];

    METRICS = [many(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))];
    RESOURCE_METRICS = [
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
        one(3, "schemaUrl", String),
    ];
    SCOPE_METRICS = [
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "metrics", Kind::Message(&METRIC)),
        one(3, "schemaUrl", String),
    ];
    METRIC = [
        one(1, "name", String),
        one(2, "description", String),
        one(3, "unit", String),
        alt(5, "gauge", Kind::Message(&GAUGE)),
        alt(7, "sum", Kind::Message(&SUM)),
        alt(9, "histogram", Kind::Message(&HISTOGRAM)),
        alt(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        alt(11, "summary", Kind::Message(&SUMMARY)),
        many(12, "metadata", Kind::Message(&KEY_VALUE)),
    ];
    GAUGE = [many(1, "dataPoints", Kind::Message(&NUMBER_POINT))];
    SUM = [
        many(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
        one(2, "aggregationTemporality", Enum),
        one(3, "isMonotonic", Bool),
    ];
    HISTOGRAM = [
        many(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)),
        one(2, "aggregationTemporality", Enum),
    ];
    EXPONENTIAL_HISTOGRAM = [
        many(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT)),
        one(2, "aggregationTemporality", Enum),
    ];
    SUMMARY = [many(1, "dataPoints", Kind::Message(&SUMMARY_POINT))];
    NUMBER_POINT = [
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        alt(4, "asDouble", Double),
        many(5, "exemplars", Kind::Message(&EXEMPLAR)),
        alt(6, "asInt", Sfixed64),
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(8, "flags", Int(U32)),
    ];
    HISTOGRAM_POINT = [
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one(4, "count", Fixed64),
        opt(5, "sum", Double),
        many(6, "bucketCounts", Fixed64),
        many(7, "explicitBounds", Double),
        many(8, "exemplars", Kind::Message(&EXEMPLAR)),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "flags", Int(U32)),
        opt(11, "min", Double),
        opt(12, "max", Double),
    ];
    EXPONENTIAL_POINT = [
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one(4, "count", Fixed64),
        opt(5, "sum", Double),
        one(6, "scale", Sint32),
        one(7, "zeroCount", Fixed64),
        one(8, "positive", Kind::Message(&BUCKETS)),
        one(9, "negative", Kind::Message(&BUCKETS)),
        one(10, "flags", Int(U32)),
        many(11, "exemplars", Kind::Message(&EXEMPLAR)),
        opt(12, "min", Double),
        opt(13, "max", Double),
        one(14, "zeroThreshold", Double),
    ];
    BUCKETS = [one(1, "offset", Sint32), many(2, "bucketCounts", Int(U64))];
    SUMMARY_POINT = [
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        many(6, "quantileValues", Kind::Message(&QUANTILE)),
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(8, "flags", Int(U32)),
    ];
    QUANTILE = [one(1, "quantile", Double), one(2, "value", Double)];
    EXEMPLAR = [
        one(2, "timeUnixNano", Fixed64),
        alt(3, "asDouble", Double),
        one(4, "spanId", Id),
        one(5, "traceId", Id),
        alt(6, "asInt", Sfixed64),
        many(7, "filteredAttributes", Kind::Message(&KEY_VALUE)),
    ];

    RESOURCE = [
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "droppedAttributesCount", Int(U32)),
        many(3, "entityRefs", Kind::Message(&ENTITY_REF)),
    ];
    ENTITY_REF = [
        one(1, "schemaUrl", String),
        one(2, "type", String),
        many(3, "idKeys", String),
        many(4, "descriptionKeys", String),
    ];
    SCOPE = [
        one(1, "name", String),
        one(2, "version", String),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "droppedAttributesCount", Int(U32)),
    ];
    KEY_VALUE = [
        one(1, "key", String),
        one(2, "value", Kind::Message(&ANY_VALUE)),
        one(3, "keyStrindex", Int(I32)),
    ];
    ANY_VALUE = [
        alt(1, "stringValue", String),
        alt(2, "boolValue", Bool),
        alt(3, "intValue", Int(I64)),
        alt(4, "doubleValue", Double),
        alt(5, "arrayValue", Kind::Message(&ARRAY)),
        alt(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        alt(7, "bytesValue", Bytes),
        alt(8, "stringValueStrindex", Int(I32)),
    ];
    ARRAY = [many(1, "values", Kind::Message(&ANY_VALUE))];
    KEY_VALUE_LIST = [many(1, "values", Kind::Message(&KEY_VALUE))];
}

/// The request message of a signal.
pub(super) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Logs => &LOGS,
        Signal::Metrics => &METRICS,
    }
}
