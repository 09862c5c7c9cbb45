//! Spans as the bundle shows them.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;

use super::gather::Loaded;
use super::{exception, values};
use crate::model::{EventEvidence, Exception, Record, SpanEvidence, Timestamp};
use crate::otlp::{Origin, decode_origin, span_kind};

/// Adds what recorded it: its instrumentation scope, as exporters of other formats write it.
pub(super) fn with_scope(evidence: &mut SpanEvidence, record: &Record) {
    let Ok(Origin { scope, .. }) = decode_origin(record) else { return };
    for (key, value) in [("otel.scope.name", scope.name), ("otel.scope.version", scope.version)] {
        if !value.is_empty() {
            evidence.attrs.entry(key.to_owned()).or_insert_with(|| value.into());
        }
    }
}

/// A span. Exception events that `shown` already says are left out.
pub(super) fn evidence(loaded: &Loaded<Span>, shown: Option<&Exception>) -> SpanEvidence {
    let span = &loaded.body;
    let status = span.status.as_ref();
    let start = Timestamp(span.start_time_unix_nano);
    let mut events: Vec<&Event> = span.events.iter().filter(|event| !exception::repeats(event, shown)).collect();
    events.sort_by_key(|event| event.time_unix_nano);
    SpanEvidence {
        span_id: values::span_id(&span.span_id),
        parent_span_id: values::present(values::span_id(&span.parent_span_id)),
        service: loaded.service().to_owned(),
        name: span.name.clone(),
        kind: span_kind(span.kind).to_owned(),
        status: match status.map_or(0, |status| status.code) {
            1 => "ok",
            2 => "error",
            _ => "unset",
        }
        .to_owned(),
        status_message: status.map(|status| status.message.clone()).filter(|message| !message.is_empty()),
        start: start.to_rfc3339(),
        duration_ms: span.end_time_unix_nano.checked_sub(start.0).map(milliseconds),
        attrs: values::attributes(&span.attributes),
        events: events.into_iter().map(event).collect(),
    }
}

fn event(event: &Event) -> EventEvidence {
    EventEvidence {
        time: Timestamp(event.time_unix_nano).to_rfc3339(),
        name: event.name.clone(),
        attrs: values::attributes(&event.attributes),
    }
}

/// Nanoseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "past 2^53 ns (104 days) a double still holds microseconds")]
pub(super) fn milliseconds(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
