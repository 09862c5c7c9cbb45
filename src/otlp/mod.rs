//! OTLP on the wire: one walk over the raw protobuf bytes, full decode for the few traces that are kept, and JSON.
//!
//! [`scan()`] yields what the window needs to know of each record without decoding any, and [`head()`] reads it of one again; [`attribute()`] reads single
//! attributes; [`decode()`] decodes a record in full. A record that `scan` yields can be decoded: what is malformed inside
//! it has failed the request. [`from_json`] and [`to_json`] translate whole requests, [`read_recording`] finds
//! the requests in a file; [`excerpts`] writes records as requests of their own, and [`split()`] those of a request trace by
//! trace or partition by partition. [`inflate()`] is what comes before all of it.

mod attachment;
mod attribute;
mod check;
mod correlation;
mod decode;
mod excerpt;
mod inflate;
mod json;
mod log_line;
mod lossy;
mod operation;
mod profile;
mod recording;
mod request;
mod resource;
mod scan;
mod schema;
mod shape;
mod span;
mod split;
mod wire;

pub use attachment::{AttachedFile, attachment_in, write_attachment};
pub use attribute::{Value, attribute, attributes_of_resource, carries_trace_id, own_attributes, resource_attributes};
pub use correlation::{Correlation, CorrelationId};
pub use decode::{Body, Origin, decode, decode_origin};
pub use excerpt::excerpts;
pub use inflate::{InflateError, inflate, inflate_again};
pub use json::{from_json, to_json};
pub use log_line::{LogBody, LogContext, traceparent, write_log};
pub use operation::{Operation, operation, span_kind};
pub use profile::{Profiles, read_profiles};
pub use recording::{Recorded, read_recording, write_json_line, write_length_delimited};
pub use resource::with_resource_attributes;
pub use scan::{head, scan};
pub use shape::shape;
pub use span::{
    SpanEvent, SpanFields, has_parent_and_status, scope_attributes, scope_name_and_version, span_events, span_fields,
};
pub use split::{Group, Grouping, Part, Split, split};

use crate::model::Entry;

/// Bounds that hold before anything is decoded or allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most records of a request, refused ones and exemplars without a trace id included.
    pub max_records: usize,
    /// Most `ResourceSpans` / `ScopeSpans` (and their like) of a request.
    pub max_envelopes: usize,
    /// Deepest nesting of messages below the request; a span is at 3, its attributes' values at 5. At most 100 counts.
    pub max_depth: usize,
    /// Most attributes, events, links and values inside one record, resource or scope, at all depths together. Two bytes
    /// on the wire can be one of them, and 60 bytes and more decoded.
    pub max_elements: usize,
}

impl Default for Limits {
    /// 262,144 records, 65,536 envelopes, 64 levels, 131,072 elements.
    fn default() -> Self {
        Self { max_records: 262_144, max_envelopes: 65_536, max_depth: 64, max_elements: 131_072 }
    }
}

/// What a walk over a request found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The valid records, in wire order.
    pub entries: Vec<Entry>,
    /// Records that were refused, by reason. The rest of the request is kept.
    pub rejected: Rejected,
}

/// Records of a request that were refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Trace id all zero or not 16 bytes long (logs: not 16 bytes and not absent; all zero counts as absent).
    pub trace_id: u64,
    /// Span id all zero or not 8 bytes long (logs: not 8 bytes and not absent; all zero counts as absent), or a parent
    /// span id that is neither absent nor 8 bytes long.
    pub span_id: u64,
}

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not protobuf of this message.
    #[error("malformed protobuf at byte {offset}: {what}")]
    Malformed {
        /// Offset into the request.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// More elements than [`Limits`] allow.
    #[error("more than {limit} {what} in one request")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Not OTLP/JSON.
    #[error("malformed OTLP/JSON: {0}")]
    Json(String),
    /// Neither JSON nor protobuf requests.
    #[error("not a recording of OTLP: neither JSON nor protobuf requests")]
    NotARecording,
    /// A request of a recording cannot be read; the source says why.
    #[error("unreadable request at {unit} {at} of the recording")]
    InRecording {
        /// `line` (from 1) or `byte` (from 0).
        unit: &'static str,
        /// Where the request starts.
        at: usize,
        /// Why it cannot be read.
        source: Box<Self>,
    },
}

#[cfg(test)]
mod tests;
