//! What the views promise: each against prost on generated and broken messages, and the lists of bad inputs.

mod excerpt;
mod inflate;
mod json;
mod profile;
mod properties;
mod recording;
mod shape;
mod split;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use crate::model::{Batch, Budget, Entry, Record, Signal};
use crate::otlp::{self, Body, Origin, WireError, decode_origin};

/// A record with its origin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoded {
    pub(super) origin: Origin,
    pub(super) body: Body,
}

pub(super) fn decode(record: &Record) -> Result<Decoded, WireError> {
    Ok(Decoded { origin: decode_origin(record)?, body: otlp::decode(record)? })
}

pub(super) fn value(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(super) fn text(key: &str, text: &str) -> KeyValue {
    let value = Some(value(any_value::Value::StringValue(text.to_owned())));
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

pub(super) fn span(name: &str) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: 10,
        end_time_unix_nano: 20,
        ..Span::default()
    }
}

pub(super) fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![text("service.name", "checkout")], ..Resource::default() }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope { name: "test".to_owned(), ..InstrumentationScope::default() }),
                spans,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

pub(super) fn records(signal: Signal, request: &[u8], entries: &[Entry]) -> Vec<Record> {
    let permit = Budget::new(request.len()).take(request.len()).unwrap();
    let batch = Arc::new(Batch { signal, bytes: Bytes::copy_from_slice(request), packed: None, permit, origin: None });
    entries.iter().map(|entry| Record { batch: Arc::clone(&batch), entry: *entry }).collect()
}
