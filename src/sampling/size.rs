//! How large a trace is: the bytes of a request that holds its spans and nothing else.

use std::sync::Arc;

use crate::model::{ClosedTrace, Record, Signal};
use crate::otlp::has_parent_and_status;

/// Bytes of the spans of a trace, with the resources and scopes that they came with. The Collector measures what it would write of them:
/// each span with a parent and a status, if empty ones. The rest is the same where nothing that came is unknown to it or there twice.
pub(super) fn wire_bytes(trace: &ClosedTrace) -> u64 {
    let mut spans: Vec<_> = trace.records.iter().filter(|record| record.signal() == Signal::Traces).collect();
    // By where they stand: records of one resource and scope are beside each other then.
    spans.sort_by_key(|span| (place(span), span.entry.resource, span.entry.scope, span.entry.body));
    let (mut total, mut resource_spans, mut scope_spans) = (0, 0, 0);
    for (index, span) in spans.iter().enumerate() {
        let next = spans.get(index + 1);
        let same_resource =
            next.is_some_and(|next| (place(next), next.entry.resource) == (place(span), span.entry.resource));
        let same_scope = same_resource && next.is_some_and(|next| next.entry.scope == span.entry.scope);
        let (parent, status) = has_parent_and_status(span);
        let added = 2 * (u64::from(!parent) + u64::from(!status));
        scope_spans += field(span.body().len() as u64 + added);
        if !same_scope {
            resource_spans += field(scope_spans + field(span.scope().len() as u64));
            scope_spans = 0;
        }
        if !same_resource {
            total += field(resource_spans + field(span.resource().len() as u64));
            resource_spans = 0;
        }
    }
    total
}

/// Which request a record stands in.
fn place(record: &Record) -> usize {
    Arc::as_ptr(&record.batch).addr()
}

/// Bytes of a field whose number is below 16 and whose value has a length.
fn field(length: u64) -> u64 {
    1 + u64::from((64 - (length | 1).leading_zeros()).div_ceil(7)) + length
}
